#include "base/retry.h"

void retry_start(struct retry *r, const struct retry_policy *policy, int64_t now_ms)
{
	*r = (struct retry){
		.policy = policy, .started_ms = now_ms, .attempts = 1, .backoff = { .first_ms = 1000, .cap_ms = 600000 }
	};
}

int64_t retry_delay(struct retry *r, const struct err *failure, bool idempotent, int64_t now_ms)
{
	int64_t delay;

	if (!failure->retryable || (failure->outcome == ERR_MAYBE_SENT && !idempotent))
		return -1;
	if (r->attempts > r->policy->retries)
		return -1;
	if (r->policy->delay_ms && failure->retry_after_ms < r->policy->delay_ms)
		delay = r->policy->delay_ms;
	else
		delay = backoff_next(&r->backoff, failure->retry_after_ms);
	if (r->policy->max_time_ms && now_ms + delay - r->started_ms > r->policy->max_time_ms)
		return -1;
	r->attempts++;
	return delay;
}
