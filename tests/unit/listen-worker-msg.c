/* The messages between the listener and its request process. */
#include "tests/lib/tap.h"

#include "client/client.h"
#include "listen/worker_msg.h"
#include "base/mem.h"

#include <stdlib.h>

static struct buf bytes;

static void test_request(void)
{
	struct history_session session = {
		.type = CHAT_GROUP, .conversation = xstrdup("g1"), .own = xstrdup("alice@x"), .last_ms = 1525895987000
	};
	struct job_request request = { .job = JOB_PAGE,
		.token_refused = true,
		.recreate = true,
		.cancelled = CHANNEL_CHAT | CHANNEL_RECEIPTS,
		.session = &session,
		.next = "n-7" };
	struct secret token = { 0 };
	struct worker_request msg;

	secret_set(&token, "token-value", 11);
	buf_clear(&bytes);
	worker_msg_put_request(&bytes, &request, &token, 3);
	tap_int(worker_msg_length(bytes.data, bytes.len), bytes.len, "the length of a message");
	tap_int(worker_msg_length(bytes.data, 3), 0, "the length is unknown before four bytes are there");
	tap_ok(worker_msg_get_request(bytes.data, bytes.len, &msg), "a request is read");
	tap_int(msg.request.job, JOB_PAGE, "the job");
	tap_ok(msg.request.token_refused && msg.request.recreate && !msg.request.existing && !msg.request.token_only &&
			!msg.request.all,
		"the flags");
	tap_int(msg.request.cancelled, CHANNEL_CHAT | CHANNEL_RECEIPTS, "the services");
	tap_str(msg.request.next, "n-7", "the page token");
	tap_int(msg.request.session->type, CHAT_GROUP, "the conversation type");
	tap_str(msg.request.session->conversation, "g1", "the conversation name");
	tap_str(msg.request.session->own, "alice@x", "the own address");
	tap_str(msg.token.s, "token-value", "the token of the request");
	tap_int((intmax_t)msg.attempt, 3, "the attempt");
	worker_msg_release_request(&msg);

	request = (struct job_request){ .job = JOB_RENEW_TOKEN };
	buf_clear(&bytes);
	worker_msg_put_request(&bytes, &request, &(struct secret){ 0 }, 0);
	tap_ok(worker_msg_get_request(bytes.data, bytes.len, &msg), "a request without optional fields is read");
	tap_ok(!msg.request.cancelled && !msg.request.session && !msg.request.next && !msg.token.s,
		"missing fields are empty");
	worker_msg_release_request(&msg);

	request = (struct job_request){ .job = JOB_PAGE };
	buf_clear(&bytes);
	worker_msg_put_request(&bytes, &request, &(struct secret){ 0 }, 0);
	tap_ok(!worker_msg_get_request(bytes.data, bytes.len, &msg),
		"a page request without a conversation is invalid");
	secret_release(&token);
	free(session.conversation);
	free(session.own);
}

/* Everything in it. */
static void fill(struct job_result *r)
{
	static const char page[] = "{\"a\":[ {\"text\":\"one\"},{\"n\":10000000000000000001}]}";

	*r = (struct job_result){ .job = JOB_CONVERSATIONS,
		.status = ST_TEMPFAIL,
		.err = ERR_INIT,
		.path = xstrdup("/ws"),
		.address = xstrdup("::1"),
		.self = xstrdup("alice@x"),
		.server_role = true,
		.renew_in_ms = 1000,
		.token_ends_in_ms = 2000,
		.extend_in_ms = -1,
		.channel_ends_in_ms = 3000,
		.made = CHANNEL_SMS,
		.partial = true,
		.more = xstrdup("n-8") };
	err_set(&r->err, ST_TEMPFAIL, "busy");
	r->err.outcome = ERR_REFUSED;
	r->err.http = 429;
	r->err.retryable = true;
	r->err.pending = true;
	r->err.retry_after_ms = 7000;
	snprintf(r->err.code, sizeof(r->err.code), "POL0001");
	secret_set(&r->token, "token-value", 11);
	r->sessions.items = xcalloc(2, sizeof(*r->sessions.items));
	r->sessions.count = r->sessions.cap = 2;
	r->sessions.items[0] =
		(struct history_session){ .type = CHAT_ONE_TO_ONE, .conversation = xstrdup("bob@x"), .last_ms = -1 };
	r->sessions.items[1] = (struct history_session){
		.type = CHAT_SMS, .conversation = xstrdup("+1613"), .own = xstrdup("+1514"), .last_ms = 5
	};
	buf_init(&r->page.text, 1 << 20);
	buf_adds(&r->page.text, page);
	if (json_parse(&r->page.json, r->page.text.data, r->page.text.len, NULL, NULL))
		tap_ok(false, "the page is JSON");
	r->messages = json_get(json_root(&r->page.json), "a");
}

static void test_result(void)
{
	struct job_result r, got;
	const char *s;
	size_t len;

	fill(&r);
	buf_clear(&bytes);
	worker_msg_put_result(&bytes, &r);
	job_result_release(&r);
	tap_ok(worker_msg_get_result(bytes.data, bytes.len, &got), "a result");
	tap_ok(got.job == JOB_CONVERSATIONS && got.status == ST_TEMPFAIL, "job and status");
	tap_str(got.err.text, "busy", "the error: its sentence");
	tap_str(got.err.code, "POL0001", "its code");
	tap_ok(got.err.status == ST_TEMPFAIL && got.err.outcome == ERR_REFUSED && got.err.http == 429 &&
			got.err.retryable && got.err.pending && got.err.retry_after_ms == 7000,
		"the other fields of the error are read");
	tap_str(got.path, "/ws", "path");
	tap_str(got.address, "::1", "address");
	tap_str(got.self, "alice@x", "the user");
	tap_str(got.token.s, "token-value", "the token");
	tap_ok(got.server_role && got.made == CHANNEL_SMS && got.partial && got.renew_in_ms == 1000 &&
			got.token_ends_in_ms == 2000 && got.extend_in_ms == -1 && got.channel_ends_in_ms == 3000,
		"role, services and times");
	tap_int((intmax_t)got.sessions.count, 2, "two conversations");
	tap_str(got.sessions.items[0].conversation, "bob@x", "the first");
	tap_ok(!got.sessions.items[0].own && got.sessions.items[0].last_ms == -1,
		"missing fields of a conversation are empty");
	tap_str(got.sessions.items[1].own, "+1514", "the second");
	tap_int((intmax_t)json_count(got.messages), 2, "a page with two messages is read");
	tap_ok(json_slice(json_get(json_next(json_first(got.messages)).value, "n"), &s, &len) && len == 20 &&
			!memcmp(s, "10000000000000000001", len),
		"whose numbers are as they were");
	tap_str(got.more, "n-8", "the token of the next page is read");
	job_result_release(&got);
}

/* Cut, longer than it says, or with one byte changed: refused, or read without harm (which the sanitizers watch). */
static void test_damage(void)
{
	struct job_result r, got;
	struct worker_request msg;
	size_t len, refused = 0;
	char *copy;

	fill(&r);
	buf_clear(&bytes);
	worker_msg_put_result(&bytes, &r);
	job_result_release(&r);
	len = bytes.len;
	for (size_t cut = 0; cut < len; cut++) {
		uint32_t rest = cut >= 4 ? (uint32_t)(cut - 4) : 0;

		copy = xmemdup0(bytes.data, cut);
		if (cut >= 4)
			memcpy(copy, &rest, sizeof(rest));
		refused += !worker_msg_get_result(copy, cut, &got);
		free(copy);
	}
	tap_int((intmax_t)refused, (intmax_t)len, "cut anywhere, it is refused");
	buf_addc(&bytes, 0);
	tap_ok(!worker_msg_get_result(bytes.data, bytes.len, &got), "a byte too much is invalid");
	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			copy = xmemdup0(bytes.data, len);
			copy[at] = (char)(copy[at] ^ 1 << bit);
			if (worker_msg_get_result(copy, len, &got))
				job_result_release(&got);
			if (worker_msg_get_request(copy, len, &msg))
				worker_msg_release_request(&msg);
			free(copy);
		}
	}
	tap_ok(true, "a changed bit does no harm");
}

static void test_too_long(void)
{
	struct job_result r = { .job = JOB_CONVERSATIONS, .err = ERR_INIT }, got;
	char *name = xcalloc(1 << 20, 1);

	memset(name, 'x', (1 << 20) - 1);
	r.sessions.items = xcalloc(65, sizeof(*r.sessions.items));
	for (; r.sessions.count < 65; r.sessions.count++)
		r.sessions.items[r.sessions.count] = (struct history_session){ .conversation = name };
	buf_clear(&bytes);
	worker_msg_put_result(&bytes, &r);
	tap_ok(worker_msg_get_result(bytes.data, bytes.len, &got),
		"a result that is too large is replaced by an error");
	tap_ok(got.job == JOB_CONVERSATIONS && got.status == ST_PROTOCOL && !got.sessions.count, "becomes an error");
	job_result_release(&got);
	free(r.sessions.items);
	free(name);
}

int main(void)
{
	buf_init_secret(&bytes, BUF_NO_MAX);
	test_request();
	test_result();
	test_damage();
	test_too_long();
	buf_release(&bytes);
	return tap_done();
}
