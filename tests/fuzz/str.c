/* Conversions of text: what is encoded comes back, what is cleaned is clean. */
#include "base/str.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_MAX_LEN 80 /* more bytes say nothing new, and take their time */

typedef bool coder(struct buf *out, const char *s, size_t len);

static bool encode_base64(struct buf *out, const char *s, size_t len)
{
	return base64_encode_url(out, s, len);
}

static void check_round_trip(coder *encode, coder *decode, const char *s, size_t len)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%-._~!$&'()*+,;=:@";
	struct buf coded, back;

	buf_init(&coded, BUF_NO_MAX);
	buf_init(&back, BUF_NO_MAX);
	MUST(encode(&coded, s, len) && decode(&back, coded.data, coded.len));
	MUST(back.len == len && !memcmp(back.data, s, len));
	MUST(strspn(coded.data, allowed) == coded.len);
	buf_clear(&back);
	if (!decode(&back, s, len))
		MUST(!back.len);
	buf_release(&back);
	buf_release(&coded);
}

static void check_utf8(const char *s, size_t len)
{
	struct buf out;
	bool valid = utf8_valid(s, len);
	uint32_t point = 0;

	buf_init(&out, BUF_NO_MAX);
	MUST(utf8_sanitize(&out, s, len) && utf8_valid(out.data, out.len));
	MUST(!valid || (out.len == len && !memcmp(out.data, s, len)));
	buf_clear(&out);
	MUST(utf8_printable(&out, s, len) && utf8_valid(out.data, out.len));
	for (size_t i = 0, n; i < out.len; i += n) {
		n = utf8_decode(out.data + i, out.len - i, &point);
		MUST(n && !utf8_is_control(point));
	}
	for (size_t max = 0; max < 12; max++) {
		size_t n = utf8_cut(s, len, max);

		MUST(n <= max && n <= len && n + 4 >= (max < len ? max : len));
		MUST(!valid || utf8_valid(s, n));
	}
	buf_release(&out);
}

static void check_numbers(const char *s)
{
	char text[24], digits[32];
	int64_t n, again;

	if (str_parse_int64(s, &n)) {
		snprintf(digits, sizeof(digits), "%lld", (long long)n);
		MUST(str_parse_int64(digits, &again) && again == n);
	}
	if (str_parse_duration(s, &n))
		MUST(n >= 0);
	if (str_parse_size(s, &n)) {
		MUST(n >= 0);
		str_format_size(text, n);
		MUST(strlen(text) < sizeof(text));
	}
}

/* Short words, and those beyond the limit: the time goes with the square of the length. */
static void check_words(const char *s)
{
	static const char *const words[] = { "send", "listen", "fetch-links", "login", NULL };
	size_t len = strlen(s);

	if (len > 64)
		MUST(str_edit_distance(s, "send") == len);
	if (len > 12)
		return;
	MUST(str_edit_distance(s, s) == 0 && str_edit_distance(s, "") == len);
	str_nearest_word(s, words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = fuzz_text(data, size);

	check_round_trip(percent_encode, percent_decode, s, size);
	check_round_trip(percent_encode_segment, percent_decode, s, size);
	check_round_trip(encode_base64, base64_decode_url, s, size);
	check_utf8(s, size);
	check_numbers(s);
	check_words(s);
	free(s);
	return 0;
}
