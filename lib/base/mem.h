/*
 * mem.h - allocation that cannot fail.
 *
 * These functions never return NULL: without memory they call the hook of main(), which must not return (without a
 * hook: abort). So callers do not check for NULL, but must limit sizes that come from outside (see buf.h). Free with
 * free().
 *
 * The names follow the custom of git and others (xmalloc), not the rule that a function begins with its file's name.
 */
#ifndef KANDY_BASE_MEM_H
#define KANDY_BASE_MEM_H

#include <stddef.h>

/* Called when memory runs out; must not allocate and must not return. */
void mem_set_hook(void (*hook)(void));

/*
 * For long-running processes: freed blocks of 128 KiB and more are returned to the system. (By default, malloc(3)
 * raises this threshold to the size of the largest block freed so far.)
 */
void mem_return_large(void);

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t count, size_t size); /* an overflow counts as out of memory */
char *xstrdup(const char *s);
char *xstrdup_null(const char *s); /* NULL gives NULL */
char *xmemdup0(const void *p, size_t len); /* a copy with a NUL appended */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Makes room for one more element in a growing array with `count` of `*cap` elements used. Returns the array, which may
 * have moved:   a = xgrow(a, n, &cap, sizeof(*a)); a[n++] = x;
 */
void *xgrow(void *items, size_t count, size_t *cap, size_t size);

#endif
