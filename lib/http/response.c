/*
 * response.c - libcurl's callbacks that fill struct http_response, within limits.
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

static char none[1]; /* value of a missing header */

static void release_text(char *text)
{
	if (text != none)
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
	release_text(response->content_encoding);
	memset(response, 0, sizeof(*response));
}

void response_reset(struct http_response *response, size_t max_body)
{
	http_response_release(response);
	buf_init_secret(&response->body, max_body); /* it may hold tokens */
	response->content_type = none;
	response->etag = none;
	response->last_modified = none;
	response->content_range = none;
	response->location = none;
	response->date = none;
	response->retry_after = none;
	response->content_encoding = none;
	response->content_length = -1;
	response->retry_after_ms = -1;
}

void response_skip_bom(struct http_response *response)
{
	if (response->body.len >= 3 && !memcmp(response->body.data, "\xef\xbb\xbf", 3))
		buf_consume(&response->body, 3);
}

/* Headers stored as strings. */
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
	{ "content-encoding", offsetof(struct http_response, content_encoding) },
};

static void add_header(struct transfer *t, const char *name, size_t name_len, const char *value, size_t len)
{
	struct http_response *r = &t->response;
	char text[64]; /* enough for a number */
	int64_t n;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char **slot = (char **)(void *)((char *)r + texts[i].at);

		if (!str_is_word(name, name_len, texts[i].name))
			continue;
		release_text(*slot);
		*slot = xmemdup0(value, len);
		return;
	}
	if (str_is_word(name, name_len, "transfer-encoding"))
		t->has_coding |= !str_is_word(value, len, "chunked");
	if (len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	if (str_is_word(name, name_len, "content-length") && str_parse_int64(text, &n) && n >= 0)
		r->content_length = n;
}

/* A header line without its line ending. */
static void parse_line(struct transfer *t, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;

	if (!colon)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	for (; end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	add_header(t, line, (size_t)(colon - line), value, (size_t)(end - value));
}

/* After the last header: a date in Retry-After is relative to Date, which may follow it. */
static void set_retry_after(struct http_response *response)
{
	int64_t now;

	if (!*response->retry_after)
		return;
	now = http_date_ms(response->date);
	response->retry_after_ms = http_date_retry_after_ms(response->retry_after, now >= 0 ? now : clock_wall_ms());
}

/* 200 for "HTTP/1.1 200 OK", which libcurl has validated; otherwise 0. */
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
 * libcurl decodes transfer codings even if not requested. Since no request has a TE header, no server may use one (RFC
 * 9112, 7.4); and a coded body that decodes to nothing would escape all limits on size and speed.
 */
static bool end_head(struct transfer *t)
{
	t->in_body = t->response.status >= 200;
	if (t->in_body && t->has_coding)
		err_set(&t->err, ST_PROTOCOL, "invalid response: unexpected transfer coding");
	if (t->in_body)
		set_retry_after(&t->response);
	return t->err.status == ST_OK;
}

size_t response_on_header(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count, line;
	const char *end;

	t->header_bytes += len;
	if (t->header_bytes > HTTP_HEADERS_MAX) {
		err_set(&t->err, ST_PROTOCOL, "response headers exceed %zu KiB", HTTP_HEADERS_MAX / 1024);
		return 0;
	}
	if (t->in_body)
		return len;
	if (!(end = memchr(p, '\r', len)) && !(end = memchr(p, '\n', len)))
		end = p + len;
	line = (size_t)(end - p);
	if (line >= 5 && !memcmp(p, "HTTP/", 5)) { /* also for each 1xx */
		response_reset(&t->response, t->request.max_body ? t->request.max_body : HTTP_BODY_MAX);
		t->response.status = status_of(p, line);
		t->has_coding = false;
	} else if (!line) {
		if (!end_head(t))
			return 0;
	} else {
		parse_line(t, p, line);
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
			err_set(&t->err, ST_INTERNAL, "transfer aborted without an error");
		return 0;
	}
	if (buf_add(&t->response.body, p, len))
		return len;
	err_set(&t->err, ST_PROTOCOL, "response is larger than %zu bytes", t->response.body.max);
	snprintf(t->err.code, sizeof(t->err.code), "%s", HTTP_TOO_LARGE);
	return 0;
}
