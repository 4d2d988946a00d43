/* ws-int.h - the internal structures of ws.c. */
#ifndef KANDY_WS_WS_INT_H
#define KANDY_WS_WS_INT_H

#include "base/loop.h"
#include "ws/frame.h"
#include "ws/handshake.h"
#include "ws/transport.h"
#include "ws/ws.h"

#define WS_READ_SIZE ((size_t)64 * 1024) /* maximum that is read in one turn */

/* One connection, from the attempt to connect. */
struct ws_socket {
	struct transport transport;
	struct handshake handshake;
	bool request_sent; /* of the upgrade */
	bool open; /* the upgrade has succeeded */
	bool closing; /* our close frame has been queued or sent */
	bool paused;
	bool has_pending; /* TLS has buffered bytes, which epoll does not report */
	int64_t deadline; /* to become open; INT64_MAX once it is */
	struct buf head; /* of the response */
	int http;
	int64_t retry_after_ms;
	struct ws_frame_reader reader;
	struct buf request; /* built early, so that the token need not be kept; wiped */
	struct ws_socket *next; /* in ws->ended */
};

struct ws {
	struct ws_config config;
	struct handshake_proxy proxy;
	void *ssl_ctx;
	struct loop_timer timer; /* calls on_turn() */
	bool ready; /* epoll reported the socket */
	struct ws_socket *socket; /* the current one, or NULL */
	struct ws_socket *ended; /* to be freed in on_turn(), when no caller uses them */
	char in[WS_READ_SIZE];
};

#endif
