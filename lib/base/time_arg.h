/*
 * time_arg.h - points in time as option values.
 *
 *	2026-01-31, 2026-01-31T12:00, 2026-01-31 12:00:05.25
 *		UTC, unless an offset follows: Z, +01:00, -0530
 *	90s, 1.5h, 2d
 *		that long ago; the unit is required
 *	@1795565128, 1795565128, 1795565128000
 *		since 1970, in seconds or milliseconds (clock_server_ms())
 */
#ifndef KANDY_BASE_TIME_ARG_H
#define KANDY_BASE_TIME_ARG_H

#include <stdbool.h>
#include <stdint.h>

/* For help and errors: "TIME is ..." */
#define TIME_ARG_FORMS \
	"2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00+01:00 (UTC without an offset), a duration such as 1h for so " \
	"long ago, or @SECONDS since 1970"

/* In milliseconds since 1970, at least 0. False, with `*ms` unchanged, for any other text. */
bool time_arg_parse(const char *text, int64_t now_ms, int64_t *ms);

#endif
