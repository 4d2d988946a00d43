/*
 * world.h - the simulated world: one seeded source of randomness, one clock, one queue of events.
 *
 * world.c replaces lib/base/clock.c and lib/base/random.c at link time, so the engines of lib/ see this clock and this
 * randomness and nothing else: a run is a function of its seed. Nothing waits; time passes from event to event.
 */
#ifndef KANDY_SIM_WORLD_H
#define KANDY_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A clock that need not agree with true time. */
struct sim_clock {
	int64_t offset_ms;
	int64_t drift_ppm;
	int64_t jump_every_ms; /* mean time between jumps; 0: none */
	int64_t jump_ms; /* largest jump, in either direction */
	int64_t next_jump_ms;
};

void world_start(uint64_t seed); /* forgets all events */
uint64_t world_random(uint64_t n); /* 0 <= x < n */
bool world_chance(unsigned per_mille);
int64_t world_between(int64_t least, int64_t most);

int64_t world_now(void); /* true time in ms; the engines see it as clock_mono_ms() */
int64_t world_read(struct sim_clock *clock); /* ms since 1970 by that clock; never read backwards in true time */
struct sim_clock *world_our_clock(void); /* clock_wall_ms() */

/* Calls fn(arg) at that time; events of the same time in the order in which they were added. */
void world_at(int64_t when, void (*fn)(void *arg), void *arg);
/* Passes to the next event not later than `until` and runs it. False: none; the time is `until` then. */
bool world_advance(int64_t until);
int64_t world_next(void); /* time of the next event; INT64_MAX: none */

#endif
