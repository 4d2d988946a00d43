/*
 * goaway.c - finds out which requests an HTTP/2 server did not process.
 *
 * Servers close a connection after some requests (nginx: 1000) with a GOAWAY frame that names the last stream they
 * processed. Requests on later streams were not processed and may be resent (RFC 9113, 6.8). libcurl does resend them,
 * but it also resends a request whose connection just broke, and no API tells the two cases apart. Only a debug line
 * does: it contains the last stream of a GOAWAY. The stream of a request is counted here: on each connection, requests
 * have the streams 1, 3, 5 ... in the order in which they were sent. (libcurl logs the stream, too, but only after all
 * headers of each request, which costs as much as sending them.)
 *
 * If a line is not understood or missed, only certainty is lost: the delivery of the request is unknown. So in doubt,
 * the number of a stream must be too small rather than too large.
 */
#include "http/http-int.h"

#include "base/str.h"

#include <string.h>

/* The number after `label` in the line, or -1. Never a truncated number, which would be too small. */
static int64_t number_after(const char *line, size_t len, const char *label)
{
	const char *at = memmem(line, len, label, strlen(label));
	const char *end = line + len;
	char digits[12];
	size_t n = 0;
	int64_t value;

	if (!at)
		return -1;
	for (at += strlen(label); at < end && *at >= '0' && *at <= '9' && n < sizeof(digits) - 1; at++)
		digits[n++] = *at;
	digits[n] = '\0';
	if (at < end && *at >= '0' && *at <= '9')
		return -1;
	return str_parse_int64(digits, &value) ? value : -1;
}

bool goaway_was_sent(const struct transfer *t)
{
	long request_size = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
	return request_size > t->overhead;
}

/* When the next request of a connection begins, the previous one has been sent or has failed. */
static void count_last(struct http_connection *connection)
{
	if (connection->last && goaway_was_sent(connection->last))
		connection->sent++;
	connection->last = NULL;
}

void goaway_end(struct transfer *transfer)
{
	struct http_connection *connection = transfer->connection;

	if (connection && connection->last == transfer)
		count_last(connection);
}

/* Connections are identified by their local port; with more than HTTP_CONNECTIONS, the oldest is dropped. */
static struct http_connection *connection_of(struct transfer *t, int local_port)
{
	struct http *http = t->http;
	struct http_connection *connection = NULL;
	long made = 0;

	for (size_t i = 0; i < HTTP_CONNECTIONS && !connection; i++) {
		if (http->connections[i].local_port == local_port)
			connection = &http->connections[i];
	}
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &made);
	/* a new connection may reuse the port of a closed one; it starts from zero, also on a retry */
	if (!connection || made > t->connects) {
		if (!connection)
			connection = &http->connections[http->connection_next++ % HTTP_CONNECTIONS];
		*connection = (struct http_connection){ .local_port = local_port };
	}
	t->connects = made;
	return connection;
}

void goaway_begin(struct transfer *transfer, int local_port)
{
	struct http_connection *connection = connection_of(transfer, local_port);

	count_last(connection);
	connection->last = transfer;
	transfer->connection = connection;
	transfer->local_port = local_port;
	transfer->stream = 2 * connection->sent + 1;
}

/*
 * RST_STREAM with REFUSED_STREAM means the same for one request (RFC 9113, 8.7). libcurl logs it only if the connection
 * had no earlier request; otherwise it keeps the refusal on the handle and logs it at a later try, perhaps of another
 * request. So the line counts only if every earlier try has ended with it, and engine.c does not reuse a handle that
 * has had more than one try.
 */
static void check_refusal(struct transfer *t, const char *line, size_t len)
{
	static const char refusal[] = "REFUSED_STREAM, retrying";

	if (t->retried_unrefused || len < sizeof(refusal) - 1 || memcmp(line, refusal, sizeof(refusal) - 1) != 0)
		return;
	t->unprocessed = t->refusal_seen = true;
}

void goaway_retry(struct transfer *transfer)
{
	if (!transfer->refusal_seen)
		transfer->retried_unrefused = true;
	transfer->refusal_seen = false;
}

void goaway_on_debug_line(struct transfer *transfer, const char *line, size_t len)
{
	int64_t last;

	check_refusal(transfer, line, len);
	if (!len || line[0] != 'r') /* libcurl 7.88 writes "recveived" */
		return;
	last = number_after(line, len, "eived GOAWAY, error=0, last_stream=");
	if (last < 0)
		return;
	for (struct transfer *t = transfer->http->transfers; t; t = t->next) {
		if (t->tries && t->local_port == transfer->local_port && t->stream > last)
			t->unprocessed = true;
	}
}
