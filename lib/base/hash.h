/*
 * hash.h - keyed hashes of byte strings, and the containers built on them: a set of hashes, the hashes seen last, a
 * table of the caller's own structs, and a list of them in order of use.
 *
 * The hash is SipHash-2-4: strangers who choose message IDs but do not know the key cannot make two strings collide, so
 * equal 64-bit hashes may be taken for equal strings.
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
uint64_t hash_local(const void *p, size_t len); /* with a random key of this process; for tables in memory */

/* A set of hashes. A zeroed one is empty. */
struct hash_set {
	uint64_t *table; /* open addressing; 0 is an empty place, so the value 0 is kept as 1 */
	size_t count, cap; /* cap: places, a power of two */
};

void hash_set_release(struct hash_set *set);
bool hash_set_has(const struct hash_set *set, uint64_t value);
bool hash_set_add(struct hash_set *set, uint64_t value); /* false if it was there */
void hash_set_remove(struct hash_set *set, uint64_t value);

/* The last `limit` values that were added. Memory grows as it fills. */
struct hash_recent {
	size_t limit;
	uint64_t *ring;
	size_t count, cap, next; /* of the ring: values, allocated places, and where the next value goes */
	struct hash_set set;
};

void hash_recent_init(struct hash_recent *recent, size_t limit);
void hash_recent_release(struct hash_recent *recent); /* also for a zeroed struct */
bool hash_recent_has(const struct hash_recent *recent, uint64_t value);
bool hash_recent_add(struct hash_recent *recent, uint64_t value); /* false if it was there; it keeps its place then */

/*
 * A table of structs that contain a hash_node. It owns only its buckets and compares only hashes; callers compare
 * keys. A zeroed table is empty.
 *
 *	struct file { struct hash_node node; char *name; };
 *
 *	HASH_EACH (node, &table, hash_local(name, strlen(name))) {
 *		struct file *file = HASH_STRUCT(node, struct file, node);
 *		if (!strcmp(file->name, name))
 *			return file;
 *	}
 */
struct hash_node {
	struct hash_node *next; /* in its bucket */
	uint64_t hash;
};

struct hash_table {
	struct hash_node **buckets;
	size_t count, cap; /* cap: buckets, a power of two */
};

#define HASH_STRUCT(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void hash_table_add(struct hash_table *table, struct hash_node *node, uint64_t hash);
void hash_table_remove(struct hash_table *table, struct hash_node *node);
void hash_table_release(struct hash_table *table); /* the nodes are the caller's */
struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash); /* the first one; NULL: none */
struct hash_node *hash_table_again(const struct hash_node *node); /* the next one with the same hash; NULL: none */

/* All nodes with this hash. The body must not remove the node, unless it leaves the loop. */
#define HASH_EACH(node, table, hash) \
	for (struct hash_node *node = hash_table_find(table, hash); node; node = hash_table_again(node))

/* Any node of the table; NULL: it is empty. For freeing them all. */
struct hash_node *hash_table_any(const struct hash_table *table);

/* A list in order of use, of structs that contain a hash_lru_node. Zeroed ones are empty, and not in a list. */
struct hash_lru_node {
	struct hash_lru_node *prev, *next;
	bool listed;
};

struct hash_lru {
	struct hash_lru_node *oldest, *newest;
	size_t count;
};

void hash_lru_add(struct hash_lru *lru, struct hash_lru_node *node); /* as the newest; it must not be in the list */
void hash_lru_remove(struct hash_lru *lru, struct hash_lru_node *node); /* does nothing if it is not in the list */

#endif
