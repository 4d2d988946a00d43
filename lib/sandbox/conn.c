/* One connection: its output queue, throttle, flow control and end. */
#include "sandbox/net-int.h"

#include "base/log.h"

#include <string.h>
#include <sys/socket.h>

enum { LINGER_MS = 1000 }; /* how long input is still read and discarded after CONN_FLUSH */

uint64_t conn_number(const struct conn *conn)
{
	return conn->number;
}

bool conn_closing(const struct conn *conn)
{
	return conn->dead || conn->flushing;
}

size_t conn_queued(const struct conn *conn)
{
	return conn->out.len - conn->sent;
}

static void conn_kill(struct conn *conn)
{
	if (conn->dead)
		return;
	conn->dead = true;
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

static void conn_timer(void *arg)
{
	struct conn *conn = arg;

	if (conn->lingering) {
		conn_kill(conn);
	} else {
		conn->pausing = false;
		lws_callback_on_writable(conn->wsi);
	}
}

static void conn_timer_set(struct conn *conn, int64_t ms)
{
	if (!conn->timer)
		conn->timer = net_timer_new(conn->net, conn_timer, conn);
	net_timer_set(conn->timer, ms);
}

void conn_close(struct conn *conn, enum conn_end how)
{
	struct linger reset = { .l_onoff = 1 };

	if (conn->dead)
		return;
	if (how == CONN_FLUSH) {
		conn->flushing = true;
		if (!conn->frozen)
			lws_callback_on_writable(conn->wsi);
		return;
	}
	if (how == CONN_RESET)
		setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	conn_kill(conn);
}

void conn_hold(struct conn *conn, bool held)
{
	if (conn->held == held || conn->frozen || conn->dead)
		return;
	conn->held = held;
	lws_rx_flow_control(conn->wsi, !held);
}

void conn_freeze(struct conn *conn)
{
	conn_hold(conn, true);
	conn->frozen = true;
}

void conn_throttle(struct conn *conn, size_t bytes, int64_t ms)
{
	conn->throttle_bytes = bytes;
	conn->throttle_ms = ms;
}

void conn_write(struct conn *conn, const void *p, size_t len)
{
	if (conn->dead || conn->flushing)
		return;
	if (!conn->sent) {
		buf_init(&conn->out, BUF_NO_MAX);
		buf_add(&conn->out, (char[LWS_PRE]){ 0 }, LWS_PRE);
		conn->sent = LWS_PRE;
	}
	if (conn_queued(conn) + len > conn->net->queue_max) {
		log_verbose("connection %llu: closed: the reader is too slow", (unsigned long long)conn->number);
		conn_kill(conn);
		return;
	}
	buf_add(&conn->out, p, len);
	if (!conn->frozen && !conn->pausing)
		lws_callback_on_writable(conn->wsi);
}

/* Reclaims the memory of sent bytes once they are the larger part. */
static void conn_compact(struct conn *conn)
{
	size_t gone = conn->sent - LWS_PRE;

	if (conn->sent == conn->out.len) {
		if (conn->out.cap > 4 * WRITE_CHUNK) {
			buf_release(&conn->out);
			conn->sent = 0;
		} else {
			buf_truncate(&conn->out, LWS_PRE);
			conn->sent = LWS_PRE;
		}
	} else if (gone >= WRITE_CHUNK && gone > conn->out.len / 2) {
		buf_consume(&conn->out, gone);
		conn->sent = LWS_PRE;
	}
}

/* Everything is sent: shuts down the sending side and gives the peer time to close. */
static int conn_linger(struct conn *conn)
{
	if (shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR))
		return -1;
	conn->lingering = true;
	if (conn->held) {
		conn->held = false;
		lws_rx_flow_control(conn->wsi, 1);
	}
	conn_timer_set(conn, LINGER_MS);
	return 0;
}

static int conn_writable(struct conn *conn)
{
	size_t len = conn_queued(conn), most = conn->throttle_bytes ? conn->throttle_bytes : WRITE_CHUNK;

	if (conn->dead)
		return -1;
	if (conn->frozen || conn->lingering || conn->pausing)
		return 0;
	if (lws_partial_buffered(conn->wsi)) {
		lws_callback_on_writable(conn->wsi);
		return 0;
	}
	if (len > most)
		len = most;
	if (len) {
		unsigned char *p = (unsigned char *)conn->out.data + conn->sent;

		if (lws_write(conn->wsi, p, len, LWS_WRITE_RAW) < (int)len)
			return -1;
		conn->sent += len;
		conn_compact(conn);
	}
	if (!conn_queued(conn) && !conn->flushing)
		conn->net->handler->drained(conn->user);
	if (conn->dead)
		return -1;
	if (!conn_queued(conn) && !lws_partial_buffered(conn->wsi))
		return conn->flushing ? conn_linger(conn) : 0;
	if (conn->throttle_bytes) {
		conn->pausing = true;
		conn_timer_set(conn, conn->throttle_ms);
	} else {
		lws_callback_on_writable(conn->wsi);
	}
	return 0;
}

static int conn_opened(struct net *net, struct conn *conn, struct lws *wsi)
{
	conn->net = net;
	conn->wsi = wsi;
	conn->number = ++net->conns;
	conn->user = net->handler->open(net->arg, conn);
	return conn->dead ? -1 : 0;
}

static void conn_gone(struct conn *conn)
{
	if (!conn->user)
		return;
	conn->dead = true;
	conn->net->handler->closed(conn->user);
	conn->user = NULL;
	net_timer_free(conn->timer);
	conn->timer = NULL;
	if (conn->sent)
		buf_release(&conn->out);
}

int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len)
{
	struct conn *conn = session;

	switch (reason) {
	case LWS_CALLBACK_RAW_ADOPT: return conn_opened(lws_vhost_user(lws_get_vhost(wsi)), conn, wsi);
	case LWS_CALLBACK_RAW_RX:
		/* libwebsockets 4.1.6 does not cancel the timeout of the TLS handshake */
		if (!conn->has_input && !conn->dead)
			lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
		conn->has_input = true;
		if (!conn->dead && !conn->flushing)
			conn->net->handler->input(conn->user, in, len);
		return conn->dead ? -1 : 0;
	case LWS_CALLBACK_RAW_WRITEABLE: return conn_writable(conn);
	case LWS_CALLBACK_RAW_CLOSE:
		if (conn)
			conn_gone(conn);
		return 0;
	default: return 0;
	}
}
