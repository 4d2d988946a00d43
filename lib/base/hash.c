#include "base/hash.h"

#include "base/mem.h"
#include "base/random.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void hash_key_random(struct hash_key *key)
{
	random_bytes(key, sizeof(*key));
}

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t len)
{
	const unsigned char *at = p;
	uint64_t v[4] = { key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t last = (uint64_t)len << 56;
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, 8);
		word = le64toh(word);
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)at[i] << (8 * i);
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- sets ------------------------------------------------------------------------------------------------------ */

void hash_set_release(struct hash_set *set)
{
	free(set->table);
	*set = (struct hash_set){ 0 };
}

/* Where `value` is, or the empty place where it would be put. */
static size_t place_of(const struct hash_set *set, uint64_t value)
{
	size_t at = value & (set->cap - 1);

	while (set->table[at] && set->table[at] != value)
		at = (at + 1) & (set->cap - 1);
	return at;
}

bool hash_set_has(const struct hash_set *set, uint64_t value)
{
	value += !value;
	return set->cap && set->table[place_of(set, value)] == value;
}

static void grow(struct hash_set *set)
{
	struct hash_set old = *set;

	set->cap = old.cap ? old.cap * 2 : 64;
	set->table = xcalloc(set->cap, sizeof(*set->table));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.table[i])
			set->table[place_of(set, old.table[i])] = old.table[i];
	}
	free(old.table);
}

bool hash_set_add(struct hash_set *set, uint64_t value)
{
	value += !value;
	if (hash_set_has(set, value))
		return false;
	if (set->count >= set->cap / 2)
		grow(set);
	set->table[place_of(set, value)] = value;
	set->count++;
	return true;
}

/* Closes the gap that the value leaves in its run of places. */
void hash_set_remove(struct hash_set *set, uint64_t value)
{
	size_t mask = set->cap - 1;
	size_t gap, at;

	value += !value;
	if (!hash_set_has(set, value))
		return;
	at = gap = place_of(set, value);
	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (!set->table[at])
			break;
		home = set->table[at] & mask;
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			set->table[gap] = set->table[at];
			gap = at;
		}
	}
	set->table[gap] = 0;
	set->count--;
}

/* ---- the last ones --------------------------------------------------------------------------------------------- */

void recent_init(struct recent *recent, size_t limit)
{
	*recent = (struct recent){ .limit = limit };
}

void recent_release(struct recent *recent)
{
	free(recent->ring);
	hash_set_release(&recent->set);
	recent_init(recent, recent->limit);
}

bool recent_has(const struct recent *recent, uint64_t value)
{
	return hash_set_has(&recent->set, value);
}

bool recent_add(struct recent *recent, uint64_t value)
{
	if (!hash_set_add(&recent->set, value))
		return false;
	if (recent->count == recent->limit) {
		hash_set_remove(&recent->set, recent->ring[recent->next]);
	} else {
		recent->ring = xgrow(recent->ring, recent->count, &recent->cap, sizeof(*recent->ring));
		recent->count++;
	}
	recent->ring[recent->next] = value;
	recent->next = (recent->next + 1) % recent->limit;
	return true;
}
