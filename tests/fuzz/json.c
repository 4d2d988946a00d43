/*
 * Our reader against libjq's. What ours takes, libjq must take too, with an equal value: the same elements in their
 * order, the same keys and no others, integers to the last digit. What libjq takes and ours refuses must be one of the
 * things that libjq 1.6 takes beside JSON, found here by other code than the reader's, and ours takes none of them:
 *
 *	a byte order mark before the text; bytes that are not UTF-8, and control characters, in strings; numbers as
 *	strtod() would take them ("01", "1.", ".5", "+1", "NaN", "Infinity"), with form feeds and the like before
 *	them, and a NUL as the end of a number, which may be all of it
 *
 * and what ours takes and libjq refuses: more than 256 levels, and the escape of a high surrogate without one of a low
 * one behind it.
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

static bool is_escape_of(const char *s, size_t len, unsigned surrogate)
{
	char hex[5] = "";

	if (len < 6 || s[0] != '\\' || s[1] != 'u')
		return false;
	memcpy(hex, s + 2, 4);
	return (strtoul(hex, NULL, 16) & 0xfc00) == surrogate;
}

/* An escape of a high surrogate, or of `either`, without its other half. Of JSON: a backslash begins an escape. */
static bool has_lone(const char *s, size_t len, bool either)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '\\')
			continue;
		if (is_escape_of(s + i, len - i, 0xd800)) {
			if (!is_escape_of(s + i + 6, len - i - 6, 0xdc00))
				return true;
			i += 6;
		} else if (either && is_escape_of(s + i, len - i, 0xdc00)) {
			return true;
		}
		i++;
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

/* The integer that a JSON number begins with: its digits written out, the exponent moves the point. */
static bool integer_of(const char *number, int64_t *out)
{
	char digits[21] = "";
	bool minus = *number == '-';
	const char *s = number + minus, *e = strpbrk(s, "eE");
	size_t end = e ? (size_t)(e - s) : strlen(s), n = 0;
	long whole = (long)strcspn(s, ".eE"), exponent = e ? strtol(e + 1, NULL, 10) : 0;
	unsigned long long value;

	whole += exponent > 1000000 ? 1000000 : exponent < -1000000 ? -1000000 : exponent;
	for (; end && (*s == '0' || *s == '.'); s++, end--)
		whole -= *s == '0';
	for (; end && whole > (long)n && n < 20; s++, end--) {
		if (*s != '.')
			digits[n++] = *s;
	}
	if (whole > 19 && n)
		return false;
	while (n && whole > (long)n)
		digits[n++] = '0';
	value = strtoull(digits, NULL, 10);
	*out = minus ? (int64_t)(0 - value) : (int64_t)value;
	return value <= (unsigned long long)INT64_MAX + minus;
}

static bool same_number(struct json_value ours, double theirs)
{
	char *digits = json_dup(ours);
	double n = strtod(digits, NULL);
	int64_t integer = 0, wanted = 0;
	bool fits = integer_of(digits, &wanted);

	MUST(json_int(ours, &integer) == fits && (!fits || integer == wanted));
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
	if (!memchr(decoded.data, '\0', decoded.len))
		MUST(json_equals(ours, decoded.data));
	same = decoded.len == (size_t)jv_string_length_bytes(jv_copy(theirs)) &&
		!memcmp(decoded.data, jv_string_value(theirs), decoded.len);
	buf_release(&decoded);
	return same;
}

static bool same(struct json_value ours, jv theirs);

/* The member that counts. json_get() cannot be asked for a key with a NUL in it. */
static struct json_value member(struct json_value object, const char *key, size_t len)
{
	struct json_value found = { 0 };
	struct buf decoded;

	if (!memchr(key, '\0', len))
		return json_get(object, key);
	buf_init(&decoded, BUF_NO_MAX);
	for (struct json_iter it = json_first(object); json_more(it); it = json_next(it)) {
		buf_clear(&decoded);
		if (json_string(it.key, &decoded) && decoded.len == len && !memcmp(decoded.data, key, len))
			found = it.value;
	}
	buf_release(&decoded);
	return found;
}

/* Each of ours is one of theirs, each of theirs is there, and there are as many of both. */
static bool same_members(struct json_value ours, jv theirs)
{
	int distinct = 0;
	struct buf key;
	bool ok = true;

	buf_init(&key, BUF_NO_MAX);
	for (struct json_iter it = json_first(ours); ok && json_more(it); it = json_next(it)) {
		struct json_value found;
		jv other;

		buf_clear(&key);
		MUST(json_string(it.key, &key));
		found = member(ours, key.data, key.len);
		if (found.at != it.value.at) /* of equal keys the last counts */
			continue;
		distinct++;
		other = jv_object_get(jv_copy(theirs), jv_string_sized(key.data, (int)key.len));
		ok = same(found, other);
		jv_free(other);
	}
	buf_release(&key);
	for (int it = jv_object_iter(theirs); ok && jv_object_iter_valid(theirs, it);
		it = jv_object_iter_next(theirs, it)) {
		jv name = jv_object_iter_key(theirs, it);

		ok = json_type(member(ours, jv_string_value(name), (size_t)jv_string_length_bytes(jv_copy(name))));
		jv_free(name);
	}
	return ok && distinct == jv_object_length(jv_copy(theirs));
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
	case JSON_OBJECT: return kind == JV_KIND_OBJECT && same_members(ours, theirs);
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
	MUST(!has_lone(once.data, once.len, true));
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
			MUST(has_lone(text, size, false) || deeper_than(json_root(&doc), 256));
		MUST(!has_extra(text, size));
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
