#include "wire/service_error.h"

#include "base/redact.h"
#include "base/utf8.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SENTENCE_MAX 700 /* leaves room in struct err for what stands around it */
#define GATHERED_MAX ((size_t)64 * 1024) /* of it, before it is cut: a part of a secret would not be found */
#define VARIABLES_MAX 9 /* %1 to %9 */

struct sentence {
	char code[32];
	struct buf text;
};

static const char *content_type(const struct http_response *response)
{
	return response->content_type && *response->content_type ? response->content_type : "no content type";
}

static bool is_html(const struct http_response *response)
{
	return response->content_type &&
		(!strncasecmp(response->content_type, "text/html", 9) ||
			!strncasecmp(response->content_type, "application/xhtml", 17));
}

/* Adds as much of it as fits; NULL is nothing. */
static void add_fitting(struct buf *out, const char *text)
{
	if (text)
		buf_add(out, text, strnlen(text, out->max - out->len));
}

static void add_text(struct buf *out, struct json_value value)
{
	char *text = json_dup(value);

	add_fitting(out, text);
	free(text);
}

/*
 * "Invalid input value for message part %1", with `variables` put in. It ends where nothing more fits: a server may
 * send a million of %1, and a megabyte for each.
 */
static void substitute(struct buf *out, const char *text, struct json_value variables)
{
	char *values[VARIABLES_MAX] = { NULL };
	size_t count = 0;

	for (struct json_iter it = json_first(variables); json_more(it) && count < VARIABLES_MAX; it = json_next(it))
		values[count++] = json_dup(it.value);
	for (const char *p = text; *p && out->len < out->max; p++) {
		if (*p == '%' && p[1] >= '1' && p[1] <= '9' && (size_t)(p[1] - '1') < count) {
			add_fitting(out, values[p[1] - '1']);
			p++;
		} else {
			buf_addc(out, *p);
		}
	}
	for (size_t i = 0; i < count; i++)
		free(values[i]);
}

/* A server may repeat what it was sent. Lines of JSON and the spool, too, get to see it, and no log hides it there. */
static void hide_secrets(struct buf *text)
{
	struct buf masked;

	buf_init_secret(&masked, BUF_NO_MAX);
	redact_known(text);
	redact_patterns(&masked, text->data, text->len);
	buf_clear(text);
	buf_add(text, masked.data, utf8_cut(masked.data, masked.len, SENTENCE_MAX));
	buf_release(&masked);
}

static void take_code(struct sentence *said, struct json_value value)
{
	struct buf code;

	buf_init_secret(&code, GATHERED_MAX);
	add_text(&code, value);
	hide_secrets(&code);
	snprintf(said->code, sizeof(said->code), "%s", code.data);
	buf_release(&code);
}

/*
 * {"requestError":{"serviceException":{"messageId":..,"text":..,"variables":[..]}}}, or
 * policyException
 */
static bool take_request_error(struct sentence *said, struct json_value root)
{
	struct json_value error = json_get(root, "requestError");
	struct json_value exception = json_get(error, "serviceException");
	char *text;

	if (!json_exists(exception))
		exception = json_get(error, "policyException");
	if (!json_exists(exception))
		return false;
	take_code(said, json_get(exception, "messageId"));
	text = json_dup(json_get(exception, "text"));
	if (text)
		substitute(&said->text, text, json_get(exception, "variables"));
	free(text);
	return said->text.len || said->code[0];
}

/*
 * {"error":"invalid_grant","error_description":".."} as OAuth 2 has it, and what gateways make of
 * it
 */
static bool take_plain_error(struct sentence *said, struct json_value root)
{
	static const char *const texts[] = { "error_description", "message", "errorMessage", "detail", NULL };
	struct json_value error = json_get(root, "error");

	if (json_type(error) == JSON_OBJECT) {
		take_code(said, json_get(error, "code"));
		add_text(&said->text, json_get(error, "message"));
	} else {
		take_code(said, error);
	}
	for (const char *const *name = texts; *name && !said->text.len; name++)
		add_text(&said->text, json_get(root, *name));
	return said->text.len || said->code[0];
}

static bool take_sentence(struct sentence *said, const struct http_response *response)
{
	struct json_doc doc = { 0 };
	bool found = false;

	if (response->body.len && !json_parse_lenient(&doc, response->body.data, response->body.len, NULL, NULL)) {
		struct json_value root = json_root(&doc);

		found = take_request_error(said, root) || take_plain_error(said, root);
	}
	json_release(&doc);
	hide_secrets(&said->text);
	if (found && !said->text.len)
		buf_adds(&said->text, said->code);
	while (said->text.len && strchr(" .\n", said->text.data[said->text.len - 1]))
		buf_truncate(&said->text, said->text.len - 1);
	return found && said->text.len;
}

enum status service_error_shape(const struct http_response *response, const char *what, const char *problem,
	struct err *err)
{
	enum status st = err_set(err, ST_PROTOCOL,
		"the server answered %s with status %d and %s (%s); is the base URL right, or is a proxy in between?",
		what, response->status, problem, content_type(response));

	if (err)
		err->http = response->status;
	return st;
}

static enum status kind_of(const struct http_response *response, bool sentence, enum err_outcome *outcome)
{
	int status = response->status;

	*outcome = ERR_REFUSED;
	switch (status) {
	case 408:
	case 425:
	case 429: *outcome = ERR_NOT_SENT; return ST_TEMPFAIL;
	case 501:
	case 505: return ST_UNAVAILABLE;
	case 503: *outcome = ERR_NOT_SENT; return ST_UNAVAILABLE;
	case 407: *outcome = ERR_NOT_SENT; return ST_CONFIG;
	case 401:
	case 403: return ST_AUTH;
	}
	if (status >= 500) { /* of 507, 520 or 599, too, nobody knows what it did before */
		*outcome = ERR_MAYBE_SENT;
		return ST_UNAVAILABLE;
	}
	if (status < 400 || (!sentence && is_html(response)))
		return ST_PROTOCOL;
	return ST_AUTH;
}

/* It did not wait for the end, or lost sight of the service behind it: 502 and 504, and four codes of CDNs. */
static bool is_gateway(int status)
{
	switch (status) {
	case 502:
	case 504:
	case 520:
	case 522:
	case 523:
	case 524: return true;
	}
	return false;
}

enum status service_error(const struct http_response *response, const char *what, struct err *err)
{
	struct err told = ERR_INIT;
	struct sentence said = { .code = "" };
	enum err_outcome outcome;
	enum status st;
	bool sentence;

	buf_init_secret(&said.text, GATHERED_MAX);
	sentence = take_sentence(&said, response);
	st = kind_of(response, sentence, &outcome);
	if (st == ST_CONFIG)
		err_set(&told, st,
			"the proxy wants a login (status 407); put USER:PASSWORD@ before its host "
			"in the variable https_proxy");
	else if (st == ST_PROTOCOL && response->status < 400)
		service_error_shape(response, what, response->status >= 300 ? "a redirect" : "something unexpected",
			&told);
	else if (st == ST_PROTOCOL)
		service_error_shape(response, what, "a page", &told);
	else if (sentence && said.code[0] && strcmp(said.code, said.text.data))
		err_set(&told, st, "%s (%s, status %d; %s)", said.text.data, said.code, response->status, what);
	else if (sentence)
		err_set(&told, st, "%s (status %d; %s)", said.text.data, response->status, what);
	else
		err_set(&told, st, "the server answered %s with status %d (%s)", what, response->status,
			content_type(response));
	told.http = response->status;
	told.outcome = outcome;
	told.pending = is_gateway(response->status);
	told.retryable =
		(st == ST_TEMPFAIL || st == ST_UNAVAILABLE) && response->status != 501 && response->status != 505;
	told.retry_after_ms = response->retry_after_ms;
	snprintf(told.code, sizeof(told.code), "%s", said.code);
	buf_release(&said.text);
	if (err)
		*err = told;
	return st;
}

bool service_error_is_permanent(const struct err *err)
{
	if (err->http == 401 || err->http == 407 || err->retryable)
		return false;
	return (err->http >= 400 && err->http < 500) || err->http == 501;
}

bool service_error_is_gone(const struct err *err)
{
	return err->http == 404 || err->http == 410;
}
