/* Conversions of text: what is encoded comes back, what is cleaned is clean. */
#include "base/str.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

typedef bool coder(struct buf *out, const char *s, size_t len);

static bool encode_base64(struct buf *out, const char *s, size_t len)
{
	return base64url_encode(out, s, len);
}

static void check_round_trip(coder *encode, coder *decode, const char *s, size_t len)
{
	struct buf coded, back;

	buf_init(&coded, BUF_NO_MAX);
	buf_init(&back, BUF_NO_MAX);
	MUST(encode(&coded, s, len) && decode(&back, coded.data, coded.len));
	MUST(back.len == len && !memcmp(back.data, s, len));
	for (size_t i = 0; i < coded.len; i++)
		MUST(coded.data[i] > ' ' && coded.data[i] < 0x7f && coded.data[i] != '/' && coded.data[i] != '?' &&
			coded.data[i] != '#');
	buf_clear(&back);
	if (!decode(&back, s, len))
		MUST(!back.len);
	buf_release(&back);
	buf_release(&coded);
}

static void check_utf8(const char *s, size_t len)
{
	struct buf out;
	uint32_t point = 0;

	buf_init(&out, BUF_NO_MAX);
	MUST(utf8_sanitize(&out, s, len) && utf8_valid(out.data, out.len));
	MUST(!utf8_valid(s, len) || (out.len == len && !memcmp(out.data, s, len)));
	buf_clear(&out);
	MUST(utf8_printable(&out, s, len) && utf8_valid(out.data, out.len));
	for (size_t i = 0; i < out.len; i += utf8_decode(out.data + i, out.len - i, &point)) {
		MUST(utf8_decode(out.data + i, out.len - i, &point));
		MUST(!utf8_is_control(point));
	}
	for (size_t max = 0; max < 12; max++) {
		size_t n = utf8_cut(s, len, max);

		MUST(n <= max && n <= len && n + 4 >= (max < len ? max : len));
		MUST(!utf8_valid(s, len) || utf8_valid(s, n));
	}
	buf_release(&out);
}

static void check_numbers(const char *s)
{
	char text[24], digits[32];
	int64_t n, again;

	if (parse_int64(s, &n)) {
		snprintf(digits, sizeof(digits), "%lld", (long long)n);
		MUST(parse_int64(digits, &again) && again == n);
	}
	if (parse_duration(s, &n))
		MUST(n >= 0);
	if (parse_size(s, &n)) {
		MUST(n >= 0);
		format_size(text, n);
		MUST(strlen(text) < sizeof(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "send", "listen", "fetch-links", "login", NULL };
	char *s = fuzz_text(data, size);

	check_round_trip(percent_encode, percent_decode, s, size);
	check_round_trip(percent_encode_segment, percent_decode, s, size);
	check_round_trip(encode_base64, base64url_decode, s, size);
	check_utf8(s, size);
	check_numbers(s);
	MUST(edit_distance(s, s) == 0 || strlen(s) > 64);
	nearest_word(s, words);
	free(s);
	return 0;
}
