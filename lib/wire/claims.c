#include "wire/claims.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX ((size_t)256 * 1024)

/* A string, or the first one of an array: some identity servers make every claim an array. */
static char *text_claim(struct json_value claims, const char *name)
{
	char *text = json_dup(json_items(json_get(claims, name)).value);

	if (text && !*text) {
		free(text);
		text = NULL;
	}
	return text;
}

static int64_t time_claim(struct json_value claims, const char *name)
{
	int64_t time = 0;

	return json_int(json_get(claims, name), &time) ? clock_bounded_ms(clock_server_ms(time)) : 0;
}

void claims_release(struct claims *claims)
{
	free(claims->user_id);
	free(claims->address);
	*claims = (struct claims){ 0 };
}

enum status claims_decode(const struct secret *token, struct claims *claims, struct err *err)
{
	const char *payload = token->s ? strchr(token->s, '.') : NULL;
	const char *end = payload ? strchr(payload + 1, '.') : NULL;
	struct json_doc doc = { 0 };
	struct json_value root;
	enum status st = ST_OK;
	struct buf text;

	*claims = (struct claims){ 0 };
	buf_init_secret(&text, PAYLOAD_MAX);
	if (!end || !base64_decode_url(&text, payload + 1, (size_t)(end - payload - 1)) ||
		json_parse_lenient(&doc, text.data, text.len, NULL, NULL) ||
		json_type(json_root(&doc)) != JSON_OBJECT) {
		st = err_set(err, ST_PROTOCOL, "invalid token from the server: not a JWT");
		goto out;
	}
	root = json_root(&doc);
	claims->user_id = text_claim(root, "preferred_username");
	claims->address = text_claim(root, "services-identity");
	if (!claims->address)
		claims->address = text_claim(root, "email");
	claims->issued_ms = time_claim(root, "iat");
	claims->expires_ms = time_claim(root, "exp");
out:
	json_release(&doc);
	buf_release(&text);
	return st;
}
