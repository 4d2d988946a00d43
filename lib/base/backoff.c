#include "base/backoff.h"

#include "base/random.h"

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}

static int64_t believed(int64_t retry_after_ms)
{
	return retry_after_ms < RETRY_AFTER_MAX_MS ? retry_after_ms : RETRY_AFTER_MAX_MS;
}

int64_t backoff_next(struct backoff *b, int64_t least_ms)
{
	int64_t ceiling = b->first_ms;

	for (unsigned i = 0; i < b->tries && ceiling < b->cap_ms; i++)
		ceiling *= 2;
	if (ceiling > b->cap_ms)
		ceiling = b->cap_ms;
	b->tries++;
	least_ms = believed(least_ms);
	if (least_ms > 0)
		return least_ms + random_below(least_ms / 10 + 2);
	return random_below(ceiling + 1);
}

void retry_start(struct retry *r, const struct retry_policy *policy, int64_t now_ms)
{
	*r = (struct retry){
		.policy = policy, .started_ms = now_ms, .attempts = 1, .backoff = { .first_ms = 1000, .cap_ms = 600000 }
	};
}

int64_t retry_delay(struct retry *r, const struct err *failure, bool idempotent, int64_t now_ms)
{
	int64_t least = believed(failure->retry_after_ms), delay;

	if (!failure->retryable || (failure->outcome == ERR_MAYBE_SENT && !idempotent))
		return -1;
	if (r->attempts > r->policy->retries)
		return -1;
	if (r->policy->delay_ms && least < r->policy->delay_ms)
		delay = r->policy->delay_ms;
	else
		delay = backoff_next(&r->backoff, least);
	if (r->policy->max_time_ms && now_ms + delay - r->started_ms > r->policy->max_time_ms)
		return -1;
	r->attempts++;
	return delay;
}
