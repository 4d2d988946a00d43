/*
 * table.h - a hash table from strings to pointers.
 */
#ifndef KANDY_SANDBOX_TABLE_H
#define KANDY_SANDBOX_TABLE_H

#include <stddef.h>

struct table_slot {
	const char *key; /* NULL: free */
	void *value;
};

struct table { /* a zeroed one is empty */
	struct table_slot *slots;
	size_t count, cap; /* cap is 0 or a power of two */
};

void table_release(struct table *t); /* the values are the caller's */
void *table_get(const struct table *t, const char *key); /* NULL: not there */
void table_put(struct table *t, const char *key, void *value); /* borrows `key` for as long as it is in */
void table_remove(struct table *t, const char *key);

#endif
