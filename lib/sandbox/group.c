/* Chat groups and their participants. Messages to groups are in chat.c and history.c. */
#include "sandbox/sandbox-int.h"

#include <stdlib.h>
#include <string.h>

static void participant_json(struct buf *out, const struct participant *participant)
{
	jsonf(out, "{'address':%s,'status':%s,'x-isAdmin':%d}", participant->address, participant->status,
		participant->admin);
}

static void participants_json(struct buf *out, const struct chat_group *group)
{
	jsonf(out, "'participant':[");
	for (size_t i = 0; i < group->count; i++)
		participant_json(out, &group->people[i]);
	jsonf(out, "]");
}

static void group_url(struct buf *out, const struct user *user, const struct chat_group *group)
{
	buf_init(out, URL_PATH_MAX);
	buf_addf(out, "/cpaas/chat/v1/%s/group/%s", user->id, group->id);
}

static void group_json(struct buf *out, const struct user *user, const struct chat_group *group)
{
	struct buf url;

	group_url(&url, user, group);
	jsonf(out, "{");
	participants_json(out, group);
	jsonf_optional(out, "subject", group->subject);
	jsonf_optional(out, "x-name", group->name);
	jsonf_optional(out, "x-type", group->type);
	jsonf_optional(out, "x-image", group->image);
	jsonf(out, "'resourceURL':%s}", url.data);
	buf_release(&url);
}

static void respond_group(struct call *call, int status, const struct chat_group *group)
{
	struct buf *out = response_json(&call->response, status);

	jsonf(out, "{'groupChatSessionInformation':");
	group_json(out, call->user, group);
	jsonf(out, "}");
}

/* ---- notifications ---------------------------------------------------------------------------------------------- */

/* To one user: an event, or the state of the participant `who` (NULL: of all participants). */
static void push(struct sandbox *s, const char *address, const char *key, const struct chat_group *group,
	const struct participant *who, const char *event)
{
	struct user *user = world_user(&s->world, address);
	struct buf out, url;

	if (!user)
		return;
	group_url(&url, user, group);
	push_begin(&out, key);
	jsonf_optional(&out, "eventType", event);
	if (!event) {
		jsonf_optional(&out, "x-name", group->name);
		jsonf_optional(&out, "subject", group->subject);
		if (who) {
			jsonf(&out, "'participant':[");
			participant_json(&out, who);
			jsonf(&out, "]");
		} else {
			participants_json(&out, group);
		}
	}
	push_link(&out, "groupChatSessionInformation", url.data);
	push_send(s, &out, user, SUBSCRIBED_CHAT, NULL, NULL);
	buf_release(&url);
}

static void push_invitation(struct sandbox *s, const struct chat_group *group, const struct participant *who)
{
	push(s, who->address, "groupChatSessionInvitationNotification", group, NULL, NULL);
}

/* The new state of `who`, to all other participants. */
static void push_participant(struct sandbox *s, const struct chat_group *group, const struct participant *who)
{
	for (size_t i = 0; i < group->count; i++)
		if (strcmp(group->people[i].address, who->address) != 0)
			push(s, group->people[i].address, "chatParticipantStatusNotification", group, who, NULL);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* The group in the path; NULL: the caller is not in it, and the response is a 404. */
static struct chat_group *own_group(struct call *call)
{
	struct chat_group *group = world_find(&call->s->world.groups, call->args[0]);

	if (group && world_participant(group, call->user->address))
		return group;
	response_not_found(&call->response, "groupId");
	return NULL;
}

/* NULL: the response is an error. */
static struct participant *invite(struct call *call, struct chat_group *group, struct json_value wanted)
{
	char *address = json_dup(json_get(wanted, "address"));
	struct user *user = address ? world_user(&call->s->world, address) : NULL;
	struct participant *who = NULL;
	bool admin = false;

	json_bool(json_get(wanted, "x-isAdmin"), &admin);
	if (!user) {
		response_error(&call->response, 404, "SVC0004", address ? address : "participant");
	} else {
		who = world_participant(group, address);
		if (!who)
			who = world_participant_add(group, address, admin,
				user == call->user ? "Connected" : "Invited");
		if (!who)
			response_forbidden(&call->response, "too many participants");
	}
	free(address);
	return who;
}

static void create_group(struct call *call)
{
	struct json_value wanted = call_json(call, "groupChatSessionInformation"),
			  people = json_get(wanted, "participant");
	struct chat_group *group;

	if (json_type(wanted) != JSON_OBJECT) {
		response_invalid(&call->response, "groupChatSessionInformation");
		return;
	}
	group = world_group_new(&call->s->world);
	if (!group) {
		response_forbidden(&call->response, "too many groups");
		return;
	}
	world_participant_add(group, call->user->address, true, "Connected");
	for (struct json_iter it = json_first(people); json_more(it); it = json_next(it))
		if (!invite(call, group, it.value)) {
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
	respond_group(call, 201, group);
}

static void list_groups(struct call *call)
{
	struct buf *out = call_list_begin(call, "groupChatSessionInformationList", "groupChatSessionInformation");
	const struct hash_table *groups = &call->s->world.groups;

	for (size_t i = 0; i < groups->cap; i++)
		for (struct hash_node *node = groups->buckets[i]; node; node = node->next)
			if (world_participant((struct chat_group *)node, call->user->address))
				group_json(out, call->user, (struct chat_group *)node);
	call_list_end(call, NULL);
}

static void get_group(struct call *call)
{
	struct chat_group *group = own_group(call);

	if (group)
		respond_group(call, 200, group);
}

static void delete_group(struct call *call)
{
	struct chat_group *group = own_group(call);

	if (!group)
		return;
	for (size_t i = 0; i < group->count; i++)
		push(call->s, group->people[i].address, "chatEventNotification", group, NULL, "SessionEnded");
	world_group_remove(&call->s->world, group);
	call->response.status = 204;
}

static void add_participant(struct call *call)
{
	struct chat_group *group = own_group(call);
	struct participant *who = group ? invite(call, group, call_json(call, "participantInformation")) : NULL;
	struct buf *out;

	if (!who)
		return;
	push_invitation(call->s, group, who);
	push_participant(call->s, group, who);
	out = response_json(&call->response, 201);
	jsonf(out, "{'participantInformation':");
	participant_json(out, who);
	jsonf(out, "}");
}

/* The participant in the path; NULL: the response is a 404. */
static struct participant *own_participant(struct call *call, struct chat_group *group)
{
	struct participant *who = group ? world_participant(group, call->args[1]) : NULL;

	if (group && !who)
		response_not_found(&call->response, "participantId");
	return who;
}

static void remove_participant(struct call *call)
{
	struct chat_group *group = own_group(call);
	struct participant *who = own_participant(call, group);

	if (!who)
		return;
	who->status = "Disconnected";
	push_participant(call->s, group, who);
	if (strcmp(who->address, call->user->address) != 0)
		push(call->s, who->address, "chatParticipantStatusNotification", group, who, NULL);
	world_participant_remove(group, who);
	call->response.status = 204;
}

static void put_participant_status(struct call *call)
{
	struct chat_group *group = own_group(call);
	struct participant *who = own_participant(call, group);

	if (!who)
		return;
	if (!json_equals_nocase(json_get(call_json(call, "participantSessionStatus"), "status"), "Connected")) {
		response_invalid(&call->response, "status");
		return;
	}
	who->status = "Connected";
	push_participant(call->s, group, who);
	jsonf(response_json(&call->response, 200), "{'participantSessionStatus':{'status':%s}}", who->status);
}

#define GROUP "cpaas/chat/v1/:user/group"

const struct route group_routes[] = {
	{ "POST", GROUP, create_group, 0, 0 },
	{ "GET", GROUP, list_groups, 0, 0 },
	{ "GET", GROUP "/:", get_group, 0, 0 },
	{ "DELETE", GROUP "/:", delete_group, 0, 0 },
	{ "POST", GROUP "/:/participants", add_participant, 0, 0 },
	{ "DELETE", GROUP "/:/participants/:", remove_participant, 0, 0 },
	{ "PUT", GROUP "/:/participants/:/status", put_participant_status, 0, 0 },
	{ 0 },
};
