#include "cmd/token_line.h"

#include "base/clock.h"
#include "cmd/output.h"
#include "json/json.h"

static bool is_refreshable(const struct session *session, int64_t now_ms)
{
	return session->refresh_token.s && (!session->refresh_expires_ms || now_ms < session->refresh_expires_ms);
}

bool token_is_good(const struct session *session, int64_t now_ms)
{
	return (session->access_token.s && now_ms < session->expires_ms) || is_refreshable(session, now_ms);
}

static void add_time(struct buf *out, const char *key, bool known, int64_t ms)
{
	if (known && ms)
		json_add_int(out, key, ms);
	else
		json_add_null(out, key);
}

void token_line_begin(struct buf *out, const char *profile, const struct session *session, bool logged_in)
{
	output_begin(out, "token");
	json_add_string(out, "profile", profile);
	json_add_bool(out, "loggedIn", logged_in);
	json_add_string(out, "address", session->address);
	json_add_string(out, "userId", session->user_id);
	json_add_string(out, "username", session->username);
	json_add_string(out, "grant", session->grant);
	json_add_string(out, "clientId", session->client_id);
	json_add_string(out, "baseUrl", session->base_url);
	add_time(out, "issued", session->access_token.s, session->issued_ms);
	add_time(out, "expires", session->access_token.s, session->expires_ms);
	json_add_bool(out, "refreshable", is_refreshable(session, clock_wall_ms()));
	add_time(out, "refreshExpires", session->refresh_token.s, session->refresh_expires_ms);
}
