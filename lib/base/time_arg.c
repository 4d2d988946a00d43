#include "base/time_arg.h"

#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* ".25" or ",25", as `date -Ins` prints it, in whole ms. */
static const char *parse_fraction(const char *s, int64_t *ms)
{
	int64_t place = 100;

	if ((*s != '.' && *s != ',') || !isdigit((unsigned char)s[1]))
		return s;
	for (s++; isdigit((unsigned char)*s); s++, place /= 10)
		*ms += (*s - '0') * place;
	return s;
}

static bool parse_date(const char *text, const char *format, int64_t *ms)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, format, &tm);
	int64_t fraction = 0, seconds;
	int day = tm.tm_mday;

	if (end && str_ends_with(format, "%S"))
		end = parse_fraction(end, &fraction);
	if (end && *end)
		end = strptime(end, "%z", &tm);
	if (!end || *end)
		return false;
	seconds = -tm.tm_gmtoff;
	seconds += timegm(&tm);
	if (tm.tm_mday != day) /* February 31 */
		return false;
	*ms = seconds * 1000 + fraction;
	return true;
}

bool time_arg_parse(const char *text, int64_t now_ms, int64_t *ms)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S",
		"%Y-%m-%d %H:%M", "%Y-%m-%d" };
	int64_t value;

	if (str_parse_int64(text + (*text == '@'), &value)) {
		if (value < 0)
			return false;
		*ms = clock_server_ms(value);
		return true;
	}
	if (*text && isalpha((unsigned char)text[strlen(text) - 1]) && str_parse_duration(text, &value)) {
		*ms = value < now_ms ? now_ms - value : 0;
		return true;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (parse_date(text, formats[i], &value)) {
			*ms = value > 0 ? value : 0;
			return true;
		}
	}
	return false;
}
