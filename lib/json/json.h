/*
 * json.h - the gate of lib/json: reads JSON (RFC 8259) strictly and without copies, and writes it. jq programs are in
 * filter.h.
 *
 * kandy has its own reader because on the hot path of `listen`, libjq takes 40 times as long to parse and print a line
 * as it takes to validate it and copy slices, and libjq 1.6 damages large numbers (10000000000000000001 becomes 1e+19).
 * tests/fuzz/json.c compares this reader with libjq.
 *
 * Reading. json_parse() checks the whole text and keeps a flat list of its values; a struct json_value is a borrowed
 * handle into that list, valid until the document is parsed again or released. A lookup without a result returns the
 * "missing" value. Every function accepts it and returns "missing", false or NULL, so that lookups can be chained:
 *
 *	struct json_doc doc = { 0 };
 *	if ((st = json_parse(&doc, text, len, NULL, err)))
 *		return st;
 *	struct json_value message = json_get(json_get(json_root(&doc), "chatMessageNotification"), "chatMessage");
 *	if (json_string(message_text, &buf)) ...
 *	json_release(&doc);
 *
 * The text must outlive the document. It must be valid UTF-8; json_parse_lenient() accepts any bytes. If a key occurs
 * twice in an object, the last one counts, as in libjq.
 *
 * Writing. The json_add_ functions append to a struct buf and add the commas. JSON is never made by printf.
 *
 *	json_open(&out, '{');
 *	json_add_string(&out, "event", "sent");
 *	json_add_int(&out, "line", 1);
 *	json_open_key(&out, "destination", '[');
 *	json_add_string(&out, NULL, address);               -- a NULL key: an element of an array
 *	json_close(&out, ']');
 *	json_close(&out, '}');
 */
#ifndef KANDY_JSON_JSON_H
#define KANDY_JSON_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type {
	JSON_MISSING = 0,
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_node; /* json-int.h */

struct json_doc {
	const char *text;
	size_t len;
	struct json_node *nodes; /* reused by the next parse */
	size_t count, cap;
	struct buf clean; /* json_parse_lenient(): a copy of the text with U+FFFD */
};

struct json_value {
	const struct json_doc *doc; /* NULL: missing */
	uint32_t at;
};

struct json_limits {
	size_t bytes; /* of the text */
	unsigned depth; /* of nested arrays and objects */
	size_t values; /* in the whole document, keys included */
};

#define JSON_LIMITS_DEFAULT \
	{ \
		.bytes = (size_t)16 << 20, .depth = 64, .values = 1 << 20 \
	}

/*
 * Parses the whole text, which may have white space around it. `limits` NULL: JSON_LIMITS_DEFAULT. ST_DATA names the
 * error and its byte; the document is then empty and can be reused. Start with a zeroed struct json_doc.
 */
enum status json_parse(struct json_doc *doc, const char *text, size_t len, const struct json_limits *limits,
	struct err *err) MUST_USE;

/* The same for any bytes: invalid UTF-8 becomes U+FFFD, in a copy that the document owns. */
enum status json_parse_lenient(struct json_doc *doc, const char *text, size_t len, const struct json_limits *limits,
	struct err *err) MUST_USE;

void json_release(struct json_doc *doc); /* also for a zeroed struct */

struct json_value json_root(const struct json_doc *doc);
enum json_type json_type(struct json_value value);
bool json_exists(struct json_value value); /* neither missing nor null */
struct json_value json_get(struct json_value object,
	const char *key); /* missing if it is not an object or has no such key */
size_t json_count(struct json_value value); /* elements of an array, members of an object, else 0 */

/*
 * Walks an array or an object:  for (it = json_first(v); json_more(it); it = json_next(it)) use(it.value);
 * `it.key` is the member's key as a string value, or missing in an array.
 */
struct json_iter {
	struct json_value parent, key, value;
	uint32_t end; /* of the parent's children */
};
struct json_iter json_first(struct json_value parent);
/* The elements of an array; any other value but null as its only element, since some servers write it like that. */
struct json_iter json_items(struct json_value list);
struct json_iter json_next(struct json_iter it);
bool json_more(struct json_iter it);

/* The text of a value. */
bool json_string(struct json_value value,
	struct buf *out); /* appends the decoded string; false for another type, or if it is too long for `out` */
char *json_dup(struct json_value
		value); /* decoded copy of a string, or of a number's digits; NULL for anything else; free it.
					    A string with a NUL character inside gives NULL */
bool json_equals(struct json_value value, const char *s); /* a string equal to `s` */
bool json_equals_nocase(struct json_value value, const char *s); /* ignores the case of ASCII letters */
bool json_slice(struct json_value value, const char **s, size_t *len); /* the raw bytes of any value, quotes included */

/*
 * The raw bytes between the quotes. `plain` is set to true if they contain no escapes. `*sound` is set to false if they
 * contain the escape of a lone surrogate, which some readers refuse: decode such a string before writing it.
 */
bool json_string_slice(struct json_value value, const char **s, size_t *len, bool *plain, bool *sound);

/*
 * Numbers, also as strings of digits, because the service sends both. Fractions are truncated.
 */
bool json_int(struct json_value value, int64_t *out);
bool json_bool(struct json_value value, bool *out); /* true, false, and the strings "true" and "false" */

/* Writing. `key` NULL inside an array, and for the outermost value. The strings are sanitized with U+FFFD. */
bool json_open(struct buf *out, char bracket); /* '{' or '[': an element, or the outermost value */
bool json_open_key(struct buf *out, const char *key, char bracket);
bool json_close(struct buf *out, char bracket); /* '}' or ']' */
bool json_add_string(struct buf *out, const char *key, const char *s); /* NULL s: null */
bool json_add_string_len(struct buf *out, const char *key, const char *s, size_t len); /* the same */
bool json_add_joined(struct buf *out, const char *key, const char *head, const char *s, size_t len); /* one string */
bool json_add_int(struct buf *out, const char *key, int64_t n);
bool json_add_time(struct buf *out, const char *key, int64_t ms); /* negative: unknown, null */
bool json_add_bool(struct buf *out, const char *key, bool b);
bool json_add_null(struct buf *out, const char *key);
bool json_add_value(struct buf *out, const char *key, struct json_value value); /* copied through, white space between
		tokens taken out; unsound strings mended; missing: null */
bool json_add_raw(struct buf *out, const char *key, const char *json, size_t len); /* must be valid JSON */

/* {"kind","code","http","message","retryable"}, the "error" of every line that reports a failure. */
void json_add_err(struct buf *out, const char *key, const struct err *err);

#endif
