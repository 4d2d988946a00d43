/*
 * url.h - the base URL of the service, and URLs in a form that may be shown.
 *
 * The base URL comes from the user's configuration. Its syntax is strict, so that it can be read in only one way. URLs
 * from messages and servers are parsed by libcurl instead, which also fetches them (http.h).
 */
#ifndef KANDY_BASE_URL_H
#define KANDY_BASE_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct url {
	bool tls; /* https */
	char host[256]; /* lower-case; an IPv6 address has no brackets */
	bool ipv6;
	uint16_t port; /* the scheme's default if none was given */
	char origin[288]; /* "https://host[:port]" without the default port; paths are appended to it */
};

/*
 * Parses http[s]://HOST[:PORT], optionally with a final '/'. User information, path, query and fragment are
 * refused with ST_CONFIG. "HOST" alone means https.
 */
enum status url_parse_base(struct url *url, const char *text, struct err *err) MUST_USE;

/* True for 127.0.0.0/8, ::1 and localhost: where plain http cannot be intercepted. */
bool url_is_loopback(const struct url *url);

/* False for "", "." and "..", which are not names of path segments however they are encoded (RFC 3986, 5.2.4). */
bool url_is_path_segment(const char *s);

/*
 * Appends a URL, or the path of one, in a form that may be shown: "https://h/p?access_token=***". User information and
 * the values of query, fragment and path parameters (";jsessionid=") are replaced, because each may be a secret.
 */
void url_add_shown(struct buf *out, const char *url, size_t len);

/*
 * For a URL from a setting, which may contain mistakes: everything before its last '@' counts as USER:PASSWORD.
 * url_add_setting() appends it with "***" instead. url_redact() passes the password to redact.h, as it is written and
 * decoded, and "USER:PASSWORD" in base64, as proxies receive it.
 */
void url_add_setting(struct buf *out, const char *text);
bool url_has_password(const char *text);
void url_redact(const char *text);

#endif
