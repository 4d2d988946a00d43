/* Delays grow, stay under their caps, and end. */
#include "base/retry.h"
#include "base/backoff.h"
#include "base/retry.h"
#include "base/retry.h"
#include "base/retry.h"
#include "base/retry.h"
#include "base/retry.h"

#include "tests/lib/tap.h"

static void test_growth(void)
{
	struct backoff b = { .first_ms = 100, .cap_ms = 5000 };
	int64_t greatest[12] = { 0 };
	bool inside = true, waits = true;

	for (int round = 0; round < 300; round++) {
		int64_t ceiling = 100;

		backoff_reset(&b);
		for (int i = 0; i < 12; i++) {
			int64_t delay = backoff_next(&b, 0);

			inside = inside && delay >= 0 && delay <= ceiling;
			greatest[i] = delay > greatest[i] ? delay : greatest[i];
			ceiling = ceiling * 2 > 5000 ? 5000 : ceiling * 2;
		}
	}
	tap_ok(inside, "from nothing to the ceiling, which doubles up to the cap");
	tap_ok(greatest[0] > 50 && greatest[3] > 400 && greatest[11] > 2500,
		"delays use the whole range up to the ceiling");
	for (int i = 0; i < 100; i++) {
		int64_t delay = backoff_next(&b, 3000);

		waits = waits && delay >= 3000 && delay <= 3302;
	}
	tap_ok(waits, "a Retry-After is waited at least");
	tap_ok(backoff_next(&b, INT64_C(1) << 60) <= BACKOFF_LEAST_MAX_MS / 10 * 11 + 2, "but never for ages");
	b.tries = 4000000000u;
	tap_ok(backoff_next(&b, 0) <= 5000, "no overflow after ages");
}

static void test_retry(void)
{
	struct retry_policy policy = { .retries = 2 };
	struct retry r;
	struct err failure;

	err_set(&failure, ST_UNAVAILABLE, "x");
	retry_start(&r, &policy, 1000);
	tap_ok(retry_delay(&r, &failure, false, 1000) >= 0, "a first retry");
	tap_ok(retry_delay(&r, &failure, false, 1000) >= 0, "a second one");
	tap_int(retry_delay(&r, &failure, false, 1000), -1, "no third");
	tap_int(r.attempts, 3, "three attempts");

	retry_start(&r, &policy, 1000);
	failure.outcome = ERR_MAYBE_SENT;
	tap_int(retry_delay(&r, &failure, false, 1000), -1, "what may have been sent is not repeated");
	tap_ok(retry_delay(&r, &failure, true, 1000) >= 0, "unless that does no harm");
	err_set(&failure, ST_AUTH, "x");
	tap_int(retry_delay(&r, &failure, true, 1000), -1, "a refusal is not repeated");

	err_set(&failure, ST_TEMPFAIL, "x");
	failure.retry_after_ms = 2000;
	retry_start(&r, &policy, 1000);
	tap_ok(retry_delay(&r, &failure, false, 1000) >= 2000, "Retry-After");
	failure.retry_after_ms = INT64_C(1) << 60;
	tap_ok(retry_delay(&r, &failure, false, 1000) <= BACKOFF_LEAST_MAX_MS / 10 * 11 + 2, "not for ever");

	policy = (struct retry_policy){ .retries = 100, .delay_ms = 700, .max_time_ms = 2000 };
	failure.retry_after_ms = -1;
	retry_start(&r, &policy, 1000);
	tap_int(retry_delay(&r, &failure, false, 1000), 700, "a fixed delay");
	tap_int(retry_delay(&r, &failure, false, 2300), 700, "to the end of the time");
	tap_int(retry_delay(&r, &failure, false, 2301), -1, "no retry after the end of the time");
}

int main(void)
{
	test_growth();
	test_retry();
	return tap_done();
}
