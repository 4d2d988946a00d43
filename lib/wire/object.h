/*
 * object.h - an attachment on its way up: the two parts of the request, and the object that the answer names
 * (protocol.md, "Attachments"). Pure.
 */
#ifndef KANDY_WIRE_OBJECT_H
#define KANDY_WIRE_OBJECT_H

#include "http/http.h"
#include "json/json.h"

/* Appends the path to post to: "/cpaas/nms/v1/chat/{userId}/objects". */
void object_path(struct buf *out, const char *user_id);

/* Fills the parts of a request for `size` bytes of `fd`; everything is borrowed. */
void object_form(struct http_part parts[static 2], int fd, int64_t size, const char *name, const char *type);

/* The `x-id` of the object that was made, in `*xid` (free it). ST_PROTOCOL if the answer has none. */
enum status object_decode(struct json_value answer, char **xid, struct err *err) MUST_USE;

#endif
