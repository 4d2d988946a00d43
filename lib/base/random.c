#include "base/random.h"

#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *p, size_t len)
{
	char *at = p;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			BUG("getrandom failed"); /* impossible on kernels that have it */
		at += n;
		len -= (size_t)n;
	}
}

uint32_t random_u32(void)
{
	uint32_t x;

	random_bytes(&x, sizeof(x));
	return x;
}

int64_t random_below(int64_t n)
{
	uint64_t x;

	if (n <= 0)
		return 0;
	random_bytes(&x, sizeof(x));
	return (int64_t)(x % (uint64_t)n); /* the bias is below n / 2^64 */
}

void random_id(char out[static 33])
{
	unsigned char raw[16];

	random_bytes(raw, sizeof(raw));
	str_hex_encode(out, raw, sizeof(raw));
}
