/*
 * Lines for `send --jsonl`: each becomes an item, good or bad, and what is written to be fed in again
 * reads as the same.
 */
#include "wire/item.h"

#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc doc;

static void check_again(const struct outbox_item *item, const struct item_defaults *defaults)
{
	bool *wanted = calloc(item->to_count + 1, sizeof(*wanted));
	struct outbox_item *again;
	struct buf out;

	MUST(wanted);
	for (size_t i = 0; i < item->to_count; i++)
		wanted[i] = true;
	buf_init(&out, BUF_NO_MAX);
	item_again(item, &doc, wanted, &out);
	MUST(!memchr(out.data, '\n', out.len));
	again = item_from_json(&doc, out.data, out.len, defaults);
	MUST(!again->bad.status && again->to_count == item->to_count && again->file_count == item->file_count);
	MUST(!strcmp(again->text, item->text));
	for (size_t i = 0; i < item->to_count; i++)
		MUST(again->to[i].type == item->to[i].type && !strcmp(again->to[i].id, item->to[i].id));
	item_free(again);
	buf_release(&out);
	free(wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const to[] = { "carol@acme.example.com" };
	struct item_defaults defaults = { .to = to, .to_count = 1 };
	char *text = fuzz_text(data, size);
	struct outbox_item *item;

	for (char *p = text; (p = strchr(p, '\n'));) /* it is a line */
		*p = ' ';
	item = item_from_json(&doc, text, size, &defaults);

	MUST(item && item->text && utf8_valid(item->text, strlen(item->text)));
	if (item->bad.status)
		MUST(item->bad.text[0]);
	else
		MUST(item->to_count && (item->text[0] || item->file_count));
	if (item->ref) {
		struct json_doc ref = { 0 };

		MUST(!json_parse(&ref, item->ref, strlen(item->ref), NULL, NULL));
		json_release(&ref);
	}
	for (size_t i = 0; i < item->to_count; i++)
		MUST(item->to[i].id && (item->bad.status || item->to[i].id[0]));
	if (!item->bad.status && item->source)
		check_again(item, &defaults);
	item_free(item);
	free(text);
	return 0;
}
