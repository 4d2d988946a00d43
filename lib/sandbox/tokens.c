/*
 * Access and id tokens are real JWTs (HS256), checked by their signature, their `exp`, and the session that they
 * belong to. Refresh tokens are good once: each use gives a new one, as strict OpenID Connect servers do it.
 */
#include "sandbox/sandbox-int.h"

#include "base/random.h"
#include "base/str.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 16 * 1024 };

static void add_signature(const struct sandbox *s, struct buf *token)
{
	unsigned char mac[32];
	struct err err;

	if (hmac_sha256(s->token_key, sizeof(s->token_key), token->data, token->len, mac, &err))
		BUG("%s", err.text);
	buf_addc(token, '.');
	base64url_encode(token, mac, sizeof(mac));
}

static void make_jwt(const struct sandbox *s, struct buf *token, const struct buf *claims)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"sandbox\"}";

	base64url_encode(token, head, sizeof(head) - 1);
	buf_addc(token, '.');
	base64url_encode(token, claims->data, claims->len);
	add_signature(s, token);
}

static void common_claims(struct sandbox *s, struct buf *claims, const struct session *session, const char *type,
	int64_t now, int64_t life_ms)
{
	char id[33];
	int64_t life = (life_ms + 999) / 1000;

	random_id(id);
	json_open(claims, '{');
	json_add_int(claims, "exp", now / 1000 + life);
	json_add_int(claims, "iat", now / 1000);
	json_add_string(claims, "jti", id);
	json_add_string(claims, "iss", s->base_url);
	json_add_string(claims, "aud", "cpaas");
	json_add_string(claims, "sub", session->user->id);
	json_add_string(claims, "typ", type);
	json_add_string(claims, "azp", SANDBOX_CLIENT_ID);
	json_add_string(claims, "session_state", session->id);
	json_add_int(claims, "x-until", now + life_ms); /* `exp` has seconds alone */
}

static void user_claims(struct buf *claims, const struct user *user)
{
	json_add_string(claims, "preferred_username", user->id);
	json_add_string(claims, "services-identity", user->address);
	json_add_string(claims, "email", user->address);
	json_add_string(claims, "name", user->name);
}

static void add_token(struct sandbox *s, struct buf *out, const char *key, const struct buf *claims)
{
	struct buf token;

	buf_init_secret(&token, 4 * TOKEN_MAX);
	make_jwt(s, &token, claims);
	json_add_string_len(out, key, token.data, token.len);
	buf_release(&token);
}

static void add_access_token(struct sandbox *s, struct buf *out, const struct session *session, int64_t now)
{
	struct buf claims, padding;
	int64_t missing;

	buf_init_secret(&claims, 2 * TOKEN_MAX);
	buf_init(&padding, TOKEN_MAX);
	common_claims(s, &claims, session, "Bearer", now, s->config->token_life_ms);
	user_claims(&claims, session->user);
	json_add_int(&claims, "serial", (int64_t)++s->world.serial);
	/* base64 makes four of three; header and signature are about 100 */
	missing = (s->config->token_size - 100) * 3 / 4 - (int64_t)claims.len - 14;
	for (int64_t i = 0; i < missing && i < TOKEN_MAX - 1; i++)
		buf_addc(&padding, (char)('a' + random_below(26)));
	if (padding.len)
		json_add_string(&claims, "padding", padding.data);
	json_close(&claims, '}');
	add_token(s, out, "access_token", &claims);
	buf_release(&claims);
	buf_release(&padding);
}

static void add_id_token(struct sandbox *s, struct buf *out, const struct session *session, int64_t now)
{
	struct buf claims;

	buf_init_secret(&claims, TOKEN_MAX);
	common_claims(s, &claims, session, "ID", now, s->config->token_life_ms);
	user_claims(&claims, session->user);
	json_close(&claims, '}');
	add_token(s, out, "id_token", &claims);
	buf_release(&claims);
}

static void add_refresh_token(struct sandbox *s, struct buf *out, struct session *session, int64_t now)
{
	struct buf claims;

	random_id(session->refresh_id);
	session->refresh_until = now + s->config->refresh_life_ms;
	buf_init_secret(&claims, TOKEN_MAX);
	common_claims(s, &claims, session, "Refresh", now, s->config->refresh_life_ms);
	json_add_string(&claims, "refresh", session->refresh_id);
	json_close(&claims, '}');
	add_token(s, out, "refresh_token", &claims);
	buf_release(&claims);
}

static void answer_tokens(struct call *call, struct session *session)
{
	struct sandbox *s = call->s;
	struct buf *out = answer_json(&call->answer, 200);

	out->secret = true;
	answer_header(&call->answer, "Cache-Control", "no-store");
	json_open(out, '{');
	add_access_token(s, out, session, call->now);
	json_add_int(out, "expires_in", (s->config->token_life_ms + 999) / 1000);
	json_add_int(out, "refresh_expires_in", (s->config->refresh_life_ms + 999) / 1000);
	add_refresh_token(s, out, session, call->now);
	json_add_string(out, "token_type", "bearer");
	add_id_token(s, out, session, call->now);
	json_add_int(out, "not-before-policy", 0);
	json_add_string(out, "session_state", session->id);
	json_add_string(out, "scope", "openid");
	json_close(out, '}');
}

/* The claims of a token whose signature is right, as a document that borrows `text`. */
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
		base64url_decode(text, first + 1, (size_t)(last - first) - 1) &&
		!json_parse(claims, text->data, text->len, NULL, NULL);
	buf_release(&own);
	return ok;
}

struct claims {
	char session_id[ID_SIZE], refresh_id[ID_SIZE];
	int64_t until, serial;
};

static bool copy_id(char out[ID_SIZE], struct json_value value)
{
	char *id = json_dup(value);
	bool ok = id && strlen(id) < ID_SIZE;

	if (ok)
		memcpy(out, id, strlen(id) + 1);
	free(id);
	return ok;
}

/* What a token of that type says; false if it is none of ours. */
static bool read_claims(const struct sandbox *s, const char *token, const char *type, struct claims *claims)
{
	struct json_doc doc = { 0 };
	struct buf text;
	bool ok;

	*claims = (struct claims){ 0 };
	buf_init_secret(&text, 4 * TOKEN_MAX);
	ok = read_token(s, token, &text, &doc);
	if (ok) {
		struct json_value root = json_root(&doc);

		json_int(json_get(root, "serial"), &claims->serial);
		copy_id(claims->refresh_id, json_get(root, "refresh"));
		ok = json_equals(json_get(root, "typ"), type) && json_int(json_get(root, "x-until"), &claims->until) &&
			copy_id(claims->session_id, json_get(root, "session_state"));
	}
	json_release(&doc);
	buf_release(&text);
	return ok;
}

bool token_check(struct sandbox *s, struct auth *last, const char *token, int64_t now, struct user **user,
	struct session **session)
{
	struct session *found;
	struct claims claims;

	if (!last->token.len || strcmp(last->token.data, token) != 0) {
		if (!read_claims(s, token, "Bearer", &claims))
			return false;
		buf_clear(&last->token);
		buf_adds(&last->token, token);
		memcpy(last->session_id, claims.session_id, sizeof(last->session_id));
		last->until = claims.until;
		last->serial = claims.serial;
	}
	found = table_get(&s->world.sessions, last->session_id);
	if (!found || last->until <= now || (uint64_t)last->serial < found->valid_from)
		return false;
	*session = found;
	*user = found->user;
	return true;
}

bool call_authorize(struct call *call)
{
	const char *value = sandbox_request_header(call->request, "authorization");

	if (value && !strncasecmp(value, "Bearer ", 7) &&
		token_check(call->s, call->auth, value + 7 + strspn(value + 7, " "), call->now, &call->user,
			&call->session))
		return true;
	answer_error(&call->answer, 401, "SVC0001", "A service error occurred. Error code is %1",
		value ? "invalid_token" : "missing_token");
	answer_header(&call->answer, "WWW-Authenticate",
		value ? "Bearer realm=\"sandbox\", error=\"invalid_token\"" : "Bearer realm=\"sandbox\"");
	return false;
}

void tokens_expire(struct sandbox *s, bool refresh)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *session = s->world.session_ring[i];

		if (!session)
			continue;
		session->valid_from = s->world.serial + 1;
		if (refresh)
			session->refresh_until = 0;
	}
}

/* ---- the token endpoint --------------------------------------------------------------------------------------- */

static void grant_password(struct call *call)
{
	struct buf name, password;
	struct user *user = NULL;

	buf_init(&name, 1024);
	buf_init_secret(&password, 1024);
	if (!form_get(call->body, "username", &name) || !form_get(call->body, "password", &password)) {
		answer_oauth_error(&call->answer, 400, "invalid_request",
			"Missing form parameter: username or password");
	} else {
		user = world_user(&call->s->world, name.data);
		if (user && !strcmp(password.data, user->password))
			answer_tokens(call, world_session_new(&call->s->world, user));
		else
			answer_oauth_error(&call->answer, 401, "invalid_grant", "Invalid user credentials");
	}
	buf_release(&name);
	buf_release(&password);
}

static void grant_project(struct call *call)
{
	struct buf secret;

	buf_init_secret(&secret, 1024);
	if (form_get(call->body, "client_secret", &secret) && !strcmp(secret.data, "sandbox-secret"))
		answer_tokens(call, world_session_new(&call->s->world, world_add_user(&call->s->world, "project")));
	else
		answer_oauth_error(&call->answer, 401, "unauthorized_client", "Invalid client secret");
	buf_release(&secret);
}

/* The session for which the refresh token is good, or NULL. */
static struct session *refreshed_session(const struct call *call, const char *token)
{
	struct session *session;
	struct claims claims;

	if (!read_claims(call->s, token, "Refresh", &claims))
		return NULL;
	session = table_get(&call->s->world.sessions, claims.session_id);
	return session && !strcmp(claims.refresh_id, session->refresh_id) && session->refresh_until > call->now
		? session
		: NULL;
}

static void grant_refresh(struct call *call)
{
	struct session *session;
	struct buf token;

	buf_init_secret(&token, 4 * TOKEN_MAX);
	if (!form_get(call->body, "refresh_token", &token))
		answer_oauth_error(&call->answer, 400, "invalid_request", "Missing form parameter: refresh_token");
	else if ((session = refreshed_session(call, token.data)))
		answer_tokens(call, session);
	else
		answer_oauth_error(&call->answer, 400, "invalid_grant", "Token is not active");
	buf_release(&token);
}

void handle_token(struct call *call)
{
	struct buf client, grant;
	const char *type = sandbox_request_header(call->request, "content-type");

	buf_init(&client, 256);
	buf_init(&grant, 256);
	if (!type || strncasecmp(type, "application/x-www-form-urlencoded", 33) != 0)
		answer_oauth_error(&call->answer, 415, "invalid_request", "The body must be form-encoded");
	else if (!form_get(call->body, "client_id", &client) || strcmp(client.data, SANDBOX_CLIENT_ID) != 0)
		answer_oauth_error(&call->answer, 401, "invalid_client", "Invalid client credentials");
	else if (!form_get(call->body, "grant_type", &grant))
		answer_oauth_error(&call->answer, 400, "invalid_request", "Missing form parameter: grant_type");
	else if (!strcmp(grant.data, "password"))
		grant_password(call);
	else if (!strcmp(grant.data, "client_credentials"))
		grant_project(call);
	else if (!strcmp(grant.data, "refresh_token"))
		grant_refresh(call);
	else
		answer_oauth_error(&call->answer, 400, "unsupported_grant_type", "Unsupported grant_type");
	buf_release(&client);
	buf_release(&grant);
}
