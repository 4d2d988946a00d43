#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "base/str.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64 * 1024 };

void attachment_json(const struct sandbox *s, struct buf *out, const char *key, const struct object *object,
	const char *name)
{
	char *link = xasprintf("%s/cpaas/nms/v1/chat/%s/objects/%s/payload",
		s->config->relative_links ? "" : s->base_url, object->owner->id, object->id);

	if (key)
		json_open_key(out, key, '{');
	else
		json_open(out, '{');
	json_add_string(out, "link", link);
	json_add_string(out, "name", name ? name : object->name);
	json_add_int(out, "size", object->size);
	json_add_string(out, "type", object->type);
	json_add_string(out, "x-id", object->id);
	json_close(out, '}');
	free(link);
}

/* ---- uploads -------------------------------------------------------------------------------------------------- */

struct upload {
	struct sandbox *s;
	struct user *user;
	struct multipart multipart;
	enum multipart_result result;
	struct form_part parts[FORM_PARTS_MAX];
	size_t part_count;
	struct sha256 *digest; /* of the part that is open */
	struct buf fields; /* root-fields */
	struct object *object; /* raw */
	int refused; /* the status to refuse it with */
	const char *wrong; /* which part is wrong */
};

static bool refuse(struct upload *upload, int status, const char *part)
{
	if (!upload->refused) {
		upload->refused = status;
		upload->wrong = part;
	}
	return false;
}

/* root-fields comes first and raw second, as the vendor's client sends them. */
static bool part_begin(void *arg, const struct multipart_part *part)
{
	static const char *const order[] = { "root-fields", "raw" };
	struct upload *upload = arg;
	struct form_part *seen = &upload->parts[upload->part_count];

	if (upload->part_count == FORM_PARTS_MAX)
		return refuse(upload, 400, "parts");
	*seen = (struct form_part){ xstrdup(part->name), xstrdup(part->filename), xstrdup(part->type), 0, "" };
	upload->part_count++;
	if (sha256_new(&upload->digest, NULL))
		return refuse(upload, 500, "digest");
	if (upload->part_count > 2 || strcmp(part->name, order[upload->part_count - 1]) != 0)
		return refuse(upload, 400, upload->part_count > 2 ? "parts" : order[upload->part_count - 1]);
	if (upload->part_count == 2) {
		upload->object = world_object_new(&upload->s->world, upload->user);
		if (!upload->object)
			return refuse(upload, 507, "raw");
		upload->object->name = xstrdup(part->filename);
		upload->object->type = xstrdup(*part->type ? part->type : "application/octet-stream");
	}
	return true;
}

static bool part_data(void *arg, const char *p, size_t len)
{
	struct upload *upload = arg;

	upload->parts[upload->part_count - 1].bytes += (int64_t)len;
	sha256_update(upload->digest, p, len);
	if (!upload->object)
		return buf_add(&upload->fields, p, len) || refuse(upload, 413, "root-fields");
	return world_object_write(&upload->s->world, upload->object, p, len) || refuse(upload, 413, "raw");
}

static bool part_end(void *arg)
{
	struct upload *upload = arg;

	sha256_finish(upload->digest, upload->parts[upload->part_count - 1].digest);
	upload->digest = NULL;
	return true;
}

struct upload *upload_new(struct sandbox *s, struct user *user, const char *content_type)
{
	static const struct multipart_handler handler = { part_begin, part_data, part_end };
	struct upload *upload = xcalloc(1, sizeof(*upload));

	upload->s = s;
	upload->user = user;
	buf_init(&upload->fields, FIELDS_MAX);
	if (!multipart_init(&upload->multipart, content_type, &handler, upload))
		refuse(upload, 400, "Content-Type");
	return upload;
}

bool upload_take(struct upload *upload, const char *p, size_t len)
{
	if (upload->refused)
		return false;
	upload->result = multipart_take(&upload->multipart, p, len);
	return upload->result != MULTIPART_BAD || refuse(upload, 400, "multipart body");
}

/* root-fields must be the object that OMA Network Message Storage asks for. */
static bool fields_valid(const struct upload *upload)
{
	struct json_doc doc = { 0 };
	bool ok = !json_parse(&doc, upload->fields.data, upload->fields.len, NULL, NULL) &&
		json_type(json_get(json_root(&doc), "object")) == JSON_OBJECT;

	json_release(&doc);
	return ok;
}

static void attribute(struct buf *out, const char *name, const char *value)
{
	json_open(out, '{');
	json_add_string(out, "name", name);
	json_add_string(out, "value", value);
	json_close(out, '}');
}

static void answer_object(const struct upload *upload, struct answer *answer)
{
	const struct object *object = upload->object;
	struct buf *out = answer_json(answer, 201);
	char *link = xasprintf("%s/cpaas/nms/v1/chat/%s/objects/%s/payload",
		upload->s->config->relative_links ? "" : upload->s->base_url, object->owner->id, object->id);

	json_open(out, '{');
	json_open_key(out, "object", '{');
	json_open_key(out, "attributes", '{');
	json_open_key(out, "attribute", '[');
	attribute(out, "link", link);
	attribute(out, "name", object->name);
	json_open(out, '{');
	json_add_string(out, "name", "size");
	json_add_int(out, "value", object->size);
	json_close(out, '}');
	attribute(out, "type", object->type);
	attribute(out, "x-id", object->id);
	json_close(out, ']');
	json_close(out, '}');
	json_open_key(out, "flags", '{');
	json_open_key(out, "flag", '[');
	json_close(out, ']');
	json_close(out, '}');
	json_close(out, '}');
	json_close(out, '}');
	free(link);
}

void upload_finish(struct upload *upload, struct answer *answer, int64_t now)
{
	if (!upload->refused && (upload->result != MULTIPART_DONE || upload->part_count != 2))
		refuse(upload, 400, "parts");
	if (!upload->refused && !fields_valid(upload))
		refuse(upload, 400, "root-fields");
	if (upload->refused) {
		answer_error(answer, upload->refused, "SVC0002", "Invalid input value for message part %1",
			upload->wrong);
		return;
	}
	memcpy(upload->object->digest, upload->parts[1].digest, sizeof(upload->object->digest));
	world_object_publish(&upload->s->world, upload->object, now);
	answer_object(upload, answer);
	upload->object = NULL;
}

size_t upload_parts(const struct upload *upload, const struct form_part **parts)
{
	*parts = upload->parts;
	return upload->part_count;
}

void upload_free(struct upload *upload)
{
	if (!upload)
		return;
	for (size_t i = 0; i < upload->part_count; i++) {
		free(upload->parts[i].name);
		free(upload->parts[i].filename);
		free(upload->parts[i].type);
	}
	sha256_free(upload->digest);
	if (upload->object)
		world_object_free(&upload->s->world, upload->object);
	multipart_release(&upload->multipart);
	buf_release(&upload->fields);
	free(upload);
}

/* ---- downloads ------------------------------------------------------------------------------------------------ */

enum range { RANGE_NONE, RANGE_PART, RANGE_IMPOSSIBLE };

/* "bytes=5-", "bytes=5-9", "bytes=-5"; what is not understood is as good as none (RFC 9110, 14.2). */
static enum range parse_range(const char *value, int64_t size, int64_t *from, int64_t *len)
{
	char first[24] = "", last[24] = "";
	int64_t a = 0, b = size - 1;
	const char *dash;

	if (!value || !starts_with(value, "bytes=") || strchr(value, ',') || !(dash = strchr(value, '-')))
		return RANGE_NONE;
	value += strlen("bytes=");
	if (dash - value >= (ptrdiff_t)sizeof(first) || strlen(dash + 1) >= sizeof(last))
		return RANGE_NONE;
	memcpy(first, value, (size_t)(dash - value));
	memcpy(last, dash + 1, strlen(dash + 1));
	if ((*first && (!parse_int64(first, &a) || a < 0)) || (*last && (!parse_int64(last, &b) || b < 0)) ||
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

void handle_object_get(struct call *call)
{
	struct answer *answer = &call->answer;
	struct object *object = table_get(&call->s->world.objects, call->args[0]);
	char etag[40], range[80];
	int64_t from = 0, len;

	if (!object) {
		answer_not_found(answer, "objectId");
		return;
	}
	len = object->size;
	snprintf(etag, sizeof(etag), "\"%.32s\"", object->digest);
	answer->status = 200;
	switch (wanted_range(call, object, etag, &from, &len)) {
	case RANGE_IMPOSSIBLE:
		answer_error(answer, 416, "SVC0002", "Invalid input value for message part %1", "Range");
		snprintf(range, sizeof(range), "bytes */%lld", (long long)object->size);
		answer_header(answer, "Content-Range", range);
		return;
	case RANGE_PART:
		answer->status = 206;
		snprintf(range, sizeof(range), "bytes %lld-%lld/%lld", (long long)from, (long long)(from + len - 1),
			(long long)object->size);
		answer_header(answer, "Content-Range", range);
		break;
	case RANGE_NONE: break;
	}
	answer_header(answer, "ETag", etag);
	answer_header(answer, "Accept-Ranges", call->s->config->no_range ? "none" : "bytes");
	answer_header(answer, "Content-Disposition", "attachment");
	answer_header(answer, "X-Content-Type-Options", "nosniff");
	answer->type = object->type;
	answer->object = object;
	answer->from = from;
	answer->left = len;
	world_object_hold(object);
}
