/*
 * The cursor's file: whatever it contains, the loaded cursor can be used, and is the same after a save and a load.
 */
#include "store/cursor.h"

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor *cursor, *again;
	char *text = fuzz_text(data, size);
	const struct cursor_conversation *same;
	struct cursor_conversation *peer;
	char path[64], *quarantined;
	struct err err;
	size_t good;
	uint64_t id;
	bool found;

	snprintf(path, sizeof(path), "/dev/shm/kandy-fuzz-%ld.cursor", (long)getpid()); /* saves are synced */
	cursor = cursor_new(path);
	again = cursor_new(path);
	good = cursor_decode(cursor, text, size);
	MUST(good <= size && (!good || text[good - 1] == '\n'));
	if (good) {
		peer = cursor_conversation(cursor, "chat-oneToOne", 13, "alice@acme.example.com", 22);
		id = cursor_hash(cursor, "m1", 2);
		cursor_old(peer, INT64_C(1525895987000));
		cursor_take(cursor, peer, id, INT64_C(1525895987000));
		MUST(cursor_taken(peer, id) && cursor_find(cursor, "chat-oneToOne", "alice@acme.example.com") == peer);
		MUST(!cursor_save(cursor, false, &err));
		MUST(!cursor_load(again, &found, &quarantined, &err) && found);
		same = cursor_find(again, "chat-oneToOne", "alice@acme.example.com");
		MUST(same && cursor_taken(same, cursor_hash(again, "m1", 2)));
		MUST(same->taken_until_s == peer->taken_until_s && same->count == peer->count);
	}
	unlink(path);
	cursor_free(again);
	cursor_free(cursor);
	free(text);
	return 0;
}
