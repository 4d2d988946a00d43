#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 512 * 1024 };

int64_t rest_time(const struct sandbox *s, int64_t ms)
{
	return s->config->milliseconds ? ms : ms / 1000;
}

void notification_id(struct buf *out)
{
	char id[33];

	random_id(id);
	json_add_string(out, "id", id);
}

void link_json(struct buf *out, const char *rel, const char *href)
{
	json_open_key(out, "link", '[');
	json_open(out, '{');
	json_add_string(out, "rel", rel);
	json_add_string(out, "href", href);
	json_close(out, '}');
	json_close(out, ']');
}

/* `id` NULL: the conversation itself. */
void chat_message_url(struct buf *out, const struct user *user, enum thread_kind kind, const char *peer, const char *id)
{
	buf_addf(out, "/cpaas/chat/v1/%s/%s/", user->id, kind == THREAD_GROUP ? "group" : "oneToOne");
	percent_encode_segment(out, peer, strlen(peer));
	if (kind == THREAD_CHAT)
		buf_adds(out, "/adhoc");
	if (id)
		buf_addf(out, "/messages/%s", id);
}

/* The members of `content` go behind what is there. */
static void add_content(struct buf *out, const struct message *message)
{
	if (*message->content) {
		if (out->len && out->data[out->len - 1] != '{')
			buf_addc(out, ',');
		buf_adds(out, message->content);
	}
}

void chat_message_json(const struct sandbox *s, struct buf *out, const char *key, const struct thread *thread,
	const struct message *message)
{
	bool sms = thread->kind == THREAD_SMS;
	struct buf url;

	buf_init(&url, 4096);
	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	add_content(out, message);
	json_add_int(out, "dateTime", rest_time(s, message->time));
	if (sms) {
		const char *slash = strchr(thread->peer, '/');

		json_add_string(out, "type", strcmp(message->sender, slash + 1) != 0 ? "inbound" : "outbound");
		buf_addf(&url, "/cpaas/smsmessaging/v1/%s/remoteAddresses/%.*s/localAddresses/%s/messages/%s",
			thread->owner->id, (int)(slash - thread->peer), thread->peer, slash + 1, message->id);
	} else {
		json_add_string(out, "senderAddress", message->sender);
		chat_message_url(&url, thread->owner, thread->kind, thread->peer, message->id);
	}
	json_add_string(out, "status", message->status);
	json_add_string(out, "resourceURL", url.data);
	json_close(out, '}');
	buf_release(&url);
}

/*
 * An attachment as it goes to the receiver: link, size and type are the server's word where it knows the upload. What
 * it does not know must bring a link of its own (so a stranger's link can be tried out).
 */
static bool add_attachment(struct call *call, struct json_value wanted, struct buf *content)
{
	char *id = json_dup(json_get(wanted, "x-id")), *name = json_dup(json_get(wanted, "name"));
	struct object *object = id ? table_get(&call->s->world.objects, id) : NULL;
	bool ok = true;

	if (object)
		attachment_json(call->s, content, NULL, object, name);
	else if (json_type(json_get(wanted, "link")) == JSON_STRING)
		json_add_value(content, NULL, wanted);
	else
		ok = false;
	free(id);
	free(name);
	return ok;
}

bool chat_content(struct call *call, struct json_value message, struct buf *content, struct buf *text)
{
	struct json_value attachments = json_get(message, "attachment");
	bool has_text = json_string(json_get(message, "text"), text), ok = true;

	if (json_type(message) != JSON_OBJECT || (!has_text && !json_count(attachments))) {
		answer_missing(&call->answer, "text");
		return false;
	}
	if (has_text)
		json_add_string_len(content, "text", text->data, text->len);
	if (json_exists(attachments)) {
		json_open_key(content, "attachment", '[');
		if (json_type(attachments) == JSON_OBJECT)
			ok = add_attachment(call, attachments, content);
		else
			for (struct json_iter it = json_first(attachments); json_more(it) && ok; it = json_next(it))
				ok = add_attachment(call, it.value, content);
		json_close(content, ']');
	}
	if (!ok) {
		answer_missing(&call->answer, "attachment");
	} else if (content->overflow) {
		answer_error(&call->answer, 413, "SVC0002", "Invalid input value for message part %1", "text");
		ok = false;
	}
	return ok;
}

static void push_message(struct sandbox *s, struct user *to, enum thread_kind kind, const char *peer,
	const char *destination, const char *except, const char *type, const struct message *message)
{
	struct buf out, url;

	if (!to->channels)
		return;
	buf_init(&out, NOTIFICATION_MAX);
	buf_init(&url, 2048);
	chat_message_url(&url, to, kind, peer, message->id);
	json_open(&out, '{');
	json_open_key(&out, "chatMessageNotification", '{');
	notification_id(&out);
	json_add_int(&out, "dateTime", message->time);
	json_open_key(&out, "chatMessage", '{');
	add_content(&out, message);
	json_add_string(&out, "senderAddress", message->sender);
	json_add_string(&out, "x-destinationAddress", destination);
	json_add_string(&out, "x-type", type);
	json_add_int(&out, "dateTime", message->time);
	json_add_string(&out, "status", message->status);
	json_close(&out, '}');
	link_json(&out, "chatMessage", url.data);
	json_close(&out, '}');
	json_close(&out, '}');
	world_push(&s->world, to, SUBSCRIBED_CHAT, NULL, except, out.data, out.len);
	buf_release(&out);
	buf_release(&url);
}

struct message *chat_say(struct sandbox *s, struct user *sender, struct user *receiver, const char *except,
	char *content, const char *text)
{
	struct message *message = world_message_new(&s->world, sender->address, content, text, sandbox_message_time(s));
	struct thread *own = world_thread(&s->world, sender, THREAD_CHAT, receiver->address, true);
	struct thread *other = world_thread(&s->world, receiver, THREAD_CHAT, sender->address, true);

	message->refs++; /* ours, so that it outlives a full memory */
	if (own)
		thread_append(&s->world, own, message);
	if (other && other != own)
		thread_append(&s->world, other, message);
	push_message(s, receiver, THREAD_CHAT, sender->address, receiver->address, NULL, "inbound", message);
	if (!s->config->no_outbound && sender != receiver)
		push_message(s, sender, THREAD_CHAT, receiver->address, receiver->address, except, "outbound", message);
	return message;
}

void chat_done(struct sandbox *s, struct message *message)
{
	message->refs--;
	world_message_drop(&s->world, message);
}

void group_push_message(struct sandbox *s, struct user *sender, struct group *group, const char *except,
	const struct message *message)
{
	for (size_t i = 0; i < group->count; i++) {
		struct user *user = world_user(&s->world, group->people[i].address);

		if (!user || strcmp(group->people[i].status, "Connected") != 0)
			continue;
		if (user != sender)
			push_message(s, user, THREAD_GROUP, group->id, group->id, NULL, "inbound", message);
		else if (!s->config->no_outbound)
			push_message(s, user, THREAD_GROUP, group->id, group->id, except, "outbound", message);
	}
}

void chat_push_composing(struct call *call, struct user *to, enum thread_kind kind, const char *peer,
	const char *destination, struct json_value composing)
{
	struct buf out, url;

	buf_init(&out, 16 * 1024);
	buf_init(&url, 2048);
	chat_message_url(&url, to, kind, peer, NULL);
	json_open(&out, '{');
	json_open_key(&out, "chatMessageNotification", '{');
	notification_id(&out);
	json_open_key(&out, "isComposing", '{');
	for (struct json_iter it = json_first(composing); json_more(it); it = json_next(it)) {
		char *key = json_dup(it.key);

		if (key)
			json_add_value(&out, key, it.value);
		free(key);
	}
	json_add_string(&out, "senderAddress", call->user->address);
	json_add_string(&out, "x-destinationAddress", destination);
	json_add_string(&out, "x-type", "inbound");
	json_close(&out, '}');
	link_json(&out, "chatSession", url.data);
	json_close(&out, '}');
	json_close(&out, '}');
	if (!out.overflow)
		world_push(&call->s->world, to, SUBSCRIBED_CHAT, NULL, NULL, out.data, out.len);
	buf_release(&out);
	buf_release(&url);
}

void chat_answer_composing(struct call *call, struct json_value composing)
{
	struct buf *out = answer_json(&call->answer, 201);

	json_open(out, '{');
	json_add_value(out, "isComposing", composing);
	json_close(out, '}');
}

void handle_chat_send(struct call *call)
{
	struct json_value composing = call_json(call, "isComposing");
	struct user *to = world_user(&call->s->world, call->args[0]);
	struct message *message;
	struct buf content, text;

	if (!to) {
		answer_error(&call->answer, 404, "SVC0004", "No valid addresses provided in message part %1",
			call->args[0]);
		return;
	}
	if (json_exists(composing)) {
		chat_push_composing(call, to, THREAD_CHAT, call->user->address, to->address, composing);
		chat_answer_composing(call, composing);
		return;
	}
	buf_init(&content, CONTENT_MAX);
	buf_init(&text, CONTENT_MAX);
	if (chat_content(call, call_json(call, "chatMessage"), &content, &text)) {
		struct thread view = { .owner = call->user, .kind = THREAD_CHAT, .peer = to->address };
		struct buf *out = answer_json(&call->answer, 201);

		message = chat_say(call->s, call->user, to, call->session->id, buf_take(&content), text.data);
		json_open(out, '{');
		chat_message_json(call->s, out, "chatMessage", &view, message);
		json_close(out, '}');
		chat_done(call->s, message);
	}
	buf_release(&content);
	buf_release(&text);
}

static struct thread *thread_of(struct call *call)
{
	return world_thread(&call->s->world, call->user, THREAD_CHAT, call->args[0], false);
}

void handle_chat_history(struct call *call)
{
	history_page(call, thread_of(call), "chatMessageList", "chatMessage");
}

void handle_chat_get(struct call *call)
{
	history_message(call, thread_of(call), call->args[1]);
}

void handle_chat_delete(struct call *call)
{
	history_delete(call, thread_of(call), call->args[1]);
}

void handle_chat_clear(struct call *call)
{
	history_clear(call, thread_of(call));
}

void handle_chat_status_get(struct call *call)
{
	history_status(call, thread_of(call), call->args[1], false);
}

void handle_chat_status_put(struct call *call)
{
	history_status(call, thread_of(call), call->args[1], true);
}

void handle_chat_sessions(struct call *call)
{
	history_sessions(call, THREAD_CHAT);
}
