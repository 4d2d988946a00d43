/*
 * redact.h - keeps secrets out of everything that is written: known ones wherever they appear, unknown ones after the
 * names that usually introduce them. May be called from any thread.
 */
#ifndef KANDY_BASE_REDACT_H
#define KANDY_BASE_REDACT_H

#include <stddef.h>

struct buf;

/*
 * Registers a secret: redact_known() replaces it, and every encoding that decodes to it (percent-encoded, '+' for a
 * space, JSON escapes). Values shorter than 6 bytes are ignored, because they would redact half of each message;
 * redact_patterns() covers those. A copy is kept until redact_clear() wipes it.
 *
 * The last 64 values of redact_add() and, separately, the last 64 of redact_add_token() are remembered, so a listener
 * that renews its tokens for months forgets expired ones and never the password. Adding a value again renews it.
 */
void redact_add(const char *secret, size_t len);
void redact_add_token(const char *token, size_t len);
void redact_clear(void);

/* Replaces the known secrets in `text` by "***". Every line of the log goes through this. */
void redact_known(struct buf *text);

/*
 * For texts from outside: appends `p` without the values that follow the name of a secret ("access_token=",
 * "\"password\": " and similar), of any length, and without the user information of URLs.
 */
void redact_patterns(struct buf *out, const char *p, size_t len);

#endif
