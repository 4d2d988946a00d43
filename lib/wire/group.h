/*
 * group.h - group conversations, and the bodies of requests and responses about them (PROTOCOL.md, "Groups"). Pure.
 */
#ifndef KANDY_WIRE_GROUP_H
#define KANDY_WIRE_GROUP_H

#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

#define GROUP_KEY "groupChatSessionInformation" /* the key of a group in a body */

struct group_member {
	char *address, *status; /* status: "Invited", "Connected", ..., or NULL */
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

/* The bodies that create a group, invite a member, and accept an invitation. */
void group_encode(struct buf *out, const struct group *group);
void group_encode_member(struct buf *out, const char *address, bool admin);
#define GROUP_JOIN_BODY "{\"participantSessionStatus\":{\"status\":\"Connected\"}}"

/* `object` is the value of GROUP_KEY. ST_PROTOCOL if its resourceURL has no ID; `group` is empty then. */
enum status group_decode(struct json_value object, struct group *group, struct err *err) MUST_USE;

/* Appends the groups of a list. */
enum status group_decode_list(struct json_value response, struct group_list *list, struct err *err) MUST_USE;

#endif
