/*
 * backoff.h - how long to wait before the next try: growing, jittered, capped. Pure.
 *
 * "Full jitter": the delay is drawn evenly from 0 to min(cap, first * 2^tries), so that many clients which were
 * thrown out together do not come back together.
 */
#ifndef KANDY_BASE_BACKOFF_H
#define KANDY_BASE_BACKOFF_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct backoff {
	int64_t first_ms, cap_ms; /* policy */
	unsigned tries; /* state: delays handed out since the last reset */
};

void backoff_reset(struct backoff *b); /* after a success */

#define RETRY_AFTER_MAX_MS INT64_C(600000) /* a longer Retry-After is not believed: it is cut to this */

/* The next delay. `least_ms` (a Retry-After, else 0 or less) is waited at least, with a little jitter on top. */
int64_t backoff_next(struct backoff *b, int64_t least_ms);

/* Retries of one request, in curl's meanings of --retry, --retry-delay and --retry-max-time. */
struct retry_policy {
	int64_t retries; /* after the first attempt */
	int64_t delay_ms; /* fixed; 0: growing from 1 s, at most 10 min */
	int64_t max_time_ms; /* no retry is begun later than this after the start; 0: no limit */
};

struct retry {
	const struct retry_policy *policy;
	struct backoff backoff;
	int64_t started_ms; /* clock_mono_ms() */
	int64_t attempts; /* begun so far */
};

void retry_start(struct retry *r, const struct retry_policy *policy, int64_t now_ms);

/*
 * After a failed attempt: how long to wait before the next one, or -1 to give up (not retryable, too many, too late).
 * A failure that may have been sent (ERR_MAYBE_SENT) is never repeated here, unless `idempotent`.
 */
int64_t retry_delay(struct retry *r, const struct err *failure, bool idempotent, int64_t now_ms);

#endif
