/*
 * claims.h - claims of a token about its owner and lifetime (PROTOCOL.md, "Tokens"). Pure.
 *
 * A JWT has three base64url parts; the second one is a JSON object. The signature is not checked: the tokens come from
 * the configured server, and their claims grant nothing.
 */
#ifndef KANDY_WIRE_CLAIMS_H
#define KANDY_WIRE_CLAIMS_H

#include "base/err.h"
#include "base/secret.h"

#include <stdint.h>

struct claims {
	char *user_id; /* preferred_username: the {userId} of paths */
	char *address; /* services-identity, or else email */
	int64_t issued_ms, expires_ms; /* iat and exp, by the server's clock; 0: unknown */
};

/* Missing claims are NULL or 0. ST_PROTOCOL if the token is not a JWT. */
enum status claims_decode(const struct secret *token, struct claims *claims, struct err *err) MUST_USE;
void claims_release(struct claims *claims); /* also for a zeroed struct */

#endif
