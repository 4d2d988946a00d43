#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1]; /* what `data` points to before the first byte */

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .data = empty, .max = max < BUF_NO_MAX ? max : BUF_NO_MAX };
}

void buf_init_secret(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->secret = true;
}

void buf_clear(struct buf *b)
{
	if (b->cap) {
		if (b->secret)
			explicit_bzero(b->data, b->cap);
		b->data[0] = '\0';
	}
	b->len = 0;
	b->overflow = false;
}

void buf_release(struct buf *b)
{
	if (b->cap) {
		if (b->secret)
			explicit_bzero(b->data, b->cap);
		free(b->data);
	}
	*b = (struct buf){ .data = empty, .max = b->max, .secret = b->secret };
}

bool buf_reserve(struct buf *b, size_t len)
{
	size_t need, cap;
	char *grown;

	if (b->overflow || len > b->max - b->len) {
		b->overflow = true;
		return false;
	}
	need = b->len + len + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap * 2 : 64;
	if (cap < need)
		cap = need;
	if (b->secret) {
		/* realloc() could leave a copy in freed memory */
		grown = xmalloc(cap);
		memcpy(grown, b->data, b->len + 1);
		if (b->cap) {
			explicit_bzero(b->data, b->cap);
			free(b->data);
		}
	} else {
		grown = xrealloc(b->cap ? b->data : NULL, cap);
	}
	if (!b->cap)
		grown[0] = '\0';
	b->data = grown;
	b->cap = cap;
	return true;
}

void buf_commit(struct buf *b, size_t len)
{
	if (!len)
		return;
	b->len += len;
	b->data[b->len] = '\0';
}

bool buf_add(struct buf *b, const void *p, size_t len)
{
	if (!buf_reserve(b, len))
		return false;
	if (len)
		memcpy(b->data + b->len, p, len);
	buf_commit(b, len);
	return true;
}

bool buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

bool buf_vaddf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n < 0 || !buf_reserve(b, (size_t)n)) {
		b->overflow = true;
		va_end(again);
		return false;
	}
	vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
	va_end(again);
	b->len += (size_t)n;
	return true;
}

bool buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	bool ok;

	va_start(args, format);
	ok = buf_vaddf(b, format, args);
	va_end(args);
	return ok;
}

void buf_consume(struct buf *b, size_t len)
{
	if (!len)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
	if (b->secret)
		explicit_bzero(b->data + b->len, len);
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	if (b->secret)
		explicit_bzero(b->data + len, b->len - len);
	b->len = len;
	b->data[len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *s = b->cap ? b->data : xstrdup("");

	*b = (struct buf){ .data = empty, .max = b->max, .secret = b->secret };
	return s;
}
