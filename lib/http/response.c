/*
 * response.c - libcurl's callbacks for the answer: they fill struct http_response, under limits.
 */
#include "http/http-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_DIGITS 9 /* more seconds than that are as good as for ever */

void http_response_release(struct http_response *response)
{
	buf_release(&response->body);
	free(response->content_type);
	free(response->etag);
	free(response->last_modified);
	free(response->content_range);
	free(response->location);
	free(response->date);
	memset(response, 0, sizeof(*response));
}

void response_reset(struct http_response *response, size_t max_body)
{
	http_response_release(response);
	buf_init_secret(&response->body, max_body); /* the token endpoint's answers come this way */
	response->content_type = xstrdup("");
	response->etag = xstrdup("");
	response->last_modified = xstrdup("");
	response->content_range = xstrdup("");
	response->location = xstrdup("");
	response->date = xstrdup("");
	response->content_length = -1;
	response->retry_after_ms = -1;
}

int64_t http_date_ms(const char *value)
{
	/* an HTTP date begins with its day; curl_getdate() takes much more */
	time_t date = isalpha((unsigned char)value[0]) ? curl_getdate(value, NULL) : -1;

	return date == -1 ? -1 : (int64_t)date * 1000;
}

int64_t response_retry_after(const char *value, int64_t now_ms)
{
	int64_t seconds, date;

	if (value[0] && strspn(value, "0123456789") == strlen(value)) {
		if (strlen(value) > RETRY_AFTER_DIGITS || !parse_int64(value, &seconds))
			parse_int64("999999999", &seconds);
		return seconds * 1000;
	}
	date = http_date_ms(value);
	if (date == -1)
		return -1;
	return date > now_ms ? date - now_ms : 0;
}

static void replace(char **slot, const char *value)
{
	free(*slot);
	*slot = xstrdup(value);
}

static void take_header(struct http_response *r, const char *name, const char *value)
{
	int64_t n;

	if (!strcasecmp(name, "content-type"))
		replace(&r->content_type, value);
	else if (!strcasecmp(name, "etag"))
		replace(&r->etag, value);
	else if (!strcasecmp(name, "last-modified"))
		replace(&r->last_modified, value);
	else if (!strcasecmp(name, "content-range"))
		replace(&r->content_range, value);
	else if (!strcasecmp(name, "location"))
		replace(&r->location, value);
	else if (!strcasecmp(name, "retry-after"))
		r->retry_after_ms = response_retry_after(value, clock_wall_ms());
	else if (!strcasecmp(name, "date"))
		replace(&r->date, value);
	else if (!strcasecmp(name, "content-length") && parse_int64(value, &n) && n >= 0)
		r->content_length = n;
}

/* `line` without its end; split in place. */
static void take_line(struct http_response *response, char *line)
{
	char *colon = strchr(line, ':'), *value, *end;

	if (!colon)
		return;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	take_header(response, line, value);
}

/* "HTTP/1.1 200 OK", of which libcurl has seen to the form: 200; 0 for anything else. */
static int status_of(const char *line)
{
	const char *space = strchr(line, ' ');
	int64_t status;

	if (!space || strlen(space) < 4)
		return 0;
	return parse_int64((char[]){ space[1], space[2], space[3], '\0' }, &status) ? (int)status : 0;
}

size_t response_on_header(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;
	char *line;

	t->header_bytes += len;
	if (t->header_bytes > HTTP_HEADERS_MAX) {
		err_set(&t->err, ST_PROTOCOL, "the answer has more than %zu KiB of headers", HTTP_HEADERS_MAX / 1024);
		return 0;
	}
	if (t->in_body)
		return len;
	line = xmemdup0(p, len);
	line[strcspn(line, "\r\n")] = '\0';
	if (starts_with(line, "HTTP/")) { /* once for each 1xx, too */
		response_reset(&t->response, t->request.max_body ? t->request.max_body : HTTP_BODY_MAX);
		t->response.status = status_of(line);
	} else if (!line[0]) {
		t->in_body = t->response.status >= 200;
	} else {
		take_line(&t->response, line);
	}
	free(line);
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
	return 0;
}
