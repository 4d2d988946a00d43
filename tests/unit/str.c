/* Checked conversions: the whole string or nothing. */
#include "base/str.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/percent.h"
#include "tests/lib/tap.h"

static void test_int(void)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "1x", "0x1", "1.0", "9223372036854775808",
		"-9223372036854775809", NULL };
	int64_t n = 42;

	tap_ok(str_parse_int64("-9223372036854775808", &n) && n == INT64_MIN, "the least");
	tap_ok(str_parse_int64("9223372036854775807", &n) && n == INT64_MAX, "the greatest");
	tap_ok(str_parse_int64("007", &n) && n == 7, "leading zeros");
	for (size_t i = 0; bad[i]; i++)
		tap_ok(!str_parse_int64(bad[i], &n) && n == 7, bad[i][0] ? bad[i] : "nothing");
}

static void test_units(void)
{
	static const struct {
		const char *s;
		int64_t ms;
	} durations[] = { { "30", 30000 }, { "250ms", 250 }, { "1.5h", 5400000 }, { "0", 0 }, { "2d", 172800000 },
		{ "0.001", 1 }, { "90s", 90000 }, { "1m", 60000 }, { "", -1 }, { "-1", -1 }, { "1.", -1 }, { ".5", -1 },
		{ "1 s", -1 }, { "1S", -1 }, { "1w", -1 }, { "1e3", -1 }, { "inf", -1 }, { "nan", -1 }, { "0x10", -1 },
		{ "99999999999999999999d", -1 } };
	static const struct {
		const char *s;
		int64_t bytes;
	} sizes[] = { { "10", 10 }, { "1k", 1024 }, { "1K", 1024 }, { "1.5M", 1572864 }, { "2G", INT64_C(2147483648) },
		{ "1T", -1 }, { "k", -1 }, { "1kb", -1 }, { "", -1 }, { "99999999999G", -1 } };
	static const struct {
		int64_t bytes;
		const char *s;
	} shown[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 100000, "98 KiB" },
		{ 1048575, "1.0 MiB" }, { 1288490189, "1.2 GiB" }, { -5, "0 B" }, { INT64_MAX, "8192 PiB" } };
	char text[24];

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		int64_t ms = -1;

		tap_ok(str_parse_duration(durations[i].s, &ms) == (durations[i].ms >= 0) && ms == durations[i].ms,
			durations[i].s);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t bytes = -1;

		tap_ok(str_parse_size(sizes[i].s, &bytes) == (sizes[i].bytes >= 0) && bytes == sizes[i].bytes,
			sizes[i].s);
	}
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		str_format_size(text, shown[i].bytes);
		tap_str(text, shown[i].s, "a size for people");
	}
}

static void test_percent(void)
{
	static const char *const bad[] = { "%", "%4", "a%zz", "%4g", "x%2", NULL };
	struct buf out;

	buf_init(&out, 2000);
	percent_encode(&out, "a b+c&d=\xc3\xa9/~._-%", 16);
	tap_str(out.data, "a%20b%2Bc%26d%3D%C3%A9%2F~._-%25", "a form value");
	buf_clear(&out);
	percent_encode_segment(&out, "alice+x@a.b/?#%;,\0", 18);
	tap_str(out.data, "alice+x@a.b%2F%3F%23%25;,%00", "a path segment keeps what pchar allows");
	buf_clear(&out);
	for (size_t i = 0; bad[i]; i++)
		tap_ok(!percent_decode(&out, bad[i], strlen(bad[i])) && !out.len, "refused");
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		struct buf back;

		buf_clear(&out);
		buf_init(&back, 10);
		percent_encode(&out, &byte, 1);
		if (!percent_decode(&back, out.data, out.len) || back.len != 1 || back.data[0] != byte)
			tap_ok(false, "a byte that does not come back");
		buf_release(&back);
	}
	buf_clear(&out);
	tap_ok(percent_decode(&out, "%41%7e%7E+", 10), "either case");
	tap_str(out.data, "A~~+", "a plus is not decoded");
	buf_release(&out);
}

static void test_base64_padded(void)
{
	static const struct {
		const char *plain, *coded;
	} vectors[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" } };
	struct buf out, small;

	buf_init(&out, 100);
	buf_init(&small, 3);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		buf_clear(&out);
		tap_ok(base64_encode(&out, vectors[i].plain, strlen(vectors[i].plain)), "base64");
		tap_str(out.data, vectors[i].coded, vectors[i].coded);
	}
	tap_ok(!base64_encode(&small, "f", 1), "no room for the padding");
	buf_release(&small);
	buf_release(&out);
}

static void test_base64(void)
{
	static const struct {
		const char *plain, *coded;
	} vectors[] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "-__-" } };
	static const char *const bad[] = { "A", "Zm9vY", "Zm9 v", "Zm+v", "Zm/v", "Z=g", "Zg\n", NULL };
	char hex[7];
	struct buf out;

	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		buf_clear(&out);
		base64_encode_url(&out, vectors[i].plain, strlen(vectors[i].plain));
		tap_str(out.data, vectors[i].coded, "coded (RFC 4648, 10)");
		buf_clear(&out);
		tap_ok(base64_decode_url(&out, vectors[i].coded, strlen(vectors[i].coded)), "decoded");
		tap_str(out.data, vectors[i].plain, "to the same");
	}
	buf_clear(&out);
	tap_ok(base64_decode_url(&out, "Zg==", 4) && !strcmp(out.data, "f"), "padding is passed over");
	buf_clear(&out);
	for (size_t i = 0; bad[i]; i++)
		tap_ok(!base64_decode_url(&out, bad[i], strlen(bad[i])) && !out.len, "refused");
	str_hex_encode(hex, "\x00\xff\x1a", 3);
	tap_str(hex, "00ff1a", "hex");
	buf_release(&out);
}

static void test_words(void)
{
	static const char *const words[] = { "send", "listen", "login", "logout", NULL };

	tap_ok(str_starts_with("abc", "ab") && !str_starts_with("a", "ab") && str_ends_with("abc", "bc") &&
			!str_ends_with("c", "bc"),
		"beginnings and ends");
	tap_int((intmax_t)str_edit_distance("kitten", "sitting"), 3, "a distance");
	tap_int((intmax_t)str_edit_distance("ab", "ba"), 1, "a swap is one edit");
	tap_int((intmax_t)str_edit_distance("", "abc"), 3, "from nothing");
	tap_str(str_nearest_word("lisen", words), "listen", "a near miss");
	tap_str(str_nearest_word("liste", words), "listen", "a beginning");
	tap_str(str_nearest_word("quux", words), NULL, "nothing near");
}

int main(void)
{
	test_int();
	test_units();
	test_percent();
	test_base64();
	test_base64_padded();
	test_words();
	return tap_done();
}
