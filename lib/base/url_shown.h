/*
 * url_shown.h - URLs as they may be shown: without user information, and without the values of query, fragment and
 * parameters of the path (";jsessionid="), each of which may be a secret.
 */
#ifndef KANDY_BASE_URL_SHOWN_H
#define KANDY_BASE_URL_SHOWN_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Appends a URL, or the path of one: "https://h/p?access_token=***". */
void url_add_shown(struct buf *out, const char *url, size_t len);

/*
 * For a URL as somebody wrote it into a setting, with its mistakes: whatever stands before its last '@' is taken to be
 * USER:PASSWORD. url_add_setting() appends it with "***" instead; url_redact() tells log.h the password, as it is
 * written and decoded, and "USER:PASSWORD" in base64, which is how a proxy is told.
 */
void url_add_setting(struct buf *out, const char *text);
bool url_has_password(const char *text);
void url_redact(const char *text);

#endif
