/*
 * wire.h - the way to a server, and bytes on it: address, TCP, a proxy's CONNECT, TLS. Nothing here waits: each step is
 * taken when epoll(7) says that it can be.
 */
#ifndef KANDY_WS_WIRE_H
#define KANDY_WS_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/url.h"
#include "crypto/crypto.h"
#include "ws/handshake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addrinfo;

enum wire_phase {
	WIRE_TCP, /* connect(2) is under way */
	WIRE_PROXY, /* CONNECT is out */
	WIRE_TLS,
	WIRE_READY,
};

enum wire_result {
	WIRE_OK,
	WIRE_WAIT, /* nothing more can be done now */
	WIRE_END, /* the other side has gone, or what it says makes no sense */
};

struct wire {
	const struct url *origin; /* borrowed, as the next two */
	const struct handshake_proxy *proxy; /* NULL: none */
	void *ssl_ctx;
	struct loop *loop; /* where the socket is watched */
	void (*ready)(void *arg, int fd, uint32_t events); /* the handler for it */
	void *arg;
	int fd;
	uint32_t events; /* that it is watched for; 0: it is not */
	enum wire_phase phase;
	struct addrinfo *addresses, *address; /* all, and the one that is tried */
	struct tls_stream *tls;
	struct buf out; /* to be sent; wiped, since a token is in it */
	struct buf answer; /* of the proxy */
	bool read_wants_write, write_wants_read; /* TLS can need the other direction */
};

/*
 * Begins to connect. `address`, of the proxy where there is one, is numeric, or NULL: the name is looked up, which
 * blocks. After a failure, too, wire_close() is due.
 */
enum status wire_open(struct wire *wire, const char *address, struct err *err) MUST_USE;
void wire_close(struct wire *wire); /* also for what was never opened, with fd -1 */

/* Goes on until all is ready: WIRE_OK then, and WIRE_END with `err` filled for a failure. */
enum wire_result wire_advance(struct wire *wire, struct err *err);

/* Sends what is in `out`: WIRE_OK once that is empty. */
enum wire_result wire_flush(struct wire *wire);

/*
 * Reads up to `len` bytes: `*got` may be more than 0 with any result. WIRE_OK: there may be more, which epoll need not
 * know of.
 */
enum wire_result wire_read(struct wire *wire, void *p, size_t len, size_t *got);

/* Has epoll tell what the wire waits for, with `reading` also of bytes that come. */
void wire_expect(struct wire *wire, bool reading);

#endif
