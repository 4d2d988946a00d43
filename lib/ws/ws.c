/*
 * The connection: from the upgrade to the close frame. The way to the server is wire.c's, what bytes mean is
 * handshake.c's and frame.c's; here it is decided what is done about it, and who is told.
 *
 * Every handler may drop the connection, and begin another: after each call of one, ws->socket says whether the
 * one at hand still is the one.
 */
#include "ws/ws-int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define OUT_MAX ((size_t)64 * 1024) /* of messages that wait to be sent */
#define PONGS_MAX ((size_t)4 * 1024) /* a peer that does not read gets no more answers to its pings than fit here */
#define DRAIN_READS 64

/* ---- its end --------------------------------------------------------------------------------------------------- */

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

/* When on_turn() runs next. */
static void schedule(struct ws *ws)
{
	const struct ws_socket *s = ws->socket;
	bool now = ws->ended || (s && (ws->ready || (s->more && !s->paused)));

	ws->timer.at_ms = now ? 0 : s ? s->deadline : LOOP_NEVER;
}

/* Closes it. Callers may still use `s` until on_turn() frees it. */
static void detach(struct ws *ws)
{
	struct ws_socket *s = ws->socket;

	if (!s)
		return;
	wire_close(&s->wire);
	ws->socket = NULL;
	s->next = ws->ended;
	ws->ended = s;
	schedule(ws);
}

/* Tells the owner; from then on a new connection may be begun. `code` is that of the peer's close frame, or 0. */
static void end(struct ws *ws, int code, const struct err *err)
{
	const struct ws_socket *s = ws->socket;
	struct ws_closed why = { .was_open = s->open, .code = code, .err = *err };

	why.err.http = s->http;
	why.err.retry_after_ms = s->retry_after_ms;
	detach(ws);
	log_verbose("websocket: %s", err->text);
	ws->config.handlers.closed(ws->config.arg, &why);
}

static void end_lost(struct ws *ws)
{
	const struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (s->open)
		err_set(&err, ST_UNAVAILABLE, "the connection was lost");
	else
		err_set(&err, ST_UNAVAILABLE, "'%s' closed the connection without an answer",
			ws->config.origin->origin);
	end(ws, 0, &err);
}

/*
 * After an error of the peer's: what it has sent meanwhile is read, because a socket that is closed with bytes unread
 * is reset, and the peer might never see the close frame.
 */
static void drain(struct ws *ws)
{
	for (int i = 0; i < DRAIN_READS; i++) {
		if (recv(ws->socket->wire.fd, ws->in, sizeof(ws->in), MSG_DONTWAIT) <= 0)
			break;
	}
}

static void end_broken(struct ws *ws, const struct ws_frame *frame)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (frame->code == CLOSE_TOO_LONG)
		err_set(&err, ST_PROTOCOL, "the server sent a message of more than %zu bytes", ws->config.max_message);
	else
		err_set(&err, ST_PROTOCOL, "the server broke the WebSocket protocol: it sent %s", frame->why);
	if (!s->closing)
		ws_frame_write_close(&s->wire.out, frame->code);
	wire_flush(&s->wire);
	drain(ws);
	end(ws, 0, &err);
}

static void end_closed(struct ws *ws, const struct ws_frame *frame)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (!s->closing) { /* the answer is its own code */
		ws_frame_write_close(&s->wire.out, frame->code);
		wire_flush(&s->wire);
	}
	err_set(&err, ST_UNAVAILABLE, "the server closed the connection (code %d)", frame->code);
	end(ws, frame->code, &err);
}

static void end_late(struct ws *ws)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "cannot connect to '%s': no answer within %g s", ws->config.origin->origin,
		(double)ws->config.connect_timeout_ms / 1000);
	end(ws, 0, &err);
}

/* ---- the upgrade ----------------------------------------------------------------------------------------------- */

static void end_refused(struct ws *ws, const struct handshake_answer *answer)
{
	const char *origin = ws->config.origin->origin;
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	s->http = answer->status;
	s->retry_after_ms = answer->retry_after_ms;
	if (s->http == 401 || s->http == 403)
		err_set(&err, ST_AUTH, "'%s' refuses the WebSocket (HTTP %d)", origin, s->http);
	else if (s->http == 429)
		err_set(&err, ST_TEMPFAIL, "'%s' refuses the WebSocket for now (HTTP 429)", origin);
	else if (s->http >= 500)
		err_set(&err, ST_UNAVAILABLE, "'%s' cannot open the WebSocket (HTTP %d)", origin, s->http);
	else
		err_set(&err, ST_PROTOCOL, "'%s' does not open the WebSocket (HTTP %d)", origin, s->http);
	end(ws, 0, &err);
}

static void end_nonsense(struct ws *ws, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_PROTOCOL, "'%s' does not open the WebSocket: %s", ws->config.origin->origin, why);
	end(ws, 0, &err);
}

/* True once the server has agreed: what follows the head in s->head are frames already. */
static bool upgraded(struct ws *ws, const char *bytes, size_t len, struct handshake_answer *answer)
{
	struct ws_socket *s = ws->socket;

	buf_add(&s->head, bytes, len);
	switch (handshake_read(&s->handshake, s->head.data, s->head.len, clock_wall_ms(), answer)) {
	case HANDSHAKE_MORE: return false;
	case HANDSHAKE_REFUSED: end_refused(ws, answer); return false;
	case HANDSHAKE_BAD: end_nonsense(ws, answer->why); return false;
	case HANDSHAKE_DONE: break;
	}
	s->open = true;
	s->deadline = INT64_MAX;
	log_verbose("websocket: open");
	ws->config.handlers.opened(ws->config.arg);
	return ws->socket == s;
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

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
			log_warn("a binary message of %zu bytes was passed over", frame->len);
		break;
	case FRAME_PING:
		if (!s->closing && s->wire.out.len < PONGS_MAX)
			ws_frame_write(&s->wire.out, FRAME_PONG, frame->p, frame->len);
		break;
	case FRAME_PONG: break;
	case FRAME_CLOSE: end_closed(ws, frame); break;
	case FRAME_BROKEN: end_broken(ws, frame); break;
	}
}

static void take_frames(struct ws *ws, const char *bytes, size_t len)
{
	struct ws_socket *s = ws->socket;
	const char *end_of_bytes = bytes + len;
	struct ws_frame frame;

	while (ws->socket == s && ws_frame_next(&s->reader, &bytes, end_of_bytes, &frame))
		on_frame(ws, &frame);
}

static void take(struct ws *ws, const char *bytes, size_t len)
{
	struct ws_socket *s = ws->socket;
	struct handshake_answer answer;

	if (s->open)
		take_frames(ws, bytes, len);
	else if (upgraded(ws, bytes, len, &answer))
		take_frames(ws, s->head.data + answer.len, s->head.len - answer.len);
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

static void receive(struct ws *ws)
{
	struct ws_socket *s = ws->socket;
	enum wire_result result;
	size_t got;

	result = wire_read(&s->wire, ws->in, sizeof(ws->in), &got);
	s->more = result == WIRE_OK;
	if (got)
		take(ws, ws->in, got);
	if (result == WIRE_END && ws->socket == s)
		end_lost(ws);
}

static bool get_ready(struct ws *ws)
{
	struct ws_socket *s = ws->socket;
	struct err err = ERR_INIT;

	if (s->asked)
		return true;
	switch (wire_advance(&s->wire, &err)) {
	case WIRE_WAIT: return false;
	case WIRE_END: end(ws, 0, &err); return false;
	case WIRE_OK: break;
	}
	buf_add(&s->wire.out, s->request.data, s->request.len);
	buf_release(&s->request);
	s->asked = true;
	return true;
}

static void on_ready(struct ws *ws)
{
	struct ws_socket *s = ws->socket;

	if (get_ready(ws) && !s->paused) {
		/* a peer that takes nothing any more may still have something to say */
		(void)wire_flush(&s->wire);
		receive(ws);
	}
	if (ws->socket != s)
		return;
	if (s->asked && wire_flush(&s->wire) == WIRE_END)
		end_lost(ws);
	else
		wire_expect(&s->wire, !s->paused);
}

/* A timer and not the handler of the descriptor, so that the other descriptors are served before the socket. */
static void on_turn(void *arg)
{
	struct ws *ws = arg;

	if (ws->socket && (ws->ready || ws->socket->more)) {
		ws->ready = false;
		on_ready(ws);
	}
	if (ws->socket && ws->socket->deadline != INT64_MAX && clock_mono_ms() >= ws->socket->deadline)
		end_late(ws);
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

/* ---- what the owner asks for ----------------------------------------------------------------------------------- */

static enum status prepare(struct ws *ws, struct ws_socket *s, const char *path, const struct secret *token,
	const char *address, struct err *err)
{
	enum status st;

	for (const char *p = path; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return err_set(err, ST_PROTOCOL, "the path of the WebSocket, '%.*s', is none",
				(int)strcspn(path, "?#"), path);
	}
	if ((st = handshake_init(&s->handshake, err)))
		return st;
	handshake_request(&s->handshake, ws->config.origin, path, token, &s->request);
	return wire_open(&s->wire, address, err);
}

/* The path is the server's, and may have a token in its query. */
static void tell_address(const char *origin, const char *path)
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
		BUG("a second connection");
	s->retry_after_ms = -1;
	s->deadline = clock_mono_ms() + ws->config.connect_timeout_ms;
	s->wire = (struct wire){ .origin = ws->config.origin,
		.proxy = ws->config.proxy ? &ws->proxy : NULL,
		.ssl_ctx = ws->ssl_ctx,
		.loop = ws->config.loop,
		.ready = on_event,
		.arg = ws,
		.fd = -1 };
	buf_init(&s->head, HANDSHAKE_HEAD_MAX + WS_READ_SIZE);
	buf_init_secret(&s->request, BUF_NO_MAX);
	ws_frame_reader_init(&s->reader, ws->config.max_message);
	ws->socket = s;
	tell_address(ws->config.origin->origin, path);
	if (prepare(ws, s, path, token, address, &err))
		end(ws, 0, &err);
	else
		wire_expect(&s->wire, true);
	schedule(ws);
}

bool ws_send(struct ws *ws, const char *text, size_t len)
{
	struct ws_socket *s = ws->socket;

	if (!s || !s->open || s->closing || s->wire.out.len + len > OUT_MAX)
		return false;
	ws_frame_write(&s->wire.out, FRAME_TEXT, text, len);
	wire_expect(&s->wire, !s->paused);
	return true;
}

void ws_pause(struct ws *ws, bool pause)
{
	struct ws_socket *s = ws->socket;

	if (!s || !s->open || s->closing)
		return;
	s->paused = pause;
	wire_expect(&s->wire, !pause);
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
		ws_frame_write_close(&s->wire.out, CLOSE_NORMAL);
	s->closing = true;
	s->paused = false;
	wire_expect(&s->wire, true);
	schedule(ws);
}

void ws_drop(struct ws *ws)
{
	detach(ws);
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
	detach(ws);
	free_ended(ws);
	loop_timer_remove(ws->config.loop, &ws->timer);
	handshake_proxy_release(&ws->proxy);
	tls_ctx_free(ws->ssl_ctx);
	free(ws);
}
