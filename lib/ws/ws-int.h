/*
 * ws-int.h - what the files of this room share: the loop (loop.c) and the connection in it (ws.c).
 */
#ifndef KANDY_WS_WS_INT_H
#define KANDY_WS_WS_INT_H

#include "base/buf.h"
#include "ws/lws-int.h"
#include "ws/ws.h"

struct ws_watch {
	int fd;
	void (*ready)(void *arg, int fd, uint32_t events);
	void *arg;
};

/* One attempt to connect, and the connection that comes of it. It lives until libwebsockets has let go of it. */
struct ws_socket {
	struct ws *ws; /* NULL: dropped; whatever comes is nobody's business any more */
	struct lws *wsi;
	struct secret bearer; /* for the header, where the query would be too long */
	bool bearer_sent;
	bool open, closing, told; /* told: closed() has been called */
	int http; /* status of the answer to the upgrade */
	int64_t retry_after_ms;
	int code; /* of the peer's close frame */
	long verify_error; /* X509_V_ERR_ number, or 0 */
	struct buf in; /* a message of several pieces */
	struct buf out; /* messages to send, each with its length before it */
	bool too_long, binary;
	struct ws_socket *next; /* in ws->sockets */
};

struct ws {
	struct ws_config config;
	struct lws_context *context;
	void *ssl_ctx;
	int epoll;
	struct ws_watch *watches;
	size_t watch_count, watch_cap;
	lws_sorted_usec_list_t sul;
	struct ws_socket *socket; /* the current one, or NULL */
	struct ws_socket *sockets; /* all that libwebsockets still knows */
};

void ws_loop_ready(struct ws *ws); /* loop.c: some of the watched descriptors are ready */

extern const struct lws_protocols ws_protocols[]; /* ws.c */
void ws_sockets_free(struct ws *ws); /* ws.c: those that libwebsockets never told the end of */

#endif
