/*
 * http_date.h - times as HTTP headers carry them, for all that speaks HTTP.
 */
#ifndef KANDY_BASE_HTTP_DATE_H
#define KANDY_BASE_HTTP_DATE_H

#include <stdint.h>

/*
 * Milliseconds since 1970 of an HTTP date: "Wed, 21 Oct 2015 07:28:00 GMT", or one of the two forms of old that RFC
 * 9110 (5.6.7) still wants read. -1: it is none, or lies before 1970.
 */
int64_t http_date_ms(const char *value);

/*
 * What Retry-After asks for (RFC 9110, 10.2.3: seconds, or a date), in milliseconds from `now_ms` (clock_wall_ms()) on;
 * 0 for a date that has passed. -1: it is neither form. How much of it is believed is the matter of backoff.h.
 */
int64_t http_date_retry_after_ms(const char *value, int64_t now_ms);

#endif
