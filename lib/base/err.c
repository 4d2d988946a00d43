#include "base/err.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* snprintf() may have cut the text inside a character, which would be invalid UTF-8. */
static void cut(char *text, size_t size, int wanted)
{
	if (wanted < 0)
		text[0] = '\0';
	else if ((size_t)wanted >= size)
		text[utf8_cut(text, size - 1, size - 1)] = '\0';
}

enum status err_set(struct err *err, enum status status, const char *format, ...)
{
	va_list args;

	if (!err)
		return status;
	*err = (struct err){ .status = status, .retry_after_ms = -1 };
	err->retryable = status == ST_UNAVAILABLE || status == ST_TEMPFAIL;
	va_start(args, format);
	cut(err->text, sizeof(err->text), vsnprintf(err->text, sizeof(err->text), format, args));
	va_end(args);
	return status;
}

enum status err_prefix(struct err *err, const char *format, ...)
{
	char old[sizeof(err->text)];
	size_t used;
	va_list args;
	int n;

	if (!err)
		return ST_INTERNAL;
	memcpy(old, err->text, sizeof(old));
	va_start(args, format);
	cut(err->text, sizeof(err->text), vsnprintf(err->text, sizeof(err->text), format, args));
	va_end(args);
	used = strlen(err->text);
	n = snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
	cut(err->text + used, sizeof(err->text) - used, n);
	return err->status;
}

const char *err_kind(enum status status)
{
	switch (status) {
	case ST_OK: return "ok";
	case ST_PARTIAL: return "partial";
	case ST_USAGE: return "usage";
	case ST_DATA: return "data";
	case ST_NOINPUT: return "no-input";
	case ST_UNAVAILABLE: return "unavailable";
	case ST_INTERNAL: return "internal";
	case ST_CANTCREATE: return "cannot-create";
	case ST_IO: return "io";
	case ST_TEMPFAIL: return "temporary";
	case ST_PROTOCOL: return "protocol";
	case ST_AUTH: return "auth";
	case ST_CONFIG: return "config";
	case ST_NOTHING: return "nothing";
	case ST_SIGHUP:
	case ST_SIGINT:
	case ST_SIGPIPE:
	case ST_SIGTERM: return "interrupted";
	}
	return "internal";
}

void err_bug(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "kandy: bug at %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
