/*
 * ws.h - one WebSocket client (RFC 6455).
 *
 * The gate of this room. A struct ws has at most one connection to one origin, and runs in the event loop of its owner
 * (base/loop.h), who decides when to connect, when to reconnect and when silence is a failure.
 *
 *	ws_new(&ws, &config, &err);
 *	ws_connect(ws, "/path/websocket", &token, NULL);
 *	while (!done)
 *		loop_step(&loop);
 *	ws_free(ws);
 *
 * Frames (frame.h), the upgrade and a proxy's CONNECT (handshake.h) and the connection (transport.h) are implemented
 * here; TLS is OpenSSL's, through lib/crypto. libwebsockets, which serves the sandbox, does not fit: as a client, 4.1
 * reads a payload byte by byte and polls for each TLS record, which was half of a listener's CPU time, and its raw role
 * cannot start TLS as a client. Here one read takes 64 kB, and a message is a slice of it.
 *
 * TLS uses our own context and trust settings and verifies the host. There is no compression (it costs ten times what
 * it saves), no redirect is followed, and only the owner's proxy is used. The token is in no log, error or trace.
 * Messages are reassembled up to a limit, pings are answered, and a protocol error closes the connection with its code.
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

/* Why a connection ended or could not be established. */
struct ws_closed {
	bool was_open;
	int code; /* of the peer's close frame; 0: none was received */
	struct err err; /* err.http and err.retry_after_ms are those of a refused upgrade */
};

/* Handlers may call every function below except ws_free(). */
struct ws_handlers {
	void (*opened)(void *arg);
	void (*message)(void *arg, const char *text, size_t len); /* complete; borrowed, not NUL-terminated */
	void (*closed)(void *arg,
		const struct ws_closed *why); /* once for each ws_connect(), but not after ws_drop() */
};

struct ws_config {
	struct loop *loop; /* borrowed, like the rest */
	const struct url *origin;
	const struct tls_trust *trust;
	const char *proxy; /* "http://[USER:PASSWORD@]HOST:PORT"; it must support CONNECT; NULL: none */
	int64_t connect_timeout_ms; /* connect, proxy, TLS and upgrade together */
	size_t max_message; /* a longer message closes the connection with 1009 */
	struct ws_handlers handlers;
	void *arg;
};

/* ST_CONFIG if OpenSSL or the CA certificates cannot be loaded, or the proxy is invalid. */
enum status ws_new(struct ws **out, const struct ws_config *config, struct err *err) MUST_USE;
void ws_free(struct ws *ws);

/* The host to connect to: the proxy's, or else the origin's. Borrowed. */
const char *ws_host(const struct ws *ws);

/*
 * Starts to connect to the origin. `path` may have a query. `address` is a numeric address of ws_host(), or NULL to
 * look the host up, which blocks. The token is sent as described for handshake_request(). There must be no other
 * connection. The result is reported by opened() or closed(), possibly before this returns.
 */
void ws_connect(struct ws *ws, const char *path, const struct secret *token, const char *address);

/* Queues a text message; false if no connection is open or more than 64 kB are queued. */
bool ws_send(struct ws *ws, const char *text, size_t len);

void ws_pause(struct ws *ws, bool pause); /* stop or resume reading; data already read may still be delivered */
void ws_close(struct ws *ws); /* sends a close frame with 1000; closed() is called when the peer has replied */
void ws_drop(struct ws *ws); /* closes at once, without a close frame and without closed() */

#endif
