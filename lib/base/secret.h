/*
 * secret.h - strings that wipe themselves.
 *
 * Passwords, client secrets and tokens live in a struct secret and nowhere else for longer than a call. secret_set()
 * also tells log.h never to print the value, and takes the process out of core dumps and from debuggers
 * (PR_SET_DUMPABLE).
 */
#ifndef KANDY_BASE_SECRET_H
#define KANDY_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
	char *s; /* NUL-terminated, or NULL when there is none */
	size_t len;
};

void secret_set(struct secret *secret, const char *s, size_t len); /* copies; the old value is wiped */
void secret_set_token(struct secret *secret, const char *s, size_t len); /* for what is renewed: redact_add_token() */
void secret_copy(struct secret *to, const struct secret *from);
void secret_release(struct secret *secret); /* also for a zeroed struct */
bool secret_equal(const struct secret *a, const struct secret *b); /* time does not depend on the content */

#endif
