/*
 * ws.c - the connection from the upgrade to the close frame, on top of transport.c, handshake.c and frame.c.
 *
 * Every handler of the owner may drop the connection and start another one. So after each call of a handler, ws->socket
 * must be compared with the current socket.
 */
#include "ws/ws.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ws/frame.h"
#include "ws/handshake.h"
#include "ws/transport.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READ_SIZE ((size_t)64 * 1024) /* maximum that is read in one turn */
#define OUT_MAX ((size_t)64 * 1024) /* maximum of queued messages */
#define PONGS_MAX ((size_t)4 * 1024) /* maximum of queued pongs, for a peer that does not read */
#define DRAIN_READS 64

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
	char in[READ_SIZE];
};

/* ---- end --------------------------------------------------------------------------------------------------------- */

static void free_ended(struct ws *ws)
{
	while (ws->ended) {
		struct ws_socket *s = ws->ended;

		ws->ended = s->next;
		buf_release(&s->head);
		buf_release(&s->request);
		ws_frame_reader_release(&s->reader);
		free(s);
	}
}

/* Sets the time of the next on_turn(). */
static void schedule(struct ws *ws)
{
	const struct ws_socket *s = ws->socket;
	bool now = ws->ended || (s && (ws->ready || (s->has_pending && !s->paused)));

	ws->timer.at_ms = now ? 0 : s ? s->deadline : LOOP_NEVER;
}

/* Callers may still use the socket until on_turn() frees it. */
void ws_drop(struct ws *ws)
{
	struct ws_socket *s = ws->socket;

	if (!s)
		return;
	transport_close(&s->transport);
	ws->socket = NULL;
	s->next = ws->ended;
	ws->ended = s;
	schedule(ws);
}

/* Reports the end to the owner, who may connect again. `code` is that of the peer's close frame, or 0. */
static void end(struct ws *ws, int code, const struct err *err)
{
	const struct ws_socket *s = ws->socket;
	struct ws_closed why = { .was_open = s->open, .code = code, .err = *err };

	why.err.http = s->http;
	why.err.retry_after_ms = s->retry_after_ms;
	ws_drop(ws);
	log_verbose("websocket: %s", err->text);
	ws->config.handlers.closed(ws->config.arg, &why);
}

static void end_lost(struct ws *ws)
{
	const struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (s->open)
		err_set(&err, ST_UNAVAILABLE, "connection lost");
	else
		err_set(&err, ST_UNAVAILABLE, "'%s' closed the connection without a response",
			ws->config.origin->origin);
	end(ws, 0, &err);
}

/* Closing a socket with unread bytes resets it, and the peer might never see the close frame. */
static void drain(struct ws *ws)
{
	for (int i = 0; i < DRAIN_READS; i++) {
		if (recv(ws->socket->transport.fd, ws->in, sizeof(ws->in), MSG_DONTWAIT) <= 0)
			break;
	}
}

static void end_broken(struct ws *ws, const struct ws_frame *frame)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (frame->code == CLOSE_TOO_LONG)
		err_set(&err, ST_PROTOCOL, "message is larger than %zu bytes", ws->config.max_message);
	else
		err_set(&err, ST_PROTOCOL, "WebSocket protocol error: %s", frame->why);
	if (!s->closing)
		ws_frame_write_close(&s->transport.out, frame->code);
	transport_flush(&s->transport);
	drain(ws);
	end(ws, 0, &err);
}

static void end_closed(struct ws *ws, const struct ws_frame *frame)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (!s->closing) { /* reply with the same code */
		ws_frame_write_close(&s->transport.out, frame->code);
		transport_flush(&s->transport);
	}
	err_set(&err, ST_UNAVAILABLE, "the server closed the connection (code %d)", frame->code);
	end(ws, frame->code, &err);
}

static void end_timed_out(struct ws *ws)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "cannot connect to '%s': timeout after %g s", ws->config.origin->origin,
		(double)ws->config.connect_timeout_ms / 1000);
	end(ws, 0, &err);
}

/* ---- the upgrade ------------------------------------------------------------------------------------------------- */

static void end_refused(struct ws *ws, const struct handshake_response *response)
{
	const char *origin = ws->config.origin->origin;
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	s->http = response->status;
	s->retry_after_ms = response->retry_after_ms;
	if (s->http == 401 || s->http == 403)
		err_set(&err, ST_AUTH, "'%s' denied the WebSocket connection (HTTP %d)", origin, s->http);
	else if (s->http == 429)
		err_set(&err, ST_TEMPFAIL, "'%s' is limiting WebSocket connections (HTTP 429)", origin);
	else if (s->http >= 500)
		err_set(&err, ST_UNAVAILABLE, "WebSocket service of '%s' unavailable (HTTP %d)", origin, s->http);
	else
		err_set(&err, ST_PROTOCOL, "WebSocket handshake with '%s' failed (HTTP %d)", origin, s->http);
	end(ws, 0, &err);
}

static void end_invalid(struct ws *ws, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_PROTOCOL, "WebSocket handshake with '%s' failed: %s", ws->config.origin->origin, why);
	end(ws, 0, &err);
}

/* True once the upgrade has succeeded; frames may follow the response in s->head. */
static bool upgraded(struct ws *ws, const char *bytes, size_t len, struct handshake_response *response)
{
	struct ws_socket *s = ws->socket;

	buf_add(&s->head, bytes, len);
	switch (handshake_read(&s->handshake, s->head.data, s->head.len, clock_wall_ms(), response)) {
	case HANDSHAKE_MORE: return false;
	case HANDSHAKE_REFUSED: end_refused(ws, response); return false;
	case HANDSHAKE_INVALID: end_invalid(ws, response->why); return false;
	case HANDSHAKE_DONE: break;
	}
	s->open = true;
	s->deadline = INT64_MAX;
	log_verbose("websocket: open");
	ws->config.handlers.opened(ws->config.arg);
	return ws->socket == s;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static void on_frame(struct ws *ws, const struct ws_frame *frame)
{
	struct ws_socket *s = ws->socket;

	switch (frame->kind) {
	case FRAME_TEXT:
		if (!s->closing)
			ws->config.handlers.message(ws->config.arg, frame->p, frame->len);
		break;
	case FRAME_BINARY:
		if (!s->closing)
			log_warn("binary message of %zu bytes ignored", frame->len);
		break;
	case FRAME_PING:
		if (!s->closing && s->transport.out.len < PONGS_MAX)
			ws_frame_write(&s->transport.out, FRAME_PONG, frame->p, frame->len);
		break;
	case FRAME_PONG: break;
	case FRAME_CLOSE: end_closed(ws, frame); break;
	case FRAME_BROKEN: end_broken(ws, frame); break;
	}
}

static void on_frames(struct ws *ws, const char *bytes, size_t len)
{
	struct ws_socket *s = ws->socket;
	const char *end_of_bytes = bytes + len;
	struct ws_frame frame;

	while (ws->socket == s && ws_frame_next(&s->reader, &bytes, end_of_bytes, &frame))
		on_frame(ws, &frame);
}

static void on_bytes(struct ws *ws, const char *bytes, size_t len)
{
	struct ws_socket *s = ws->socket;
	struct handshake_response response;

	if (s->open)
		on_frames(ws, bytes, len);
	else if (upgraded(ws, bytes, len, &response))
		on_frames(ws, s->head.data + response.len, s->head.len - response.len);
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static void receive(struct ws *ws)
{
	struct ws_socket *s = ws->socket;
	enum transport_result result;
	size_t got;

	result = transport_read(&s->transport, ws->in, sizeof(ws->in), &got);
	s->has_pending = result == TRANSPORT_OK;
	if (got)
		on_bytes(ws, ws->in, got);
	if (result == TRANSPORT_END && ws->socket == s)
		end_lost(ws);
}

static bool send_request(struct ws *ws)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (s->request_sent)
		return true;
	switch (transport_advance(&s->transport, &err)) {
	case TRANSPORT_WAIT: return false;
	case TRANSPORT_END: end(ws, 0, &err); return false;
	case TRANSPORT_OK: break;
	}
	buf_add(&s->transport.out, s->request.data, s->request.len);
	buf_release(&s->request);
	s->request_sent = true;
	return true;
}

static void on_ready(struct ws *ws)
{
	struct ws_socket *s = ws->socket;

	if (send_request(ws) && !s->paused) {
		/* a peer that does not read any more may still send */
		(void)transport_flush(&s->transport);
		receive(ws);
	}
	if (ws->socket != s)
		return;
	if (s->request_sent && transport_flush(&s->transport) == TRANSPORT_END)
		end_lost(ws);
	else
		transport_expect(&s->transport, !s->paused);
}

/* Called by a timer, not by the descriptor, so that the other descriptors are served first. */
static void on_turn(void *arg)
{
	struct ws *ws = arg;

	if (ws->socket && (ws->ready || ws->socket->has_pending)) {
		ws->ready = false;
		on_ready(ws);
	}
	if (ws->socket && ws->socket->deadline != INT64_MAX && clock_mono_ms() >= ws->socket->deadline)
		end_timed_out(ws);
	free_ended(ws);
	schedule(ws);
}

static void on_event(void *arg, int fd, uint32_t events)
{
	struct ws *ws = arg;

	(void)fd, (void)events;
	ws->ready = true;
	schedule(ws);
}

/* ---- functions of the owner -------------------------------------------------------------------------------------- */

static enum status prepare(struct ws *ws, struct ws_socket *s, const char *path, const struct secret *token,
	const char *address, struct err *err)
{
	enum status st;

	for (const char *p = path; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return err_set(err, ST_PROTOCOL, "invalid WebSocket path '%.*s'", (int)strcspn(path, "?#"),
				path);
	}
	if ((st = handshake_init(&s->handshake, err)))
		return st;
	handshake_request(&s->handshake, ws->config.origin, path, token, &s->request);
	return transport_open(&s->transport, address, err);
}

/* The path is given by the server and may have a token in its query. */
static void log_address(const char *origin, const char *path)
{
	struct buf shown;

	buf_init(&shown, BUF_NO_MAX);
	url_add_shown(&shown, path, strlen(path));
	log_verbose("websocket: connecting to %s%s", origin, shown.data);
	buf_release(&shown);
}

void ws_connect(struct ws *ws, const char *path, const struct secret *token, const char *address)
{
	struct ws_socket *s = xcalloc(1, sizeof(*s));
	struct err err = ERR_INIT;

	if (ws->socket)
		BUG("second WebSocket connection");
	s->retry_after_ms = -1;
	s->deadline = clock_mono_ms() + ws->config.connect_timeout_ms;
	s->transport = (struct transport){ .origin = ws->config.origin,
		.proxy = ws->config.proxy ? &ws->proxy : NULL,
		.ssl_ctx = ws->ssl_ctx,
		.loop = ws->config.loop,
		.ready = on_event,
		.arg = ws,
		.fd = -1 };
	buf_init(&s->head, HANDSHAKE_HEAD_MAX + READ_SIZE);
	buf_init_secret(&s->request, BUF_NO_MAX);
	ws_frame_reader_init(&s->reader, ws->config.max_message);
	ws->socket = s;
	log_address(ws->config.origin->origin, path);
	if (prepare(ws, s, path, token, address, &err))
		end(ws, 0, &err);
	else
		transport_expect(&s->transport, true);
	schedule(ws);
}

bool ws_send(struct ws *ws, const char *text, size_t len)
{
	struct ws_socket *s = ws->socket;

	if (!s || !s->open || s->closing || s->transport.out.len + len > OUT_MAX)
		return false;
	ws_frame_write(&s->transport.out, FRAME_TEXT, text, len);
	transport_expect(&s->transport, !s->paused);
	return true;
}

void ws_pause(struct ws *ws, bool pause)
{
	struct ws_socket *s = ws->socket;

	if (!s || !s->open || s->closing)
		return;
	s->paused = pause;
	transport_expect(&s->transport, !pause);
	schedule(ws);
}

void ws_close(struct ws *ws)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (!s)
		return;
	if (!s->open) {
		err_set(&err, ST_UNAVAILABLE, "stopped while connecting");
		end(ws, 0, &err);
		return;
	}
	if (!s->closing)
		ws_frame_write_close(&s->transport.out, CLOSE_NORMAL);
	s->closing = true;
	s->paused = false;
	transport_expect(&s->transport, true);
	schedule(ws);
}

enum status ws_new(struct ws **out, const struct ws_config *config, struct err *err)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));
	enum status st = ST_OK;

	ws->config = *config;
	ws->timer = (struct loop_timer){ .at_ms = LOOP_NEVER, .expired = on_turn, .arg = ws };
	loop_timer_add(config->loop, &ws->timer);
	if (config->proxy && (st = handshake_proxy_parse(&ws->proxy, config->proxy, err)))
		goto out;
	if (config->origin->tls)
		st = tls_client_ctx(&ws->ssl_ctx, config->trust, err);
out:
	if (st)
		ws_free(ws);
	else
		*out = ws;
	return st;
}

const char *ws_host(const struct ws *ws)
{
	return ws->config.proxy ? ws->proxy.url.host : ws->config.origin->host;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	ws_drop(ws);
	free_ended(ws);
	loop_timer_remove(ws->config.loop, &ws->timer);
	handshake_proxy_release(&ws->proxy);
	tls_ctx_free(ws->ssl_ctx);
	free(ws);
}
