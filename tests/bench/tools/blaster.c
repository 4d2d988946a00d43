/*
 * blaster.c - a server that sends notifications as fast as TLS permits, to measure listeners.
 *
 *	blaster CERT KEY COUNT PER_WRITE [INTERVAL_US]
 *
 * Prints its port. Requests get canned answers; each WebSocket gets COUNT notifications of about 700 bytes, PER_WRITE
 * of them in each write, with a pause of INTERVAL_US between two writes. When the client has closed, the
 * blaster prints how many microseconds have passed since the first write. The text of a notification begins with the
 * time it was made at: "@MICROSECONDS@".
 */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL "/cpaas/notificationchannel/v1/bench-user/channels/ws-1"
#define CHANNEL_JSON \
	"{\"notificationChannel\":{\"callbackURL\":\"ws-1\",\"channelData\":{\"channelURL\":\"" CHANNEL \
	"/websocket\"}," \
	"\"channelLifetime\":86400,\"channelType\":\"websockets\",\"x-connCheckRole\":\"client\",\"resourceURL\":\"" CHANNEL \
	"\"}}"
#define ID_DIGITS 10
#define TIME_DIGITS 16

static SSL_CTX *tls;
static long count, per_write, interval_us;
static char token_answer[4096];

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void base64url(char *out, const char *text)
{
	int n = EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)strlen(text));

	while (n && out[n - 1] == '=')
		out[--n] = '\0';
}

static void make_token(void)
{
	char claims[512], encoded[1024];

	snprintf(claims, sizeof(claims),
		"{\"preferred_username\":\"bench-user\",\"services-identity\":\"alice@bench.example\","
		"\"iat\":%lld,\"exp\":%lld}",
		now_us() / 1000000, now_us() / 1000000 + 31536000);
	base64url(encoded, claims);
	snprintf(token_answer, sizeof(token_answer),
		"{\"access_token\":\"eyJhbGciOiJub25lIn0.%s.c2ln\","
		"\"id_token\":\"eyJhbGciOiJub25lIn0.%s.c2ln\",\"expires_in\":31536000,\"token_type\":\"Bearer\"}",
		encoded, encoded);
}

static void answer(SSL *ssl, int status, const char *body)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
		strlen(body), body);

	SSL_write(ssl, text, n);
}

static bool upgrade(SSL *ssl, const char *request)
{
	const char *key = strcasestr(request, "\r\nSec-WebSocket-Key:");
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[256], accept[64];
	int n;

	if (!key)
		return false;
	key += strspn(key + 20, " ") + 20;
	n = snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r "), key);
	SHA1((unsigned char *)text, (size_t)n, digest);
	EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
	n = snprintf(text, sizeof(text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	return SSL_write(ssl, text, n) == n;
}

/* A message with a text and a picture, as the service sends it, in its frame; the digits go to *id1, *id2 and *at. */
static size_t make_frame(char *out, size_t *id1, size_t *id2, size_t *at)
{
	char *json = out + 4;
	int n = sprintf(json,
		"{\"chatMessageNotification\":{\"id\":\"n-%0*d\",\"dateTime\":1525895987000,\"chatMessage\":{"
		"\"text\":\"@%0*d@ Caf\xc3\xa9 at noon?\\nThe plan of the second floor is \\\"final\\\" now: see the picture.\","
		"\"senderAddress\":\"bob@bench.example\",\"x-destinationAddress\":\"alice@bench.example\",\"x-type\":\"inbound\","
		"\"dateTime\":1525895987000,\"status\":\"Sent\",\"attachment\":[{"
		"\"link\":\"https://localhost/cpaas/nms/v1/chat/bench-user/objects/776e5a0c/payload\",\"name\":\"floor plan.png\","
		"\"size\":100000,\"type\":\"image/png\",\"x-id\":\"776e5a0c\",\"thumbnail\":{"
		"\"link\":\"https://localhost/cpaas/nms/v1/chat/bench-user/objects/776e5a0c/thumbnail\"}}]},"
		"\"link\":[{\"rel\":\"chatMessage\",\"href\":\"/cpaas/chat/v1/bench-user/oneToOne/bob@bench.example/adhoc/messages/m-%0*d\"}]}}",
		ID_DIGITS, 0, TIME_DIGITS, 0, ID_DIGITS, 0);

	*id1 = 4 + (size_t)(strstr(json, "n-") + 2 - json);
	*id2 = 4 + (size_t)(strstr(json, "m-0") + 2 - json);
	*at = 4 + (size_t)(strchr(json, '@') + 1 - json);
	out[0] = (char)0x81;
	out[1] = 126;
	out[2] = (char)(n >> 8);
	out[3] = (char)n;
	return (size_t)n + 4;
}

static void put_digits(char *at, int digits, long long n)
{
	while (digits--) {
		at[digits] = (char)('0' + n % 10);
		n /= 10;
	}
}

/* Waits until the client closes the connection; it sends only short frames. */
static void wait_for_close(SSL *ssl)
{
	unsigned char frame[4096];
	int n, at;

	while ((n = SSL_read(ssl, frame, sizeof(frame))) > 0) {
		for (at = 0; at + 1 < n; at += 6 + (frame[at + 1] & 0x7f)) {
			if ((frame[at] & 0x0f) == 8)
				return;
		}
	}
}

static void blast(SSL *ssl)
{
	size_t id1, id2, at, len, used = 0;
	char frame[2048], *batch;
	long long start;

	len = make_frame(frame, &id1, &id2, &at);
	batch = malloc(len * (size_t)per_write);
	start = now_us();
	for (long i = 1; i <= count; i++) {
		if (interval_us && !used)
			usleep((useconds_t)interval_us); /* and not between a notification's time and its write */
		put_digits(frame + id1, ID_DIGITS, i);
		put_digits(frame + id2, ID_DIGITS, i);
		put_digits(frame + at, TIME_DIGITS, now_us());
		memcpy(batch + used, frame, len);
		used += len;
		if (i % per_write && i < count)
			continue;
		if (SSL_write(ssl, batch, (int)used) <= 0)
			break;
		used = 0;
	}
	free(batch);
	wait_for_close(ssl);
	printf("%lld\n", now_us() - start);
	fflush(stdout);
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	SSL *ssl = SSL_new(tls);
	char request[65536];
	size_t len = 0;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		for (;;) {
			char *end, *length;
			size_t whole;
			int n;

			request[len] = '\0';
			end = strstr(request, "\r\n\r\n");
			length = strcasestr(request, "\r\ncontent-length:");
			whole = end ? (size_t)(end + 4 - request) +
					(length && length < end ? strtoul(length + 17, NULL, 10) : 0)
				    : len + 1;
			if (len < whole) {
				n = SSL_read(ssl, request + len, (int)(sizeof(request) - 1 - len));
				if (n <= 0)
					break;
				len += (size_t)n;
				continue;
			}
			if (strstr(request, "/websocket") && upgrade(ssl, request)) {
				blast(ssl);
				break;
			}
			if (strstr(request, "/token "))
				answer(ssl, 200, token_answer);
			else if (strstr(request, "/channels"))
				answer(ssl, strncmp(request, "POST", 4) ? 200 : 201, CHANNEL_JSON);
			else if (strstr(request, "/subscriptions"))
				answer(ssl, 201,
					"{\"chatNotificationSubscription\":{\"callbackReference\":{\"notifyURL\":\"ws-1\"},"
					"\"resourceURL\":\"/cpaas/chat/v1/bench-user/subscriptions/1\"}}");
			else if (strstr(request, "/sessions"))
				answer(ssl, 200, "{\"chatSessionList\":{\"chatSession\":[]}}");
			else
				answer(ssl, 404, "{}");
			memmove(request, request + whole, len - whole);
			len -= whole;
		}
	}
	SSL_free(ssl);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	if (argc < 5)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	count = atol(argv[3]);
	per_write = atol(argv[4]);
	interval_us = argc > 5 ? atol(argv[5]) : 0;
	make_token();
	tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(tls, argv[1]) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1)
		return 78;
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64) ||
		getsockname(listener, (struct sockaddr *)&address, &size))
		return 69;
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, serve, (void *)(long)fd);
		pthread_detach(thread);
	}
	return 0;
}
