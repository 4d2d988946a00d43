#include "base/backoff.h"

#include "base/random.h"

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}

int64_t backoff_next(struct backoff *b, int64_t least_ms)
{
	int64_t ceiling = b->first_ms;

	for (unsigned i = 0; i < b->tries && ceiling < b->cap_ms; i++)
		ceiling *= 2;
	if (ceiling > b->cap_ms)
		ceiling = b->cap_ms;
	b->tries++;
	if (least_ms > BACKOFF_LEAST_MAX_MS)
		least_ms = BACKOFF_LEAST_MAX_MS;
	if (least_ms > 0)
		return least_ms + random_below(least_ms / 10 + 2);
	return random_below(ceiling + 1);
}
