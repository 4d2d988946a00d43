/*
 * http-int.h - what the files of this room share.
 */
#ifndef KANDY_HTTP_INT_H
#define KANDY_HTTP_INT_H

#include "http/failure.h"
#include "http/http.h"
#include "http/libcurl.h"

#define HTTP_HEADERS_MAX ((size_t)64 * 1024) /* of one answer, all in all */
#define HTTP_BODY_MAX ((size_t)4 << 20) /* of an answer kept in memory, unless the request says otherwise */
#define HTTP_BODY_H2_MAX ((size_t)32 * 1024) /* a larger request body goes over HTTP/1.1; see request.c */
#define HTTP_CONNECTIONS 64
#define HTTP_STALL_MS INT64_C(300000) /* the low-speed limit of a request that has no limit of its own */

/* What goaway.c counts on a connection. */
struct http_connection {
	int local_port;
	int64_t sent; /* requests that went out, without */
	struct transfer *last; /* ... the one that began last */
};

struct http {
	CURLM *multi;
	struct http_config config;
	char *proxy; /* config.proxy, ours */
	char *agent;
	bool proxy_possible;
	struct transfer *transfers; /* under way, newest first */
	struct transfer *spare; /* used before, to be used again: an easy handle is costly to make */
	size_t spare_count;
	size_t active;
	bool unmoved; /* requests have begun since http_step() was last called */
	struct http_connection connections[HTTP_CONNECTIONS];
	size_t connection_next; /* the slot to use next */
	bool h1_seen, h2_seen; /* answers in HTTP/1.1, in HTTP/2 */
};

/* The source of one multipart part that is read from a file. */
struct part_reader {
	struct transfer *transfer;
	const struct http_part *part;
	int64_t at;
};

/*
 * What the options of an easy handle say beyond URL and body. A handle that is used again for a request of the same
 * kind keeps them: to set all of them costs more than to build and read the JSON of a message.
 */
struct request_kind {
	char method[8]; /* "": of no kind, the options may be any */
	bool body, h1;
	int64_t timeout_ms, low_speed_time_ms;
};

/* One request from http_start() until its `done` has been called. */
struct transfer {
	struct http *http;
	struct transfer *next, *previous;
	CURL *easy;
	struct http_request request;
	http_done *done;
	struct http_response response;
	struct err err; /* set by a callback of ours that stopped the transfer; else ST_OK */

	struct request_kind kind; /* of the options of `easy` */
	struct curl_slist *headers;
	curl_mime *mime;
	struct part_reader *readers;

	size_t header_bytes; /* of the answer so far */
	bool in_body; /* what comes as a header now is a trailer */
	bool coded; /* the answer has a transfer coding beside "chunked" */
	unsigned begun; /* how often libcurl began to send the request */
	bool refused; /* the server said of this request that it has not looked at it (goaway.c) */
	bool refusal_heard, repeated_unrefused; /* of goaway.c */
	long connects; /* connections made for it when it last began */
	struct http_connection *connection; /* that it began on last, or NULL */
	int local_port; /* of that connection, and */
	int64_t stream; /* of the HTTP/2 stream on it, for goaway.c */
	bool watched; /* libcurl's remarks on it are heard */
	bool resend_stopped; /* libcurl wanted to repeat a request that may have been processed */
	int64_t overhead; /* bytes that libcurl counted as request before the request (CONNECT) */
	int64_t progress_at_ms;
	/* of an answer that is no file: since when nothing but it moves, what had been sent then, the limit it broke */
	int64_t answer_since_ms, answer_sent, late_ms;
	char error[CURL_ERROR_SIZE];
};

/* request.c: all options of one request; and what they made, freed, with secrets wiped. */
enum status request_prepare(struct transfer *transfer, struct err *err) MUST_USE;
void request_release(struct transfer *transfer);
/*
 * The same, but the options (where `keep`) and the headers stay, since the next request may have the same. Those of a
 * request that went another way than most must not: libcurl keeps what it noted on the way, too.
 */
void request_end(struct transfer *transfer, bool keep);

/* response.c: libcurl's header and body callbacks. */
size_t response_on_header(char *p, size_t size, size_t count, void *transfer);
size_t response_on_body(char *p, size_t size, size_t count, void *transfer);
void response_reset(struct http_response *response, size_t max_body);

/*
 * goaway.c: told when a request begins on a connection and when it has ended or moves to another one, and before that
 * when this is not the first try; hears libcurl's remarks.
 */
void goaway_again(struct transfer *transfer);
void goaway_begin(struct transfer *transfer, int local_port);
void goaway_end(struct transfer *transfer);
void goaway_listen(struct transfer *transfer, const char *remark, size_t len);

/* proxy.c: whether any request at all can go through a proxy; and log.h told the password of each that could. */
bool proxy_is_possible(const char *proxy_option);
void proxy_redact(const char *proxy_option);

/* trace.c */
int trace_on_debug(CURL *easy, curl_infotype type, char *p, size_t size, void *transfer);
void trace_end(const struct transfer *transfer, CURLcode code);
void trace_tell(const struct transfer *transfer, const struct err *err); /* for -v; no err->status: it was answered */
void trace_add_header(struct buf *out, const char *line, size_t len, bool hide_length); /* without what is secret */

#endif
