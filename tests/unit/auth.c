/* Token requests, their responses, and claims in tokens. */
#include "../lib/tap.h"

#include "wire/auth.h"
#include "wire/claims.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

#define NOW INT64_C(1700000000000)

static void form_test(enum auth_grant grant, const char *value, const char *wanted)
{
	struct secret secret = { 0 };
	struct buf form;

	secret_set(&secret, value, strlen(value));
	buf_init(&form, BUF_NO_MAX);
	auth_encode(&form, grant, "PUB-a&b", "al ice+1@x.example", &secret);
	tap_str(form.data, wanted, auth_grant_name(grant));
	buf_release(&form);
	secret_release(&secret);
}

/* A token with these claims, as JSON. */
static char *jwt(const char *claims)
{
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	buf_adds(&out, "eyJhbGciOiJub25lIn0.");
	base64_encode_url(&out, claims, strlen(claims));
	buf_adds(&out, ".c2ln");
	return buf_take(&out);
}

static void claims_test(const char *token, enum status status, const char *user, const char *address, int64_t expires)
{
	struct secret secret = { 0 };
	struct claims claims;
	struct err err = ERR_INIT;

	secret_set(&secret, token, strlen(token));
	tap_int(claims_decode(&secret, &claims, &err), status, token);
	tap_str(claims.user_id, user, "user ID");
	tap_str(claims.address, address, "address");
	tap_int(claims.expires_ms, expires, "expires");
	claims_release(&claims);
	secret_release(&secret);
}

static void claims_tests(void)
{
	static const char *const no_tokens[] = { "", "a", "a.b", "a.!!.c", "a..c", "a.W10.c", "a.bm8ganNvbg.c" };
	char *token = jwt("{\"preferred_username\":\"u-1\",\"services-identity\":\"a@x\",\"exp\":"
			  "1700000060,\"iat\":\"1700000000\"}");

	claims_test(token, ST_OK, "u-1", "a@x", NOW + 60000);
	free(token);
	token = jwt("{\"preferred_username\":[\"u-1\",\"u-2\"],\"email\":\"e@x\",\"exp\":-5}");
	claims_test(token, ST_OK, "u-1", "e@x", 0);
	free(token);
	token = jwt("{}");
	claims_test(token, ST_OK, NULL, NULL, 0);
	free(token);
	for (size_t i = 0; i < sizeof(no_tokens) / sizeof(*no_tokens); i++)
		claims_test(no_tokens[i], ST_PROTOCOL, NULL, NULL, 0);
}

/* Decodes {"access_token":jwt(access),"id_token":jwt(id),REST} into the session. */
static enum status decode(struct session *session, const char *access, const char *id, const char *rest,
	struct err *err)
{
	char *access_jwt = access ? jwt(access) : NULL, *id_jwt = id ? jwt(id) : NULL;
	struct json_doc doc = { 0 };
	enum status st;
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	buf_adds(&text, "{\"a\":0");
	if (access_jwt)
		buf_addf(&text, ",\"access_token\":\"%s\"", access_jwt);
	if (id_jwt)
		buf_addf(&text, ",\"id_token\":\"%s\"", id_jwt);
	buf_addf(&text, "%s}", rest);
	if (json_parse(&doc, text.data, text.len, NULL, err))
		BUG("%s", err->text);
	st = auth_decode(json_root(&doc), NOW, session, err);
	json_release(&doc);
	buf_release(&text);
	free(access_jwt);
	free(id_jwt);
	return st;
}

static void answer_tests(void)
{
	struct session s = { .username = xstrdup("me@x") };
	struct err err = ERR_INIT;
	char *old_token;

	tap_int(decode(&s, NULL, "{}", "", &err), ST_PROTOCOL, "no access token");
	tap_ok(strstr(err.text, "'access_token'") != NULL, "is named");
	tap_int(decode(&s, "{}", "{}", "", &err), ST_PROTOCOL, "nobody's token");
	tap_ok(strstr(err.text, "preferred_username") && !s.access_token.s, "is not taken");

	tap_int(decode(&s, "{\"iat\":1600000000,\"exp\":1600000120}",
			"{\"preferred_username\":\"u-1\",\"services-identity\":\"a@x\"}",
			",\"expires_in\":3600,\"refresh_token\":\"r1\",\"refresh_expires_in\":"
			"\"1800\"",
			&err),
		ST_OK, "a login");
	tap_int(s.expires_ms - s.issued_ms, 120000, "the span inside the token wins, whatever the server's clock says");
	tap_int(s.issued_ms, NOW, "the lifetime begins now");
	tap_int(auth_renewal_ms(&s), NOW + 60000, "half of it is the time for a renewal");
	tap_int(s.refresh_expires_ms, NOW + 1800000, "the refresh token ends");
	tap_str(s.refresh_token.s, "r1", "the refresh token is stored");
	tap_str(s.user_id, "u-1", "user ID");
	tap_str(s.address, "a@x", "address");

	old_token = xstrdup(s.id_token.s);
	tap_int(decode(&s, "{\"exp\":1700000300}", NULL, ",\"expires_in\":3600", &err), ST_OK,
		"a refresh that leaves out what did not change");
	tap_int(s.expires_ms, NOW + 300000, "'exp' alone is a time");
	tap_str(s.refresh_token.s, "r1", "the refresh token stays");
	tap_str(s.id_token.s, old_token, "the ID token too");
	tap_str(s.user_id, "u-1", "the user ID stays");
	tap_int(decode(&s, "{\"exp\":5}", NULL, ",\"expires_in\":60,\"refresh_token\":\"r2\"", &err), ST_OK,
		"an 'exp' that is over");
	tap_int(s.expires_ms, NOW + 60000, "gives way to expires_in");
	tap_int(s.refresh_expires_ms, 0, "a new refresh token of unknown life");
	tap_int(decode(&s, "{}", NULL, ",\"expires_in\":9223372036854775807", &err), ST_OK, "an absurd life");
	tap_ok(s.expires_ms > NOW, "does not overflow");
	tap_int(decode(&s, "{\"iat\":1,\"exp\":9223372036854775807}", NULL, "", &err), ST_OK,
		"an absurd life in a token");
	tap_int(s.expires_ms, NOW + CLOCK_LAST_MS - 1000, "which ends with the year 9999 of its server");
	tap_int(decode(&s, "{\"iat\":-9223372036854775808,\"exp\":1e300}", NULL, ",\"expires_in\":60", &err), ST_OK,
		"times that are none");
	tap_int(s.expires_ms, NOW + 60000, "give way to expires_in");
	tap_int(decode(&s, "{}", NULL, ",\"refresh_token\":\"a\\nb\"", &err), ST_OK,
		"a token that would break a header");
	tap_str(s.refresh_token.s, "r2", "is not taken");
	free(old_token);
	session_release(&s);

	s = (struct session){ .username = xstrdup("me@x") };
	tap_int(decode(&s, "{\"preferred_username\":\"u-9\"}", NULL, "", &err), ST_OK,
		"an access token that says who it is");
	tap_str(s.address, "me@x", "without an address: what was logged in with");
	tap_ok(s.expires_ms > NOW && s.expires_ms < NOW + 3600000, "a short lifetime if none is known");
	session_release(&s);
}

int main(void)
{
	form_test(AUTH_PASSWORD, "p&s=w\303\266%",
		"client_id=PUB-a%26b&username=al%20ice%2B1%40x.example&password=p%26s%3Dw%C3%B6%25"
		"&grant_type=password&scope=openid");
	form_test(AUTH_PROJECT, "s", "client_id=PUB-a%26b&client_secret=s&grant_type=client_credentials&scope=openid");
	form_test(AUTH_REFRESH, "r", "client_id=PUB-a%26b&refresh_token=r&grant_type=refresh_token");
	claims_tests();
	answer_tests();
	log_close();
	return tap_done();
}
