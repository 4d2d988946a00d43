#include "wire/range.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

/* Parses the digits at `*s`, and skips them. */
static bool number(const char **s, int64_t *value)
{
	size_t n = strspn(*s, "0123456789");
	char digits[20];

	if (!n || n >= sizeof(digits))
		return false;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	*s += n;
	return str_parse_int64(digits, value);
}

bool range_parse(const char *s, struct content_range *range)
{
	struct content_range r = { -1, -1, -1 };

	if (strncasecmp(s, "bytes", 5) != 0 || s[5] != ' ')
		return false;
	s += 5 + strspn(s + 5, " ");
	if (*s == '*')
		s++;
	else if (!number(&s, &r.first) || *s++ != '-' || !number(&s, &r.last) || r.last < r.first)
		return false;
	if (*s++ != '/')
		return false;
	if (*s == '*')
		s++;
	else if (!number(&s, &r.total) || r.last >= r.total)
		return false;
	if (*s || (r.first < 0 && r.total < 0))
		return false;
	*range = r;
	return true;
}
