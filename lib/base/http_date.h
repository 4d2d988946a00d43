/*
 * http_date.h - dates and delays in HTTP headers.
 */
#ifndef KANDY_BASE_HTTP_DATE_H
#define KANDY_BASE_HTTP_DATE_H

#include <stdint.h>

/*
 * Milliseconds since 1970 of an HTTP date: "Wed, 21 Oct 2015 07:28:00 GMT", or one of the two obsolete forms of RFC
 * 9110 (5.6.7). -1 if it is invalid or before 1970.
 */
int64_t http_date_ms(const char *value);

/*
 * The delay of a Retry-After header (RFC 9110, 10.2.3: seconds or a date) in milliseconds from `now_ms`
 * (clock_wall_ms()); 0 for a date in the past, -1 if it is invalid. backoff.h limits it.
 */
int64_t http_date_retry_after_ms(const char *value, int64_t now_ms);

#endif
