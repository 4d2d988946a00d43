#include "base/base64.h"

#include "base/buf.h"

#include <string.h>

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode64(struct buf *out, const char *digits, const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)s[i] << 16;
		char quad[4];

		if (left > 1)
			v |= (unsigned)s[i + 1] << 8;
		if (left > 2)
			v |= s[i + 2];
		for (size_t k = 0; k <= left; k++)
			quad[k] = digits[v >> (18 - 6 * k) & 63];
		buf_add(out, quad, left + 1);
	}
}

bool base64_encode_url(struct buf *out, const void *p, size_t len)
{
	encode64(out, base64url, p, len);
	return !out->overflow;
}

bool base64_encode(struct buf *out, const void *p, size_t len)
{
	encode64(out, base64, p, len);
	for (size_t i = len; i % 3; i++)
		buf_addc(out, '=');
	return !out->overflow;
}

bool base64_decode_url(struct buf *out, const char *s, size_t len)
{
	size_t before = out->len;
	unsigned v = 0;
	unsigned bits = 0;

	while (len && s[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *at = s[i] ? strchr(base64url, s[i]) : NULL;

		if (!at) {
			buf_truncate(out, before);
			return false;
		}
		v = (v << 6 | (unsigned)(at - base64url)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(v >> bits & 0xff));
		}
	}
	return !out->overflow;
}
