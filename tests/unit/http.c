/* Requests to a scripted server: phases of failure, limits, reused connections, many at once. */
#include "http/http-int.h"

#include "base/interrupt.h"
#include "base/mem.h"

#include "../lib/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- server: one thread, and one for each connection ---- */

struct server;
typedef void answer(struct server *server, int fd); /* one connection, from its first byte; does not close */

static struct server {
	int listener;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	answer *answer;
	/* Since client() was called; an abandoned connection of an earlier test may still be accepted and counted. */
	unsigned connections, requests, open;
	bool interrupted; /* the request of test_interrupt() was received */
	char last[1 << 21]; /* the last request, headers and body */
} server = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct connection {
	int fd;
};

/* Reads one request with its body; false at the end of the connection. */
static bool read_request(struct server *s, int fd)
{
	char *text = xmalloc(sizeof(s->last)), *body, *header;
	size_t len = 0, want = 0;

	for (;;) {
		ssize_t n = read(fd, text + len, sizeof(s->last) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		body = memmem(text, len, "\r\n\r\n", 4);
		if (!body)
			continue;
		header = strcasestr(text, "\r\ncontent-length:");
		want = header && header < body ? (size_t)strtol(header + 17, NULL, 10) : 0;
		if (strcasestr(text, "\r\ntransfer-encoding: chunked") &&
			!memmem(body, len - (size_t)(body - text), "\r\n0\r\n\r\n", 7))
			continue;
		if (len - (size_t)(body + 4 - text) < want)
			continue;
		pthread_mutex_lock(&s->lock);
		memcpy(s->last, text, len + 1);
		s->requests++;
		s->interrupted |= strstr(text, "/interrupted") != NULL;
		pthread_mutex_unlock(&s->lock);
		free(text);
		return true;
	}
	free(text);
	return false;
}

static void say(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void wait_for_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

static void *serve_one(void *arg)
{
	struct connection *connection = arg;

	server.answer(&server, connection->fd);
	close(connection->fd);
	free(connection);
	pthread_mutex_lock(&server.lock);
	server.open--;
	pthread_cond_broadcast(&server.changed);
	pthread_mutex_unlock(&server.lock);
	return NULL;
}

static void *serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(server.listener, NULL, NULL)) >= 0) {
		struct connection *connection = xmalloc(sizeof(*connection));
		pthread_t thread;

		connection->fd = fd;
		pthread_mutex_lock(&server.lock);
		server.connections++;
		server.open++;
		pthread_mutex_unlock(&server.lock);
		pthread_create(&thread, NULL, serve_one, connection);
		pthread_detach(thread);
	}
	return NULL;
}

static void server_start(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server.listener, (struct sockaddr *)&address, len) || listen(server.listener, 256) ||
		getsockname(server.listener, (struct sockaddr *)&address, &len)) {
		perror("# cannot listen");
		exit(1);
	}
	server.port = ntohs(address.sin_port);
	pthread_create(&server.thread, NULL, serve, NULL);
}

static void server_stop(void)
{
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	pthread_mutex_lock(&server.lock);
	while (server.open)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
}

/* ---- behaviours of the server ---- */

#define OK_201 "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static void answer_well(struct server *s, int fd)
{
	while (read_request(s, fd))
		say(fd, OK_201);
}

static void answer_by_reset(struct server *s, int fd)
{
	(void)s;
	reset(fd);
}

static void answer_reset_after_request(struct server *s, int fd)
{
	read_request(s, fd);
	reset(fd);
}

static void answer_close_after_request(struct server *s, int fd)
{
	read_request(s, fd);
}

static void answer_never(struct server *s, int fd)
{
	read_request(s, fd);
	wait_for_end(fd);
}

static void answer_half_success(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

static void answer_half_refusal(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf");
}

static void answer_half_header(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 200 O");
}

static void answer_stall(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	wait_for_end(fd);
}

static void answer_garbage(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static size_t answer_size; /* of the body, or of all headers */

static void answer_body(struct server *s, int fd)
{
	char head[100], *body = xcalloc(1, answer_size + 1);

	memset(body, 'x', answer_size);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", answer_size);
	read_request(s, fd);
	say(fd, head);
	say(fd, body);
	free(body);
}

static void answer_headers(struct server *s, int fd)
{
	char *all = xcalloc(1, answer_size + 1), *p = all;

	p += sprintf(p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	while (p < all + answer_size - 2) {
		size_t left = (size_t)(all + answer_size - 2 - p),
		       n = left < 1000 ? left
			: left < 1100  ? left / 2
				       : 1000;

		memcpy(p, "X-Long:", 7);
		memset(p + 7, 'x', n - 9);
		memcpy(p + n - 2, "\r\n", 2);
		p += n;
	}
	memcpy(p, "\r\n", 2);
	read_request(s, fd);
	say(fd, all);
	free(all);
}

static const char *answer_head;

/* answer_head, and a body that is sent byte by byte until the client closes. */
static void answer_dripping(struct server *s, int fd)
{
	struct pollfd gone = { .fd = fd, .events = POLLRDHUP };

	read_request(s, fd);
	say(fd, answer_head);
	while (!poll(&gone, 1, 50))
		say(fd, "x");
}

/* answer_head, and the start of a gzip stream without any content. */
static void answer_empty_gzip(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, answer_head);
	say(fd, "3\r\n\x1f\x8b\x08\r\n0\r\n\r\n");
	wait_for_end(fd);
}

static void answer_with_everything(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nETag: early\r\n\r\n");
	say(fd,
		"HTTP/1.1 206 Partial Content\r\ncontent-type:  text/plain; charset=utf-8 \r\nETag: \"e1\"\r\n"
		"Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Range: bytes 5-9/10\r\nLocation: /elsewhere?a=b\r\n"
		"Retry-After: 7\r\nTransfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n5\r\nhello\r\n0\r\nETag: trailing\r\n\r\n");
}

/* A server whose clock is years behind, with a Retry-After of five seconds. */
static void answer_later(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd,
		"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2015 07:28:05 GMT\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
		"Content-Length: 0\r\n\r\n");
}

static void answer_later_undated(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2015 07:28:05 GMT\r\nContent-Length: 0\r\n\r\n");
}

static void answer_redirect(struct server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n");
}

static void answer_refusal(struct server *s, int fd)
{
	while (read_request(s, fd))
		say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nno way");
}

/*
 * The first request is answered, and the second one on its connection is read and left alone; other connections work.
 */
static void answer_once_then_close(struct server *s, int fd)
{
	bool first;

	if (!read_request(s, fd))
		return;
	pthread_mutex_lock(&s->lock);
	first = s->requests == 1;
	pthread_mutex_unlock(&s->lock);
	say(fd, OK_201);
	while (read_request(s, fd) && !first)
		say(fd, OK_201);
}

/* ---- the client ---- */

static struct tls_trust trust;
static char url[64];
static struct secret token;

static struct http *client_within(answer *how, int64_t timeout_ms)
{
	struct http_config config = { .trust = &trust,
		.proxy = "",
		.agent = "kandy/test",
		.connect_timeout_ms = 60000,
		.timeout_ms = timeout_ms };
	pthread_mutex_lock(&server.lock);
	while (server.open)
		pthread_cond_wait(&server.changed, &server.lock);
	server.answer = how;
	server.connections = server.requests = 0;
	server.last[0] = '\0';
	pthread_mutex_unlock(&server.lock);
	return http_new(&config);
}

static struct http *client(answer *how)
{
	return client_within(how, 120000);
}

static struct http_request get(void)
{
	return (struct http_request){ .method = "GET", .url = url, .bearer = &token };
}

static struct http_request post(void)
{
	return (struct http_request){ .method = "POST",
		.url = url,
		.bearer = &token,
		.content_type = "application/json",
		.body = "{\"a\":1}",
		.body_len = 7 };
}

/* ---- tests ---- */

static size_t active(const struct http *http)
{
	size_t n = 0;

	for (const struct transfer *t = http->transfers; t; t = t->next)
		n++;
	return n;
}

static void test_failure(const char *what, answer *how, struct http_request request, enum status wanted,
	enum err_outcome outcome, int http_status, const char *text)
{
	struct http *http = client(how);
	struct http_response response;
	struct err err = ERR_INIT;
	enum status status = http_perform(http, &request, &response, &err);

	if (!tap_ok(status == wanted && err.status == wanted && err.outcome == outcome && err.http == http_status &&
			    strstr(err.text, text),
		    what))
		printf("# status %d outcome %d http %d: %s\n", status, err.outcome, err.http, err.text);
	tap_ok(!response.status && !response.body.data, "... there is no response");
	tap_int((intmax_t)active(http), 0, "... no transfer is left");
	http_response_release(&response);
	http_free(http);
}

static void test_phases(void)
{
	struct http_request short_get = get(), slow_get = get(), elsewhere = get(), post_elsewhere = post();
	char nowhere[100], not_found[100];

	short_get.timeout_ms = 1500;
	slow_get.timeout_ms = -1;
	slow_get.low_speed_time_ms = 900;
	/* the label is too long: no name server is asked, which might be slow or resolve every name */
	snprintf(nowhere, sizeof(nowhere), "http://%064d.invalid/", 0);
	snprintf(not_found, sizeof(not_found), "cannot resolve host '%064d.invalid'", 0);
	elsewhere.url = nowhere;
	post_elsewhere.url = "http://127.0.0.1:1/";
	test_failure("unknown host", answer_well, elsewhere, ST_UNAVAILABLE, ERR_NOT_SENT, 0, not_found);
	test_failure("refused", answer_well, post_elsewhere, ST_UNAVAILABLE, ERR_NOT_SENT, 0,
		"cannot connect to '127.0.0.1:1': Conn");
	test_failure("reset after the POST", answer_reset_after_request, post(), ST_TEMPFAIL, ERR_MAYBE_SENT, 0,
		"closed the connection without a response");
	test_failure("closed after the POST", answer_close_after_request, post(), ST_TEMPFAIL, ERR_MAYBE_SENT, 0,
		"closed the connection without a response");
	test_failure("an incomplete status line", answer_half_header, post(), ST_TEMPFAIL, ERR_MAYBE_SENT, 0,
		"closed the connection");
	test_failure("an incomplete response", answer_half_success, post(), ST_TEMPFAIL, ERR_MAYBE_SENT, 200,
		"lost during the response");
	test_failure("no response in time", answer_never, short_get, ST_TEMPFAIL, ERR_MAYBE_SENT, 0,
		"no response from '127.0.0.1:");
	test_failure("no response in time, with the host", answer_never, short_get, ST_TEMPFAIL, ERR_MAYBE_SENT, 0,
		"within 1.5 s");
	test_failure("an incomplete response in time", answer_stall, short_get, ST_TEMPFAIL, ERR_MAYBE_SENT, 200,
		"incomplete after 1.5 s");
	test_failure("stalled", answer_never, slow_get, ST_TEMPFAIL, ERR_MAYBE_SENT, 0, "stalled: no data for");
	test_failure("no HTTP", answer_garbage, post(), ST_PROTOCOL, ERR_MAYBE_SENT, 0, "invalid HTTP response");
}

static void test_half_refusal(void)
{
	struct http *http = client(answer_half_refusal);
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &response, &err), ST_OK, "an incomplete error response is a response");
	tap_int(response.status, 404, "... its status");
	http_response_release(&response);
	http_free(http);
}

/* The reset may be detected while connecting, sending or receiving. */
static void test_reset_at_once(void)
{
	struct http *http = client(answer_by_reset);
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;
	enum status status = http_perform(http, &request, &response, &err);

	tap_ok(status == ST_TEMPFAIL || status == ST_UNAVAILABLE, "reset at once");
	tap_int(server.requests, 0, "... no request was read");
	tap_ok(err.retryable, "... is retryable");
	http_response_release(&response);
	http_free(http);
}

static void test_limits(void)
{
	struct http_request request = get();
	struct http_response response;
	struct err err = ERR_INIT;
	struct http *http;
	static char long_line[150000];

	request.max_body = 100000;
	for (size_t size = request.max_body - 1; size <= request.max_body; size++) {
		answer_size = size;
		http = client(answer_body);
		tap_int(http_perform(http, &request, &response, &err), ST_OK, "a body up to the limit");
		tap_int((intmax_t)response.body.len, (intmax_t)size, "... is complete");
		http_response_release(&response);
		http_free(http);
	}
	answer_size = request.max_body + 1;
	test_failure("a body over the limit", answer_body, request, ST_PROTOCOL, ERR_MAYBE_SENT, 200,
		"larger than 100000 bytes");
	for (answer_size = 64 * 1024 - 1; answer_size <= 64 * 1024; answer_size++) {
		http = client(answer_headers);
		tap_int(http_perform(http, &request, &response, &err), ST_OK, "headers up to the limit");
		http_response_release(&response);
		http_free(http);
	}
	test_failure("headers over the limit", answer_headers, get(), ST_PROTOCOL, ERR_MAYBE_SENT, 0,
		"response headers exceed 64 KiB");
	answer_head = long_line;
	memset(long_line, 'y', sizeof(long_line) - 1);
	memcpy(long_line, "HTTP/1.1 200 OK\r\nX: ", 20);
	test_failure("a single header line over the limit", answer_empty_gzip, get(), ST_PROTOCOL, ERR_MAYBE_SENT, 0,
		"response headers exceed 64 KiB");
}

#define CODING "invalid response: unexpected transfer coding"

static void test_transfer_codings(void)
{
	struct http *http;
	struct http_response response;
	struct http_request request = get();
	struct err err = ERR_INIT;

	answer_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
	test_failure("a transfer coding", answer_empty_gzip, get(), ST_PROTOCOL, ERR_MAYBE_SENT, 200, CODING);
	answer_head = "HTTP/1.1 200 OK\r\nTransfer-encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
	test_failure("a transfer coding in a header line of its own", answer_empty_gzip, get(), ST_PROTOCOL,
		ERR_MAYBE_SENT, 200, CODING);
	answer_head = "HTTP/1.1 404 No\r\nTransfer-Encoding: deflate\r\n\r\n";
	test_failure("a transfer coding of an error response", answer_empty_gzip, get(), ST_PROTOCOL, ERR_REFUSED, 404,
		CODING);
	answer_head = "HTTP/1.1 103 Early\r\nTransfer-Encoding: gzip\r\n\r\n"
		      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n";
	http = client(answer_empty_gzip);
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "chunked alone is accepted");
	tap_int((intmax_t)response.body.len, 3, "... the body is decoded");
	http_response_release(&response);
	http_free(http);
}

static void test_answer_fields(void)
{
	struct http *http = client(answer_with_everything);
	struct http_request request = get();
	struct http_response r;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &r, &err), ST_OK, "a response after an interim one");
	tap_int(r.status, 206, "... status");
	tap_str(r.body.data, "hello", "... body");
	tap_str(r.content_type, "text/plain; charset=utf-8", "... content type, without spaces around it");
	tap_str(r.etag, "\"e1\"", "... the ETag is not that of the interim response or of the trailer");
	tap_str(r.last_modified, "Wed, 21 Oct 2015 07:28:00 GMT", "... Last-Modified");
	tap_str(r.content_range, "bytes 5-9/10", "... Content-Range");
	tap_str(r.location, "/elsewhere?a=b", "... Location");
	tap_int(r.content_length, -1, "... no Content-Length");
	tap_int(r.retry_after_ms, 7000, "... Retry-After");
	http_response_release(&r);
	http_free(http);

	http = client(answer_redirect);
	tap_int(http_perform(http, &request, &r, &err), ST_OK, "a redirect is a response");
	tap_int(r.status, 302, "... is not followed");
	tap_str(r.location, "http://127.0.0.1:1/elsewhere", "... its Location");
	tap_int(r.content_length, 0, "... length");
	tap_str(r.etag, "", "... a missing header is empty");
	tap_int(r.retry_after_ms, -1, "... no Retry-After");
	http_response_release(&r);
	http_free(http);

	http = client(answer_later);
	tap_int(http_perform(http, &request, &r, &err), ST_OK, "a date in Retry-After");
	tap_int(r.retry_after_ms, 5000, "... is relative to Date, which follows it");
	http_response_release(&r);
	http_free(http);

	http = client(answer_later_undated);
	tap_int(http_perform(http, &request, &r, &err), ST_OK, "a date in Retry-After without Date");
	tap_int(r.retry_after_ms, 0, "... is relative to our clock");
	http_response_release(&r);
	http_free(http);
}

static void test_request_text(void)
{
	static const char *const headers[] = { "Accept: application/json", "X-More: 1", NULL };
	static const char *const bad[] = { "X-Evil: a\r\nX-Injected: 1", NULL };
	struct http *http = client(answer_well);
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;
	char *large = xcalloc(1, 1100001);

	request.headers = headers;
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a POST");
	tap_ok(!strncmp(server.last, "POST /path HTTP/1.1\r\n", 21), "... its first line");
	tap_ok(strstr(server.last, "\r\nAuthorization: Bearer a-token-of-some-length\r\n"), "... bearer");
	tap_ok(strstr(server.last, "\r\nX-Cpaas-Agent: kandy/test\r\n"), "... agent");
	tap_ok(strstr(server.last, "\r\nUser-Agent: kandy/test\r\n"), "... User-Agent");
	tap_ok(strstr(server.last, "\r\nContent-Type: application/json\r\n"), "... type");
	tap_ok(strstr(server.last, "\r\nAccept: application/json\r\n"), "... our own header");
	tap_ok(strstr(server.last, "\r\nX-More: 1\r\n"), "... another one");
	tap_ok(!strcasestr(server.last, "\r\nExpect:"), "... no Expect");
	tap_ok(strstr(server.last, "\r\nAccept-Encoding: identity\r\n"), "... no content coding is accepted");
	tap_ok(strstr(server.last, "\r\n\r\n{\"a\":1}"), "... body");
	http_response_release(&response);

	memset(large, 'x', 1100000);
	request.body = large;
	request.body_len = 1100000;
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a large POST");
	tap_ok(strstr(server.last, "\r\n\r\nxxxx") && !strcasestr(server.last, "\r\nExpect:"),
		"... is sent without waiting");
	http_response_release(&response);

	request = (struct http_request){ .method = "DELETE", .url = url };
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a DELETE");
	tap_ok(!strncmp(server.last, "DELETE /path ", 13) && !strstr(server.last, "Authorization"),
		"... no token of an earlier request");
	http_response_release(&response);
	request = (struct http_request){ .method = "POST", .url = url };
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a POST without a body");
	tap_ok(strstr(server.last, "\r\nContent-Length: 0\r\n"), "... has Content-Length: 0");
	http_response_release(&response);
	request =
		(struct http_request){ .method = "PUT", .url = url, .body = "x", .body_len = 1, .content_type = "a/b" };
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a PUT");
	tap_ok(!strncmp(server.last, "PUT /path ", 10) && strstr(server.last, "\r\n\r\nx"), "... has its body");
	http_response_release(&response);
	tap_int(server.connections, 1, "all on one connection");

	request = get();
	request.headers = bad;
	tap_int(http_perform(http, &request, &response, &err), ST_DATA, "a header with a line break is refused");
	http_response_release(&response);
	http_free(http);
	free(large);
}

static void test_kept_connection(void)
{
	struct http *http = client(answer_once_then_close);
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &response, &err), ST_OK, "first POST of a connection");
	http_response_release(&response);
	tap_int(http_perform(http, &request, &response, &err), ST_TEMPFAIL,
		"second POST, lost on the reused connection");
	tap_int(err.outcome, ERR_MAYBE_SENT, "... may have been processed");
	tap_int(server.requests, 2, "... was not sent a second time");
	http_response_release(&response);
	http_free(http);

	http = client(answer_once_then_close);
	request = get();
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "first GET of a connection");
	http_response_release(&response);
	tap_int(http_perform(http, &request, &response, &err), ST_OK,
		"second GET, lost on the kept connection, is repeated");
	tap_int(server.requests, 3, "... the second GET uses a new connection");
	http_response_release(&response);
	http_free(http);
}

static void answer_once_then_leave(struct server *s, int fd)
{
	if (read_request(s, fd))
		say(fd, OK_201);
}

static void test_idle_close(void)
{
	struct http *http = client(answer_once_then_leave);
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a POST whose connection is closed after it");
	http_response_release(&response);
	pthread_mutex_lock(&server.lock);
	while (server.open)
		pthread_cond_wait(&server.changed, &server.lock);
	pthread_mutex_unlock(&server.lock);
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "the next POST uses a new connection");
	tap_int(server.requests, 2, "... is sent once");
	http_response_release(&response);
	http_free(http);
}

static void test_multipart(void)
{
	struct http *http = client(answer_well);
	char path[] = "/tmp/kandy-unit-XXXXXX";
	int fd = mkstemp(path);
	struct http_part parts[] = { { .name = "root-fields", .data = "{\"object\":{}}", .len = 13 },
		{ .name = "raw", .filename = "a \"b\".png", .content_type = "image/png", .fd = fd, .size = 20000 } };
	struct http_request request = {
		.method = "POST", .url = url, .bearer = &token, .parts = parts, .part_count = 2
	};
	struct http_response response;
	struct err err = ERR_INIT;
	char *content = xcalloc(1, 20001), *at;

	unlink(path);
	for (size_t i = 0; i < 20000; i++)
		content[i] = (char)('a' + i * 7 % 26);
	if (write(fd, content, 20000) != 20000)
		perror("# write");
	for (int i = 0; i < 2; i++) { /* twice: a request can be retried */
		tap_int(http_perform(http, &request, &response, &err), ST_OK, "an upload");
		tap_ok(strstr(server.last, "Content-Type: multipart/form-data; boundary="), "... multipart");
		tap_ok(strstr(server.last,
			       "Content-Disposition: form-data; name=\"root-fields\"\r\n\r\n{\"object\":{}}\r\n--"),
			"... the first part");
		at = strstr(server.last, "name=\"raw\"; filename=\"a %22b%22.png\"\r\nContent-Type: image/png\r\n\r\n");
		tap_ok(at && !memcmp(strstr(at, "\r\n\r\n") + 4, content, 20000), "... the second part, complete");
		http_response_release(&response);
	}
	parts[1].size = -1;
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "an upload of unknown size");
	tap_ok(strstr(server.last, "\r\nTransfer-Encoding: chunked\r\n"), "... is sent in chunks");
	http_response_release(&response);
	parts[1].size = 20001;
	tap_int(http_perform(http, &request, &response, &err), ST_IO, "a file that was truncated");
	tap_str(err.text, "cannot send 'a \"b\".png': the file was truncated meanwhile",
		"... the error names the file");
	http_response_release(&response);
	close(fd);
	parts[1].fd = -1;
	tap_int(http_perform(http, &request, &response, &err), ST_IO, "a file that cannot be read");
	tap_str(err.text, "cannot read 'a \"b\".png': Bad file descriptor", "... the error names this file, too");
	http_response_release(&response);
	free(content);
	http_free(http);
}

struct sunk {
	size_t bytes, stop_at;
	int status;
	unsigned progress;
	int64_t received, to_receive;
};

static bool sink(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err)
{
	struct sunk *sunk = arg;

	(void)p;
	sunk->bytes += len;
	sunk->status = response->status;
	if (!sunk->stop_at || sunk->bytes < sunk->stop_at)
		return true;
	err_set(err, ST_CANTCREATE, "the disk is full");
	return false;
}

/* A file transfer has no timeout, but all other responses have. */
static void test_answers_in_time(void)
{
	static const char upload[] = "HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n",
			  redirect[] = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 100000\r\n\r\n",
			  refusal[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n";
	struct http_part part = { .name = "raw", .data = "abc", .len = 3 };
	struct sunk sunk = { 0 };
	struct {
		const char *what, *head;
		int64_t timeout_ms;
		struct http_request request;
		enum status status;
		int http;
		const char *text;
	} cases[] = {
		{ "a slow response to an upload", upload, 300, { .method = "POST", .parts = &part, .part_count = 1 },
			ST_TEMPFAIL, 201, "incomplete after 0.3 s" },
		{ "a slow redirect instead of a file", redirect, 300, { .sink = sink }, ST_TEMPFAIL, 302,
			"incomplete after 0.3 s" },
		{ "a redirect below the speed limit", redirect, 60000,
			{ .sink = sink, .low_speed_time_ms = 200, .low_speed_limit = 1000 }, ST_TEMPFAIL, 302,
			"incomplete after 0.2 s" },
		{ "a slow error instead of a file", refusal, 300, { .sink = sink }, ST_OK, 404, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_request request = cases[i].request;
		struct http_response response;
		struct err err = ERR_INIT;
		struct http *http;
		enum status status;

		answer_head = cases[i].head;
		http = client_within(answer_dripping, cases[i].timeout_ms);
		request.method = request.method ? request.method : "GET";
		request.url = url;
		request.timeout_ms = -1;
		request.arg = &sunk;
		status = http_perform(http, &request, &response, &err);
		if (!tap_ok(status == cases[i].status && (status ? err.http : response.status) == cases[i].http &&
				    strstr(err.text, cases[i].text),
			    cases[i].what))
			printf("# status %d http %d: %s\n", status, err.http, err.text);
		http_response_release(&response);
		http_free(http);
	}
	tap_int((intmax_t)sunk.bytes, 0, "the sink gets no bytes of them");
}

static void test_upload_without_answer(void)
{
	struct http *http = client_within(answer_never, 300);
	char *content = xcalloc(1, 3000000);
	struct http_part part = { .name = "raw", .data = content, .len = 3000000 };
	struct http_request request = { .method = "POST",
		.url = url,
		.parts = &part,
		.part_count = 1,
		.timeout_ms = -1,
		.low_speed_time_ms = 5000 };
	struct http_response response;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &response, &err), ST_TEMPFAIL, "no response to an upload");
	tap_ok(strstr(err.text, "within 0.3 s") != NULL, "... fails after the timeout");
	tap_int(err.outcome, ERR_MAYBE_SENT, "... may have been processed");
	http_response_release(&response);
	http_free(http);
	free(content);
}

static void answer_with_bom(struct server *s, int fd)
{
	while (read_request(s, fd))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: br\r\n\r\n\xef\xbb\xbf{}");
}

static void test_bom(void)
{
	struct http *http = client(answer_with_bom);
	struct http_request request = get();
	struct http_response response;
	struct err err = ERR_INIT;

	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a response with a BOM");
	tap_str(response.body.data, "{}", "... the BOM is skipped");
	tap_str(response.content_encoding, "br", "... its content coding is known");
	http_response_release(&response);
	http_free(http);
}

static void progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	struct sunk *sunk = arg;

	(void)sent;
	(void)to_send;
	sunk->progress++;
	sunk->received = received;
	sunk->to_receive = to_receive;
}

static void test_sink(void)
{
	struct sunk sunk = { 0 };
	struct http_request request = get();
	struct http_response response;
	struct err err = ERR_INIT;
	struct http *http;

	request.sink = sink;
	request.progress = progress;
	request.arg = &sunk;
	request.max_body = 10; /* not used for a sink */
	answer_size = 5000000;
	http = client(answer_body);
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "a body into a sink");
	tap_int((intmax_t)sunk.bytes, 5000000, "... all bytes");
	tap_int(sunk.status, 200, "... the sink gets the status");
	tap_int((intmax_t)response.body.len, 0, "... the body is not in memory");
	tap_ok(sunk.progress > 0, "... progress was reported");
	http_response_release(&response);
	http_free(http);

	http = client(answer_body);
	sunk = (struct sunk){ .stop_at = 100000 };
	tap_int(http_perform(http, &request, &response, &err), ST_CANTCREATE, "a sink that aborts");
	tap_str(err.text, "the disk is full", "... the error of the sink");
	tap_int(err.http, 200, "... the status of the response");
	http_response_release(&response);
	http_free(http);

	http = client(answer_refusal);
	sunk = (struct sunk){ 0 };
	tap_int(http_perform(http, &request, &response, &err), ST_OK, "an error response with a sink");
	tap_int((intmax_t)sunk.bytes, 0, "... the sink gets no byte");
	tap_str(response.body.data, "no way", "... the body is in memory");
	http_response_release(&response);
	http_free(http);
}

struct many {
	struct http *http;
	unsigned left, good, bad;
};

static void one_of_many(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	struct many *many = arg;
	struct http_request request = post();
	struct err mine;

	if (status == ST_OK && response->status == 201 && !strcmp(response->body.data, "{}"))
		many->good++;
	else
		printf("# %u: %s\n", ++many->bad, status == ST_OK ? "odd answer" : err->text);
	request.arg = many;
	if (many->left && many->left--) /* start the next one inside `done` */
		tap_count += http_start(many->http, &request, one_of_many, &mine) != ST_OK;
}

static void test_many(void)
{
	struct http *http = client(answer_well);
	struct many many = { .http = http, .left = 200 };
	struct http_request request = post();
	struct err err = ERR_INIT;

	request.arg = &many;
	for (int i = 0; i < 100; i++) {
		if (http_start(http, &request, one_of_many, &err) != ST_OK)
			printf("# %s\n", err.text);
	}
	tap_int((intmax_t)active(http), 100, "a hundred requests at once");
	while (active(http) && http_step(http, 1000, -1, &err) == ST_OK)
		;
	tap_int(many.good, 300, "... two hundred more after them: all complete");
	tap_int(server.requests, 300, "... each sent once");
	tap_ok(server.connections <= 100, "... on a hundred connections at most");
	http_free(http);
}

static void test_drop(void)
{
	struct http *http = client(answer_never);
	struct many many = { .http = http };
	struct http_request request = post();
	struct err err = ERR_INIT;

	request.arg = &many;
	tap_int(http_start(http, &request, one_of_many, &err), ST_OK, "a request is started");
	tap_int(http_step(http, 10, -1, &err), ST_OK, "... is in flight");
	http_free(http);
	tap_int(many.good + many.bad, 0, "... is dropped without a call of `done`");
}

static void test_extra_fd(void)
{
	struct http *http = client(answer_never);
	struct many many = { .http = http };
	struct http_request request = post();
	struct err err = ERR_INIT;
	struct timespec before, after;
	int ends[2];

	request.arg = &many;
	if (pipe(ends) || write(ends[1], "x", 1) != 1)
		perror("# pipe");
	clock_gettime(CLOCK_MONOTONIC, &before);
	tap_int(http_step(http, 200000, ends[0], &err), ST_OK, "a step without requests");
	tap_int(http_start(http, &request, one_of_many, &err), ST_OK, "a request without a response");
	for (int i = 0; i < 5; i++)
		tap_int(http_step(http, 200000, ends[0], &err), ST_OK, "... a readable descriptor ends the step");
	clock_gettime(CLOCK_MONOTONIC, &after);
	tap_ok(after.tv_sec - before.tv_sec < 100, "... the steps do not wait");
	close(ends[0]);
	close(ends[1]);
	http_free(http);
}

static enum err_outcome interrupted_outcome;

static void on_interrupt(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	(void)response;
	*(enum status *)arg = status;
	interrupted_outcome = err->outcome;
}

static void *interrupt_soon(void *arg)
{
	(void)arg;
	for (bool received = false; !received; poll(NULL, 0, 1)) {
		pthread_mutex_lock(&server.lock);
		received = server.interrupted;
		pthread_mutex_unlock(&server.lock);
	}
	raise(SIGTERM);
	return NULL;
}

/* The last test: interrupts stay active in this process. */
static void test_interrupt(void)
{
	struct http *http = client(answer_never);
	enum status seen = ST_OK;
	struct http_request request = post();
	struct http_response response;
	struct err err = ERR_INIT;
	pthread_t thread;
	char path[64];

	interrupt_install();
	snprintf(path, sizeof(path), "http://127.0.0.1:%u/interrupted", server.port);
	request.url = path;
	request.arg = &seen;
	tap_int(http_start(http, &request, on_interrupt, &err), ST_OK, "a request is started");
	pthread_create(&thread, NULL, interrupt_soon, NULL);
	while (http_step(http, 20000, -1, &err) == ST_OK)
		;
	pthread_join(thread, NULL);
	tap_int(err.status, ST_SIGTERM, "... SIGTERM ends it");
	tap_int(seen, ST_SIGTERM, "... `done` gets the status");
	tap_int(interrupted_outcome, ERR_MAYBE_SENT, "... `done` gets the outcome: maybe sent");
	tap_int((intmax_t)active(http), 0, "... no transfer is left");
	request = get();
	tap_int(http_perform(http, &request, &response, &err), ST_SIGTERM, "a request after SIGTERM");
	tap_int(err.outcome, ERR_NOT_SENT, "... is not sent");
	http_response_release(&response);
	http_free(http);
}

int main(void)
{
	static const char *const variables[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	signal(SIGPIPE, SIG_IGN);
	if (tls_trust_init(&trust, NULL, true, &err) != ST_OK)
		printf("# %s\n", err.text);
	secret_set(&token, "a-token-of-some-length", 22);
	server_start();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/path", server.port);
	test_phases();
	test_half_refusal();
	test_reset_at_once();
	test_limits();
	test_transfer_codings();
	test_answer_fields();
	test_request_text();
	test_kept_connection();
	test_idle_close();
	test_multipart();
	test_sink();
	test_answers_in_time();
	test_upload_without_answer();
	test_bom();
	test_many();
	test_drop();
	test_extra_fd();
	test_interrupt();
	server_stop();
	secret_release(&token);
	tls_trust_release(&trust);
	return tap_done();
}
