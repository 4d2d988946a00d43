/* The manifest: entries of valid lines can be found, the last one of a link wins, and encoding round-trips. */
#include "fetch/manifest.h"

#include "tests/fuzz/fuzz.h"

static struct json_doc doc, again;

static void check_entry(const struct manifest_entry *e)
{
	struct manifest *other = manifest_new("x", true);
	const struct manifest_entry *same;
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	manifest_encode(e, INT64_C(1525895987000), &line);
	MUST(line.len && memchr(line.data, '\n', line.len) == line.data + line.len - 1);
	manifest_add_line(other, &again, line.data, line.len - 1);
	same = manifest_find(other, e->message_id, e->link);
	MUST(same && !strcmp(same->path, e->path) && !strcmp(same->sha256, e->sha256) && same->bytes == e->bytes);
	buf_release(&line);
	manifest_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest *manifest = manifest_new("x", true);
	char *text = fuzz_text(data, size), *end = text + size;

	for (char *p = text; p < end;) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);

		manifest_add_line(manifest, &doc, p, len);
		if (!json_parse(&doc, p, len, NULL, NULL)) {
			char *message_id = json_dup(json_get(json_root(&doc), "messageId"));
			char *link = json_dup(json_get(json_root(&doc), "rawURL"));
			const struct manifest_entry *e = NULL;

			if (link)
				e = manifest_find(manifest, message_id ? message_id : "", link);
			if (e)
				check_entry(e);
			free(message_id);
			free(link);
		}
		p += len + 1;
	}
	manifest_free(manifest);
	free(text);
	return 0;
}
