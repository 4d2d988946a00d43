/*
 * http.h - HTTP requests: the gate of this room, which alone uses libcurl.
 *
 * All requests run on one multi handle, so that many can be in flight on few connections. http_perform() sends one
 * request and waits for it. Each call is one attempt; retries are up to the caller (client/client.h).
 *
 * For every request: TLS is verified by our own trust settings (crypto.h); there are limits on time, header size and
 * body size; no signal handlers are used; SIGINT and SIGTERM abort it (interrupt.h); the trace has no secrets; the
 * bearer token goes to the origin of the URL only. Files use HTTP/1.1 (see request.c).
 *
 * A struct http must be used by one thread at a time.
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
	const char *proxy; /* NULL: from the environment, as curl does; "": none */
	const char *agent; /* User-Agent and X-Cpaas-Agent: "kandy/0.1.0" */
	int64_t connect_timeout_ms;
	int64_t timeout_ms; /* of a whole request that has no timeout of its own; 0: none */
	long max_connections; /* to one host; 0: libcurl's default */
};

/*
 * One part of a multipart/form-data body, read from `data` or, if that is NULL, from `fd`: from offset 0, with
 * pread(2), so that the request can be retried. A file that turns out shorter than `size` fails with ST_IO.
 */
struct http_part {
	const char *name, *filename, *content_type; /* the last two may be NULL */
	const void *data;
	size_t len; /* of `data` */
	int fd;
	int64_t size; /* of the file; -1: unknown (the body is sent in chunks) */
};

struct http_response {
	int status;
	struct buf body;
	/* header values; "" if missing */
	char *content_type, *etag, *last_modified, *content_range, *location, *date, *retry_after, *content_encoding;
	int64_t content_length; /* -1: unknown */
	int64_t retry_after_ms; /* http_date.h, relative to `date` if there is one; -1: none */
};

struct http_request {
	const char *method; /* "GET" */
	const char *url; /* absolute */
	const struct secret *bearer; /* NULL: no Authorization */
	const char *content_type; /* of `body` */
	const void *body; /* borrowed until the request is done; NULL: none */
	size_t body_len;
	bool body_secret; /* keep the body, its length and the response body out of the trace */
	const struct http_part *parts; /* instead of `body` */
	size_t part_count;
	const char *const *headers; /* further "Name: value" lines, NULL-terminated, or NULL */

	/*
	 * 0: the config's; -1: none, for file transfers. A response that is not the file (an error or a redirect with
	 * `sink`; any response to an upload) then has the config's timeout, from the end of its headers or the upload.
	 */
	int64_t timeout_ms;
	/* abort when slower than 1 byte/s for this time; 0: no limit, or 5 min if there is no timeout */
	int64_t low_speed_time_ms;
	/* also abort a response that is not the file when slower than this many bytes/s for that time; 0: no limit */
	int64_t low_speed_limit;
	size_t max_body; /* of a response body in memory; 0: 4 MiB. ST_PROTOCOL beyond it, with code HTTP_TOO_LARGE */

	/*
	 * Receives a 2xx body instead of response.body. Returning false aborts the transfer with the error that it has
	 * set. Status and headers of the response are already filled in.
	 */
	bool (*sink)(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err);
	/* bytes sent and received so far, and totals (-1: unknown); at most ten times a second */
	void (*progress)(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive);
	void *arg; /* for sink, progress and done */
};

/* libcurl is loaded by the first request, which fails with ST_CONFIG if it is not installed. */
struct http *http_new(const struct http_config *config);
void http_free(struct http *http); /* drops requests in flight without calling `done` */

/*
 * Sends one request. ST_OK means that a response was received, whatever its status (redirects are not followed);
 * `response` (zeroed or released before) is filled and must be released. Otherwise: ST_UNAVAILABLE (DNS, connect, TLS;
 * outcome ERR_NOT_SENT), ST_TEMPFAIL (timeout, connection lost), ST_CONFIG (certificate not trusted), ST_PROTOCOL (not
 * HTTP, or too large), or the status of an interrupt. err->http is the status of an incomplete response.
 *
 * ERR_NOT_SENT: no byte of the request was sent, or the server has declared that it did not process it (HTTP/2). If a
 * reused connection breaks before any response, a POST is ERR_MAYBE_SENT; GET, HEAD, PUT and DELETE are resent at once.
 */
enum status http_perform(struct http *http, const struct http_request *request, struct http_response *response,
	struct err *err) MUST_USE;

/*
 * Starts a request. `done` is called once, from http_step(), with ST_OK and a response (which it may take by copying
 * and zeroing the struct) or with the error. The request struct is copied; what it points to must live until then.
 */
typedef void http_done(void *arg, enum status status, struct http_response *response, const struct err *err);
enum status http_start(struct http *http, const struct http_request *request, http_done *done,
	struct err *err) MUST_USE;

/*
 * Advances all requests in flight; waits at most `wait_ms` for activity, or until `extra_fd` (-1: none) is readable.
 * After a signal all requests end: `done` is called for each with the status of the interrupt, which is also returned.
 */
enum status http_step(struct http *http, int wait_ms, int extra_fd, struct err *err) MUST_USE;

void http_response_release(struct http_response *response); /* accepts a zeroed struct */

#define HTTP_URL_MAX ((size_t)8192)

/*
 * Resolves a link from a message against `base` (RFC 3986) into an absolute URL in `*url` (free it). ST_DATA if it is
 * not http or https, has user information, spaces or control characters, is longer than HTTP_URL_MAX or is malformed.
 * `*same_origin`: scheme, host and port equal those of `base`, after normalisation (case, trailing dot, IPv6, default
 * ports) by the parser that will be used for the request.
 */
enum status http_resolve(const char *base, const char *link, char **url, bool *same_origin, struct err *err) MUST_USE;

/*
 * The proxy for a WebSocket to `host` (IPv6 without brackets), by the same rules as for requests: `proxy_option` if it
 * is not NULL ("": none), else https_proxy, HTTPS_PROXY (`tls`) or http_proxy (not `tls`), else all_proxy, ALL_PROXY,
 * with the exceptions of no_proxy or NO_PROXY. Returns SCHEME://[USER:PASSWORD@]HOST:PORT, or NULL for none. Free it;
 * it may hold a password.
 *
 * libcurl reads these variables itself for requests and the two must agree, so lib/http may read the environment.
 */
char *http_proxy_for(const char *proxy_option, bool tls, const char *host);

#endif
