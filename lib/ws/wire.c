#include "ws/wire.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 4096 /* of a proxy's answer */

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static enum wire_result of_tls(enum tls_result result)
{
	return result == TLS_DONE ? WIRE_OK : result == TLS_ENDED || result == TLS_BROKEN ? WIRE_END : WIRE_WAIT;
}

static enum wire_result of_errno(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR ? WIRE_WAIT : WIRE_END;
}

static enum wire_result send_some(struct wire *w, size_t *put)
{
	enum tls_result result;
	ssize_t n;

	if (w->tls) {
		result = tls_stream_write(w->tls, w->out.data, w->out.len, put);
		w->write_wants_read = result == TLS_WANTS_READ;
		return of_tls(result);
	}
	n = send(w->fd, w->out.data, w->out.len, MSG_NOSIGNAL);
	*put = n > 0 ? (size_t)n : 0;
	return n < 0 ? of_errno(errno) : WIRE_OK;
}

enum wire_result wire_flush(struct wire *w)
{
	enum wire_result result = WIRE_OK;
	size_t put;

	w->write_wants_read = false;
	while (w->out.len && (result = send_some(w, &put)) == WIRE_OK)
		buf_consume(&w->out, put);
	return result;
}

enum wire_result wire_read(struct wire *w, void *p, size_t len, size_t *got)
{
	enum tls_result result;
	ssize_t n;

	w->read_wants_write = false;
	if (w->tls) {
		result = tls_stream_read(w->tls, p, len, got);
		w->read_wants_write = result == TLS_WANTS_WRITE;
		return result == TLS_DONE && !tls_stream_pending(w->tls) ? WIRE_WAIT : of_tls(result);
	}
	n = recv(w->fd, p, len, 0);
	*got = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return of_errno(errno);
	return n ? WIRE_WAIT : WIRE_END;
}

/* ---- the way there --------------------------------------------------------------------------------------------- */

static void close_socket(struct wire *w)
{
	tls_stream_free(w->tls);
	w->tls = NULL;
	if (w->fd >= 0) {
		loop_unwatch(w->loop, w->fd);
		close(w->fd);
	}
	w->fd = -1;
	w->events = 0;
}

static enum status not_connected(const struct wire *w, const char *why, struct err *err)
{
	return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s': %s", w->proxy ? "the proxy " : "",
		w->proxy ? w->proxy->name : w->origin->origin, why);
}

/* Begins with w->address, or with the first after it that does not fail at once. */
static enum status try_addresses(struct wire *w, int error, struct err *err)
{
	const int on = 1;

	for (; w->address; w->address = w->address->ai_next) {
		close_socket(w);
		w->fd = socket(w->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (w->fd >= 0) {
			setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			if (!connect(w->fd, w->address->ai_addr, w->address->ai_addrlen) || errno == EINPROGRESS)
				return ST_OK;
		}
		error = errno;
	}
	return not_connected(w, strerror(error), err);
}

enum status wire_open(struct wire *w, const char *address, struct err *err)
{
	const struct url *peer = w->proxy ? &w->proxy->url : w->origin;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[8];
	int failure;

	w->fd = -1;
	w->phase = WIRE_TCP;
	buf_init_secret(&w->out, BUF_NO_MAX);
	buf_init(&w->answer, HANDSHAKE_HEAD_MAX + PIECE);
	snprintf(port, sizeof(port), "%u", peer->port);
	failure = getaddrinfo(address ? address : peer->host, port, &hints, &w->addresses);
	if (failure && w->proxy)
		return err_set(err, ST_UNAVAILABLE, "cannot find the proxy '%s': %s", w->proxy->name,
			gai_strerror(failure));
	if (failure)
		return err_set(err, ST_UNAVAILABLE, "cannot find host '%s': %s", peer->host, gai_strerror(failure));
	w->address = w->addresses;
	return try_addresses(w, 0, err);
}

void wire_close(struct wire *w)
{
	close_socket(w);
	if (w->addresses)
		freeaddrinfo(w->addresses);
	w->addresses = w->address = NULL;
	buf_release(&w->out);
	buf_release(&w->answer);
}

static enum wire_result lost_on_the_way(const struct wire *w, struct err *err)
{
	if (w->proxy)
		err_set(err, ST_UNAVAILABLE, "the connection to '%s' through the proxy '%s' was cut at its start",
			w->origin->origin, w->proxy->name);
	else
		err_set(err, ST_UNAVAILABLE, "the connection to '%s' was cut at its start", w->origin->origin);
	return WIRE_END;
}

static enum wire_result connected(struct wire *w, struct err *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer), size = sizeof(int);
	int error = 0;

	getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		w->address = w->address->ai_next;
		return try_addresses(w, error, err) ? WIRE_END : WIRE_WAIT;
	}
	return getpeername(w->fd, (struct sockaddr *)&peer, &len) ? WIRE_WAIT : WIRE_OK;
}

static enum wire_result read_proxy(struct wire *w, struct err *err)
{
	struct handshake_answer answer;
	enum wire_result result;
	char piece[PIECE];
	size_t got;

	do {
		result = wire_read(w, piece, sizeof(piece), &got);
		buf_add(&w->answer, piece, got);
	} while (got == sizeof(piece) && !w->answer.overflow);
	switch (handshake_read(NULL, w->answer.data, w->answer.len, clock_wall_ms(), &answer)) {
	case HANDSHAKE_MORE: return result == WIRE_END ? lost_on_the_way(w, err) : WIRE_WAIT;
	case HANDSHAKE_DONE:
		/* the server does not speak before it is spoken to */
		if (answer.len == w->answer.len)
			return WIRE_OK;
		answer.why = "there is something behind its answer";
		break;
	case HANDSHAKE_REFUSED:
		if (answer.status == 407)
			err_set(err, ST_CONFIG, "the proxy '%s' wants a user name and password", w->proxy->name);
		else
			err_set(err, ST_UNAVAILABLE, "the proxy '%s' gives no connection to '%s' (status %d)",
				w->proxy->name, w->origin->origin, answer.status);
		return WIRE_END;
	case HANDSHAKE_BAD: break;
	}
	err_set(err, ST_UNAVAILABLE, "the proxy '%s' gives no connection to '%s': %s", w->proxy->name,
		w->origin->origin, answer.why);
	return WIRE_END;
}

static enum wire_result shake_hands(struct wire *w, struct err *err)
{
	enum tls_result result;

	if (!w->tls && tls_stream_new(&w->tls, w->ssl_ctx, w->fd, w->origin->host, err))
		return WIRE_END;
	result = tls_stream_handshake(w->tls);
	w->read_wants_write = result == TLS_WANTS_WRITE;
	if (of_tls(result) != WIRE_END)
		return of_tls(result);
	if (tls_stream_verify_error(w->tls)) {
		err_set(err, ST_CONFIG, "cannot connect to '%s': %s", w->origin->origin,
			tls_verify_text(tls_stream_verify_error(w->tls)));
		return WIRE_END;
	}
	if (result == TLS_ENDED)
		return lost_on_the_way(w, err);
	err_set(err, ST_UNAVAILABLE, "no TLS connection to '%s': %s", w->origin->origin, tls_stream_reason(w->tls));
	return WIRE_END;
}

enum wire_result wire_advance(struct wire *w, struct err *err)
{
	enum wire_result result = WIRE_OK;

	while (result == WIRE_OK && w->phase != WIRE_READY) {
		switch (w->phase) {
		case WIRE_TCP:
			if ((result = connected(w, err)) != WIRE_OK)
				break;
			w->phase = w->proxy ? WIRE_PROXY : WIRE_TLS;
			if (w->proxy)
				handshake_connect(w->proxy, w->origin, &w->out);
			break;
		case WIRE_PROXY:
			if ((result = wire_flush(w)) == WIRE_OK)
				result = read_proxy(w, err);
			else if (result == WIRE_END)
				lost_on_the_way(w, err);
			if (result == WIRE_OK)
				w->phase = WIRE_TLS;
			break;
		case WIRE_TLS:
			if (!w->ssl_ctx || (result = shake_hands(w, err)) == WIRE_OK)
				w->phase = WIRE_READY;
			break;
		case WIRE_READY: break;
		}
	}
	return result;
}

void wire_expect(struct wire *w, bool reading)
{
	uint32_t events = 0;

	if (w->fd < 0)
		return;
	if (w->phase == WIRE_TCP)
		events = EPOLLOUT;
	else if (reading || w->phase != WIRE_READY)
		events = w->read_wants_write ? EPOLLOUT : EPOLLIN;
	if (w->phase != WIRE_TCP && w->out.len)
		events |= w->write_wants_read ? EPOLLIN : EPOLLOUT;
	if (events == w->events)
		return;
	/* without events it is not watched at all: epoll would report EPOLLHUP again and again */
	if (events)
		loop_watch(w->loop, w->fd, events, w->ready, w->arg);
	else
		loop_unwatch(w->loop, w->fd);
	w->events = events;
}
