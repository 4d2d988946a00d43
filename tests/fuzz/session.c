/* The token cache: a valid file reads the same after it was written again. */
#include "store/session.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"

static void check_times(const struct session *session)
{
	const int64_t times[] = { session->issued_ms, session->expires_ms, session->refresh_expires_ms,
		session->channel_expires_ms, session->channel_lifetime_ms };

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		MUST(times[i] >= 0 && times[i] <= CLOCK_LAST_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct session session = { 0 }, again = { 0 }, copy = { 0 };
	struct buf first, second;
	struct err err;

	buf_init_secret(&first, BUF_NO_MAX);
	buf_init_secret(&second, BUF_NO_MAX);
	if (!session_decode(text, size, &session, &err)) {
		check_times(&session);
		session_copy(&copy, &session);
		session_encode(&copy, &first);
		MUST(!session_decode(first.data, first.len, &again, &err));
		session_encode(&again, &second);
		MUST(first.len == second.len && !memcmp(first.data, second.data, first.len));
		session_forget_tokens(&copy);
		session_forget_channel(&copy);
	}
	session_release(&copy);
	session_release(&again);
	session_release(&session);
	buf_release(&second);
	buf_release(&first);
	log_close(); /* forgets the secrets */
	free(text);
	return 0;
}
