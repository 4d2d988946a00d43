#include "sandbox/sandbox-int.h"

#include <string.h>
#include <time.h>

void answer_init(struct answer *a)
{
	*a = (struct answer){ 0 };
	buf_init(&a->headers, 16 * 1024);
	buf_init(&a->body, (size_t)64 << 20);
}

void answer_release(struct sandbox *s, struct answer *a)
{
	if (a->object)
		world_object_let_go(&s->world, a->object);
	a->object = NULL;
	buf_release(&a->headers);
	buf_release(&a->body);
}

void answer_header(struct answer *a, const char *name, const char *value)
{
	buf_addf(&a->headers, "%s: %s\r\n", name, value);
}

struct buf *answer_json(struct answer *a, int status)
{
	a->status = status;
	a->type = "application/json";
	buf_clear(&a->body);
	return &a->body;
}

void answer_error(struct answer *a, int status, const char *id, const char *text, const char *variable)
{
	struct buf *out = answer_json(a, status);
	bool policy = !strncmp(id, "POL", 3);

	json_open(out, '{');
	json_open_key(out, "requestError", '{');
	json_open_key(out, policy ? "policyException" : "serviceException", '{');
	json_add_string(out, "messageId", id);
	json_add_string(out, "text", text);
	json_open_key(out, "variables", '[');
	if (variable)
		json_add_string(out, NULL, variable);
	json_close(out, ']');
	json_close(out, '}');
	json_close(out, '}');
	json_close(out, '}');
}

void answer_oauth_error(struct answer *a, int status, const char *error, const char *description)
{
	struct buf *out = answer_json(a, status);

	json_open(out, '{');
	json_add_string(out, "error", error);
	json_add_string(out, "error_description", description);
	json_close(out, '}');
}

void answer_not_found(struct answer *a, const char *what)
{
	answer_error(a, 404, "SVC0002", "Invalid input value for message part %1", what);
}

void answer_missing(struct answer *a, const char *field)
{
	answer_error(a, 400, "SVC0002", "Invalid input value for message part %1", field);
}

const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = { { 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" },
		{ 204, "No Content" }, { 206, "Partial Content" }, { 302, "Found" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
		{ 426, "Upgrade Required" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Status";
}

void answer_date(struct buf *out, int64_t ms)
{
	time_t at = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_adds(out, text);
}

void answer_head(const struct answer *a, const char *origin, bool keep_alive, int64_t now_ms, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d %s\r\nDate: ", a->status, status_text(a->status));
	answer_date(out, now_ms);
	buf_adds(out, "\r\n");
	if (a->type)
		buf_addf(out, "Content-Type: %s\r\n", a->type);
	if (a->status != 204 && a->status != 101)
		buf_addf(out, "Content-Length: %lld\r\n", a->object ? (long long)a->left : (long long)a->body.len);
	if (origin)
		buf_addf(out,
			"Access-Control-Allow-Origin: %s\r\nVary: Origin\r\nAccess-Control-Allow-Credentials: true\r\n"
			"Access-Control-Expose-Headers: Retry-After, ETag, Content-Range, Location\r\n",
			origin);
	buf_add(out, a->headers.data, a->headers.len);
	buf_adds(out, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}
