/* transport.h - a non-blocking connection: address lookup, TCP, a proxy's CONNECT, TLS, and bytes both ways. */
#ifndef KANDY_WS_TRANSPORT_H
#define KANDY_WS_TRANSPORT_H

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

enum transport_phase {
	TRANSPORT_TCP, /* connect(2) is in progress */
	TRANSPORT_PROXY, /* CONNECT is being sent, or has been sent */
	TRANSPORT_TLS,
	TRANSPORT_READY,
};

enum transport_result {
	TRANSPORT_OK,
	TRANSPORT_WAIT, /* wait for the socket */
	TRANSPORT_END, /* closed or failed */
};

struct transport {
	const struct url *origin; /* borrowed, as the next two */
	const struct handshake_proxy *proxy; /* NULL: none */
	void *ssl_ctx;
	struct loop *loop; /* where the socket is watched */
	void (*ready)(void *arg, int fd, uint32_t events); /* its handler */
	void *arg;
	int fd;
	uint32_t events; /* being watched; 0: none */
	enum transport_phase phase;
	struct addrinfo *addresses, *address; /* all, and the current one */
	struct tls_stream *tls;
	struct buf out; /* to be sent; wiped, because it may hold the token */
	struct buf proxy_response;
	bool read_wants_write, write_wants_read; /* TLS may need the other direction */
};

/*
 * Starts to connect. `address` is a numeric address of the proxy or, without one, of the origin; NULL: look the name
 * up, which blocks. transport_close() must be called also after a failure.
 */
enum status transport_open(struct transport *transport, const char *address, struct err *err) MUST_USE;
void transport_close(struct transport *transport); /* also if it was never opened; fd must be -1 then */

/* Continues to connect: TRANSPORT_OK when connected, TRANSPORT_END with `err` set on failure. */
enum transport_result transport_advance(struct transport *transport, struct err *err);

/* Sends `out`: TRANSPORT_OK once it is empty. */
enum transport_result transport_flush(struct transport *transport);

/* Reads up to `len` bytes; `*got` may be above 0 with any result. TRANSPORT_OK: TLS may have buffered more. */
enum transport_result transport_read(struct transport *transport, void *p, size_t len, size_t *got);

/* Watches the socket for what the transport waits for, and with `reading` for incoming bytes. */
void transport_expect(struct transport *transport, bool reading);

#endif
