/*
 * auth.h - the token endpoint's questions and answers (protocol.md, "Tokens"). Pure.
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

/* as the protocol has it: "password", "client_credentials", "refresh_token" */
const char *auth_grant_name(enum auth_grant grant);

/*
 * Appends the form to `form`, which should be a secret buf. `secret` is the password, the client
 * secret or the refresh token.
 */
void auth_encode(struct buf *form, enum auth_grant grant, const char *client_id, const char *username,
	const struct secret *secret);

/*
 * Takes an answer into the session: tokens, their times, and who they belong to. What an answer to
 * a refresh leaves out (a new refresh token, an ID token) stays as it was. Times inside the access
 * token win over expires_in, and are taken as a span, so that a clock that is wrong here or there
 * does no harm. ST_PROTOCOL names what is missing; the session is unchanged then.
 */
enum status auth_decode(struct json_value answer, int64_t now_ms, struct session *session, struct err *err) MUST_USE;

/* When a token should be renewed: once half of its life is over. */
int64_t auth_renewal_ms(const struct session *session);

#endif
