/*
 * POST /sandbox/control: {"do":ACTION,...} makes something happen now and returns {"count":N}. It needs no token, as the
 * sandbox listens on the loopback address only.
 */
#include "sandbox/sandbox-int.h"

#include <stdlib.h>

/*
 * For an action, call->user is the user in the member "user" (NULL: none). It returns the count to respond with, unless
 * it has prepared another response.
 */
static size_t drop_sockets(struct call *call)
{
	struct json_value how = call_json(call, "how");

	return socket_drop_all(call->s,
		json_equals(how, "reset")           ? CONN_RESET
			: json_equals(how, "close") ? CONN_FLUSH
						    : CONN_DROP,
		call->user);
}

static size_t half_open(struct call *call)
{
	return socket_freeze_all(call->s, call->user);
}

static size_t forget_channels(struct call *call)
{
	struct world *w = &call->s->world;
	size_t count = 0;

	for (size_t i = 0; i < w->user_count; i++)
		for (; (!call->user || call->user == w->user_list[i]) && w->user_list[i]->channels; count++)
			world_channel_remove(w, w->user_list[i]->channels);
	return count;
}

/* Notifies the channel, unless the request says "silent". */
static void cancel(struct call *call, struct channel *channel, struct subscription *subscription)
{
	static const char *const names[] = {
		[SUBSCRIBED_CHAT] = "chatSubscriptionCancellationNotification",
		[SUBSCRIBED_SMS] = "smsSubscriptionCancellationNotification",
		[SUBSCRIBED_RECEIPTS] = "deliveryReceiptSubscriptionCancellationNotification",
	};
	struct buf out;

	push_begin(&out, names[subscription->kind]);
	jsonf(&out, "'subscriptionId':%s", subscription->id);
	push_end(&out);
	if (!call_flag(call, "silent", false))
		socket_deliver(call->s, channel, out.data, out.len);
	buf_release(&out);
	world_unsubscribe(subscription);
}

static size_t cancel_of(struct call *call, const struct user *user)
{
	static const char *const services[] = {
		[SUBSCRIBED_CHAT] = "chat", [SUBSCRIBED_SMS] = "sms", [SUBSCRIBED_RECEIPTS] = "receipts"
	};
	struct json_value only = call_json(call, "service");
	size_t count = 0;

	for (struct channel *channel = user->channels; channel; channel = channel->next)
		for (struct subscription *at = channel->subscriptions, *next; at; at = next) {
			next = at->next;
			if (json_exists(only) && !json_equals(only, services[at->kind]))
				continue;
			cancel(call, channel, at);
			count++;
		}
	return count;
}

static size_t cancel_subscriptions(struct call *call)
{
	const struct world *w = &call->s->world;
	size_t count = 0;

	for (size_t i = 0; i < w->user_count; i++)
		if (!call->user || call->user == w->user_list[i])
			count += cancel_of(call, w->user_list[i]);
	return count;
}

static size_t add_number(struct call *call)
{
	char *number = json_dup(call_json(call, "number"));

	if (!call->user || !number || !world_add_number(&call->s->world, call->user, number))
		response_invalid(&call->response, call->user ? "number" : "user");
	free(number);
	return 1;
}

static size_t expire_tokens(struct call *call)
{
	token_revoke_all(call->s, call_flag(call, "refresh", false));
	return 1;
}

static size_t set_socket_faults(struct call *call)
{
	struct sandbox *s = call->s;

	s->no_conn_ack = call_flag(call, "mute", s->no_conn_ack);
	s->no_outbound = call_flag(call, "no-outbound", s->no_outbound);
	s->fragment = call_int(call, "fragment", s->fragment);
	s->duplicate = call_int(call, "duplicate", s->duplicate);
	s->reorder = call_int(call, "reorder", s->reorder);
	return 1;
}

static size_t set_message_time(struct call *call)
{
	call->s->message_time_ms = call_int(call, "at", 0);
	return 1;
}

static size_t set_clock(struct call *call)
{
	call->s->ahead_ms = call_int(call, "ahead", 0);
	return 1;
}

static size_t add_fault(struct call *call)
{
	char *spec = json_dup(call_json(call, "fault"));
	struct err err = ERR_INIT;

	if (!spec)
		response_invalid(&call->response, "fault");
	else if (faults_add(&call->s->faults, spec, &err))
		response_error(&call->response, 400, "SVC0001", err.text);
	free(spec);
	return 1;
}

static size_t clear_faults(struct call *call)
{
	faults_disable(&call->s->faults);
	return 1;
}

/* Sends any bytes as one message on every open socket of the user. */
static size_t notify(struct call *call)
{
	struct json_value json = call_json(call, "json");
	struct user *user;
	struct buf text;
	size_t count;

	if (!call_user(call, "to", false, &user))
		return 0;
	buf_init(&text, NOTIFICATION_MAX);
	if (json_exists(json))
		json_add_value(&text, NULL, json);
	else
		json_string(call_json(call, "text"), &text);
	count = socket_send_all(call->s, user, text.data, text.len);
	buf_release(&text);
	return count;
}

/* A message from "from" to "to", with "attachment" copied through unchecked. */
static size_t send_message(struct call *call)
{
	struct json_value attachment = call_json(call, "attachment");
	struct world *w = &call->s->world;
	struct user *from, *to;
	struct buf content, text;

	if (!call_user(call, "from", true, &from) || !call_user(call, "to", true, &to))
		return 0;
	buf_init(&content, BODY_MAX);
	buf_init(&text, BODY_MAX);
	if (json_string(call_json(call, "text"), &text))
		json_add_string_len(&content, "text", text.data, text.len);
	if (json_exists(attachment))
		json_add_value(&content, "attachment", attachment);
	conversation_message_release(w, chat_post(call->s, from, to, NULL, buf_take(&content), text.data));
	buf_release(&content);
	buf_release(&text);
	return 1;
}

static size_t start_burst(struct call *call)
{
	if (!burst_start(call) && !call->response.status)
		response_invalid(&call->response, "burst");
	return (size_t)call_int(call, "count", 1);
}

static size_t stats(struct call *call)
{
	struct buf *out = response_json(&call->response, 200);
	const struct world *w = &call->s->world;
	size_t messages = 0;

	for (size_t i = 0; i < w->user_count; i++)
		for (size_t j = 0; j < w->user_list[i]->conversation_count; j++)
			messages += w->user_list[i]->conversations[j]->count;
	jsonf(out, "{'users':%jd,'sessions':%jd,'channels':%jd,'sockets':%jd,'conversations':%jd,",
		(intmax_t)w->user_count, (intmax_t)w->logins.count, (intmax_t)w->channels.count,
		(intmax_t)socket_count(call->s), (intmax_t)w->conversations.count);
	jsonf(out, "'messages':%jd,'messageBytes':%jd,'attachments':%jd,'attachmentBytes':%jd,", (intmax_t)messages,
		(intmax_t)w->message_bytes, (intmax_t)w->objects.count, w->object_bytes);
	jsonf(out, "'bursts':%jd,'connections':%jd}", (intmax_t)burst_count(call->s),
		(intmax_t)net_connections(call->s->net));
	return 0;
}

static const struct {
	const char *name;
	size_t (*run)(struct call *call);
} actions[] = {
	{ "drop-sockets", drop_sockets },
	{ "half-open", half_open },
	{ "forget-channels", forget_channels },
	{ "cancel-subscriptions", cancel_subscriptions },
	{ "number", add_number },
	{ "expire-tokens", expire_tokens },
	{ "sockets", set_socket_faults },
	{ "message-time", set_message_time },
	{ "clock", set_clock },
	{ "fault", add_fault },
	{ "clear-faults", clear_faults },
	{ "notify", notify },
	{ "send", send_message },
	{ "burst", start_burst },
	{ "stats", stats },
};

static void handle_control(struct call *call)
{
	struct json_value wanted = call_json(call, "do");
	size_t count, i = 0;

	while (i < sizeof(actions) / sizeof(*actions) && !json_equals(wanted, actions[i].name))
		i++;
	if (i == sizeof(actions) / sizeof(*actions)) {
		response_invalid(&call->response, "do");
	} else if (call_user(call, "user", false, &call->user)) {
		count = actions[i].run(call);
		if (!call->response.status)
			jsonf(response_json(&call->response, 200), "{'count':%jd}", (intmax_t)count);
	}
}

const struct route control_routes[] = {
	{ "POST", "sandbox/control", handle_control, 0, ROUTE_OPEN },
	{ 0 },
};
