#include "ws/transport.h"

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

#define PIECE 4096

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static enum transport_result of_tls(enum tls_result result)
{
	return result == TLS_DONE                             ? TRANSPORT_OK
		: result == TLS_ENDED || result == TLS_BROKEN ? TRANSPORT_END
							      : TRANSPORT_WAIT;
}

static enum transport_result of_errno(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR ? TRANSPORT_WAIT : TRANSPORT_END;
}

static enum transport_result send_some(struct transport *t, size_t *put)
{
	enum tls_result result;
	ssize_t n;

	if (t->tls) {
		result = tls_stream_write(t->tls, t->out.data, t->out.len, put);
		t->write_wants_read = result == TLS_WANTS_READ;
		return of_tls(result);
	}
	n = send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL);
	*put = n > 0 ? (size_t)n : 0;
	return n < 0 ? of_errno(errno) : TRANSPORT_OK;
}

enum transport_result transport_flush(struct transport *t)
{
	enum transport_result result = TRANSPORT_OK;
	size_t put;

	t->write_wants_read = false;
	while (t->out.len && (result = send_some(t, &put)) == TRANSPORT_OK)
		buf_consume(&t->out, put);
	return result;
}

enum transport_result transport_read(struct transport *t, void *p, size_t len, size_t *got)
{
	enum tls_result result;
	ssize_t n;

	t->read_wants_write = false;
	if (t->tls) {
		result = tls_stream_read(t->tls, p, len, got);
		t->read_wants_write = result == TLS_WANTS_WRITE;
		return result == TLS_DONE && !tls_stream_pending(t->tls) ? TRANSPORT_WAIT : of_tls(result);
	}
	n = recv(t->fd, p, len, 0);
	*got = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return of_errno(errno);
	return n ? TRANSPORT_WAIT : TRANSPORT_END;
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static void close_socket(struct transport *t)
{
	tls_stream_free(t->tls);
	t->tls = NULL;
	if (t->fd >= 0) {
		loop_unwatch(t->loop, t->fd);
		close(t->fd);
	}
	t->fd = -1;
	t->events = 0;
}

static enum status not_connected(const struct transport *t, const char *why, struct err *err)
{
	return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s': %s", t->proxy ? "proxy " : "",
		t->proxy ? t->proxy->name : t->origin->origin, why);
}

/* Connects to t->address, or to the first one after it that does not fail at once. */
static enum status try_addresses(struct transport *t, int error, struct err *err)
{
	const int on = 1;

	for (; t->address; t->address = t->address->ai_next) {
		close_socket(t);
		t->fd = socket(t->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (t->fd >= 0) {
			setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			if (!connect(t->fd, t->address->ai_addr, t->address->ai_addrlen) || errno == EINPROGRESS)
				return ST_OK;
		}
		error = errno;
	}
	return not_connected(t, strerror(error), err);
}

enum status transport_open(struct transport *t, const char *address, struct err *err)
{
	const struct url *peer = t->proxy ? &t->proxy->url : t->origin;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[8];
	int failure;

	t->fd = -1;
	t->phase = TRANSPORT_TCP;
	buf_init_secret(&t->out, BUF_NO_MAX);
	buf_init(&t->proxy_response, HANDSHAKE_HEAD_MAX + PIECE);
	snprintf(port, sizeof(port), "%u", peer->port);
	failure = getaddrinfo(address ? address : peer->host, port, &hints, &t->addresses);
	if (failure && t->proxy)
		return err_set(err, ST_UNAVAILABLE, "cannot resolve proxy '%s': %s", t->proxy->name,
			gai_strerror(failure));
	if (failure)
		return err_set(err, ST_UNAVAILABLE, "cannot resolve host '%s': %s", peer->host, gai_strerror(failure));
	t->address = t->addresses;
	return try_addresses(t, 0, err);
}

void transport_close(struct transport *t)
{
	close_socket(t);
	if (t->addresses)
		freeaddrinfo(t->addresses);
	t->addresses = t->address = NULL;
	buf_release(&t->out);
	buf_release(&t->proxy_response);
}

static enum transport_result connection_closed(const struct transport *t, struct err *err)
{
	if (t->proxy)
		err_set(err, ST_UNAVAILABLE, "cannot connect to '%s' through proxy '%s': connection closed",
			t->origin->origin, t->proxy->name);
	else
		err_set(err, ST_UNAVAILABLE, "cannot connect to '%s': connection closed", t->origin->origin);
	return TRANSPORT_END;
}

static enum transport_result connected(struct transport *t, struct err *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer), size = sizeof(int);
	int error = 0;

	getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		t->address = t->address->ai_next;
		return try_addresses(t, error, err) ? TRANSPORT_END : TRANSPORT_WAIT;
	}
	return getpeername(t->fd, (struct sockaddr *)&peer, &len) ? TRANSPORT_WAIT : TRANSPORT_OK;
}

static enum transport_result read_proxy_response(struct transport *t, struct err *err)
{
	struct handshake_response response;
	enum transport_result result;
	char piece[PIECE];
	size_t got;

	do {
		result = transport_read(t, piece, sizeof(piece), &got);
		buf_add(&t->proxy_response, piece, got);
	} while (got == sizeof(piece) && !t->proxy_response.overflow);
	switch (handshake_read(NULL, t->proxy_response.data, t->proxy_response.len, clock_wall_ms(), &response)) {
	case HANDSHAKE_MORE: return result == TRANSPORT_END ? connection_closed(t, err) : TRANSPORT_WAIT;
	case HANDSHAKE_DONE:
		/* the server must not send anything yet */
		if (response.len == t->proxy_response.len)
			return TRANSPORT_OK;
		response.why = "unexpected data after its response";
		break;
	case HANDSHAKE_REFUSED:
		if (response.status == 407)
			err_set(err, ST_CONFIG, "proxy '%s' requires a user name and password", t->proxy->name);
		else
			err_set(err, ST_UNAVAILABLE, "proxy '%s' refused to connect to '%s' (status %d)",
				t->proxy->name, t->origin->origin, response.status);
		return TRANSPORT_END;
	case HANDSHAKE_INVALID: break;
	}
	err_set(err, ST_UNAVAILABLE, "proxy '%s' refused to connect to '%s': %s", t->proxy->name, t->origin->origin,
		response.why);
	return TRANSPORT_END;
}

static enum transport_result handshake(struct transport *t, struct err *err)
{
	enum tls_result result;

	if (!t->tls && tls_stream_new(&t->tls, t->ssl_ctx, t->fd, t->origin->host, err))
		return TRANSPORT_END;
	result = tls_stream_handshake(t->tls);
	t->read_wants_write = result == TLS_WANTS_WRITE;
	if (of_tls(result) != TRANSPORT_END)
		return of_tls(result);
	if (tls_stream_verify_error(t->tls)) {
		err_set(err, ST_CONFIG, "cannot verify the TLS certificate of '%s': %s", t->origin->origin,
			tls_verify_text(tls_stream_verify_error(t->tls)));
		return TRANSPORT_END;
	}
	if (result == TLS_ENDED)
		return connection_closed(t, err);
	err_set(err, ST_UNAVAILABLE, "TLS handshake with '%s' failed: %s", t->origin->origin,
		tls_stream_reason(t->tls));
	return TRANSPORT_END;
}

enum transport_result transport_advance(struct transport *t, struct err *err)
{
	enum transport_result result = TRANSPORT_OK;

	while (result == TRANSPORT_OK && t->phase != TRANSPORT_READY) {
		switch (t->phase) {
		case TRANSPORT_TCP:
			if ((result = connected(t, err)) != TRANSPORT_OK)
				break;
			t->phase = t->proxy ? TRANSPORT_PROXY : TRANSPORT_TLS;
			if (t->proxy)
				handshake_connect(t->proxy, t->origin, &t->out);
			break;
		case TRANSPORT_PROXY:
			if ((result = transport_flush(t)) == TRANSPORT_OK)
				result = read_proxy_response(t, err);
			else if (result == TRANSPORT_END)
				connection_closed(t, err);
			if (result == TRANSPORT_OK)
				t->phase = TRANSPORT_TLS;
			break;
		case TRANSPORT_TLS:
			if (!t->ssl_ctx || (result = handshake(t, err)) == TRANSPORT_OK)
				t->phase = TRANSPORT_READY;
			break;
		case TRANSPORT_READY: break;
		}
	}
	return result;
}

void transport_expect(struct transport *t, bool reading)
{
	uint32_t events = 0;

	if (t->fd < 0)
		return;
	if (t->phase == TRANSPORT_TCP)
		events = EPOLLOUT;
	else if (reading || t->phase != TRANSPORT_READY)
		events = t->read_wants_write ? EPOLLOUT : EPOLLIN;
	if (t->phase != TRANSPORT_TCP && t->out.len)
		events |= t->write_wants_read ? EPOLLIN : EPOLLOUT;
	if (events == t->events)
		return;
	/* without events it must not be watched: epoll would report EPOLLHUP repeatedly */
	if (events)
		loop_watch(t->loop, t->fd, events, t->ready, t->arg);
	else
		loop_unwatch(t->loop, t->fd);
	t->events = events;
}
