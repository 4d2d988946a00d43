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

struct table { /* empty if zeroed */
	struct table_slot *slots;
	size_t count, cap; /* cap is 0 or a power of two */
};

void table_release(struct table *t); /* does not free the values */
void *table_get(const struct table *t, const char *key); /* NULL: not found */
void table_put(struct table *t, const char *key, void *value); /* borrows `key` until it is removed */
void table_remove(struct table *t, const char *key);

#endif
