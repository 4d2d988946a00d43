/* Points in time, as --since takes them. */
#include "base/moment.h"

#include "tests/lib/tap.h"

#define NOW_MS INT64_C(1769860800500) /* 2026-01-31T12:00:00.5Z */

static void moment(const char *text, int64_t wanted)
{
	int64_t ms = -1;

	tap_int(moment_parse(text, NOW_MS, &ms), wanted >= 0, text);
	tap_int(ms, wanted, text);
}

int main(void)
{
	moment("1700000000", INT64_C(1700000000000));
	moment("1700000000123", INT64_C(1700000000123));
	moment("@1700000000", INT64_C(1700000000000));
	moment("0", 0);
	moment("@-5", -1);
	moment("-5", -1);
	moment("@", -1);
	moment("@@5", -1);

	moment("2026-01-31", INT64_C(1769817600000));
	moment("2026-01-31T12:00", INT64_C(1769860800000));
	moment("2026-01-31T12:00:01Z", INT64_C(1769860801000));
	moment("2026-01-31 12:00:01", INT64_C(1769860801000));
	moment("2026-01-31T13:00:01+01:00", INT64_C(1769860801000)); /* date -Is */
	moment("2026-01-31T06:30:01-0530", INT64_C(1769860801000));
	moment("2026-01-31 13:00:01+01:00", INT64_C(1769860801000)); /* date --rfc-3339=s */
	moment("2026-01-31T13:00+01", INT64_C(1769860800000));
	moment("2026-01-31T12:00:01,987654321+00:00", INT64_C(1769860801987)); /* date -Ins */
	moment("2026-01-31T12:00:01.5", INT64_C(1769860801500));
	moment("2026-01-31+01:00", INT64_C(1769814000000));
	moment("1970-01-01T00:00+01:00", 0);
	moment("2024-02-29", INT64_C(1709164800000));
	moment("2026-02-29", -1);
	moment("2026-13-01", -1);
	moment("2026-01-31x", -1);
	moment("2026-01-31T12:00:01.", -1);
	moment("2026-01-31T12:00.5", -1);
	moment("2026-01-31T12:00:01+1", -1);

	moment("90s", NOW_MS - 90000);
	moment("1.5h", NOW_MS - 5400000);
	moment("2d", NOW_MS - 172800000);
	moment("250ms", NOW_MS - 250);
	moment("100000d", 0); /* before 1970 */
	moment("1.5", -1);
	moment("-1h", -1);
	moment("1h ago", -1);
	moment("1e9", -1);
	moment("now", -1);
	moment("", -1);
	return tap_done();
}
