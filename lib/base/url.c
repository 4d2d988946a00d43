#include "base/url.h"

#include "base/buf.h"
#include "base/base64.h"
#include "base/percent.h"
#include "base/redact.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The length of "https://" at the start of `url`; 0 if there is no scheme. */
static size_t scheme_len(const char *url, size_t len)
{
	size_t i = 0;

	while (i < len && url[i] && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.", url[i]))
		i++;
	return i && len - i >= 3 && !memcmp(url + i, "://", 3) ? i + 3 : 0;
}

/* Appends a path with the values of its parameters redacted: ";jsessionid=***". */
static void add_segments(struct buf *out, const char *path, size_t len)
{
	const char *end = path + len;

	while (path < end) {
		const char *next = path + 1, *value;

		while (next < end && *next != ';' && *next != '/')
			next++;
		value = *path == ';' ? memchr(path, '=', (size_t)(next - path)) : NULL;
		buf_add(out, path, (size_t)((value ? value + 1 : next) - path));
		if (value)
			buf_adds(out, "***");
		path = next;
	}
}

/* The part before query and fragment. User information is possible only after a scheme. */
static void add_path(struct buf *out, const char *url, size_t len)
{
	size_t scheme = scheme_len(url, len);
	const char *slash = memchr(url + scheme, '/', len - scheme);
	const char *at = scheme ? memrchr(url + scheme, '@', (slash ? (size_t)(slash - url) : len) - scheme) : NULL;

	if (at) {
		buf_add(out, url, scheme);
		buf_adds(out, "***");
		len -= (size_t)(at - url);
		url = at;
	}
	add_segments(out, url, len);
}

void url_add_shown(struct buf *out, const char *url, size_t len)
{
	const char *end = url + len, *p = url;

	/* the first '?' or '#': a fragment may contain a '?' */
	while (p < end && *p != '?' && *p != '#')
		p++;
	add_path(out, url, (size_t)(p - url));
	while (p < end) { /* at '?', '&' or '#': the name is kept, the value is redacted */
		const char *next = p + 1, *value;

		while (next < end && *next != '&' && *next != '#')
			next++;
		value = memchr(p, '=', (size_t)(next - p));
		if (value) {
			buf_add(out, p, (size_t)(value + 1 - p));
			buf_adds(out, "***");
		} else {
			buf_add(out, p, (size_t)(next - p));
		}
		p = next;
	}
}

/* The user information, which ends at the last '@'; NULL if there is none. */
static const char *user_of(const char *text, size_t *len)
{
	const char *at = strrchr(text, '@'), *user;

	if (!at)
		return NULL;
	user = text + scheme_len(text, (size_t)(at - text));
	*len = (size_t)(at - user);
	return user;
}

void url_add_setting(struct buf *out, const char *text)
{
	size_t len;
	const char *user = user_of(text, &len);

	if (user) {
		buf_add(out, text, (size_t)(user - text));
		buf_adds(out, "***");
		text = user + len;
	}
	url_add_shown(out, text, strlen(text));
}

bool url_has_password(const char *text)
{
	size_t len;
	const char *user = user_of(text, &len);

	return user && memchr(user, ':', len);
}

/* USER:PASSWORD in base64, as Proxy-Authorization carries it. */
static void redact_credentials(const struct buf *decoded)
{
	struct buf encoded;

	buf_init_secret(&encoded, BUF_NO_MAX);
	base64_encode(&encoded, decoded->data, decoded->len);
	redact_add(encoded.data, encoded.len);
	buf_release(&encoded);
}

void url_redact(const char *text)
{
	size_t len, name;
	const char *user = user_of(text, &len), *colon;
	struct buf decoded;

	if (!user)
		return;
	/* without a colon, the user name may be a token */
	colon = memchr(user, ':', len);
	name = colon ? (size_t)(colon + 1 - user) : 0;
	redact_add(user + name, len - name);
	buf_init_secret(&decoded, BUF_NO_MAX);
	if (percent_decode(&decoded, user + name, len - name))
		redact_add(decoded.data, decoded.len);
	buf_clear(&decoded);
	if (colon && percent_decode(&decoded, user, len))
		redact_credentials(&decoded);
	buf_release(&decoded);
}

bool url_is_path_segment(const char *s)
{
	return *s && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static enum status bad(const char *text, const char *why, struct err *err)
{
	struct buf shown;
	enum status st;

	buf_init(&shown, BUF_NO_MAX);
	url_add_setting(&shown, text);
	st = err_set(err, ST_CONFIG, "invalid base URL '%s': %s; expected https://HOST[:PORT]", shown.data, why);
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
		return bad(text, "the scheme must be https or http", err);
	}
	end = p + strcspn(p, "/?#");
	if (*end && strcmp(end, "/"))
		return bad(text, "a path is not allowed", err);
	if (memchr(p, '@', (size_t)(end - p)))
		return bad(text, "user information is not allowed", err);
	if (*p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (!close)
			return bad(text, "missing ']' after the address", err);
		u.ipv6 = true;
		p++;
		host_len = (size_t)(close - p);
	} else {
		host_len = strcspn(p, ":/");
	}
	if (host_len >= sizeof(u.host))
		return bad(text, "the host name is too long", err);
	for (size_t i = 0; i < host_len; i++)
		u.host[i] = (char)tolower((unsigned char)p[i]);
	if (!host_ok(&u))
		return bad(text, "invalid host name", err);
	p += host_len + u.ipv6;
	port = u.tls ? 443 : 80;
	if (*p == ':') {
		char digits[8] = "";

		if ((size_t)(end - p) > sizeof(digits))
			return bad(text, "invalid port", err);
		memcpy(digits, p + 1, (size_t)(end - p - 1));
		if (!str_parse_int64(digits, &port) || port < 1 || port > 65535)
			return bad(text, "invalid port", err);
	} else if (p != end) {
		return bad(text, "unexpected characters after the host", err);
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
