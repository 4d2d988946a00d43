/* Downloads of attachments, and their links. */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

char *attachment_link(const struct sandbox *s, const struct object *object)
{
	return xasprintf("%s/cpaas/nms/v1/chat/%s/objects/%s/payload", s->config->relative_links ? "" : s->base_url,
		object->owner->id, object->id);
}

enum range { RANGE_NONE, RANGE_PART, RANGE_IMPOSSIBLE };

/* "bytes=5-", "bytes=5-9", "bytes=-5". Any other value is ignored (RFC 9110, 14.2). */
static enum range parse_range(const char *value, int64_t size, int64_t *from, int64_t *len)
{
	char text[64], *dash;
	int64_t first = 0, last = size - 1;

	if (!value || !str_starts_with(value, "bytes=") || strlen(value) >= sizeof(text))
		return RANGE_NONE;
	snprintf(text, sizeof(text), "%s", value + strlen("bytes="));
	dash = strchr(text, '-');
	if (!dash)
		return RANGE_NONE;
	*dash++ = '\0';
	if (*dash && (!str_parse_int64(dash, &last) || last < 0))
		return RANGE_NONE;
	if (*text ? !str_parse_int64(text, &first) || first < 0 || (*dash && last < first) : !*dash)
		return RANGE_NONE;
	if (!*text) { /* the last bytes */
		first = last < size ? size - last : 0;
		last = last ? size - 1 : -1;
	}
	if (first >= size || last < 0)
		return RANGE_IMPOSSIBLE;
	*from = first;
	*len = (last < size ? last : size - 1) - first + 1;
	return RANGE_PART;
}

static enum range wanted_range(const struct call *call, const struct object *object, const char *etag, int64_t *from,
	int64_t *len)
{
	const char *condition = sandbox_request_header(call->request, "if-range");

	if (call->s->config->no_range || (condition && strcmp(condition, etag) != 0))
		return RANGE_NONE;
	return parse_range(sandbox_request_header(call->request, "range"), object->size, from, len);
}

static void get_object(struct call *call)
{
	struct response *response = &call->response;
	struct object *object = world_find(&call->s->world.objects, call->args[1]);
	char etag[40], range[80];
	int64_t from = 0, len;

	if (!object) {
		response_not_found(response, "objectId");
		return;
	}
	len = object->size;
	snprintf(etag, sizeof(etag), "\"%.32s\"", object->digest);
	response->status = 200;
	switch (wanted_range(call, object, etag, &from, &len)) {
	case RANGE_IMPOSSIBLE:
		response_error(response, 416, "SVC0002", "Range");
		snprintf(range, sizeof(range), "bytes */%lld", (long long)object->size);
		response_header(response, "Content-Range", range);
		return;
	case RANGE_PART:
		response->status = 206;
		snprintf(range, sizeof(range), "bytes %lld-%lld/%lld", (long long)from, (long long)(from + len - 1),
			(long long)object->size);
		response_header(response, "Content-Range", range);
		break;
	case RANGE_NONE: break;
	}
	response_header(response, "ETag", etag);
	response_header(response, "Accept-Ranges", call->s->config->no_range ? "none" : "bytes");
	response_header(response, "Content-Disposition", "attachment");
	response_header(response, "X-Content-Type-Options", "nosniff");
	response->type = object->type;
	response->object = object;
	response->from = from;
	response->left = len;
	object_hold(object);
}

/* Any user may download any attachment: the first ":" is the owner. */
const struct route attachment_routes[] = {
	{ "GET", "cpaas/nms/v1/chat/:/objects/:/payload", get_object, 0, 0 },
	{ 0 },
};
