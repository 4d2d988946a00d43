#include "base/percent.h"

#include "base/buf.h"
#include "base/str.h"

#include <string.h>

static bool encode_except(struct buf *out, const char *s, size_t len, const char *kept)
{
	size_t from = 0; /* what stays is added in one piece */

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		char triple[3] = { '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] };

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c && strchr(kept, c)))
			continue;
		buf_add(out, s + from, i - from);
		buf_add(out, triple, sizeof(triple));
		from = i + 1;
	}
	return buf_add(out, s + from, len - from);
}

bool percent_encode(struct buf *out, const char *s, size_t len)
{
	return encode_except(out, s, len, "-._~");
}

bool percent_encode_segment(struct buf *out, const char *s, size_t len)
{
	return encode_except(out, s, len, "-._~!$&'()*+,;=:@");
}

bool percent_decode(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len, *percent;
	size_t before = out->len;

	for (; (percent = memchr(s, '%', (size_t)(end - s))); s = percent + 3) {
		if (end - percent < 3 || str_hex_digit(percent[1]) < 0 || str_hex_digit(percent[2]) < 0) {
			buf_truncate(out, before);
			return false;
		}
		buf_add(out, s, (size_t)(percent - s));
		buf_addc(out, (char)(str_hex_digit(percent[1]) << 4 | str_hex_digit(percent[2])));
	}
	return buf_add(out, s, (size_t)(end - s));
}
