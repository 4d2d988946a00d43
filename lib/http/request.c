/*
 * request.c - sets the options of one request.
 *
 * An easy handle is new, was reset, or has the options of a request of the same kind; other options have libcurl's
 * defaults.
 *
 * HTTP/2 is used for small requests only: with libcurl 7.88, an upload larger than the window (64 KiB) loops forever if
 * the server sends a success response before reading it all; only CURLOPT_TIMEOUT ends it. Downloads are faster over
 * HTTP/1.1, too: HTTP/2 framing takes a seventh of libcurl's CPU time.
 */
#include "http/http-int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UPLOAD_BUFFER (256L * 1024) /* HTTP/1.1 only: on HTTP/2 a large buffer slows uploads down */
#define PROGRESS_EVERY_MS 100
#define IDENTITY "Accept-Encoding: identity" /* some servers compress if the header is missing */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct part_reader *reader = arg;
	const struct http_part *part = reader->part;
	size_t want = size * count;
	ssize_t n;

	if (part->size >= 0 && (int64_t)want > part->size - reader->at)
		want = (size_t)(part->size - reader->at);
	if (!want)
		return 0;
	do {
		n = pread(part->fd, out, want, reader->at);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		err_set(&reader->transfer->err, ST_IO, "cannot read '%s': %s",
			part->filename ? part->filename : part->name, strerror(errno));
	else if (!n && part->size >= 0)
		err_set(&reader->transfer->err, ST_IO, "cannot send '%s': the file was truncated meanwhile",
			part->filename ? part->filename : part->name);
	if (reader->transfer->err.status != ST_OK)
		return CURL_READFUNC_ABORT;
	reader->at += n;
	return (size_t)n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct part_reader *reader = arg;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	reader->at = offset;
	return CURL_SEEKFUNC_OK;
}

/*
 * A file transfer has no timeout, or a long one, but a response that is not the file (a redirect, an error, a response
 * to an upload) must be limited. libcurl has no timeout that starts with the response headers, or with the end of an
 * upload. The response to an upload may begin before the upload is complete; while that still sends data, the clock
 * restarts.
 */
static bool response_timed_out(struct transfer *t, int64_t received, int64_t sent, int64_t to_send)
{
	const struct http_request *request = &t->request;
	int64_t timeout = t->http->config.timeout_ms, now, elapsed;

	if (request->sink ? !t->in_body || t->response.status / 100 == 2 : request->timeout_ms > 0)
		return false;
	if (!t->in_body && !(request->parts && to_send > 0 && sent >= to_send))
		return false;
	now = clock_mono_ms();
	if (!t->body_since_ms || sent != t->body_sent) {
		t->body_since_ms = now;
		t->body_sent = sent;
	}
	elapsed = now - t->body_since_ms;
	if (timeout > 0 && elapsed >= timeout)
		t->exceeded_ms = timeout;
	else if (elapsed && elapsed >= request->low_speed_time_ms &&
		received * 1000 / elapsed < request->low_speed_limit)
		t->exceeded_ms = request->low_speed_time_ms;
	return t->exceeded_ms > 0;
}

static int on_progress(void *arg, curl_off_t to_receive, curl_off_t received, curl_off_t to_send, curl_off_t sent)
{
	struct transfer *t = arg;
	int64_t now;

	if (t->tries && !t->debug_lines && !t->kind.h1 && (t->http->h2_seen || !t->http->h1_seen)) {
		/*
		 * The request has just been sent: from now on goaway.c needs libcurl's debug lines. They are expensive,
		 * and not needed for HTTP/1.1.
		 */
		t->debug_lines = true;
		curl_easy_setopt(t->easy, CURLOPT_VERBOSE, 1L);
	}
	if (response_timed_out(t, received, sent, to_send))
		return 1;
	if (!t->request.progress)
		return 0;
	now = clock_mono_ms();
	if (now - t->progress_at_ms >= PROGRESS_EVERY_MS) {
		t->progress_at_ms = now;
		t->request.progress(t->request.arg, sent, to_send ? to_send : -1, received,
			to_receive ? to_receive : -1);
	}
	return 0;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	(void)easy;
	(void)arg;
	return tls_apply_policy(ssl_ctx) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

static bool is_idempotent(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "PUT") || !strcmp(method, "DELETE");
}

/*
 * Called when libcurl has a connection and is about to send the request. It resends a request if a reused connection
 * breaks before any response. That is allowed if nothing was sent, if the server did not process the request, or if the
 * method is idempotent. Otherwise the first copy may have been processed, so the second is stopped here.
 */
static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = arg;
	long request_size = 0;

	(void)remote;
	(void)local;
	(void)remote_port;
	goaway_end(t);
	if (t->tries)
		goaway_retry(t);
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
	if (t->tries && request_size > t->overhead && !t->unprocessed) {
		if (!is_idempotent(t->request.method)) {
			t->resend_stopped = true;
			return CURL_PREREQFUNC_ABORT;
		}
	} else {
		t->overhead = request_size;
	}
	goaway_begin(t, local_port);
	t->unprocessed = false;
	t->tries++;
	return CURL_PREREQFUNC_OK;
}

/* Prevents header injection. */
static enum status add_header(struct transfer *t, const char *line, struct err *err)
{
	static const char controls[] =
		"\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
		"\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f";
	struct curl_slist *list;

	if (line[strcspn(line, controls)])
		return err_set(err, ST_DATA, "invalid header '%.*s': control character", (int)strcspn(line, ":"), line);
	list = curl_slist_append(t->headers, line);
	if (!list)
		return err_set(err, ST_INTERNAL, "out of memory");
	t->headers = list;
	return ST_OK;
}

static enum status add_bearer(struct transfer *t, struct err *err)
{
	struct buf line;
	enum status status;

	buf_init_secret(&line, BUF_NO_MAX);
	buf_adds(&line, "Authorization: Bearer ");
	buf_add(&line, t->request.bearer->s, t->request.bearer->len);
	status = add_header(t, line.data, err);
	buf_release(&line);
	return status;
}

/*
 * A proxy gets User-Agent only if it is set by CURLOPT_USERAGENT, but libcurl formats that twice for each request, byte
 * by byte. Without a proxy it is put into the list of headers.
 */
static bool lists_agent(const struct http *http)
{
	return http->agent && !http->proxy_possible;
}

static enum status add_headers(struct transfer *t, struct err *err)
{
	const struct http_request *request = &t->request;
	enum status status = ST_OK;
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	if (request->bearer && request->bearer->s)
		status = add_bearer(t, err);
	if (status == ST_OK && t->http->agent) {
		buf_addf(&line, "X-Cpaas-Agent: %s", t->http->agent);
		status = add_header(t, line.data, err);
	}
	if (status == ST_OK && lists_agent(t->http)) {
		buf_clear(&line);
		buf_addf(&line, "User-Agent: %s", t->http->agent);
		status = add_header(t, line.data, err);
	}
	if (status == ST_OK && request->body) {
		buf_clear(&line);
		buf_addf(&line, "Content-Type:%s%s", request->content_type ? " " : "",
			request->content_type ? request->content_type : "");
		status = add_header(t, line.data, err);
	}
	/* no "100-continue": libcurl waits a second for servers that do not support it */
	if (status == ST_OK)
		status = add_header(t, "Expect:", err);
	if (status == ST_OK)
		status = add_header(t, IDENTITY, err);
	for (const char *const *h = request->headers; status == ST_OK && h && *h; h++)
		status = add_header(t, *h, err);
	buf_release(&line);
	return status;
}

/* Skips the next header of `*list` if it is `name` with `value`. */
static bool skip_header(const struct curl_slist **list, const char *name, const char *value)
{
	size_t len = strlen(name);

	if (!*list || strncmp((*list)->data, name, len) != 0 || strcmp((*list)->data + len, value) != 0)
		return false;
	*list = (*list)->next;
	return true;
}

/* True if the previous request on this handle had the same headers, in the order of add_headers(). */
static bool same_headers(const struct transfer *t)
{
	const struct http_request *request = &t->request;
	const struct curl_slist *list = t->headers;
	const char *type = request->content_type;

	if (request->bearer && request->bearer->s && !skip_header(&list, "Authorization: Bearer ", request->bearer->s))
		return false;
	if (t->http->agent && !skip_header(&list, "X-Cpaas-Agent: ", t->http->agent))
		return false;
	if (lists_agent(t->http) && !skip_header(&list, "User-Agent: ", t->http->agent))
		return false;
	if (request->body && !skip_header(&list, type ? "Content-Type: " : "Content-Type:", type ? type : ""))
		return false;
	if (!skip_header(&list, "Expect:", "") || !skip_header(&list, IDENTITY, ""))
		return false;
	for (const char *const *h = request->headers; h && *h; h++) {
		if (!skip_header(&list, *h, ""))
			return false;
	}
	return !list;
}

static void free_headers(struct transfer *t)
{
	for (struct curl_slist *h = t->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	t->headers = NULL;
}

static enum status add_parts(struct transfer *t, struct err *err)
{
	const struct http_request *request = &t->request;

	t->mime = curl_mime_init(t->easy);
	t->readers = xcalloc(request->part_count, sizeof(*t->readers));
	for (size_t i = 0; t->mime && i < request->part_count; i++) {
		const struct http_part *part = &request->parts[i];
		curl_mimepart *to = curl_mime_addpart(t->mime);
		CURLcode code;

		if (!to)
			goto no_memory;
		code = curl_mime_name(to, part->name);
		if (!code && part->filename)
			code = curl_mime_filename(to, part->filename);
		if (!code && part->content_type)
			code = curl_mime_type(to, part->content_type);
		t->readers[i] = (struct part_reader){ .transfer = t, .part = part };
		if (!code && part->data)
			code = curl_mime_data(to, part->data, part->len);
		else if (!code)
			code = curl_mime_data_cb(to, part->size, on_read, on_seek, NULL, &t->readers[i]);
		if (code)
			return err_set(err, ST_INTERNAL, "cannot build the multipart body ('%s'): %s", part->name,
				curl_easy_strerror(code));
	}
	if (t->mime)
		return ST_OK;
no_memory:
	return err_set(err, ST_INTERNAL, "out of memory");
}

static void set_trust(CURL *easy, const struct tls_trust *trust)
{
	/*
	 * Both must be set: with a default, libcurl reads the system's bundle, too, which takes 40 ms for each
	 * connection and disables the cache for CA bundles.
	 */
	curl_easy_setopt(easy, CURLOPT_CAINFO, trust->cafile);
	curl_easy_setopt(easy, CURLOPT_CAPATH, trust->cadir);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, trust->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, trust->insecure ? 0L : 2L);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
}

static void set_callbacks(struct transfer *t)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, response_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, response_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, trace_on_debug);
	curl_easy_setopt(easy, CURLOPT_DEBUGDATA, t);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, t);
}

/* Fills in the default limits. */
static void default_limits(struct transfer *t)
{
	struct http_request *request = &t->request;

	if (!request->timeout_ms)
		request->timeout_ms = t->http->config.timeout_ms;
	if (request->timeout_ms <= 0) {
		request->timeout_ms = 0;
		if (!request->low_speed_time_ms)
			request->low_speed_time_ms = HTTP_STALL_MS;
	}
}

static void set_limits(struct transfer *t)
{
	const struct http_request *request = &t->request;

	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->http->config.connect_timeout_ms);
	if (request->low_speed_time_ms) {
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)((request->low_speed_time_ms + 999) / 1000));
	}
}

static bool has_body(const struct http_request *request)
{
	return !request->parts && (request->body || !strcmp(request->method, "POST"));
}

/* The method and the HTTP version. */
static void set_method(struct transfer *t)
{
	const struct http_request *request = &t->request;
	bool h1 = t->kind.h1;
	CURL *easy = t->easy;

	if (request->parts) {
		curl_easy_setopt(easy, CURLOPT_MIMEPOST, t->mime);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
	} else if (has_body(request)) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
	} else if (!strcmp(request->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "POST") != 0 &&
		strcmp(request->method, "HEAD") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, h1 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
	/*
	 * Share one connection if the server supports HTTP/2. Not for files: with an HTTP/1.1 server, libcurl would
	 * hold the waiting requests until the first one ends, which may take hours.
	 */
	if (!h1)
		curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
}

/* All options except those of set_content(). */
static void set_options(struct transfer *t)
{
	set_callbacks(t);
	set_limits(t);
	set_method(t);
	set_trust(t->easy, t->http->config.trust);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* not sent to a proxy */
	curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, lists_agent(t->http) ? NULL : t->http->agent);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, t->http->proxy);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

/* The options that differ between requests of the same kind. */
static void set_content(struct transfer *t)
{
	const struct http_request *request = &t->request;

	curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
	if (has_body(request)) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	curl_easy_setopt(t->easy, CURLOPT_VERBOSE, log_tracing() ? 1L : 0L); /* on_progress() changes it */
}

static struct request_kind kind_of(const struct http_request *request)
{
	struct request_kind kind = { .body = has_body(request),
		.h1 = request->parts || request->body_len > HTTP_BODY_H2_MAX || request->sink,
		.timeout_ms = request->timeout_ms,
		.low_speed_time_ms = request->low_speed_time_ms };

	if (strlen(request->method) < sizeof(kind.method))
		memcpy(kind.method, request->method, strlen(request->method) + 1);
	return kind;
}

static bool same_kind(const struct request_kind *a, const struct request_kind *b)
{
	return a->method[0] && !strcmp(a->method, b->method) && a->body == b->body && a->h1 == b->h1 &&
		a->timeout_ms == b->timeout_ms && a->low_speed_time_ms == b->low_speed_time_ms;
}

static void forget_options(struct transfer *t)
{
	curl_easy_reset(t->easy);
	t->kind = (struct request_kind){ 0 };
}

enum status request_prepare(struct transfer *t, struct err *err)
{
	enum status status = ST_OK;
	struct request_kind kind;

	if (strlen(t->request.url) > HTTP_URL_MAX)
		return err_set(err, ST_DATA, "URL is longer than %zu characters", HTTP_URL_MAX);
	default_limits(t);
	kind = kind_of(&t->request);
	/* in a batch, headers and kind are usually unchanged */
	if (!t->headers || !same_headers(t)) {
		forget_options(t);
		free_headers(t);
		status = add_headers(t, err);
	} else if (!same_kind(&t->kind, &kind)) {
		forget_options(t);
	}
	if (status == ST_OK && t->request.parts)
		status = add_parts(t, err);
	if (status != ST_OK)
		return status;
	if (!same_kind(&t->kind, &kind)) {
		t->kind = kind;
		set_options(t);
	}
	set_content(t);
	return ST_OK;
}

void request_end(struct transfer *t, bool keep)
{
	curl_mime_free(t->mime);
	t->mime = NULL;
	free(t->readers);
	t->readers = NULL;
	if (!keep || t->request.parts || t->request.body_secret)
		forget_options(t);
}

void request_release(struct transfer *t)
{
	free_headers(t);
	request_end(t, false);
}
