#include "http/failure.h"

#include "base/str.h"
#include "crypto/crypto.h"
#include "http/http-int.h"

#include <stdio.h>
#include <string.h>

/* The values of OpenSSL's x509_vfy.h that matter here. */
#define VERIFY_OK 0
#define VERIFY_UNSPECIFIED 1 /* libcurl's initial value: the chain was not checked, or is valid */
#define VERIFY_HOSTNAME_MISMATCH 62

static const char *seconds(char out[static 32], int64_t ms)
{
	snprintf(out, 32, "%g s", (double)ms / 1000);
	return out;
}

static enum status timed_out(const struct failure *f, struct err *err)
{
	int64_t limit = f->timeout_ms;
	char text[32];

	if (f->phase < PHASE_SEND && f->connect_timeout_ms && (!limit || f->connect_timeout_ms < limit))
		limit = f->connect_timeout_ms;
	seconds(text, limit);
	if (str_starts_with(f->detail, "Operation too slow"))
		return err_set(err, ST_TEMPFAIL, "connection to '%s' stalled: no data for %s", f->host,
			seconds(text, f->low_speed_ms));
	switch (f->phase) {
	case PHASE_RESOLVE:
		return err_set(err, ST_UNAVAILABLE, "cannot resolve host '%s': DNS timeout after %s",
			f->proxy ? f->proxy : f->host, text);
	case PHASE_CONNECT:
		return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s': timeout after %s",
			f->proxy ? "proxy " : "", f->proxy ? f->proxy : f->host, text);
	case PHASE_TLS:
		return err_set(err, ST_UNAVAILABLE, "cannot connect to '%s'%s%s%s: handshake timeout after %s", f->host,
			f->proxy ? " through proxy '" : "", f->proxy ? f->proxy : "", f->proxy ? "'" : "", text);
	case PHASE_SEND:
		return err_set(err, ST_TEMPFAIL, "cannot send the request to '%s': timeout after %s", f->host, text);
	case PHASE_WAIT: return err_set(err, ST_TEMPFAIL, "no response from '%s' within %s", f->host, text);
	case PHASE_RECEIVE: break;
	}
	return err_set(err, ST_TEMPFAIL, "response from '%s' incomplete after %s", f->host, text);
}

static enum status connection_lost(const struct failure *f, struct err *err)
{
	if (f->connect_code == 407)
		return err_set(err, ST_CONFIG, "proxy '%s' requires a user name and password",
			f->proxy ? f->proxy : "?");
	if (f->connect_code && f->connect_code / 100 != 2)
		return err_set(err, ST_UNAVAILABLE, "proxy '%s' refused to connect to '%s' (status %d)",
			f->proxy ? f->proxy : "?", f->host, f->connect_code);
	if (f->resend_stopped)
		return err_set(err, ST_TEMPFAIL, "'%s' closed the connection without a response", f->host);
	switch (f->phase) {
	case PHASE_RESOLVE:
	case PHASE_CONNECT:
	case PHASE_TLS:
		if (f->proxy)
			return err_set(err, ST_UNAVAILABLE,
				"cannot connect to '%s' through proxy '%s': connection closed", f->host, f->proxy);
		return err_set(err, ST_UNAVAILABLE, "cannot connect to '%s': connection closed", f->host);
	case PHASE_SEND: return err_set(err, ST_TEMPFAIL, "connection to '%s' lost while sending the request", f->host);
	case PHASE_WAIT: return err_set(err, ST_TEMPFAIL, "'%s' closed the connection without a response", f->host);
	case PHASE_RECEIVE: break;
	}
	return err_set(err, ST_TEMPFAIL, "connection to '%s' lost during the response", f->host);
}

static enum status not_trusted(const struct failure *f, struct err *err)
{
	long reason = f->verify_result;

	/* libcurl compares host names itself and leaves OpenSSL's result unchanged */
	if (reason == VERIFY_OK || reason == VERIFY_UNSPECIFIED)
		reason = VERIFY_HOSTNAME_MISMATCH;
	return err_set(err, ST_CONFIG, "cannot verify the TLS certificate of '%s': %s", f->host,
		tls_verify_text(reason));
}

static enum status no_tls(const struct failure *f, struct err *err)
{
	enum status status;

	if (strstr(f->detail, "wrong version number") || strstr(f->detail, "http request"))
		status = err_set(err, ST_UNAVAILABLE,
			"cannot connect to '%s': the server does not use TLS on this port", f->host);
	else if (strstr(f->detail, "protocol version") || strstr(f->detail, "unsupported protocol"))
		status = err_set(err, ST_UNAVAILABLE,
			"cannot connect to '%s': the server does not support TLS 1.2 or newer", f->host);
	else if (strstr(f->detail, "handshake failure"))
		status = err_set(err, ST_UNAVAILABLE, "cannot connect to '%s': no common TLS cipher or parameters",
			f->host);
	else /* may be transient */
		return err_set(err, ST_UNAVAILABLE, "TLS handshake with '%s' failed: %s", f->host, f->detail);
	if (err)
		err->retryable = false;
	return status;
}

static enum status no_http(const struct failure *f, struct err *err)
{
	if (f->phase < PHASE_SEND)
		return err_set(err, ST_DATA, "invalid URL for '%s': %s", f->host, f->detail);
	return err_set(err, ST_PROTOCOL, "invalid HTTP response from '%s': %s", f->host, f->detail);
}

/* libcurl also reports this for a header line longer than 100 KiB. */
static enum status no_memory(const struct failure *f, struct err *err)
{
	if (f->phase >= PHASE_WAIT && !f->http)
		return err_set(err, ST_PROTOCOL, "response headers exceed %zu KiB", HTTP_HEADERS_MAX / 1024);
	return err_set(err, ST_INTERNAL, "out of memory");
}

static enum status describe(const struct failure *f, struct err *err)
{
	if (str_starts_with(f->detail, "Unsupported proxy"))
		return err_set(err, ST_CONFIG,
			"invalid proxy: expected [SCHEME://][USER:PASSWORD@]HOST[:PORT] with scheme http, https, socks4 or socks5");
	switch ((CURLcode)f->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, ST_UNAVAILABLE, "cannot resolve host '%s'; check the name and the network",
			f->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, ST_UNAVAILABLE, "cannot resolve proxy '%s'; check the proxy setting",
			f->proxy ? f->proxy : "?");
	case CURLE_COULDNT_CONNECT:
		return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s': %s", f->proxy ? "proxy " : "",
			f->proxy ? f->proxy : f->host, f->os_errno ? strerror(f->os_errno) : f->detail);
	case CURLE_PROXY:
		return err_set(err, ST_UNAVAILABLE, "proxy '%s' refused to connect to '%s': %s",
			f->proxy ? f->proxy : "?", f->host, f->detail);
	case CURLE_OPERATION_TIMEDOUT: return timed_out(f, err);
	case CURLE_PEER_FAILED_VERIFICATION: return not_trusted(f, err);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER: return no_tls(f, err);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, ST_CONFIG, "cannot load the CA certificates: %s; check --cacert", f->detail);
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_ABORTED_BY_CALLBACK: return connection_lost(f, err);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_WEIRD_SERVER_REPLY: return no_http(f, err);
	case CURLE_OUT_OF_MEMORY: return no_memory(f, err);
	default: break;
	}
	return err_set(err, f->phase < PHASE_SEND ? ST_UNAVAILABLE : ST_TEMPFAIL,
		"request to '%s' failed: %s (libcurl error %d)", f->host, f->detail, f->code);
}

enum status failure_describe(const struct failure *failure, struct err *err)
{
	struct err mine;
	enum status status = describe(failure, &mine);

	mine.http = failure->http;
	if (failure->sent)
		mine.outcome = ERR_MAYBE_SENT;
	mine.pending = failure->sent && failure->code == CURLE_OPERATION_TIMEDOUT;
	if (err)
		*err = mine;
	return status;
}
