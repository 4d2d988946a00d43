/*
 * tap.h - the C side of the tests: TAP on stdout, for prove(1). A test is a program:
 *
 *	int main(void)
 *	{
 *		tap_int(parse("7"), 7, "a digit");
 *		tap_str(name(), "kandy", "the name");
 *		return tap_done();
 *	}
 */
#ifndef KANDY_TESTS_TAP_H
#define KANDY_TESTS_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failures;

static inline bool tap_ok_at(bool ok, const char *what, const char *file, int line)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_count, what);
	if (!ok) {
		tap_failures++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return ok;
}

static inline bool tap_str_at(const char *got, const char *wanted, const char *what, const char *file, int line)
{
	bool ok = got && wanted ? !strcmp(got, wanted) : got == wanted;

	tap_ok_at(ok, what, file, line);
	if (!ok)
		printf("#    got: %s\n# wanted: %s\n", got ? got : "(NULL)", wanted ? wanted : "(NULL)");
	return ok;
}

static inline bool tap_int_at(intmax_t got, intmax_t wanted, const char *what, const char *file, int line)
{
	tap_ok_at(got == wanted, what, file, line);
	if (got != wanted)
		printf("#    got: %" PRIdMAX "\n# wanted: %" PRIdMAX "\n", got, wanted);
	return got == wanted;
}

/* All results so far, for the table of cases that tests/run prints at its end. */
static inline void tap_cases(const char *what)
{
	printf("# cases: %d %s\n", tap_count, what);
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures ? 1 : 0;
}

#define tap_ok(condition, what) tap_ok_at((condition), (what), __FILE__, __LINE__)
#define tap_str(got, wanted, what) tap_str_at((got), (wanted), (what), __FILE__, __LINE__)
#define tap_int(got, wanted, what) tap_int_at((got), (wanted), (what), __FILE__, __LINE__)

#endif
