/*
 * sim.h - what main.c runs: one scenario with one seed.
 */
#ifndef KANDY_SIM_SIM_H
#define KANDY_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

/* Sums over all runs. */
struct sim_totals {
	uint64_t runs, messages;
	/* lost responses and those of them whose delivery stayed unknown, by how the service shows its history */
	struct {
		uint64_t lost, unknown;
	} consistent, lagging, altered, contended;
};

extern struct sim_totals sim_totals;

/* Scenarios. False: a property was violated; sim_fail() has printed which. `verbose` prints what happens. */
bool sim_send(uint64_t seed);

extern bool sim_verbose;
extern const char *sim_dir; /* scratch directory */

/* Notes a violation; the run goes on, and returns sim_ok() in the end. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_begin(void);
bool sim_ok(void);

#endif
