/* The table of structs and the list in order of use; the rest of hash.h is tested with the parts of listen. */
#include "base/hash.h"

#include "tests/lib/tap.h"

struct entry {
	struct hash_node node;
	struct hash_lru_node use;
	int number;
};

static struct entry entries[1000];

static struct entry *find(const struct hash_table *table, int number)
{
	HASH_EACH (node, table, hash_local(&number, sizeof(number))) {
		struct entry *entry = HASH_STRUCT(node, struct entry, node);

		if (entry->number == number)
			return entry;
	}
	return NULL;
}

static void test_table(void)
{
	struct hash_table table = { 0 };
	bool found = true, gone = true;

	tap_ok(!find(&table, 1) && !hash_table_any(&table), "a zeroed table is empty");
	for (int i = 0; i < 1000; i++) {
		entries[i].number = i;
		hash_table_add(&table, &entries[i].node, hash_local(&i, sizeof(i)));
	}
	for (int i = 0; i < 1000; i++)
		found = found && find(&table, i) == &entries[i];
	tap_ok(found && table.count == 1000, "each of 1000 entries is found");
	for (int i = 0; i < 1000; i += 2)
		hash_table_remove(&table, &entries[i].node);
	for (int i = 0; i < 1000; i++)
		gone = gone && find(&table, i) == (i % 2 ? &entries[i] : NULL);
	tap_ok(gone, "removed entries are gone, the others are found");
	while (hash_table_any(&table))
		hash_table_remove(&table, hash_table_any(&table));
	tap_int(table.count, 0, "hash_table_any() goes through all of them");

	hash_table_add(&table, &entries[0].node, 7);
	hash_table_add(&table, &entries[1].node, 7);
	hash_table_add(&table, &entries[2].node, 7 + 16);
	found = false;
	HASH_EACH (node, &table, 7)
		found = found || node == &entries[0].node;
	tap_ok(found, "entries with the same hash are told apart by the caller");
	hash_table_release(&table);
}

static void test_lru(void)
{
	struct hash_lru lru = { 0 };

	for (int i = 0; i < 3; i++)
		hash_lru_add(&lru, &entries[i].use);
	tap_ok(HASH_STRUCT(lru.oldest, struct entry, use)->number == 0, "the first one added is the oldest");
	hash_lru_remove(&lru, &entries[0].use);
	hash_lru_remove(&lru, &entries[0].use);
	tap_ok(lru.count == 2 && lru.oldest == &entries[1].use, "the second removal of an entry does nothing");
	hash_lru_add(&lru, &entries[0].use);
	tap_ok(lru.newest == &entries[0].use, "one that is added again is the newest");
	hash_lru_remove(&lru, &entries[2].use);
	hash_lru_remove(&lru, &entries[1].use);
	hash_lru_remove(&lru, &entries[0].use);
	tap_ok(!lru.count && !lru.oldest && !lru.newest, "the list is empty when all are removed");
}

int main(void)
{
	test_table();
	test_lru();
	return tap_done();
}
