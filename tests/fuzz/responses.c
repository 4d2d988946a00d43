/*
 * Responses of the service to each request: decoded, or an error with a message. The input is also used as the claims
 * of both tokens of a login.
 */
#include "wire/auth.h"
#include "client/client.h"
#include "send/lookup.h"
#include "wire/message.h"
#include "wire/service_error.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1525895987000)

static struct json_doc doc;

static void check_error(const char *text, size_t size)
{
	static char html[] = "text/html; charset=x", json[] = "application/json";
	struct http_response response = { .status = 400 + (int)(size % 200),
		.content_type = size % 3 ? json : html,
		.content_length = -1,
		.retry_after_ms = -1 };
	struct err err = ERR_INIT;

	buf_init(&response.body, BUF_NO_MAX);
	buf_add(&response.body, text, size);
	MUST(service_error(&response, "send a message", &err) == err.status && err.status);
	MUST(err.text[0] && memchr(err.text, '\0', sizeof(err.text)) && memchr(err.code, '\0', sizeof(err.code)));
	MUST(err.http == response.status);
	buf_release(&response.body);
}

static void check_login(struct json_value response)
{
	struct session session = { 0 };
	struct err err;

	if (auth_decode(response, NOW, &session, &err)) {
		MUST(err.text[0] && !session.access_token.s);
	} else {
		MUST(session.access_token.s && session.user_id && session.address);
		MUST(session.issued_ms == NOW && session.expires_ms > NOW && session.expires_ms <= NOW + CLOCK_LAST_MS);
		MUST(auth_renewal_ms(&session) >= NOW && auth_renewal_ms(&session) < session.expires_ms);
	}
	session_release(&session);
}

static void check_claims(const char *text, size_t size)
{
	struct buf response;

	buf_init(&response, BUF_NO_MAX);
	buf_adds(&response, "{\"access_token\":\"e30.");
	base64_encode_url(&response, text, size);
	buf_adds(&response, ".x\",\"id_token\":\"e30.");
	base64_encode_url(&response, text, size);
	buf_adds(&response, ".x\"}");
	MUST(!json_parse(&doc, response.data, response.len, NULL, NULL));
	check_login(json_root(&doc));
	buf_release(&response);
}

static void check_channel(struct json_value response)
{
	struct session session = { 0 };
	char *url = NULL;
	struct err err;

	if (!channel_decode(response, NOW, &session, &err))
		MUST(session.channel_url && session.channel_expires_ms >= NOW);
	channel_decode_lifetime(response);
	if (!channel_decode_subscription(response, &url, &err))
		MUST(url);
	free(url);
	session_release(&session);
}

static void check_message(struct json_value response)
{
	struct address to = { CHAT_ONE_TO_ONE, (char *)(uintptr_t) "bob@acme.example.com" };
	struct message message = { .to = &to, .text = "hi" };
	struct lookup lookup = { .message = &message,
		.sender = "alice@acme.example.com",
		.user_id = "u",
		.last_sent_id = "msg1",
		.window = { true, 0, INT64_C(1525895987000) } };
	struct message_sent sent = { 0 };
	struct err err;

	for (int type = CHAT_ONE_TO_ONE; type <= CHAT_SMS; type++) {
		if (!message_decode_sent(response, (enum chat_type)type, 7, &sent, &err))
			MUST(sent.status);
		message_sent_release(&sent);
	}
	switch (lookup_page(&lookup, response)) {
	case LOOKUP_MORE: MUST(lookup.next); break;
	case LOOKUP_PRESENT: MUST(lookup.candidates == 1 && lookup.found.status); break;
	case LOOKUP_INCONCLUSIVE: MUST(lookup.reason); break;
	case LOOKUP_NOT_FOUND: MUST(!lookup.candidates); break;
	}
	lookup_release(&lookup);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_error(text, size);
	if (!json_parse_lenient(&doc, text, size, NULL, NULL)) {
		check_login(json_root(&doc));
		check_channel(json_root(&doc));
		check_message(json_root(&doc));
	}
	check_claims(text, size);
	log_close(); /* forgets the secrets */
	free(text);
	return 0;
}
