/*
 * link.h - which links may be fetched, and which of them may see the token. Pure.
 *
 * Links come from other users' messages, and redirects from whoever answers: both are hostile (protocol.md,
 * "Attachments").
 *  - The token goes to the configured origin (scheme, host and port) and to no other.
 *  - Another origin is fetched only if it was allowed by name, and then without the token.
 *  - Once a chain of redirects has left the configured origin, the token stays away from the rest of it.
 *  - Nothing is fetched by plain http where the configured origin is https.
 *  - Only http and https exist. A URL with user information is refused, whatever it says.
 */
#ifndef KANDY_WIRE_LINK_H
#define KANDY_WIRE_LINK_H

#include "base/err.h"
#include "base/url.h"

#include <stdbool.h>
#include <stddef.h>

struct link_rules {
	struct url base;
	char **allowed; /* origins: one or two for each --allow-host */
	size_t allowed_count;
};

/* `hosts` are HOST or HOST:PORT. ST_USAGE names one that is neither. */
enum status link_rules_init(struct link_rules *rules, const struct url *base, const char *const *hosts, size_t count,
	struct err *err) MUST_USE;
void link_rules_release(struct link_rules *rules); /* also for a zeroed struct */

/*
 * Where `link` leads from `from` (an absolute URL; NULL: from the base). `*url` (free it) may be fetched; `*own` says
 * that it is of the configured origin. ST_DATA with the reason if it may not be.
 */
enum status link_check(const struct link_rules *rules, const char *from, const char *link, char **url, bool *own,
	struct err *err) MUST_USE;

/* A URL as it may be shown: without query and fragment, which may hold secrets. Free it. */
char *link_shown(const char *url);

#endif
