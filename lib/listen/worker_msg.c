#include "listen/worker_msg.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEAD sizeof(uint32_t)
#define NO_STRING (-1) /* instead of a length: NULL */
#define SESSION_MIN ((int64_t)(4 * sizeof(int64_t))) /* bytes of a conversation with empty strings */

/*
 * The code_ functions do both directions, so that the two sides cannot differ: they write the value that they are given
 * and return it, or read and return another one. Callers drop the values of an invalid message.
 */
struct coder {
	struct buf *out; /* NULL: reading */
	const char *at, *end;
	bool bad;
};

void worker_msg_release_request(struct worker_request *msg)
{
	free(msg->session.conversation);
	free(msg->session.own);
	free(msg->next);
	secret_release(&msg->token);
	*msg = (struct worker_request){ 0 };
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

static int64_t code_range(struct coder *c, int64_t value, int64_t min, int64_t max)
{
	if (c->out) {
		buf_add(c->out, &value, sizeof(value));
		return value;
	}
	c->bad = c->bad || (size_t)(c->end - c->at) < sizeof(value);
	if (c->bad)
		return min;
	memcpy(&value, c->at, sizeof(value));
	c->at += sizeof(value);
	c->bad = value < min || value > max;
	return c->bad ? min : value;
}

static int64_t code_int(struct coder *c, int64_t value)
{
	return code_range(c, value, INT64_MIN, INT64_MAX);
}

static bool code_bool(struct coder *c, bool value)
{
	return code_range(c, value, 0, 1);
}

/* When reading, `*s` is borrowed. False for NULL. */
static bool code_bytes(struct coder *c, const char **s, size_t *len)
{
	int64_t n = code_range(c, *s ? (int64_t)*len : NO_STRING, NO_STRING, c->out ? INT64_MAX : c->end - c->at);

	if (c->bad || n == NO_STRING)
		return false;
	if (c->out) {
		buf_add(c->out, *s, *len);
		return true;
	}
	if (n > c->end - c->at) {
		c->bad = true;
		return false;
	}
	*s = c->at;
	*len = (size_t)n;
	c->at += n;
	return true;
}

/* When reading, the result is a copy. */
static char *code_string(struct coder *c, char *string)
{
	const char *s = string;
	size_t len = string ? strlen(string) : 0;

	if (!code_bytes(c, &s, &len) || c->out)
		return string;
	c->bad = memchr(s, '\0', len) != NULL;
	return c->bad ? NULL : xmemdup0(s, len);
}

/* A string in an array of `size` bytes. */
static void code_text(struct coder *c, char *text, size_t size)
{
	const char *s = text;
	size_t len = c->out ? strlen(text) : 0;

	if (c->out) {
		code_bytes(c, &s, &len);
	} else if (!code_bytes(c, &s, &len) || len >= size || memchr(s, '\0', len)) {
		c->bad = true;
	} else {
		memcpy(text, s, len);
		text[len] = '\0';
	}
}

static void code_secret(struct coder *c, struct secret *secret)
{
	const char *s = secret->s;
	size_t len = secret->len;

	if (code_bytes(c, &s, &len) && !c->out)
		secret_set_token(secret, s, len);
}

static void code_err(struct coder *c, struct err *err)
{
	err->status = (enum status)code_range(c, err->status, 0, 255);
	err->outcome = (enum err_outcome)code_range(c, err->outcome, ERR_NOT_SENT, ERR_REFUSED);
	err->http = (int)code_range(c, err->http, 0, INT_MAX);
	err->retryable = code_bool(c, err->retryable);
	err->pending = code_bool(c, err->pending);
	err->retry_after_ms = code_int(c, err->retry_after_ms);
	code_text(c, err->code, sizeof(err->code));
	code_text(c, err->text, sizeof(err->text));
}

/* Without `last_text`, which a listener does not need. */
static void code_session(struct coder *c, struct history_session *session)
{
	session->type = (enum chat_type)code_range(c, session->type, CHAT_ONE_TO_ONE, CHAT_SMS);
	session->conversation = code_string(c, session->conversation);
	session->own = code_string(c, session->own);
	session->last_ms = code_int(c, session->last_ms);
	c->bad = c->bad || !session->conversation;
}

static void code_sessions(struct coder *c, struct history_sessions *sessions)
{
	/* the limit is checked before memory is allocated */
	int64_t max = c->out ? INT64_MAX : (c->end - c->at) / SESSION_MIN;
	size_t count = (size_t)code_range(c, (int64_t)sessions->count, 0, max);

	if (!c->out && count) {
		sessions->items = xcalloc(count, sizeof(*sessions->items));
		sessions->cap = count;
	}
	for (size_t i = 0; i < count && !c->bad; i++) {
		sessions->count = i + 1;
		code_session(c, &sessions->items[i]);
	}
}

static void code_page(struct coder *c, struct job_result *r)
{
	const char *s = NULL;
	size_t len = 0;

	if (c->out && !json_slice(r->messages, &s, &len))
		s = NULL;
	if (!code_bytes(c, &s, &len) || c->out)
		return;
	buf_init(&r->page.text, BUF_NO_MAX);
	buf_add(&r->page.text, s, len);
	if (json_parse(&r->page.json, r->page.text.data, len, NULL, NULL))
		c->bad = true;
	else
		r->messages = json_root(&r->page.json);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static void code_request(struct coder *c, struct worker_request *msg)
{
	struct job_request *request = &msg->request;

	request->job = (enum job_kind)code_range(c, request->job, JOB_SETUP, JOB_PAGE);
	request->token_only = code_bool(c, request->token_only);
	request->token_refused = code_bool(c, request->token_refused);
	request->recreate = code_bool(c, request->recreate);
	request->existing = code_bool(c, request->existing);
	request->cancelled = (unsigned)code_range(c, request->cancelled, 0, CHANNEL_SERVICES);
	request->all = code_bool(c, request->all);
	request->session = code_bool(c, request->session != NULL) ? &msg->session : NULL;
	if (request->session)
		code_session(c, &msg->session);
	request->next = msg->next = code_string(c, msg->next);
	code_secret(c, &msg->token);
	msg->attempt = (uint64_t)code_int(c, (int64_t)msg->attempt);
}

static void code_result(struct coder *c, struct job_result *r)
{
	r->job = (enum job_kind)code_range(c, r->job, JOB_SETUP, JOB_PAGE);
	r->status = (enum status)code_range(c, r->status, 0, 255);
	code_err(c, &r->err);
	r->path = code_string(c, r->path);
	r->address = code_string(c, r->address);
	r->self = code_string(c, r->self);
	code_secret(c, &r->token);
	r->server_role = code_bool(c, r->server_role);
	r->renew_in_ms = code_int(c, r->renew_in_ms);
	r->token_ends_in_ms = code_int(c, r->token_ends_in_ms);
	r->extend_in_ms = code_int(c, r->extend_in_ms);
	r->channel_ends_in_ms = code_int(c, r->channel_ends_in_ms);
	r->made = (unsigned)code_range(c, r->made, 0, CHANNEL_SERVICES);
	r->partial = code_bool(c, r->partial);
	code_sessions(c, &r->sessions);
	code_page(c, r);
	r->more = code_string(c, r->more);
}

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

void worker_msg_put_request(struct buf *out, const struct job_request *request, const struct secret *token,
	uint64_t attempt)
{
	struct coder c = { .out = out };
	struct worker_request msg = {
		.request = *request, .next = (char *)request->next, .token = *token, .attempt = attempt
	};
	size_t at = begin(out);

	if (request->session)
		msg.session = *request->session;
	code_request(&c, &msg);
	if (!end(out, at))
		BUG("request too long");
}

static bool put_result(struct buf *out, struct job_result result)
{
	struct coder c = { .out = out };
	size_t at = begin(out);

	code_result(&c, &result);
	return end(out, at);
}

void worker_msg_put_result(struct buf *out, const struct job_result *result)
{
	struct job_result instead = job_result_init(result->job);
	size_t before = out->len;

	if (put_result(out, *result))
		return;
	buf_truncate(out, before);
	instead.status = err_set(&instead.err, ST_PROTOCOL, "the server's response is too large");
	if (!put_result(out, instead))
		BUG("message too long");
}

size_t worker_msg_length(const char *p, size_t len)
{
	uint32_t rest;

	if (len < HEAD)
		return 0;
	memcpy(&rest, p, sizeof(rest));
	return HEAD + rest;
}

static struct coder open_message(const char *p, size_t len)
{
	bool whole = len >= HEAD && worker_msg_length(p, len) == len;

	return (struct coder){ .at = whole ? p + HEAD : p, .end = whole ? p + len : p, .bad = !whole };
}

bool worker_msg_get_request(const char *p, size_t len, struct worker_request *msg)
{
	struct coder c = open_message(p, len);

	*msg = (struct worker_request){ 0 };
	code_request(&c, msg);
	if (!c.bad && c.at == c.end && (msg->request.session || msg->request.job != JOB_PAGE))
		return true;
	worker_msg_release_request(msg);
	return false;
}

bool worker_msg_get_result(const char *p, size_t len, struct job_result *result)
{
	struct coder c = open_message(p, len);

	*result = (struct job_result){ .err = ERR_INIT };
	code_result(&c, result);
	if (!c.bad && c.at == c.end)
		return true;
	job_result_release(result);
	return false;
}
