/*
 * warn.h - warnings about conditions that last: repeated with growing intervals instead of at every retry.
 */
#ifndef KANDY_LISTEN_WARN_H
#define KANDY_LISTEN_WARN_H

#include <stdint.h>

/* Zeroed: the next warning is printed at once. Zero it when the condition ends. */
struct warn_limiter {
	int64_t next_at, interval_ms;
};

/* Calls `warn` (log_warn()), unless the limiter says that it is too early. */
void warn_ratelimited(struct warn_limiter *limiter, int64_t now, void (*warn)(const char *format, ...),
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
