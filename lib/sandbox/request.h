/*
 * request.h - parses HTTP/1.1 requests (RFC 9112). Pure: bytes in, structs out, no sockets.
 *
 * It is strict where leniency allows request smuggling (no line folding, no space before a colon, one length), and each
 * limit has its own status: 400, 413, 414, 431, 501, 505.
 */
#ifndef KANDY_SANDBOX_REQUEST_H
#define KANDY_SANDBOX_REQUEST_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REQUEST_HEAD_MAX = 64 * 1024, /* request line and headers */
	REQUEST_LINE_MAX = 16 * 1024,
	REQUEST_HEADERS_MAX = 100,
	REQUEST_SEGMENTS_MAX = 24,
};

struct header {
	char *name, *value; /* the name in lower case */
};

struct sandbox_request {
	struct buf head; /* the strings below point into it and into `decoded` */
	char *method, *target, *path, *query; /* `query` is never NULL */
	struct header headers[REQUEST_HEADERS_MAX];
	size_t header_count;
	struct buf decoded;
	char *segments[REQUEST_SEGMENTS_MAX]; /* of the path, percent-decoded */
	size_t segment_count;
	int64_t length; /* Content-Length, or 0 */
	bool chunked, keep_alive, expects_continue;
};

void sandbox_request_init(struct sandbox_request *r);
void sandbox_request_release(struct sandbox_request *r);
void sandbox_request_clear(struct sandbox_request *r); /* for the next one */

/* Adds bytes, of which `*used` belong to the head. True once the head is complete or too long. */
bool sandbox_request_add(struct sandbox_request *r, const char *p, size_t len, size_t *used);

/* Parses the complete head. 0, or the status of the error response. */
int sandbox_request_parse(struct sandbox_request *r);

const char *sandbox_request_header(const struct sandbox_request *r, const char *name); /* in lower case; NULL: none */

/* Appends the decoded field of a query or form to `out`; false: no such field. */
bool sandbox_request_form(const char *form, const char *name, struct buf *out);

/* The body: nothing, a number of bytes, or chunks. */
struct request_body {
	int64_t left; /* of the body, or of the chunk */
	bool chunked;
	enum { BODY_DATA, BODY_SIZE, BODY_EXTENSION, BODY_DATA_END, BODY_TRAILER } at;
	bool line_empty, size_seen;
	int64_t total; /* data bytes so far */
};

void sandbox_request_body_start(struct request_body *b, const struct sandbox_request *r);

enum body_result { BODY_MORE, BODY_DONE, BODY_BAD };

/*
 * Reads one piece of the body: consumes `*used` bytes of p, of which `*len` from `*from` on are data (perhaps none).
 * Call it again until BODY_DONE, or until all bytes are consumed.
 */
enum body_result sandbox_request_body(struct request_body *b, const char *p, size_t size, size_t *used, size_t *from,
	size_t *len);

#endif
