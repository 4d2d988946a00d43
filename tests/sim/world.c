#include "tests/sim/world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_MS INT64_C(1700000000000)

struct event {
	int64_t when;
	uint64_t number;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	uint64_t random[4];
	int64_t now;
	struct event *heap;
	size_t count, cap;
	uint64_t number;
	struct sim_clock our_clock;
} world;

/* ---- randomness: xoshiro256**, seeded by splitmix64 (Blackman, Vigna) -------------------------------------------- */

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t next_random(void)
{
	uint64_t *s = world.random;
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t world_random(uint64_t n)
{
	return n ? next_random() % n : 0;
}

bool world_chance(unsigned per_mille)
{
	return world_random(1000) < per_mille;
}

int64_t world_between(int64_t least, int64_t most)
{
	return least + (int64_t)world_random((uint64_t)(most - least) + 1);
}

void random_bytes(void *p, size_t len)
{
	for (char *at = p; len;) {
		uint64_t x = next_random();
		size_t n = len < sizeof(x) ? len : sizeof(x);

		memcpy(at, &x, n);
		at += n;
		len -= n;
	}
}

uint32_t random_u32(void)
{
	return (uint32_t)next_random();
}

int64_t random_below(int64_t n)
{
	return n > 0 ? (int64_t)world_random((uint64_t)n) : 0;
}

void random_id(char out[static 33])
{
	unsigned char raw[16];

	random_bytes(raw, sizeof(raw));
	str_hex_encode(out, raw, sizeof(raw));
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

int64_t world_now(void)
{
	return world.now;
}

int64_t world_read(struct sim_clock *clock)
{
	while (clock->jump_every_ms && clock->next_jump_ms <= world.now) {
		if (clock->next_jump_ms)
			clock->offset_ms += world_between(-clock->jump_ms, clock->jump_ms);
		clock->next_jump_ms = world.now + world_between(1, 2 * clock->jump_every_ms);
	}
	return EPOCH_MS + world.now + clock->offset_ms + world.now * clock->drift_ppm / 1000000;
}

struct sim_clock *world_our_clock(void)
{
	return &world.our_clock;
}

int64_t clock_mono_ms(void)
{
	return world.now;
}

int64_t clock_wall_ms(void)
{
	return world_read(&world.our_clock);
}

void clock_sleep_ms(int64_t ms)
{
	(void)ms;
	abort(); /* an engine that sleeps cannot be simulated */
}

int64_t clock_server_ms(int64_t value)
{
	const int64_t first_ms = INT64_C(100000000000);

	return value > -first_ms && value < first_ms ? value * 1000 : value;
}

int64_t clock_bounded_ms(int64_t ms)
{
	return ms < 0 ? 0 : ms < CLOCK_LAST_MS ? ms : CLOCK_LAST_MS;
}

/* ---- events: a binary heap --------------------------------------------------------------------------------------- */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->when != b->when ? a->when < b->when : a->number < b->number;
}

static void swap(size_t i, size_t j)
{
	struct event event = world.heap[i];

	world.heap[i] = world.heap[j];
	world.heap[j] = event;
}

void world_at(int64_t when, void (*fn)(void *arg), void *arg)
{
	size_t i = world.count;

	world.heap = xgrow(world.heap, world.count, &world.cap, sizeof(*world.heap));
	world.heap[world.count++] = (struct event){
		.when = when > world.now ? when : world.now, .number = world.number++, .fn = fn, .arg = arg
	};
	for (; i && earlier(&world.heap[i], &world.heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static struct event pop(void)
{
	struct event first = world.heap[0];
	size_t i = 0;

	world.heap[0] = world.heap[--world.count];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < world.count && earlier(&world.heap[child + 1], &world.heap[child]))
			child++;
		if (child >= world.count || !earlier(&world.heap[child], &world.heap[i]))
			return first;
		swap(i, child);
		i = child;
	}
}

int64_t world_next(void)
{
	return world.count ? world.heap[0].when : INT64_MAX;
}

bool world_advance(int64_t until)
{
	struct event event;

	if (!world.count || world.heap[0].when > until) {
		if (until > world.now)
			world.now = until;
		return false;
	}
	event = pop();
	world.now = event.when;
	event.fn(event.arg);
	return true;
}

void world_start(uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		world.random[i] = splitmix(&seed);
	world.now = 1000000;
	world.count = 0;
	world.our_clock = (struct sim_clock){ 0 };
}
