#include "wire/group.h"

#include "base/mem.h"
#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX ((size_t)16 * 1024)

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
	json_open_key(out, GROUP_KEY, '{');
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

void group_encode_member(struct buf *out, const char *address, bool admin)
{
	json_open(out, '{');
	encode_member(out, "participantInformation", address, admin);
	json_close(out, '}');
}

/* The segment after "/group/" of a resourceURL, decoded; NULL if there is none. */
static char *id_of(struct json_value resource_url)
{
	char *url = json_dup(resource_url);
	char *at = url ? strstr(url, "/group/") : NULL;
	struct buf id;

	buf_init(&id, ID_MAX);
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
	*group = (struct group){ .id = id_of(json_get(object, "resourceURL")) };
	if (!group->id)
		return err_set(err, ST_PROTOCOL, "invalid group in the server's response: no ID in 'resourceURL'");
	group->name = json_dup(json_get(object, "x-name"));
	group->subject = json_dup(json_get(object, "subject"));
	group->type = json_dup(json_get(object, "x-type"));
	group->image = json_dup(json_get(object, "x-image"));
	for (struct json_iter it = json_items(json_get(object, "participant")); json_more(it); it = json_next(it))
		decode_member(group, it.value);
	return ST_OK;
}

enum status group_decode_list(struct json_value response, struct group_list *list, struct err *err)
{
	struct json_value groups = json_get(json_get(response, GROUP_KEY "List"), GROUP_KEY);
	enum status st = ST_OK;

	for (struct json_iter it = json_items(groups); !st && json_more(it); it = json_next(it)) {
		list->items = xgrow(list->items, list->count, &list->cap, sizeof(*list->items));
		if (!(st = group_decode(it.value, &list->items[list->count], err)))
			list->count++;
	}
	return st;
}
