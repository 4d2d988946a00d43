#include "sandbox/sandbox-int.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TOKEN_MAX = 64 * 1024,
	CHECKS_MISSED_MAX = 3,
	REORDER_WAIT_MS = 1000, /* for the successor of a held notification */
};

struct socket {
	struct sandbox *s;
	struct conn *conn;
	struct channel *channel; /* NULL: gone */
	struct frame_reader reader;
	struct net_timer *checks, *release;
	unsigned missed; /* connChecks of the server without a reply */
	int64_t notifications;
	struct buf held; /* a notification to be sent after its successor */
	bool closing;
	struct socket *next;
};

static void write_frame(struct socket *socket)
{
	conn_write(socket->conn, socket->s->frame.data, socket->s->frame.len);
	buf_clear(&socket->s->frame);
}

static void send_text(struct socket *socket, const char *p, size_t len)
{
	struct sandbox *s = socket->s;

	if (socket->closing || conn_closing(socket->conn))
		return;
	frame_add_text(&s->frame, p, len, (size_t)s->fragment);
	write_frame(socket);
	record_frame(s->record, conn_number(socket->conn), socket->channel, false, FRAME_TEXT, p, len);
}

static void send_control(struct socket *socket, enum frame_kind kind, const char *p, size_t len)
{
	frame_add(&socket->s->frame, kind, false, p, len);
	write_frame(socket);
}

static void close_socket(struct socket *socket, int code, const char *reason)
{
	if (socket->closing)
		return;
	socket->closing = true;
	frame_add_close(&socket->s->frame, code, reason);
	write_frame(socket);
	conn_close(socket->conn, CONN_FLUSH);
}

static void release_held(void *arg)
{
	struct socket *socket = arg;

	if (!socket->held.len)
		return;
	send_text(socket, socket->held.data, socket->held.len);
	buf_clear(&socket->held);
}

static void notify(struct socket *socket, const char *json, size_t len)
{
	const struct sandbox *s = socket->s;

	socket->notifications++;
	if (s->reorder && !socket->held.len && socket->notifications % s->reorder == 0) {
		buf_add(&socket->held, json, len);
		net_timer_set(socket->release, REORDER_WAIT_MS);
		return;
	}
	send_text(socket, json, len);
	if (s->duplicate && socket->notifications % s->duplicate == 0)
		send_text(socket, json, len);
	release_held(socket);
}

void socket_deliver(void *arg, struct channel *channel, const char *json, size_t len)
{
	const struct sandbox *s = arg;

	for (struct socket *socket = s->sockets; socket; socket = socket->next)
		if (socket->channel == channel)
			notify(socket, json, len);
}

void socket_leave_channel(void *arg, struct channel *channel)
{
	const struct sandbox *s = arg;

	for (struct socket *socket = s->sockets; socket; socket = socket->next) {
		if (socket->channel != channel)
			continue;
		if (!s->config->silent_expiry)
			close_socket(socket, 1000, "the channel is gone");
		socket->channel = NULL;
	}
}

/* The first open one of `user` (NULL: of any user) in the list from `socket` on. */
static struct socket *next_open(struct socket *socket, const struct user *user)
{
	while (socket && (!socket->channel || (user && socket->channel->user != user) || conn_closing(socket->conn)))
		socket = socket->next;
	return socket;
}

size_t socket_drop_all(struct sandbox *s, enum conn_end how, const struct user *user)
{
	size_t count = 0;

	for (struct socket *socket = s->sockets; (socket = next_open(socket, user)); socket = socket->next, count++) {
		if (how == CONN_FLUSH)
			close_socket(socket, 1001, "going away");
		else
			conn_close(socket->conn, how);
	}
	return count;
}

size_t socket_freeze_all(struct sandbox *s, const struct user *user)
{
	size_t count = 0;

	for (struct socket *socket = s->sockets; (socket = next_open(socket, user)); socket = socket->next, count++) {
		conn_freeze(socket->conn);
		socket->channel = NULL;
	}
	return count;
}

size_t socket_send_all(struct sandbox *s, const struct user *user, const char *text, size_t len)
{
	size_t count = 0;

	for (struct socket *socket = s->sockets; (socket = next_open(socket, user)); socket = socket->next, count++)
		send_text(socket, text, len);
	return count;
}

size_t socket_count(const struct sandbox *s)
{
	size_t count = 0;

	for (const struct socket *socket = s->sockets; socket; socket = socket->next)
		count += !conn_closing(socket->conn);
	return count;
}

size_t socket_queued(const struct sandbox *s, const struct user *user)
{
	size_t most = 0;

	for (struct socket *socket = s->sockets; (socket = next_open(socket, user)); socket = socket->next)
		if (conn_queued(socket->conn) > most)
			most = conn_queued(socket->conn);
	return most;
}

const struct user *socket_user(const struct socket *socket)
{
	return socket->channel ? socket->channel->user : NULL;
}

/* ---- keep-alive ------------------------------------------------------------------------------------------------- */

static void check(void *arg)
{
	struct socket *socket = arg;
	int64_t ms = socket->s->config->check_ms;
	struct buf out;

	if (socket->missed >= CHECKS_MISSED_MAX) {
		close_socket(socket, 1001, "no connAck");
		return;
	}
	socket->missed++;
	buf_init(&out, 256);
	jsonf(&out, "{'connCheck':{'interval':%jd}}", (intmax_t)(ms >= 1000 ? ms / 1000 : 1));
	send_text(socket, out.data, out.len);
	buf_release(&out);
	net_timer_set(socket->checks, ms);
}

/* ---- input ------------------------------------------------------------------------------------------------------ */

static void handle_message(struct socket *socket, const char *p, size_t len)
{
	static const struct json_limits limits = { .bytes = FRAME_MESSAGE_MAX, .depth = 32, .values = 10000 };
	struct json_doc doc = { 0 };

	if (json_parse(&doc, p, len, &limits, NULL) || json_type(json_root(&doc)) != JSON_OBJECT) {
		close_socket(socket, 1007, "not JSON");
	} else {
		socket->missed = 0;
		if (json_exists(json_get(json_root(&doc), "connCheck")) && !socket->s->no_conn_ack)
			send_text(socket, "{\"connAck\":{}}", 14);
	}
	json_release(&doc);
}

void socket_input(struct socket *socket, const char *p, size_t len)
{
	enum frame_kind kind;
	int got;

	frame_reader_add(&socket->reader, p, len);
	while (!socket->closing && (got = frame_reader_next(&socket->reader, &kind, &p, &len))) {
		if (got < 0) {
			close_socket(socket, -got, "protocol error");
			return;
		}
		record_frame(socket->s->record, conn_number(socket->conn), socket->channel, true, kind, p, len);
		switch (kind) {
		case FRAME_TEXT: handle_message(socket, p, len); break;
		case FRAME_PING: send_control(socket, FRAME_PONG, p, len); break;
		case FRAME_CLOSE:
			socket->closing = true;
			send_control(socket, FRAME_CLOSE, p, len < 2 ? 0 : 2);
			conn_close(socket->conn, CONN_FLUSH);
			break;
		case FRAME_BINARY: close_socket(socket, 1003, "text only"); break;
		case FRAME_CONTINUED:
		case FRAME_PONG: break;
		}
	}
}

/* ---- open and close --------------------------------------------------------------------------------------------- */

/* The token is a query parameter or, as in RFC 6750, in the Authorization header. */
static bool authorize(struct call *call)
{
	struct buf token;
	bool ok;

	buf_init_secret(&token, TOKEN_MAX);
	if (!call_query(call, "access_token", &token))
		ok = token_authorize(call);
	else if (!(ok = token_check(call, token.data)))
		response_error(&call->response, 401, "SVC0001", "invalid_token");
	buf_release(&token);
	return ok;
}

static bool upgrade_valid(struct call *call)
{
	const char *upgrade = sandbox_request_header(call->request, "upgrade"),
		   *key = sandbox_request_header(call->request, "sec-websocket-key"),
		   *connection = sandbox_request_header(call->request, "connection"),
		   *version = sandbox_request_header(call->request, "sec-websocket-version");

	if (!upgrade || strcasecmp(upgrade, "websocket") != 0 || !connection || !strcasestr(connection, "upgrade") ||
		!version || strcmp(version, "13") != 0) {
		response_error(&call->response, 426, "SVC0001", "upgrade");
		response_header(&call->response, "Upgrade", "websocket");
		response_header(&call->response, "Sec-WebSocket-Version", "13");
		return false;
	}
	if (!key || strlen(key) != 24 || !str_ends_with(key, "==")) {
		response_invalid(&call->response, "Sec-WebSocket-Key");
		return false;
	}
	return true;
}

static struct channel *wanted_channel(struct call *call)
{
	struct channel *channel = world_find(&call->s->world.channels, call->args[1]);

	if (strcmp(call->args[0], call->user->id) != 0 || (channel && channel->user != call->user)) {
		response_forbidden(&call->response, "userId");
		return NULL;
	}
	if (!channel || channel->until <= call->now) {
		response_not_found(&call->response, "channelId");
		return NULL;
	}
	return channel;
}

static void open_socket(struct call *call)
{
	struct sandbox *s = call->s;
	struct channel *channel;
	struct socket *socket;
	char accept[32];

	if (!upgrade_valid(call) || !authorize(call) || !(channel = wanted_channel(call)))
		return;
	socket = xcalloc(1, sizeof(*socket));
	socket->s = s;
	socket->conn = call->conn;
	socket->channel = channel;
	frame_reader_init(&socket->reader);
	buf_init(&socket->held, NOTIFICATION_MAX);
	socket->checks = net_timer_new(s->net, check, socket);
	socket->release = net_timer_new(s->net, release_held, socket);
	socket->next = s->sockets;
	s->sockets = socket;

	net_websocket_accept(sandbox_request_header(call->request, "sec-websocket-key"), accept);
	call->response.status = 101;
	response_header(&call->response, "Upgrade", "websocket");
	response_header(&call->response, "Connection", "Upgrade");
	response_header(&call->response, "Sec-WebSocket-Accept", accept);
	if (channel->server_checks)
		net_timer_set(socket->checks, s->config->check_ms);
	call->socket = socket;
}

/* ROUTE_OPEN, because authorize() accepts a token in the query, too. */
const struct route socket_routes[] = {
	{ "GET", "cpaas/notificationchannel/v1/:/channels/:/websocket", open_socket, 0, ROUTE_OPEN },
	{ 0 },
};

void socket_closed(struct socket *socket)
{
	struct socket **at;

	for (at = &socket->s->sockets; *at != socket; at = &(*at)->next)
		;
	*at = socket->next;
	net_timer_free(socket->checks);
	net_timer_free(socket->release);
	frame_reader_release(&socket->reader);
	buf_release(&socket->held);
	free(socket);
}
