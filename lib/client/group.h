/*
 * group.h - requests about group conversations (PROTOCOL.md, "Groups").
 */
#ifndef KANDY_CLIENT_GROUP_H
#define KANDY_CLIENT_GROUP_H

#include "wire/group.h"

struct client;

enum status group_fetch_all(struct client *client, struct group_list *list, struct err *err) MUST_USE;
enum status group_fetch(struct client *client, const char *id, struct group *group, struct err *err) MUST_USE;

/* `wanted` needs no ID; `made` is the group as the service created it. */
enum status group_create(struct client *client, const struct group *wanted, struct group *made,
	struct err *err) MUST_USE;
enum status group_delete(struct client *client, const char *id, struct err *err) MUST_USE; /* it need not exist */

enum status group_invite(struct client *client, const char *id, const char *address, bool admin,
	struct err *err) MUST_USE;
/* The own address leaves the group or rejects the invitation. The member need not exist. */
enum status group_remove_member(struct client *client, const char *id, const char *address, struct err *err) MUST_USE;
enum status group_join(struct client *client, const char *id, struct err *err) MUST_USE; /* accepts an invitation */

#endif
