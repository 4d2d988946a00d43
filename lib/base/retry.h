/*
 * retry.h - whether and when a failed request is retried, as curl defines --retry, --retry-delay and --retry-max-time.
 */
#ifndef KANDY_BASE_RETRY_H
#define KANDY_BASE_RETRY_H

#include "base/backoff.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
	int64_t retries; /* after the first attempt */
	int64_t delay_ms; /* fixed; 0: growing from 1 s, at most 10 min */
	int64_t max_time_ms; /* no retry starts later than this after the first attempt; 0: no limit */
};

struct retry {
	const struct retry_policy *policy;
	struct backoff backoff;
	int64_t started_ms; /* clock_mono_ms() */
	int64_t attempts; /* started so far */
};

void retry_start(struct retry *r, const struct retry_policy *policy, int64_t now_ms);

/*
 * After a failed attempt: the delay before the next one, or -1 for no retry (not retryable, too many, too late). A
 * request that may have been processed (ERR_MAYBE_SENT) is retried only if it is `idempotent`.
 */
int64_t retry_delay(struct retry *r, const struct err *failure, bool idempotent, int64_t now_ms);

#endif
