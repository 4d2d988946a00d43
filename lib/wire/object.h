/*
 * object.h - uploads an attachment: the two parts of the request, and the object ID in the response (protocol.md,
 * "Attachments"). Pure.
 */
#ifndef KANDY_WIRE_OBJECT_H
#define KANDY_WIRE_OBJECT_H

#include "http/http.h"
#include "json/json.h"

/* Appends the path of the request: "/cpaas/nms/v1/chat/{userId}/objects". */
void object_path(struct buf *out, const char *user_id);

/* Fills the parts of a request that uploads `size` bytes of `fd`; everything is borrowed. */
void object_form(struct http_part parts[static 2], int fd, int64_t size, const char *name, const char *type);

/* The `x-id` of the new object in `*xid` (free it). ST_PROTOCOL if the response has none. */
enum status object_decode(struct json_value response, char **xid, struct err *err) MUST_USE;

#endif
