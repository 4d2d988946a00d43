#include "sandbox/sandbox-int.h"

#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 512 * 1024 };

static void participant_json(struct buf *out, const struct participant *participant)
{
	json_open(out, '{');
	json_add_string(out, "address", participant->address);
	json_add_string(out, "status", participant->status);
	json_add_bool(out, "x-isAdmin", participant->admin);
	json_close(out, '}');
}

static void group_json(struct buf *out, const char *key, const struct user *user, const struct group *group)
{
	struct buf url;

	buf_init(&url, 512);
	buf_addf(&url, "/cpaas/chat/v1/%s/group/%s", user->id, group->id);
	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	json_open_key(out, "participant", '[');
	for (size_t i = 0; i < group->count; i++)
		participant_json(out, &group->people[i]);
	json_close(out, ']');
	if (group->subject)
		json_add_string(out, "subject", group->subject);
	if (group->name)
		json_add_string(out, "x-name", group->name);
	if (group->type)
		json_add_string(out, "x-type", group->type);
	if (group->image)
		json_add_string(out, "x-image", group->image);
	json_add_string(out, "resourceURL", url.data);
	json_close(out, '}');
	buf_release(&url);
}

static void answer_group(struct call *call, int status, const struct group *group)
{
	struct buf *out = answer_json(&call->answer, status);

	json_open(out, '{');
	group_json(out, "groupChatSessionInformation", call->user, group);
	json_close(out, '}');
}

/* A notification about the group to one user; `who` NULL: without participants. */
static void push(struct sandbox *s, const char *address, const char *key, const struct group *group,
	const struct participant *who, const char *event)
{
	struct user *user = world_user(&s->world, address);
	struct buf out, url;

	if (!user)
		return;
	buf_init(&out, NOTIFICATION_MAX);
	buf_init(&url, 512);
	buf_addf(&url, "/cpaas/chat/v1/%s/group/%s", user->id, group->id);
	json_open(&out, '{');
	json_open_key(&out, key, '{');
	notification_id(&out);
	if (event)
		json_add_string(&out, "eventType", event);
	if (group->name && !event)
		json_add_string(&out, "x-name", group->name);
	if (group->subject && !event)
		json_add_string(&out, "subject", group->subject);
	if (!event) {
		json_open_key(&out, "participant", '[');
		for (size_t i = 0; !who && i < group->count; i++)
			participant_json(&out, &group->people[i]);
		if (who)
			participant_json(&out, who);
		json_close(&out, ']');
	}
	link_json(&out, "groupChatSessionInformation", url.data);
	json_close(&out, '}');
	json_close(&out, '}');
	world_push(&s->world, user, SUBSCRIBED_CHAT, NULL, NULL, out.data, out.len);
	buf_release(&out);
	buf_release(&url);
}

static void push_invitation(struct sandbox *s, const struct group *group, const struct participant *who)
{
	push(s, who->address, "groupChatSessionInvitationNotification", group, NULL, NULL);
}

/* What has become of `who`, to everybody else. */
static void push_participant(struct sandbox *s, const struct group *group, const struct participant *who)
{
	for (size_t i = 0; i < group->count; i++)
		if (strcmp(group->people[i].address, who->address) != 0)
			push(s, group->people[i].address, "chatParticipantStatusNotification", group, who, NULL);
}

/* The group of the path, if the caller is in it; else NULL, and the answer is 404. */
static struct group *own_group(struct call *call)
{
	struct group *group = table_get(&call->s->world.groups, call->args[0]);

	if (group && group_find(group, call->user->address))
		return group;
	answer_not_found(&call->answer, "groupId");
	return NULL;
}

static bool invite(struct call *call, struct group *group, struct json_value wanted)
{
	char *address = json_dup(json_get(wanted, "address"));
	bool admin = false, self;
	struct participant *who;

	if (!address || !world_user(&call->s->world, address)) {
		answer_error(&call->answer, 404, "SVC0004", "No valid addresses provided in message part %1",
			address ? address : "participant");
		free(address);
		return false;
	}
	json_bool(json_get(wanted, "x-isAdmin"), &admin);
	self = world_user(&call->s->world, address) == call->user;
	who = group_find(group, address);
	if (!who)
		who = group_add(group, address, admin, self ? "Connected" : "Invited");
	free(address);
	if (!who)
		answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
			"too many participants");
	return who != NULL;
}

void handle_group_create(struct call *call)
{
	struct json_value wanted = call_json(call, "groupChatSessionInformation"),
			  people = json_get(wanted, "participant");
	struct group *group;
	bool ok = true;

	if (json_type(wanted) != JSON_OBJECT) {
		answer_missing(&call->answer, "groupChatSessionInformation");
		return;
	}
	group = world_group_new(&call->s->world);
	if (!group) {
		answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
			"too many groups");
		return;
	}
	group_add(group, call->user->address, true, "Connected");
	for (struct json_iter it = json_first(people); json_more(it) && ok; it = json_next(it))
		ok = invite(call, group, it.value);
	if (!ok) {
		world_group_remove(&call->s->world, group);
		return;
	}
	group->subject = json_dup(json_get(wanted, "subject"));
	group->name = json_dup(json_get(wanted, "x-name"));
	group->type = json_dup(json_get(wanted, "x-type"));
	group->image = json_dup(json_get(wanted, "x-image"));
	for (size_t i = 0; i < group->count; i++)
		if (!strcmp(group->people[i].status, "Invited"))
			push_invitation(call->s, group, &group->people[i]);
	answer_group(call, 201, group);
}

void handle_group_list(struct call *call)
{
	struct buf *out = answer_json(&call->answer, 200);
	const struct table *groups = &call->s->world.groups;

	json_open(out, '{');
	json_open_key(out, "groupChatSessionInformationList", '{');
	json_open_key(out, "groupChatSessionInformation", '[');
	for (size_t i = 0; i < groups->cap; i++)
		if (groups->slots[i].key && group_find(groups->slots[i].value, call->user->address))
			group_json(out, NULL, call->user, groups->slots[i].value);
	json_close(out, ']');
	json_add_string(out, "resourceURL", call->request->path);
	json_close(out, '}');
	json_close(out, '}');
}

void handle_group_get(struct call *call)
{
	struct group *group = own_group(call);

	if (group)
		answer_group(call, 200, group);
}

void handle_group_delete(struct call *call)
{
	struct group *group = own_group(call);

	if (!group)
		return;
	for (size_t i = 0; i < group->count; i++)
		push(call->s, group->people[i].address, "chatEventNotification", group, NULL, "SessionEnded");
	world_group_remove(&call->s->world, group);
	call->answer.status = 204;
}

void handle_participant_add(struct call *call)
{
	struct group *group = own_group(call);
	struct json_value wanted = call_json(call, "participantInformation");
	struct participant *who;
	struct buf *out;
	char *address;

	if (!group || !invite(call, group, wanted))
		return;
	address = json_dup(json_get(wanted, "address"));
	who = group_find(group, address);
	free(address);
	push_invitation(call->s, group, who);
	push_participant(call->s, group, who);
	out = answer_json(&call->answer, 201);
	json_open(out, '{');
	json_open_key(out, "participantInformation", '{');
	json_add_string(out, "address", who->address);
	json_add_string(out, "status", who->status);
	json_add_bool(out, "x-isAdmin", who->admin);
	json_close(out, '}');
	json_close(out, '}');
}

/* The participant of the path; else NULL, and the answer is 404. */
static struct participant *own_participant(struct call *call, struct group *group)
{
	struct participant *who = group ? group_find(group, call->args[1]) : NULL;

	if (group && !who)
		answer_not_found(&call->answer, "participantId");
	return who;
}

void handle_participant_remove(struct call *call)
{
	struct group *group = own_group(call);
	struct participant *who = own_participant(call, group), gone;

	if (!who)
		return;
	who->status = "Disconnected";
	push_participant(call->s, group, who);
	if (strcmp(who->address, call->user->address) != 0) {
		gone = *who;
		push(call->s, who->address, "chatParticipantStatusNotification", group, &gone, NULL);
	}
	group_remove(group, who);
	call->answer.status = 204;
}

void handle_participant_status(struct call *call)
{
	struct group *group = own_group(call);
	struct participant *who = own_participant(call, group);
	struct buf *out;

	if (!who)
		return;
	if (!json_equals_nocase(json_get(call_json(call, "participantSessionStatus"), "status"), "Connected")) {
		answer_missing(&call->answer, "status");
		return;
	}
	who->status = "Connected";
	push_participant(call->s, group, who);
	out = answer_json(&call->answer, 200);
	json_open(out, '{');
	json_open_key(out, "participantSessionStatus", '{');
	json_add_string(out, "status", who->status);
	json_close(out, '}');
	json_close(out, '}');
}

/* ---- messages ------------------------------------------------------------------------------------------------- */

/*
 * Stored for everyone who is in it (invited ones included, who read it once they accept), pushed to the connected
 * ones.
 */
static void say(struct call *call, struct group *group, char *content, const char *text)
{
	struct sandbox *s = call->s;
	struct message *message =
		world_message_new(&s->world, call->user->address, content, text, sandbox_message_time(s));
	struct thread view = { .owner = call->user, .kind = THREAD_GROUP, .peer = group->id };
	struct buf *out = answer_json(&call->answer, 201);

	message->refs++;
	for (size_t i = 0; i < group->count; i++) {
		struct user *user = world_user(&s->world, group->people[i].address);
		struct thread *thread = user ? world_thread(&s->world, user, THREAD_GROUP, group->id, true) : NULL;

		if (thread)
			thread_append(&s->world, thread, message);
	}
	group_push_message(s, call->user, group, call->session->id, message);
	json_open(out, '{');
	chat_message_json(s, out, "chatMessage", &view, message);
	json_close(out, '}');
	chat_done(s, message);
}

static void compose(struct call *call, const struct group *group, struct json_value composing)
{
	for (size_t i = 0; i < group->count; i++) {
		struct user *user = world_user(&call->s->world, group->people[i].address);

		if (user && user != call->user && !strcmp(group->people[i].status, "Connected"))
			chat_push_composing(call, user, THREAD_GROUP, group->id, group->id, composing);
	}
	chat_answer_composing(call, composing);
}

void handle_group_send(struct call *call)
{
	struct json_value composing = call_json(call, "isComposing");
	struct group *group = own_group(call);
	struct buf content, text;

	if (!group)
		return;
	buf_init(&content, CONTENT_MAX);
	buf_init(&text, CONTENT_MAX);
	if (strcmp(group_find(group, call->user->address)->status, "Connected") != 0)
		answer_error(&call->answer, 403, "POL0001", "A policy error occurred. Error code is %1",
			"not connected");
	else if (json_exists(composing))
		compose(call, group, composing);
	else if (chat_content(call, call_json(call, "chatMessage"), &content, &text))
		say(call, group, buf_take(&content), text.data);
	buf_release(&content);
	buf_release(&text);
}

static struct thread *thread_of(struct call *call)
{
	return world_thread(&call->s->world, call->user, THREAD_GROUP, call->args[0], false);
}

void handle_group_history(struct call *call)
{
	if (own_group(call))
		history_page(call, thread_of(call), "chatMessageList", "chatMessage");
}

void handle_group_message_get(struct call *call)
{
	history_message(call, thread_of(call), call->args[1]);
}

void handle_group_message_delete(struct call *call)
{
	history_delete(call, thread_of(call), call->args[1]);
}

void handle_group_clear(struct call *call)
{
	history_clear(call, thread_of(call));
}

void handle_group_status_get(struct call *call)
{
	history_status(call, thread_of(call), call->args[1], false);
}

void handle_group_status_put(struct call *call)
{
	history_status(call, thread_of(call), call->args[1], true);
}

void handle_group_sessions(struct call *call)
{
	history_sessions(call, THREAD_GROUP);
}
