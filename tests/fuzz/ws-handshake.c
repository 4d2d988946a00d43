/*
 * Responses to the upgrade or CONNECT: every prefix is read without an overrun, a result never changes with more bytes,
 * and only the right Sec-WebSocket-Accept completes the upgrade.
 */
#include "tests/fuzz/fuzz.h"
#include "ws/handshake.h"

#define NOW INT64_C(1735689600000)

static const struct handshake rfc = { .key = "dGhlIHNhbXBsZSBub25jZQ==", .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" };

static enum handshake_result check(const struct handshake *h, const char *text, size_t len,
	struct handshake_response *response)
{
	enum handshake_result result = handshake_read(h, text, len, NOW, response);

	MUST(response->retry_after_ms >= -1);
	MUST((result == HANDSHAKE_INVALID) == (response->why != NULL));
	MUST(result != HANDSHAKE_MORE || len <= HANDSHAKE_HEAD_MAX);
	if (result == HANDSHAKE_DONE || result == HANDSHAKE_REFUSED) {
		MUST(response->len <= len && response->len <= HANDSHAKE_HEAD_MAX);
		MUST(text[response->len - 1] == '\n');
		MUST(response->status >= 100 && response->status <= 999);
	}
	if (result == HANDSHAKE_DONE && h) {
		MUST(response->status == 101);
		MUST(memmem(text, response->len, h->accept, strlen(h->accept)));
	}
	if (result == HANDSHAKE_DONE && !h)
		MUST(response->status / 100 == 2);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct handshake *h;
	struct handshake_response whole, part;
	enum handshake_result result, early;
	char *text;
	size_t n;

	if (size < 2)
		return 0;
	h = data[0] & 1 ? &rfc : NULL;
	n = (size_t)data[1] * (size - 2) / 256;
	text = fuzz_text(data + 2, size - 2);
	result = check(h, text, size - 2, &whole);
	free(text);
	/* a prefix has the same result, or is incomplete */
	text = fuzz_text(data + 2, n);
	early = check(h, text, n, &part);
	free(text);
	MUST(early == HANDSHAKE_MORE || (early == result && part.status == whole.status && part.len == whole.len) ||
		early == HANDSHAKE_INVALID);
	MUST(early != HANDSHAKE_INVALID || result == HANDSHAKE_INVALID);
	return 0;
}
