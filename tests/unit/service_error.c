/* Responses other than 2xx. */
#include "../lib/tap.h"

#include "wire/service_error.h"
#include "base/redact.h"

#include <stdlib.h>
#include <unistd.h>

#define JSON "application/json"
#define HTML "text/html; charset=utf-8"

static const struct {
	int http;
	const char *type, *body;
	enum status status;
	enum err_outcome outcome;
	bool retryable;
	const char *code, *text; /* text: part of the message */
} cases[] = {
	{ 400, JSON,
		"{\"requestError\":{\"serviceException\":{\"messageId\":\"SVC0002\",\"text\":"
		"\"Invalid input value for message part %1.\","
		"\"variables\":[\"channelType\"]}}}",
		ST_AUTH, ERR_REFUSED, false, "SVC0002",
		"Invalid input value for message part channelType (SVC0002, status 400; POST /x)" },
	{ 403, JSON,
		"{\"requestError\":{\"policyException\":{\"messageId\":\"POL0001\",\"text\":\"%2 "
		"by %1%3 %% 100%\",\"variables\":[\"a\",7]}}}",
		ST_AUTH, ERR_REFUSED, false, "POL0001", "7 by a%3 %% 100% (POL0001, status 403; POST /x)" },
	{ 404, JSON, "{\"requestError\":{\"serviceException\":{\"messageId\":\"SVC0004\"}}}", ST_AUTH, ERR_REFUSED,
		false, "SVC0004", "SVC0004 (status 404; POST /x)" },
	{ 400, JSON, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid user credentials\"}", ST_AUTH,
		ERR_REFUSED, false, "invalid_grant", "Invalid user credentials (invalid_grant, status 400; POST /x)" },
	{ 400, JSON, "{\"error\":{\"code\":\"E1\",\"message\":\"odd\"}}", ST_AUTH, ERR_REFUSED, false, "E1",
		"odd (E1, status 400; POST /x)" },
	{ 400, JSON, "{\"message\":\"plain\"}", ST_AUTH, ERR_REFUSED, false, "", "plain (status 400; POST /x)" },
	{ 400, JSON, "[1,2]", ST_AUTH, ERR_REFUSED, false, "", "POST /x failed with status 400 (application/json)" },
	{ 401, "", "", ST_AUTH, ERR_REFUSED, false, "", "status 401 (no content type)" },
	{ 403, HTML, "<html>", ST_AUTH, ERR_REFUSED, false, "", "status 403 (text/html" },
	{ 404, HTML, "<html>", ST_PROTOCOL, ERR_REFUSED, false, "", "status 404, HTML page (text/html" },
	{ 302, HTML, "<html>", ST_PROTOCOL, ERR_REFUSED, false, "", "status 302, redirect" },
	{ 408, "", "", ST_TEMPFAIL, ERR_NOT_SENT, true, "", "408" },
	{ 425, "", "", ST_TEMPFAIL, ERR_NOT_SENT, true, "", "425" },
	{ 429, JSON, "{}", ST_TEMPFAIL, ERR_NOT_SENT, true, "", "429" },
	{ 503, HTML, "<html>", ST_UNAVAILABLE, ERR_NOT_SENT, true, "", "503" },
	{ 500, JSON, "{\"error\":\"x\"}", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "x", "x (status 500; POST /x)" },
	{ 502, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "502" },
	{ 504, "", "", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "504" },
	{ 507, "", "", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "507" },
	{ 520, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "520" },
	{ 521, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "521" },
	{ 522, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "522" },
	{ 523, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "523" },
	{ 524, HTML, "<html>", ST_UNAVAILABLE, ERR_MAYBE_SENT, true, "", "524" },
	{ 501, "", "", ST_UNAVAILABLE, ERR_REFUSED, false, "", "501" },
	{ 505, "", "", ST_UNAVAILABLE, ERR_REFUSED, false, "", "505" },
	{ 407, HTML, "<html>", ST_CONFIG, ERR_NOT_SENT, false, "", "proxy authentication required" },
	{ 400, JSON, "{\"error\":\"password=ab1\",\"error_description\":\"what is username=u&password=ab1 (no)?\"}",
		ST_AUTH, ERR_REFUSED, false, "password=***",
		"what is username=u&password=*** (password=***, status 400; POST /x)" },
	{ 400, JSON, "{\"message\":\"the form was client_secret=p%40ss%2Fword%2B1 and p@ss/word+1\"}", ST_AUTH,
		ERR_REFUSED, false, "", "the form was client_secret=*** (status 400; POST /x)" },
	{ 400, JSON,
		"{\"requestError\":{\"serviceException\":{\"messageId\":\"p@ss/word+1\",\"text\":\"not %1\","
		"\"variables\":[\"p%40ss%2Fword%2B1\"]}}}",
		ST_AUTH, ERR_REFUSED, false, "***", "not *** (***, status 400; POST /x)" },
};

static void test_permanent(void)
{
	static const struct {
		int http;
		bool retryable, refuses;
	} refusals[] = { { 0, false, false }, { 200, false, false }, { 400, false, true }, { 401, false, false },
		{ 403, false, true }, { 404, false, true }, { 405, false, true }, { 407, false, false },
		{ 408, true, false }, { 410, false, true }, { 429, true, false }, { 500, true, false },
		{ 501, false, true }, { 503, true, false } };

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct err err = { .http = refusals[i].http, .retryable = refusals[i].retryable };
		char what[40];

		snprintf(what, sizeof(what), "%d is %sa refusal", refusals[i].http, refusals[i].refuses ? "" : "no ");
		tap_ok(service_error_is_permanent(&err) == refusals[i].refuses, what);
	}
}

static bool is_gateway(int http)
{
	return http == 502 || http == 504 || http == 520 || (http >= 522 && http <= 524);
}

int main(void)
{
	struct http_response response = { .retry_after_ms = -1 };
	struct err err;
	char type[64], *big;

	redact_add("p@ss/word+1", 11);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(type, sizeof(type), "%s", cases[i].type);
		response.status = cases[i].http;
		response.content_type = type;
		buf_init(&response.body, BUF_NO_MAX);
		buf_adds(&response.body, cases[i].body);
		tap_int(service_error(&response, "POST /x", &err), cases[i].status, cases[i].text);
		tap_int(err.http, cases[i].http, "HTTP status");
		tap_int(err.outcome, cases[i].outcome, "outcome");
		tap_int(err.retryable, cases[i].retryable, "retryable");
		tap_int(err.pending, is_gateway(cases[i].http), "pending");
		tap_str(err.code, cases[i].code, "code");
		tap_ok(strstr(err.text, cases[i].text) != NULL, err.text);
		buf_release(&response.body);
	}
	response.status = 429;
	response.retry_after_ms = 7000;
	tap_int(service_error(&response, "GET /y", NULL), ST_TEMPFAIL, "without an err");
	service_error(&response, "GET /y", &err);
	tap_int(err.retry_after_ms, 7000, "Retry-After");

	/* a message of 100 kB is cut */
	big = calloc(1, 100001);
	memset(big, 'x', 100000);
	buf_init(&response.body, BUF_NO_MAX);
	buf_addf(&response.body,
		"{\"requestError\":{\"serviceException\":{\"messageId\":\"%s\",\"text\":\"%%1%%1%"
		"s\",\"variables\":[\"%s\"]}}}",
		big, big, big);
	response.status = 400;
	tap_int(service_error(&response, "GET /y", &err), ST_AUTH, "a huge error is one, too");
	tap_ok(strlen(err.text) < sizeof(err.text) && strstr(err.text, "status 400"), "the message is complete");
	tap_int((intmax_t)strlen(err.code), (intmax_t)sizeof(err.code) - 1, "the code is cut");
	buf_release(&response.body);

	/* many large variables: insertion stops when the message is full */
	alarm(60);
	buf_init(&response.body, BUF_NO_MAX);
	buf_adds(&response.body, "{\"requestError\":{\"serviceException\":{\"text\":\"");
	for (int i = 0; i < 500000; i++)
		buf_adds(&response.body, "%1");
	buf_addf(&response.body, "\",\"variables\":[\"%s%s%s%s\"]}}}", big, big, big, big);
	tap_int(service_error(&response, "GET /y", &err), ST_AUTH, "half a million insertions of 400 kB each");
	buf_release(&response.body);

	buf_init(&response.body, BUF_NO_MAX);
	buf_addf(&response.body, "{\"message\":\"%.695s p@ss/word+1\"}", big);
	service_error(&response, "GET /y", &err);
	tap_ok(strstr(err.text, "xxx *** (status 400") != NULL, "no part of a secret at the cut");
	buf_release(&response.body);
	free(big);
	redact_clear();
	test_permanent();
	return tap_done();
}
