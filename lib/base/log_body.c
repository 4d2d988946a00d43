/*
 * log_body.c - bodies in the trace, for --trace-text.
 *
 * Bodies that are secret as a whole never get here (http.h, body_secret).
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/redact.h"
#include "base/utf8.h"

#include <string.h>

#define SECRET_MAX ((size_t)32 * 1024) /* longer than any token */

void log_body_text(struct buf *out, const char *p, size_t len)
{
	bool more = len > LOG_BODY_MAX + SECRET_MAX;
	struct buf text;
	size_t shown;

	/* redact before cutting: a part of a secret would not be found */
	buf_init_secret(&text, BUF_NO_MAX);
	buf_add(&text, p, more ? LOG_BODY_MAX + SECRET_MAX : len);
	redact_known(&text);
	/* the last SECRET_MAX bytes may begin with a part of a secret */
	shown = !more ? text.len : text.len > SECRET_MAX ? text.len - SECRET_MAX : 0;
	if (shown > LOG_BODY_MAX)
		shown = LOG_BODY_MAX;
	if (shown < text.len)
		shown = utf8_cut(text.data, text.len, shown);
	if (!utf8_valid(text.data, shown) || memchr(text.data, '\0', shown)) {
		buf_addf(out, "(%zu bytes of binary data)", len);
	} else {
		redact_patterns(out, text.data, shown);
		if (shown < text.len)
			buf_addf(out, " ... (cut; %zu bytes in all)", len);
	}
	buf_release(&text);
}

void log_body_trace(const char *label, const char *p, size_t len)
{
	struct buf text;

	if (!log_tracing_text() || !len)
		return;
	buf_init_secret(&text, BUF_NO_MAX);
	log_body_text(&text, p, len);
	log_trace("%s %s", label, text.data);
	buf_release(&text);
}
