#include "base/secret.h"

#include "base/mem.h"
#include "base/redact.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

void secret_release(struct secret *secret)
{
	if (secret->s) {
		explicit_bzero(secret->s, secret->len);
		free(secret->s);
	}
	*secret = (struct secret){ 0 };
}

/*
 * From the first secret on, the process leaves no core, and only root can read its memory with a debugger or through
 * /proc/PID/mem and environ. Programs that it starts are not affected, because exec(2) resets this.
 */
static void hide_memory(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void replace(struct secret *secret, const char *s, size_t len)
{
	char *copy = xmemdup0(s, len);

	secret_release(secret);
	secret->s = copy;
	secret->len = len;
}

void secret_set(struct secret *secret, const char *s, size_t len)
{
	hide_memory();
	replace(secret, s, len);
	redact_add(secret->s, len);
}

void secret_set_token(struct secret *secret, const char *s, size_t len)
{
	hide_memory();
	replace(secret, s, len);
	redact_add_token(secret->s, len);
}

void secret_copy(struct secret *to, const struct secret *from)
{
	if (to == from)
		return;
	if (from->s)
		replace(to, from->s, from->len); /* redaction and protection were set up when `from` was set */
	else
		secret_release(to);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	unsigned char difference = 0;

	if (!a->s || !b->s || a->len != b->len)
		return !a->s && !b->s;
	for (size_t i = 0; i < a->len; i++)
		difference |= (unsigned char)(a->s[i] ^ b->s[i]);
	return !difference;
}
