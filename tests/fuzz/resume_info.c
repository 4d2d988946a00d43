/*
 * The note beside a part that an earlier run left: gone on with is the object that it names and no other one, with no
 * more bytes than it has; and what is written is such a note. The first line is the link that is fetched where the
 * note, which is the rest, names none.
 */
#include "fetch/download-int.h"

#include "json/json.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc doc;

/* True if the note is taken, with its validator, which is freed. */
static bool is_taken(struct download *d, const char *note, size_t len, int64_t found, const char *validator)
{
	bool taken = download_body_info_matches(d, note, len, found);

	MUST(taken == (d->validator != NULL));
	MUST(!taken || !strcmp(d->validator, validator));
	free(d->validator);
	d->validator = NULL;
	return taken;
}

/* A note that says `link`, `size`, `total` and `validator`, whichever way it says them. */
static void check_note(const char *note, size_t len, char *link, int64_t size, int64_t total, const char *validator)
{
	char other[] = "https://cpaas.example.com/other";
	struct download d = { .start = link, .size = size };
	int64_t most = size < 0 || (total >= 0 && total < size) ? total : size;

	MUST(is_taken(&d, note, len, 0, validator) && d.object_size == total);
	if (most >= 0) {
		MUST(is_taken(&d, note, len, most, validator));
		MUST(most == INT64_MAX || !is_taken(&d, note, len, most + 1, validator));
	} else {
		MUST(is_taken(&d, note, len, INT64_MAX, validator));
	}
	d.size = size ^ 1;
	MUST(!is_taken(&d, note, len, 0, validator));
	d.size = size;
	d.start = other;
	MUST(!strcmp(link, other) || !is_taken(&d, note, len, 0, validator));
}

static void check_written(char *link, int64_t size, int64_t total, char *validator)
{
	struct download d = { .start = link, .size = size, .object_size = total, .validator = validator };
	struct buf note;

	buf_init(&note, BUF_NO_MAX);
	download_body_encode_info(&note, &d);
	MUST(memchr(note.data, '\n', note.len) == note.data + note.len - 1);
	check_note(note.data, note.len, link, size, total, validator);
	buf_release(&note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *note = memchr(text, '\n', size);
	char *link = NULL, *validator = NULL;
	struct download d = { .start = text, .size = -1 };
	int64_t bytes, total = -1;
	size_t len;

	note = note ? note : text;
	len = (size_t)(text + size - note);
	if (!json_parse(&doc, note, len, NULL, NULL)) {
		struct json_value named = json_get(json_root(&doc), "link");

		link = json_type(named) == JSON_STRING ? json_dup(named) : NULL;
		validator = json_dup(json_get(json_root(&doc), "validator"));
		if (!json_int(json_get(json_root(&doc), "total"), &total))
			total = -1;
	}
	if (link && validator && json_int(json_get(json_root(&doc), "size"), &bytes)) {
		check_note(note, len, link, bytes, total, validator);
		check_written(link, bytes, total, validator);
	} else {
		MUST(!download_body_info_matches(&d, note, len, 0) && !d.validator);
	}
	free(validator);
	free(link);
	free(text);
	return 0;
}
