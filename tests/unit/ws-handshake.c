/* The upgrade and CONNECT: requests, and responses read whole and byte by byte. */
#include "ws/handshake.h"

#include "base/str.h"
#include "base/url.h"

#include "../lib/tap.h"

#include <stdlib.h>

#define NOW INT64_C(1735689600000) /* 2025-01-01 00:00:00 UTC */

static struct err err;
/* the example of RFC 6455, 1.3 */
static const struct handshake rfc = { .key = "dGhlIHNhbXBsZSBub25jZQ==", .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" };

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

/* Reads the whole text and every prefix of it. `used`: length of the header section; 0: all. */
static void check(const struct handshake *h, const char *text, enum handshake_result wanted, int status, size_t used,
	const char *what)
{
	struct handshake_response response;
	size_t len = strlen(text), ends = 0;

	tap_int(handshake_read(h, text, len, NOW, &response), wanted, what);
	tap_int(response.status, status, "... its status");
	if (wanted == HANDSHAKE_INVALID)
		tap_ok(response.why != NULL, "... why");
	if (wanted == HANDSHAKE_DONE || wanted == HANDSHAKE_REFUSED)
		tap_int((intmax_t)response.len, (intmax_t)(used ? used : len), "... its length");
	/* from some prefix on, the result stays the same */
	for (size_t n = 0; n <= len; n++) {
		char *copy = malloc(n + 1); /* so that sanitizers detect an overrun */
		enum handshake_result result;

		memcpy(copy, text, n);
		result = handshake_read(h, copy, n, NOW, &response);
		if (result == HANDSHAKE_MORE && ends)
			break;
		if (result != HANDSHAKE_MORE && !ends)
			ends = n;
		if (n == len && result != wanted)
			ends = 0;
		free(copy);
	}
	tap_ok(wanted == HANDSHAKE_MORE ? !ends : ends > 0, "... byte by byte");
}

static void test_good(void)
{
	check(&rfc, SWITCHING UPGRADE ACCEPT "\r\n", HANDSHAKE_DONE, 101, 0, "an upgrade");
	check(&rfc, "HTTP/1.1 101\r\nupgrade:WebSocket\r\nCONNECTION: keep-alive ,\tUPGRADE\r\n" ACCEPT "\r\n",
		HANDSHAKE_DONE, 101, 0, "an upgrade with other spelling");
	check(&rfc, SWITCHING "Connection: keep-alive\r\n" UPGRADE ACCEPT "Server: x y\r\n\r\n\x81\x02hi",
		HANDSHAKE_DONE, 101,
		strlen(SWITCHING "Connection: keep-alive\r\n" UPGRADE ACCEPT "Server: x y\r\n\r\n"),
		"an upgrade with a frame after it");
	check(&rfc,
		"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" SWITCHING UPGRADE ACCEPT
		"\r\n",
		HANDSHAKE_DONE, 101, 0, "an upgrade after interim responses");
	check(&rfc,
		"HTTP/1.1 101 x\nUpgrade: websocket\nConnection: upgrade\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n",
		HANDSHAKE_DONE, 101, 0, "an upgrade with LF line endings");
	check(&rfc, SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Extensions:\r\n\r\n", HANDSHAKE_DONE, 101, 0,
		"an empty list of extensions");
	check(&rfc, SWITCHING UPGRADE ACCEPT, HANDSHAKE_MORE, 101, 0, "an incomplete upgrade");
	check(&rfc, "", HANDSHAKE_MORE, 0, 0, "nothing");
	check(&rfc, "HTT", HANDSHAKE_MORE, 0, 0, "an incomplete status line");
}

static void test_bad(void)
{
	static const char *const bad[] = {
		SWITCHING ACCEPT "\r\n",
		SWITCHING "Upgrade: websocket\r\n" ACCEPT "\r\n",
		SWITCHING "Connection: upgrade\r\n" ACCEPT "\r\n",
		SWITCHING "Upgrade: websocket\r\nConnection: upgrades, not-upgrade\r\n" ACCEPT "\r\n",
		SWITCHING "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
		SWITCHING "Upgrade: websocket\r\n" UPGRADE ACCEPT "\r\n",
		SWITCHING UPGRADE "\r\n",
		SWITCHING UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo\r\n\r\n",
		SWITCHING UPGRADE "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n\r\n",
		SWITCHING UPGRADE "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		SWITCHING UPGRADE ACCEPT ACCEPT "\r\n",
		SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
		SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
		SWITCHING UPGRADE ACCEPT " folded: yes\r\n\r\n",
		SWITCHING UPGRADE ACCEPT "no colon\r\n\r\n",
		SWITCHING UPGRADE ACCEPT "spaced : x\r\n\r\n",
		SWITCHING UPGRADE ACCEPT ": x\r\n\r\n",
		SWITCHING UPGRADE ACCEPT "X: a\x01"
					 "b\r\n\r\n",
	};
	static const char *const no_http[] = { "SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01", "<html>",
		"HTTP/2 101 x\r\n\r\n", "HTTP/1.1 42 x\r\n\r\n", "HTTP/1.1  101 x\r\n\r\n", "HTTP/1.1 1010 x\r\n\r\n",
		"HTTP/1.1 099 x\r\n\r\n", "HTTP/1.x 101 x\r\n\r\n", "\r\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(&rfc, bad[i], HANDSHAKE_INVALID, 101, 0, "an upgrade that was not requested");
	for (size_t i = 0; i < sizeof(no_http) / sizeof(no_http[0]); i++)
		check(&rfc, no_http[i], HANDSHAKE_INVALID, 0, 0, "no HTTP/1");
}

/* A header section of `len` bytes; incomplete without `end`. */
static void long_head(struct buf *text, size_t len, const char *end)
{
	buf_clear(text);
	buf_adds(text, SWITCHING UPGRADE ACCEPT "X: ");
	while (text->len < len - strlen(end))
		buf_addc(text, 'x');
	buf_adds(text, end);
}

static void test_limit(void)
{
	struct handshake_response response;
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	long_head(&text, HANDSHAKE_HEAD_MAX, "");
	tap_int(handshake_read(&rfc, text.data, text.len, NOW, &response), HANDSHAKE_MORE,
		"an incomplete header section at the limit");
	long_head(&text, HANDSHAKE_HEAD_MAX + 1, "");
	tap_int(handshake_read(&rfc, text.data, text.len, NOW, &response), HANDSHAKE_INVALID,
		"an incomplete header section above the limit");
	long_head(&text, HANDSHAKE_HEAD_MAX, "\r\n\r\n");
	for (int i = 0; i < 30000; i++)
		buf_addc(&text, 'f');
	tap_int(handshake_read(&rfc, text.data, text.len, NOW, &response), HANDSHAKE_DONE,
		"frames after it do not count");
	tap_int((intmax_t)response.len, (intmax_t)HANDSHAKE_HEAD_MAX, "the frames are not used");
	long_head(&text, HANDSHAKE_HEAD_MAX + 1, "\r\n\r\n");
	tap_int(handshake_read(&rfc, text.data, text.len, NOW, &response), HANDSHAKE_INVALID,
		"a header section above the limit");
	buf_clear(&text);
	while (text.len <= HANDSHAKE_HEAD_MAX)
		buf_adds(&text, "HTTP/1.1 100 Continue\r\n\r\n");
	tap_int(handshake_read(&rfc, text.data, text.len, NOW, &response), HANDSHAKE_INVALID,
		"endless interim responses");
	buf_release(&text);
}

static void test_refused(void)
{
	static const struct {
		const char *value;
		int64_t ms;
	} times[] = {
		{ "7", 7000 },
		{ "0", 0 },
		{ "99999999", INT64_C(99999999000) },
		{ "-5", -1 },
		{ "soon", -1 },
		{ "", -1 },
		{ "Wed, 01 Jan 2025 00:00:30 GMT", 30000 },
		{ "Tue, 31 Dec 2024 00:00:30 GMT", 0 },
		{ "Wed, 01 Jan 2025 00:00:30 GMT and more", -1 },
		{ "Fri, 01 Jan 2027 00:00:00 GMT", INT64_C(730) * 86400000 },
	};
	struct handshake_response response;
	char text[256];

	check(&rfc, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", HANDSHAKE_REFUSED, 401, 0, "a 401");
	check(&rfc, "HTTP/1.0 302 Found\r\nLocation: https://evil.example/\r\n\r\n", HANDSHAKE_REFUSED, 302, 0,
		"a redirect");
	check(&rfc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", HANDSHAKE_REFUSED, 200,
		strlen("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), "a page");
	check(&rfc, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n\r\n", HANDSHAKE_REFUSED, 426, 0,
		"another version");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\n\r\n", times[i].value);
		tap_int(handshake_read(&rfc, text, strlen(text), NOW, &response), HANDSHAKE_REFUSED, times[i].value);
		tap_int(response.retry_after_ms, times[i].ms, "... in so many ms");
	}
}

static void test_connect_answer(void)
{
	check(NULL, "HTTP/1.1 200 Connection established\r\n\r\n", HANDSHAKE_DONE, 200, 0, "a tunnel");
	check(NULL, "HTTP/1.0 204 Fine\r\nVia: x\r\n\r\n", HANDSHAKE_DONE, 204, 0, "any 2xx");
	check(NULL, "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n", HANDSHAKE_REFUSED, 407, 0, "a 407");
	check(NULL, SWITCHING UPGRADE ACCEPT "\r\n", HANDSHAKE_REFUSED, 101, 0, "no upgrade was asked for");
}

static void test_init(void)
{
	struct handshake a, b;

	tap_int(handshake_init(&a, &err), ST_OK, "a handshake");
	tap_int(handshake_init(&b, &err), ST_OK, "another");
	tap_int((intmax_t)strlen(a.key), 24, "the key");
	tap_int((intmax_t)strlen(a.accept), 28, "the expected Sec-WebSocket-Accept");
	tap_ok(strcmp(a.key, b.key) != 0 && strcmp(a.accept, b.accept) != 0, "each handshake has its own key");
}

static struct url url_of(const char *text)
{
	struct url url;

	tap_int(url_parse_base(&url, text, &err), ST_OK, text);
	return url;
}

static void test_request(void)
{
	struct url origin = url_of("https://cpaas.example"), odd = url_of("http://[::1]:8080");
	struct secret token = { 0 };
	struct buf out;
	char *large = malloc(9000);

	buf_init(&out, BUF_NO_MAX);
	secret_set(&token, "a.b+c", 5);
	handshake_request(&rfc, &origin, "/cpaas/ws", &token, &out);
	tap_str(out.data,
		"GET /cpaas/ws?access_token=a.b%2Bc HTTP/1.1\r\nHost: cpaas.example\r\nOrigin: https://cpaas.example\r\n"
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\n\r\n",
		"the request");
	buf_clear(&out);
	handshake_request(&rfc, &odd, "/ws?x=1", &token, &out);
	tap_ok(str_starts_with(out.data, "GET /ws?x=1&access_token=a.b%2Bc HTTP/1.1\r\nHost: [::1]:8080\r\n"),
		"a path with a query");
	memset(large, 't', 9000);
	buf_clear(&out);
	secret_set(&token, large, 4000);
	handshake_request(&rfc, &origin, "/ws", &token, &out);
	tap_ok(strstr(out.data, "?access_token=ttt") && !strstr(out.data, "Authorization"),
		"4,000 bytes, in the query");
	buf_clear(&out);
	secret_set(&token, large, 9000);
	handshake_request(&rfc, &origin, "/ws", &token, &out);
	tap_ok(str_starts_with(out.data, "GET /ws HTTP/1.1\r\nAuthorization: Bearer ttt"), "9,000 bytes, in a header");
	tap_ok(out.len > 9000 && !strcmp(out.data + out.len - 4, "\r\n\r\n"), "the request is complete");
	buf_clear(&out);
	large[10] = '\n';
	secret_set(&token, large, 9000);
	handshake_request(&rfc, &origin, "/ws", &token, &out);
	tap_ok(strstr(out.data, "?access_token=tttttttttt%0At"), "but not what would end it");
	secret_release(&token);
	buf_release(&out);
	free(large);
}

static void test_proxy(void)
{
	static const char *const bad[] = { "proxy:3128", "https://proxy:3128", "socks5://proxy:3128", "http://",
		"http://user@", "http://proxy:0", "http://proxy/path", "http://%zz@proxy:3128", "http://a b:1" };
	struct url origin = url_of("https://cpaas.example"), v6 = url_of("https://[2001:db8::1]:8443");
	struct handshake_proxy proxy;
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	tap_int(handshake_proxy_parse(&proxy, "http://Proxy.example:3128", &err), ST_OK, "a proxy");
	tap_str(proxy.name, "proxy.example:3128", "the name of the proxy");
	handshake_connect(&proxy, &origin, &out);
	tap_str(out.data, "CONNECT cpaas.example:443 HTTP/1.1\r\nHost: cpaas.example:443\r\n\r\n", "CONNECT");
	handshake_proxy_release(&proxy);
	tap_int(handshake_proxy_parse(&proxy, "http://user%40home:pa%3Ass@[::1]:8080", &err), ST_OK,
		"a proxy with a password");
	tap_str(proxy.name, "[::1]:8080", "the password is not in the name");
	buf_clear(&out);
	handshake_connect(&proxy, &v6, &out);
	tap_str(out.data,
		"CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n"
		"Proxy-Authorization: Basic dXNlckBob21lOnBhOnNz\r\n\r\n",
		"CONNECT with it");
	handshake_proxy_release(&proxy);
	tap_int(handshake_proxy_parse(&proxy, "http://user@proxy:80", &err), ST_OK, "a proxy with a user name");
	tap_str(proxy.credentials.s, "dXNlcjo=", "the password is empty");
	handshake_proxy_release(&proxy);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tap_int(handshake_proxy_parse(&proxy, bad[i], &err), ST_CONFIG, bad[i]);
		handshake_proxy_release(&proxy);
	}
	buf_release(&out);
}

int main(void)
{
	test_good();
	test_bad();
	test_limit();
	test_refused();
	test_connect_answer();
	test_init();
	test_request();
	test_proxy();
	return tap_done();
}
