/*
 * failure.h - turns a failed request into an error. Pure, so that it can be tested with a table.
 */
#ifndef KANDY_HTTP_FAILURE_H
#define KANDY_HTTP_FAILURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* How far a request has got. */
enum failure_phase {
	PHASE_RESOLVE, /* looking up the host */
	PHASE_CONNECT,
	PHASE_TLS, /* connected; includes the proxy's CONNECT */
	PHASE_SEND, /* sending the request */
	PHASE_WAIT, /* sent, no response yet */
	PHASE_RECEIVE, /* receiving the response */
};

struct failure {
	int code; /* CURLcode */
	enum failure_phase phase;
	bool sent; /* a byte was sent, and the server has not declared the request unprocessed */
	bool resend_stopped; /* a reused connection broke before any response */
	int http; /* status of the incomplete response, or 0 */
	int connect_code; /* the proxy's status for CONNECT, or 0 */
	int os_errno;
	long verify_result; /* X509_V_ERR_... */
	int64_t connect_timeout_ms, timeout_ms, low_speed_ms; /* limits of the request */
	const char *host; /* as in the URL, with a port other than the default one */
	const char *proxy; /* host and port of the proxy, or NULL */
	const char *detail; /* libcurl's error text, or "" */
};

/* Fills `err` (status, outcome, retryable, text) and returns the status. */
enum status failure_describe(const struct failure *failure, struct err *err) MUST_USE;

#endif
