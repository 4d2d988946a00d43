#include "wire/object.h"

#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

/* The vendor's client sends this before the file. */
static const char root_fields[] = "{\"object\":{\"attributes\":{\"attribute\":[]},\"flags\":{\"flag\":[]}}}";

void object_path(struct buf *out, const char *user_id)
{
	buf_adds(out, "/cpaas/nms/v1/chat/");
	percent_encode_segment(out, user_id, strlen(user_id));
	buf_adds(out, "/objects");
}

void object_form(struct http_part parts[static 2], int fd, int64_t size, const char *name, const char *type)
{
	parts[0] = (struct http_part){
		.name = "root-fields", .data = root_fields, .len = sizeof(root_fields) - 1, .fd = -1
	};
	parts[1] = (struct http_part){ .name = "raw", .filename = name, .content_type = type, .fd = fd, .size = size };
}

enum status object_decode(struct json_value response, char **xid, struct err *err)
{
	struct json_value list = json_get(json_get(json_get(response, "object"), "attributes"), "attribute");

	for (struct json_iter it = json_first(list); json_more(it); it = json_next(it)) {
		char *id;

		if (!json_equals_nocase(json_get(it.value, "name"), "x-id"))
			continue;
		id = json_dup(json_items(json_get(it.value, "value")).value);
		if (id && *id) {
			*xid = id;
			return ST_OK;
		}
		free(id);
	}
	return err_set(err, ST_PROTOCOL, "invalid response to an upload: missing 'x-id'");
}
