/*
 * http.h - HTTP requests: the gate to libcurl.
 *
 * Every request runs on one multi handle, so that many can be under way at once on few connections. http_perform() is
 * the simple face: start one, wait for it. Each call here is one attempt; repetition is the caller's (api/client.h).
 *
 * What is promised for every request: verified TLS by our trust (crypto.h), a time limit, limits on header and body
 * size, no signal tricks, SIGINT/SIGTERM end it (interrupt.h), a trace without secrets, files over HTTP/1.1
 * (libcurl 7.88 can spin for ever on an HTTP/2 upload that is answered early, and takes longer for an HTTP/2
 * download), and a bearer token that goes to the URL's own origin only.
 *
 * A struct http is used by one thread at a time.
 */
#ifndef KANDY_HTTP_HTTP_H
#define KANDY_HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

#define HTTP_TOO_LARGE "too-large"

struct http_config {
	const struct tls_trust *trust; /* borrowed for the life of the struct http */
	const char *proxy; /* NULL: by the environment as curl does it; "": none */
	const char *agent; /* User-Agent and X-Cpaas-Agent: "kandy/0.1.0" */
	int64_t connect_timeout_ms;
	int64_t timeout_ms; /* of one request, all in all, unless the request has its own; 0: none */
	long max_connections; /* to one host; 0: libcurl's choice */
};

/*
 * One part of a multipart/form-data body. The bytes come from `data`, or, where that is NULL, from `fd`: from its
 * start, with pread(2), so that an attempt can be repeated. A file that turns out shorter than `size` ends the
 * request with ST_IO.
 */
struct http_part {
	const char *name, *filename, *content_type; /* the last two may be NULL */
	const void *data;
	size_t len; /* of `data` */
	int fd;
	int64_t size; /* of the file; -1: to its end, whatever that is (the body is sent in chunks then) */
};

struct http_response {
	int status;
	struct buf body;
	char *content_type; /* "" where there is none */
	char *etag, *last_modified, *content_range, *location, *date, *retry_after; /* "" where there is none */
	int64_t content_length; /* -1: unknown */
	int64_t retry_after_ms; /* http_date.h, a date by the clock of `date` if there is one; -1: none */
};

struct http_request {
	const char *method; /* "GET" */
	const char *url; /* absolute */
	const struct secret *bearer; /* NULL: no Authorization */
	const char *content_type; /* of `body` */
	const void *body; /* borrowed until the request is done; NULL: none */
	size_t body_len;
	bool body_secret; /* it is kept out of the trace even as a length, and the answer's body is */
	const struct http_part *parts; /* instead of `body` */
	size_t part_count;
	const char *const *headers; /* further "Name: value" lines, NULL-terminated, or NULL */

	/*
	 * 0: the config's; -1: none, since a file takes what it takes. An answer that is no file (with `sink`, or one
	 * to an upload) has the config's then, from the end of its head on.
	 */
	int64_t timeout_ms;
	/* give up when slower than 1 byte/s for so long; 0: no such limit, but 5 min without a time-out */
	int64_t low_speed_time_ms;
	/* an answer that is no file is given up, too, when it was slower than so many bytes/s for that time; 0: not */
	int64_t low_speed_limit;
	size_t max_body; /* of the answer kept in memory; 0: 4 MiB. Beyond it: ST_PROTOCOL, its code HTTP_TOO_LARGE */

	/*
	 * A 2xx body goes here instead of into response.body. False stops the transfer, with
	 * the error that it has set. Called with the response's status and headers already filled in.
	 */
	bool (*sink)(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err);
	/* bytes sent and received so far, and totals where known (else -1); at most ten times a second */
	void (*progress)(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive);
	void *arg; /* for sink, progress and done */
};

/* libcurl is loaded by the first request; that fails with ST_CONFIG where it is not there. */
struct http *http_new(const struct http_config *config);
void http_free(struct http *http); /* what is under way is dropped without its `done` */

/*
 * One request. ST_OK means that an answer came, whatever its status (a redirect too: none is followed); `response`
 * (zeroed or released before) is filled then, and must be released. Otherwise err tells the kind: ST_UNAVAILABLE
 * (DNS, connect, TLS; outcome ERR_NOT_SENT), ST_TEMPFAIL (time-out, connection lost; outcome by how far it got),
 * ST_CONFIG (the certificate is not trusted), ST_PROTOCOL (no HTTP, or too large), or the interrupt's status.
 * err->http is the status of an answer that broke off.
 *
 * ERR_NOT_SENT: not a byte of the request went out, or the server said that it has not looked at it (HTTP/2). A POST
 * on a kept connection that broke before any answer is ERR_MAYBE_SENT; GET, HEAD, PUT and DELETE are repeated at once
 * then.
 */
enum status http_perform(struct http *http, const struct http_request *request, struct http_response *response,
	struct err *err) MUST_USE;

/*
 * The same without waiting: `done` is called from http_step() once, with ST_OK and a response (which it may take by
 * copying the struct and zeroing the original) or with the error. The request struct is copied; what it points to
 * must live until then.
 */
typedef void http_done(void *arg, enum status status, struct http_response *response, const struct err *err);
enum status http_start(struct http *http, const struct http_request *request, http_done *done,
	struct err *err) MUST_USE;

/*
 * Moves everything that is under way, waiting at most `wait_ms` for something to happen, or until `extra_fd` (-1:
 * none) is readable. After a signal, everything ends: `done` is called for each with the interrupt's status, which is
 * also returned.
 */
enum status http_step(struct http *http, int wait_ms, int extra_fd, struct err *err) MUST_USE;
size_t http_active(const struct http *http);

void http_response_release(struct http_response *response); /* also for a zeroed struct */

#define HTTP_URL_MAX ((size_t)8192)

/*
 * For links from messages. Resolves `link` against `base` (RFC 3986) into an absolute URL in `*url` (free it),
 * refusing what is not http or https, has user information, spaces or control characters, is longer than HTTP_URL_MAX
 * or cannot be parsed (ST_DATA). `*same_origin`: scheme, host and port are those of `base`, compared after
 * normalisation (case, trailing dot, IPv6 and IDN forms, default ports) by the parser that will fetch it.
 */
enum status http_resolve(const char *base, const char *link, char **url, bool *same_origin, struct err *err) MUST_USE;

/*
 * The proxy that applies to a WebSocket to `host` (IPv6 without brackets), by the same rules as for requests:
 * `proxy_option` if there is one ("": none at all), else https_proxy, HTTPS_PROXY (`tls`) or http_proxy (not), else
 * all_proxy, ALL_PROXY; but not for what no_proxy or NO_PROXY names. As SCHEME://[USER:PASSWORD@]HOST:PORT; NULL:
 * none. Free it: it may hold a password.
 *
 * Here, and only here, lib/ reads the environment: libcurl does so itself for requests, and the two must agree.
 */
char *http_proxy_for(const char *proxy_option, bool tls, const char *host, uint16_t port);

#endif
