#include "base/filename.h"

#include "base/mem.h"
#include "base/percent.h"
#include "base/random.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A longer extension counts as part of the name, and is cut with it. */
#define EXTENSION_MAX ((size_t)16)

static bool is_separator(char c)
{
	return c == '/' || c == '\\';
}

/* The last segment that is not empty. */
static const char *last_segment(const char *name, size_t *len)
{
	size_t end = *len, start;

	while (end && is_separator(name[end - 1]))
		end--;
	start = end;
	while (start && !is_separator(name[start - 1]))
		start--;
	*len = end - start;
	return name + start;
}

/* Noncharacters, interlinear annotation and tag characters, which are invisible. */
static bool is_odd(uint32_t c)
{
	return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xe0000 && c <= 0xe007f) ||
		(c >= 0xfff9 && c <= 0xfffb);
}

static void add_safe_characters(struct buf *out, const char *name, size_t len)
{
	uint32_t c = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(name + i, len - i, &c);
		if (!n) {
			buf_addc(out, '_');
			n = 1;
		} else if (c < 0x80 && c && strchr("<>:\"|?*", (int)c)) {
			buf_addc(out, '_');
		} else if (!utf8_is_control(c) && !is_odd(c)) {
			buf_add(out, name + i, n);
		}
	}
}

static void trim(struct buf *name)
{
	size_t start = 0, end = name->len;

	while (start < end && strchr(".-~ ", name->data[start]))
		start++;
	while (end > start && strchr(". ", name->data[end - 1]))
		end--;
	buf_truncate(name, end);
	buf_consume(name, start);
}

/* The offset of the extension's dot, or the end. ".tar.gz" and similar count as one extension. */
static size_t extension_at(const char *name, size_t len)
{
	size_t dot = len;

	for (size_t i = len; i > 1; i--) {
		if (name[i - 1] == '.') {
			dot = i - 1;
			break;
		}
	}
	if (dot == len || len - dot > EXTENSION_MAX)
		return len;
	if (dot > 4 && !strncasecmp(name + dot - 4, ".tar", 4))
		dot -= 4;
	return dot;
}

static void cut(struct buf *name, size_t max)
{
	size_t dot, keep;
	char *extension;

	if (name->len <= max)
		return;
	dot = extension_at(name->data, name->len);
	extension = xstrdup(name->data + dot);
	keep = utf8_cut(name->data, dot, max - strlen(extension));
	buf_truncate(name, keep);
	buf_adds(name, extension);
	free(extension);
	while (name->len && strchr(". ", name->data[name->len - 1]))
		buf_truncate(name, name->len - 1);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len >= n && !strcasecmp(name + len - n, suffix);
}

void filename_clean(struct buf *out, const char *name, size_t len)
{
	struct buf clean;

	buf_init(&clean, BUF_NO_MAX);
	name = last_segment(name, &len);
	if (len >= 2 && name[1] == ':' && isalpha((unsigned char)name[0])) {
		name += 2;
		len -= 2;
	}
	add_safe_characters(&clean, name, len);
	trim(&clean);
	/* one byte less than the limit: '_' may be appended */
	cut(&clean, FILENAME_LIMIT - 1);
	if (!clean.len)
		buf_adds(&clean, "attachment");
	buf_add(out, clean.data, clean.len);
	if (has_suffix(clean.data, FILENAME_PART) || has_suffix(clean.data, FILENAME_INFO))
		buf_addc(out, '_');
	buf_release(&clean);
}

void filename_from_url(struct buf *out, const char *url)
{
	const char *path = strstr(url, "://");
	struct buf decoded;
	const char *segment;
	size_t len, n;

	path = path ? path + 3 + strcspn(path + 3, "/?#") : url;
	len = strcspn(path, "?#");
	n = len;
	segment = last_segment(path, &n);
	if (n == strlen("payload") && !memcmp(segment, "payload", n) && segment > path + 1) {
		n = (size_t)(segment - path) - 1;
		segment = last_segment(path, &n);
	}
	buf_init(&decoded, BUF_NO_MAX);
	if (!percent_decode(&decoded, segment, n))
		buf_add(&decoded, segment, n);
	filename_clean(out, decoded.data, decoded.len);
	buf_release(&decoded);
}

static void add_tagged(struct buf *out, const char *name, const char *tag)
{
	size_t dot = extension_at(name, strlen(name));

	buf_add(out, name, dot);
	buf_addc(out, '-');
	buf_adds(out, tag);
	buf_adds(out, name + dot);
}

void filename_tagged(struct buf *out, const char *name, const char *tag)
{
	struct buf short_name;

	buf_init(&short_name, BUF_NO_MAX);
	buf_adds(&short_name, name);
	cut(&short_name, FILENAME_LIMIT - 1 - strlen(tag));
	add_tagged(out, short_name.data, tag);
	buf_release(&short_name);
}

void filename_numbered(struct buf *out, const char *name, unsigned attempt)
{
	char tag[16];

	if (attempt <= 1) {
		buf_adds(out, name);
		return;
	}
	if (attempt < FILENAME_TRIES)
		snprintf(tag, sizeof(tag), "%u", attempt);
	else
		snprintf(tag, sizeof(tag), "%08x", random_u32());
	add_tagged(out, name, tag);
}
