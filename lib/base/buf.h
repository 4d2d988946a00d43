/*
 * buf.h - byte buffers that grow up to a maximum.
 *
 * The maximum is set by buf_init(), so input from outside is limited where it is stored.
 * Invariants: `data` is never NULL after buf_init(), data[len] is always NUL, len <= max.
 *
 * An addition beyond the maximum adds nothing, sets `overflow` and returns false; every later addition fails too.
 * So a writer may add many times and check `overflow` once at the end.
 *
 *	struct buf b;
 *	buf_init(&b, 64 * 1024);
 *	buf_adds(&b, "hello ");
 *	buf_addf(&b, "%d", 7);
 *	if (b.overflow) ...
 *	buf_release(&b);
 */
#ifndef KANDY_BASE_BUF_H
#define KANDY_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t cap; /* 0 while `data` is the shared empty string */
	size_t max;
	bool overflow;
	bool secret; /* wipe when moved or released; see buf_init_secret() */
};

#define BUF_NO_MAX ((size_t)-1 / 4)

void buf_init(struct buf *b, size_t max);

/* For passwords, tokens and text that contains them: old copies are wiped on growth, clear and release. */
void buf_init_secret(struct buf *b, size_t max);

void buf_release(struct buf *b); /* also for a zeroed struct; leaves an empty buf with the same max */
void buf_clear(struct buf *b); /* empties it and resets `overflow`; the memory is kept */

bool buf_add(struct buf *b, const void *p, size_t len);
bool buf_adds(struct buf *b, const char *s);
bool buf_addc(struct buf *b, char c);
bool buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_vaddf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Makes room for `len` more bytes at data + len, for read(2) and similar; buf_commit() then adds the bytes used. */
bool buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

void buf_consume(struct buf *b, size_t len); /* removes `len` bytes from the front */
void buf_truncate(struct buf *b, size_t len); /* keeps the first `len` bytes */
char *buf_take(struct buf *b); /* returns the string, which the caller frees, and empties the buf */

#endif
