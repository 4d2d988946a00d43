/*
 * response.c - libcurl's callbacks for the answer: they fill struct http_response, under limits.
 */
#include "http/http-int.h"

#include "base/clock.h"
#include "base/http_date.h"
#include "base/mem.h"
#include "base/str.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char nothing[1]; /* the value of a header that is not there */

static void release_text(char *text)
{
	if (text != nothing)
		free(text);
}

void http_response_release(struct http_response *response)
{
	buf_release(&response->body);
	release_text(response->content_type);
	release_text(response->etag);
	release_text(response->last_modified);
	release_text(response->content_range);
	release_text(response->location);
	release_text(response->date);
	release_text(response->retry_after);
	memset(response, 0, sizeof(*response));
}

void response_reset(struct http_response *response, size_t max_body)
{
	http_response_release(response);
	buf_init_secret(&response->body, max_body); /* the token endpoint's answers come this way */
	response->content_type = nothing;
	response->etag = nothing;
	response->last_modified = nothing;
	response->content_range = nothing;
	response->location = nothing;
	response->date = nothing;
	response->retry_after = nothing;
	response->content_length = -1;
	response->retry_after_ms = -1;
}

/* The headers that are kept as text. */
static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{ "content-type", offsetof(struct http_response, content_type) },
	{ "etag", offsetof(struct http_response, etag) },
	{ "last-modified", offsetof(struct http_response, last_modified) },
	{ "content-range", offsetof(struct http_response, content_range) },
	{ "location", offsetof(struct http_response, location) },
	{ "date", offsetof(struct http_response, date) },
	{ "retry-after", offsetof(struct http_response, retry_after) },
};

static bool is_named(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && !strncasecmp(name, wanted, len);
}

static void take_header(struct transfer *t, const char *name, size_t name_len, const char *value, size_t len)
{
	struct http_response *r = &t->response;
	char text[64]; /* enough for a number */
	int64_t n;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char **slot = (char **)(void *)((char *)r + texts[i].at);

		if (!is_named(name, name_len, texts[i].name))
			continue;
		release_text(*slot);
		*slot = xmemdup0(value, len);
		return;
	}
	if (is_named(name, name_len, "transfer-encoding"))
		t->coded |= !is_named(value, len, "chunked");
	if (len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	if (is_named(name, name_len, "content-length") && parse_int64(text, &n) && n >= 0)
		r->content_length = n;
}

/* A line without its end. */
static void take_line(struct transfer *t, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;

	if (!colon)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	for (; end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	take_header(t, line, (size_t)(colon - line), value, (size_t)(end - value));
}

/* When all headers are there: a date in Retry-After is one by the server's clock, which Date may tell later. */
static void take_retry_after(struct http_response *response)
{
	int64_t now;

	if (!*response->retry_after)
		return;
	now = http_date_ms(response->date);
	response->retry_after_ms = retry_after_ms(response->retry_after, now >= 0 ? now : clock_wall_ms());
}

/* "HTTP/1.1 200 OK", of which libcurl has seen to the form: 200; 0 for anything else. */
static int status_of(const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);

	if (!space || line + len - space < 4)
		return 0;
	for (int i = 1; i <= 3; i++) {
		if (space[i] < '0' || space[i] > '9')
			return 0;
	}
	return (space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0');
}

/*
 * libcurl undoes transfer codings, asked or not. Ours is never a request for one (TE), so no server may use any (RFC
 * 9112, 7.4); and what comes in one that stands for nothing is of no size and still no standstill, without an end.
 */
static bool end_head(struct transfer *t)
{
	t->in_body = t->response.status >= 200;
	if (t->in_body && t->coded)
		err_set(&t->err, ST_PROTOCOL, "the answer has a transfer coding that was not asked for");
	if (t->in_body)
		take_retry_after(&t->response);
	return t->err.status == ST_OK;
}

size_t response_on_header(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count, line;
	const char *end;

	t->header_bytes += len;
	if (t->header_bytes > HTTP_HEADERS_MAX) {
		err_set(&t->err, ST_PROTOCOL, "the answer has more than %zu KiB of headers", HTTP_HEADERS_MAX / 1024);
		return 0;
	}
	if (t->in_body)
		return len;
	if (!(end = memchr(p, '\r', len)) && !(end = memchr(p, '\n', len)))
		end = p + len;
	line = (size_t)(end - p);
	if (line >= 5 && !memcmp(p, "HTTP/", 5)) { /* once for each 1xx, too */
		response_reset(&t->response, t->request.max_body ? t->request.max_body : HTTP_BODY_MAX);
		t->response.status = status_of(p, line);
		t->coded = false;
	} else if (!line) {
		if (!end_head(t))
			return 0;
	} else {
		take_line(t, p, line);
	}
	return len;
}

size_t response_on_body(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	if (t->request.sink && t->response.status / 100 == 2) {
		if (t->request.sink(t->request.arg, &t->response, p, len, &t->err))
			return len;
		if (t->err.status == ST_OK)
			err_set(&t->err, ST_INTERNAL, "a transfer was stopped without a reason");
		return 0;
	}
	if (buf_add(&t->response.body, p, len))
		return len;
	err_set(&t->err, ST_PROTOCOL, "the answer is larger than %zu bytes", t->response.body.max);
	snprintf(t->err.code, sizeof(t->err.code), "%s", HTTP_TOO_LARGE);
	return 0;
}
