/*
 * log_body.c - bodies in the trace, for --trace-text.
 *
 * Those that are secret as a whole never come here (http.h, body_secret), and what kandy knows to be secret is taken
 * out of every line by log.c. This takes out what others may have put into a body: what stands behind the name of a
 * secret, in JSON, in a form or in the query of a URL.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

#define SECRET_MAX ((size_t)32 * 1024) /* longer than any token */

static const char *const secret_names[] = { "access_token", "refresh_token", "id_token", "client_secret", "password",
	"authorization", NULL };

/* The length of the name of a secret that begins here; 0: none. */
static size_t secret_name(const char *p, size_t len)
{
	for (const char *const *name = secret_names; *name; name++) {
		size_t n = strlen(*name);

		if (len >= n && !strncasecmp(p, *name, n))
			return n;
	}
	return 0;
}

/* What stands between a name and its value: quotes, white space, and one '=' or ':' (or %3D). 0: no value follows. */
static size_t separator(const char *p, size_t len)
{
	size_t i = 0;

	while (i < len && memchr("\\\"' \t", p[i], 5))
		i++;
	if (len - i >= 3 && !strncasecmp(p + i, "%3d", 3))
		i += 3;
	else if (i < len && (p[i] == '=' || p[i] == ':'))
		i++;
	else
		return 0;
	while (i < len && memchr("\\\"' \t", p[i], 5))
		i++;
	return i;
}

/* A space does not end it: it may be behind the scheme of an authorization. */
static size_t value_len(const char *p, size_t len)
{
	size_t i = 0;

	for (; i < len && !memchr("&\"'#<>\\,;(){}[]\r\n\t", p[i], 18); i++)
		;
	return i;
}

/* Appends the text without the values of secrets. */
static void add_without_values(struct buf *out, const char *p, size_t len)
{
	size_t from = 0, at = 0;

	while (at < len) {
		size_t name = secret_name(p + at, len - at);
		size_t gap = name ? separator(p + at + name, len - at - name) : 0;

		if (!gap) {
			at += name ? name : 1;
			continue;
		}
		at += name + gap;
		buf_add(out, p + from, at - from);
		buf_adds(out, "***");
		at += value_len(p + at, len - at);
		from = at;
	}
	buf_add(out, p + from, len - from);
}

void log_body_text(struct buf *out, const char *p, size_t len)
{
	struct buf text;
	size_t shown;

	/* cut only when the secrets are out: a part of one would not be found */
	buf_init_secret(&text, BUF_NO_MAX);
	buf_add(&text, p, len < LOG_BODY_MAX + SECRET_MAX ? len : LOG_BODY_MAX + SECRET_MAX);
	log_hide(&text);
	shown = text.len > LOG_BODY_MAX ? utf8_cut(text.data, text.len, LOG_BODY_MAX) : text.len;
	if (!utf8_valid(text.data, shown) || memchr(text.data, '\0', shown)) {
		buf_addf(out, "(%zu bytes that are no text)", len);
	} else {
		add_without_values(out, text.data, shown);
		if (shown < text.len)
			buf_addf(out, " ... (cut; %zu bytes in all)", len);
	}
	buf_release(&text);
}

void log_trace_body(const char *label, const char *p, size_t len)
{
	struct buf text;

	if (!log_tracing_text() || !len)
		return;
	buf_init_secret(&text, BUF_NO_MAX);
	log_body_text(&text, p, len);
	log_trace("%s %s", label, text.data);
	buf_release(&text);
}
