/*
 * Resume info: it matches only the object that it describes, and only a partial file that is not longer than that; what
 * is encoded matches. The first line of the input is the link if the resume info, the rest, names none.
 */
#include "fetch/download-int.h"

#include "json/json.h"
#include "tests/fuzz/fuzz.h"

static struct json_doc doc;

/* True if the info matches; its validator is checked and freed. */
static bool matches(struct download *d, const char *info, size_t len, int64_t found, const char *validator)
{
	enum resume_match match = download_body_match_info(d, info, len, found);
	bool matched = match == RESUME_CONTINUE;

	MUST(match != RESUME_FROM_START); /* the info is whole and has a validator */
	MUST(matched == (d->validator != NULL));
	MUST(!matched || !strcmp(d->validator, validator));
	free(d->validator);
	d->validator = NULL;
	return matched;
}

/* Resume info that decodes to these values, in any encoding. */
static void check_info(const char *info, size_t len, char *link, int64_t size, int64_t total, const char *validator)
{
	char other[] = "https://cpaas.example.com/other";
	struct download d = { .start = link, .size = size };
	int64_t most = size < 0 || (total >= 0 && total < size) ? total : size;

	if (info[len - 1] != '\n') {
		MUST(download_body_match_info(&d, info, len, 0) == RESUME_FROM_START && !d.validator);
		return;
	}
	MUST(matches(&d, info, len, 0, validator) && d.object_size == total);
	if (most >= 0) {
		MUST(matches(&d, info, len, most, validator));
		MUST(most == INT64_MAX || !matches(&d, info, len, most + 1, validator));
	} else {
		MUST(matches(&d, info, len, INT64_MAX, validator));
	}
	d.size = size ^ 1;
	MUST(!matches(&d, info, len, 0, validator));
	d.size = size;
	d.start = other;
	MUST(!strcmp(link, other) || !matches(&d, info, len, 0, validator));
}

static void check_encoded(char *link, int64_t size, int64_t total, char *validator)
{
	struct download d = { .start = link, .size = size, .object_size = total, .validator = validator };
	struct buf info;

	buf_init(&info, BUF_NO_MAX);
	download_body_encode_info(&info, &d);
	MUST(memchr(info.data, '\n', info.len) == info.data + info.len - 1);
	check_info(info.data, info.len, link, size, total, validator);
	buf_release(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *info = memchr(text, '\n', size);
	char *link = NULL, *validator = NULL;
	struct download d = { .start = text, .size = -1 };
	int64_t bytes, total = -1;
	size_t len;

	info = info ? info : text;
	len = (size_t)(text + size - info);
	if (!json_parse(&doc, info, len, NULL, NULL)) {
		struct json_value named = json_get(json_root(&doc), "link");

		link = json_type(named) == JSON_STRING ? json_dup(named) : NULL;
		validator = json_dup(json_get(json_root(&doc), "validator"));
		if (!json_int(json_get(json_root(&doc), "total"), &total))
			total = -1;
	}
	if (link && validator && json_int(json_get(json_root(&doc), "size"), &bytes)) {
		check_info(info, len, link, bytes, total, validator);
		check_encoded(link, bytes, total, validator);
	} else {
		MUST(download_body_match_info(&d, info, len, 0) != RESUME_CONTINUE && !d.validator);
	}
	free(validator);
	free(link);
	free(text);
	return 0;
}
