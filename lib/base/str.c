#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool str_parse_int64(const char *s, int64_t *value)
{
	const char *digits = s + (*s == '-');
	char *end;
	long long n;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (*end || errno)
		return false;
	*value = n;
	return true;
}

struct unit {
	const char *name;
	double factor;
};

/*
 * Digits with an optional fraction, then one of `units`. Written out, since strtod() takes hex, "inf" and the locale.
 */
static bool parse_scaled(const char *s, const struct unit *units, int64_t *value)
{
	double number = 0, place = 0.1;
	const char *p = s;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		number = number * 10 + (*p - '0');
	if (*p == '.') {
		if (!isdigit((unsigned char)p[1]))
			return false;
		for (p++; isdigit((unsigned char)*p); p++, place /= 10)
			number += (*p - '0') * place;
	}
	for (; units->name; units++) {
		if (strcmp(p, units->name))
			continue;
		number = number * units->factor + 0.5;
		if (!(number < 9e15)) /* also far above any duration or size that makes sense */
			return false;
		*value = (int64_t)number;
		return true;
	}
	return false;
}

bool str_parse_duration(const char *s, int64_t *ms)
{
	static const struct unit units[] = { { "", 1e3 }, { "ms", 1 }, { "s", 1e3 }, { "m", 60e3 }, { "h", 3600e3 },
		{ "d", 86400e3 }, { 0 } };

	return parse_scaled(s, units, ms);
}

bool str_parse_size(const char *s, int64_t *bytes)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1024.0 }, { "K", 1024.0 }, { "M", 1048576.0 },
		{ "G", 1073741824.0 }, { 0 } };

	return parse_scaled(s, units, bytes);
}

const char *str_plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

void str_format_size(char out[static 24], int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = (double)(bytes < 0 ? 0 : bytes);
	size_t unit = 0;

	while (size >= 1023.5 && unit < 5) {
		size /= 1024;
		unit++;
	}
	snprintf(out, 24, unit && size < 9.95 ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

int str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void str_hex_encode(char *out, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = p;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[s[i] >> 4];
		*out++ = digits[s[i] & 15];
	}
	*out = '\0';
}

bool str_equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool str_is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(s, word, len);
}

bool str_starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends_with(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);

	return a >= b && !strcmp(s + a - b, suffix);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t str_edit_distance(const char *a, const char *b)
{
	enum { LIMIT = 64 };
	size_t rows[3][LIMIT + 1];
	size_t la = strlen(a), lb = strlen(b);
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	if (la > LIMIT || lb > LIMIT)
		return la > lb ? la : lb;
	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]), least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *str_nearest_word(const char *word, const char *const *words)
{
	const char *best = NULL;
	size_t best_distance = strlen(word) / 3 + 2; /* more edits than that, and it is another word */

	for (; *words; words++) {
		size_t distance = str_edit_distance(word, *words);

		if (strlen(word) > 2 && str_starts_with(*words, word))
			distance = 1;
		if (distance < best_distance && distance < strlen(*words)) {
			best = *words;
			best_distance = distance;
		}
	}
	return best;
}
