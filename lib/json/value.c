#include "json/json.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "json/json-int.h"

#include <strings.h>

static const struct json_value missing;

struct json_value json_root(const struct json_doc *doc)
{
	struct json_value root = { .doc = doc->count ? doc : NULL };

	return root;
}

enum json_type json_type(struct json_value value)
{
	return value.doc ? (enum json_type)value.doc->nodes[value.at].type : JSON_MISSING;
}

bool json_exists(struct json_value value)
{
	return json_type(value) > JSON_NULL;
}

struct json_iter json_first(struct json_value parent)
{
	const struct json_node *node = json_node_of(parent);
	struct json_iter it = { .parent = parent };

	if (!node || node->type < JSON_ARRAY || node->next == parent.at + 1)
		return it;
	it.end = node->next;
	it.value = (struct json_value){ parent.doc, parent.at + 1 };
	if (node->type == JSON_OBJECT) {
		it.key = it.value;
		it.value.at++;
	}
	return it;
}

struct json_iter json_items(struct json_value list)
{
	if (json_type(list) == JSON_ARRAY || !json_exists(list))
		return json_first(list);
	return (struct json_iter){ .value = list, .end = json_node_of(list)->next };
}

struct json_iter json_next(struct json_iter it)
{
	it.value.at = json_node_of(it.value)->next;
	if (it.value.at == it.end) {
		it.value = it.key = missing;
	} else if (it.key.doc) {
		it.key.at = it.value.at;
		it.value.at++;
	}
	return it;
}

bool json_more(struct json_iter it)
{
	return it.value.doc != NULL;
}

size_t json_count(struct json_value value)
{
	size_t n = 0;

	for (struct json_iter it = json_first(value); json_more(it); it = json_next(it))
		n++;
	return n;
}

bool json_slice(struct json_value value, const char **s, size_t *len)
{
	const struct json_node *node = json_node_of(value);

	if (!node)
		return false;
	*s = value.doc->text + node->start;
	*len = node->len;
	return true;
}

bool json_string_slice(struct json_value value, const char **s, size_t *len, bool *plain, bool *sound)
{
	const struct json_node *node = json_node_of(value);

	if (!node || node->type != JSON_STRING)
		return false;
	*s = value.doc->text + node->start + 1;
	*len = node->len - 2;
	*plain = !(node->flags & NODE_ESCAPED);
	*sound = !(node->flags & NODE_UNSOUND);
	return true;
}

/* Decodes the escape sequence at `*s` and moves `*s` past it. A lone surrogate becomes U+FFFD. */
static uint32_t decode_escape(const char **s, const char *end)
{
	static const char names[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	const char *p = *s, *name;
	int unit, low;

	if (p[1] != 'u') {
		*s = p + 2;
		name = strchr(names, p[1]);
		return (unsigned char)(name ? meanings[name - names] : p[1]);
	}
	unit = json_hex4(p + 2, end);
	*s = p + 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return (uint32_t)unit;
	if (unit < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		low = json_hex4(p + 8, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*s = p + 12;
			return 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
		}
	}
	return 0xfffd;
}

bool json_decode(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *backslash = memchr(s, '\\', (size_t)(end - s));

		buf_add(out, s, (size_t)((backslash ? backslash : end) - s));
		if (!backslash)
			break;
		s = backslash;
		utf8_encode(out, decode_escape(&s, end));
	}
	return !out->overflow;
}

bool json_string(struct json_value value, struct buf *out)
{
	const char *s;
	size_t len;
	bool plain, sound;

	if (!json_string_slice(value, &s, &len, &plain, &sound))
		return false;
	return plain ? buf_add(out, s, len) : json_decode(out, s, len);
}

char *json_dup(struct json_value value)
{
	struct buf out;
	const char *s;
	size_t len;

	if (json_type(value) == JSON_NUMBER && json_slice(value, &s, &len))
		return xmemdup0(s, len);
	buf_init(&out, BUF_NO_MAX);
	if (!json_string(value, &out) || memchr(out.data, '\0', out.len)) {
		buf_release(&out);
		return NULL;
	}
	return buf_take(&out);
}

/* Whether the decoded string equals `want`. */
static bool reads_as(struct json_value value, const char *want, size_t want_len, bool nocase)
{
	struct buf decoded;
	const char *s;
	size_t len;
	bool plain, sound, same;

	if (!json_string_slice(value, &s, &len, &plain, &sound))
		return false;
	if (plain)
		return len == want_len && !(nocase ? strncasecmp(s, want, len) : memcmp(s, want, len));
	if (len / 6 > want_len) /* an escape takes at most six bytes for one */
		return false;
	buf_init(&decoded, want_len);
	same = json_decode(&decoded, s, len) && decoded.len == want_len &&
		!(nocase ? strncasecmp(decoded.data, want, want_len) : memcmp(decoded.data, want, want_len));
	buf_release(&decoded);
	return same;
}

bool json_equals(struct json_value value, const char *s)
{
	return reads_as(value, s, strlen(s), false);
}

bool json_equals_nocase(struct json_value value, const char *s)
{
	return reads_as(value, s, strlen(s), true);
}

struct json_value json_get(struct json_value object, const char *key)
{
	const struct json_node *nodes;
	struct json_value found = missing;
	size_t len = strlen(key);

	if (json_type(object) != JSON_OBJECT)
		return missing;
	nodes = object.doc->nodes;
	/* most of the cost of a lookup is in this loop */
	for (uint32_t at = object.at + 1; at < nodes[object.at].next; at = nodes[at + 1].next) {
		const struct json_node *name = &nodes[at];

		if (name->flags & NODE_ESCAPED) {
			if (!reads_as((struct json_value){ object.doc, at }, key, len, false))
				continue;
		} else {
			const char *text = object.doc->text + name->start + 1;

			if (name->len != len + 2 || (len && (*text != *key || memcmp(text, key, len) != 0)))
				continue;
		}
		found = (struct json_value){ object.doc, at + 1 };
	}
	return found;
}

/*
 * The integer part of a decimal number, from its digits, because a double loses precision above 2^53. The exponent
 * moves the decimal point.
 */
static bool parse_integer(const char *s, const char *end, int64_t *out)
{
	const char *digits, *dot = NULL, *p;
	bool minus = s < end && *s == '-';
	uint64_t n = 0, limit = minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	long exponent = 0, left;

	digits = s + minus;
	for (p = digits; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !dot)); p++)
		if (*p == '.')
			dot = p;
	if (p == digits || p == digits + (dot == digits))
		return false;
	left = (long)((dot ? dot : p) - digits);
	if (p < end && (*p == 'e' || *p == 'E')) {
		const char *e = p + 1;
		bool down = e < end && *e == '-';

		e += e < end && (*e == '-' || *e == '+');
		if (e == end)
			return false;
		for (; e < end && *e >= '0' && *e <= '9'; e++)
			if (exponent < 1000000000)
				exponent = exponent * 10 + (*e - '0');
		if (e != end)
			return false;
		left += down ? -exponent : exponent;
	} else if (p != end) {
		return false;
	}
	for (s = digits; left > 0; left--) {
		unsigned digit = 0;

		s += s == dot;
		if (s < p)
			digit = (unsigned)(*s++ - '0');
		else if (!n)
			break; /* zero, whatever the exponent */
		if (n > (limit - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

bool json_int(struct json_value value, int64_t *out)
{
	const char *s;
	size_t len;
	bool plain, sound;

	if (json_type(value) == JSON_NUMBER)
		return json_slice(value, &s, &len) && parse_integer(s, s + len, out);
	return json_string_slice(value, &s, &len, &plain, &sound) && plain && parse_integer(s, s + len, out);
}

bool json_bool(struct json_value value, bool *out)
{
	bool yes = json_type(value) == JSON_TRUE || json_equals_nocase(value, "true");

	if (!yes && json_type(value) != JSON_FALSE && !json_equals_nocase(value, "false"))
		return false;
	*out = yes;
	return true;
}
