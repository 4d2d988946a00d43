/*
 * clock.h - time in milliseconds.
 *
 * For durations and deadlines take clock_mono_ms(), which never goes back; for what is stored or shown,
 * clock_wall_ms(). Logic that tests want to turn by hand takes `now` as an argument instead of asking.
 */
#ifndef KANDY_BASE_CLOCK_H
#define KANDY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */

void clock_sleep_ms(int64_t ms); /* ends early on a signal */

/*
 * A server's time of unknown unit, as milliseconds: below 10^11 it is seconds (protocol.md, "Base, headers,
 * addresses").
 */
int64_t clock_server_ms(int64_t value);

/* A time from a token or a file, cut to what lies between 1970 and the end of 9999, so that no sum overflows. */
#define CLOCK_LAST_MS INT64_C(253402300799999)
int64_t clock_bounded_ms(int64_t ms);

#endif
