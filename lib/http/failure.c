#include "http/failure.h"

#include "base/str.h"
#include "crypto/crypto.h"
#include "http/http-int.h"

#include <stdio.h>
#include <string.h>

/* OpenSSL's numbers (x509_vfy.h) for the three that we must know here. */
#define VERIFY_OK 0
#define VERIFY_UNSPECIFIED 1 /* what libcurl starts with: the chain was not looked at, or was right */
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
	if (starts_with(f->detail, "Operation too slow"))
		return err_set(err, ST_TEMPFAIL, "'%s' stalled: nothing moved for %s", f->host,
			seconds(text, f->low_speed_ms));
	switch (f->phase) {
	case PHASE_RESOLVE:
		return err_set(err, ST_UNAVAILABLE, "cannot find the host '%s': no answer from DNS within %s",
			f->proxy ? f->proxy : f->host, text);
	case PHASE_CONNECT:
		return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s' within %s", f->proxy ? "the proxy " : "",
			f->proxy ? f->proxy : f->host, text);
	case PHASE_TLS:
		return err_set(err, ST_UNAVAILABLE,
			"no connection to '%s'%s%s%s within %s: the handshake was not answered", f->host,
			f->proxy ? " through the proxy '" : "", f->proxy ? f->proxy : "", f->proxy ? "'" : "", text);
	case PHASE_SEND:
		return err_set(err, ST_TEMPFAIL, "'%s' did not take the whole request within %s", f->host, text);
	case PHASE_WAIT: return err_set(err, ST_TEMPFAIL, "no answer from '%s' within %s", f->host, text);
	case PHASE_RECEIVE: break;
	}
	return err_set(err, ST_TEMPFAIL, "the answer of '%s' was not complete within %s", f->host, text);
}

static enum status connection_lost(const struct failure *f, struct err *err)
{
	if (f->connect_code == 407)
		return err_set(err, ST_CONFIG, "the proxy '%s' wants a user name and password",
			f->proxy ? f->proxy : "?");
	if (f->connect_code && f->connect_code / 100 != 2)
		return err_set(err, ST_UNAVAILABLE, "the proxy '%s' gives no connection to '%s' (status %d)",
			f->proxy ? f->proxy : "?", f->host, f->connect_code);
	if (f->resend_stopped)
		return err_set(err, ST_TEMPFAIL, "'%s' closed the connection without an answer", f->host);
	switch (f->phase) {
	case PHASE_RESOLVE:
	case PHASE_CONNECT:
	case PHASE_TLS:
		if (f->proxy)
			return err_set(err, ST_UNAVAILABLE,
				"the connection to '%s' through the proxy '%s' was cut at its start", f->host,
				f->proxy);
		return err_set(err, ST_UNAVAILABLE, "the connection to '%s' was cut at its start", f->host);
	case PHASE_SEND:
		return err_set(err, ST_TEMPFAIL, "the connection to '%s' was lost while the request was being sent",
			f->host);
	case PHASE_WAIT: return err_set(err, ST_TEMPFAIL, "'%s' closed the connection without an answer", f->host);
	case PHASE_RECEIVE: break;
	}
	return err_set(err, ST_TEMPFAIL, "the connection to '%s' was lost in the middle of its answer", f->host);
}

static enum status not_trusted(const struct failure *f, struct err *err)
{
	long reason = f->verify_result;

	/* libcurl compares names itself, and leaves OpenSSL's verdict on the chain alone then */
	if (reason == VERIFY_OK || reason == VERIFY_UNSPECIFIED)
		reason = VERIFY_HOSTNAME_MISMATCH;
	return err_set(err, ST_CONFIG, "the certificate of '%s' is not trusted: %s", f->host, tls_verify_text(reason));
}

static enum status no_tls(const struct failure *f, struct err *err)
{
	enum status status;

	if (strstr(f->detail, "wrong version number") || strstr(f->detail, "http request"))
		status = err_set(err, ST_UNAVAILABLE, "'%s' does not speak TLS; is it a plain http port?", f->host);
	else if (strstr(f->detail, "protocol version") || strstr(f->detail, "unsupported protocol"))
		status =
			err_set(err, ST_UNAVAILABLE, "'%s' offers no TLS version that is safe (1.2 or newer)", f->host);
	else if (strstr(f->detail, "handshake failure"))
		status = err_set(err, ST_UNAVAILABLE, "'%s' and kandy have no TLS settings in common", f->host);
	else /* cut off in the middle, or the like: may pass */
		return err_set(err, ST_UNAVAILABLE, "no TLS connection to '%s': %s", f->host, f->detail);
	if (err)
		err->retryable = false;
	return status;
}

static enum status no_http(const struct failure *f, struct err *err)
{
	if (f->phase < PHASE_SEND)
		return err_set(err, ST_DATA, "the URL for '%s' is none that can be fetched: %s", f->host, f->detail);
	return err_set(err, ST_PROTOCOL, "the answer of '%s' is not HTTP: %s", f->host, f->detail);
}

/* libcurl calls it so, too, where one line of a head is longer than the 100 KiB that it takes. */
static enum status no_memory(const struct failure *f, struct err *err)
{
	if (f->phase >= PHASE_WAIT && !f->http)
		return err_set(err, ST_PROTOCOL, "the answer has more than %zu KiB of headers",
			HTTP_HEADERS_MAX / 1024);
	return err_set(err, ST_INTERNAL, "out of memory");
}

static enum status describe(const struct failure *f, struct err *err)
{
	if (starts_with(f->detail, "Unsupported proxy"))
		return err_set(err, ST_CONFIG,
			"the proxy setting cannot be read; it is [SCHEME://][USER:PASSWORD@]HOST[:PORT], with http, https, socks4 "
			"or socks5 for the scheme");
	switch ((CURLcode)f->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, ST_UNAVAILABLE, "cannot find the host '%s'; check the name and the network",
			f->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, ST_UNAVAILABLE, "cannot find the proxy '%s'; check the proxy setting",
			f->proxy ? f->proxy : "?");
	case CURLE_COULDNT_CONNECT:
		return err_set(err, ST_UNAVAILABLE, "cannot connect to %s'%s': %s", f->proxy ? "the proxy " : "",
			f->proxy ? f->proxy : f->host, f->os_errno ? strerror(f->os_errno) : f->detail);
	case CURLE_PROXY:
		return err_set(err, ST_UNAVAILABLE, "the proxy '%s' gives no connection to '%s': %s",
			f->proxy ? f->proxy : "?", f->host, f->detail);
	case CURLE_OPERATION_TIMEDOUT: return timed_out(f, err);
	case CURLE_PEER_FAILED_VERIFICATION: return not_trusted(f, err);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER: return no_tls(f, err);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, ST_CONFIG, "cannot use the certificates to trust: %s; check --cacert", f->detail);
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
	return err_set(err, f->phase < PHASE_SEND ? ST_UNAVAILABLE : ST_TEMPFAIL, "the request to '%s' failed: %s (%d)",
		f->host, f->detail, f->code);
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
