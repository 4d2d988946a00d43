#include "base/url_shown.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

/* The length of "https://"; 0 where no scheme stands in front. */
static size_t scheme_len(const char *url, size_t len)
{
	size_t i = 0;

	while (i < len && url[i] && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.", url[i]))
		i++;
	return i && len - i >= 3 && !memcmp(url + i, "://", 3) ? i + 3 : 0;
}

/* Segments of a path: of ";jsessionid=VALUE" the name stays, the value goes. */
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

/* The part before query and fragment, in which user information can stand only behind a scheme. */
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

	/* a fragment may have a '?' in it, and a query none in front of it */
	while (p < end && *p != '?' && *p != '#')
		p++;
	add_path(out, url, (size_t)(p - url));
	while (p < end) { /* at '?', '&' or '#': the name stays, the value goes */
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

/* What stands before the last '@'; NULL where there is none. */
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

/* As a proxy is told: USER:PASSWORD, decoded, in base64. */
static void redact_credentials(const struct buf *decoded)
{
	struct buf encoded;

	buf_init_secret(&encoded, BUF_NO_MAX);
	base64_encode(&encoded, decoded->data, decoded->len);
	log_redact(encoded.data, encoded.len);
	buf_release(&encoded);
}

void url_redact(const char *text)
{
	size_t len, name;
	const char *user = user_of(text, &len), *colon;
	struct buf decoded;

	if (!user)
		return;
	/* a token may stand where the name does */
	colon = memchr(user, ':', len);
	name = colon ? (size_t)(colon + 1 - user) : 0;
	log_redact(user + name, len - name);
	buf_init_secret(&decoded, BUF_NO_MAX);
	if (percent_decode(&decoded, user + name, len - name))
		log_redact(decoded.data, decoded.len);
	buf_clear(&decoded);
	if (colon && percent_decode(&decoded, user, len))
		redact_credentials(&decoded);
	buf_release(&decoded);
}
