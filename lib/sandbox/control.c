/*
 * POST /sandbox/control: what a test wants to happen now. {"do":"...",...}; answers 200 with {"count":N}. No token is
 * asked for: the sandbox listens on loopback alone.
 */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * The user of the member `key`. False: the answer says that there is no such user; without the member `*user` is
 * NULL.
 */
static bool user_of(struct call *call, const char *key, bool needed, struct user **user)
{
	struct json_value value = json_get(json_root(&call->doc), key);
	char *address = json_dup(value);

	*user = address ? world_user(&call->s->world, address) : NULL;
	free(address);
	if (*user || (!json_exists(value) && !needed))
		return true;
	answer_missing(&call->answer, key);
	return false;
}

static int64_t number_of(const struct call *call, const char *key, int64_t fallback)
{
	int64_t n;

	return json_int(json_get(json_root(&call->doc), key), &n) ? n : fallback;
}

static void answer_count(struct call *call, size_t count)
{
	struct buf *out = answer_json(&call->answer, 200);

	json_open(out, '{');
	json_add_int(out, "count", (int64_t)count);
	json_close(out, '}');
}

static void drop_sockets(struct call *call)
{
	struct json_value how = json_get(json_root(&call->doc), "how");
	struct user *user;

	if (user_of(call, "user", false, &user))
		answer_count(call,
			sockets_drop(call->s,
				json_equals(how, "reset")           ? CONN_RESET
					: json_equals(how, "close") ? CONN_FLUSH
								    : CONN_DROP,
				user));
}

static void half_open(struct call *call)
{
	struct user *user;

	if (user_of(call, "user", false, &user))
		answer_count(call, sockets_freeze(call->s, user));
}

/* The notification of it, unless it is to go without a word. */
static void cancel(struct call *call, struct channel *channel, struct subscription *subscription)
{
	static const char *const names[] = {
		[SUBSCRIBED_CHAT] = "chatSubscriptionCancellationNotification",
		[SUBSCRIBED_SMS] = "smsSubscriptionCancellationNotification",
		[SUBSCRIBED_RECEIPTS] = "deliveryReceiptSubscriptionCancellationNotification",
	};
	bool silent = false;
	struct buf out;

	json_bool(json_get(json_root(&call->doc), "silent"), &silent);
	buf_init(&out, 4096);
	json_open(&out, '{');
	json_open_key(&out, names[subscription->kind], '{');
	notification_id(&out);
	json_add_string(&out, "subscriptionId", subscription->id);
	json_close(&out, '}');
	json_close(&out, '}');
	if (!silent)
		socket_deliver(call->s, channel, out.data, out.len);
	buf_release(&out);
	world_unsubscribe(subscription);
}

/* Does it to each user, or to the one that the request names; answers with the sum. */
static void for_users(struct call *call, size_t (*what)(struct call *call, struct user *user))
{
	struct world *w = &call->s->world;
	struct user *only;
	size_t count = 0;

	if (!user_of(call, "user", false, &only))
		return;
	for (size_t i = 0; i < w->user_count; i++)
		if (!only || only == w->users[i])
			count += what(call, w->users[i]);
	answer_count(call, count);
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
	struct json_value only = json_get(json_root(&call->doc), "service");
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
	char *number = json_dup(json_get(json_root(&call->doc), "number"));
	struct user *user;

	if (user_of(call, "user", true, &user)) {
		if (number && world_add_number(&call->s->world, user, number))
			answer_count(call, 1);
		else
			answer_missing(&call->answer, "number");
	}
	free(number);
}

static void expire_tokens(struct call *call)
{
	bool refresh = false;

	json_bool(json_get(json_root(&call->doc), "refresh"), &refresh);
	tokens_expire(call->s, refresh);
	answer_count(call, 1);
}

static void set_socket_fault(struct call *call)
{
	struct sandbox *s = call->s;
	struct json_value on = json_get(json_root(&call->doc), "mute");

	json_bool(on, &s->mute);
	s->fragment = number_of(call, "fragment", s->fragment);
	s->duplicate = number_of(call, "duplicate", s->duplicate);
	s->reorder = number_of(call, "reorder", s->reorder);
	answer_count(call, 1);
}

static void set_message_time(struct call *call)
{
	call->s->message_time_ms = number_of(call, "at", 0);
	answer_count(call, 1);
}

static void set_clock(struct call *call)
{
	call->s->ahead_ms = number_of(call, "ahead", 0);
	answer_count(call, 1);
}

static void add_fault(struct call *call)
{
	char *spec = json_dup(json_get(json_root(&call->doc), "fault"));
	struct err err = ERR_INIT;

	if (!spec)
		answer_missing(&call->answer, "fault");
	else if (faults_add(&call->s->faults, spec, &err))
		answer_error(&call->answer, 400, "SVC0001", err.text, NULL);
	else
		answer_count(call, 1);
	free(spec);
}

static void clear_faults(struct call *call)
{
	faults_end(&call->s->faults);
	answer_count(call, 1);
}

/* Bytes of the tester's own choice, as one message on every open socket of the user. */
static void notify(struct call *call)
{
	struct json_value json = json_get(json_root(&call->doc), "json");
	struct user *user;
	struct buf text;

	if (!user_of(call, "to", false, &user))
		return;
	buf_init(&text, NOTIFICATION_MAX);
	if (json_exists(json))
		json_add_value(&text, NULL, json);
	else
		json_string(json_get(json_root(&call->doc), "text"), &text);
	answer_count(call, sockets_raw(call->s, user, text.data, text.len));
	buf_release(&text);
}

/* As if `from` had sent it; what stands in "attachment" goes through as it is. */
static void say(struct call *call)
{
	struct json_value root = json_root(&call->doc), attachment = json_get(root, "attachment");
	struct user *from, *to;
	struct buf content, text;

	if (!user_of(call, "from", true, &from) || !user_of(call, "to", true, &to))
		return;
	buf_init(&content, BODY_MAX);
	buf_init(&text, BODY_MAX);
	if (json_string(json_get(root, "text"), &text))
		json_add_string_len(&content, "text", text.data, text.len);
	if (json_exists(attachment))
		json_add_value(&content, "attachment", attachment);
	chat_done(call->s, chat_say(call->s, from, to, NULL, buf_take(&content), text.data));
	buf_release(&content);
	buf_release(&text);
	answer_count(call, 1);
}

static void stats(struct call *call)
{
	const struct world *w = &call->s->world;
	struct buf *out = answer_json(&call->answer, 200);
	size_t messages = 0;

	for (size_t i = 0; i < w->user_count; i++)
		for (size_t j = 0; j < w->users[i]->thread_count; j++)
			messages += w->users[i]->threads[j]->count;
	json_open(out, '{');
	json_add_int(out, "users", (int64_t)w->user_count);
	json_add_int(out, "sessions", (int64_t)w->sessions.count);
	json_add_int(out, "channels", (int64_t)w->channels.count);
	json_add_int(out, "sockets", (int64_t)sockets_count(call->s));
	json_add_int(out, "conversations", (int64_t)w->threads.count);
	json_add_int(out, "messages", (int64_t)messages);
	json_add_int(out, "messageBytes", (int64_t)w->message_bytes);
	json_add_int(out, "attachments", (int64_t)w->objects.count);
	json_add_int(out, "attachmentBytes", w->object_bytes);
	json_add_int(out, "bursts", (int64_t)bursts_count(call->s));
	json_add_int(out, "connections", (int64_t)net_connections(call->s->net));
	json_close(out, '}');
}

static void start_burst(struct call *call)
{
	struct json_value root = json_root(&call->doc);
	struct burst_order order = {
		.count = number_of(call, "count", 1),
		.conversations = number_of(call, "conversations", 1),
		.size = number_of(call, "size", 100),
		.rate = number_of(call, "rate", 0),
		.mode = json_equals(json_get(root, "mode"), "blast")    ? BURST_BLAST
			: json_equals(json_get(root, "mode"), "single") ? BURST_SINGLE
									: BURST_REAL,
		.label = json_dup(json_get(root, "label")),
		.hold = true,
	};

	json_bool(json_get(root, "hold"), &order.hold);
	if (!user_of(call, "from", true, &order.from) || !user_of(call, "to", true, &order.to)) {
		/* the answer says it */
	} else if (order.count < 0 || order.conversations < 1 || order.conversations > BURST_CONVERSATIONS_MAX ||
		order.size < 0 || order.size > BURST_SIZE_MAX || order.rate < 0) {
		answer_missing(&call->answer, "burst");
	} else {
		burst_start(call->s, &order);
		answer_count(call, (size_t)order.count);
	}
	free(order.label);
}

static const struct {
	const char *name;
	void (*run)(struct call *call);
} commands[] = {
	{ "drop-sockets", drop_sockets },
	{ "half-open", half_open },
	{ "forget-channels", forget_channels },
	{ "cancel-subscriptions", cancel_subscriptions },
	{ "number", add_number },
	{ "expire-tokens", expire_tokens },
	{ "sockets", set_socket_fault },
	{ "message-time", set_message_time },
	{ "clock", set_clock },
	{ "fault", add_fault },
	{ "clear-faults", clear_faults },
	{ "notify", notify },
	{ "send", say },
	{ "burst", start_burst },
	{ "stats", stats },
};

void handle_control(struct call *call)
{
	struct json_value wanted = json_get(json_root(&call->doc), "do");

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (json_equals(wanted, commands[i].name)) {
			commands[i].run(call);
			return;
		}
	answer_missing(&call->answer, "do");
}
