/*
 * request.h - HTTP/1.1 requests taken apart (RFC 9112). Pure: bytes in, structs out, no sockets.
 *
 * Strict where leniency is how requests get smuggled (no line folding, no space before a colon, no two
 * lengths), and every limit has its own answer: 400, 413, 414, 431, 501, 505.
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

struct request {
	struct buf head; /* the strings below point into it and into `decoded` */
	char *method, *target, *path, *query; /* `query` "" where there is none */
	struct header headers[REQUEST_HEADERS_MAX];
	size_t header_count;
	struct buf decoded;
	char *segments[REQUEST_SEGMENTS_MAX]; /* of the path, percent-decoded */
	size_t segment_count;
	int64_t length; /* Content-Length; 0 where there is none */
	bool chunked, keep_alive, expects_continue;
};

void sandbox_request_init(struct request *r);
void sandbox_request_release(struct request *r);
void sandbox_request_clear(struct request *r); /* for the next one */

/*
 * Takes bytes until the empty line; `*used` of them belong to the head. True once the head is complete, or has become
 * too long to go on.
 */
bool sandbox_request_take(struct request *r, const char *p, size_t len, size_t *used);

/* Takes the complete head apart. 0, or the HTTP status to refuse it with. */
int sandbox_request_parse(struct request *r);

const char *sandbox_request_header(const struct request *r, const char *name); /* NULL: none. `name` in lower case */

/*
 * The decoded value of a field of the query (or of any form-encoded text) is appended to `out`; false: no such field.
 */
bool form_get(const char *form, const char *name, struct buf *out);

/* What comes after the head: nothing, so many bytes, or chunks. */
struct body {
	int64_t left; /* of the whole, or of the chunk */
	bool chunked;
	enum { BODY_DATA, BODY_SIZE, BODY_EXTENSION, BODY_DATA_END, BODY_TRAILER } at;
	bool line_empty, size_seen;
	int64_t total; /* data bytes so far */
};

void body_start(struct body *b, const struct request *r);

enum body_result { BODY_MORE, BODY_DONE, BODY_BAD };

/*
 * One piece of the body: `*used` bytes of p are consumed, of which the data stands at p + *from, *len bytes (it may
 * be none). Call again with the rest until BODY_DONE, or until nothing is left.
 */
enum body_result body_take(struct body *b, const char *p, size_t size, size_t *used, size_t *from, size_t *len);

#endif
