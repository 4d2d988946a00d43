/*
 * The cursor's file: whatever is in it, what was loaded can be asked, goes on, and reads the same after it was saved.
 */
#include "store/cursor.h"

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char path[] = "/nonexistent/x.cursor";
	struct cursor *cursor = cursor_new(path), *again = cursor_new(path);
	char *text = fuzz_text(data, size);
	const struct cursor_conversation *same;
	struct cursor_conversation *peer;
	struct buf out;
	size_t good;
	uint64_t id;

	buf_init(&out, BUF_NO_MAX);
	good = cursor_decode(cursor, text, size);
	MUST(good <= size && (!good || text[good - 1] == '\n'));
	if (good) {
		peer = cursor_conversation(cursor, "chat-oneToOne", 13, "alice@acme.example.com", 22);
		id = cursor_hash(cursor, "m1", 2);
		cursor_old(peer, INT64_C(1525895987000));
		cursor_take(cursor, peer, id, INT64_C(1525895987000));
		MUST(cursor_taken(peer, id) && cursor_find(cursor, "chat-oneToOne", "alice@acme.example.com") == peer);
		cursor_encode(cursor, &out);
		MUST(cursor_decode(again, out.data, out.len) == out.len);
		same = cursor_find(again, "chat-oneToOne", "alice@acme.example.com");
		MUST(same && cursor_taken(same, cursor_hash(again, "m1", 2)));
		MUST(same->taken_until_s == peer->taken_until_s && same->count == peer->count);
	}
	buf_release(&out);
	cursor_free(again);
	cursor_free(cursor);
	free(text);
	return 0;
}
