/* http-int.h - shared by the files of lib/http. */
#ifndef KANDY_HTTP_INT_H
#define KANDY_HTTP_INT_H

#include "http/failure.h"
#include "http/http.h"
#include "http/libcurl.h"

#define HTTP_HEADERS_MAX ((size_t)64 * 1024) /* of one response */
#define HTTP_BODY_MAX ((size_t)4 << 20) /* of a response in memory, unless the request has its own limit */
#define HTTP_BODY_H2_MAX ((size_t)32 * 1024) /* a larger request body uses HTTP/1.1; see request.c */
#define HTTP_CONNECTIONS 64
#define HTTP_STALL_MS INT64_C(300000) /* low-speed limit of a request without limits */

/* Counts kept by goaway.c for one connection. */
struct http_connection {
	int local_port;
	int64_t sent; /* requests sent before `last` */
	struct transfer *last; /* the newest request */
};

struct http {
	CURLM *multi;
	struct http_config config;
	char *proxy; /* config.proxy, owned */
	char *agent;
	bool proxy_possible;
	struct transfer *transfers; /* in flight, newest first */
	struct transfer *idle; /* kept for reuse: an easy handle is expensive to create */
	size_t idle_count;
	bool has_new; /* requests were started since the last http_step() */
	struct http_connection connections[HTTP_CONNECTIONS];
	size_t connection_next; /* slot to use next */
	bool h1_seen, h2_seen; /* responses in HTTP/1.1, in HTTP/2 */
};

/* Reads one multipart part from a file. */
struct part_reader {
	struct transfer *transfer;
	const struct http_part *part;
	int64_t at;
};

/*
 * The options of an easy handle besides URL and body. A handle is reused with its options for a request of the same
 * kind: setting all of them costs more than encoding and decoding the JSON of a message.
 */
struct request_kind {
	char method[8]; /* "": none; the options are undefined */
	bool body, h1;
	int64_t timeout_ms, low_speed_time_ms;
};

/* One request, from http_start() until `done` has been called. */
struct transfer {
	struct http *http;
	struct transfer *next, *previous;
	CURL *easy;
	struct http_request request;
	http_done *done;
	void *done_arg;
	struct http_response response;
	struct err err; /* set by one of our callbacks that aborted the transfer */

	struct request_kind kind; /* of the options of `easy` */
	struct curl_slist *headers;
	curl_mime *mime;
	struct part_reader *readers;

	size_t header_bytes; /* of the response so far */
	bool in_body; /* later header lines are trailers */
	bool has_coding; /* the response has a transfer coding besides "chunked" */
	unsigned tries; /* how often libcurl started to send the request */
	bool unprocessed; /* the server has declared that it did not process the request (goaway.c) */
	bool refusal_seen, retried_unrefused; /* used by goaway.c */
	long connects; /* connections made for the request up to the last try */
	struct http_connection *connection; /* of the last try, or NULL */
	int local_port; /* of that connection */
	int64_t stream; /* HTTP/2 stream on it */
	bool debug_lines; /* libcurl's debug lines are enabled */
	bool resend_stopped; /* libcurl tried to resend a request that may have been processed */
	int64_t overhead; /* bytes that libcurl counted before the request itself (CONNECT) */
	int64_t progress_at_ms;
	/* of a response that is not the file: start of the wait, bytes sent by then, the limit that it exceeded */
	int64_t body_since_ms, body_sent, exceeded_ms;
	char error[CURL_ERROR_SIZE];
};

/* request.c: sets all options of a request; release frees what they use and wipes secrets. */
enum status request_prepare(struct transfer *transfer, struct err *err) MUST_USE;
void request_release(struct transfer *transfer);
/*
 * Like release, but keeps the headers and, with `keep`, the options for the next request. The options of a failed
 * transfer must not be kept, because libcurl stores state with them.
 */
void request_end(struct transfer *transfer, bool keep);

/* response.c: libcurl's header and body callbacks. */
size_t response_on_header(char *p, size_t size, size_t count, void *transfer);
size_t response_on_body(char *p, size_t size, size_t count, void *transfer);
void response_reset(struct http_response *response, size_t max_body);
void response_skip_bom(struct http_response *response); /* some servers send one before JSON */

/*
 * goaway.c is told when a request begins on a connection, before that if it is not the first try, and when it has
 * ended or moves to another connection; and it reads libcurl's debug lines.
 */
void goaway_retry(struct transfer *transfer);
void goaway_begin(struct transfer *transfer, int local_port);
void goaway_end(struct transfer *transfer);
bool goaway_was_sent(const struct transfer *transfer); /* the last try has sent a byte of the request */
void goaway_on_debug_line(struct transfer *transfer, const char *line, size_t len);

/* proxy.c: whether any request can use a proxy; and adds the passwords of all proxies to the redaction of the log. */
bool proxy_is_possible(const char *proxy_option);
void proxy_redact(const char *proxy_option);

/* trace.c */
int trace_on_debug(CURL *easy, curl_infotype type, char *p, size_t size, void *transfer);
void trace_end(const struct transfer *transfer, CURLcode code);
void trace_verbose(const struct transfer *transfer, const struct err *err); /* for -v; ST_OK: a response was received */
void trace_add_header(struct buf *out, const char *line, size_t len, bool hide_length); /* redacted */

#endif
