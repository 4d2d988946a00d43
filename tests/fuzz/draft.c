/*
 * Lines for `send --jsonl`: each becomes a draft, valid or not, and the line for resubmission reads as
 * the same draft.
 */
#include "wire/draft.h"

#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc doc;

static void check_again(const struct draft *draft, const struct draft_defaults *defaults)
{
	bool *wanted = calloc(draft->to_count + 1, sizeof(*wanted));
	struct draft *again;
	struct buf out;

	MUST(wanted);
	for (size_t i = 0; i < draft->to_count; i++)
		wanted[i] = true;
	buf_init(&out, BUF_NO_MAX);
	draft_write_line(draft, &doc, wanted, &out);
	MUST(!memchr(out.data, '\n', out.len));
	again = draft_from_json(&doc, out.data, out.len, defaults);
	MUST(!again->bad.status && again->to_count == draft->to_count && again->file_count == draft->file_count);
	MUST(!strcmp(again->text, draft->text));
	for (size_t i = 0; i < draft->to_count; i++)
		MUST(again->to[i].type == draft->to[i].type && !strcmp(again->to[i].id, draft->to[i].id));
	draft_free(again);
	buf_release(&out);
	free(wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const to[] = { "carol@acme.example.com" };
	struct draft_defaults defaults = { .to = to, .to_count = 1 };
	char *text = fuzz_text(data, size);
	struct draft *draft;

	for (char *p = text; (p = strchr(p, '\n'));) /* it is a line */
		*p = ' ';
	draft = draft_from_json(&doc, text, size, &defaults);

	MUST(draft && draft->text && utf8_valid(draft->text, strlen(draft->text)));
	if (draft->bad.status)
		MUST(draft->bad.text[0]);
	else
		MUST(draft->to_count && (draft->text[0] || draft->file_count));
	if (draft->ref) {
		struct json_doc ref = { 0 };

		MUST(!json_parse(&ref, draft->ref, strlen(draft->ref), NULL, NULL));
		json_release(&ref);
	}
	for (size_t i = 0; i < draft->to_count; i++)
		MUST(draft->to[i].id && (draft->bad.status || draft->to[i].id[0]));
	if (!draft->bad.status && draft->source)
		check_again(draft, &defaults);
	draft_free(draft);
	free(text);
	return 0;
}
