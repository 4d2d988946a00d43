/* Uploads: multipart/form-data with the parts root-fields and raw, written to an object while it arrives. */
#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "crypto/crypto.h"
#include "sandbox/multipart.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64 * 1024 };

struct form_upload {
	struct sandbox *s;
	struct user *user;
	struct multipart multipart;
	enum multipart_result result;
	struct form_part parts[FORM_PARTS_MAX];
	size_t part_count;
	struct sha256 *digest; /* of the current part */
	struct buf fields; /* the part root-fields */
	struct object *object; /* the part raw */
	int refused; /* status of the error response; 0: none */
	const char *wrong; /* the part it names */
};

static bool refuse(struct form_upload *upload, int status, const char *part)
{
	if (!upload->refused) {
		upload->refused = status;
		upload->wrong = part;
	}
	return false;
}

/* The order in which the vendor's client sends the parts. */
static bool part_begin(void *arg, const struct multipart_part *part)
{
	static const char *const order[] = { "root-fields", "raw" };
	struct form_upload *upload = arg;
	struct form_part *seen = &upload->parts[upload->part_count];

	if (upload->part_count == FORM_PARTS_MAX)
		return refuse(upload, 400, "parts");
	*seen = (struct form_part){ xstrdup(part->name), xstrdup(part->filename), xstrdup(part->type), 0, "" };
	upload->part_count++;
	if (crypto_sha256_new(&upload->digest, NULL))
		return refuse(upload, 500, "digest");
	if (upload->part_count > 2 || strcmp(part->name, order[upload->part_count - 1]) != 0)
		return refuse(upload, 400, upload->part_count > 2 ? "parts" : order[upload->part_count - 1]);
	if (upload->part_count == 2) {
		upload->object = object_new(&upload->s->world, upload->user);
		if (!upload->object)
			return refuse(upload, 507, "raw");
		upload->object->name = xstrdup(part->filename);
		upload->object->type = xstrdup(*part->type ? part->type : "application/octet-stream");
	}
	return true;
}

static bool part_data(void *arg, const char *p, size_t len)
{
	struct form_upload *upload = arg;

	upload->parts[upload->part_count - 1].bytes += (int64_t)len;
	crypto_sha256_update(upload->digest, p, len);
	if (!upload->object)
		return buf_add(&upload->fields, p, len) || refuse(upload, 413, "root-fields");
	return object_write(&upload->s->world, upload->object, p, len) || refuse(upload, 413, "raw");
}

static bool part_end(void *arg)
{
	struct form_upload *upload = arg;

	crypto_sha256_finish(upload->digest, upload->parts[upload->part_count - 1].digest);
	upload->digest = NULL;
	return true;
}

struct form_upload *upload_new(struct sandbox *s, struct user *user, const char *content_type)
{
	static const struct multipart_handler handler = { part_begin, part_data, part_end };
	struct form_upload *upload = xcalloc(1, sizeof(*upload));

	upload->s = s;
	upload->user = user;
	buf_init(&upload->fields, FIELDS_MAX);
	if (!multipart_init(&upload->multipart, content_type, &handler, upload))
		refuse(upload, 400, "Content-Type");
	return upload;
}

bool upload_add(struct form_upload *upload, const char *p, size_t len)
{
	if (upload->refused)
		return false;
	upload->result = multipart_add(&upload->multipart, p, len);
	return upload->result != MULTIPART_BAD || refuse(upload, 400, "multipart body");
}

/* OMA Network Message Storage requires the object in root-fields. */
static bool fields_valid(const struct form_upload *upload)
{
	struct json_doc doc = { 0 };
	bool ok = !json_parse(&doc, upload->fields.data, upload->fields.len, NULL, NULL) &&
		json_type(json_get(json_root(&doc), "object")) == JSON_OBJECT;

	json_release(&doc);
	return ok;
}

static void respond_object(struct form_upload *upload, struct response *response)
{
	const struct object *object = upload->object;
	struct buf *out = response_json(response, 201);
	char *link = attachment_link(upload->s, object);

	jsonf(out, "{'object':{'attributes':{'attribute':[");
	jsonf(out, "{'name':'link','value':%s},{'name':'name','value':%s},", link, object->name);
	jsonf(out, "{'name':'size','value':%jd},{'name':'type','value':%s},", object->size, object->type);
	jsonf(out, "{'name':'x-id','value':%s}]},'flags':{'flag':[]}}}", object->id);
	free(link);
}

void upload_finish(struct form_upload *upload, struct response *response)
{
	if (!upload->refused && (upload->result != MULTIPART_DONE || upload->part_count != 2))
		refuse(upload, 400, "parts");
	if (!upload->refused && !fields_valid(upload))
		refuse(upload, 400, "root-fields");
	if (upload->refused) {
		response_error(response, upload->refused, "SVC0002", upload->wrong);
		return;
	}
	memcpy(upload->object->digest, upload->parts[1].digest, sizeof(upload->object->digest));
	object_publish(&upload->s->world, upload->object);
	respond_object(upload, response);
	upload->object = NULL;
}

size_t upload_parts(const struct form_upload *upload, const struct form_part **parts)
{
	*parts = upload->parts;
	return upload->part_count;
}

void upload_free(struct form_upload *upload)
{
	if (!upload)
		return;
	for (size_t i = 0; i < upload->part_count; i++) {
		free(upload->parts[i].name);
		free(upload->parts[i].filename);
		free(upload->parts[i].type);
	}
	crypto_sha256_free(upload->digest);
	if (upload->object)
		object_free(&upload->s->world, upload->object);
	multipart_release(&upload->multipart);
	buf_release(&upload->fields);
	free(upload);
}
