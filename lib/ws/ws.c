/*
 * The connection. Everything that libwebsockets says comes through one callback; it is a table of contents here, and
 * the work is done by named functions. What was measured of libwebsockets 4.1 and is met on purpose: request lines
 * beyond about 2,030 characters are cut silently (so long tokens go into a header), its text for a TLS failure says
 * nothing (so the verification callback keeps the reason), its check of the host's name stops at a colon (so our
 * context checks it), proxies are taken from some variables and not from others (so none is left to it), a close in a
 * timer does not wake poll(2).
 */
#include "ws/ws-int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 1800
#define OUT_MAX ((size_t)64 * 1024)
#define PROTOCOL_RX ((size_t)16 * 1024)

static void socket_free(struct ws_socket *s)
{
	secret_release(&s->bearer);
	buf_release(&s->in);
	buf_release(&s->out);
	free(s);
}

/* libwebsockets will not name it again. */
static void forget(struct ws *ws, struct ws_socket *s)
{
	for (struct ws_socket **at = &ws->sockets; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	socket_free(s);
}

void ws_sockets_free(struct ws *ws)
{
	while (ws->sockets)
		forget(ws, ws->sockets);
}

static bool known(const struct ws *ws, const struct ws_socket *wanted)
{
	for (const struct ws_socket *s = ws->sockets; s; s = s->next) {
		if (s == wanted)
			return true;
	}
	return false;
}

static struct ws *ws_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

/* Tells the owner once; from then on a new connection may be begun. */
static void tell_closed(struct ws *ws, struct ws_socket *s, const struct err *err)
{
	struct ws_closed why = { .was_open = s->open, .code = s->code, .err = *err };

	if (s->told || ws->socket != s)
		return;
	s->told = true;
	ws->socket = NULL;
	why.err.http = s->http;
	why.err.retry_after_ms = s->retry_after_ms;
	ws->config.handlers.closed(ws->config.arg, &why);
	lws_cancel_service(ws->context);
}

static void explain_failure(const struct ws *ws, const struct ws_socket *s, const char *text, size_t len,
	struct err *err)
{
	const struct url *origin = ws->config.origin;

	if (s->verify_error)
		err_set(err, ST_CONFIG, "cannot connect to '%s': %s", origin->origin, tls_verify_text(s->verify_error));
	else if (s->http == 401 || s->http == 403)
		err_set(err, ST_AUTH, "'%s' refuses the WebSocket (HTTP %d)", origin->origin, s->http);
	else if (s->http == 429)
		err_set(err, ST_TEMPFAIL, "'%s' refuses the WebSocket for now (HTTP 429)", origin->origin);
	else if (s->http >= 500)
		err_set(err, ST_UNAVAILABLE, "'%s' cannot open the WebSocket (HTTP %d)", origin->origin, s->http);
	else if (s->http && s->http != 101)
		err_set(err, ST_PROTOCOL, "'%s' does not open the WebSocket (HTTP %d)", origin->origin, s->http);
	else
		err_set(err, ST_UNAVAILABLE, "cannot connect to '%s': %.*s", origin->origin,
			(int)(len < 200 ? len : 200), text ? text : "");
}

/* ---- one function a kind of event ------------------------------------------------------------------------------ */

static int on_verify(struct ws *ws, struct ws_socket *s, void *store, bool ok)
{
	if (ok)
		return 0;
	if (ws->config.trust->insecure) {
		tls_verify_accept(store);
		return 0;
	}
	if (s)
		s->verify_error = tls_verify_error(store);
	return 1;
}

static int on_append_header(struct ws_socket *s, struct lws *wsi, unsigned char **at, size_t room)
{
	struct buf value;
	int failed;

	if (!s->bearer.s)
		return 0;
	if (s->bearer_sent)
		return -1; /* a second request of one attempt would be another host's */
	buf_init_secret(&value, BUF_NO_MAX);
	buf_adds(&value, "Bearer ");
	buf_add(&value, s->bearer.s, s->bearer.len);
	failed = lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (unsigned char *)value.data,
		(int)value.len, at, *at + room);
	s->bearer_sent = true;
	buf_release(&value);
	return failed ? -1 : 0;
}

static void on_response(struct ws_socket *s, struct lws *wsi)
{
	char text[32];
	int64_t seconds;

	s->http = (int)lws_http_client_http_response(wsi);
	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_RETRY_AFTER) > 0 && parse_int64(text, &seconds) &&
		seconds >= 0)
		s->retry_after_ms = seconds < 86400 ? seconds * 1000 : INT64_C(86400000);
}

static int on_established(struct ws *ws, struct ws_socket *s)
{
	secret_release(&s->bearer);
	s->open = true;
	log_trace("websocket: open");
	ws->config.handlers.opened(ws->config.arg);
	return 0;
}

static int on_failed(struct ws *ws, struct ws_socket *s, const char *text, size_t len)
{
	struct err err = ERR_INIT;

	explain_failure(ws, s, text, len, &err);
	tell_closed(ws, s, &err);
	return 0;
}

static int on_closed(struct ws *ws, struct ws_socket *s)
{
	struct err err = ERR_INIT;

	if (s->too_long)
		err_set(&err, ST_PROTOCOL, "the server sent a message of more than %zu bytes", ws->config.max_message);
	else if (s->code)
		err_set(&err, ST_UNAVAILABLE, "the server closed the connection (code %d)", s->code);
	else
		err_set(&err, ST_UNAVAILABLE, "the connection was lost");
	tell_closed(ws, s, &err);
	return 0;
}

static void deliver(struct ws *ws, struct ws_socket *s, const char *text, size_t len)
{
	if (s->binary)
		log_warn("a binary message of %zu bytes was passed over", len);
	else
		ws->config.handlers.message(ws->config.arg, text, len);
}

static int on_receive(struct ws *ws, struct ws_socket *s, struct lws *wsi, const char *p, size_t len)
{
	bool last = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);

	if (s->closing)
		return 0;
	if (last && !s->in.len) {
		if (len > ws->config.max_message)
			goto too_long;
		deliver(ws, s, p, len); /* nearly always: one piece, and no copy */
		return 0;
	}
	if (!buf_add(&s->in, p, len))
		goto too_long;
	if (!last)
		return 0;
	deliver(ws, s, s->in.data, s->in.len);
	if (s->in.cap > PROTOCOL_RX)
		buf_release(&s->in);
	else
		buf_clear(&s->in);
	return 0;
too_long:
	s->too_long = true;
	lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
	return -1;
}

static int on_writeable(struct ws_socket *s, struct lws *wsi)
{
	unsigned char frame[LWS_PRE + 512];
	size_t len, piece;

	if (s->closing && !s->out.len) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	}
	if (!s->out.len)
		return 0;
	memcpy(&len, s->out.data, sizeof(len));
	piece = len;
	if (piece > sizeof(frame) - LWS_PRE)
		BUG("a message of %zu bytes was queued", len);
	memcpy(frame + LWS_PRE, s->out.data + sizeof(len), piece);
	if (lws_write(wsi, frame + LWS_PRE, piece, LWS_WRITE_TEXT) < (int)piece)
		return -1;
	buf_consume(&s->out, sizeof(len) + piece);
	if (s->out.len || s->closing)
		lws_callback_on_writable(wsi);
	return 0;
}

static int on_peer_close(struct ws_socket *s, const unsigned char *p, size_t len)
{
	s->code = len >= 2 ? p[0] << 8 | p[1] : 1005;
	return 0;
}

/* ---- the callback ---------------------------------------------------------------------------------------------- */

static int on_socket(struct ws *ws, struct ws_socket *s, struct lws *wsi, enum lws_callback_reasons reason, void *in,
	size_t len)
{
	s->wsi = wsi;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return on_append_header(s, wsi, in, len);
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT: on_response(s, wsi); return 1; /* the token was for this host */
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: on_response(s, wsi); return 0;
	case LWS_CALLBACK_CLIENT_ESTABLISHED: return s->ws ? on_established(ws, s) : -1;
	case LWS_CALLBACK_CLIENT_RECEIVE: return s->ws ? on_receive(ws, s, wsi, in, len) : -1;
	case LWS_CALLBACK_CLIENT_WRITEABLE: return s->ws ? on_writeable(s, wsi) : -1;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return on_peer_close(s, in, len);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: return on_failed(ws, s, in, len);
	case LWS_CALLBACK_CLIENT_CLOSED: return on_closed(ws, s);
	case LWS_CALLBACK_WSI_DESTROY:
		on_closed(ws, s); /* for a way out that we do not know of: the owner must hear of it */
		forget(ws, s);
		return 0;
	default: return 0;
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct ws *ws = ws_of(wsi);

	switch ((int)reason) {
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED: ws->config.handlers.woken(ws->config.arg); return 0;
	case LWS_CALLBACK_RAW_RX_FILE: ws_loop_ready(ws); return 0;
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION: return on_verify(ws, ws->socket, user, len != 0);
	default: return known(ws, user) ? on_socket(ws, user, wsi, reason, in, len) : 0;
	}
}

const struct lws_protocols ws_protocols[] = {
	{ .name = "kandy", .callback = on_event, .rx_buffer_size = PROTOCOL_RX },
	{ 0 },
};

/* ---- what the owner asks for ----------------------------------------------------------------------------------- */

static void compose_path(struct ws_socket *s, const char *path, const struct secret *token, struct buf *out)
{
	buf_adds(out, path);
	buf_adds(out, strchr(path, '?') ? "&access_token=" : "?access_token=");
	percent_encode(out, token->s, token->len);
	if (out->len <= URL_MAX)
		return;
	buf_clear(out);
	buf_adds(out, path);
	secret_copy(&s->bearer, token);
}

void ws_connect(struct ws *ws, const char *path, const struct secret *token, const char *address)
{
	const struct url *origin = ws->config.origin;
	struct lws_client_connect_info info = { .context = ws->context, .port = origin->port, .protocol = NULL };
	struct ws_socket *s = xcalloc(1, sizeof(*s));
	struct buf full;
	char host[sizeof(origin->host) + 16];

	if (ws->socket)
		BUG("a second connection");
	s->ws = ws;
	s->retry_after_ms = -1;
	buf_init(&s->in, ws->config.max_message);
	buf_init(&s->out, OUT_MAX);
	s->next = ws->sockets;
	ws->sockets = ws->socket = s;
	buf_init_secret(&full, BUF_NO_MAX);
	compose_path(s, path, token, &full);
	snprintf(host, sizeof(host), origin->ipv6 ? "[%s]:%u" : "%s:%u", origin->host, origin->port);
	info.address = address ? address : origin->host;
	info.path = full.data;
	info.host = host;
	info.origin = origin->origin;
	info.userdata = s;
	info.local_protocol_name = ws_protocols[0].name;
	info.alpn = "http/1.1";
	if (origin->tls) /* the name is checked by our context */
		info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	if (origin->tls && ws->config.trust->insecure)
		info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_EXPIRED | LCCSCF_ALLOW_INSECURE;
	log_trace("websocket: connecting to %s%s", origin->origin, path);
	if (!lws_client_connect_via_info(&info) && known(ws, s)) {
		on_failed(ws, s, "it failed at once", 17); /* unless the callback has told more */
		forget(ws, s);
	}
	buf_release(&full);
}

bool ws_send(struct ws *ws, const char *text, size_t len)
{
	struct ws_socket *s = ws->socket;

	if (!s || !s->open || s->closing || s->out.len + sizeof(len) + len > OUT_MAX)
		return false;
	buf_add(&s->out, &len, sizeof(len));
	buf_add(&s->out, text, len);
	lws_callback_on_writable(s->wsi);
	return true;
}

void ws_pause(struct ws *ws, bool pause)
{
	if (ws->socket && ws->socket->open)
		lws_rx_flow_control(ws->socket->wsi, !pause);
}

void ws_close(struct ws *ws)
{
	struct ws_socket *s = ws->socket;

	if (!s)
		return;
	if (!s->open) {
		struct err err = ERR_INIT;

		err_set(&err, ST_UNAVAILABLE, "stopped while connecting");
		tell_closed(ws, s, &err);
		ws_drop(ws);
		return;
	}
	s->closing = true;
	lws_rx_flow_control(s->wsi, 1);
	lws_callback_on_writable(s->wsi);
}

void ws_drop(struct ws *ws)
{
	for (struct ws_socket *s = ws->sockets; s; s = s->next) {
		if (!s->ws)
			continue;
		s->ws = NULL;
		if (s->wsi)
			lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	}
	ws->socket = NULL;
}
