#include "base/hash.h"

#include "base/mem.h"
#include "base/random.h"

#include <endian.h>
#include <pthread.h>
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

static struct hash_key local_key;

static void make_local_key(void)
{
	hash_key_random(&local_key);
}

uint64_t hash_local(const void *p, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_local_key);
	return hash_bytes(&local_key, p, len);
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

/* ---- recent ones ----------------------------------------------------------------------------------------------- */

void hash_recent_init(struct hash_recent *recent, size_t limit)
{
	*recent = (struct hash_recent){ .limit = limit };
}

void hash_recent_release(struct hash_recent *recent)
{
	free(recent->ring);
	hash_set_release(&recent->set);
	hash_recent_init(recent, recent->limit);
}

bool hash_recent_has(const struct hash_recent *recent, uint64_t value)
{
	return hash_set_has(&recent->set, value);
}

bool hash_recent_add(struct hash_recent *recent, uint64_t value)
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

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static struct hash_node **bucket_of(const struct hash_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->cap - 1)];
}

static void grow_table(struct hash_table *table)
{
	struct hash_table old = *table;

	table->cap = old.cap ? old.cap * 2 : 16;
	table->buckets = xcalloc(table->cap, sizeof(*table->buckets));
	for (size_t i = 0; i < old.cap; i++) {
		for (struct hash_node *node = old.buckets[i], *next; node; node = next) {
			struct hash_node **bucket = bucket_of(table, node->hash);

			next = node->next;
			node->next = *bucket;
			*bucket = node;
		}
	}
	free(old.buckets);
}

void hash_table_add(struct hash_table *table, struct hash_node *node, uint64_t hash)
{
	struct hash_node **bucket;

	if (table->count == table->cap)
		grow_table(table);
	bucket = bucket_of(table, hash);
	*node = (struct hash_node){ .next = *bucket, .hash = hash };
	*bucket = node;
	table->count++;
}

void hash_table_remove(struct hash_table *table, struct hash_node *node)
{
	struct hash_node **at = bucket_of(table, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->count--;
}

void hash_table_release(struct hash_table *table)
{
	free(table->buckets);
	*table = (struct hash_table){ 0 };
}

static struct hash_node *same_hash(struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash)
{
	return table->cap ? same_hash(*bucket_of(table, hash), hash) : NULL;
}

struct hash_node *hash_table_again(const struct hash_node *node)
{
	return same_hash(node->next, node->hash);
}

struct hash_node *hash_table_any(const struct hash_table *table)
{
	size_t i = 0;

	if (!table->count)
		return NULL;
	while (!table->buckets[i])
		i++;
	return table->buckets[i];
}

/* ---- in order of use ------------------------------------------------------------------------------------------- */

void hash_lru_add(struct hash_lru *lru, struct hash_lru_node *node)
{
	*node = (struct hash_lru_node){ .prev = lru->newest, .listed = true };
	*(lru->newest ? &lru->newest->next : &lru->oldest) = node;
	lru->newest = node;
	lru->count++;
}

void hash_lru_remove(struct hash_lru *lru, struct hash_lru_node *node)
{
	if (!node->listed)
		return;
	*(node->prev ? &node->prev->next : &lru->oldest) = node->next;
	*(node->next ? &node->next->prev : &lru->newest) = node->prev;
	*node = (struct hash_lru_node){ 0 };
	lru->count--;
}
