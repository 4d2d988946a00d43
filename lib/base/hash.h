/*
 * hash.h - keyed hashes of byte strings, and a bounded memory of the ones seen last.
 *
 * The hash is SipHash-2-4: who does not know the key (strangers who choose message IDs) cannot make two strings meet,
 * so 64 bits are enough to take equal hashes for equal strings.
 */
#ifndef KANDY_BASE_HASH_H
#define KANDY_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

void hash_key_random(struct hash_key *key);
uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t len);

/* A set of hashes. A zeroed one is empty. */
struct hash_set {
	uint64_t *table; /* open addressing; 0 is an empty place, so the value 0 is kept as 1 */
	size_t count, cap; /* cap: places, a power of two */
};

void hash_set_release(struct hash_set *set);
bool hash_set_has(const struct hash_set *set, uint64_t value);
bool hash_set_add(struct hash_set *set, uint64_t value); /* false if it was there */
void hash_set_remove(struct hash_set *set, uint64_t value);

/*
 * The last `limit` values that were put in. Memory is taken as it fills.
 */
struct recent {
	size_t limit;
	uint64_t *ring;
	size_t count, cap, next; /* of the ring: how many are in, of how many, and where the next one goes */
	struct hash_set set;
};

void recent_init(struct recent *recent, size_t limit);
void recent_release(struct recent *recent); /* also for a zeroed struct */
bool recent_has(const struct recent *recent, uint64_t value);
bool recent_add(struct recent *recent, uint64_t value); /* false if it was there already (and stays where it was) */

#endif
