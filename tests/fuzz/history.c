/*
 * History pages, one a line, newest first. The output must be whole lines, none twice and none of a message that was
 * taken before, or error messages about skipped messages. The first byte is the type of the conversation; from 128 on,
 * a baseline is taken, and no line may come.
 */
#include "listen/backfill.h"
#include "json/json.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc page, line_doc;

static void drain(struct backfill *b, struct cursor *cursor, struct hash_recent *seen)
{
	struct line_info info;
	struct slice out;
	struct err err;

	while (b->need == BACKFILL_DRAIN) {
		MUST(!b->baseline);
		MUST(!backfill_next(b, cursor, &out, &info, &err));
		if (info.skipped) {
			MUST(out.len);
		} else {
			MUST(info.message && out.len && out.s[out.len - 1] == '\n' &&
				!memchr(out.s, '\n', out.len - 1));
			MUST(!json_parse(&line_doc, out.s, out.len, NULL, &err));
		}
		if (!info.conversation)
			continue;
		MUST(hash_recent_add(seen, info.id) && !cursor_taken(info.conversation, info.id));
		cursor_take(cursor, info.conversation, info.id, info.time_ms);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor *cursor = cursor_new("/nonexistent/x.cursor");
	struct history_sessions sessions = { 0 };
	struct hash_recent emitted, seen;
	struct backfill b;
	const char *next;
	char *text, *p;
	struct err err;

	if (!size) {
		cursor_free(cursor);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	hash_recent_init(&emitted, 10);
	hash_recent_init(&seen, 100000);
	cursor_reset(cursor, 0);
	sessions.items = calloc(1, sizeof(*sessions.items));
	MUST(sessions.items);
	sessions.count = sessions.cap = 1;
	sessions.items[0] = (struct history_session){
		.type = (enum chat_type)(data[0] % 3), .conversation = strdup("alice"), .last_ms = -1
	};
	backfill_init(&b, "/tmp");
	backfill_start(&b);
	backfill_list(&b, cursor, &sessions, data[0] >= 128);
	for (p = text; b.need == BACKFILL_PAGE && p;) {
		char *end = strchr(p, '\n');
		size_t len = end ? (size_t)(end - p) : strlen(p);

		MUST(backfill_request(&b, &next));
		if (json_parse(&page, p, len, NULL, &err))
			json_release(&page);
		MUST(!backfill_page(&b, cursor, &emitted, json_root(&page), end ? strdup("more") : NULL, "bob", &err));
		drain(&b, cursor, &seen);
		p = end ? end + 1 : NULL;
	}
	MUST(b.need == BACKFILL_NOTHING || !p);
	backfill_release(&b);
	hash_recent_release(&seen);
	hash_recent_release(&emitted);
	cursor_free(cursor);
	free(text);
	return 0;
}
