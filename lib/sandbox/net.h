/*
 * net.h - listening, connections, TLS, timers and the event loop: the gate to libwebsockets.
 *
 * libwebsockets accepts connections, speaks TLS and runs the loop. This room implements HTTP/1.1 and WebSocket frames
 * itself, because fault injection needs control over every byte and every close.
 *
 * Everything runs on the thread that calls net_run(). ALPN offers "http/1.1" only.
 */
#ifndef KANDY_SANDBOX_NET_H
#define KANDY_SANDBOX_NET_H

#include "base/buf.h"
#include "base/err.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;
struct conn;
struct net_timer;

/* The callbacks of a connection's owner. `user` is what open() returned. */
struct net_handler {
	void *(*open)(void *arg, struct conn *conn);
	void (*input)(void *user, const char *p, size_t len);
	void (*drained)(void *user); /* the output queue is empty */
	void (*closed)(void *user); /* once; the conn is gone after it */
};

/* `arg` is for open(). ST_UNAVAILABLE: the address cannot be used. */
enum status net_new(struct net **out, const struct sandbox_config *config, const struct buf *cert_pem,
	const struct buf *key_pem, const struct net_handler *handler, void *arg, struct err *err) MUST_USE;
void net_free(struct net *net); /* closes all connections, with closed() for each */
uint16_t net_port(const struct net *net);
uint64_t net_connections(const struct net *net); /* accepted so far */

void net_run(struct net *net); /* until net_stop() */
void net_stop(struct net *net); /* from the thread of the loop */

/* Calls `ready` whenever `fd` is readable or at its end, until it returns false. The descriptor is duplicated. */
enum status net_watch(struct net *net, int fd, bool (*ready)(void *arg), void *arg, struct err *err) MUST_USE;

/* A timer fires once for each net_timer_set(). */
struct net_timer *net_timer_new(struct net *net, void (*fire)(void *arg), void *arg);
void net_timer_set(struct net_timer *timer, int64_t ms); /* replaces the previous time; negative: cancels */
void net_timer_free(struct net_timer *timer); /* NULL is fine */

/* The value of Sec-WebSocket-Accept (RFC 6455, 4.2.2). */
void net_websocket_accept(const char *key, char out[static 32]);

/* ---- conn.c ----------------------------------------------------------------------------------------------------- */

enum conn_end {
	CONN_FLUSH, /* after the output queue has been sent; further input is discarded */
	CONN_DROP, /* at once, as if the process had ended */
	CONN_RESET, /* at once, by a TCP reset */
};

/* May be called anywhere, also in a callback of the connection; closed() is called later from the loop. */
void conn_close(struct conn *conn, enum conn_end how);
bool conn_closing(const struct conn *conn); /* further output will not be sent */

void conn_write(struct conn *conn, const void *p, size_t len); /* queues output; closes if the queue is too long */
size_t conn_queued(const struct conn *conn);
void conn_hold(struct conn *conn, bool held); /* no input() while held, by TCP flow control */
void conn_freeze(struct conn *conn); /* stops reading and writing, and stays open */
void conn_throttle(struct conn *conn, size_t bytes, int64_t ms); /* send at most `bytes` per `ms`; 0: no limit */
uint64_t conn_number(const struct conn *conn); /* from 1 */

#endif
