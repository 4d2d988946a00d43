#include "wire/service_error.h"

#include "base/redact.h"
#include "base/utf8.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 700 /* leaves room in struct err for the rest of the message */
#define RAW_MAX ((size_t)64 * 1024) /* before it is cut: part of a secret would not be redacted */
#define VARIABLES_MAX 9 /* %1 to %9 */

struct service_text {
	char code[32];
	struct buf text;
};

static const char *content_type(const struct http_response *response)
{
	return response->content_type && *response->content_type ? response->content_type : "no content type";
}

bool service_error_is_page(const struct http_response *response)
{
	return response->content_type &&
		(!strncasecmp(response->content_type, "text/html", 9) ||
			!strncasecmp(response->content_type, "application/xhtml", 17));
}

/* Adds as much as fits. `text` may be NULL. */
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
 * "Invalid input value for message part %1", with the variables. It stops when `out` is full: a server may send a million
 * of %1 and a megabyte for each.
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

/* A server may echo secrets. The text also goes to lines of JSON and to the spool, which no log redacts. */
static void redact(struct buf *text)
{
	struct buf masked;

	buf_init_secret(&masked, BUF_NO_MAX);
	redact_known(text);
	redact_patterns(&masked, text->data, text->len);
	buf_clear(text);
	buf_add(text, masked.data, utf8_cut(masked.data, masked.len, TEXT_MAX));
	buf_release(&masked);
}

static void parse_code(struct service_text *parsed, struct json_value value)
{
	struct buf code;

	buf_init_secret(&code, RAW_MAX);
	add_text(&code, value);
	redact(&code);
	snprintf(parsed->code, sizeof(parsed->code), "%s", code.data);
	buf_release(&code);
}

/* {"requestError":{"serviceException":{"messageId":..,"text":..,"variables":[..]}}}, or policyException */
static bool parse_request_error(struct service_text *parsed, struct json_value root)
{
	struct json_value error = json_get(root, "requestError");
	struct json_value exception = json_get(error, "serviceException");
	char *text;

	if (!json_exists(exception))
		exception = json_get(error, "policyException");
	if (!json_exists(exception))
		return false;
	parse_code(parsed, json_get(exception, "messageId"));
	text = json_dup(json_get(exception, "text"));
	if (text)
		substitute(&parsed->text, text, json_get(exception, "variables"));
	free(text);
	return parsed->text.len || parsed->code[0];
}

/* {"error":"invalid_grant","error_description":".."} of OAuth 2, and variants of gateways */
static bool parse_plain_error(struct service_text *parsed, struct json_value root)
{
	static const char *const texts[] = { "error_description", "message", "errorMessage", "detail", NULL };
	struct json_value error = json_get(root, "error");

	if (json_type(error) == JSON_OBJECT) {
		parse_code(parsed, json_get(error, "code"));
		add_text(&parsed->text, json_get(error, "message"));
	} else {
		parse_code(parsed, error);
	}
	for (const char *const *name = texts; *name && !parsed->text.len; name++)
		add_text(&parsed->text, json_get(root, *name));
	return parsed->text.len || parsed->code[0];
}

static bool parse_text(struct service_text *parsed, const struct http_response *response)
{
	struct json_doc doc = { 0 };
	bool found = false;

	if (response->body.len && !json_parse_lenient(&doc, response->body.data, response->body.len, NULL, NULL)) {
		struct json_value root = json_root(&doc);

		found = parse_request_error(parsed, root) || parse_plain_error(parsed, root);
	}
	json_release(&doc);
	redact(&parsed->text);
	if (found && !parsed->text.len)
		buf_adds(&parsed->text, parsed->code);
	while (parsed->text.len && strchr(" .\n", parsed->text.data[parsed->text.len - 1]))
		buf_truncate(&parsed->text, parsed->text.len - 1);
	return found && parsed->text.len;
}

enum status service_error_shape(const struct http_response *response, const char *what, const char *problem,
	struct err *err)
{
	enum status st = err_set(err, ST_PROTOCOL,
		"unexpected response to %s: status %d, %s (%s); check the base URL and the proxy", what,
		response->status, problem, content_type(response));

	if (err)
		err->http = response->status;
	return st;
}

static enum status kind_of(const struct http_response *response, bool has_text, enum err_outcome *outcome)
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
	if (status >= 500) { /* also 507, 520 and 599: the request may have been processed */
		*outcome = ERR_MAYBE_SENT;
		return ST_UNAVAILABLE;
	}
	if (status < 400 || (!has_text && service_error_is_page(response)))
		return ST_PROTOCOL;
	return ST_AUTH;
}

/* A gateway lost the service or did not wait for it: 502, 504, and four codes of CDNs. */
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
	struct err result = ERR_INIT;
	struct service_text parsed = { .code = "" };
	enum err_outcome outcome;
	enum status st;
	bool has_text;

	buf_init_secret(&parsed.text, RAW_MAX);
	has_text = parse_text(&parsed, response);
	st = kind_of(response, has_text, &outcome);
	if (st == ST_CONFIG)
		err_set(&result, st,
			"proxy authentication required (status 407); set https_proxy=http://USER:PASSWORD@HOST:PORT");
	else if (st == ST_PROTOCOL && response->status < 400)
		service_error_shape(response, what, response->status >= 300 ? "redirect" : "not a final status",
			&result);
	else if (st == ST_PROTOCOL)
		service_error_shape(response, what, "HTML page", &result);
	else if (has_text && parsed.code[0] && strcmp(parsed.code, parsed.text.data))
		err_set(&result, st, "%s (%s, status %d; %s)", parsed.text.data, parsed.code, response->status, what);
	else if (has_text)
		err_set(&result, st, "%s (status %d; %s)", parsed.text.data, response->status, what);
	else
		err_set(&result, st, "%s failed with status %d (%s)", what, response->status, content_type(response));
	result.http = response->status;
	result.outcome = outcome;
	result.pending = is_gateway(response->status);
	result.retryable =
		(st == ST_TEMPFAIL || st == ST_UNAVAILABLE) && response->status != 501 && response->status != 505;
	result.retry_after_ms = response->retry_after_ms;
	snprintf(result.code, sizeof(result.code), "%s", parsed.code);
	buf_release(&parsed.text);
	if (err)
		*err = result;
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
