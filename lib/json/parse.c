/*
 * One pass checks the text and lists its values. There is no recursion: an open container's own node refers to the
 * container around it (json-int.h), so depth costs nothing.
 */
#include "json/json.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "json/json-int.h"

#include <stdlib.h>

#define NODES_AT_FIRST 32 /* enough for most responses and notifications */
#define NOWHERE UINT32_MAX /* outside all containers */

struct parser {
	struct json_doc *doc;
	const char *s, *start, *end;
	uint32_t open; /* the innermost open container */
	unsigned depth, max_depth;
	size_t max_values;
	const char *fault; /* the error at `s` */
};

static bool fail(struct parser *p, const char *fault)
{
	p->fault = fault;
	return false;
}

static void skip_space(struct parser *p)
{
	const char *s = p->s;

	if (s == p->end || (unsigned char)*s > ' ')
		return;
	while (s < p->end && (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t'))
		s++;
	if (s > p->s && p->open != NOWHERE)
		p->doc->nodes[p->open].flags |= NODE_SPACED;
	p->s = s;
}

static struct json_node *add_node(struct parser *p, enum json_type type)
{
	struct json_doc *doc = p->doc;
	struct json_node *node;

	if (doc->count >= p->max_values) {
		fail(p, "too many values");
		return NULL;
	}
	if (!doc->cap)
		doc->nodes = xreallocarray(doc->nodes, doc->cap = NODES_AT_FIRST, sizeof(*doc->nodes));
	else if (doc->count == doc->cap)
		doc->nodes = xgrow(doc->nodes, doc->count, &doc->cap, sizeof(*doc->nodes));
	node = &doc->nodes[doc->count++];
	*node = (struct json_node){
		.start = (uint32_t)(p->s - p->start), .next = (uint32_t)doc->count, .type = (uint8_t)type
	};
	return node;
}

static void finish_node(struct parser *p, struct json_node *node, const char *s)
{
	node->len = (uint32_t)(s - p->start) - node->start;
	p->s = s;
}

int json_hex4(const char *s, const char *end)
{
	int unit = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			unit = unit << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			unit = unit << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return unit;
}

/* The end of the escape sequence at `s`, or NULL; a surrogate pair is one sequence. */
static const char *parse_escape(const char *s, const char *end, uint8_t *flags)
{
	int unit;

	*flags |= NODE_ESCAPED;
	if (end - s < 2)
		return NULL;
	if (s[1] != 'u')
		return s[1] && strchr("\"\\/bfnrt", s[1]) ? s + 2 : NULL;
	unit = json_hex4(s + 2, end);
	if (unit < 0)
		return NULL;
	s += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return s;
	if (unit < 0xdc00 && end - s >= 6 && s[0] == '\\' && s[1] == 'u') {
		int low = json_hex4(s + 2, end);

		if (low >= 0xdc00 && low <= 0xdfff)
			return s + 6;
	}
	*flags |= NODE_UNSOUND;
	return s;
}

static bool parse_string(struct parser *p)
{
	struct json_node *node = add_node(p, JSON_STRING);
	const char *s = p->s + 1;

	if (!node)
		return false;
	for (;;) {
		unsigned char c;

		s = scan_plain(s, p->end);
		if (s == p->end) {
			p->s = s;
			return fail(p, "unterminated string");
		}
		c = (unsigned char)*s;
		if (c == '"') {
			finish_node(p, node, s + 1);
			if (node->flags & NODE_UNSOUND && p->open != NOWHERE)
				p->doc->nodes[p->open].flags |= NODE_UNSOUND;
			return true;
		}
		if (c == '\\') {
			const char *after = parse_escape(s, p->end, &node->flags);

			if (!after) {
				p->s = s;
				return fail(p, "invalid escape sequence");
			}
			s = after;
		} else if (c < 0x20) {
			p->s = s;
			return fail(p, "control character in a string");
		} else {
			do {
				size_t n = utf8_decode(s, (size_t)(p->end - s), NULL);

				if (!n) {
					p->s = s;
					return fail(p, "invalid UTF-8");
				}
				s += n;
			} while (s < p->end && (*s & 0x80));
		}
	}
}

static const char *skip_digits(const char *s, const char *end)
{
	while (s < end && *s >= '0' && *s <= '9')
		s++;
	return s;
}

static bool parse_number(struct parser *p)
{
	struct json_node *node = add_node(p, JSON_NUMBER);
	const char *s = p->s, *digits;

	if (!node)
		return false;
	s += *s == '-';
	digits = s;
	s = skip_digits(s, p->end);
	if (s == digits || (*digits == '0' && s - digits > 1))
		return fail(p, "invalid number");
	if (s < p->end && *s == '.') {
		digits = ++s;
		if ((s = skip_digits(s, p->end)) == digits)
			return fail(p, "digit expected after the decimal point");
	}
	if (s < p->end && (*s == 'e' || *s == 'E')) {
		s++;
		s += s < p->end && (*s == '+' || *s == '-');
		digits = s;
		if ((s = skip_digits(s, p->end)) == digits)
			return fail(p, "digit expected in the exponent");
	}
	finish_node(p, node, s);
	return true;
}

static bool parse_word(struct parser *p, enum json_type type, const char *word, size_t len)
{
	struct json_node *node;

	if ((size_t)(p->end - p->s) < len || memcmp(p->s, word, len) != 0)
		return fail(p, "invalid literal");
	if (!(node = add_node(p, type)))
		return false;
	finish_node(p, node, p->s + len);
	return true;
}

static bool open_container(struct parser *p, enum json_type type)
{
	struct json_node *node;

	if (p->depth == p->max_depth)
		return fail(p, "nesting too deep");
	if (!(node = add_node(p, type)))
		return false;
	node->next = p->open;
	p->open = (uint32_t)(p->doc->count - 1);
	p->depth++;
	p->s++;
	return true;
}

static void close_container(struct parser *p)
{
	struct json_node *node = &p->doc->nodes[p->open];
	uint8_t flags = node->flags;

	p->open = node->next;
	p->depth--;
	node->next = (uint32_t)p->doc->count;
	finish_node(p, node, p->s + 1);
	if (p->open != NOWHERE)
		p->doc->nodes[p->open].flags |= flags;
}

static bool parse_key(struct parser *p)
{
	skip_space(p);
	if (p->s == p->end || *p->s != '"')
		return fail(p, p->s == p->end ? "unterminated object" : "key expected");
	if (!parse_string(p))
		return false;
	skip_space(p);
	if (p->s == p->end || *p->s != ':')
		return fail(p, p->s == p->end ? "unterminated object" : "':' expected after a key");
	p->s++;
	return true;
}

/* Reads a value, or opens containers until a simple value or an empty container has been read. */
static bool parse_value(struct parser *p)
{
	for (;;) {
		skip_space(p);
		if (p->s == p->end)
			return fail(p, p->doc->count ? "value expected" : "empty text");
		switch (*p->s) {
		case '{':
			if (!open_container(p, JSON_OBJECT))
				return false;
			skip_space(p);
			if (p->s < p->end && *p->s == '}') {
				close_container(p);
				return true;
			}
			if (!parse_key(p))
				return false;
			continue;
		case '[':
			if (!open_container(p, JSON_ARRAY))
				return false;
			skip_space(p);
			if (p->s < p->end && *p->s == ']') {
				close_container(p);
				return true;
			}
			continue;
		case '"': return parse_string(p);
		case 't': return parse_word(p, JSON_TRUE, "true", 4);
		case 'f': return parse_word(p, JSON_FALSE, "false", 5);
		case 'n': return parse_word(p, JSON_NULL, "null", 4);
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9': return parse_number(p);
		default: return fail(p, "value expected");
		}
	}
}

static bool parse_document(struct parser *p)
{
	for (;;) {
		if (!parse_value(p))
			return false;
		/* close containers until another value follows */
		for (;;) {
			bool object;

			skip_space(p);
			if (p->open == NOWHERE)
				return p->s == p->end || fail(p, "unexpected text after the value");
			object = p->doc->nodes[p->open].type == JSON_OBJECT;
			if (p->s == p->end)
				return fail(p, object ? "unterminated object" : "unterminated array");
			if (*p->s == ',') {
				p->s++;
				if (object && !parse_key(p))
					return false;
				break;
			}
			if (*p->s != (object ? '}' : ']'))
				return fail(p, object ? "',' or '}' expected" : "',' or ']' expected");
			close_container(p);
		}
	}
}

enum status json_parse(struct json_doc *doc, const char *text, size_t len, const struct json_limits *limits,
	struct err *err)
{
	static const struct json_limits defaults = JSON_LIMITS_DEFAULT;
	struct parser p = { .doc = doc, .s = text, .start = text, .end = text + len, .open = NOWHERE };

	if (!limits)
		limits = &defaults;
	p.max_depth = limits->depth;
	p.max_values = limits->values < NOWHERE ? limits->values : NOWHERE - 1;
	doc->text = text;
	doc->len = len;
	doc->count = 0;
	if (len > limits->bytes || len >= NOWHERE)
		return err_set(err, ST_DATA, "JSON text of %zu bytes exceeds the limit of %zu bytes", len,
			limits->bytes);
	if (parse_document(&p))
		return ST_OK;
	doc->count = 0;
	return err_set(err, ST_DATA, "invalid JSON at byte %zu: %s", (size_t)(p.s - p.start) + 1, p.fault);
}

enum status json_parse_lenient(struct json_doc *doc, const char *text, size_t len, const struct json_limits *limits,
	struct err *err)
{
	struct json_limits wider = JSON_LIMITS_DEFAULT;
	enum status st;

	if (!(st = json_parse(doc, text, len, limits, err)))
		return ST_OK;
	if (limits)
		wider = *limits;
	if (len > wider.bytes || utf8_valid(text, len))
		return st;
	wider.bytes = wider.bytes < BUF_NO_MAX / 3 ? wider.bytes * 3 : BUF_NO_MAX; /* U+FFFD takes three bytes */
	if (!doc->clean.data)
		buf_init(&doc->clean, BUF_NO_MAX);
	buf_clear(&doc->clean);
	utf8_sanitize(&doc->clean, text, len);
	return json_parse(doc, doc->clean.data, doc->clean.len, &wider, err);
}

void json_release(struct json_doc *doc)
{
	free(doc->nodes);
	buf_release(&doc->clean);
	*doc = (struct json_doc){ 0 };
}
