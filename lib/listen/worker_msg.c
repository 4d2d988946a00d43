#include "listen/worker_msg.h"

#include "client/client.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEAD sizeof(uint32_t)
#define NO_STRING UINT64_MAX /* instead of a length: NULL */
#define SESSION_MIN (4 * sizeof(uint64_t)) /* bytes of a conversation with empty strings */

void worker_msg_release_request(struct worker_request *msg)
{
	free(msg->session.conversation);
	free(msg->session.own);
	free(msg->next);
	secret_release(&msg->token);
	*msg = (struct worker_request){ 0 };
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Leaves room for the length. Returns where the message starts. */
static size_t begin(struct buf *out)
{
	static const char head[HEAD];
	size_t at = out->len;

	buf_add(out, head, sizeof(head));
	return at;
}

/* Fills in the length. False if the message is too long. */
static bool end(struct buf *out, size_t at)
{
	size_t len = out->len - at;
	uint32_t rest = (uint32_t)(len - HEAD);

	if (len > WORKER_MSG_MAX)
		return false;
	memcpy(out->data + at, &rest, sizeof(rest));
	return true;
}

static void put_number(struct buf *out, uint64_t number)
{
	buf_add(out, &number, sizeof(number));
}

static void put_int(struct buf *out, int64_t number)
{
	put_number(out, (uint64_t)number);
}

static void put_bytes(struct buf *out, const char *s, size_t len)
{
	put_number(out, s ? len : NO_STRING);
	if (s)
		buf_add(out, s, len);
}

static void put_string(struct buf *out, const char *s)
{
	put_bytes(out, s, s ? strlen(s) : 0);
}

static void put_err(struct buf *out, const struct err *err)
{
	put_int(out, err->status);
	put_int(out, err->outcome);
	put_int(out, err->http);
	put_int(out, err->retryable);
	put_int(out, err->pending);
	put_int(out, err->retry_after_ms);
	put_string(out, err->code);
	put_string(out, err->text);
}

/* Without `last_text`, which a listener does not need. */
static void put_session(struct buf *out, const struct history_session *session)
{
	put_int(out, session->type);
	put_string(out, session->conversation);
	put_string(out, session->own);
	put_int(out, session->last_ms);
}

void worker_msg_put_request(struct buf *out, const struct job_request *request, const struct secret *token,
	uint64_t attempt)
{
	size_t at = begin(out);

	put_int(out, request->job);
	put_int(out, request->token_only);
	put_int(out, request->token_refused);
	put_int(out, request->recreate);
	put_int(out, request->existing);
	put_int(out, request->cancelled);
	put_int(out, request->all);
	put_int(out, request->session != NULL);
	if (request->session)
		put_session(out, request->session);
	put_string(out, request->next);
	put_bytes(out, token->s, token->len);
	put_number(out, attempt);
	if (!end(out, at))
		BUG("request too long");
}

static bool put_whole_result(struct buf *out, const struct job_result *r)
{
	size_t at = begin(out), len;
	const char *page;

	put_int(out, r->job);
	put_int(out, r->status);
	put_err(out, &r->err);
	put_string(out, r->path);
	put_string(out, r->address);
	put_string(out, r->self);
	put_bytes(out, r->token.s, r->token.len);
	put_int(out, r->server_role);
	put_int(out, r->renew_in_ms);
	put_int(out, r->token_ends_in_ms);
	put_int(out, r->extend_in_ms);
	put_int(out, r->channel_ends_in_ms);
	put_int(out, r->made);
	put_int(out, r->partial);
	put_number(out, r->sessions.count);
	for (size_t i = 0; i < r->sessions.count; i++)
		put_session(out, &r->sessions.items[i]);
	if (json_slice(r->messages, &page, &len))
		put_bytes(out, page, len);
	else
		put_string(out, NULL);
	put_string(out, r->more);
	return end(out, at);
}

void worker_msg_put_result(struct buf *out, const struct job_result *result)
{
	struct job_result instead = job_result_init(result->job);
	size_t before = out->len;

	if (put_whole_result(out, result))
		return;
	buf_truncate(out, before);
	instead.status = err_set(&instead.err, ST_PROTOCOL, "the server's response is too large");
	if (!put_whole_result(out, &instead))
		BUG("message too long");
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct reader {
	const char *at, *end;
	bool bad;
};

size_t worker_msg_length(const char *p, size_t len)
{
	uint32_t rest;

	if (len < HEAD)
		return 0;
	memcpy(&rest, p, sizeof(rest));
	return HEAD + rest;
}

static struct reader open_message(const char *p, size_t len)
{
	bool whole = len >= HEAD && worker_msg_length(p, len) == len;

	return (struct reader){ .at = whole ? p + HEAD : p, .end = whole ? p + len : p, .bad = !whole };
}

static uint64_t get_number(struct reader *r)
{
	uint64_t number = 0;

	if (r->bad || (size_t)(r->end - r->at) < sizeof(number)) {
		r->bad = true;
		return 0;
	}
	memcpy(&number, r->at, sizeof(number));
	r->at += sizeof(number);
	return number;
}

static int64_t get_int(struct reader *r)
{
	return (int64_t)get_number(r);
}

static int64_t get_range(struct reader *r, int64_t min, int64_t max)
{
	int64_t number = get_int(r);

	if (number >= min && number <= max)
		return number;
	r->bad = true;
	return min;
}

static bool get_bool(struct reader *r)
{
	return get_range(r, 0, 1);
}

/* Borrowed; false for NULL. */
static bool get_bytes(struct reader *r, const char **s, size_t *len)
{
	uint64_t n = get_number(r);

	if (r->bad || n == NO_STRING)
		return false;
	if (n > (size_t)(r->end - r->at)) {
		r->bad = true;
		return false;
	}
	*s = r->at;
	*len = (size_t)n;
	r->at += n;
	return true;
}

static char *get_string(struct reader *r)
{
	const char *s;
	size_t len;

	if (!get_bytes(r, &s, &len))
		return NULL;
	if (memchr(s, '\0', len)) {
		r->bad = true;
		return NULL;
	}
	return xmemdup0(s, len);
}

static void get_secret(struct reader *r, struct secret *secret)
{
	const char *s;
	size_t len;

	if (get_bytes(r, &s, &len))
		secret_set_token(secret, s, len);
}

/* Into an array of `size` bytes. */
static void get_text(struct reader *r, char *out, size_t size)
{
	const char *s;
	size_t len;

	if (!get_bytes(r, &s, &len) || len >= size || memchr(s, '\0', len)) {
		r->bad = true;
		return;
	}
	memcpy(out, s, len);
	out[len] = '\0';
}

static void get_err(struct reader *r, struct err *err)
{
	err->status = (enum status)get_range(r, 0, 255);
	err->outcome = (enum err_outcome)get_range(r, ERR_NOT_SENT, ERR_REFUSED);
	err->http = (int)get_range(r, 0, INT_MAX);
	err->retryable = get_bool(r);
	err->pending = get_bool(r);
	err->retry_after_ms = get_int(r);
	get_text(r, err->code, sizeof(err->code));
	get_text(r, err->text, sizeof(err->text));
}

static void get_session(struct reader *r, struct history_session *session)
{
	session->type = (enum chat_type)get_range(r, CHAT_ONE_TO_ONE, CHAT_SMS);
	session->conversation = get_string(r);
	session->own = get_string(r);
	session->last_ms = get_int(r);
	r->bad |= !session->conversation;
}

static void get_sessions(struct reader *r, struct history_sessions *sessions)
{
	uint64_t count = get_number(r);

	/* before memory is allocated */
	if (count > (size_t)(r->end - r->at) / SESSION_MIN)
		r->bad = true;
	if (r->bad || !count)
		return;
	sessions->items = xcalloc((size_t)count, sizeof(*sessions->items));
	sessions->cap = (size_t)count;
	while (!r->bad && sessions->count < count)
		get_session(r, &sessions->items[sessions->count++]);
}

static void get_page(struct reader *r, struct job_result *result)
{
	const char *s;
	size_t len;

	if (!get_bytes(r, &s, &len))
		return;
	buf_init(&result->page.text, BUF_NO_MAX);
	buf_add(&result->page.text, s, len);
	if (json_parse(&result->page.json, result->page.text.data, len, NULL, NULL))
		r->bad = true;
	else
		result->messages = json_root(&result->page.json);
}

bool worker_msg_get_request(const char *p, size_t len, struct worker_request *msg)
{
	struct reader r = open_message(p, len);
	struct job_request *request = &msg->request;

	*msg = (struct worker_request){ 0 };
	request->job = (enum job_kind)get_range(&r, JOB_SETUP, JOB_PAGE);
	request->token_only = get_bool(&r);
	request->token_refused = get_bool(&r);
	request->recreate = get_bool(&r);
	request->existing = get_bool(&r);
	request->cancelled = (unsigned)get_range(&r, 0, CHANNEL_SERVICES);
	request->all = get_bool(&r);
	if (get_bool(&r)) {
		get_session(&r, &msg->session);
		request->session = &msg->session;
	}
	request->next = msg->next = get_string(&r);
	get_secret(&r, &msg->token);
	msg->attempt = get_number(&r);
	if (!r.bad && r.at == r.end && (request->session || request->job != JOB_PAGE))
		return true;
	worker_msg_release_request(msg);
	return false;
}

bool worker_msg_get_result(const char *p, size_t len, struct job_result *result)
{
	struct reader r = open_message(p, len);

	*result = (struct job_result){ .err = ERR_INIT };
	result->job = (enum job_kind)get_range(&r, JOB_SETUP, JOB_PAGE);
	result->status = (enum status)get_range(&r, 0, 255);
	get_err(&r, &result->err);
	result->path = get_string(&r);
	result->address = get_string(&r);
	result->self = get_string(&r);
	get_secret(&r, &result->token);
	result->server_role = get_bool(&r);
	result->renew_in_ms = get_int(&r);
	result->token_ends_in_ms = get_int(&r);
	result->extend_in_ms = get_int(&r);
	result->channel_ends_in_ms = get_int(&r);
	result->made = (unsigned)get_range(&r, 0, CHANNEL_SERVICES);
	result->partial = get_bool(&r);
	get_sessions(&r, &result->sessions);
	get_page(&r, result);
	result->more = get_string(&r);
	if (!r.bad && r.at == r.end)
		return true;
	job_result_release(result);
	return false;
}
