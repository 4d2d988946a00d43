/*
 * engine.c - runs requests on one multi handle.
 *
 * curl_multi_socket_action() would be faster, but with libcurl 7.88 a few percent of HTTP/2 POSTs then end as stream
 * errors, each of them a message whose delivery is unknown. So curl_multi_perform() is used.
 */
#include "http/http-int.h"

#include "base/interrupt.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_MAX 64

struct http *http_new(const struct http_config *config)
{
	struct http *http = xcalloc(1, sizeof(*http));

	http->config = *config;
	http->proxy = xstrdup_null(config->proxy);
	http->agent = xstrdup_null(config->agent);
	http->config.proxy = http->proxy;
	http->config.agent = http->agent;
	proxy_redact(http->proxy);
	http->proxy_possible = proxy_is_possible(http->proxy);
	return http;
}

/* Loads libcurl as late as possible: it needs 7 MB, and a listener sends its requests from another process. */
static enum status open_multi(struct http *http, struct err *err)
{
	enum status status;

	if (http->multi)
		return ST_OK;
	if ((status = http_load(err)))
		return status;
	if (!(http->multi = curl_multi_init()))
		return err_set(err, ST_INTERNAL, "cannot initialise libcurl: out of memory");
	if (http->config.max_connections)
		curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, http->config.max_connections);
	return ST_OK;
}

static void transfer_free(struct transfer *t)
{
	request_release(t);
	http_response_release(&t->response);
	if (t->easy)
		curl_easy_cleanup(t->easy);
	free(t);
}

void http_free(struct http *http)
{
	struct transfer *t;

	if (!http)
		return;
	while ((t = http->transfers)) {
		http->transfers = t->next;
		curl_multi_remove_handle(http->multi, t->easy);
		transfer_free(t);
	}
	while ((t = http->idle)) {
		http->idle = t->next;
		transfer_free(t);
	}
	if (http->multi)
		curl_multi_cleanup(http->multi);
	if (http->proxy)
		explicit_bzero(http->proxy, strlen(http->proxy)); /* may hold a password */
	free(http->proxy);
	free(http->agent);
	free(http);
}

static struct transfer *transfer_get(struct http *http)
{
	struct transfer *t = http->idle;

	if (t) {
		http->idle = t->next;
		http->idle_count--;
		return t;
	}
	t = xcalloc(1, sizeof(*t));
	t->http = http;
	t->easy = curl_easy_init();
	if (!t->easy) {
		free(t);
		return NULL;
	}
	return t;
}

static void transfer_put(struct transfer *t, bool keep)
{
	struct http *http = t->http;
	CURL *easy = t->easy;

	/* libcurl keeps refusals and retry counts across a reset, see goaway.c */
	if (http->idle_count >= IDLE_MAX || t->tries > 1) {
		transfer_free(t);
		return;
	}
	request_end(t, keep);
	http_response_release(&t->response);
	*t = (struct transfer){
		.http = http, .easy = easy, .kind = t->kind, .headers = t->headers, .next = http->idle
	};
	http->idle = t;
	http->idle_count++;
}

static void unlink_transfer(struct transfer *t)
{
	curl_multi_remove_handle(t->http->multi, t->easy);
	if (t->previous)
		t->previous->next = t->next;
	else
		t->http->transfers = t->next;
	if (t->next)
		t->next->previous = t->previous;
}

static enum status start(struct http *http, const struct http_request *request, http_done *done, void *done_arg,
	struct err *err)
{
	struct transfer *t;
	enum status status;
	CURLMcode code;

	if ((status = open_multi(http, err)))
		return status;
	if (!(t = transfer_get(http)))
		return err_set(err, ST_INTERNAL, "cannot start a request: out of memory");
	t->request = *request;
	t->done = done;
	t->done_arg = done_arg;
	response_reset(&t->response, request->max_body ? request->max_body : HTTP_BODY_MAX);
	status = request_prepare(t, err);
	if (status != ST_OK) {
		transfer_put(t, false);
		return status;
	}
	code = curl_multi_add_handle(http->multi, t->easy);
	if (code != CURLM_OK) {
		transfer_put(t, false);
		return err_set(err, ST_INTERNAL, "cannot start a request: %s", curl_multi_strerror(code));
	}
	t->next = http->transfers;
	if (t->next)
		t->next->previous = t;
	http->transfers = t;
	http->has_new = true;
	return ST_OK;
}

enum status http_start(struct http *http, const struct http_request *request, http_done *done, struct err *err)
{
	return start(http, request, done, request->arg, err);
}

static enum failure_phase phase_of(const struct transfer *t)
{
	curl_off_t resolved = 0, sent = 0, to_send = (curl_off_t)t->request.body_len;
	long connected = 0;

	curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	/* CURLINFO_CONNECT_TIME is not set before the TLS handshake is done, too */
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connected);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (t->tries && t->header_bytes)
		return PHASE_RECEIVE;
	if (t->tries) {
		if (t->request.parts)
			curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &to_send);
		return goaway_was_sent(t) && sent >= to_send ? PHASE_WAIT : PHASE_SEND;
	}
	if (connected)
		return PHASE_TLS;
	return resolved ? PHASE_CONNECT : PHASE_RESOLVE;
}

/* True if the server may have received a byte of the request. */
static bool was_sent(const struct transfer *t)
{
	return t->tries && !t->unprocessed && goaway_was_sent(t);
}

/* "host" or "host:port" of a URL, for messages; the URL itself may hold a secret. Free it. */
static char *host_of(const char *url, unsigned flags)
{
	CURLU *parts = curl_url();
	char *host = NULL, *port = NULL, *name;

	if (parts && !curl_url_set(parts, CURLUPART_URL, url, flags)) {
		curl_url_get(parts, CURLUPART_HOST, &host, 0);
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
	}
	name = host ? xasprintf("%s%s%s", host, port ? ":" : "", port ? port : "") : xstrdup("?");
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return name;
}

/* Host and port of the proxy that the transfer used, or NULL. Free it. */
static char *proxy_of(const struct transfer *t)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *proxy = NULL, *name = NULL;

	if (parts && !curl_url_set(parts, CURLUPART_URL, t->request.url, 0) &&
		!curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) && !curl_url_get(parts, CURLUPART_HOST, &host, 0)) {
		if (host[0] == '[') {
			host[strlen(host) - 1] = '\0';
			memmove(host, host + 1, strlen(host));
		}
		proxy = http_proxy_for(t->http->proxy, !strcmp(scheme, "https"), host);
	}
	if (proxy) {
		name = host_of(proxy, CURLU_NON_SUPPORT_SCHEME);
		explicit_bzero(proxy, strlen(proxy));
	}
	free(proxy);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	return name;
}

static enum status describe(struct transfer *t, CURLcode code, struct err *err)
{
	char *host = host_of(t->request.url, 0), *proxy = proxy_of(t);
	long connect_code = 0, os_errno = 0, verify_result = 0;
	struct failure failure = {
		.code = t->exceeded_ms ? CURLE_OPERATION_TIMEDOUT : (int)code,
		.phase = phase_of(t),
		.sent = was_sent(t),
		.resend_stopped = t->resend_stopped,
		.http = t->in_body ? t->response.status : 0,
		.connect_timeout_ms = t->http->config.connect_timeout_ms,
		.timeout_ms = t->exceeded_ms ? t->exceeded_ms : t->request.timeout_ms,
		.low_speed_ms = t->request.low_speed_time_ms,
		.host = host,
		.proxy = proxy,
		.detail = t->error[0] ? t->error : curl_easy_strerror(code),
	};
	enum status status;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_errno);
	curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &verify_result);
	failure.connect_code = (int)connect_code;
	failure.os_errno = (int)os_errno;
	failure.verify_result = verify_result;
	status = failure_describe(&failure, err);
	free(host);
	free(proxy);
	return status;
}

/* The error of a transfer that one of our callbacks or an interrupt has aborted, with its outcome. */
static enum status describe_abort(const struct transfer *t, const struct err *reason, struct err *err)
{
	*err = *reason;
	err->http = t->in_body ? t->response.status : 0;
	if (err->http / 100 == 4)
		err->outcome = ERR_REFUSED;
	else
		err->outcome = was_sent(t) ? ERR_MAYBE_SENT : ERR_NOT_SENT;
	return err->status;
}

/* For on_progress() in request.c. */
static void note_version(struct transfer *t)
{
	long version = CURL_HTTP_VERSION_NONE;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	/* a file transfer requests HTTP/1.1 itself */
	if (version == CURL_HTTP_VERSION_1_1 && !t->kind.h1)
		t->http->h1_seen = true;
	else if (version >= CURL_HTTP_VERSION_2_0)
		t->http->h2_seen = true;
}

/* Removes the URL from libcurl's "Unsupported proxy scheme for 'htp://USER:PASSWORD@HOST'". */
static void unquote_proxy(char *text)
{
	char *first = str_starts_with(text, "Unsupported proxy") ? strchr(text, '\'') : NULL;
	char *last = first ? strrchr(first, '\'') + 1 : NULL;

	if (!first)
		return;
	if (last == first + 1) /* truncated */
		last = first + strlen(first);
	memmove(first, last, strlen(last) + 1);
}

static void finish(struct transfer *t, CURLcode code)
{
	struct err err = ERR_INIT;
	enum status status = ST_OK;

	unquote_proxy(t->error);
	trace_end(t, code);
	note_version(t);
	if (t->err.status != ST_OK)
		status = describe_abort(t, &t->err, &err);
	else if (code != CURLE_OK && !(t->in_body && t->response.status >= 400))
		status = describe(t, code, &err); /* an incomplete error response is still one */
	response_skip_bom(&t->response);
	trace_verbose(t, &err);
	goaway_end(t);
	unlink_transfer(t);
	t->done(t->done_arg, status, &t->response, &err);
	transfer_put(t, code == CURLE_OK && t->tries == 1);
}

static void finish_done(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct transfer *t = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, message->data.result);
	}
}

static enum status interrupted(struct http *http, struct err *err)
{
	enum status status = interrupt_status();

	if (status == ST_OK)
		return ST_OK;
	while (http->transfers) {
		err_set(&http->transfers->err, status, "interrupted");
		finish(http->transfers, CURLE_ABORTED_BY_CALLBACK);
	}
	return err_set(err, status, "interrupted");
}

enum status http_step(struct http *http, int wait_ms, int extra_fd, struct err *err)
{
	struct curl_waitfd fds[2];
	unsigned count = 0;
	int running;
	CURLMcode code;
	enum status status = interrupted(http, err);

	if (status != ST_OK || (status = open_multi(http, err)))
		return status;
	if (interrupt_fd() >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = interrupt_fd(), .events = CURL_WAIT_POLLIN };
	if (extra_fd >= 0)
		fds[count++] = (struct curl_waitfd){ .fd = extra_fd, .events = CURL_WAIT_POLLIN };
	/* new requests are sent before waiting: poll(2) would return at once */
	code = http->has_new ? CURLM_OK : curl_multi_poll(http->multi, fds, count, wait_ms, NULL);
	http->has_new = false;
	if (code == CURLM_OK)
		code = curl_multi_perform(http->multi, &running);
	if (code != CURLM_OK)
		return err_set(err, ST_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
	finish_done(http);
	return interrupted(http, err);
}

struct waiting {
	struct http_response *response;
	struct err *err;
	enum status status;
	bool done;
};

static void wake(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	struct waiting *waiting = arg;

	waiting->done = true;
	waiting->status = status;
	if (status == ST_OK) {
		*waiting->response = *response;
		memset(response, 0, sizeof(*response));
	} else if (waiting->err) {
		*waiting->err = *err;
	}
}

enum status http_perform(struct http *http, const struct http_request *request, struct http_response *response,
	struct err *err)
{
	struct waiting waiting = { .response = response, .err = err };
	enum status status;

	memset(response, 0, sizeof(*response));
	status = start(http, request, wake, &waiting, err);
	while (status == ST_OK && !waiting.done) {
		status = http_step(http, 1000, -1, err);
		if (status != ST_OK && waiting.done)
			return waiting.status; /* the error of this request is more specific */
	}
	return status == ST_OK ? waiting.status : status;
}
