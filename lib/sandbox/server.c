/*
 * One connection: requests come in, answers go out, one at a time; or it has become a WebSocket. What comes while an
 * answer is under way waits, held back by TCP's own flow control.
 */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	FILE_CHUNK = 128 * 1024,
	FILE_QUEUE = 256 * 1024, /* more of a file is read once less than that is waiting */
	BACKLOG_MAX = 256 * 1024,
	TRICKLE_MS = 10,
};

enum client_state {
	READING_HEAD,
	READING_BODY,
	WAITING, /* the answer is delayed */
	SENDING, /* the answer is a file that is on its way */
	SPEAKING_WEBSOCKET,
	ENDED, /* nothing that comes is looked at any more */
};

struct client {
	struct sandbox *s;
	struct conn *conn;
	enum client_state state;
	struct request request;
	struct body body;
	struct buf bytes; /* of the body */
	bool too_large;
	bool answered; /* before the body came, which is read and thrown away */
	bool ignore_body; /* what will be answered does not depend on it */
	struct upload *upload;
	struct buf backlog; /* came while WAITING or SENDING */
	bool feeding; /* client_feed() is at work further up the stack */
	uint64_t requests;
	const struct fault *fault;
	struct answer answer;
	int64_t body_limit; /* FAULT_CUT, FAULT_STALL: bytes of the body still to go out; -1: all */
	struct net_timer *timer; /* FAULT_SLOW */
	struct auth auth;
	const struct user *user; /* for the record */
	struct socket *socket;
};

/* ---- the record ----------------------------------------------------------------------------------------------- */

static void record_it(struct client *client, int status)
{
	struct record_entry entry = {
		.connection = conn_number(client->conn),
		.number = client->requests,
		.request = &client->request,
		.user = client->user,
		.body = client->bytes.data,
		.body_len = client->bytes.len,
		.bytes = client->body.total,
		.status = status,
		.fault = client->fault,
	};

	if (!client->s->record)
		return;
	if (client->upload)
		entry.part_count = upload_parts(client->upload, &entry.parts);
	record_request(client->s->record, &entry);
}

/* ---- sending the answer --------------------------------------------------------------------------------------- */

static void next_request(struct client *client)
{
	answer_release(client->s, &client->answer);
	answer_init(&client->answer); /* a status left over would count as this request's answer */
	upload_free(client->upload);
	client->upload = NULL;
	client->fault = NULL;
	client->user = NULL;
	client->too_large = client->answered = client->ignore_body = false;
	buf_clear(&client->bytes);
	if (!client->request.keep_alive) {
		client->state = ENDED;
		conn_close(client->conn, CONN_FLUSH);
		return;
	}
	sandbox_request_clear(&client->request);
	conn_pace(client->conn, 0, 0);
	client->state = READING_HEAD;
}

/* Bytes of the body go out, as many as the fault lets through. False: no more of them will. */
static bool write_body(struct client *client, const char *p, size_t len)
{
	size_t n = client->body_limit >= 0 && (int64_t)len > client->body_limit ? (size_t)client->body_limit : len;

	conn_write(client->conn, p, n);
	if (client->body_limit < 0)
		return true;
	client->body_limit -= (int64_t)n;
	if (client->body_limit > 0)
		return true;
	client->state = ENDED;
	if (client->fault->kind == FAULT_CUT)
		conn_close(client->conn, CONN_FLUSH);
	return false;
}

/* More of the file, while the connection takes it. True once it is all queued. */
static bool send_file(struct client *client)
{
	struct answer *answer = &client->answer;
	char chunk[FILE_CHUNK];

	while (answer->left && !conn_closing(client->conn) && conn_queued(client->conn) < FILE_QUEUE) {
		size_t len = answer->left < FILE_CHUNK ? (size_t)answer->left : FILE_CHUNK;
		ssize_t n = pread(client->s->world.objects_fd, chunk, len,
			(off_t)answer->object->slot * OBJECT_SLOT + answer->from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			client->state = ENDED;
			conn_close(client->conn, CONN_RESET);
			return false;
		}
		answer->from += n;
		answer->left -= n;
		if (!write_body(client, chunk, (size_t)n))
			return false;
	}
	return !answer->left;
}

/* "*" or a list of headers that the page may read is not for credentials, so the origin itself is named. */
static const char *browser_origin(const struct client *client)
{
	return client->request.path ? sandbox_request_header(&client->request, "origin") : NULL;
}

static void send_head(struct client *client)
{
	struct buf head;

	record_it(client, client->answer.status);
	buf_init(&head, 64 * 1024);
	answer_head(&client->answer, browser_origin(client), client->request.keep_alive, sandbox_time(client->s),
		&head);
	conn_write(client->conn, head.data, head.len);
	buf_release(&head);
}

static void send_answer(struct client *client)
{
	struct answer *answer = &client->answer;

	send_head(client);
	if (client->request.method && !strcmp(client->request.method, "HEAD")) {
		next_request(client);
	} else if (answer->object) {
		client->state = SENDING;
		if (send_file(client))
			next_request(client);
	} else if (!answer->body.len || write_body(client, answer->body.data, answer->body.len)) {
		next_request(client);
	}
}

static void add_retry_after(const struct sandbox *s, struct answer *answer, const struct fault *fault)
{
	struct buf text;

	buf_init(&text, 64);
	if (fault->date)
		answer_date(&text, sandbox_time(s) + 2000);
	else if (fault->number >= 0)
		buf_addf(&text, "%lld", (long long)fault->number);
	if (text.len)
		answer_header(answer, "Retry-After", text.data);
	buf_release(&text);
}

/* FAULT_DROP and FAULT_RESET. */
static void cut_off(struct client *client)
{
	record_it(client, 0);
	client->state = ENDED;
	conn_close(client->conn, client->fault->kind == FAULT_DROP ? CONN_DROP : CONN_RESET);
}

static bool cuts_off(const struct fault *fault)
{
	return fault && (fault->kind == FAULT_DROP || fault->kind == FAULT_RESET);
}

/* The answer of a fault that keeps the request from being processed. False: this fault does not. */
static bool fault_answers(struct client *client)
{
	struct answer *answer = &client->answer;
	const struct fault *fault = client->fault;

	switch (fault ? fault->kind : FAULT_NONE) {
	case FAULT_STATUS:
		answer_error(answer, fault->status, fault->status == 403 ? "POL0001" : "SVC0001",
			"A service error occurred. Error code is %1", "ordered");
		add_retry_after(client->s, answer, fault);
		return true;
	case FAULT_HTML:
		answer->status = 200;
		answer->type = "text/html";
		buf_adds(&answer->body,
			"<!DOCTYPE html><html><body><h1>Please log in to the hotel's network</h1></body></html>\n");
		return true;
	case FAULT_EMPTY:
		answer->status = 200;
		answer->type = "application/json";
		return true;
	case FAULT_EARLY:
		answer->status = 201;
		answer->type = "application/json";
		buf_adds(&answer->body, "{}");
		return true;
	case FAULT_REDIRECT:
		answer->status = 302;
		answer_header(answer, "Location", fault->url);
		return true;
	default: return false;
	}
}

/* The processed answer goes out as the fault wants it. */
static void finish_answer(struct client *client)
{
	const struct fault *fault = client->fault;

	client->body_limit = -1;
	switch (fault ? fault->kind : FAULT_NONE) {
	case FAULT_LOST:
	case FAULT_HANG:
		record_it(client, 0);
		client->state = ENDED;
		if (fault->kind == FAULT_LOST)
			conn_close(client->conn, CONN_DROP);
		return;
	case FAULT_SLOW: client->answer.delay_ms = fault->number; break;
	case FAULT_TRICKLE: conn_pace(client->conn, (size_t)(fault->number ? fault->number : 1), TRICKLE_MS); break;
	case FAULT_CUT:
	case FAULT_STALL: client->body_limit = fault->number; break;
	case FAULT_BADJSON: buf_truncate(&client->answer.body, client->answer.body.len / 2); break;
	default: break;
	}
	if (client->answer.delay_ms > 0) {
		client->state = WAITING;
		net_timer_set(client->timer, client->answer.delay_ms);
	} else {
		send_answer(client);
	}
}

/* ---- processing ----------------------------------------------------------------------------------------------- */

static void answer_preflight(struct call *call)
{
	const char *wanted = sandbox_request_header(call->request, "access-control-request-headers");

	call->answer.status = 204;
	answer_header(&call->answer, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
	answer_header(&call->answer, "Access-Control-Allow-Headers",
		wanted ? wanted : "Authorization, Content-Type, Accept, X-Cpaas-Agent, Range");
	answer_header(&call->answer, "Access-Control-Max-Age", "600");
}

static bool is_upload(const struct request *r)
{
	return r->segment_count == 6 && !strcmp(r->method, "POST") && !strcmp(r->segments[0], "cpaas") &&
		!strcmp(r->segments[1], "nms") && !strcmp(r->segments[2], "v1") && !strcmp(r->segments[3], "chat") &&
		!strcmp(r->segments[5], "objects");
}

static bool is_websocket(const struct request *r)
{
	return r->segment_count == 7 && !strcmp(r->method, "GET") && !strcmp(r->segments[0], "cpaas") &&
		!strcmp(r->segments[1], "notificationchannel") && !strcmp(r->segments[2], "v1") &&
		!strcmp(r->segments[4], "channels") && !strcmp(r->segments[6], "websocket");
}

static struct call begin_call(struct client *client)
{
	struct call call = {
		.s = client->s,
		.request = &client->request,
		.auth = &client->auth,
		.body = client->bytes.data,
		.body_len = client->bytes.len,
		.now = clock_wall_ms(),
	};

	answer_init(&call.answer);
	return call;
}

/* The answer moves to the client, and the rest of the call goes. */
static void end_call(struct client *client, struct call *call)
{
	client->user = call->user;
	answer_release(client->s, &client->answer);
	client->answer = call->answer;
	json_release(&call->doc);
}

static void open_socket(struct client *client, struct call *call)
{
	client->socket = socket_open(call, client->conn);
	end_call(client, call);
	if (!client->socket) {
		finish_answer(client);
		return;
	}
	send_head(client);
	client->state = SPEAKING_WEBSOCKET;
}

static void process(struct client *client)
{
	struct call call;

	if (cuts_off(client->fault)) {
		cut_off(client);
		return;
	}
	if (client->answer.status || fault_answers(client)) {
		finish_answer(client);
		return;
	}
	call = begin_call(client);
	if (client->too_large) {
		answer_error(&call.answer, 413, "SVC0002", "Invalid input value for message part %1", "body");
		client->request.keep_alive = false;
	} else if (!strcmp(client->request.method, "OPTIONS")) {
		answer_preflight(&call);
	} else if (client->upload) {
		call.user = (struct user *)client->user;
		upload_finish(client->upload, &call.answer, call.now);
	} else if (is_websocket(&client->request)) {
		open_socket(client, &call);
		return;
	} else {
		call_route(&call);
	}
	end_call(client, &call);
	finish_answer(client);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/*
 * An upload is looked at before its body comes: who may not do it hears so at once. False: the answer has been given.
 */
static bool begin_upload(struct client *client)
{
	struct call call = begin_call(client);

	if (call_authorize(&call) && strcmp(call.user->id, client->request.segments[4]) != 0)
		answer_error(&call.answer, 403, "POL0001", "A policy error occurred. Error code is %1", "userId");
	if (!call.answer.status)
		client->upload =
			upload_new(client->s, call.user, sandbox_request_header(&client->request, "content-type"));
	end_call(client, &call);
	if (client->upload)
		return true;
	client->request.keep_alive = false; /* the body that follows is not worth reading */
	finish_answer(client);
	return false;
}

static void refuse(struct client *client, int status)
{
	client->request.keep_alive = false;
	answer_error(&client->answer, status, "SVC0001", "A service error occurred. Error code is %1",
		status_text(status));
	finish_answer(client);
}

static void head_complete(struct client *client)
{
	struct request *r = &client->request;
	int refused = sandbox_request_parse(r);

	client->requests++;
	if (refused) {
		r->path = NULL; /* nothing of it can be trusted */
		refuse(client, refused);
		return;
	}
	client->fault = faults_next(&client->s->faults, r->method, r->segments, r->segment_count);
	body_start(&client->body, r);
	client->state = READING_BODY;
	if (fault_answers(client)) {
		client->ignore_body = is_upload(r);
		if (client->fault->kind == FAULT_EARLY) {
			client->answered = true; /* and the connection goes on once the body is through */
			send_head(client);
			conn_write(client->conn, client->answer.body.data, client->answer.body.len);
			return;
		}
	} else if (is_upload(r)) {
		client->ignore_body = cuts_off(client->fault);
		if (!client->ignore_body && !begin_upload(client))
			return;
	}
	if (!r->chunked && r->length > BODY_MAX && !client->upload && !client->ignore_body) {
		client->too_large = true;
		process(client);
		return;
	}
	if (r->expects_continue)
		conn_write(client->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void body_data(struct client *client, const char *p, size_t len)
{
	if (cuts_off(client->fault) && client->fault->number >= 0 && client->body.total >= client->fault->number)
		cut_off(client);
	else if (client->answered || client->ignore_body || client->too_large)
		return;
	else if (client->upload)
		upload_take(client->upload, p, len);
	else if (!buf_add(&client->bytes, p, len))
		client->too_large = true;
}

/* One step in `state`; returns how many bytes it used. */
static size_t step(struct client *client, const char *p, size_t len)
{
	size_t used = len, from, n;
	enum body_result result;

	switch (client->state) {
	case READING_HEAD:
		if (sandbox_request_take(&client->request, p, len, &used))
			head_complete(client);
		return used;
	case READING_BODY:
		result = body_take(&client->body, p, len, &used, &from, &n);
		if (n)
			body_data(client, p + from, n);
		if (client->state != READING_BODY)
			return len;
		if (result == BODY_BAD)
			refuse(client, 400);
		else if (client->too_large)
			process(client);
		else if (result == BODY_DONE && client->answered)
			next_request(client);
		else if (result == BODY_DONE)
			process(client);
		return used;
	case SPEAKING_WEBSOCKET: socket_input(client->socket, p, len); return len;
	case WAITING:
	case SENDING:
	case ENDED: break;
	}
	return len;
}

static bool is_answering(const struct client *client)
{
	return client->state == WAITING || client->state == SENDING;
}

static void client_feed(struct client *client, const char *p, size_t len)
{
	client->feeding = true;
	do {
		size_t used;

		if (is_answering(client)) {
			if (len && !buf_add(&client->backlog, p, len))
				conn_close(client->conn, CONN_RESET);
			conn_hold(client->conn, true);
			break;
		}
		/* a body of no bytes is complete before anything more comes */
		if (!len && !(client->state == READING_BODY && !client->body.left && !client->body.chunked))
			break;
		used = step(client, p, len);
		p += used;
		len -= used;
	} while (!conn_closing(client->conn));
	client->feeding = false;
}

/* An answer that took its time is out: what came meanwhile is next. */
static void answered(struct client *client)
{
	struct buf backlog = client->backlog;

	if (is_answering(client) || client->feeding)
		return;
	buf_init(&client->backlog, BACKLOG_MAX);
	conn_hold(client->conn, false);
	client_feed(client, backlog.data, backlog.len);
	buf_release(&backlog);
}

/* ---- called by the connection --------------------------------------------------------------------------------- */

static void slow_answer(void *arg)
{
	struct client *client = arg;

	send_answer(client);
	answered(client);
}

static void *server_open(void *arg, struct conn *conn)
{
	struct client *client = xcalloc(1, sizeof(*client));

	client->s = arg;
	client->conn = conn;
	client->body_limit = -1;
	sandbox_request_init(&client->request);
	answer_init(&client->answer);
	buf_init_secret(&client->bytes, BODY_MAX);
	buf_init_secret(&client->auth.token, REQUEST_HEAD_MAX);
	buf_init(&client->backlog, BACKLOG_MAX);
	client->timer = net_timer_new(client->s->net, slow_answer, client);
	return client;
}

static void server_input(void *user, const char *p, size_t len)
{
	client_feed(user, p, len);
}

static void server_drained(void *user)
{
	struct client *client = user;

	if (client->state == SPEAKING_WEBSOCKET)
		socket_drained(client->socket);
	if (client->state != SENDING)
		return;
	if (send_file(client))
		next_request(client);
	answered(client);
}

static void server_closed(void *user)
{
	struct client *client = user;

	if (client->socket)
		socket_closed(client->socket);
	net_timer_free(client->timer);
	answer_release(client->s, &client->answer);
	upload_free(client->upload);
	sandbox_request_release(&client->request);
	buf_release(&client->bytes);
	buf_release(&client->auth.token);
	buf_release(&client->backlog);
	free(client);
}

const struct net_handler server_handler = { server_open, server_input, server_drained, server_closed };
