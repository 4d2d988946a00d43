/*
 * mem.h - allocation that cannot fail.
 *
 * Every function here returns memory or does not return: when there is none, the hook that main() set
 * is called, and it must not return (without a hook: abort). So no caller checks for NULL, and none of
 * them may ask for a size that comes from outside without a limit of its own (see buf.h).
 * Free with free().
 */
#ifndef KANDY_BASE_MEM_H
#define KANDY_BASE_MEM_H

#include <stddef.h>

/* Called once when memory has run out; must not allocate and must not return. */
void mem_set_hook(void (*hook)(void));

/*
 * For a process that runs for long: blocks of 128 KiB and more go back to the system when they are freed. (malloc(3)
 * begins so, and then keeps those that are not larger than the largest one freed so far.)
 */
void mem_return_large(void);

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t count, size_t size); /* an overflow counts as "no memory" */
char *xstrdup(const char *s);
char *xstrdup_null(const char *s); /* NULL gives NULL */
char *xmemdup0(const void *p, size_t len); /* a copy with a NUL behind it */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Makes room for one more element in a growing array: `items` has `count` used of `*cap`.
 * Returns the array, perhaps moved:   a = xgrow(a, n, &cap, sizeof(*a)); a[n++] = x;
 */
void *xgrow(void *items, size_t count, size_t *cap, size_t size);

#endif
