/*
 * goaway.c - which requests an HTTP/2 server has left alone.
 *
 * Servers end a connection after so many requests (nginx: 1000) by a GOAWAY frame that names the
 * last stream they have taken. The requests on later streams were not looked at and may be sent
 * again (RFC 9113, 6.8). libcurl does send them again, but in the same way it repeats a request
 * whose connection just broke, and no function tells the two cases apart. A remark for people does:
 * it gives the last stream of a GOAWAY. Which stream a request has is counted here: on each
 * connection they are numbered 1, 3, 5 ... in the order in which requests went out. (libcurl remarks
 * on that, too, but after printing all headers of each request, which costs as much as sending them.)
 *
 * Where something cannot be understood or is missed, nothing is lost but certainty: the request
 * counts as maybe sent. So every doubt has to make the number smaller.
 */
#include "http/http-int.h"

#include "base/str.h"

#include <string.h>

/* The number behind `label` in the remark, or -1. Never the beginning of one: that would be smaller than it is. */
static int64_t number_behind(const char *remark, size_t len, const char *label)
{
	const char *at = memmem(remark, len, label, strlen(label));
	const char *end = remark + len;
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
	return parse_int64(digits, &value) ? value : -1;
}

static bool went_out(const struct transfer *t)
{
	long request_size = 0;

	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
	return request_size > t->overhead;
}

/* By the time the next request of a connection begins, the one before it has gone out or failed. */
static void settle(struct http_connection *connection)
{
	if (connection->last && went_out(connection->last))
		connection->sent++;
	connection->last = NULL;
}

void goaway_end(struct transfer *transfer)
{
	struct http_connection *connection = transfer->connection;

	if (connection && connection->last == transfer)
		settle(connection);
}

/* The port of our end tells connections apart; an old one is forgotten when there are many. */
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
	/* a new one may have the port of one that is gone: it counts from the start, at a second try, too */
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

	settle(connection);
	connection->last = transfer;
	transfer->connection = connection;
	transfer->local_port = local_port;
	transfer->stream = 2 * connection->sent + 1;
}

/*
 * RST_STREAM with REFUSED_STREAM says the same of one request (RFC 9113, 8.7). libcurl remarks on it only where the
 * connection had no request before; else it sounds as if the connection had broken, and the note that it keeps of the
 * refusal stays on the handle, to come out at a later try, perhaps of another request. So the remark counts as long as
 * every earlier try has ended with it, and engine.c uses no handle again on which there was a second try.
 */
static void hear_refusal(struct transfer *t, const char *remark, size_t len)
{
	static const char refusal[] = "REFUSED_STREAM, retrying";

	if (t->repeated_unrefused || len < sizeof(refusal) - 1 || memcmp(remark, refusal, sizeof(refusal) - 1) != 0)
		return;
	t->refused = t->refusal_heard = true;
}

void goaway_again(struct transfer *transfer)
{
	if (!transfer->refusal_heard)
		transfer->repeated_unrefused = true;
	transfer->refusal_heard = false;
}

void goaway_listen(struct transfer *transfer, const char *remark, size_t len)
{
	int64_t last;

	hear_refusal(transfer, remark, len);
	if (!len || remark[0] != 'r') /* libcurl 7.88 writes "recveived" */
		return;
	last = number_behind(remark, len, "eived GOAWAY, error=0, last_stream=");
	if (last < 0)
		return;
	for (struct transfer *t = transfer->http->transfers; t; t = t->next) {
		if (t->begun && t->local_port == transfer->local_port && t->stream > last)
			t->refused = true;
	}
}
