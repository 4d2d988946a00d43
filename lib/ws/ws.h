/*
 * ws.h - one WebSocket client (RFC 6455).
 *
 * A struct ws has at most one connection to one origin, and lives in the event loop of its owner (base/loop.h). It
 * decides nothing: when to connect, what silence means, when to retry is the business of its owner.
 *
 *	ws_new(&ws, &config, &err);
 *	ws_connect(ws, "/path/websocket", &token, NULL);
 *	while (!done)
 *		loop_step(&loop);
 *	ws_free(ws);
 *
 * Frames, the upgrade and a proxy's CONNECT are ours (frame.h, handshake.h, wire.h); TLS is OpenSSL's,
 * through lib/crypto. libwebsockets, which serves the sandbox, is no help here: as a client, its 4.1 reads a payload a
 * byte at a time and polls once a TLS record, which was half of a listener's CPU, and its raw role, which would leave
 * the bytes to us, cannot begin TLS as a client (it starts the handshake before there is a socket). Here one read takes
 * 64 kB, and a message is a slice of it.
 *
 * What is promised: TLS by our own context and trust, with the host's name or address checked; no compression (it
 * costs ten times what it saves); no redirect followed; the proxy that the owner chose and no other; the token in no
 * log, error or trace; messages reassembled under a limit; pings answered; what breaks the protocol ends the connection
 * with the code that the RFC has for it.
 */
#ifndef KANDY_WS_WS_H
#define KANDY_WS_WS_H

#include "base/err.h"
#include "base/loop.h"
#include "base/secret.h"
#include "base/url.h"
#include "crypto/crypto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws;

/* Why a connection ended, or did not come about. */
struct ws_closed {
	bool was_open;
	int code; /* RFC 6455's number from the peer's close frame; 0: it ended without one */
	struct err err; /* one sentence; err.http and err.retry_after_ms are those of a refused upgrade */
};

/* They may call every function below except ws_free(). */
struct ws_handlers {
	void (*opened)(void *arg);
	void (*message)(void *arg, const char *text, size_t len); /* whole; borrowed, and not NUL-terminated */
	void (*closed)(void *arg,
		const struct ws_closed *why); /* once for each ws_connect(), but not after ws_drop() */
};

struct ws_config {
	struct loop *loop; /* borrowed, like the rest */
	const struct url *origin;
	const struct tls_trust *trust;
	const char *proxy; /* "http://[USER:PASSWORD@]HOST:PORT" of a proxy that takes CONNECT; NULL: none */
	int64_t connect_timeout_ms; /* connect, proxy, TLS and upgrade together */
	size_t max_message; /* a longer one ends the connection with 1009 */
	struct ws_handlers handlers;
	void *arg;
};

/* ST_CONFIG where OpenSSL or the certificates are not there, or the proxy makes no sense. */
enum status ws_new(struct ws **out, const struct ws_config *config, struct err *err) MUST_USE;
void ws_free(struct ws *ws);

/* The host that is connected to: the proxy's, or else the origin's. Borrowed. */
const char *ws_host(const struct ws *ws);

/*
 * Begins to connect to the origin. `path` is the request's path, perhaps with a query; `address` a numeric address of
 * ws_host() to use instead of looking it up, which blocks, or NULL. Where the bearer token goes is told by
 * handshake_request(). There must be no connection. The result comes as opened() or closed(), perhaps before this
 * returns.
 */
void ws_connect(struct ws *ws, const char *path, const struct secret *token, const char *address);

/* Queues a text message; false where there is no open connection or more than 64 kB wait. */
bool ws_send(struct ws *ws, const char *text, size_t len);

void ws_pause(struct ws *ws, bool pause); /* stop or go on reading; what is already here may still come */
void ws_close(struct ws *ws); /* the clean way: a close frame with 1000; closed() comes when the peer has answered */
void ws_drop(struct ws *ws); /* at once, without a word to the peer or to closed() */

#endif
