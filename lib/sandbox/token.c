/*
 * Access, ID and refresh tokens are JWTs (HS256), valid if their signature, expiry time and login are. A refresh token
 * can be used once and is replaced by each use, as strict OpenID Connect servers do.
 */
#include "sandbox/sandbox-int.h"

#include "base/base64.h"
#include "base/random.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 16 * 1024 };

static void add_signature(const struct sandbox *s, struct buf *token)
{
	unsigned char mac[32];
	struct err err;

	if (crypto_hmac_sha256(s->token_key, sizeof(s->token_key), token->data, token->len, mac, &err))
		BUG("%s", err.text);
	buf_addc(token, '.');
	base64_encode_url(token, mac, sizeof(mac));
}

/* base64 turns 3 bytes into 4; header and signature take about 100 bytes. */
static void add_padding(struct buf *claims, int64_t token_size)
{
	int64_t missing = (token_size - 100) * 3 / 4 - (int64_t)claims->len - 14;
	struct buf padding;

	buf_init(&padding, TOKEN_MAX);
	for (int64_t i = 0; i < missing && i < TOKEN_MAX - 1; i++)
		buf_addc(&padding, (char)('a' + random_below(26)));
	if (padding.len)
		json_add_string(claims, "padding", padding.data);
	buf_release(&padding);
}

static void add_jwt(const struct sandbox *s, struct buf *out, const char *key, const struct buf *claims)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"sandbox\"}";
	struct buf token;

	buf_init_secret(&token, 4 * TOKEN_MAX);
	base64_encode_url(&token, head, sizeof(head) - 1);
	buf_addc(&token, '.');
	base64_encode_url(&token, claims->data, claims->len);
	add_signature(s, &token);
	json_add_string_len(out, key, token.data, token.len);
	buf_release(&token);
}

/* `key` is "access_token", "id_token" or "refresh_token". */
static void add_token(struct sandbox *s, struct buf *out, const char *key, struct login *login, int64_t now)
{
	bool access = *key == 'a', refresh = *key == 'r';
	int64_t life_ms = refresh ? s->config->refresh_life_ms : s->config->token_life_ms;
	const struct user *user = login->user;
	struct buf claims;
	char id[33];

	random_id(id);
	buf_init_secret(&claims, 2 * TOKEN_MAX);
	jsonf(&claims, "{'exp':%jd,'iat':%jd,'jti':%s,'iss':%s,'aud':'cpaas','sub':%s,'typ':%s",
		now / 1000 + (life_ms + 999) / 1000, now / 1000, id, s->base_url, user->id,
		access            ? "Bearer"
			: refresh ? "Refresh"
				  : "ID");
	/* `exp` has no milliseconds */
	jsonf(&claims, "'azp':%s,'session_state':%s,'x-until':%jd", SANDBOX_CLIENT_ID, login->id, now + life_ms);
	if (refresh) {
		random_id(login->refresh_id);
		jsonf(&claims, "'refresh':%s", login->refresh_id);
	} else {
		jsonf(&claims, "'preferred_username':%s,'services-identity':%s,'email':%s,'name':%s", user->id,
			user->address, user->address, user->name);
	}
	if (access) {
		jsonf(&claims, "'serial':%jd", (intmax_t)++s->world.serial);
		add_padding(&claims, s->config->token_size);
	}
	jsonf(&claims, "}");
	add_jwt(s, out, key, &claims);
	buf_release(&claims);
}

static void respond_tokens(struct call *call, struct login *login)
{
	struct sandbox *s = call->s;
	struct buf *out = response_json(&call->response, 200);

	out->secret = true;
	response_header(&call->response, "Cache-Control", "no-store");
	jsonf(out, "{'token_type':'bearer','expires_in':%jd,'refresh_expires_in':%jd,",
		(s->config->token_life_ms + 999) / 1000, (s->config->refresh_life_ms + 999) / 1000);
	jsonf(out, "'not-before-policy':%jd,'session_state':%s,'scope':'openid'", (intmax_t)0, login->id);
	add_token(s, out, "access_token", login, call->now);
	add_token(s, out, "refresh_token", login, call->now);
	add_token(s, out, "id_token", login, call->now);
	jsonf(out, "}");
}

/* The claims of a correctly signed token, as a document that borrows `text`. */
static bool read_token(const struct sandbox *s, const char *token, struct buf *text, struct json_doc *claims)
{
	const char *first = strchr(token, '.'), *last = strrchr(token, '.');
	struct buf own;
	bool ok;

	if (!first || last == first)
		return false;
	buf_init_secret(&own, 4 * TOKEN_MAX);
	buf_add(&own, token, (size_t)(last - token));
	add_signature(s, &own);
	ok = !own.overflow && !strcmp(own.data, token) &&
		base64_decode_url(text, first + 1, (size_t)(last - first) - 1) &&
		!json_parse(claims, text->data, text->len, NULL, NULL);
	buf_release(&own);
	return ok;
}

/* The login of a token of that type; NULL: the token is invalid. */
static struct login *verify(const struct call *call, const char *token, const char *type)
{
	struct json_doc doc = { 0 };
	struct login *login = NULL;
	struct buf text;

	buf_init_secret(&text, 4 * TOKEN_MAX);
	if (read_token(call->s, token, &text, &doc)) {
		struct json_value root = json_root(&doc);
		char *id = json_dup(json_get(root, "session_state"));
		int64_t until = 0, serial = 0;

		login = id && json_equals(json_get(root, "typ"), type) ? world_find(&call->s->world.logins, id) : NULL;
		json_int(json_get(root, "x-until"), &until);
		json_int(json_get(root, "serial"), &serial);
		if (until <= call->now)
			login = NULL;
		else if (login && *type == 'R' && !json_equals(json_get(root, "refresh"), login->refresh_id))
			login = NULL;
		else if (login && *type != 'R' && (uint64_t)serial < login->valid_from)
			login = NULL;
		free(id);
	}
	json_release(&doc);
	buf_release(&text);
	return login;
}

bool token_check(struct call *call, const char *token)
{
	struct login *login = verify(call, token, "Bearer");

	if (!login)
		return false;
	call->login = login;
	call->user = login->user;
	return true;
}

bool token_authorize(struct call *call)
{
	const char *value = sandbox_request_header(call->request, "authorization");

	if (value && !strncasecmp(value, "Bearer ", 7) && token_check(call, value + 7 + strspn(value + 7, " ")))
		return true;
	response_error(&call->response, 401, "SVC0001", value ? "invalid_token" : "missing_token");
	response_header(&call->response, "WWW-Authenticate",
		value ? "Bearer realm=\"sandbox\", error=\"invalid_token\"" : "Bearer realm=\"sandbox\"");
	return false;
}

void token_revoke_all(struct sandbox *s, bool refresh)
{
	for (struct hash_lru_node *node = s->world.login_order.oldest; node; node = node->next) {
		struct login *login = HASH_STRUCT(node, struct login, order);

		login->valid_from = s->world.serial + 1;
		if (refresh)
			*login->refresh_id = '\0';
	}
}

/* ---- the token endpoint ----------------------------------------------------------------------------------------- */

static void respond_error(struct call *call, int status, const char *error, const char *description)
{
	jsonf(response_json(&call->response, status), "{'error':%s,'error_description':%s}", error, description);
}

static void grant_password(struct call *call)
{
	struct user *user = NULL;
	struct buf name, password;

	buf_init(&name, 1024);
	buf_init_secret(&password, 1024);
	if (!sandbox_request_form(call->body, "username", &name) ||
		!sandbox_request_form(call->body, "password", &password))
		respond_error(call, 400, "invalid_request", "Missing form parameter: username or password");
	else if (!(user = world_user(&call->s->world, name.data)) || strcmp(password.data, user->password) != 0)
		respond_error(call, 401, "invalid_grant", "Invalid user credentials");
	else
		respond_tokens(call, world_login_new(&call->s->world, user));
	buf_release(&name);
	buf_release(&password);
}

static void grant_project(struct call *call)
{
	struct world *w = &call->s->world;
	struct buf secret;

	buf_init_secret(&secret, 1024);
	if (sandbox_request_form(call->body, "client_secret", &secret) && !strcmp(secret.data, "sandbox-secret"))
		respond_tokens(call, world_login_new(w, world_add_user(w, "project")));
	else
		respond_error(call, 401, "unauthorized_client", "Invalid client secret");
	buf_release(&secret);
}

static void grant_refresh(struct call *call)
{
	struct login *login;
	struct buf token;

	buf_init_secret(&token, 4 * TOKEN_MAX);
	if (!sandbox_request_form(call->body, "refresh_token", &token))
		respond_error(call, 400, "invalid_request", "Missing form parameter: refresh_token");
	else if ((login = verify(call, token.data, "Refresh")))
		respond_tokens(call, login);
	else
		respond_error(call, 400, "invalid_grant", "Token is not active");
	buf_release(&token);
}

static void create_token(struct call *call)
{
	const char *type = sandbox_request_header(call->request, "content-type");
	struct buf client, grant;

	buf_init(&client, 256);
	buf_init(&grant, 256);
	if (!type || strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0)
		respond_error(call, 415, "invalid_request", "The body must be form-encoded");
	else if (!sandbox_request_form(call->body, "client_id", &client) || strcmp(client.data, SANDBOX_CLIENT_ID) != 0)
		respond_error(call, 401, "invalid_client", "Invalid client credentials");
	else if (!sandbox_request_form(call->body, "grant_type", &grant))
		respond_error(call, 400, "invalid_request", "Missing form parameter: grant_type");
	else if (!strcmp(grant.data, "password"))
		grant_password(call);
	else if (!strcmp(grant.data, "client_credentials"))
		grant_project(call);
	else if (!strcmp(grant.data, "refresh_token"))
		grant_refresh(call);
	else
		respond_error(call, 400, "unsupported_grant_type", "Unsupported grant_type");
	buf_release(&client);
	buf_release(&grant);
}

const struct route token_routes[] = {
	{ "POST", "cpaas/auth/v1/token", create_token, 0, ROUTE_OPEN | ROUTE_FORM },
	{ 0 },
};
