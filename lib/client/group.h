/*
 * group.h - group conversations (protocol.md, "Groups").
 */
#ifndef KANDY_CLIENT_GROUP_H
#define KANDY_CLIENT_GROUP_H

#include "client/client.h"

struct group_member {
	char *address, *status; /* status: "Invited", "Connected", ...; NULL where it is not said */
	bool admin;
};

struct group {
	char *id;
	char *name, *subject, *type, *image; /* or NULL */
	struct group_member *members;
	size_t member_count, member_cap;
};

struct group_list {
	struct group *items;
	size_t count, cap;
};

void group_release(struct group *group); /* also for a zeroed struct */
void group_list_release(struct group_list *list);
struct group_member *group_add_member(struct group *group, const char *address, bool admin);

/* Pure. The body that makes a group. */
void group_encode(struct buf *out, const struct group *group);

/*
 * Pure. `object` is a groupChatSessionInformation. ST_PROTOCOL where it has no resourceURL with an
 * ID; `group` is empty then.
 */
enum status group_decode(struct json_value object, struct group *group, struct err *err) MUST_USE;

enum status group_fetch_all(struct client *client, struct group_list *list, struct err *err) MUST_USE;
enum status group_fetch(struct client *client, const char *id, struct group *group, struct err *err) MUST_USE;

/* Makes one like `wanted` (its ID does not count); `made` is what the service made of it. */
enum status group_create(struct client *client, const struct group *wanted, struct group *made,
	struct err *err) MUST_USE;
enum status group_delete(struct client *client, const char *id, struct err *err) MUST_USE; /* gone already is done */

enum status group_invite(struct client *client, const char *id, const char *address, bool admin,
	struct err *err) MUST_USE;
/* Somebody, or oneself: that is to leave, or to reject an invitation. Gone already is done. */
enum status group_remove_member(struct client *client, const char *id, const char *address, struct err *err) MUST_USE;
enum status group_join(struct client *client, const char *id, struct err *err) MUST_USE; /* accepts an invitation */

#endif
