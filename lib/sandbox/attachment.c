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
	char first[24] = "", last[24] = "";
	int64_t a = 0, b = size - 1;
	const char *dash;

	if (!value || !str_starts_with(value, "bytes=") || strchr(value, ',') || !(dash = strchr(value, '-')))
		return RANGE_NONE;
	value += strlen("bytes=");
	if (dash - value >= (ptrdiff_t)sizeof(first) || strlen(dash + 1) >= sizeof(last))
		return RANGE_NONE;
	memcpy(first, value, (size_t)(dash - value));
	memcpy(last, dash + 1, strlen(dash + 1));
	if ((*first && (!str_parse_int64(first, &a) || a < 0)) || (*last && (!str_parse_int64(last, &b) || b < 0)) ||
		(!*first && !*last))
		return RANGE_NONE;
	if (!*first) {
		a = b < size ? size - b : 0;
		if (!b)
			return RANGE_IMPOSSIBLE;
		b = size - 1;
	}
	if (*first && *last && b < a)
		return RANGE_NONE;
	if (a >= size)
		return RANGE_IMPOSSIBLE;
	*from = a;
	*len = (b < size ? b : size - 1) - a + 1;
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
	struct object *object = table_get(&call->s->world.objects, call->args[1]);
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
