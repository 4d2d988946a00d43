#include "base/url.h"

#include "base/buf.h"
#include "base/str.h"
#include "base/url_shown.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum status bad(const char *text, const char *why, struct err *err)
{
	struct buf shown;
	enum status st;

	buf_init(&shown, BUF_NO_MAX);
	url_add_setting(&shown, text);
	st = err_set(err, ST_CONFIG, "base URL '%s' %s; it reads https://HOST[:PORT]", shown.data, why);
	buf_release(&shown);
	return st;
}

static bool host_ok(const struct url *url)
{
	struct in6_addr address;

	if (url->ipv6)
		return inet_pton(AF_INET6, url->host, &address) == 1;
	if (!url->host[0] || url->host[0] == '.' || url->host[0] == '-')
		return false;
	for (const char *p = url->host; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.' && *p != '_')
			return false;
	}
	return true;
}

enum status url_parse_base(struct url *url, const char *text, struct err *err)
{
	struct url u = { .tls = true };
	const char *p = text, *end;
	size_t host_len;
	int64_t port;

	if (!strncasecmp(p, "https://", 8)) {
		p += 8;
	} else if (!strncasecmp(p, "http://", 7)) {
		p += 7;
		u.tls = false;
	} else if (strstr(p, "://")) {
		return bad(text, "has a scheme that is neither https nor http", err);
	}
	end = p + strcspn(p, "/?#");
	if (*end && strcmp(end, "/"))
		return bad(text, "has a path", err);
	if (memchr(p, '@', (size_t)(end - p)))
		return bad(text, "has user information", err);
	if (*p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (!close)
			return bad(text, "has no ']' after the address", err);
		u.ipv6 = true;
		p++;
		host_len = (size_t)(close - p);
	} else {
		host_len = strcspn(p, ":/");
	}
	if (host_len >= sizeof(u.host))
		return bad(text, "has a host name that is too long", err);
	for (size_t i = 0; i < host_len; i++)
		u.host[i] = (char)tolower((unsigned char)p[i]);
	if (!host_ok(&u))
		return bad(text, "has no valid host name", err);
	p += host_len + u.ipv6;
	port = u.tls ? 443 : 80;
	if (*p == ':') {
		char digits[8] = "";

		if ((size_t)(end - p) > sizeof(digits))
			return bad(text, "has no valid port", err);
		memcpy(digits, p + 1, (size_t)(end - p - 1));
		if (!parse_int64(digits, &port) || port < 1 || port > 65535)
			return bad(text, "has no valid port", err);
	} else if (p != end) {
		return bad(text, "has something odd behind the host", err);
	}
	u.port = (uint16_t)port;
	snprintf(u.origin, sizeof(u.origin), "%s://%s%s%s", u.tls ? "https" : "http", u.ipv6 ? "[" : "", u.host,
		u.ipv6 ? "]" : "");
	if (u.port != (u.tls ? 443 : 80))
		snprintf(u.origin + strlen(u.origin), sizeof(u.origin) - strlen(u.origin), ":%u", u.port);
	*url = u;
	return ST_OK;
}

bool url_is_loopback(const struct url *url)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (url->ipv6)
		return inet_pton(AF_INET6, url->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
	if (inet_pton(AF_INET, url->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return !strcmp(url->host, "localhost");
}
