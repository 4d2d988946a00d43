/* Every code point there and back, what RFC 3629 forbids, and what a terminal may not see. */
#include "base/utf8.h"

#include "base/buf.h"
#include "tests/lib/tap.h"

static void test_code_points(void)
{
	struct buf out;
	bool ok = true;

	buf_init(&out, 16);
	for (uint32_t c = 0; c <= 0x110000; c++) {
		uint32_t wanted = c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0xfffd : c, back = 0;

		buf_clear(&out);
		utf8_encode(&out, c);
		ok = ok && utf8_decode(out.data, out.len, &back) == out.len && back == wanted &&
			utf8_valid(out.data, out.len);
	}
	tap_ok(ok, "every code point comes back");
	buf_release(&out);
}

static void test_invalid(void)
{
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf",
		"\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "12345678\xff", "1234567\xc3", NULL };
	struct buf out;

	for (size_t i = 0; bad[i]; i++)
		tap_ok(!utf8_valid(bad[i], strlen(bad[i])), "invalid");
	tap_ok(utf8_valid("", 0) && utf8_valid("\0", 1) && utf8_valid("12345678\xc3\xa9", 10), "valid");
	buf_init(&out, 100);
	utf8_sanitize(&out, "a\xff\xc3(\xe2\x82\xc3\xa9", 8);
	tap_str(out.data, "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9", "each odd byte is U+FFFD");
	buf_release(&out);
}

static void test_cut(void)
{
	const char *s = "ab\xc3\xa9\xf0\x9f\x98\x80z";
	static const size_t wanted[] = { 0, 1, 2, 2, 4, 4, 4, 4, 8, 9, 9 };

	for (size_t max = 0; max < sizeof(wanted) / sizeof(wanted[0]); max++)
		tap_int((intmax_t)utf8_cut(s, 9, max), (intmax_t)wanted[max], "cut between characters");
}

static void test_printable(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = { { "plain", "plain" }, { "a\033[31mred\033[0m", "a[31mred[0m" }, { "bell\a\b\x7f", "bell" },
		{ "two\nlines\tand\rmore", "two lines andmore" },
		{ "c1\xc2\x9b"
		  "31m",
			"c131m" },
		{ "bidi\xe2\x80\xae\xe2\x81\xa6txt", "biditxt" },
		{ "a\xc2\xad\xe2\x80\x8b\xe2\x80\x8d\xe2\x81\xa0\xef\xbb\xbf\xef\xbf\xb9z", "az" },
		{ "a\xe1\x85\x9f\xe1\x85\xa0\xe3\x85\xa4\xef\xbe\xa0\xf3\xa0\x81\x81z", "az" },
		{ "\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\x9d\xa4\xef\xb8\x8f" }, { "\xe2\x80\xa8\xe2\x80\xa9", "" },
		{ "bad\xff", "bad\xef\xbf\xbd" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" } };
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		utf8_printable(&out, cases[i].in, strlen(cases[i].in));
		tap_str(out.data, cases[i].out, "fit for a terminal");
	}
	buf_clear(&out);
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;

		utf8_printable(&out, &byte, 1);
	}
	for (size_t i = 0; i < out.len; i++)
		if ((unsigned char)out.data[i] < 0x20 || out.data[i] == 0x7f)
			tap_ok(false, "a control character came through");
	buf_release(&out);
}

static void test_escape(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = { { "{\"a\":\"plain\"}\n", "{\"a\":\"plain\"}\n" },
		{ "del \x7f nel \xc2\x85 csi \xc2\x9b nbsp \xc2\xa0",
			"del \\u007f nel \\u0085 csi \\u009b nbsp \xc2\xa0" },
		{ "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xef\xbb\xbf\xd8\x9c", "\\u202e\\u2066\\u2028\\ufeff\\u061c" },
		{ "\xe2\x80\x8b\xe3\x85\xa4\xf3\xa0\x81\x81", "\\u200b\\u3164\\udb40\\udc41" },
		{ "\xc3\xa9\xf0\x9f\x98\x80\\u001b", "\xc3\xa9\xf0\x9f\x98\x80\\u001b" },
		{ "bad\xff\xc2", "bad\xff\xc2" }, { "", "" } };
	struct buf out;

	buf_init(&out, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		utf8_escape_controls(&out, cases[i].in, strlen(cases[i].in));
		tap_str(out.data, cases[i].out, "JSON for a terminal");
	}
	buf_release(&out);
}

int main(void)
{
	test_code_points();
	test_invalid();
	test_cut();
	test_printable();
	test_escape();
	return tap_done();
}
