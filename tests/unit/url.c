/* The base URL: one way to read it, everything else refused. */
#include "base/url.h"

#include "tests/lib/tap.h"

int main(void)
{
	static const struct {
		const char *text, *origin;
		uint16_t port;
		bool loopback;
	} good[] = { { "https://oauth-cpaas.att.com", "https://oauth-cpaas.att.com", 443, false },
		{ "oauth-cpaas.att.com", "https://oauth-cpaas.att.com", 443, false },
		{ "HTTPS://Host.Example/", "https://host.example", 443, false },
		{ "https://host:443", "https://host", 443, false },
		{ "http://127.0.0.1:8080", "http://127.0.0.1:8080", 8080, true },
		{ "http://127.1.2.3", "http://127.1.2.3", 80, true },
		{ "https://[::1]:9443/", "https://[::1]:9443", 9443, true },
		{ "https://[2001:DB8::1]", "https://[2001:db8::1]", 443, false },
		{ "localhost:1", "https://localhost:1", 1, true },
		{ "http://host:65535", "http://host:65535", 65535, false },
		{ "http://127.0.0.1.example", "http://127.0.0.1.example", 80, false } };
	static const char *const bad[] = { "", "https://", "https:///", "ftp://host", "https://user@host",
		"https://user:pw@host", "https://host/path", "https://host?x", "https://host#x",
		"https://host:", "https://host:0", "https://host:65536", "https://host:-1", "https://host:1x",
		"https://host:12345678901", "https://[::1", "https://[::1]x", "https://[host]", "https://ho st",
		"https://-host", "https://.host", "https://h\xc3\xb6st", "https://host\\@evil", "https://host%2eevil",
		"https://host\n", "//host", NULL };
	char lengthy[400] = "https://";
	struct url url;
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		tap_int(url_parse_base(&url, good[i].text, &err), ST_OK, good[i].text);
		tap_str(url.origin, good[i].origin, "its origin");
		tap_ok(url.port == good[i].port && url_is_loopback(&url) == good[i].loopback,
			"its port, and whose it is");
	}
	for (size_t i = 0; bad[i]; i++)
		tap_int(url_parse_base(&url, bad[i], &err), ST_CONFIG,
			bad[i][0] && !strchr(bad[i], '\n') ? bad[i] : "refused");
	tap_ok(strstr(err.text, "https://HOST[:PORT]"), "the sentence says how it reads");
	tap_int(url_parse_base(&url, "https://user:hunter2@host", &err), ST_CONFIG, "a password in it");
	tap_str(err.text,
		"invalid base URL 'https://***@host': user information is not allowed; expected https://HOST[:PORT]",
		"is not said");
	memset(lengthy + 8, 'a', 255);
	tap_int(url_parse_base(&url, lengthy, &err), ST_OK, "a host name of 255");
	lengthy[8 + 255] = 'a';
	tap_int(url_parse_base(&url, lengthy, &err), ST_CONFIG, "a host name of 256");
	return tap_done();
}
