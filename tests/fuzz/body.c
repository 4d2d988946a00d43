/*
 * Bodies in the trace: text, of which no secret is shown, neither one that is known nor what stands behind the name of
 * one, whatever surrounds it; and all of it is shown where there is no secret. The input's first four bytes say what is
 * put into the rest and where, and how far that is from where bodies are cut.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_MAX_LEN 300 /* what is long is made of it */
#define VALUE "c4n4ry!" /* behind a name */
#define KNOWN_PART "kn0wn~s3cret." /* many of them are the known secret */

static const char *const names[] = { "access_token", "RefreshToken", "id-token", "client_secret", "password",
	"authorization" };
/* Something of each name, and what stands before a user in a URL. */
static const char *const hints[] = { "token", "secret", "passw", "passphrase", "authorization", "key", "://" };
static const char *const separators[] = { "=", ":", "\":\"", "\" : \"", "\\\":\\\"", "%3D", "'='", "=Bearer " };
static const char *const ends[] = { "\"", "&", ",", "}", "\n", "\t", "<", "\\" };

static struct buf known;
static char spaces[LOG_BODY_MAX];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	buf_init(&known, BUF_NO_MAX);
	for (int i = 0; i < 80; i++)
		buf_addf(&known, "%d" KNOWN_PART, i);
	redact_add(known.data, known.len);
	memset(spaces, ' ', sizeof(spaces));
	return 0;
}

static bool has(const struct buf *text, const char *s)
{
	return memmem(text->data, text->len, s, strlen(s));
}

static bool may_be_secret(const char *text)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		found = found || strcasestr(text, hints[i]);
	return found;
}

static void check(const struct buf *body)
{
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	log_body_text(&out, body->data, body->len);
	MUST(utf8_valid(out.data, out.len) && !memchr(out.data, '\0', out.len));
	MUST(!has(&out, VALUE) && !has(&out, KNOWN_PART));
	buf_release(&out);
}

/* Nothing is put in. */
static void check_plain(const char *text, size_t size)
{
	struct buf out;

	if (may_be_secret(text) || !utf8_valid(text, size) || memchr(text, '\0', size) || strstr(text, KNOWN_PART))
		return;
	buf_init(&out, BUF_NO_MAX);
	log_body_text(&out, text, size);
	MUST(out.len == size && !memcmp(out.data, text, size));
	buf_release(&out);
}

enum place { SHORT, AT_THE_CUT, BEHIND_MUCH };

static void check_with(const uint8_t *bytes, const char *text, size_t size, enum place place)
{
	size_t at = bytes[0] * size / 255;
	struct buf body;

	buf_init(&body, BUF_NO_MAX);
	if (place == AT_THE_CUT)
		buf_add(&body, spaces, LOG_BODY_MAX - bytes[2]);
	while (place == BEHIND_MUCH && body.len < LOG_BODY_MAX + (size_t)32 * 1024 - bytes[2])
		buf_add(&body, known.data, known.len); /* which leaves room when it is taken out */
	buf_add(&body, text, at);
	if (bytes[1] & 0x80)
		buf_add(&body, known.data, known.len);
	buf_adds(&body, names[bytes[1] % 6]);
	buf_adds(&body, separators[bytes[3] / 8 % 8]);
	buf_adds(&body, VALUE);
	buf_adds(&body, ends[bytes[2] % 8]);
	buf_add(&body, text + at, size - at);
	check(&body);
	buf_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned turn;
	char *text;

	if (size < 4)
		return 0;
	text = fuzz_text(data + 4, size - 4);
	size -= 4;
	check_plain(text, size);
	if (!strstr(text, VALUE) && !strstr(text, KNOWN_PART)) {
		check_with(data, text, size, SHORT);
		/* a long one takes as much time as hundreds of short ones; the first input always has its turn */
		if (turn++ % 256 == 0)
			check_with(data, text, size, data[3] % 2 ? AT_THE_CUT : BEHIND_MUCH);
	}
	free(text);
	return 0;
}
