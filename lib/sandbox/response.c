#include "sandbox/sandbox-int.h"

#include <string.h>
#include <time.h>

void response_init(struct response *r)
{
	*r = (struct response){ 0 };
	buf_init(&r->headers, 16 * 1024);
	buf_init(&r->body, (size_t)64 << 20);
}

void response_release(struct sandbox *s, struct response *r)
{
	if (r->object)
		object_release(&s->world, r->object);
	r->object = NULL;
	buf_release(&r->headers);
	buf_release(&r->body);
}

void response_header(struct response *r, const char *name, const char *value)
{
	buf_addf(&r->headers, "%s: %s\r\n", name, value);
}

struct buf *response_json(struct response *r, int status)
{
	r->status = status;
	r->type = "application/json";
	buf_clear(&r->body);
	return &r->body;
}

void response_error(struct response *r, int status, const char *id, const char *variable)
{
	const char *text = !strcmp(id, "SVC0002") ? "Invalid input value for message part %1"
		: !strcmp(id, "SVC0004")          ? "No valid addresses provided in message part %1"
		: !strcmp(id, "POL0001")          ? "A policy error occurred. Error code is %1"
						  : "A service error occurred. Error code is %1";

	jsonf(response_json(r, status), "{'requestError':{%s:{'messageId':%s,'text':%s,'variables':[%s]}}}",
		*id == 'P' ? "policyException" : "serviceException", id, text, variable);
}

void response_invalid(struct response *r, const char *part)
{
	response_error(r, 400, "SVC0002", part);
}

void response_not_found(struct response *r, const char *part)
{
	response_error(r, 404, "SVC0002", part);
}

void response_forbidden(struct response *r, const char *why)
{
	response_error(r, 403, "POL0001", why);
}

void response_date(struct buf *out, int64_t ms)
{
	time_t at = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_adds(out, text);
}

void response_head(const struct response *r, const char *origin, bool keep_alive, int64_t now_ms, struct buf *out)
{
	/* an empty reason phrase is valid, and clients ignore it (RFC 9112, 4) */
	buf_addf(out, "HTTP/1.1 %d \r\nDate: ", r->status);
	response_date(out, now_ms);
	buf_adds(out, "\r\n");
	if (r->type)
		buf_addf(out, "Content-Type: %s\r\n", r->type);
	if (r->status != 204 && r->status != 101)
		buf_addf(out, "Content-Length: %lld\r\n", r->object ? (long long)r->left : (long long)r->body.len);
	if (origin)
		buf_addf(out,
			"Access-Control-Allow-Origin: %s\r\nVary: Origin\r\nAccess-Control-Allow-Credentials: true\r\n"
			"Access-Control-Expose-Headers: Retry-After, ETag, Content-Range, Location\r\n",
			origin);
	buf_add(out, r->headers.data, r->headers.len);
	buf_adds(out, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}
