#include "wire/auth.h"

#include "wire/claims.h"
#include "base/mem.h"
#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX ((size_t)64 * 1024)
#define LIFE_UNKNOWN_MS INT64_C(300000) /* an earlier end shows as 401 */
#define LIFE_MAX_S INT64_C(3155760000) /* a hundred years; prevents an overflow */

const char *auth_grant_name(enum auth_grant grant)
{
	switch (grant) {
	case AUTH_PASSWORD: return "password";
	case AUTH_PROJECT: return "client_credentials";
	case AUTH_REFRESH: break;
	}
	return "refresh_token";
}

static void add_field(struct buf *form, const char *name, const char *value, size_t len)
{
	if (form->len)
		buf_addc(form, '&');
	buf_adds(form, name);
	buf_addc(form, '=');
	percent_encode(form, value, len);
}

static void add_text(struct buf *form, const char *name, const char *value)
{
	add_field(form, name, value, strlen(value));
}

void auth_encode(struct buf *form, enum auth_grant grant, const char *client_id, const char *username,
	const struct secret *secret)
{
	static const char *const secret_names[] = {
		[AUTH_PASSWORD] = "password", [AUTH_PROJECT] = "client_secret", [AUTH_REFRESH] = "refresh_token"
	};

	add_text(form, "client_id", client_id);
	if (grant == AUTH_PASSWORD)
		add_text(form, "username", username);
	add_field(form, secret_names[grant], secret->s, secret->len);
	add_text(form, "grant_type", auth_grant_name(grant));
	if (grant != AUTH_REFRESH)
		add_text(form, "scope", "openid");
}

/* Does not change `secret` if the response has no such token. */
static bool take_token(struct json_value response, const char *name, struct secret *secret)
{
	struct buf text;
	bool ok;

	buf_init_secret(&text, TOKEN_MAX);
	ok = json_string(json_get(response, name), &text) && text.len;
	/* it becomes part of a header line and a URL, so only visible ASCII is accepted */
	for (size_t i = 0; ok && i < text.len; i++)
		ok = text.data[i] > ' ' && text.data[i] < 0x7f;
	if (ok)
		secret_set_token(secret, text.data, text.len);
	buf_release(&text);
	return ok;
}

static int64_t seconds(struct json_value response, const char *name)
{
	int64_t s = 0;

	return json_int(json_get(response, name), &s) && s > 0 ? (s < LIFE_MAX_S ? s : LIFE_MAX_S) * 1000 : 0;
}

/* The remaining lifetime of the access token. */
static int64_t lifetime_ms(struct json_value response, const struct claims *claims, int64_t now_ms)
{
	int64_t expires_in = seconds(response, "expires_in");

	if (claims->issued_ms && claims->expires_ms > claims->issued_ms)
		return claims->expires_ms - claims->issued_ms;
	if (claims->expires_ms > now_ms)
		return claims->expires_ms - now_ms;
	return expires_in ? expires_in : LIFE_UNKNOWN_MS;
}

static void replace(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = *from;
	*from = NULL;
}

enum status auth_decode(struct json_value response, int64_t now_ms, struct session *session, struct err *err)
{
	struct secret access = { 0 }, id = { 0 };
	struct claims in_id = { 0 }, in_access = { 0 };
	enum status st = ST_OK;

	if (!take_token(response, "access_token", &access)) {
		st = err_set(err, ST_PROTOCOL, "the server's response to the login has no valid 'access_token'");
		goto out;
	}
	/* neither needs to be a JWT if the other one, or the session, has the user ID */
	(void)!claims_decode(&access, &in_access, NULL);
	if (take_token(response, "id_token", &id))
		(void)!claims_decode(&id, &in_id, NULL);
	if (!in_id.user_id && !in_access.user_id && !session->user_id) {
		st = err_set(err, ST_PROTOCOL,
			"the server's response to the login has no user ID (claim "
			"'preferred_username' of 'id_token')");
		goto out;
	}
	replace(&session->user_id, in_id.user_id ? &in_id.user_id : &in_access.user_id);
	replace(&session->address, in_id.address ? &in_id.address : &in_access.address);
	if (!session->address)
		session->address = xstrdup(session->username ? session->username : session->user_id);
	secret_copy(&session->access_token, &access);
	if (id.s)
		secret_copy(&session->id_token, &id);
	session->issued_ms = now_ms;
	session->expires_ms = now_ms + lifetime_ms(response, &in_access, now_ms);
	if (take_token(response, "refresh_token", &session->refresh_token))
		session->refresh_expires_ms = 0;
	if (seconds(response, "refresh_expires_in"))
		session->refresh_expires_ms = now_ms + seconds(response, "refresh_expires_in");
out:
	secret_release(&access);
	secret_release(&id);
	claims_release(&in_id);
	claims_release(&in_access);
	return st;
}

int64_t auth_renewal_ms(const struct session *session)
{
	return session->issued_ms + (session->expires_ms - session->issued_ms) / 2;
}
