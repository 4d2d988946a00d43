/*
 * backoff.h - delays between attempts: exponential, with full jitter and a cap.
 *
 * "Full jitter": the delay is drawn evenly from 0 to min(cap, first * 2^tries), so that many clients that were
 * disconnected together do not return together.
 */
#ifndef KANDY_BASE_BACKOFF_H
#define KANDY_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t first_ms, cap_ms; /* policy */
	unsigned tries; /* delays handed out since the last reset */
};

#define BACKOFF_LEAST_MAX_MS INT64_C(600000) /* a longer Retry-After is cut to this */

/* The next delay: at least `least_ms` (a Retry-After; 0 or less: none), with a little jitter added to it. */
int64_t backoff_next(struct backoff *b, int64_t least_ms);

void backoff_reset(struct backoff *b); /* after a success */

#endif
