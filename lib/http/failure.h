/*
 * failure.h - what a failed request is called. Pure, so that a table can test it.
 */
#ifndef KANDY_HTTP_FAILURE_H
#define KANDY_HTTP_FAILURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* How far a request got. */
enum failure_phase {
	PHASE_RESOLVE, /* nothing known yet but the name */
	PHASE_CONNECT,
	PHASE_TLS, /* connected; the proxy's CONNECT, too, happens here */
	PHASE_SEND, /* the request was being sent */
	PHASE_WAIT, /* all of it was sent, nothing came back */
	PHASE_RECEIVE, /* the answer had begun */
};

struct failure {
	int code; /* CURLcode */
	enum failure_phase phase;
	bool sent; /* a byte of the request went out, and the server did not say that it left it alone */
	bool resend_stopped; /* a kept connection broke before any answer */
	int http; /* status of the answer that had begun, or 0 */
	int connect_code; /* the proxy's status for CONNECT, or 0 */
	int os_errno;
	long verify_result; /* X509_V_ERR_... */
	int64_t connect_timeout_ms, timeout_ms, low_speed_ms; /* the limits that it had */
	const char *host; /* as in the URL, with the port where it is not the scheme's own */
	const char *proxy; /* host and port of the proxy, or NULL */
	const char *detail; /* libcurl's own words, or "" */
};

/* Fills `err` (status, outcome, retryable, sentence) and returns the status. */
enum status failure_describe(const struct failure *failure, struct err *err) MUST_USE;

#endif
