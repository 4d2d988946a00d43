/*
 * range.h - the Content-Range of an answer (RFC 9110, 14.4). Pure.
 */
#ifndef KANDY_WIRE_RANGE_H
#define KANDY_WIRE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct content_range {
	int64_t first, last; /* -1 for an unsatisfied range: of a 416 */
	int64_t total; /* -1: the server does not say */
};

/*
 * "bytes 0-99/1234", with an asterisk for the total or for the range. False for anything else, and for what cannot be
 * (last before first).
 */
bool range_parse(const char *text, struct content_range *range);

#endif
