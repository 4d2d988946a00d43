/*
 * ws-int.h - the structures behind struct ws.
 */
#ifndef KANDY_WS_WS_INT_H
#define KANDY_WS_WS_INT_H

#include "base/loop.h"
#include "ws/frame.h"
#include "ws/handshake.h"
#include "ws/wire.h"
#include "ws/ws.h"

#define WS_READ_SIZE ((size_t)64 * 1024) /* what one step reads, and hands to the owner, before it returns */

/* One attempt to connect, and the connection that comes of it. */
struct ws_socket {
	struct wire wire;
	struct handshake handshake;
	bool asked; /* the upgrade has been asked for */
	bool open; /* and granted */
	bool closing; /* our close frame is out, or on its way */
	bool paused;
	bool more; /* TLS holds bytes that epoll does not know of */
	int64_t deadline; /* for all before `open`; INT64_MAX: it is open */
	struct buf head; /* of the answer */
	int http;
	int64_t retry_after_ms;
	struct ws_frame_reader reader;
	struct buf request; /* made at the start, so that the token need not be kept; wiped */
	struct ws_socket *next; /* in ws->ended */
};

struct ws {
	struct ws_config config;
	struct handshake_proxy proxy;
	void *ssl_ctx;
	struct loop_timer timer; /* runs on_turn(): when the socket is ready or late, or something is to be freed */
	bool ready; /* epoll reported the socket */
	struct ws_socket *socket; /* the current one, or NULL */
	struct ws_socket *ended; /* freed in on_turn(), when no call uses them any more */
	char in[WS_READ_SIZE];
};

#endif
