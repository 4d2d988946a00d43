/* Open addressing with linear probing. A removal moves later entries up, so there are no tombstones. */
#include "sandbox/table.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t hash(const char *key)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32);
}

/* The place of `key`, or the free place for it. */
static size_t find(const struct table *t, const char *key)
{
	size_t at = hash(key) & (t->cap - 1);

	while (t->slots[at].key && strcmp(t->slots[at].key, key) != 0)
		at = (at + 1) & (t->cap - 1);
	return at;
}

void table_release(struct table *t)
{
	free(t->slots);
	*t = (struct table){ 0 };
}

void *table_get(const struct table *t, const char *key)
{
	return t->cap ? t->slots[find(t, key)].value : NULL;
}

static void grow(struct table *t)
{
	struct table bigger = { .cap = t->cap ? t->cap * 2 : 16, .count = t->count };

	bigger.slots = xcalloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i].key)
			bigger.slots[find(&bigger, t->slots[i].key)] = t->slots[i];
	free(t->slots);
	*t = bigger;
}

void table_put(struct table *t, const char *key, void *value)
{
	size_t at;

	if ((t->count + 1) * 4 > t->cap * 3)
		grow(t);
	at = find(t, key);
	if (!t->slots[at].key)
		t->count++;
	t->slots[at] = (struct table_slot){ key, value };
}

void table_remove(struct table *t, const char *key)
{
	size_t at, next, mask = t->cap - 1;

	if (!t->cap || !t->slots[at = find(t, key)].key)
		return;
	t->count--;
	for (next = (at + 1) & mask; t->slots[next].key; next = (next + 1) & mask) {
		size_t home = hash(t->slots[next].key) & mask;

		if (((next - home) & mask) >= ((next - at) & mask)) {
			t->slots[at] = t->slots[next];
			at = next;
		}
	}
	t->slots[at] = (struct table_slot){ 0 };
}
