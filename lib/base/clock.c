#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	if (ms > 0)
		nanosleep(&t, NULL);
}

int64_t clock_server_ms(int64_t value)
{
	const int64_t first_ms = INT64_C(100000000000);

	return value > -first_ms && value < first_ms ? value * 1000 : value;
}

int64_t clock_bounded_ms(int64_t ms)
{
	return ms < 0 ? 0 : ms < CLOCK_LAST_MS ? ms : CLOCK_LAST_MS;
}
