#include "sandbox/request.h"

#include "base/mem.h"
#include "base/percent.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void sandbox_request_init(struct sandbox_request *r)
{
	*r = (struct sandbox_request){ 0 };
	buf_init_secret(&r->head, REQUEST_HEAD_MAX);
	buf_init_secret(&r->decoded, REQUEST_HEAD_MAX);
}

void sandbox_request_release(struct sandbox_request *r)
{
	buf_release(&r->head);
	buf_release(&r->decoded);
}

void sandbox_request_clear(struct sandbox_request *r)
{
	buf_clear(&r->head);
	buf_clear(&r->decoded);
	r->header_count = r->segment_count = 0;
	r->method = r->target = r->path = r->query = NULL;
}

static bool head_ended(const struct buf *head)
{
	const char *end = head->data + head->len;

	return (head->len >= 2 && !memcmp(end - 2, "\n\n", 2)) || (head->len >= 3 && !memcmp(end - 3, "\n\r\n", 3));
}

bool sandbox_request_add(struct sandbox_request *r, const char *p, size_t len, size_t *used)
{
	size_t i;

	/* RFC 9112, 2.2: empty lines before the request line are ignored */
	for (i = 0; !r->head.len && i < len && (p[i] == '\r' || p[i] == '\n'); i++)
		;
	for (*used = i; *used < len;) {
		const char *end = memchr(p + *used, '\n', len - *used);
		size_t n = end ? (size_t)(end - p) + 1 - *used : len - *used;

		if (!buf_add(&r->head, p + *used, n))
			return true;
		*used += n;
		if (end && head_ended(&r->head))
			return true;
	}
	return false;
}

/* The line at `*at`, terminated in place, and moves `*at` to the next one; NULL: no line is left. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*at = end + 1;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	return line;
}

/* RFC 9110, 5.6.2 */
static bool is_token(const char *s)
{
	return *s && !s[strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static int parse_request_line(struct sandbox_request *r, char *line)
{
	char *version;

	if (strlen(line) > REQUEST_LINE_MAX)
		return 414;
	r->method = line;
	r->target = strchr(line, ' ');
	if (!r->target)
		return 400;
	*r->target++ = '\0';
	version = strchr(r->target, ' ');
	if (!version)
		return 400;
	*version++ = '\0';
	if (!is_token(r->method) || strlen(r->method) > 15 || (*r->target != '/' && strcmp(r->target, "*") != 0))
		return 400;
	for (const char *c = r->target; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return 400;
	if (!str_starts_with(version, "HTTP/1.") || !version[7] || version[8])
		return str_starts_with(version, "HTTP/") ? 505 : 400;
	r->keep_alive = version[7] != '0';
	return 0;
}

static int parse_header(struct sandbox_request *r, char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon)
		return 400;
	*colon = '\0';
	if (!is_token(line))
		return 400;
	for (char *c = line; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
		*--end = '\0';
	for (const char *c = value; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return 400;
	if (r->header_count == REQUEST_HEADERS_MAX)
		return 431;
	r->headers[r->header_count++] = (struct header){ line, value };
	return 0;
}

/* The headers that decide where this request ends. */
static int parse_framing(struct sandbox_request *r)
{
	size_t lengths = 0, hosts = 0;

	r->length = 0;
	r->chunked = r->expects_continue = false;
	for (size_t i = 0; i < r->header_count; i++) {
		const struct header *h = &r->headers[i];

		if (!strcmp(h->name, "content-length")) {
			if (lengths++ || !str_parse_int64(h->value, &r->length) || r->length < 0)
				return 400;
		} else if (!strcmp(h->name, "transfer-encoding")) {
			if (r->chunked || strcasecmp(h->value, "chunked") != 0)
				return 501;
			r->chunked = true;
		} else if (!strcmp(h->name, "connection")) {
			if (strcasestr(h->value, "close"))
				r->keep_alive = false;
		} else if (!strcmp(h->name, "expect")) {
			if (strcasecmp(h->value, "100-continue") != 0)
				return 417;
			r->expects_continue = true;
		} else if (!strcmp(h->name, "host")) {
			hosts++;
		}
	}
	return (lengths && r->chunked) || hosts > 1 || (!hosts && r->keep_alive) ? 400 : 0;
}

/* Splits path and query, and decodes the segments of the path. */
static int parse_target(struct sandbox_request *r)
{
	char *at, *next;
	size_t start[REQUEST_SEGMENTS_MAX] = { 0 };

	r->path = r->target;
	r->query = strchr(r->target, '?');
	if (r->query)
		*r->query++ = '\0';
	else
		r->query = r->target + strlen(r->target);
	for (at = r->path; *at == '/'; at = next) {
		next = strchrnul(++at, '/');
		if (r->segment_count == REQUEST_SEGMENTS_MAX)
			return 404;
		start[r->segment_count] = r->decoded.len;
		if (!percent_decode(&r->decoded, at, (size_t)(next - at)) ||
			strlen(r->decoded.data + start[r->segment_count]) != r->decoded.len - start[r->segment_count])
			return 400;
		buf_addc(&r->decoded, '\0');
		r->segment_count++;
	}
	for (size_t i = 0; i < r->segment_count; i++)
		r->segments[i] = r->decoded.data + start[i];
	return 0;
}

int sandbox_request_parse(struct sandbox_request *r)
{
	char *at = r->head.data, *line;
	int refused;

	if (r->head.overflow) {
		line = memchr(at, '\n', r->head.len);
		return line && line - at <= REQUEST_LINE_MAX ? 431 : 414;
	}
	if (strlen(at) != r->head.len || !(line = next_line(&at)))
		return 400;
	refused = parse_request_line(r, line);
	while (!refused && (line = next_line(&at)) && *line)
		refused = parse_header(r, line);
	if (!refused)
		refused = parse_framing(r);
	return refused ? refused : parse_target(r);
}

const char *sandbox_request_header(const struct sandbox_request *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcmp(r->headers[i].name, name))
			return r->headers[i].value;
	return NULL;
}

bool sandbox_request_form(const char *form, const char *name, struct buf *out)
{
	size_t name_len = strlen(name);

	for (const char *end; *form; form = *end ? end + 1 : end) {
		bool ok;
		char *value;

		end = strchrnul(form, '&');
		if (strncmp(form, name, name_len) != 0 || form[name_len] != '=')
			continue;
		form += name_len + 1;
		value = xmemdup0(form, (size_t)(end - form));
		for (char *c = value; *c; c++)
			*c = *c == '+' ? ' ' : *c;
		ok = percent_decode(out, value, (size_t)(end - form));
		free(value);
		return ok;
	}
	return false;
}

void sandbox_request_body_start(struct request_body *b, const struct sandbox_request *r)
{
	*b = (struct request_body){
		.left = r->chunked ? 0 : r->length, .chunked = r->chunked, .at = r->chunked ? BODY_SIZE : BODY_DATA
	};
}

/* One byte of the framing of chunks. */
static enum body_result chunk_byte(struct request_body *b, char c)
{
	int digit = str_hex_digit(c);

	switch (b->at) {
	case BODY_SIZE:
		if (digit >= 0) {
			if (b->left >> 40)
				return BODY_BAD;
			b->left = b->left * 16 + digit;
			b->size_seen = true;
		} else if (!b->size_seen) {
			return BODY_BAD;
		} else if (c == ';' || c == ' ' || c == '\t' || c == '\r') {
			b->at = BODY_EXTENSION;
		} else if (c != '\n') {
			return BODY_BAD;
		}
		if (c != '\n')
			return BODY_MORE;
		/* fall through */
	case BODY_EXTENSION:
		if (c == '\n') {
			b->at = b->left ? BODY_DATA : BODY_TRAILER;
			b->line_empty = true;
		}
		return BODY_MORE;
	case BODY_DATA_END:
		if (c == '\n') {
			b->at = BODY_SIZE;
			b->left = 0;
			b->size_seen = false;
		}
		return c == '\n' || c == '\r' ? BODY_MORE : BODY_BAD;
	case BODY_TRAILER:
		if (c == '\n' && b->line_empty)
			return BODY_DONE;
		if (c != '\r')
			b->line_empty = c == '\n';
		return BODY_MORE;
	case BODY_DATA: break;
	}
	return BODY_BAD;
}

enum body_result sandbox_request_body(struct request_body *b, const char *p, size_t size, size_t *used, size_t *from,
	size_t *len)
{
	*used = *from = *len = 0;
	while (b->at != BODY_DATA && *used < size) {
		enum body_result result = chunk_byte(b, p[(*used)++]);

		if (result != BODY_MORE)
			return result;
	}
	if (b->at != BODY_DATA)
		return BODY_MORE;
	*from = *used;
	*len = size - *used < (uint64_t)b->left ? size - *used : (size_t)b->left;
	*used += *len;
	b->left -= (int64_t)*len;
	b->total += (int64_t)*len;
	if (b->left)
		return BODY_MORE;
	if (!b->chunked)
		return BODY_DONE;
	b->at = BODY_DATA_END;
	return BODY_MORE;
}
