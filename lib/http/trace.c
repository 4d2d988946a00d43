/*
 * trace.c - writes requests and responses to the trace: request lines, headers, sizes and times, and with --trace-text
 * bodies that are not secret.
 *
 * log.h redacts all secrets known to kandy. This is the second line of defence, for unknown secrets of the service or a
 * proxy, in headers and in query values.
 */
#include "http/http-int.h"

#include "base/log.h"
#include "base/str.h"
#include "base/redact.h"
#include "base/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Prefixes of libcurl's debug lines that are useful and cannot hold a secret. */
static const char *const debug_lines[] = { "  Trying ", "Connected to ", "Connection #", "Closing connection",
	"SSL connection using", "ALPN", "Re-using existing connection", "Server certificate",
	" subject:", " start date:", " expire date:", " issuer:", " SSL certificate verify", "Could not resolve",
	"connect to ", "Operation ", "Establish HTTP proxy tunnel", "CONNECT tunnel", "Recv failure", "Send failure",
	"Connection died", "REFUSED_STREAM", "Using HTTP2", "Using Stream ID", "recveived GOAWAY", "received GOAWAY",
	NULL };

/* Words in the names of secret headers, such as X-Auth-Token, Set-Cookie2 and Authentication-Info. */
static const char *const secret_words[] = { "authorization", "authentication-info", "authenticate-info", "cookie",
	"token", "secret", "password", "session", "api-key", "apikey", NULL };

static bool is_secret_header(const char *name, size_t len)
{
	for (const char *const *word = secret_words; *word; word++) {
		size_t n = strlen(*word);

		for (size_t i = 0; i + n <= len; i++) {
			if (!strncasecmp(name + i, *word, n))
				return true;
		}
	}
	return false;
}

/* Length of the scheme of an Authorization, with the space after it; 0: unknown scheme. */
static size_t scheme_len(const char *value, size_t len)
{
	static const char *const schemes[] = { "Bearer ", "Basic ", "Digest ", "Negotiate ", "NTLM ", NULL };

	for (const char *const *s = schemes; *s; s++) {
		if (len >= strlen(*s) && !strncasecmp(*s, value, strlen(*s)))
			return strlen(*s);
	}
	return 0;
}

/* Length of "?name=", "&name=" or "#name=" at `p`; 0: none. */
static size_t parameter_len(const char *p, size_t len)
{
	size_t i = 1;

	if (*p != '?' && *p != '&' && *p != '#')
		return 0;
	while (i < len && !memchr("=&#?\"'<> \t", p[i], 10))
		i++;
	return i < len && p[i] == '=' ? i + 1 : 0;
}

/* URLs may appear anywhere in a value (Link, Refresh): redacts the values of their queries. */
static void add_redacted_queries(struct buf *out, const char *p, size_t len)
{
	size_t from = 0, at = 0;

	while (at < len) {
		size_t n = parameter_len(p + at, len - at);

		if (!n) {
			at++;
			continue;
		}
		at += n;
		buf_add(out, p + from, at - from);
		buf_adds(out, "***");
		while (at < len && !memchr("&#\"'<> \t", p[at], 8))
			at++;
		from = at;
	}
	buf_add(out, p + from, len - from);
}

static void add_value(struct buf *out, const char *value, size_t len, bool is_url)
{
	struct buf shown;

	buf_init_secret(&shown, BUF_NO_MAX);
	if (is_url)
		url_add_shown(&shown, value, len);
	else
		add_redacted_queries(&shown, value, len);
	redact_patterns(out, shown.data, shown.len);
	buf_release(&shown);
}

void trace_add_header(struct buf *out, const char *line, size_t len, bool hide_length)
{
	const char *colon = memchr(line, ':', len), *value, *end = line + len;
	size_t name_len = colon ? (size_t)(colon - line) : 0;

	if (len && (line[0] == ' ' || line[0] == '\t')) {
		/* continues the previous header, which may be secret */
		buf_adds(out, " ***");
		return;
	}
	if (!colon) {
		redact_patterns(out, line, len);
		return;
	}
	redact_patterns(out, line, name_len);
	for (value = colon + 1; value < end && *value == ' '; value++)
		;
	buf_add(out, colon, (size_t)(value - colon));
	if (is_secret_header(line, name_len)) {
		buf_add(out, value, scheme_len(value, (size_t)(end - value)));
		buf_adds(out, "***");
	} else if (hide_length && str_is_word(line, name_len, "content-length")) {
		buf_adds(out, "***");
	} else {
		add_value(out, value, (size_t)(end - value), str_is_word(line, name_len, "location"));
	}
}

/* The first line of a request: METHOD TARGET VERSION. */
static void add_request_line(struct buf *out, const char *line, size_t len)
{
	const char *target = memchr(line, ' ', len), *version = memrchr(line, ' ', len);

	if (!target || version <= target) {
		buf_adds(out, "(malformed request line)");
		return;
	}
	buf_add(out, line, (size_t)(target + 1 - line));
	url_add_shown(out, target + 1, (size_t)(version - target - 1));
	buf_add(out, version, (size_t)(line + len - version));
}

/* CONNECT has no body. */
static void trace_request_body(const struct transfer *t, const char *head, size_t size)
{
	if (t->request.body && !t->request.body_secret && (size < 8 || memcmp(head, "CONNECT ", 8) != 0))
		log_body_trace("http > body", t->request.body, t->request.body_len);
}

static void trace_headers(const struct transfer *t, char direction, const char *p, size_t size)
{
	const char *end = p + size;
	bool first = direction == '>';
	struct buf out;

	buf_init_secret(&out, HTTP_HEADERS_MAX);
	while (p < end) {
		size_t len = (size_t)(end - p);
		const char *newline = memchr(p, '\n', len);
		const char *next = newline ? newline + 1 : end;

		len = (size_t)((newline ? newline : end) - p);
		if (len && p[len - 1] == '\r')
			len--;
		buf_clear(&out);
		if (first)
			add_request_line(&out, p, len);
		else
			trace_add_header(&out, p, len, direction == '>' && t->request.body_secret);
		if (len)
			log_trace("http %c %s", direction, out.data);
		first = false;
		p = next;
	}
	buf_release(&out);
}

static void trace_debug_line(const char *p, size_t size)
{
	for (const char *const *r = debug_lines; *r; r++) {
		if (size >= strlen(*r) && !memcmp(p, *r, strlen(*r))) {
			log_trace("http * %.*s", (int)(size - (p[size - 1] == '\n')), p);
			return;
		}
	}
}

int trace_on_debug(CURL *easy, curl_infotype type, char *p, size_t size, void *arg)
{
	struct transfer *t = arg;

	(void)easy;
	if (type == CURLINFO_TEXT)
		goaway_on_debug_line(t, p, size);
	if (!log_tracing() || !size)
		return 0;
	if (type == CURLINFO_TEXT)
		trace_debug_line(p, size);
	else if (type == CURLINFO_HEADER_IN)
		trace_headers(t, '<', p, size);
	else if (type == CURLINFO_HEADER_OUT) {
		trace_headers(t, '>', p, size);
		trace_request_body(t, p, size);
	}
	return 0;
}

static double ms(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, info, &us);
	return (double)us / 1000;
}

void trace_end(const struct transfer *t, CURLcode code)
{
	curl_off_t sent = 0, received = 0;
	struct buf url;

	if (!log_tracing())
		return;
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	if (!t->request.body_secret)
		log_body_trace("http < body", t->response.body.data, t->response.body.len);
	buf_init(&url, HTTP_URL_MAX + 64);
	url_add_shown(&url, t->request.url, strlen(t->request.url));
	if (t->request.body_secret)
		sent = -1;
	log_trace(
		"http = %s %s: status %d, result %d%s%s; body sent %lld, received %lld; ms: name %.1f, connected %.1f, "
		"TLS %.1f, first byte %.1f, total %.1f",
		t->request.method, url.data, t->response.status, (int)code, t->error[0] ? " " : "", t->error,
		(long long)sent, (long long)received, ms(t->easy, CURLINFO_NAMELOOKUP_TIME_T),
		ms(t->easy, CURLINFO_CONNECT_TIME_T), ms(t->easy, CURLINFO_APPCONNECT_TIME_T),
		ms(t->easy, CURLINFO_STARTTRANSFER_TIME_T), ms(t->easy, CURLINFO_TOTAL_TIME_T));
	buf_release(&url);
}

void trace_verbose(const struct transfer *t, const struct err *err)
{
	size_t len = strcspn(t->request.url, "?#");
	char status[16];
	long connects = 0;

	if (!log_is_verbose())
		return;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	snprintf(status, sizeof(status), "%d", t->response.status);
	log_verbose("%s %.*s: %s in %.0f ms%s", t->request.method, (int)len, t->request.url,
		err->status ? err->text : status, ms(t->easy, CURLINFO_TOTAL_TIME_T),
		connects ? ", on a new connection" : "");
}
