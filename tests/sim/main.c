/*
 * sim - runs the engine of lib/send against a model of the service, on a simulated clock.
 *
 *	sim [--seed N] [--runs N] [--time SECONDS] [--state FILE] [--verbose] [SCENARIO...]
 *
 * A run is a scenario and a seed; the same seed gives the same run. A violated property is printed with its seed, and
 * the exit status is 1 then. --state: goes on with the seed after the last one that the file names, and adds the
 * messages up there.
 */
#include "tests/sim/sim.h"
#include "tests/sim/world.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sim_totals sim_totals;
bool sim_verbose;
const char *sim_dir;
static bool failed;

static const struct scenario {
	const char *name;
	bool (*run)(uint64_t seed);
} scenarios[] = { { "send", sim_send } };

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

void sim_begin(void)
{
	failed = false;
}

bool sim_ok(void)
{
	return !failed;
}

void sim_fail(const char *format, ...)
{
	va_list args;

	failed = true;
	va_start(args, format);
	printf("# violation at %" PRId64 " ms: ", world_now());
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

void sim_say(const char *format, ...)
{
	va_list args;

	if (!sim_verbose)
		return;
	va_start(args, format);
	printf("# %10" PRId64 " ", world_now());
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static void print_share(const char *kind, uint64_t lost, uint64_t unknown)
{
	if (lost)
		printf("# %s: %" PRIu64 " of %" PRIu64 " lost responses unknown (%.2f %%)\n", kind, unknown, lost,
			100.0 * (double)unknown / (double)lost);
}

static bool run_one(const struct scenario *scenario, uint64_t seed)
{
	bool ok = scenario->run(seed);

	sim_totals.runs++;
	if (!ok)
		printf("# replay: sim --verbose --seed %" PRIu64 " --runs 1 %s\n", seed, scenario->name);
	return ok;
}

/* The seed to begin with, and the messages of earlier calls. */
static void load(const char *path, uint64_t *seed, uint64_t *messages)
{
	FILE *f = fopen(path, "r");

	if (f && fscanf(f, "%" SCNu64 " %" SCNu64, seed, messages) != 2)
		fprintf(stderr, "sim: '%s' is not a state file; starting from seed %" PRIu64 "\n", path, *seed);
	if (f)
		fclose(f);
}

static bool save(const char *path, uint64_t seed, uint64_t messages)
{
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%" PRIu64 " %" PRIu64 "\n", seed, messages) < 0 || fclose(f)) {
		perror(path);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = UINT64_MAX, before = 0, violations = 0;
	const char *state = NULL;
	double seconds = 0;
	bool wanted[SCENARIOS] = { false }, any = false;
	struct timespec start, now;
	char dir[] = "/tmp/kandy-sim.XXXXXX";

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		bool used = true;

		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--runs"))
			runs = strtoull(value, NULL, 10);
		else if (!strcmp(argv[i], "--time"))
			seconds = strtod(value, NULL);
		else if (!strcmp(argv[i], "--state"))
			state = value;
		else
			used = false;
		i += used;
		if (used)
			continue;
		if (!strcmp(argv[i], "--verbose")) {
			sim_verbose = true;
			continue;
		}
		for (size_t k = 0; k < SCENARIOS; k++) {
			if (!strcmp(argv[i], scenarios[k].name))
				any = wanted[k] = used = true;
		}
		if (!used) {
			fprintf(stderr, "sim: unknown argument '%s'\n", argv[i]);
			return 64;
		}
	}
	if (access("/dev/shm", W_OK) == 0)
		strcpy(dir, "/dev/shm/sim.XXXXXX");
	sim_dir = mkdtemp(dir);
	if (!sim_dir) {
		perror(dir);
		return 73;
	}
	if (state)
		load(state, &seed, &before);
	hash_local("", 0); /* draws its key here, and not within the first run, which would not replay then */
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t n = 0; n < runs; n++, seed++) {
		for (size_t k = 0; k < SCENARIOS; k++) {
			if (wanted[k] || !any)
				violations += !run_one(&scenarios[k], seed);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (seconds > 0 && (double)(now.tv_sec - start.tv_sec) >= seconds)
			runs = n;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	print_share("history within 10 s, texts unchanged", sim_totals.consistent.lost, sim_totals.consistent.unknown);
	print_share("history later than 10 s", sim_totals.lagging.lost, sim_totals.lagging.unknown);
	print_share("texts or attachments changed", sim_totals.altered.lost, sim_totals.altered.unknown);
	print_share("two processes send to the same conversations", sim_totals.contended.lost,
		sim_totals.contended.unknown);
	printf("# %" PRIu64 " runs, %" PRIu64 " messages in %.1f s, %" PRIu64 " messages in all; %" PRIu64
	       " runs violate a property\n",
		sim_totals.runs, sim_totals.messages,
		(double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9,
		before + sim_totals.messages, violations);
	if (rmdir(sim_dir) || (state && !save(state, seed, before + sim_totals.messages)))
		return 74;
	return violations != 0;
}
