/*
 * range.h - the Content-Range of a response (RFC 9110, 14.4). Pure.
 */
#ifndef KANDY_WIRE_RANGE_H
#define KANDY_WIRE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct content_range {
	int64_t first, last; /* -1 for the unsatisfied range of a 416 */
	int64_t total; /* -1: unknown */
};

/* "bytes 0-99/1234"; the range or the total may be an asterisk. False if invalid. */
bool range_parse(const char *text, struct content_range *range);

#endif
