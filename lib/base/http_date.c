#include "base/http_date.h"

#include "base/str.h"

#include <string.h>
#include <time.h>

#define SECONDS_MAX INT64_C(999999999) /* larger values are cut to this */

/* strptime() reads English names, because kandy never calls setlocale(3). */
int64_t http_date_ms(const char *value)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
		"%a %b %d %H:%M:%S %Y", /* asctime(3) */
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(value, forms[i], &tm);
		int64_t seconds;

		if (!end || *end)
			continue;
		seconds = (int64_t)timegm(&tm);
		return seconds < 0 ? -1 : seconds * 1000;
	}
	return -1;
}

int64_t http_date_retry_after_ms(const char *value, int64_t now_ms)
{
	int64_t seconds, date;

	if (value[0] && !value[strspn(value, "0123456789")]) {
		if (!str_parse_int64(value, &seconds) || seconds > SECONDS_MAX)
			seconds = SECONDS_MAX;
		return seconds * 1000;
	}
	date = http_date_ms(value);
	if (date < 0)
		return -1;
	return date > now_ms ? date - now_ms : 0;
}
