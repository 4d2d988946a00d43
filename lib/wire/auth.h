/*
 * auth.h - requests to the token endpoint and their responses (PROTOCOL.md, "Tokens"). Pure.
 */
#ifndef KANDY_WIRE_AUTH_H
#define KANDY_WIRE_AUTH_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "json/json.h"
#include "store/session.h"

#include <stdint.h>

#define AUTH_PATH "/cpaas/auth/v1/token"
#define AUTH_CONTENT_TYPE "application/x-www-form-urlencoded"

enum auth_grant { AUTH_PASSWORD, AUTH_PROJECT, AUTH_REFRESH };

/* "password", "client_credentials", "refresh_token" */
const char *auth_grant_name(enum auth_grant grant);

/*
 * Appends the form to `form`, which should be a secret buf. `secret` is the password, the client
 * secret or the refresh token.
 */
void auth_encode(struct buf *form, enum auth_grant grant, const char *client_id, const char *username,
	const struct secret *secret);

/*
 * Stores a response in the session: the tokens, their lifetimes and the account. Tokens that the response to a refresh
 * leaves out are kept. Times inside the access token have precedence over expires_in, and are used as a span, so that
 * wrong clocks do no harm. ST_PROTOCOL names a missing field; the session is unchanged then.
 */
enum status auth_decode(struct json_value response, int64_t now_ms, struct session *session, struct err *err) MUST_USE;

/* When the token should be renewed: after half of its lifetime. */
int64_t auth_renewal_ms(const struct session *session);

#endif
