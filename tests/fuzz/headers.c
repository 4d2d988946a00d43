/* Response headers, one per line, as libcurl passes them on: numbers in range, no NULL, no secrets in the trace. */
#include "wire/range.h"
#include "base/http_date.h"
#include "base/url.h"
#include "http/http-int.h"
#include "tests/fuzz/fuzz.h"

/* The value of a header with one of these words in its name is redacted. */
static bool is_secret(const char *line, size_t len)
{
	static const char *const words[] = { "authorization", "cookie", "token", "secret", "password", "session" };
	const char *colon = memchr(line, ':', len);

	for (size_t i = 0; colon && i < sizeof(words) / sizeof(*words); i++) {
		const char *at = strcasestr(line, words[i]);

		if (at && at + strlen(words[i]) <= colon)
			return true;
	}
	return false;
}

/* The name of a secret is followed by "***" only, perhaps in quotes. */
static void check_names(const char *shown)
{
	static const char *const names[] = {
		"access_token=", "refresh_token=", "id_token=", "client_secret=", "password="
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (const char *p = shown; (p = strcasestr(p, names[i]));) {
			p += strlen(names[i]);
			MUST(!strncmp(p + strspn(p, "\\\"' \t"), "***", 3));
		}
	}
}

static void check_trace(const char *line, size_t len)
{
	struct buf out;

	buf_init(&out, HTTP_HEADERS_MAX);
	trace_add_header(&out, line, len, len % 2);
	if (is_secret(line, len))
		MUST(out.len >= 3 && !strcmp(out.data + out.len - 3, "***"));
	check_names(out.data);
	buf_clear(&out);
	url_add_shown(&out, line, len);
	for (const char *p = strpbrk(out.data, "?#"); p && (p = strchr(p, '=')); p++)
		MUST(!strncmp(p, "=***", 4) && (!p[4] || strchr("&#", p[4])));
	buf_release(&out);
}

static void check_response(const struct http_response *r)
{
	struct content_range range;

	MUST(r->status >= 0 && r->status <= 999 && r->content_length >= -1 && r->retry_after_ms >= -1);
	MUST(r->content_type && r->etag && r->last_modified && r->content_range && r->location && r->date);
	MUST(!strpbrk(r->location, "\r\n") && !strpbrk(r->etag, "\r\n"));
	MUST(http_date_ms(r->date) >= -1);
	if (range_parse(r->content_range, &range))
		MUST(range.first <= range.last && (range.total == -1 || range.last < range.total));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct transfer t = { .request.max_body = 100, .err = ERR_INIT };
	char *p = text, *end = text + size;
	size_t taken = 1;

	response_reset(&t.response, t.request.max_body);
	while (p < end && taken) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = newline ? (size_t)(newline + 1 - p) : (size_t)(end - p);

		if (t.in_body && p[0] == '+') {
			taken = response_on_body(p, 1, len, &t);
			MUST(taken ? t.response.body.len <= 100 : t.err.status == ST_PROTOCOL);
		} else {
			if (!memchr(p, '\0', len) && !memchr(p, '\r', len))
				check_trace(p, newline ? len - 1 : len);
			taken = response_on_header(p, 1, len, &t);
			MUST(taken == len || t.err.status == ST_PROTOCOL);
		}
		p += len;
	}
	check_response(&t.response);
	http_response_release(&t.response);
	free(text);
	return 0;
}
