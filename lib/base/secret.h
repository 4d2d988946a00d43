/*
 * secret.h - strings that are wiped when they are released.
 *
 * Passwords, client secrets and tokens are kept only in a struct secret; other copies live no longer than a call.
 * secret_set() also registers the value with redact.h, and protects the process from core dumps and debuggers
 * (PR_SET_DUMPABLE).
 */
#ifndef KANDY_BASE_SECRET_H
#define KANDY_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
	char *s; /* NUL-terminated; NULL: none */
	size_t len;
};

void secret_set(struct secret *secret, const char *s, size_t len); /* copies; the old value is wiped */
void secret_set_token(struct secret *secret, const char *s, size_t len); /* for tokens: redact_add_token() */
void secret_copy(struct secret *to, const struct secret *from);
void secret_release(struct secret *secret); /* also for a zeroed struct */
bool secret_equal(const struct secret *a, const struct secret *b); /* time does not depend on the content */

#endif
