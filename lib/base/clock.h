/*
 * clock.h - time in milliseconds.
 *
 * clock_mono_ms(), which never goes back, is for durations and deadlines; clock_wall_ms() is for times that are stored
 * or shown. Code that tests drive with a clock of their own takes `now` as an argument instead.
 */
#ifndef KANDY_BASE_CLOCK_H
#define KANDY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */

void clock_sleep_ms(int64_t ms); /* returns early after a signal */

/*
 * Converts a time of the server, whose unit is unknown, to milliseconds: values below 10^11 are seconds.
 */
int64_t clock_server_ms(int64_t value);

/* Limits a time from a token or a file to the years 1970 to 9999, so that sums cannot overflow. */
#define CLOCK_LAST_MS INT64_C(253402300799999)
int64_t clock_bounded_ms(int64_t ms);

#endif
