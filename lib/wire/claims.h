/*
 * claims.h - what a token says about its owner and its life (protocol.md, "Tokens").
 *
 * A JWT is three base64url parts with dots between; the middle one is a JSON object. Its signature
 * is the server's business: these are one's own tokens, fresh from the configured server, and
 * nothing is granted by what they say.
 */
#ifndef KANDY_WIRE_CLAIMS_H
#define KANDY_WIRE_CLAIMS_H

#include "base/err.h"
#include "base/secret.h"

#include <stdint.h>

struct claims {
	char *user_id; /* preferred_username: the {userId} of paths */
	char *address; /* services-identity, or else email: what others write to */
	int64_t issued_ms, expires_ms; /* iat and exp by the server's clock; 0: not said */
};

/* What is not said is NULL or 0. ST_PROTOCOL where the token is no JWT. Pure. */
enum status claims_decode(const struct secret *token, struct claims *claims, struct err *err) MUST_USE;
void claims_release(struct claims *claims); /* also for a zeroed struct */

#endif
