/* Chat messages: stored in each participant's conversation, and pushed to their devices. */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 512 * 1024 };

void chat_message_url(struct buf *out, const struct user *user, enum conversation_kind kind, const char *remote,
	const char *id)
{
	buf_addf(out, "/cpaas/chat/v1/%s/%s/", user->id, kind == CONVERSATION_GROUP ? "group" : "oneToOne");
	percent_encode_segment(out, remote, strlen(remote));
	if (kind == CONVERSATION_CHAT)
		buf_adds(out, "/adhoc");
	if (id)
		buf_addf(out, "/messages/%s", id);
}

/* Appends the members of `content` to the open object. */
static void add_content(struct buf *out, const struct stored_message *message)
{
	if (!*message->content)
		return;
	if (out->len && out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	buf_adds(out, message->content);
}

void chat_message_json(const struct sandbox *s, struct buf *out, const struct conversation *conversation,
	const struct stored_message *message)
{
	const char *remote = conversation->remote;
	struct buf url;

	buf_init(&url, URL_PATH_MAX);
	jsonf(out, "{");
	add_content(out, message);
	jsonf(out, "'dateTime':%jd", sandbox_rest_time(s, message->time));
	if (conversation->kind == CONVERSATION_SMS) {
		const char *slash = strchr(remote, '/');

		jsonf(out, "'type':%s", strcmp(message->sender, slash + 1) != 0 ? "inbound" : "outbound");
		buf_addf(&url, "/cpaas/smsmessaging/v1/%s/remoteAddresses/%.*s/localAddresses/%s/messages/%s",
			conversation->owner->id, (int)(slash - remote), remote, slash + 1, message->id);
	} else {
		jsonf(out, "'senderAddress':%s", message->sender);
		chat_message_url(&url, conversation->owner, conversation->kind, remote, message->id);
	}
	jsonf(out, "'status':%s,'resourceURL':%s}", message->status, url.data);
	buf_release(&url);
}

/* ---- storing and pushing ---------------------------------------------------------------------------------------- */

/* `remote` names the conversation for `to`, `destination` is the recipient of the message. */
static void push_message(struct sandbox *s, struct user *to, enum conversation_kind kind, const char *remote,
	const char *destination, const char *except, const char *type, const struct stored_message *message)
{
	struct buf out, url;

	if (!to->channels)
		return;
	buf_init(&url, URL_PATH_MAX);
	chat_message_url(&url, to, kind, remote, message->id);
	push_begin(&out, "chatMessageNotification");
	jsonf(&out, "'dateTime':%jd,'chatMessage':{", message->time);
	add_content(&out, message);
	jsonf(&out, "'senderAddress':%s,'x-destinationAddress':%s,'x-type':%s,'dateTime':%jd,'status':%s}",
		message->sender, destination, type, message->time, message->status);
	push_link(&out, "chatMessage", url.data);
	push_send(s, &out, to, SUBSCRIBED_CHAT, NULL, except);
	buf_release(&url);
}

static void store(struct sandbox *s, struct user *owner, enum conversation_kind kind, const char *remote,
	struct stored_message *message)
{
	struct conversation *conversation = conversation_find(&s->world, owner, kind, remote, true);

	if (conversation)
		conversation_append(&s->world, conversation, message);
}

struct stored_message *chat_post(struct sandbox *s, struct user *sender, struct user *receiver, const char *except,
	char *content, const char *text)
{
	struct stored_message *message =
		conversation_message_new(&s->world, sender->address, content, text, sandbox_message_time(s));

	store(s, sender, CONVERSATION_CHAT, receiver->address, message);
	if (receiver != sender)
		store(s, receiver, CONVERSATION_CHAT, sender->address, message);
	push_message(s, receiver, CONVERSATION_CHAT, sender->address, receiver->address, NULL, "inbound", message);
	if (!s->no_outbound && sender != receiver)
		push_message(s, sender, CONVERSATION_CHAT, receiver->address, receiver->address, except, "outbound",
			message);
	return message;
}

/* Invited members read the message once they have joined; it is pushed to connected ones. */
struct stored_message *chat_post_to_group(struct sandbox *s, struct user *sender, struct chat_group *group,
	const char *except, char *content, const char *text)
{
	struct stored_message *message =
		conversation_message_new(&s->world, sender->address, content, text, sandbox_message_time(s));

	for (size_t i = 0; i < group->count; i++) {
		struct user *user = world_user(&s->world, group->people[i].address);
		bool own = user == sender;

		if (!user)
			continue;
		store(s, user, CONVERSATION_GROUP, group->id, message);
		if (!strcmp(group->people[i].status, "Connected") && !(own && s->no_outbound))
			push_message(s, user, CONVERSATION_GROUP, group->id, group->id, own ? except : NULL,
				own ? "outbound" : "inbound", message);
	}
	return message;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

/*
 * The server fills in link, size and type of an upload that it knows. Any other attachment must have a link of its own,
 * so that tests can send links to foreign hosts.
 */
static bool add_attachment(struct call *call, struct json_value wanted, struct buf *content)
{
	char *id = json_dup(json_get(wanted, "x-id")), *name = json_dup(json_get(wanted, "name"));
	struct object *object = id ? world_find(&call->s->world.objects, id) : NULL;
	bool ok = true;

	if (object) {
		char *link = attachment_link(call->s, object);

		jsonf(content, "{'link':%s,'name':%s,'size':%jd,'type':%s,'x-id':%s}", link, name ? name : object->name,
			object->size, object->type, object->id);
		free(link);
	} else if (json_type(json_get(wanted, "link")) == JSON_STRING) {
		json_add_value(content, NULL, wanted);
	} else {
		ok = false;
	}
	free(id);
	free(name);
	return ok;
}

/* "text" and "attachment" of the request, as the members to store. False: the response is an error. */
static bool read_content(struct call *call, struct json_value message, struct buf *content, struct buf *text)
{
	struct json_value attachments = json_get(message, "attachment");
	bool has_text = json_string(json_get(message, "text"), text), ok = true;

	if (json_type(message) != JSON_OBJECT || (!has_text && !json_count(attachments))) {
		response_invalid(&call->response, "text");
		return false;
	}
	if (has_text)
		json_add_string_len(content, "text", text->data, text->len);
	if (json_exists(attachments)) {
		jsonf(content, "'attachment':[");
		if (json_type(attachments) == JSON_OBJECT)
			ok = add_attachment(call, attachments, content);
		else
			for (struct json_iter it = json_first(attachments); json_more(it) && ok; it = json_next(it))
				ok = add_attachment(call, it.value, content);
		jsonf(content, "]");
	}
	if (!ok)
		response_invalid(&call->response, "attachment");
	else if (content->overflow)
		response_error(&call->response, 413, "SVC0002", "text");
	return ok && !content->overflow;
}

static void push_composing(struct call *call, struct user *to, enum conversation_kind kind, const char *remote,
	const char *destination, struct json_value composing)
{
	struct buf out, url;

	buf_init(&url, URL_PATH_MAX);
	chat_message_url(&url, to, kind, remote, NULL);
	push_begin(&out, "chatMessageNotification");
	jsonf(&out, "'isComposing':{");
	for (struct json_iter it = json_first(composing); json_more(it); it = json_next(it)) {
		char *key = json_dup(it.key);

		if (key)
			json_add_value(&out, key, it.value);
		free(key);
	}
	jsonf(&out, "'senderAddress':%s,'x-destinationAddress':%s,'x-type':'inbound'}", call->user->address,
		destination);
	push_link(&out, "chatSession", url.data);
	push_send(call->s, &out, to, SUBSCRIBED_CHAT, NULL, NULL);
	buf_release(&url);
}

/* To `to`, or to all other connected members of `group`. */
static void compose(struct call *call, struct user *to, const struct chat_group *group, struct json_value composing)
{
	struct buf *out = response_json(&call->response, 201);

	if (to)
		push_composing(call, to, CONVERSATION_CHAT, call->user->address, to->address, composing);
	for (size_t i = 0; group && i < group->count; i++) {
		struct user *user = world_user(&call->s->world, group->people[i].address);

		if (user && user != call->user && !strcmp(group->people[i].status, "Connected"))
			push_composing(call, user, CONVERSATION_GROUP, group->id, group->id, composing);
	}
	jsonf(out, "{");
	json_add_value(out, "isComposing", composing);
	jsonf(out, "}");
}

/* A message or a typing indicator to `to`, or to `group`. */
static void handle_message(struct call *call, struct user *to, struct chat_group *group)
{
	struct json_value composing = call_json(call, "isComposing");
	struct conversation sent = { .owner = call->user,
		.kind = group ? CONVERSATION_GROUP : CONVERSATION_CHAT,
		/* cppcheck-suppress nullPointer ; without a group there is a recipient */
		.remote = group ? group->id : to->address };
	struct stored_message *message;
	struct buf content, text, *out;

	if (json_exists(composing)) {
		compose(call, to, group, composing);
		return;
	}
	buf_init(&content, CONTENT_MAX);
	buf_init(&text, CONTENT_MAX);
	if (read_content(call, call_json(call, "chatMessage"), &content, &text)) {
		message = group
			? chat_post_to_group(call->s, call->user, group, call->login->id, buf_take(&content), text.data)
			: chat_post(call->s, call->user, to, call->login->id, buf_take(&content), text.data);
		out = response_json(&call->response, 201);
		jsonf(out, "{'chatMessage':");
		chat_message_json(call->s, out, &sent, message);
		jsonf(out, "}");
		conversation_message_release(&call->s->world, message);
	}
	buf_release(&content);
	buf_release(&text);
}

static void send_to_user(struct call *call)
{
	struct user *to = world_user(&call->s->world, call->args[0]);

	if (to)
		handle_message(call, to, NULL);
	else
		response_error(&call->response, 404, "SVC0004", call->args[0]);
}

static void send_to_group(struct call *call)
{
	struct chat_group *group = world_find(&call->s->world.groups, call->args[0]);
	struct participant *self = group ? world_participant(group, call->user->address) : NULL;

	if (!self)
		response_not_found(&call->response, "groupId");
	else if (strcmp(self->status, "Connected") != 0)
		response_forbidden(&call->response, "not connected");
	else
		handle_message(call, NULL, group);
}

const struct route chat_routes[] = {
	{ "POST", "cpaas/chat/v1/:user/oneToOne/:/adhoc/messages", send_to_user, 0, 0 },
	{ "POST", "cpaas/chat/v1/:user/group/:/messages", send_to_group, 0, 0 },
	{ 0 },
};
