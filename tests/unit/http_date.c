/* Dates in HTTP headers, and Retry-After. */
#include "base/http_date.h"

#include "tests/lib/tap.h"

#define NOW_MS (INT64_C(1445412480000) - 90000) /* 2015-10-21 07:28:00 UTC, less 90 s */

static void date(const char *value, int64_t wanted)
{
	tap_int(http_date_ms(value), wanted, value);
}

static void retry_after(const char *value, int64_t wanted)
{
	tap_int(http_date_retry_after_ms(value, NOW_MS), wanted, value);
}

int main(void)
{
	date("Thu, 01 Jan 1970 00:00:00 GMT", 0);
	date("Wed, 31 Dec 1969 23:59:59 GMT", -1);
	date("Wed, 21 Oct 2015 07:28:00 GMT", INT64_C(1445412480000));
	date("Wed, 21 Oct 2015 07:28:00", -1);
	date("Wed, 21 Oct 2015 07:28:00 GMT and more", -1);
	date("Wed, 31 Oct 2015 25:28:00 GMT", -1);
	date("2015-10-21", -1);
	date("0", -1);
	date("", -1);

	retry_after("0", 0);
	retry_after("120", 120000);
	retry_after("999999999999999999999999", INT64_C(999999999000));
	retry_after("-1", -1);
	retry_after("1.5", -1);
	retry_after("", -1);
	retry_after("soon", -1);
	retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 90000);
	retry_after("Wednesday, 21-Oct-15 07:28:00 GMT", 90000); /* the two forms of old */
	retry_after("Wed Oct 21 07:28:00 2015", 90000);
	retry_after("Tue, 20 Oct 2015 07:28:00 GMT", 0); /* has passed */
	retry_after("Wed, 21 Oct 2065777777 07:28:00 GMT", -1);
	retry_after("Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000) - INT64_C(1445412480000) + 90000);
	return tap_done();
}
