/*
 * handshake.h - what a client and a server, or a proxy, say to each other in HTTP/1.1 before frames are spoken (RFC
 * 6455, 4; RFC 9110, 9.3.6). Pure, but for the random key.
 *
 * The same reader serves the answer to the upgrade and that of a proxy to CONNECT: both are a head, and what stands
 * behind it belongs to somebody else.
 */
#ifndef KANDY_WS_HANDSHAKE_H
#define KANDY_WS_HANDSHAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/url.h"

#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_HEAD_MAX ((size_t)16 * 1024) /* a longer head is refused */

struct handshake {
	char key[25]; /* Sec-WebSocket-Key: 16 random bytes in base64 */
	char accept[29]; /* the Sec-WebSocket-Accept that answers it */
};

/* A new key. ST_CONFIG where OpenSSL is not there. */
enum status handshake_init(struct handshake *handshake, struct err *err) MUST_USE;

/*
 * Appends the request for `path` (perhaps with a query) at the origin. The bearer token goes into the query as
 * `access_token`, which is how the service is known to take it; where that would make a request line of more than 8,000
 * bytes, which common servers in between refuse (nginx and Apache: from 8,190 on), into an Authorization header.
 */
void handshake_request(const struct handshake *handshake, const struct url *origin, const char *path,
	const struct secret *token, struct buf *out);

/* An HTTP proxy: "http://[USER[:PASSWORD]@]HOST:PORT". */
struct handshake_proxy {
	struct url url; /* its `origin` is for https alone; see `name` */
	char name[288]; /* "host:port", for sentences */
	struct secret credentials; /* "USER:PASSWORD" in base64; unset: none */
};
enum status handshake_proxy_parse(struct handshake_proxy *proxy, const char *text, struct err *err) MUST_USE;
void handshake_proxy_release(struct handshake_proxy *proxy); /* also for a zeroed struct */

/* Appends the CONNECT request for a tunnel to the origin. */
void handshake_connect(const struct handshake_proxy *proxy, const struct url *origin, struct buf *out);

enum handshake_result {
	HANDSHAKE_MORE, /* the head is not complete */
	HANDSHAKE_DONE, /* 101 with all that belongs to it, or, for CONNECT, any 2xx */
	HANDSHAKE_REFUSED, /* a proper answer with another status */
	HANDSHAKE_BAD, /* no answer that makes sense; see `why` */
};

struct handshake_answer {
	int status;
	int64_t retry_after_ms; /* http_date.h; -1: none */
	size_t len; /* of the head, and of those of interim answers before it: what follows are frames */
	const char *why; /* what is wrong, as the end of a sentence; a constant */
};

/*
 * Looks at what has come so far. `handshake` is NULL for the answer to CONNECT. `now_ms` is clock_wall_ms(), for a
 * Retry-After that is a date.
 */
enum handshake_result handshake_read(const struct handshake *handshake, const char *bytes, size_t len, int64_t now_ms,
	struct handshake_answer *answer);

#endif
