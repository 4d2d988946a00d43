#include "base/utf8.h"

#include "base/buf.h"

#include <string.h>

size_t utf8_decode(const char *text, size_t len, uint32_t *point)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c = s[0];
	uint32_t least;
	size_t n;

	if (c < 0x80) {
		n = 1;
		least = 0;
	} else if (c >= 0xc2 && c <= 0xdf) {
		n = 2;
		c &= 0x1f;
		least = 0x80;
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 3;
		c &= 0x0f;
		least = 0x800;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4;
		c &= 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (point)
		*point = c;
	return n;
}

bool utf8_encode(struct buf *out, uint32_t c)
{
	char s[4];
	size_t n;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	if (c < 0x80) {
		s[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		s[0] = (char)(0xc0 | c >> 6);
		s[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		s[0] = (char)(0xe0 | c >> 12);
		s[1] = (char)(0x80 | (c >> 6 & 0x3f));
		s[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		s[0] = (char)(0xf0 | c >> 18);
		s[1] = (char)(0x80 | (c >> 12 & 0x3f));
		s[2] = (char)(0x80 | (c >> 6 & 0x3f));
		s[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	return buf_add(out, s, n);
}

/* The number of leading ASCII bytes, found by words, because most text is ASCII. */
static size_t ascii_run(const char *s, size_t len)
{
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, s + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < len && !(s[i] & 0x80))
		i++;
	return i;
}

bool utf8_valid(const char *s, size_t len)
{
	size_t i = 0;

	while ((i += ascii_run(s + i, len - i)) < len) {
		size_t n = utf8_decode(s + i, len - i, NULL);

		if (!n)
			return false;
		i += n;
	}
	return true;
}

bool utf8_sanitize(struct buf *out, const char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t n = ascii_run(s + i, len - i);

		if (!n)
			n = utf8_decode(s + i, len - i, NULL);
		if (n) {
			buf_add(out, s + i, n);
		} else {
			utf8_encode(out, 0xfffd);
			n = 1;
		}
		i += n;
	}
	return !out->overflow;
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
	if (len <= max && (!len || !(s[len - 1] & 0x80)))
		return len;
	if (max > len)
		max = len;
	/* back to the start of the last character, which is kept only if it is complete */
	for (size_t back = 1; back <= 4 && back <= max; back++) {
		unsigned char c = (unsigned char)s[max - back];

		if ((c & 0xc0) == 0x80)
			continue;
		return utf8_decode(s + max - back, back, NULL) == back ? max : max - back;
	}
	return max;
}

bool utf8_is_control(uint32_t c)
{
	/* U+FE0E and U+FE0F are not in the list: they choose how an emoji looks */
	static const struct {
		uint32_t first, last;
	} invisible[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0d }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff } };

	for (size_t i = 0; i < sizeof(invisible) / sizeof(*invisible) && c >= invisible[i].first; i++) {
		if (c <= invisible[i].last)
			return true;
	}
	return false;
}

bool utf8_printable(struct buf *out, const char *s, size_t len)
{
	uint32_t point = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &point);
		if (!n) {
			utf8_encode(out, 0xfffd);
			n = 1;
		} else if (point == '\n' || point == '\t') {
			buf_addc(out, ' ');
		} else if (!utf8_is_control(point)) {
			buf_add(out, s + i, n);
		}
	}
	return !out->overflow;
}

bool utf8_escape_controls(struct buf *out, const char *s, size_t len)
{
	uint32_t point = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &point);
		/* raw bytes below DEL are outside of strings: the newline at the end */
		if (n && point >= 0x7f && utf8_is_control(point)) {
			if (point > 0xffff)
				buf_addf(out, "\\u%04x", (unsigned)(0xd7c0 + (point >> 10)));
			buf_addf(out, "\\u%04x", (unsigned)(point > 0xffff ? 0xdc00 | (point & 0x3ff) : point));
		} else {
			buf_add(out, s + i, n ? n : 1);
		}
		n = n ? n : 1;
	}
	return !out->overflow;
}
