/* Errors of failed requests, for every phase and kind. */
#include "http/failure.h"

#include "crypto/crypto.h"

#include "../lib/tap.h"

#include <curl/curl.h>
#include <errno.h>

struct failure_case {
	const char *what;
	struct failure failure;
	enum status status;
	enum err_outcome outcome;
	bool retryable;
	const char *text; /* part of the message */
};

#define HOST .host = "chat.example:8443"
#define PROXY .proxy = "proxy.example:3128"
#define LIMITS .connect_timeout_ms = 10000, .timeout_ms = 30000

static const struct failure_case cases[] = {
	{ "unknown host", { CURLE_COULDNT_RESOLVE_HOST, PHASE_RESOLVE, HOST, .detail = "" }, ST_UNAVAILABLE,
		ERR_NOT_SENT, true, "cannot resolve host 'chat.example:8443'; check the name" },
	{ "unknown proxy", { CURLE_COULDNT_RESOLVE_PROXY, PHASE_RESOLVE, HOST, PROXY, .detail = "" }, ST_UNAVAILABLE,
		ERR_NOT_SENT, true, "cannot resolve proxy 'proxy.example:3128'" },
	{ "a proxy that makes no sense",
		{ CURLE_COULDNT_CONNECT, PHASE_CONNECT, HOST, .detail = "Unsupported proxy scheme for " }, ST_CONFIG,
		ERR_NOT_SENT, false, "invalid proxy: expected [SCHEME://][USER:PASSWORD@]HOST[:PORT] with scheme" },
	{ "refused", { CURLE_COULDNT_CONNECT, PHASE_CONNECT, HOST, .os_errno = ECONNREFUSED, .detail = "x" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true, "cannot connect to 'chat.example:8443': Connection refused" },
	{ "refused, no errno", { CURLE_COULDNT_CONNECT, PHASE_CONNECT, HOST, .detail = "libcurl's words" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true, "cannot connect to 'chat.example:8443': libcurl's words" },
	{ "proxy refused",
		{ CURLE_COULDNT_CONNECT, PHASE_CONNECT, HOST, PROXY, .os_errno = ECONNREFUSED, .detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true,
		"cannot connect to proxy 'proxy.example:3128': Connection refused" },

	{ "time-out of DNS", { CURLE_OPERATION_TIMEDOUT, PHASE_RESOLVE, HOST, LIMITS, .detail = "" }, ST_UNAVAILABLE,
		ERR_NOT_SENT, true, "cannot resolve host 'chat.example:8443': DNS timeout after 10 s" },
	{ "time-out of connect", { CURLE_OPERATION_TIMEDOUT, PHASE_CONNECT, HOST, LIMITS, .detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true, "cannot connect to 'chat.example:8443': timeout after 10 s" },
	{ "the shorter limit is named",
		{ CURLE_OPERATION_TIMEDOUT, PHASE_CONNECT, HOST, .connect_timeout_ms = 10000, .timeout_ms = 2500,
			.detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true, "cannot connect to 'chat.example:8443': timeout after 2.5 s" },
	{ "time-out of the proxy", { CURLE_OPERATION_TIMEDOUT, PHASE_CONNECT, HOST, PROXY, LIMITS, .detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true,
		"cannot connect to proxy 'proxy.example:3128': timeout after 10 s" },
	{ "time-out of TLS", { CURLE_OPERATION_TIMEDOUT, PHASE_TLS, HOST, LIMITS, .detail = "" }, ST_UNAVAILABLE,
		ERR_NOT_SENT, true, "cannot connect to 'chat.example:8443': handshake timeout after 10 s" },
	{ "time-out of CONNECT", { CURLE_OPERATION_TIMEDOUT, PHASE_TLS, HOST, PROXY, LIMITS, .detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true,
		"cannot connect to 'chat.example:8443' through proxy 'proxy.example:3128': handshake timeout after 10 s" },
	{ "time-out of sending", { CURLE_OPERATION_TIMEDOUT, PHASE_SEND, .sent = true, HOST, LIMITS, .detail = "" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true,
		"cannot send the request to 'chat.example:8443': timeout after 30 s" },
	{ "time-out of the answer", { CURLE_OPERATION_TIMEDOUT, PHASE_WAIT, .sent = true, HOST, LIMITS, .detail = "" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "no response from 'chat.example:8443' within 30 s" },
	{ "time-out in the answer",
		{ CURLE_OPERATION_TIMEDOUT, PHASE_RECEIVE, .sent = true, .http = 200, HOST, LIMITS, .detail = "" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "response from 'chat.example:8443' incomplete after 30 s" },
	{ "stall",
		{ CURLE_OPERATION_TIMEDOUT, PHASE_RECEIVE, .sent = true, .low_speed_ms = 60000, HOST,
			.detail = "Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "connection to 'chat.example:8443' stalled: no data for 60 s" },

	{ "wrong name", { CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 1, HOST, .detail = "" },
		ST_CONFIG, ERR_NOT_SENT, false,
		"cannot verify the TLS certificate of 'chat.example:8443': the server's certificate is for another host" },
	{ "wrong name, chain looked at",
		{ CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 0, HOST, .detail = "" }, ST_CONFIG,
		ERR_NOT_SENT, false, "for another host" },
	{ "expired", { CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 10, HOST, .detail = "" }, ST_CONFIG,
		ERR_NOT_SENT, false, "has expired" },
	{ "not valid yet", { CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 9, HOST, .detail = "" },
		ST_CONFIG, ERR_NOT_SENT, false, "not valid yet" },
	{ "self-signed", { CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 18, HOST, .detail = "" },
		ST_CONFIG, ERR_NOT_SENT, false, "self-signed" },
	{ "unknown issuer", { CURLE_PEER_FAILED_VERIFICATION, PHASE_TLS, .verify_result = 20, HOST, .detail = "" },
		ST_CONFIG, ERR_NOT_SENT, false, "an unknown authority" },
	{ "bad CA file",
		{ CURLE_SSL_CACERT_BADFILE, PHASE_TLS, HOST, .detail = "error setting certificate file: x.pem" },
		ST_CONFIG, ERR_NOT_SENT, false, "x.pem; check --cacert" },
	{ "old TLS",
		{ CURLE_SSL_CONNECT_ERROR, PHASE_TLS, HOST,
			.detail = "error:0A00042E:SSL routines::tlsv1 alert protocol version" },
		ST_UNAVAILABLE, ERR_NOT_SENT, false, "the server does not support TLS 1.2 or newer" },
	{ "old TLS, said by us",
		{ CURLE_SSL_CONNECT_ERROR, PHASE_TLS, HOST,
			.detail = "error:0A000102:SSL routines::unsupported protocol" },
		ST_UNAVAILABLE, ERR_NOT_SENT, false, "the server does not support TLS 1.2 or newer" },
	{ "no TLS at all",
		{ CURLE_SSL_CONNECT_ERROR, PHASE_TLS, HOST,
			.detail = "error:0A00010B:SSL routines::wrong version number" },
		ST_UNAVAILABLE, ERR_NOT_SENT, false, "the server does not use TLS on this port" },
	{ "nothing in common",
		{ CURLE_SSL_CONNECT_ERROR, PHASE_TLS, HOST,
			.detail = "error:0A000410:SSL routines::sslv3 alert handshake failure" },
		ST_UNAVAILABLE, ERR_NOT_SENT, false, "no common TLS cipher or parameters" },
	{ "cut in the handshake",
		{ CURLE_SSL_CONNECT_ERROR, PHASE_TLS, HOST,
			.detail = "OpenSSL SSL_connect: Connection reset by peer in connection to chat.example:8443" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true,
		"TLS handshake with 'chat.example:8443' failed: OpenSSL SSL_connect: Connection reset" },

	{ "proxy says no", { CURLE_RECV_ERROR, PHASE_TLS, .connect_code = 403, HOST, PROXY, .detail = "" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true,
		"proxy 'proxy.example:3128' refused to connect to 'chat.example:8443' (status 403)" },
	{ "proxy wants a password", { CURLE_RECV_ERROR, PHASE_TLS, .connect_code = 407, HOST, PROXY, .detail = "" },
		ST_CONFIG, ERR_NOT_SENT, false, "proxy 'proxy.example:3128' requires a user name and password" },
	{ "proxy hangs up", { CURLE_RECV_ERROR, PHASE_TLS, HOST, PROXY, .detail = "" }, ST_UNAVAILABLE, ERR_NOT_SENT,
		true, "through proxy 'proxy.example:3128': connection closed" },
	{ "SOCKS", { CURLE_PROXY, PHASE_TLS, HOST, PROXY, .detail = "SOCKS5 says no" }, ST_UNAVAILABLE, ERR_NOT_SENT,
		true, "SOCKS5 says no" },

	{ "cut before the request", { CURLE_SEND_ERROR, PHASE_SEND, HOST, .detail = "" }, ST_TEMPFAIL, ERR_NOT_SENT,
		true, "lost while sending the request" },
	{ "cut in the request", { CURLE_SEND_ERROR, PHASE_SEND, .sent = true, HOST, .detail = "" }, ST_TEMPFAIL,
		ERR_MAYBE_SENT, true, "lost while sending the request" },
	{ "cut after the request", { CURLE_GOT_NOTHING, PHASE_WAIT, .sent = true, HOST, .detail = "" }, ST_TEMPFAIL,
		ERR_MAYBE_SENT, true, "closed the connection without a response" },
	{ "reset after the request", { CURLE_RECV_ERROR, PHASE_WAIT, .sent = true, HOST, .detail = "" }, ST_TEMPFAIL,
		ERR_MAYBE_SENT, true, "closed the connection without a response" },
	{ "kept connection broke",
		{ CURLE_ABORTED_BY_CALLBACK, PHASE_SEND, .sent = true, .resend_stopped = true, HOST, .detail = "" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "closed the connection without a response" },
	{ "a success cut off", { CURLE_PARTIAL_FILE, PHASE_RECEIVE, .sent = true, .http = 201, HOST, .detail = "" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "lost during the response" },
	{ "HTTP/2 stream", { CURLE_HTTP2_STREAM, PHASE_WAIT, .sent = true, HOST, .detail = "" }, ST_TEMPFAIL,
		ERR_MAYBE_SENT, true, "closed the connection without a response" },

	{ "no HTTP",
		{ CURLE_UNSUPPORTED_PROTOCOL, PHASE_RECEIVE, .sent = true, HOST,
			.detail = "Received HTTP/0.9 when not allowed" },
		ST_PROTOCOL, ERR_MAYBE_SENT, false,
		"invalid HTTP response from 'chat.example:8443': Received HTTP/0.9" },
	{ "odd HTTP", { CURLE_WEIRD_SERVER_REPLY, PHASE_RECEIVE, .sent = true, HOST, .detail = "Too large header" },
		ST_PROTOCOL, ERR_MAYBE_SENT, false, "invalid HTTP response from 'chat.example:8443': Too large" },
	{ "no URL", { CURLE_URL_MALFORMAT, PHASE_RESOLVE, HOST, .detail = "Port number was not a decimal number" },
		ST_DATA, ERR_NOT_SENT, false, "invalid URL for 'chat.example:8443': Port number" },
	{ "something else, before", { CURLE_INTERFACE_FAILED, PHASE_CONNECT, HOST, .detail = "bind failed" },
		ST_UNAVAILABLE, ERR_NOT_SENT, true, "failed: bind failed (libcurl error 45)" },
	{ "something else, after",
		{ CURLE_BAD_CONTENT_ENCODING, PHASE_RECEIVE, .sent = true, .http = 200, HOST, .detail = "gzip" },
		ST_TEMPFAIL, ERR_MAYBE_SENT, true, "failed: gzip (libcurl error 61)" },
	{ "no memory", { CURLE_OUT_OF_MEMORY, PHASE_RESOLVE, HOST, .detail = "" }, ST_INTERNAL, ERR_NOT_SENT, false,
		"out of memory" },
	{ "no memory in a body", { CURLE_OUT_OF_MEMORY, PHASE_RECEIVE, .sent = true, .http = 200, HOST, .detail = "" },
		ST_INTERNAL, ERR_MAYBE_SENT, false, "out of memory" },
	{ "a line of a head that is too long for libcurl",
		{ CURLE_OUT_OF_MEMORY, PHASE_RECEIVE, .sent = true, HOST, .detail = "" }, ST_PROTOCOL, ERR_MAYBE_SENT,
		false, "response headers exceed 64 KiB" },
	{ "its first one", { CURLE_OUT_OF_MEMORY, PHASE_WAIT, .sent = true, HOST, .detail = "" }, ST_PROTOCOL,
		ERR_MAYBE_SENT, false, "response headers exceed 64 KiB" },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct failure_case *c = &cases[i];
		struct err err = ERR_INIT;
		enum status status = failure_describe(&c->failure, &err);

		if (!tap_ok(status == c->status && err.status == status && err.outcome == c->outcome &&
				    err.retryable == c->retryable && err.http == c->failure.http &&
				    err.retry_after_ms == -1 && strstr(err.text, c->text),
			    c->what))
			printf("# status %d outcome %d retryable %d: %s\n", status, err.outcome, err.retryable,
				err.text);
	}
	return tap_done();
}
