/*
 * net.h - listening, connections, TLS and time: the sandbox's gate to libwebsockets.
 *
 * libwebsockets accepts the connections, speaks TLS and runs the loop; what goes over a connection (HTTP/1.1 and
 * WebSocket frames) is read and written by this room itself. Two reasons: a server that is to misbehave to order must
 * own every byte and every close, and the client's WebSocket is libwebsockets' own, so a server on the same framing
 * code would prove nothing.
 *
 * Everything happens on the thread that calls net_run(). Only ALPN "http/1.1" is offered.
 */
#ifndef KANDY_SANDBOX_NET_H
#define KANDY_SANDBOX_NET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;
struct conn;
struct net_timer;

/* What the owner of the connections does. `user` is what open() returned. */
struct net_handler {
	void *(*open)(void *arg, struct conn *conn);
	void (*input)(void *user, const char *p, size_t len);
	void (*drained)(void *user); /* everything that was queued has gone to the kernel */
	void (*closed)(void *user); /* once; the conn is gone after it */
};

struct net_config {
	const char *address; /* numeric, of either family */
	uint16_t port; /* 0: any that is free */
	const struct buf *cert_pem, *key_pem; /* NULL: plain TCP */
	size_t queue_max; /* bytes waiting to be sent on one connection; beyond it the connection is closed */
	const struct net_handler *handler;
	void *arg; /* for open() */
};

/* ST_UNAVAILABLE where the address or the port cannot be had. */
enum status net_new(struct net **out, const struct net_config *config, struct err *err) MUST_USE;
void net_free(struct net *net); /* closes all connections (closed() is called for each) */
uint16_t net_port(const struct net *net);
uint64_t net_connections(const struct net *net); /* so many there have been */

void net_run(struct net *net); /* until net_stop() */
void net_stop(struct net *net); /* from the loop's own thread */

/*
 * Calls `ready` whenever `fd` is readable, or at its end, until it returns false. The descriptor is duplicated, the
 * caller keeps its own.
 */
enum status net_watch(struct net *net, int fd, bool (*ready)(void *arg), void *arg, struct err *err) MUST_USE;

/* A timer fires once for each net_timer_set(). */
struct net_timer *net_timer_new(struct net *net, void (*fire)(void *arg), void *arg);
void net_timer_set(struct net_timer *timer, int64_t ms); /* replaces what was set; negative: not at all */
void net_timer_free(struct net_timer *timer); /* NULL is fine */

enum conn_end {
	CONN_FLUSH, /* what is queued is sent, then the end; what the peer still sends is thrown away for a moment */
	CONN_DROP, /* now, as if the process had gone */
	CONN_RESET, /* now, by a TCP reset */
};

/* May be called from anywhere, also inside the conn's own handlers; closed() comes later from the loop. */
void conn_close(struct conn *conn, enum conn_end how);
bool conn_closing(const struct conn *conn); /* nothing that is queued now will be sent */

void conn_write(struct conn *conn, const void *p, size_t len); /* queued; sent when the loop comes by */
/* by a write of its own; false, and nothing done, if something is queued */
bool conn_write_now(struct conn *conn, const void *p, size_t len);
size_t conn_queued(const struct conn *conn); /* bytes that the kernel has not taken yet */
void conn_hold(struct conn *conn, bool held); /* no input() while held: the peer feels it by TCP's own flow control */
void conn_freeze(struct conn *conn); /* neither reads nor writes from now on, and stays open */
void conn_pace(struct conn *conn, size_t bytes, int64_t ms); /* at most `bytes` each `ms` are sent from now on */
uint64_t conn_number(const struct conn *conn); /* counted from 1 */

/* The answer to Sec-WebSocket-Key (RFC 6455, 4.2.2). */
void net_websocket_accept(const char *key, char out[static 32]);

#endif
