/* Points in time, as --since takes them. */
#include "base/time_arg.h"

#include "tests/lib/tap.h"

#define NOW_MS INT64_C(1769860800500) /* 2026-01-31T12:00:00.5Z */

static void check(const char *text, int64_t wanted)
{
	int64_t ms = -1;

	tap_int(time_arg_parse(text, NOW_MS, &ms), wanted >= 0, text);
	tap_int(ms, wanted, text);
}

int main(void)
{
	check("1700000000", INT64_C(1700000000000));
	check("1700000000123", INT64_C(1700000000123));
	check("@1700000000", INT64_C(1700000000000));
	check("0", 0);
	check("@-5", -1);
	check("-5", -1);
	check("@", -1);
	check("@@5", -1);

	check("2026-01-31", INT64_C(1769817600000));
	check("2026-01-31T12:00", INT64_C(1769860800000));
	check("2026-01-31T12:00:01Z", INT64_C(1769860801000));
	check("2026-01-31 12:00:01", INT64_C(1769860801000));
	check("2026-01-31T13:00:01+01:00", INT64_C(1769860801000)); /* date -Is */
	check("2026-01-31T06:30:01-0530", INT64_C(1769860801000));
	check("2026-01-31 13:00:01+01:00", INT64_C(1769860801000)); /* date --rfc-3339=s */
	check("2026-01-31T13:00+01", INT64_C(1769860800000));
	check("2026-01-31T12:00:01,987654321+00:00", INT64_C(1769860801987)); /* date -Ins */
	check("2026-01-31T12:00:01.5", INT64_C(1769860801500));
	check("2026-01-31+01:00", INT64_C(1769814000000));
	check("1970-01-01T00:00+01:00", 0);
	check("2024-02-29", INT64_C(1709164800000));
	check("2026-02-29", -1);
	check("2026-13-01", -1);
	check("2026-01-31x", -1);
	check("2026-01-31T12:00:01.", -1);
	check("2026-01-31T12:00.5", -1);
	check("2026-01-31T12:00:01+1", -1);

	check("90s", NOW_MS - 90000);
	check("1.5h", NOW_MS - 5400000);
	check("2d", NOW_MS - 172800000);
	check("250ms", NOW_MS - 250);
	check("100000d", 0); /* before 1970 */
	check("1.5", -1);
	check("-1h", -1);
	check("1h ago", -1);
	check("1e9", -1);
	check("now", -1);
	check("", -1);
	return tap_done();
}
