/*
 * How debug lines of libcurl are read: a request counts as unprocessed only if a line says so of its stream, and no two
 * sent requests of a connection have the same stream. Input lines act as libcurl, for four requests on four ports:
 *
 *	0b1    request 0 begins on the second port ("0B1": on a new connection)
 *	0s     it is sent
 *	0e     it ends, and a new request takes its place
 *	0rTEXT
 */
#include "http/http-int.h"
#include "tests/fuzz/fuzz.h"

enum { REQUESTS = 4, PORTS = 4 };

/* The state that libcurl reports for a handle. */
struct handle {
	long request_size, connects;
};

static struct http http;
static struct transfer transfers[REQUESTS];
static struct handle handles[REQUESTS];
static int64_t used[PORTS + 1]; /* the highest stream of a request sent on the connection */

static CURLcode getinfo(CURL *easy, CURLINFO info, ...)
{
	const struct handle *handle = easy;
	va_list args;

	va_start(args, info);
	MUST(info == CURLINFO_REQUEST_SIZE || info == CURLINFO_NUM_CONNECTS);
	*va_arg(args, long *) = info == CURLINFO_REQUEST_SIZE ? handle->request_size : handle->connects;
	va_end(args);
	return CURLE_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	http_curl_api.p_curl_easy_getinfo = getinfo;
	return 0;
}

static void renew(size_t i)
{
	handles[i] = (struct handle){ 0 };
	transfers[i] = (struct transfer){
		.http = &http, .easy = &handles[i], .next = i + 1 < REQUESTS ? &transfers[i + 1] : NULL
	};
}

static bool is_out(size_t i)
{
	return handles[i].request_size > transfers[i].overhead;
}

/* Marks its stream as used, if it was sent on its current connection. */
static void leave(size_t i)
{
	struct transfer *t = &transfers[i];

	if (t->tries && is_out(i) && t->connection->last == t && t->stream > used[t->local_port])
		used[t->local_port] = t->stream;
	goaway_end(t);
}

/* Like on_connected() of request.c. */
static void begin(size_t i, int port, bool fresh)
{
	struct transfer *t = &transfers[i];

	leave(i);
	for (size_t other = 0; other < REQUESTS; other++) { /* the previous one has been sent by now, or has failed */
		if (other != i && transfers[other].tries && transfers[other].local_port == port)
			leave(other);
	}
	if (t->tries)
		goaway_retry(t);
	handles[i].connects += fresh;
	if (fresh)
		used[port] = 0;
	if (!t->tries || t->unprocessed || !is_out(i))
		t->overhead = handles[i].request_size;
	goaway_begin(t, port);
	t->unprocessed = false;
	t->tries++;
	MUST(t->connection->local_port == port && t->connection->last == t && t->connection->sent >= 0);
	MUST(t->stream % 2 == 1 && t->stream > used[port] && (!fresh || t->stream == 1));
}

/* The last stream of a GOAWAY without an error; -1: none, or in doubt. */
static int64_t last_stream(const char *text)
{
	static const char label[] = "eived GOAWAY, error=0, last_stream=";
	const char *at = *text == 'r' ? strstr(text, label) : NULL;
	size_t digits;

	if (!at)
		return -1;
	at += sizeof(label) - 1;
	digits = strspn(at, "0123456789");
	return digits && digits <= 11 ? strtoll(at, NULL, 10) : -1;
}

static void hear(size_t i, const char *text, size_t len)
{
	const char said[] = "REFUSED_STREAM, retrying";
	const int64_t last = last_stream(text);
	bool expected[REQUESTS];

	for (size_t j = 0; j < REQUESTS; j++) {
		const struct transfer *t = &transfers[j];

		expected[j] = t->unprocessed ||
			(last >= 0 && t->tries && t->local_port == transfers[i].local_port && t->stream > last) ||
			(j == i && !t->retried_unrefused && !strncmp(text, said, strlen(said)));
	}
	goaway_on_debug_line(&transfers[i], text, len);
	for (size_t j = 0; j < REQUESTS; j++)
		MUST(transfers[j].unprocessed == expected[j]);
}

static void play(const char *line)
{
	size_t i = (unsigned char)line[0] % REQUESTS;
	char *text;

	if (!line[0])
		return;
	switch (line[1]) {
	case 'b':
	case 'B': begin(i, (unsigned char)line[2] % PORTS + 1, line[1] == 'B'); break;
	case 's': handles[i].request_size += 100; break;
	case 'e':
		leave(i);
		renew(i);
		break;
	case 'r': /* without a NUL after it, as libcurl may pass it */
		text = malloc(strlen(line + 2) + 1);
		MUST(text);
		strcpy(text, line + 2);
		hear(i, text, strlen(text));
		free(text);
		break;
	default: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	http = (struct http){ .transfers = transfers };
	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < REQUESTS; i++)
		renew(i);
	for (char *line = text, *end; line; line = end) {
		if ((end = strchr(line, '\n')))
			*end++ = '\0';
		play(line);
	}
	free(text);
	return 0;
}
