/*
 * token_line.h - {"event":"token",...}: the login and its lifetime, as printed by login, logout and whoami.
 */
#ifndef KANDY_CMD_TOKEN_LINE_H
#define KANDY_CMD_TOKEN_LINE_H

#include "base/buf.h"
#include "store/session.h"

#include <stdbool.h>

/* Whether the access token, or the refresh token, is valid. */
bool token_is_good(const struct session *session, int64_t now_ms);

/* Begins the line (output_begin()); it has no secrets. */
void token_line_begin(struct buf *out, const char *profile, const struct session *session, bool logged_in);

#endif
