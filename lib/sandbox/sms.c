/* SMS. The thread of a user with a number has "REMOTE/LOCAL" for its peer. */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 * 1024 };

static struct thread *sms_thread(struct sandbox *s, struct user *user, const char *remote, const char *local,
	bool create)
{
	char *peer = xasprintf("%s/%s", remote, local);
	struct thread *thread = world_thread(&s->world, user, THREAD_SMS, peer, create);

	free(peer);
	return thread;
}

static void push_inbound(struct sandbox *s, struct user *to, const char *number, const struct message *message,
	const char *text)
{
	struct buf out;

	buf_init(&out, NOTIFICATION_MAX);
	json_open(&out, '{');
	json_open_key(&out, "inboundSMSMessageNotification", '{');
	notification_id(&out);
	json_add_int(&out, "dateTime", message->time);
	json_open_key(&out, "inboundSMSMessage", '{');
	json_add_string(&out, "message", text);
	json_add_string(&out, "messageId", message->id);
	json_add_string(&out, "senderAddress", message->sender);
	json_add_string(&out, "destinationAddress", number);
	json_add_int(&out, "dateTime", message->time);
	json_close(&out, '}');
	json_close(&out, '}');
	json_close(&out, '}');
	world_push(&s->world, to, SUBSCRIBED_SMS, number, NULL, out.data, out.len);
	buf_release(&out);
}

static void push_receipt(struct sandbox *s, struct user *to, const char *number, const char *status, const char *id)
{
	struct buf out;

	buf_init(&out, 4096);
	json_open(&out, '{');
	json_open_key(&out, "deliveryInfoNotification", '{');
	notification_id(&out);
	json_open_key(&out, "deliveryInfo", '{');
	json_add_string(&out, "address", number);
	json_add_string(&out, "deliveryStatus", status);
	json_add_string(&out, "messageId", id);
	json_close(&out, '}');
	json_close(&out, '}');
	json_close(&out, '}');
	world_push(&s->world, to, SUBSCRIBED_RECEIPTS, NULL, NULL, out.data, out.len);
	buf_release(&out);
}

/* One message to one number; a number of the sandbox's users reaches its user. Its ID is put into `id`. */
static void say(struct call *call, const char *from, const char *number, const char *text, char id[ID_SIZE])
{
	struct sandbox *s = call->s;
	struct user *to = table_get(&s->world.users_by_number, number);
	struct thread *own = sms_thread(s, call->user, number, from, true);
	struct thread *other = to && to != call->user ? sms_thread(s, to, from, number, true) : NULL;
	struct message *message;
	struct buf content;

	buf_init(&content, 2 * BODY_MAX);
	json_add_string(&content, "message", text);
	message = world_message_new(&s->world, from, buf_take(&content), text, sandbox_message_time(s));
	message->refs++;
	if (own)
		thread_append(&s->world, own, message);
	if (other)
		thread_append(&s->world, other, message);
	if (to)
		push_inbound(s, to, number, message, text);
	memcpy(id, message->id, ID_SIZE);
	push_receipt(s, call->user, number, "DeliveredToNetwork", id);
	push_receipt(s, call->user, number, to ? "DeliveredToTerminal" : "DeliveryImpossible", id);
	chat_done(s, message);
}

static bool valid_number(const char *s)
{
	size_t digits;

	s += *s == '+';
	digits = strspn(s, "0123456789");
	return digits >= 3 && digits <= 15 && !s[digits];
}

static void answer_request(struct call *call, struct json_value wanted, const char *from, struct json_value addresses,
	const char *text, const char *id)
{
	struct buf *out = answer_json(&call->answer, 201), url;
	char *first = json_dup(json_first(addresses).value);

	buf_init(&url, 1024);
	buf_addf(&url, "/cpaas/smsmessaging/v1/%s/remoteAddresses/%s/localAddresses/%s/messages/%s", call->user->id,
		first ? first : "", from, id);
	json_open(out, '{');
	json_open_key(out, "outboundSMSMessageRequest", '{');
	json_add_value(out, "address", addresses);
	if (json_exists(json_get(wanted, "clientCorrelator")))
		json_add_value(out, "clientCorrelator", json_get(wanted, "clientCorrelator"));
	json_open_key(out, "outboundSMSTextMessage", '{');
	json_add_string(out, "message", text);
	json_close(out, '}');
	json_add_string(out, "senderAddress", from);
	json_open_key(out, "deliveryInfoList", '{');
	json_open_key(out, "deliveryInfo", '[');
	for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
		json_open(out, '{');
		json_add_value(out, "address", it.value);
		json_add_string(out, "deliveryStatus", "DeliveredToNetwork");
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
	json_add_string(out, "resourceURL", url.data);
	json_close(out, '}');
	json_close(out, '}');
	buf_release(&url);
	free(first);
}

void handle_sms_send(struct call *call)
{
	struct json_value wanted = call_json(call, "outboundSMSMessageRequest"),
			  addresses = json_get(wanted, "address");
	const char *from = !strcmp(call->args[0], "default") ? call->user->number : call->args[0];
	bool own = table_get(&call->s->world.users_by_number, from) == call->user;
	char id[ID_SIZE] = "";
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (!json_string(json_get(json_get(wanted, "outboundSMSTextMessage"), "message"), &text)) {
		answer_missing(&call->answer, "message");
		goto out;
	}
	if (!own || json_type(addresses) != JSON_ARRAY || !json_count(addresses)) {
		answer_missing(&call->answer, own ? "address" : "senderAddress");
		goto out;
	}
	for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
		char *number = json_dup(it.value);
		bool valid = number && valid_number(number);

		if (!valid)
			answer_error(&call->answer, 400, "SVC0004", "No valid addresses provided in message part %1",
				number ? number : "address");
		free(number);
		if (!valid)
			goto out;
	}
	for (struct json_iter it = json_first(addresses); json_more(it); it = json_next(it)) {
		char *number = json_dup(it.value);

		say(call, from, number, text.data, id);
		free(number);
	}
	answer_request(call, wanted, from, addresses, text.data, id);
out:
	buf_release(&text);
}

void handle_sms_threads(struct call *call)
{
	struct buf *out = answer_json(&call->answer, 200);

	json_open(out, '{');
	json_open_key(out, "smsThreadList", '{');
	json_open_key(out, "smsThread", '[');
	for (size_t i = 0; i < call->user->thread_count; i++) {
		struct thread *thread = call->user->threads[i];
		const char *slash;
		char *url;

		if (thread->kind != THREAD_SMS || !thread->count)
			continue;
		slash = strchr(thread->peer, '/');
		url = xasprintf("/cpaas/smsmessaging/v1/%s/remoteAddresses/%.*s/localAddresses/%s", call->user->id,
			(int)(slash - thread->peer), thread->peer, slash + 1);
		json_open(out, '{');
		json_add_string_len(out, "remoteAddress", thread->peer, (size_t)(slash - thread->peer));
		json_add_string(out, "localAddress", slash + 1);
		json_open_key(out, "threadDetails", '{');
		json_add_string(out, "lastText", thread_at(thread, thread->count - 1)->text);
		json_add_int(out, "lastMessageTime", rest_time(call->s, thread_at(thread, thread->count - 1)->time));
		json_add_int(out, "firstMessageTime", rest_time(call->s, thread_at(thread, 0)->time));
		json_add_int(out, "lastPullTime", rest_time(call->s, thread->last_pull));
		json_add_int(out, "length", (int64_t)thread->count);
		json_close(out, '}');
		json_add_string(out, "resourceURL", url);
		json_close(out, '}');
		free(url);
	}
	json_close(out, ']');
	json_close(out, '}');
	json_close(out, '}');
}

static struct thread *thread_of(struct call *call)
{
	return sms_thread(call->s, call->user, call->args[0], call->args[1], false);
}

void handle_sms_history(struct call *call)
{
	history_page(call, thread_of(call), "smsMessageList", "smsMessage");
}

void handle_sms_delete(struct call *call)
{
	history_delete(call, thread_of(call), call->args[2]);
}

void handle_sms_clear(struct call *call)
{
	history_clear(call, thread_of(call));
}
