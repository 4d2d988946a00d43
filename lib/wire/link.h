/*
 * link.h - which links may be downloaded, and with the token or without. Pure.
 *
 * Links come from other users' messages, and redirects from any server: both are hostile (PROTOCOL.md, "Attachments").
 *  - The token is sent to the configured origin (scheme, host and port) only.
 *  - Other origins must be allowed by name, and get no token.
 *  - After a redirect to another origin, the token is not sent again, even if a later one leads back.
 *  - Plain http is refused if the configured origin uses https.
 *  - Other schemes are refused, and so are URLs with user information.
 */
#ifndef KANDY_WIRE_LINK_H
#define KANDY_WIRE_LINK_H

#include "base/err.h"
#include "base/url.h"

#include <stdbool.h>
#include <stddef.h>

struct link_rules {
	struct url base;
	char **allowed; /* origins, one or two for each --allow-host */
	size_t allowed_count;
};

/* `hosts` are HOST or HOST:PORT, else ST_USAGE. */
enum status link_rules_init(struct link_rules *rules, const struct url *base, const char *const *hosts, size_t count,
	struct err *err) MUST_USE;
void link_rules_release(struct link_rules *rules); /* also for a zeroed struct */

/*
 * Resolves `link` against `from` (an absolute URL; NULL: the base) to `*url` (free it). `*own`: it is at the configured
 * origin. ST_DATA with the reason if it must not be fetched.
 */
enum status link_check(const struct link_rules *rules, const char *from, const char *link, char **url, bool *own,
	struct err *err) MUST_USE;

/* The URL for messages, without query and fragment, which may contain secrets. Free it. */
char *link_shown(const char *url);

#endif
