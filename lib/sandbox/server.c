/*
 * HTTP/1.1 on one connection: requests are read and answered one at a time, unless it has become a WebSocket. While a
 * response is delayed or being sent, further input is held back by TCP flow control.
 */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_CHUNK = 128 * 1024,
	FILE_QUEUE = 256 * 1024, /* read more of the file while less than this is queued */
	BACKLOG_MAX = 256 * 1024,
	TRICKLE_MS = 10,
};

enum server_state {
	READING_HEAD,
	READING_BODY,
	WAITING, /* the response is delayed */
	SENDING, /* the response is not completely queued, or throttled */
	WEBSOCKET,
	ENDED, /* all further input is ignored */
};

struct server_conn {
	struct sandbox *s;
	struct conn *conn;
	enum server_state state;
	struct sandbox_request request;
	struct request_body body;
	struct buf bytes; /* of the body */
	bool too_large;
	bool responded; /* before the body has arrived, which is then ignored */
	bool ignore_body; /* the response does not depend on it */
	struct form_upload *upload;
	struct buf backlog; /* input that came while WAITING or SENDING */
	bool feeding; /* feed() is running */
	uint64_t requests;
	const struct fault *fault;
	struct response response;
	int64_t body_limit; /* FAULT_CUT, FAULT_STALL: bytes of the body still to be sent; -1: all */
	struct net_timer *timer; /* for a delayed response */
	const struct user *user; /* for the record */
	struct socket *socket;
};

/* ---- the record ------------------------------------------------------------------------------------------------- */

static void record(struct server_conn *c, int status)
{
	struct record_entry entry = {
		.connection = conn_number(c->conn),
		.number = c->requests,
		.request = &c->request,
		.user = c->user,
		.body = c->bytes.data,
		.body_len = c->bytes.len,
		.bytes = c->body.total,
		.status = status,
		.fault = c->fault,
	};

	if (!c->s->record)
		return;
	if (c->upload)
		entry.part_count = upload_parts(c->upload, &entry.parts);
	record_request(c->s->record, &entry);
}

/* ---- sending the response --------------------------------------------------------------------------------------- */

static void next_request(struct server_conn *c)
{
	response_release(c->s, &c->response);
	response_init(&c->response);
	upload_free(c->upload);
	c->upload = NULL;
	c->fault = NULL;
	c->user = NULL;
	c->too_large = c->responded = c->ignore_body = false;
	buf_clear(&c->bytes);
	if (!c->request.keep_alive) {
		c->state = ENDED;
		conn_close(c->conn, CONN_FLUSH);
		return;
	}
	sandbox_request_clear(&c->request);
	conn_throttle(c->conn, 0, 0);
	c->state = READING_HEAD;
}

/* Sends bytes of the body, as many as the fault allows. False: no more will be sent. */
static bool write_body(struct server_conn *c, const char *p, size_t len)
{
	size_t n = c->body_limit >= 0 && (int64_t)len > c->body_limit ? (size_t)c->body_limit : len;

	conn_write(c->conn, p, n);
	if (c->body_limit < 0)
		return true;
	c->body_limit -= (int64_t)n;
	if (c->body_limit > 0)
		return true;
	c->state = ENDED;
	if (c->fault->kind == FAULT_CUT)
		conn_close(c->conn, CONN_FLUSH);
	return false;
}

/* Queues more of the file. True: all of it is queued. */
static bool send_file(struct server_conn *c)
{
	struct response *response = &c->response;
	char chunk[FILE_CHUNK];

	while (response->left && !conn_closing(c->conn) && conn_queued(c->conn) < FILE_QUEUE) {
		size_t len = response->left < FILE_CHUNK ? (size_t)response->left : FILE_CHUNK;
		ssize_t n = pread(c->s->world.objects_fd, chunk, len,
			(off_t)response->object->slot * OBJECT_SLOT + response->from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			c->state = ENDED;
			conn_close(c->conn, CONN_RESET);
			return false;
		}
		response->from += n;
		response->left -= n;
		if (!write_body(c, chunk, (size_t)n))
			return false;
	}
	return !response->left;
}

/* Requests with credentials need the origin itself in Access-Control-Allow-Origin, not "*". */
static const char *browser_origin(const struct server_conn *c)
{
	return c->request.path ? sandbox_request_header(&c->request, "origin") : NULL;
}

static void send_head(struct server_conn *c)
{
	struct buf head;

	record(c, c->response.status);
	buf_init(&head, 64 * 1024);
	response_head(&c->response, browser_origin(c), c->request.keep_alive, sandbox_time(c->s), &head);
	conn_write(c->conn, head.data, head.len);
	buf_release(&head);
}

/* The whole response is queued. The next one must not be throttled, so this one has to be sent first. */
static void response_queued(struct server_conn *c)
{
	if (c->fault && c->fault->kind == FAULT_TRICKLE && conn_queued(c->conn))
		c->state = SENDING;
	else
		next_request(c);
}

static void send_response(struct server_conn *c)
{
	struct response *response = &c->response;

	send_head(c);
	c->state = SENDING;
	if (c->request.method && !strcmp(c->request.method, "HEAD")) {
		response->left = 0;
		buf_clear(&response->body);
	}
	if (response->object ? send_file(c)
			     : !response->body.len || write_body(c, response->body.data, response->body.len))
		response_queued(c);
}

static void add_retry_after(const struct sandbox *s, struct response *response, const struct fault *fault)
{
	struct buf text;

	buf_init(&text, 64);
	if (fault->date)
		response_date(&text, sandbox_time(s) + 2000);
	else if (fault->number >= 0)
		buf_addf(&text, "%lld", (long long)fault->number);
	if (text.len)
		response_header(response, "Retry-After", text.data);
	buf_release(&text);
}

/* FAULT_DROP and FAULT_RESET. */
static void cut_off(struct server_conn *c)
{
	record(c, 0);
	c->state = ENDED;
	conn_close(c->conn, c->fault->kind == FAULT_DROP ? CONN_DROP : CONN_RESET);
}

static bool cuts_off(const struct fault *fault)
{
	return fault && (fault->kind == FAULT_DROP || fault->kind == FAULT_RESET);
}

/* Prepares the response of a fault that prevents processing. False: the fault is of another kind. */
static bool fault_responds(struct server_conn *c)
{
	struct response *response = &c->response;
	const struct fault *fault = c->fault;

	switch (fault ? fault->kind : FAULT_NONE) {
	case FAULT_STATUS:
		response_error(response, fault->status, fault->status == 403 ? "POL0001" : "SVC0001", "injected");
		add_retry_after(c->s, response, fault);
		return true;
	case FAULT_HTML:
		response->status = 200;
		response->type = "text/html";
		buf_adds(&response->body,
			"<!DOCTYPE html><html><body><h1>Please log in to the hotel's network</h1></body></html>\n");
		return true;
	case FAULT_EMPTY: response_json(response, 200); return true;
	case FAULT_EARLY: buf_adds(response_json(response, 201), "{}"); return true;
	case FAULT_REDIRECT:
		response->status = 302;
		response_header(response, "Location", fault->url);
		return true;
	default: return false;
	}
}

/* Sends the response as the fault demands. */
static void finish_response(struct server_conn *c)
{
	const struct fault *fault = c->fault;

	c->body_limit = -1;
	switch (fault ? fault->kind : FAULT_NONE) {
	case FAULT_LOST:
	case FAULT_HANG:
		record(c, 0);
		c->state = ENDED;
		if (fault->kind == FAULT_LOST)
			conn_close(c->conn, CONN_DROP);
		return;
	case FAULT_SLOW: c->response.delay_ms = fault->number; break;
	case FAULT_TRICKLE: conn_throttle(c->conn, (size_t)(fault->number ? fault->number : 1), TRICKLE_MS); break;
	case FAULT_CUT:
	case FAULT_STALL: c->body_limit = fault->number; break;
	case FAULT_BADJSON: buf_truncate(&c->response.body, c->response.body.len / 2); break;
	default: break;
	}
	if (c->response.delay_ms > 0) {
		c->state = WAITING;
		net_timer_set(c->timer, c->response.delay_ms);
	} else {
		send_response(c);
	}
}

/* ---- processing ------------------------------------------------------------------------------------------------- */

static void respond_to_preflight(struct call *call)
{
	const char *wanted = sandbox_request_header(call->request, "access-control-request-headers");

	call->response.status = 204;
	response_header(&call->response, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
	response_header(&call->response, "Access-Control-Allow-Headers",
		wanted ? wanted : "Authorization, Content-Type, Accept, X-Cpaas-Agent, Range");
	response_header(&call->response, "Access-Control-Max-Age", "600");
}

static bool is_upload(const struct sandbox_request *r, const char **user)
{
	const char *args[ROUTE_ARGS_MAX];

	return !strcmp(r->method, "POST") && routes_match(r, "cpaas/nms/v1/chat/:user/objects", args, user);
}

static struct call begin_call(struct server_conn *c)
{
	struct call call = {
		.s = c->s,
		.request = &c->request,
		.conn = c->conn,
		.body = c->bytes.data,
		.body_len = c->bytes.len,
		.now = clock_wall_ms(),
	};

	response_init(&call.response);
	return call;
}

/* Moves the response to the connection and releases the rest of the call. */
static void end_call(struct server_conn *c, struct call *call)
{
	c->user = call->user;
	response_release(c->s, &c->response);
	c->response = call->response;
	json_release(&call->doc);
}

static void process(struct server_conn *c)
{
	struct call call;

	if (cuts_off(c->fault)) {
		cut_off(c);
		return;
	}
	if (c->response.status || fault_responds(c)) {
		finish_response(c);
		return;
	}
	call = begin_call(c);
	if (c->too_large) {
		response_error(&call.response, 413, "SVC0002", "body");
		c->request.keep_alive = false;
	} else if (!strcmp(c->request.method, "OPTIONS")) {
		respond_to_preflight(&call);
	} else if (c->upload) {
		call.user = (struct user *)c->user;
		upload_finish(c->upload, &call.response);
	} else {
		routes_call(&call);
	}
	c->socket = call.socket;
	end_call(c, &call);
	if (c->socket) {
		send_head(c);
		c->state = WEBSOCKET;
	} else {
		finish_response(c);
	}
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Authorizes an upload before its body arrives. False: refused, and the response has been sent. */
static bool begin_upload(struct server_conn *c, const char *user)
{
	struct call call = begin_call(c);

	if (token_authorize(&call) && strcmp(call.user->id, user) != 0)
		response_forbidden(&call.response, "userId");
	if (!call.response.status)
		c->upload = upload_new(c->s, call.user, sandbox_request_header(&c->request, "content-type"));
	end_call(c, &call);
	if (c->upload)
		return true;
	c->request.keep_alive = false; /* instead of reading the body */
	finish_response(c);
	return false;
}

static void refuse(struct server_conn *c, int status)
{
	c->request.keep_alive = false;
	response_error(&c->response, status, "SVC0001", "request");
	finish_response(c);
}

static void head_complete(struct server_conn *c)
{
	struct sandbox_request *r = &c->request;
	int refused = sandbox_request_parse(r);
	const char *user;

	c->requests++;
	if (refused) {
		r->path = NULL; /* nothing in it is trustworthy */
		refuse(c, refused);
		return;
	}
	c->fault = faults_next(&c->s->faults, r->method, r->segments, r->segment_count);
	sandbox_request_body_start(&c->body, r);
	c->state = READING_BODY;
	if (fault_responds(c)) {
		c->ignore_body = is_upload(r, &user);
		if (c->fault->kind == FAULT_EARLY) {
			c->responded = true; /* the connection continues after the body */
			send_head(c);
			conn_write(c->conn, c->response.body.data, c->response.body.len);
			return;
		}
	} else if (is_upload(r, &user)) {
		c->ignore_body = cuts_off(c->fault);
		if (!c->ignore_body && !begin_upload(c, user))
			return;
	}
	if (!r->chunked && r->length > BODY_MAX && !c->upload && !c->ignore_body) {
		c->too_large = true;
		process(c);
		return;
	}
	if (r->expects_continue)
		conn_write(c->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void body_data(struct server_conn *c, const char *p, size_t len)
{
	if (cuts_off(c->fault) && c->fault->number >= 0 && c->body.total >= c->fault->number)
		cut_off(c);
	else if (c->responded || c->ignore_body || c->too_large)
		return;
	else if (c->upload)
		upload_add(c->upload, p, len);
	else if (!buf_add(&c->bytes, p, len))
		c->too_large = true;
}

/* One step in `state`; returns how many bytes it used. */
static size_t step(struct server_conn *c, const char *p, size_t len)
{
	size_t used = len, from, n;
	enum body_result result;

	switch (c->state) {
	case READING_HEAD:
		if (sandbox_request_add(&c->request, p, len, &used))
			head_complete(c);
		return used;
	case READING_BODY:
		result = sandbox_request_body(&c->body, p, len, &used, &from, &n);
		if (n)
			body_data(c, p + from, n);
		if (c->state != READING_BODY)
			return len;
		if (result == BODY_BAD)
			refuse(c, 400);
		else if (c->too_large)
			process(c);
		else if (result == BODY_DONE && c->responded)
			next_request(c);
		else if (result == BODY_DONE)
			process(c);
		return used;
	case WEBSOCKET: socket_input(c->socket, p, len); return len;
	case WAITING:
	case SENDING:
	case ENDED: break;
	}
	return len;
}

static bool is_responding(const struct server_conn *c)
{
	return c->state == WAITING || c->state == SENDING;
}

static void feed(struct server_conn *c, const char *p, size_t len)
{
	c->feeding = true;
	do {
		size_t used;

		if (is_responding(c)) {
			if (len && !buf_add(&c->backlog, p, len))
				conn_close(c->conn, CONN_RESET);
			conn_hold(c->conn, true);
			break;
		}
		/* an empty body is complete without further input */
		if (!len && !(c->state == READING_BODY && !c->body.left && !c->body.chunked))
			break;
		used = step(c, p, len);
		p += used;
		len -= used;
	} while (!conn_closing(c->conn));
	c->feeding = false;
}

/* After a response that took time: reads on, with the backlog first. */
static void resume(struct server_conn *c)
{
	struct buf backlog = c->backlog;

	if (is_responding(c) || c->feeding)
		return;
	buf_init(&c->backlog, BACKLOG_MAX);
	conn_hold(c->conn, false);
	feed(c, backlog.data, backlog.len);
	buf_release(&backlog);
}

/* ---- events of the connection ----------------------------------------------------------------------------------- */

static void send_delayed(void *arg)
{
	struct server_conn *c = arg;

	send_response(c);
	resume(c);
}

static void *server_open(void *arg, struct conn *conn)
{
	struct server_conn *c = xcalloc(1, sizeof(*c));

	c->s = arg;
	c->conn = conn;
	c->body_limit = -1;
	sandbox_request_init(&c->request);
	response_init(&c->response);
	buf_init_secret(&c->bytes, BODY_MAX);
	buf_init(&c->backlog, BACKLOG_MAX);
	c->timer = net_timer_new(c->s->net, send_delayed, c);
	return c;
}

static void server_input(void *user, const char *p, size_t len)
{
	feed(user, p, len);
}

static void server_drained(void *user)
{
	struct server_conn *c = user;

	if (c->state == WEBSOCKET && socket_user(c->socket))
		burst_drained(c->s, socket_user(c->socket));
	if (c->state != SENDING)
		return;
	if (send_file(c))
		response_queued(c);
	resume(c);
}

static void server_closed(void *user)
{
	struct server_conn *c = user;

	if (c->socket)
		socket_closed(c->socket);
	net_timer_free(c->timer);
	response_release(c->s, &c->response);
	upload_free(c->upload);
	sandbox_request_release(&c->request);
	buf_release(&c->bytes);
	buf_release(&c->backlog);
	free(c);
}

const struct net_handler server_handler = { server_open, server_input, server_drained, server_closed };
