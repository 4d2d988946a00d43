/* The reader refuses what RFC 8259 refuses and keeps every byte of what it takes; the writer's commas and escapes. */
#include "json/json.h"

#include "tests/lib/tap.h"

#include <stdlib.h>

static struct json_doc doc;
static struct err err;

static enum status parse(const char *text)
{
	return json_parse(&doc, text, strlen(text), NULL, &err);
}

static struct json_value root(const char *text)
{
	enum status st = parse(text);

	if (st)
		printf("# %s: %s\n", text, err.text);
	return json_root(&doc);
}

/* The document written out again. */
static const char *again(const char *text)
{
	static struct buf out;

	if (!out.data)
		buf_init(&out, 1 << 20);
	buf_clear(&out);
	json_add_value(&out, NULL, root(text));
	return out.data;
}

static void test_accepts(void)
{
	static const char *const good[] = { "0", "-0", "1e5", "1E+5", "-1.5e-7", "\"\"", "\"a\\u0000b\"", "[]", "{}",
		" [ ] ", "[1,2,[3,[]],{\"a\":{}}]", "{\"\":null,\"b\":[true,false]}",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00\\ud800\"",
		"\"\x7f\"", "\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"", "\t\r\n 1 \t\r\n", NULL };
	static const char *const bad[] = { "", " ", "[", "]", "{", "}", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
		"{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{1:2}", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN",
		"nan", "Infinity", "tru", "True", "nul", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"a\nb\"", "\"\x01\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"", "1 1", "[1]]", "{\"a\":1]", "[1}", "'a'", "[1]\x0c", "\xef\xbb\xbf[]", "/**/1", NULL };

	for (size_t i = 0; good[i]; i++)
		tap_int(parse(good[i]), ST_OK, good[i][0] == '\t' ? "white space around" : good[i]);
	for (size_t i = 0; bad[i]; i++) {
		tap_int(parse(bad[i]), ST_DATA, "refused");
		tap_int(json_type(json_root(&doc)), JSON_MISSING, "a refused text leaves no document");
	}
	tap_int(json_parse(&doc, "\"a\0b\"", 5, NULL, &err), ST_DATA, "a NUL inside a string");
	tap_int(json_parse(&doc, "1\0", 2, NULL, &err), ST_DATA, "a NUL behind the value");
	tap_int(json_parse(&doc, "[1]x", 3, NULL, &err), ST_OK, "the length ends the text");
	parse("{\"a\":tru}");
	tap_str(err.text, "invalid JSON at byte 6: invalid literal",
		"the sentence says "
		"where");
}

static void test_strings_at_every_length(void)
{
	char text[128];
	bool ok = true;

	/* the scan goes by 16 or 8 bytes: each kind of byte that ends it, at each distance */
	for (size_t n = 0; n < 70; n++) {
		static const struct {
			const char *s;
			bool good;
		} ends[] = { { "\"", true }, { "\\n\"", true }, { "\xc3\xa9\"", true }, { "\x01\"", false },
			{ "\xff\"", false }, { "", false }, { "\x1f\"", false }, { " \"", true }, { "\x7f\"", true },
			{ "!\"", true }, { "#\"", true }, { "[\"", true }, { "]\"", true } };

		for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
			text[0] = '"';
			memset(text + 1, 'x', n);
			strcpy(text + 1 + n, ends[k].s);
			if ((parse(text) == ST_OK) != ends[k].good)
				ok = false;
		}
	}
	tap_ok(ok, "each end of a string at each length");
}

static void test_limits(void)
{
	struct json_limits limits = { .bytes = 100, .depth = 3, .values = 4 };

	tap_int(json_parse(&doc, "[[[1]]]", 7, &limits, &err), ST_OK, "as deep as allowed");
	tap_int(json_parse(&doc, "[[[[]]]]", 8, &limits, &err), ST_DATA, "one deeper");
	tap_int(json_parse(&doc, "[1,2,3]", 7, &limits, &err), ST_OK, "as many values as allowed");
	tap_int(json_parse(&doc, "[1,2,3,4]", 9, &limits, &err), ST_DATA, "one more");
	limits.bytes = 7;
	tap_int(json_parse(&doc, "[1,2,3]", 7, &limits, &err), ST_OK, "as long as allowed");
	tap_int(json_parse(&doc, "[1,2,3] ", 8, &limits, &err), ST_DATA, "one byte more");
	limits = (struct json_limits){ .bytes = 1 << 22, .depth = 1u << 21, .values = 1u << 21 };
	char *deep = malloc(2000000);

	memset(deep, '[', 1000000);
	memset(deep + 1000000, ']', 1000000);
	tap_int(json_parse(&doc, deep, 2000000, &limits, &err), ST_OK, "a million deep does not touch the stack");
	tap_int(json_parse(&doc, deep, 2000000, NULL, &err), ST_DATA, "a million deep is refused by default");
	free(deep);
}

static void test_lookup(void)
{
	struct json_value v = root("{\"a\":1,\"b\":{\"c\":[10,\"x\",{\"d\":null}]},\"a\":2,\"\\u0062x\":3}");
	struct json_iter it;
	int64_t n = 0;
	size_t count = 0;

	tap_ok(json_int(json_get(v, "a"), &n) && n == 2, "of two equal keys the last counts");
	tap_ok(json_int(json_get(v, "bx"), &n) && n == 3, "an escaped key is found by what it reads");
	tap_int(json_type(json_get(json_get(v, "x"), "y")), JSON_MISSING, "missing in missing is missing");
	tap_int(json_count(json_get(json_get(v, "b"), "c")), 3, "elements");
	tap_int(json_count(v), 4, "members");
	tap_int(json_count(json_get(v, "a")), 0, "a number has none");
	for (it = json_first(v); json_more(it); it = json_next(it))
		count += json_type(it.key) == JSON_STRING;
	tap_int(count, 4, "each member has a key");
	it = json_first(json_get(json_get(v, "b"), "c"));
	tap_ok(json_more(it) && json_type(it.key) == JSON_MISSING, "an element has none");
	tap_ok(!json_more(json_first(json_get(v, "nothing"))), "nothing to walk in missing");
	tap_ok(!json_more(json_first(root("[]"))) && !json_more(json_first(root("{}"))),
		"nothing to walk in an empty array or object");
	it = json_items(root("[1,2]"));
	tap_ok(json_type(it.value) == JSON_NUMBER && json_more(json_next(it)),
		"the items of an array are its elements");
	it = json_items(root("{\"a\":1,\"b\":2}"));
	tap_ok(json_type(it.value) == JSON_OBJECT && !json_more(json_next(it)), "an object is its only item");
	tap_ok(!json_more(json_items(root("null"))), "null has no items");
	tap_ok(!json_exists(json_get(root("{\"a\":null}"), "a")), "null does not exist");
}

static void test_text(void)
{
	struct buf out;
	char *s;
	const char *slice;
	size_t len;
	bool plain, sound;

	buf_init(&out, 64);
	s = json_dup(root("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""));
	tap_str(s, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80", "every escape");
	free(s);
	s = json_dup(root("\"\\ud800x\\udc00\\ud800\\ud83d\\ude00\""));
	tap_str(s, "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80", "lone surrogates are U+FFFD");
	free(s);
	tap_ok(!json_dup(root("\"a\\u0000b\"")), "a NUL in a string gives no C string");
	tap_ok(json_string(root("\"a\\u0000b\""), &out) && out.len == 3, "but counted bytes");
	tap_ok(!json_dup(root("[1]")) && !json_dup(root("null")) && !json_dup(json_get(root("{}"), "a")),
		"no text in these");
	s = json_dup(root("1.10"));
	tap_str(s, "1.10", "a number's own digits");
	free(s);
	tap_ok(json_equals(root("\"abc\""), "abc") && !json_equals(root("\"abc\""), "ab") &&
			!json_equals(root("\"ab\""), "abc"),
		"equal");
	tap_ok(json_equals(root("\"\\u0061bc\""), "abc") && !json_equals(root("\"\\u0061bc\""), "abd"),
		"equal when decoded");
	tap_ok(!json_equals(root("\"\\u0061\\u0000\""), "a"), "not cut at a NUL");
	tap_ok(json_equals_nocase(root("\"WebSockets\""), "websockets") && !json_equals(root("\"A\""), "a"), "case");
	tap_ok(!json_equals(root("1"), "1"), "a number is no string");
	tap_ok(json_string_slice(root("\"a\\ud800\""), &slice, &len, &plain, &sound) && len == 7 && !plain && !sound,
		"unsound");
	tap_ok(json_string_slice(root("\"a\\n\""), &slice, &len, &plain, &sound) && len == 3 && !plain && sound,
		"escaped");
	tap_ok(json_string_slice(root("\"a\""), &slice, &len, &plain, &sound) && len == 1 && plain && sound, "plain");
	buf_release(&out);
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t n;
	} cases[] = { { "0", true, 0 }, { "-0", true, 0 }, { "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 }, { "1.9", true, 1 }, { "-1.9", true, -1 },
		{ "1.5258e3", true, 1525 }, { "1e18", true, 1000000000000000000 }, { "1e19", false, 0 },
		{ "1e-5", true, 0 }, { "12345e-2", true, 123 }, { "0e999999999999", true, 0 },
		{ "1e999999999999", false, 0 }, { "0.00012e5", true, 12 }, { "\"60\"", true, 60 },
		{ "\"-7\"", true, -7 }, { "\"1525895987000\"", true, 1525895987000 }, { "\"\"", false, 0 },
		{ "\"-\"", false, 0 }, { "\".\"", false, 0 }, { "\"12x\"", false, 0 }, { "\" 1\"", false, 0 },
		{ "\"1e\"", false, 0 }, { "true", false, 0 }, { "null", false, 0 }, { "[1]", false, 0 } };
	bool b = false;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = 0;
		bool ok = json_int(root(cases[i].text), &n);

		tap_ok(ok == cases[i].ok && n == cases[i].n, cases[i].text);
	}
	tap_ok(json_bool(root("true"), &b) && b && json_bool(root("\"False\""), &b) && !b, "truth, also as a string");
	tap_ok(!json_bool(root("1"), &b) && !json_bool(root("\"yes\""), &b), "no other value is a truth value");
}

static void test_writer(void)
{
	struct buf out;

	buf_init(&out, 1024);
	json_open(&out, '{');
	json_add_string(&out, "event", "sent");
	json_add_int(&out, "n", INT64_MIN);
	json_open_key(&out, "list", '[');
	json_close(&out, ']');
	json_open_key(&out, "more", '[');
	json_add_string(&out, NULL, "a:");
	json_add_string(&out, NULL, "[");
	json_open(&out, '{');
	json_close(&out, '}');
	json_open(&out, '[');
	json_add_int(&out, NULL, 0);
	json_add_int(&out, NULL, -10);
	json_close(&out, ']');
	json_close(&out, ']');
	json_add_null(&out, "nothing");
	json_add_string(&out, "null", NULL);
	json_add_bool(&out, "yes", true);
	json_add_raw(&out, "raw", "1.10", 4);
	json_close(&out, '}');
	buf_addc(&out, '\n');
	json_open(&out, '[');
	json_close(&out, ']');
	tap_str(out.data,
		"{\"event\":\"sent\",\"n\":-9223372036854775808,\"list\":[],\"more\":[\"a:\",\"[\",{},[0,-10]],"
		"\"nothing\":null,\"null\":null,\"yes\":true,\"raw\":1.10}\n[]",
		"commas where they belong");
	buf_clear(&out);
	json_add_string_len(&out, NULL, "q\"b\\n\n\r\t\b\f\x01\x1f\x7f\0\xc3\xa9\xff\xed\xa0\x80z", 21);
	tap_str(out.data,
		"\"q\\\"b\\\\n\\n\\r\\t\\b\\f\\u0001\\u001f\x7f\\u0000\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
		"\xbd\xef\xbf\xbdz\"",
		"escapes and U+FFFD");
	buf_release(&out);
}

/* Each kind of byte at each place of strings of each length: the scan must stop at it wherever its steps fall. */
static void test_writing_at_every_place(void)
{
	static const char special[] = { '"', '\\', '\n', '\x1f', '\0', '\x7f', ' ', '/' };
	struct buf out, back;
	bool ok = true;

	buf_init(&out, 1024);
	buf_init(&back, 1024);
	for (size_t n = 1; n <= 48; n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t k = 0; k < sizeof(special); k++) {
				char *exact = malloc(n); /* so that a step beyond it is seen */

				memset(exact, 'x', n);
				exact[at] = special[k];
				buf_clear(&out);
				buf_clear(&back);
				json_add_string_len(&out, NULL, exact, n);
				ok = ok && !json_parse(&doc, out.data, out.len, NULL, &err) &&
					json_string(json_root(&doc), &back) && back.len == n &&
					!memcmp(back.data, exact, n);
				free(exact);
			}
		}
	}
	tap_ok(ok, "each kind of byte comes back from each place");
	buf_release(&back);
	buf_release(&out);
}

static void test_copying(void)
{
	tap_str(again("{\"n\":10000000000000000001,\"d\":1.10,\"e\":1e1000,\"n\":0.2857142857142857}"),
		"{\"n\":10000000000000000001,\"d\":1.10,\"e\":1e1000,\"n\":0.2857142857142857}",
		"no number is touched, no key lost");
	tap_str(again(" { \"a b\" : [ 1 , \" x \" ,\n{ } , [ ] ] , \"c\" :\tnull } "),
		"{\"a b\":[1,\" x \",{},[]],\"c\":null}", "white space goes");
	tap_str(again("[ ]"), "[]", "also alone");
	tap_str(again("[[ 1],2]"), "[[1],2]", "also further in");
	tap_str(again("[\"\\ud800a\\n\",\"\\u00e9\"]"),
		"[\"\xef\xbf\xbd"
		"a\\n\",\"\\u00e9\"]",
		"lone surrogates are mended, others left");
	tap_str(again("{\"\\udc00\":{\"x\":[1]}}"), "{\"\xef\xbf\xbd\":{\"x\":[1]}}", "in keys too");
	tap_str(again("\"\\ud800\""), "\"\xef\xbf\xbd\"", "alone too");
	tap_str(again("[1, 2, 3]"), "[1,2,3]", "numbers last");
	tap_int(json_parse_lenient(&doc, "{\"a\":\"x\xffy\"}", 11, NULL, &err), ST_OK,
		"lenient with bytes that are not UTF-8");
	tap_ok(json_equals(json_get(json_root(&doc), "a"), "x\xef\xbf\xbdy"), "they are U+FFFD");
	tap_int(json_parse_lenient(&doc, "{\xff", 2, NULL, &err), ST_DATA, "not with the rest");
	tap_int(json_parse_lenient(&doc, "[1", 2, NULL, &err), ST_DATA, "lenient: a text that is cut off is refused");
}

int main(void)
{
	test_accepts();
	test_strings_at_every_length();
	test_limits();
	test_lookup();
	test_text();
	test_numbers();
	test_writer();
	test_writing_at_every_place();
	test_copying();
	json_release(&doc);
	return tap_done();
}
