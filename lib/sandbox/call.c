#include "sandbox/sandbox-int.h"

#include "base/str.h"

#include <stdlib.h>

struct json_value call_json(const struct call *call, const char *key)
{
	return json_get(json_root(&call->doc), key);
}

int64_t call_int(const struct call *call, const char *key, int64_t fallback)
{
	int64_t n;

	return json_int(call_json(call, key), &n) ? n : fallback;
}

bool call_flag(const struct call *call, const char *key, bool fallback)
{
	json_bool(call_json(call, key), &fallback);
	return fallback;
}

bool call_user(struct call *call, const char *key, bool needed, struct user **user)
{
	struct json_value value = call_json(call, key);
	char *address = json_dup(value);

	*user = address ? world_user(&call->s->world, address) : NULL;
	free(address);
	if (*user || (!json_exists(value) && !needed))
		return true;
	response_invalid(&call->response, key);
	return false;
}

bool call_query(const struct call *call, const char *name, struct buf *out)
{
	return sandbox_request_form(call->request->query, name, out);
}

bool call_query_int(const struct call *call, const char *name, int64_t *value)
{
	struct buf text;
	bool ok;

	buf_init(&text, 64);
	ok = call_query(call, name, &text) && str_parse_int64(text.data, value);
	buf_release(&text);
	return ok;
}

struct buf *call_list_begin(struct call *call, const char *list_key, const char *key)
{
	struct buf *out = response_json(&call->response, 200);

	jsonf(out, "{%s:{%s:[", list_key, key);
	return out;
}

void call_list_end(struct call *call, const char *next)
{
	struct buf *out = &call->response.body;

	jsonf(out, "]");
	jsonf_optional(out, "next", next);
	jsonf(out, "'resourceURL':%s}}", call->request->path);
}
