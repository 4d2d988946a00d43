#include "client/group.h"

#include "client/channel.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX ((size_t)16 * 1024)
#define INFORMATION "groupChatSessionInformation"

void group_release(struct group *group)
{
	free(group->id);
	free(group->name);
	free(group->subject);
	free(group->type);
	free(group->image);
	for (size_t i = 0; i < group->member_count; i++) {
		free(group->members[i].address);
		free(group->members[i].status);
	}
	free(group->members);
	*group = (struct group){ 0 };
}

void group_list_release(struct group_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		group_release(&list->items[i]);
	free(list->items);
	*list = (struct group_list){ 0 };
}

struct group_member *group_add_member(struct group *group, const char *address, bool admin)
{
	struct group_member *member;

	group->members = xgrow(group->members, group->member_count, &group->member_cap, sizeof(*group->members));
	member = &group->members[group->member_count++];
	*member = (struct group_member){ .address = xstrdup(address), .admin = admin };
	return member;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void encode_member(struct buf *out, const char *key, const char *address, bool admin)
{
	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	json_add_string(out, "address", address);
	json_add_bool(out, "x-isAdmin", admin);
	json_close(out, '}');
}

static void add_optional(struct buf *out, const char *key, const char *value)
{
	if (value)
		json_add_string(out, key, value);
}

void group_encode(struct buf *out, const struct group *group)
{
	json_open(out, '{');
	json_open_key(out, INFORMATION, '{');
	json_open_key(out, "participant", '[');
	for (size_t i = 0; i < group->member_count; i++)
		encode_member(out, NULL, group->members[i].address, group->members[i].admin);
	json_close(out, ']');
	add_optional(out, "subject", group->subject);
	add_optional(out, "x-name", group->name);
	add_optional(out, "x-type", group->type);
	add_optional(out, "x-image", group->image);
	json_close(out, '}');
	json_close(out, '}');
}

/* What follows "/group/" in a resourceURL, decoded; NULL if there is none. */
static char *id_of(struct json_value resource_url)
{
	char *url = json_dup(resource_url);
	char *at = url ? strstr(url, "/group/") : NULL;
	struct buf id;

	buf_init(&id, PATH_BYTES_MAX);
	if (at && !percent_decode(&id, at + 7, strcspn(at + 7, "/?#")))
		buf_clear(&id);
	free(url);
	if (id.len && !memchr(id.data, '\0', id.len))
		return buf_take(&id);
	buf_release(&id);
	return NULL;
}

static void decode_member(struct group *group, struct json_value object)
{
	char *address = json_dup(json_get(object, "address"));
	bool admin = false;

	if (!address)
		return;
	json_bool(json_get(object, "x-isAdmin"), &admin);
	group_add_member(group, address, admin)->status = json_dup(json_get(object, "status"));
	free(address);
}

enum status group_decode(struct json_value object, struct group *group, struct err *err)
{
	struct json_value people = json_get(object, "participant");

	*group = (struct group){ .id = id_of(json_get(object, "resourceURL")) };
	if (!group->id)
		return err_set(err, ST_PROTOCOL, "the server's answer names no group (field 'resourceURL')");
	group->name = json_dup(json_get(object, "x-name"));
	group->subject = json_dup(json_get(object, "subject"));
	group->type = json_dup(json_get(object, "x-type"));
	group->image = json_dup(json_get(object, "x-image"));
	if (json_type(people) == JSON_OBJECT)
		decode_member(group, people);
	for (struct json_iter it = json_first(people); json_type(people) == JSON_ARRAY && json_more(it);
		it = json_next(it))
		decode_member(group, it.value);
	return ST_OK;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* METHOD .../group[/ID][/participants[/ADDRESS[/status]]] */
struct request {
	const char *method, *id;
	const char *below; /* "/participants", or NULL */
	const char *address; /* behind it, or NULL */
	const char *last; /* "/status", or NULL */
	const struct buf *body;
};

static void add_segment(struct buf *path, const char *segment)
{
	buf_addc(path, '/');
	percent_encode_segment(path, segment, strlen(segment));
}

static enum status ask(struct client *client, const struct request *request, struct client_response *answer,
	struct err *err)
{
	struct client_call call = { .method = request->method };
	struct buf path;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, "chat", "/group");
	if (request->id)
		add_segment(&path, request->id);
	buf_adds(&path, request->below ? request->below : "");
	if (request->address)
		add_segment(&path, request->address);
	buf_adds(&path, request->last ? request->last : "");
	call.path = path.data;
	if (request->body) {
		call.json = request->body->data;
		call.json_len = request->body->len;
	}
	st = client_call(client, &call, answer, err);
	buf_release(&path);
	return st;
}

static enum status ask_to_delete(struct client *client, const struct request *request, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = ask(client, request, NULL, &why);

	if (!st || channel_is_gone(&why))
		return ST_OK;
	*err = why;
	return st;
}

enum status group_fetch_all(struct client *client, struct group_list *list, struct err *err)
{
	const struct request request = { .method = "GET" };
	struct client_response answer = { 0 };
	struct json_value groups;
	enum status st = ask(client, &request, &answer, err);

	groups = json_get(json_get(json_root(&answer.json), INFORMATION "List"), INFORMATION);
	for (struct json_iter it = json_first(groups); !st && json_type(groups) == JSON_ARRAY && json_more(it);
		it = json_next(it)) {
		list->items = xgrow(list->items, list->count, &list->cap, sizeof(*list->items));
		if (!(st = group_decode(it.value, &list->items[list->count], err)))
			list->count++;
	}
	client_response_release(&answer);
	return st;
}

static enum status ask_group(struct client *client, const struct request *request, struct group *group, struct err *err)
{
	struct client_response answer = { 0 };
	enum status st = ask(client, request, &answer, err);

	if (!st)
		st = group_decode(json_get(json_root(&answer.json), INFORMATION), group, err);
	client_response_release(&answer);
	return st;
}

enum status group_fetch(struct client *client, const char *id, struct group *group, struct err *err)
{
	const struct request request = { .method = "GET", .id = id };

	return ask_group(client, &request, group, err);
}

enum status group_create(struct client *client, const struct group *wanted, struct group *made, struct err *err)
{
	struct request request = { .method = "POST" };
	struct buf body;
	enum status st;

	buf_init(&body, BUF_NO_MAX);
	group_encode(&body, wanted);
	request.body = &body;
	st = ask_group(client, &request, made, err);
	buf_release(&body);
	return st;
}

enum status group_delete(struct client *client, const char *id, struct err *err)
{
	const struct request request = { .method = "DELETE", .id = id };

	return ask_to_delete(client, &request, err);
}

enum status group_invite(struct client *client, const char *id, const char *address, bool admin, struct err *err)
{
	struct request request = { .method = "POST", .id = id, .below = "/participants" };
	struct buf body;
	enum status st;

	buf_init(&body, BUF_NO_MAX);
	json_open(&body, '{');
	encode_member(&body, "participantInformation", address, admin);
	json_close(&body, '}');
	request.body = &body;
	st = ask(client, &request, NULL, err);
	buf_release(&body);
	return st;
}

enum status group_remove_member(struct client *client, const char *id, const char *address, struct err *err)
{
	const struct request request = { .method = "DELETE", .id = id, .below = "/participants", .address = address };

	return ask_to_delete(client, &request, err);
}

enum status group_join(struct client *client, const char *id, struct err *err)
{
	struct request request = { .method = "PUT",
		.id = id,
		.below = "/participants",
		.last = "/status",
		.address = client_session(client)->address };
	struct buf body;
	enum status st;

	buf_init(&body, BUF_NO_MAX);
	json_open(&body, '{');
	json_open_key(&body, "participantSessionStatus", '{');
	json_add_string(&body, "status", "Connected");
	json_close(&body, '}');
	json_close(&body, '}');
	request.body = &body;
	st = ask(client, &request, NULL, err);
	buf_release(&body);
	return st;
}
