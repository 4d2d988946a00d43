#include "json/json.h"

#include "base/utf8.h"
#include "json/json-int.h"

static void add_escaped(struct buf *out, unsigned char c)
{
	static const char names[] = "bfnrt\"\\", meanings[] = "\b\f\n\r\t\"\\";
	const char *meaning = c ? strchr(meanings, c) : NULL;
	char escape[2] = { '\\', meaning ? names[meaning - meanings] : 'u' };

	buf_add(out, escape, sizeof(escape));
	if (!meaning)
		buf_addf(out, "%04x", c);
}

/* Appends the text between the quotes. */
static void add_inside(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end) {
		const char *stop = scan_plain(s, end);

		buf_add(out, s, (size_t)(stop - s));
		s = stop;
		while (s < end && (*s & 0x80)) {
			size_t n = utf8_decode(s, (size_t)(end - s), NULL);

			if (n)
				buf_add(out, s, n);
			else
				utf8_encode(out, 0xfffd);
			s += n ? n : 1;
		}
		if (s < end && scan_stops_at((unsigned char)*s))
			add_escaped(out, (unsigned char)*s++);
	}
}

static void add_quoted(struct buf *out, const char *s, size_t len)
{
	buf_addc(out, '"');
	add_inside(out, s, len);
	buf_addc(out, '"');
}

/*
 * Appends the comma (except for the first value of a container) and the key that precede a value, and reserves `room`
 * bytes for the value. Appends nothing if all of that does not fit.
 */
static char *begin(struct buf *out, const char *key, size_t room)
{
	char last = out->len ? out->data[out->len - 1] : '\n';
	bool comma = last != '{' && last != '[' && last != ':' && last != '\n';
	size_t len = key ? strlen(key) : 0;
	char *p;

	if (key && scan_plain(key, key + len) != key + len) {
		if (comma)
			buf_addc(out, ',');
		add_quoted(out, key, len);
		buf_addc(out, ':');
		return buf_reserve(out, room) ? out->data + out->len : NULL;
	}
	if (!buf_reserve(out, comma + (key ? len + 3 : 0) + room))
		return NULL;
	p = out->data + out->len;
	if (comma)
		*p++ = ',';
	if (key) {
		*p++ = '"';
		memcpy(p, key, len);
		p += len;
		*p++ = '"';
		*p++ = ':';
	}
	buf_commit(out, (size_t)(p - (out->data + out->len)));
	return p;
}

bool json_open(struct buf *out, char bracket)
{
	return json_open_key(out, NULL, bracket);
}

bool json_open_key(struct buf *out, const char *key, char bracket)
{
	return json_add_raw(out, key, &bracket, 1);
}

bool json_close(struct buf *out, char bracket)
{
	return buf_addc(out, bracket);
}

bool json_add_string_len(struct buf *out, const char *key, const char *s, size_t len)
{
	bool plain;
	char *p;

	if (!s)
		return json_add_null(out, key);
	plain = scan_plain(s, s + len) == s + len;
	if (!(p = begin(out, key, plain ? len + 2 : 0)))
		return false;
	if (!plain) {
		add_quoted(out, s, len);
		return !out->overflow;
	}
	p[0] = '"';
	if (len)
		memcpy(p + 1, s, len);
	p[len + 1] = '"';
	buf_commit(out, len + 2);
	return true;
}

bool json_add_joined(struct buf *out, const char *key, const char *head, const char *s, size_t len)
{
	if (!begin(out, key, 0))
		return false;
	buf_addc(out, '"');
	add_inside(out, head, strlen(head));
	add_inside(out, s, len);
	return buf_addc(out, '"');
}

bool json_add_string(struct buf *out, const char *key, const char *s)
{
	return json_add_string_len(out, key, s, s ? strlen(s) : 0);
}

bool json_add_int(struct buf *out, const char *key, int64_t n)
{
	char digits[24];
	char *p = digits + sizeof(digits);
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		*--p = (char)('0' + left % 10);
	} while (left /= 10);
	if (n < 0)
		*--p = '-';
	return json_add_raw(out, key, p, (size_t)(digits + sizeof(digits) - p));
}

bool json_add_time(struct buf *out, const char *key, int64_t ms)
{
	return ms >= 0 ? json_add_int(out, key, ms) : json_add_null(out, key);
}

bool json_add_bool(struct buf *out, const char *key, bool b)
{
	return json_add_raw(out, key, b ? "true" : "false", b ? 4 : 5);
}

bool json_add_null(struct buf *out, const char *key)
{
	return json_add_raw(out, key, "null", 4);
}

void json_add_err(struct buf *out, const char *key, const struct err *err)
{
	json_open_key(out, key, '{');
	json_add_string(out, "kind", err->outcome == ERR_REFUSED && err->http ? "refused" : err_kind(err->status));
	json_add_string(out, "code", err->code[0] ? err->code : NULL);
	if (err->http)
		json_add_int(out, "http", err->http);
	else
		json_add_null(out, "http");
	json_add_string(out, "message", err->text);
	json_add_bool(out, "retryable", err->retryable);
	json_close(out, '}');
}

bool json_add_raw(struct buf *out, const char *key, const char *json, size_t len)
{
	char *p = begin(out, key, len);

	if (!p)
		return false;
	memcpy(p, json, len);
	buf_commit(out, len);
	return true;
}

/* Appends a string re-encoded, with U+FFFD for lone surrogates. */
static void add_mended(struct buf *out, const char *s, size_t len)
{
	struct buf decoded;

	buf_init(&decoded, len);
	json_decode(&decoded, s, len);
	add_quoted(out, decoded.data, decoded.len);
	buf_release(&decoded);
}

/*
 * Copies a value token by token, without the white space between tokens. Its strings are the string nodes in the order
 * of the list.
 */
static void add_tokens(struct buf *out, struct json_value value)
{
	const struct json_node *node = json_node_of(value), *last = &value.doc->nodes[node->next];
	const char *s = value.doc->text + node->start, *end = s + node->len;

	for (;; node++) {
		const char *stop;

		while (node < last && node->type != JSON_STRING)
			node++;
		stop = node < last ? value.doc->text + node->start : end;
		for (; s < stop; s++)
			if ((unsigned char)*s > ' ')
				buf_addc(out, *s);
		if (node == last)
			return;
		if (node->flags & NODE_UNSOUND)
			add_mended(out, s + 1, node->len - 2);
		else
			buf_add(out, s, node->len);
		s += node->len;
	}
}

bool json_add_value(struct buf *out, const char *key, struct json_value value)
{
	const struct json_node *node = json_node_of(value);

	if (!node)
		return json_add_null(out, key);
	if (!(node->flags & (NODE_SPACED | NODE_UNSOUND)))
		return json_add_raw(out, key, value.doc->text + node->start, node->len);
	if (!begin(out, key, 0))
		return false;
	add_tokens(out, value);
	return !out->overflow;
}
