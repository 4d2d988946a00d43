/*
 * The claims of a token are text or missing, and times do not overflow. The input is also used as the claims of a JWT.
 */
#include "wire/claims.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"

static void decode(const char *text, size_t len)
{
	struct claims claims = { 0 };
	struct secret token = { 0 };
	struct err err;

	secret_set(&token, text, len);
	if (!claims_decode(&token, &claims, &err)) {
		if (claims.user_id)
			MUST(strlen(claims.user_id) < 100000);
		if (claims.address)
			MUST(strlen(claims.address) < 100000);
		MUST(claims.issued_ms >= 0 && claims.issued_ms <= CLOCK_LAST_MS);
		MUST(claims.expires_ms >= 0 && claims.expires_ms <= CLOCK_LAST_MS);
	} else {
		MUST(!claims.user_id && !claims.address);
	}
	claims_release(&claims);
	secret_release(&token);
	log_close(); /* forgets the secrets */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct buf token;

	buf_init(&token, BUF_NO_MAX);
	decode(text, size);
	buf_adds(&token, "e30.");
	base64_encode_url(&token, text, size);
	buf_adds(&token, ".x");
	decode(token.data, token.len);
	buf_release(&token);
	free(text);
	return 0;
}
