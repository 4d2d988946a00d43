/*
 * POST /sandbox/control: {"do":ACTION,...} makes something happen now and returns {"count":N}. It needs no token, as the
 * sandbox listens on the loopback address only.
 */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The user in the member `key`, which is NULL if the member is missing. False: the response is an error. */
static bool user_of(struct call *call, const char *key, bool needed, struct user **user)
{
	struct json_value value = call_json(call, key);
	char *address = json_dup(value);

	*user = address ? world_user(&call->s->world, address) : NULL;
	free(address);
	if (*user || (!json_exists(value) && !needed))
		return true;
	response_invalid(&call->response, key);
	return false;
}

static int64_t number_of(const struct call *call, const char *key, int64_t fallback)
{
	int64_t n;

	return json_int(call_json(call, key), &n) ? n : fallback;
}

static void respond_count(struct call *call, size_t count)
{
	jsonf(response_json(&call->response, 200), "{'count':%jd}", (intmax_t)count);
}

static void drop_sockets(struct call *call)
{
	struct json_value how = call_json(call, "how");
	struct user *user;

	if (user_of(call, "user", false, &user))
		respond_count(call,
			socket_drop_all(call->s,
				json_equals(how, "reset")           ? CONN_RESET
					: json_equals(how, "close") ? CONN_FLUSH
								    : CONN_DROP,
				user));
}

static void half_open(struct call *call)
{
	struct user *user;

	if (user_of(call, "user", false, &user))
		respond_count(call, socket_freeze_all(call->s, user));
}

/* Notifies the channel, unless the request says "silent". */
static void cancel(struct call *call, struct channel *channel, struct subscription *subscription)
{
	static const char *const names[] = {
		[SUBSCRIBED_CHAT] = "chatSubscriptionCancellationNotification",
		[SUBSCRIBED_SMS] = "smsSubscriptionCancellationNotification",
		[SUBSCRIBED_RECEIPTS] = "deliveryReceiptSubscriptionCancellationNotification",
	};
	bool silent = false;
	struct buf out;

	json_bool(call_json(call, "silent"), &silent);
	push_begin(&out, names[subscription->kind]);
	jsonf(&out, "'subscriptionId':%s", subscription->id);
	push_end(&out);
	if (!silent)
		socket_deliver(call->s, channel, out.data, out.len);
	buf_release(&out);
	world_unsubscribe(subscription);
}

/* Applies `action` to the user in the request, or to all users, and responds with the sum. */
static void for_users(struct call *call, size_t (*action)(struct call *call, struct user *user))
{
	struct world *w = &call->s->world;
	struct user *only;
	size_t count = 0;

	if (!user_of(call, "user", false, &only))
		return;
	for (size_t i = 0; i < w->user_count; i++)
		if (!only || only == w->users[i])
			count += action(call, w->users[i]);
	respond_count(call, count);
}

static size_t forget_channels_of(struct call *call, struct user *user)
{
	size_t count = 0;

	for (; user->channels; count++)
		world_channel_remove(&call->s->world, user->channels);
	return count;
}

static void forget_channels(struct call *call)
{
	for_users(call, forget_channels_of);
}

static size_t cancel_subscriptions_of(struct call *call, struct user *user)
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

static void cancel_subscriptions(struct call *call)
{
	for_users(call, cancel_subscriptions_of);
}

static void add_number(struct call *call)
{
	char *number = json_dup(call_json(call, "number"));
	struct user *user;

	if (user_of(call, "user", true, &user)) {
		if (number && world_add_number(&call->s->world, user, number))
			respond_count(call, 1);
		else
			response_invalid(&call->response, "number");
	}
	free(number);
}

static void expire_tokens(struct call *call)
{
	bool refresh = false;

	json_bool(call_json(call, "refresh"), &refresh);
	token_revoke_all(call->s, refresh);
	respond_count(call, 1);
}

static void set_socket_faults(struct call *call)
{
	struct sandbox *s = call->s;

	json_bool(call_json(call, "mute"), &s->no_conn_ack);
	json_bool(call_json(call, "no-outbound"), &s->no_outbound);
	s->fragment = number_of(call, "fragment", s->fragment);
	s->duplicate = number_of(call, "duplicate", s->duplicate);
	s->reorder = number_of(call, "reorder", s->reorder);
	respond_count(call, 1);
}

static void set_message_time(struct call *call)
{
	call->s->message_time_ms = number_of(call, "at", 0);
	respond_count(call, 1);
}

static void set_clock(struct call *call)
{
	call->s->ahead_ms = number_of(call, "ahead", 0);
	respond_count(call, 1);
}

static void add_fault(struct call *call)
{
	char *spec = json_dup(call_json(call, "fault"));
	struct err err = ERR_INIT;

	if (!spec)
		response_invalid(&call->response, "fault");
	else if (faults_add(&call->s->faults, spec, &err))
		response_error(&call->response, 400, "SVC0001", err.text);
	else
		respond_count(call, 1);
	free(spec);
}

static void clear_faults(struct call *call)
{
	faults_disable(&call->s->faults);
	respond_count(call, 1);
}

/* Sends any bytes as one message on every open socket of the user. */
static void notify(struct call *call)
{
	struct json_value json = call_json(call, "json");
	struct user *user;
	struct buf text;

	if (!user_of(call, "to", false, &user))
		return;
	buf_init(&text, NOTIFICATION_MAX);
	if (json_exists(json))
		json_add_value(&text, NULL, json);
	else
		json_string(call_json(call, "text"), &text);
	respond_count(call, socket_send_all(call->s, user, text.data, text.len));
	buf_release(&text);
}

/* A message from `from`, with "attachment" copied through unchecked. */
static void send_message(struct call *call)
{
	struct json_value attachment = call_json(call, "attachment");
	struct world *w = &call->s->world;
	struct user *from, *to;
	struct buf content, text;

	if (!user_of(call, "from", true, &from) || !user_of(call, "to", true, &to))
		return;
	buf_init(&content, BODY_MAX);
	buf_init(&text, BODY_MAX);
	if (json_string(call_json(call, "text"), &text))
		json_add_string_len(&content, "text", text.data, text.len);
	if (json_exists(attachment))
		json_add_value(&content, "attachment", attachment);
	conversation_message_release(w, chat_post(call->s, from, to, NULL, buf_take(&content), text.data));
	buf_release(&content);
	buf_release(&text);
	respond_count(call, 1);
}

static void stats(struct call *call)
{
	struct buf *out = response_json(&call->response, 200);
	const struct world *w = &call->s->world;
	size_t messages = 0;

	for (size_t i = 0; i < w->user_count; i++)
		for (size_t j = 0; j < w->users[i]->conversation_count; j++)
			messages += w->users[i]->conversations[j]->count;
	jsonf(out, "{'users':%jd,'sessions':%jd,'channels':%jd,'sockets':%jd,'conversations':%jd,",
		(intmax_t)w->user_count, (intmax_t)w->logins.count, (intmax_t)w->channels.count,
		(intmax_t)socket_count(call->s), (intmax_t)w->conversations.count);
	jsonf(out, "'messages':%jd,'messageBytes':%jd,'attachments':%jd,'attachmentBytes':%jd,", (intmax_t)messages,
		(intmax_t)w->message_bytes, (intmax_t)w->objects.count, w->object_bytes);
	jsonf(out, "'bursts':%jd,'connections':%jd}", (intmax_t)burst_count(call->s),
		(intmax_t)net_connections(call->s->net));
}

static void start_burst(struct call *call)
{
	struct json_value mode = call_json(call, "mode");
	struct burst_order order = {
		.count = number_of(call, "count", 1),
		.conversations = number_of(call, "conversations", 1),
		.size = number_of(call, "size", 100),
		.rate = number_of(call, "rate", 0),
		.mode = json_equals(mode, "blast")    ? BURST_BLAST
			: json_equals(mode, "single") ? BURST_SINGLE
						      : BURST_REAL,
		.label = json_dup(call_json(call, "label")),
		.hold = true,
	};

	json_bool(call_json(call, "hold"), &order.hold);
	if (!user_of(call, "from", true, &order.from) || !user_of(call, "to", true, &order.to)) {
		/* the response is an error */
	} else if (order.count < 0 || order.conversations < 1 || order.conversations > BURST_CONVERSATIONS_MAX ||
		order.size < 0 || order.size > BURST_SIZE_MAX || order.rate < 0) {
		response_invalid(&call->response, "burst");
	} else {
		burst_start(call->s, &order);
		respond_count(call, (size_t)order.count);
	}
	free(order.label);
}

static const struct {
	const char *name;
	void (*run)(struct call *call);
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

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (json_equals(wanted, actions[i].name)) {
			actions[i].run(call);
			return;
		}
	response_invalid(&call->response, "do");
}

const struct route control_routes[] = {
	{ "POST", "sandbox/control", handle_control, 0, ROUTE_OPEN },
	{ 0 },
};
