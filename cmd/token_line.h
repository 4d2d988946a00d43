/*
 * token_line.h - {"event":"token",...}: who is logged in, and until when. What login, logout and
 * whoami print.
 */
#ifndef KANDY_CMD_TOKEN_LINE_H
#define KANDY_CMD_TOKEN_LINE_H

#include "base/buf.h"
#include "store/session.h"

#include <stdbool.h>

/* An access token that is alive, or a refresh token to get another one with. */
bool token_is_good(const struct session *session, int64_t now_ms);

/*
 * Opens the object and adds its members, without the closing bracket: the caller may have more. No
 * secrets.
 */
void token_line_open(struct buf *out, const char *profile, const struct session *session, bool logged_in);

#endif
