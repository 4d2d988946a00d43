/*
 * multipart/form-data in the sandbox: the result must not depend on the size of the pieces, which is given by the first
 * byte. The boundary is "b".
 */
#include "sandbox/multipart.h"

#include "tests/fuzz/fuzz.h"

struct found {
	struct buf text; /* the output of the callbacks */
	bool open;
};

static bool begin(void *arg, const struct multipart_part *part)
{
	struct found *found = arg;

	MUST(!found->open && part->name && part->filename && part->type);
	found->open = true;
	buf_addf(&found->text, "{%s|%s|%s:", part->name, part->filename, part->type);
	return true;
}

static bool take(void *arg, const char *p, size_t len)
{
	struct found *found = arg;

	MUST(found->open);
	buf_add(&found->text, p, len);
	return true;
}

static bool end(void *arg)
{
	struct found *found = arg;

	MUST(found->open);
	found->open = false;
	buf_addc(&found->text, '}');
	return true;
}

static enum multipart_result parse(const char *text, size_t size, size_t piece, struct found *found)
{
	static const struct multipart_handler handler = { begin, take, end };
	enum multipart_result result = MULTIPART_MORE;
	struct multipart m = { 0 };

	buf_init(&found->text, BUF_NO_MAX);
	MUST(multipart_init(&m, "multipart/form-data; boundary=b", &handler, found));
	for (size_t at = 0; at < size && result == MULTIPART_MORE; at += piece) {
		size_t len = size - at < piece ? size - at : piece;

		result = multipart_add(&m, text + at, len);
	}
	multipart_release(&m);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct found whole = { 0 }, pieces = { 0 };
	enum multipart_result a, b;
	struct multipart m = { 0 };
	static const struct multipart_handler handler = { begin, take, end };
	char *text;

	if (!size)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	a = parse(text, size - 1, size, &whole);
	b = parse(text, size - 1, (size_t)data[0] % 40 + 1, &pieces);
	MUST(a == b);
	if (a == MULTIPART_DONE)
		MUST(whole.text.len == pieces.text.len && !memcmp(whole.text.data, pieces.text.data, whole.text.len));
	multipart_init(&m, text, &handler, NULL);
	multipart_release(&m);
	buf_release(&whole.text);
	buf_release(&pieces.text);
	free(text);
	return 0;
}
