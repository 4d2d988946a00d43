/*
 * Our reader against libjq's. What ours takes, libjq must take too, with an equal value; what libjq takes
 * and ours refuses must be one of the things that libjq 1.6 takes beside JSON, found here by other code
 * than the reader's:
 *
 *	a byte order mark before the text; bytes that are not UTF-8, and control characters, in strings; numbers as
 *	strtod() would take them ("01", "1.", ".5", "+1", "NaN", "Infinity"), with form feeds and the like before
 *	them, and a NUL as the end of a number, which may be all of it
 *
 * and what ours takes and libjq refuses: more than 256 levels, and the escape of a high surrogate without
 * a low one.
 */
#include "base/utf8.h"
#include "json/json.h"
#include "tests/fuzz/fuzz.h"

#include <jv.h>
#include <float.h>
#include <math.h>
#include <strings.h>

static const struct json_limits wide = { .bytes = 1 << 26, .depth = 100000, .values = 1 << 26 };

/*
 * libjq 1.6 forgets a key when an object is cut off behind it, and looking for that after each run takes
 * most of the time.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* RFC 8259, 6, read backwards: first the shape is told by counting, then the zeros. */
static bool is_json_number(const char *s, size_t len)
{
	size_t minus = len && s[0] == '-', whole = 0, point = 0, fraction = 0, e = 0, exponent = 0;

	s += minus;
	len -= minus;
	whole = strspn(s, "0123456789");
	if (whole < len && s[whole] == '.')
		point = 1;
	if (point)
		fraction = strspn(s + whole + 1, "0123456789");
	if (whole + point + fraction < len && (s[whole + point + fraction] | 0x20) == 'e')
		e = 1 + (s[whole + point + fraction + 1] == '-' || s[whole + point + fraction + 1] == '+');
	if (e)
		exponent = strspn(s + whole + point + fraction + e, "0123456789");
	return whole + point + fraction + e + exponent == len && whole && (s[0] != '0' || whole == 1) &&
		!point == !fraction && !e == !exponent;
}

/* Whether the text has one of the things that libjq takes beside JSON. */
static bool has_extra(const char *s, size_t len)
{
	bool in_string = false;

	if (!utf8_valid(s, len) || (len >= 3 && !memcmp(s, "\xef\xbb\xbf", 3)))
		return true;
	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if ((unsigned char)s[i] < 0x20)
				return true;
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = false;
		} else if ((unsigned char)s[i] < 0x20 && s[i] != '\t' && s[i] != '\n' && s[i] != '\r') {
			return true;
		} else if (s[i] == '"') {
			in_string = true;
		} else if (strchr("+-.0123456789", s[i])) {
			size_t n = strspn(s + i, "+-.0123456789eE");

			if (!is_json_number(s + i, n))
				return true;
			i += n - 1;
		} else if (!strncasecmp(s + i, "nan", 3) || !strncasecmp(s + i, "inf", 3)) {
			return true;
		}
	}
	return false;
}

static bool deeper_than(struct json_value value, unsigned depth)
{
	const char *s;
	size_t len;
	unsigned now = 0;
	bool in_string = false;

	if (!json_slice(value, &s, &len))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = false;
		} else if (s[i] == '"') {
			in_string = true;
		} else if (s[i] == '[' || s[i] == '{') {
			if (++now > depth)
				return true;
		} else if (s[i] == ']' || s[i] == '}') {
			now--;
		}
	}
	return false;
}

static bool same_number(struct json_value ours, double theirs)
{
	char *digits = json_dup(ours);
	double n = strtod(digits, NULL);
	int64_t integer;

	/* up to 2^53 an integer is the same in both; 9.99999999999999999999 is 9 cut off, and 10 as a double */
	if (fabs(n) < 9007199254740992.0)
		MUST(json_int(ours, &integer) && fabs((double)integer - n) <= 1 &&
			(floor(n) != n || n == (double)integer || strpbrk(digits, ".eE")));
	free(digits);
	return n == theirs || (isinf(n) && (isinf(theirs) || fabs(theirs) == DBL_MAX));
}

static bool same_string(struct json_value ours, jv theirs)
{
	struct buf decoded;
	bool same;

	buf_init(&decoded, BUF_NO_MAX);
	MUST(json_string(ours, &decoded));
	MUST(utf8_valid(decoded.data, decoded.len));
	same = decoded.len == (size_t)jv_string_length_bytes(jv_copy(theirs)) &&
		!memcmp(decoded.data, jv_string_value(theirs), decoded.len);
	buf_release(&decoded);
	return same;
}

/* Borrows `theirs`. */
static bool same(struct json_value ours, jv theirs)
{
	jv_kind kind = jv_get_kind(theirs);
	bool ok = true;

	switch (json_type(ours)) {
	case JSON_MISSING: return false;
	case JSON_NULL: return kind == JV_KIND_NULL;
	case JSON_FALSE: return kind == JV_KIND_FALSE;
	case JSON_TRUE: return kind == JV_KIND_TRUE;
	case JSON_NUMBER: return kind == JV_KIND_NUMBER && same_number(ours, jv_number_value(theirs));
	case JSON_STRING: return kind == JV_KIND_STRING && same_string(ours, theirs);
	case JSON_ARRAY: {
		int i = 0;

		if (kind != JV_KIND_ARRAY || (size_t)jv_array_length(jv_copy(theirs)) != json_count(ours))
			return false;
		for (struct json_iter it = json_first(ours); ok && json_more(it); it = json_next(it)) {
			jv element = jv_array_get(jv_copy(theirs), i++);

			ok = same(it.value, element);
			jv_free(element);
		}
		return ok;
	}
	case JSON_OBJECT:
		/* of equal keys the last counts, so each is looked up in both */
		if (kind != JV_KIND_OBJECT)
			return false;
		for (struct json_iter it = json_first(ours); ok && json_more(it); it = json_next(it)) {
			char *key = json_dup(it.key);
			jv member;

			if (!key) /* a NUL in it, which json_get() cannot be asked for */
				continue;
			member = jv_object_get(jv_copy(theirs), jv_string(key));
			ok = same(json_get(ours, key), member);
			jv_free(member);
			free(key);
		}
		return ok;
	}
	return false;
}

/* What is written is one line without white space between tokens, sound, and reads as the same again. */
static void check_writing(const struct json_doc *doc)
{
	struct json_doc again = { 0 };
	struct buf once, twice;
	jv theirs;

	buf_init(&once, BUF_NO_MAX);
	buf_init(&twice, BUF_NO_MAX);
	MUST(json_add_value(&once, NULL, json_root(doc)));
	MUST(!memchr(once.data, '\n', once.len) && utf8_valid(once.data, once.len));
	MUST(!json_parse(&again, once.data, once.len, &wide, NULL));
	MUST(again.count == doc->count);
	if (!deeper_than(json_root(doc), 256)) {
		theirs = jv_parse_sized(once.data, (int)once.len);
		MUST(same(json_root(&again), theirs) && same(json_root(doc), theirs));
		jv_free(theirs);
	}
	MUST(json_add_value(&twice, NULL, json_root(&again)));
	MUST(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	buf_release(&twice);
	buf_release(&once);
	json_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct json_doc doc = { 0 }, lenient = { 0 };
	jv theirs = jv_parse_sized(text, (int)size);
	bool taken = jv_get_kind(theirs) != JV_KIND_INVALID;

	if (!json_parse(&doc, text, size, &wide, NULL)) {
		if (taken)
			MUST(same(json_root(&doc), theirs));
		else
			MUST(strstr(text, "\\u") || deeper_than(json_root(&doc), 256));
		check_writing(&doc);
		MUST(!json_parse_lenient(&lenient, text, size, &wide, NULL));
	} else {
		MUST(!taken || has_extra(text, size));
		if (!json_parse_lenient(&lenient, text, size, &wide, NULL))
			check_writing(&lenient);
	}
	jv_free(theirs);
	json_release(&lenient);
	json_release(&doc);
	free(text);
	return 0;
}
