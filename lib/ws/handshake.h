/*
 * handshake.h - encodes and decodes the HTTP/1.1 exchange before the frames: the upgrade, and CONNECT to a proxy (RFC
 * 6455, 4; RFC 9110, 9.3.6). Pure, apart from the random key.
 *
 * The same reader is used for both responses. Each is a header section; the bytes after it belong to the next layer.
 */
#ifndef KANDY_WS_HANDSHAKE_H
#define KANDY_WS_HANDSHAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/url.h"

#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_HEAD_MAX ((size_t)16 * 1024) /* a longer header section is an error */

struct handshake {
	char key[25]; /* Sec-WebSocket-Key: 16 random bytes in base64 */
	char accept[29]; /* the expected Sec-WebSocket-Accept */
};

/* Generates a key. ST_CONFIG if OpenSSL cannot be loaded. */
enum status handshake_init(struct handshake *handshake, struct err *err) MUST_USE;

/*
 * Appends the request for `path`, which may have a query. The token is sent as query parameter `access_token`, as the
 * service expects it. If that makes a request line of more than 8,000 bytes, which common proxies reject (nginx and
 * Apache: from 8,190 on), it is sent in an Authorization header.
 */
void handshake_request(const struct handshake *handshake, const struct url *origin, const char *path,
	const struct secret *token, struct buf *out);

/* An HTTP proxy: "http://[USER[:PASSWORD]@]HOST:PORT". */
struct handshake_proxy {
	struct url url; /* `origin` is not used; see `name` */
	char name[288]; /* "host:port", for messages */
	struct secret credentials; /* "USER:PASSWORD" in base64; unset: none */
};
enum status handshake_proxy_parse(struct handshake_proxy *proxy, const char *text, struct err *err) MUST_USE;
void handshake_proxy_release(struct handshake_proxy *proxy); /* accepts a zeroed struct */

/* Appends the CONNECT request for a tunnel to the origin. */
void handshake_connect(const struct handshake_proxy *proxy, const struct url *origin, struct buf *out);

enum handshake_result {
	HANDSHAKE_MORE, /* incomplete */
	HANDSHAKE_DONE, /* a valid 101; for CONNECT, any 2xx */
	HANDSHAKE_REFUSED, /* a valid response with another status */
	HANDSHAKE_INVALID, /* an invalid response; see `why` */
};

struct handshake_response {
	int status;
	int64_t retry_after_ms; /* http_date.h; -1: none */
	size_t len; /* of the header section, with interim responses before it */
	const char *why; /* the error; a constant */
};

/*
 * Decodes the bytes received so far. `handshake` is NULL for CONNECT. `now_ms` is clock_wall_ms(), for a date in
 * Retry-After.
 */
enum handshake_result handshake_read(const struct handshake *handshake, const char *bytes, size_t len, int64_t now_ms,
	struct handshake_response *response);

#endif
