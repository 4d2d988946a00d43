#include "crypto/crypto.h"

#include "base/dynlib.h"
#include "base/mem.h"
#include "sonames.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STREAM_FUNCTIONS(X) \
	X(SSL_new) \
	X(SSL_free) \
	X(SSL_set_bio) \
	X(SSL_ctrl) \
	X(SSL_set_alpn_protos) \
	X(SSL_get0_param) \
	X(SSL_get_verify_mode) \
	X(SSL_get_verify_result) \
	X(SSL_connect) \
	X(SSL_read_ex) \
	X(SSL_write_ex) \
	X(SSL_shutdown) \
	X(SSL_has_pending) \
	X(SSL_get_error)
#define CRYPTO_FUNCTIONS(X) \
	X(BIO_meth_new) \
	X(BIO_meth_set_read_ex) \
	X(BIO_meth_set_write_ex) \
	X(BIO_meth_set_ctrl) \
	X(BIO_new) \
	X(BIO_set_data) \
	X(BIO_get_data) \
	X(BIO_set_init) \
	X(BIO_set_flags) \
	X(BIO_clear_flags) \
	X(X509_VERIFY_PARAM_set_hostflags) \
	X(X509_VERIFY_PARAM_set1_host) \
	X(X509_VERIFY_PARAM_set1_ip_asc) \
	X(ERR_peek_last_error) \
	X(ERR_reason_error_string) \
	X(ERR_clear_error)
static struct {
	STREAM_FUNCTIONS(DYNLIB_SLOT)
	CRYPTO_FUNCTIONS(DYNLIB_SLOT)
} stream_api;
#define DYNLIB_TABLE stream_api
static const struct dynlib_symbol stream_symbols[] = { STREAM_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
static const struct dynlib_symbol crypto_symbols[] = { CRYPTO_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
#include "dynlib_calls.h"

/*
 * The size of one read of the socket, because a busy server sends many small records at once. OpenSSL's own mode for
 * this (SSL_set_read_ahead) moves its whole buffer to the front for each record.
 */
#define READ_SIZE ((size_t)64 * 1024)

struct tls_stream {
	SSL *ssl;
	int fd;
	bool usable; /* the handshake is complete and nothing failed since: close_notify may be sent */
	const char *reason; /* static text of OpenSSL */
	bool filled; /* the last read of the socket filled the buffer; there may be more */
	size_t at, len; /* the part of `raw` that OpenSSL has not read */
	char raw[READ_SIZE];
};

static BIO_METHOD *socket_method;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum status load_status;
static struct err load_err = ERR_INIT;

/* ---- the socket, as OpenSSL sees it ------------------------------------------------------------------------------ */

static bool fill(BIO *bio, struct tls_stream *stream)
{
	ssize_t n = recv(stream->fd, stream->raw, sizeof(stream->raw), 0);

	stream->at = 0;
	stream->len = n > 0 ? (size_t)n : 0;
	stream->filled = stream->len == sizeof(stream->raw);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_retry_read(bio);
	return n > 0;
}

static int on_read(BIO *bio, char *p, size_t len, size_t *got)
{
	struct tls_stream *stream = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*got = 0;
	if (stream->at == stream->len && !fill(bio, stream))
		return 0;
	*got = len < stream->len - stream->at ? len : stream->len - stream->at;
	memcpy(p, stream->raw + stream->at, *got);
	stream->at += *got;
	return 1;
}

static int on_write(BIO *bio, const char *p, size_t len, size_t *put)
{
	struct tls_stream *stream = BIO_get_data(bio);
	ssize_t n = send(stream->fd, p, len, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	*put = n > 0 ? (size_t)n : 0;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_retry_write(bio);
	return n > 0;
}

static long on_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH; /* nothing is buffered */
}

static void load_once(void)
{
	load_status = dynlib_load(SONAME_CRYPTO, "libssl3", crypto_symbols, &load_err);
	if (!load_status)
		load_status = dynlib_load(SONAME_SSL, "libssl3", stream_symbols, &load_err);
	if (load_status)
		return;
	socket_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "kandy");
	if (!socket_method || !BIO_meth_set_read_ex(socket_method, on_read) ||
		!BIO_meth_set_write_ex(socket_method, on_write) || !BIO_meth_set_ctrl(socket_method, on_ctrl))
		load_status = err_set(&load_err, ST_INTERNAL, "cannot set up TLS");
}

static bool attach(struct tls_stream *stream)
{
	BIO *bio = BIO_new(socket_method);

	if (!bio)
		return false;
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	SSL_set_bio(stream->ssl, bio, bio); /* owns it from here on */
	return true;
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

/* Sets the host for which the certificate must be valid. */
static bool expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* addresses are compared with the certificate's addresses, names with its names */
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host))
		return true;
	return SSL_set_tlsext_host_name(ssl, host) == 1 && X509_VERIFY_PARAM_set1_host(param, host, 0);
}

enum status tls_stream_new(struct tls_stream **out, void *ssl_ctx, int fd, const char *host, struct err *err)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	struct tls_stream *stream;

	pthread_once(&once, load_once);
	if (load_status) {
		*err = load_err;
		return load_status;
	}
	ERR_clear_error();
	stream = xcalloc(1, sizeof(*stream));
	stream->fd = fd;
	stream->ssl = SSL_new(ssl_ctx);
	if (!stream->ssl || !expect(stream->ssl, host) || !attach(stream) ||
		SSL_set_alpn_protos(stream->ssl, protocols, sizeof(protocols) - 1)) {
		tls_stream_free(stream);
		return err_set(err, ST_INTERNAL, "cannot set up TLS with '%s'", host);
	}
	SSL_set_mode(stream->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* that mode allocates a buffer for each record, to save 16 kB for one connection */
	SSL_clear_mode(stream->ssl, SSL_MODE_RELEASE_BUFFERS);
	*out = stream;
	return ST_OK;
}

void tls_stream_free(struct tls_stream *stream)
{
	if (!stream)
		return;
	if (stream->usable)
		SSL_shutdown(stream->ssl);
	ERR_clear_error(); /* the error queue is shared by all connections of this thread */
	SSL_free(stream->ssl);
	free(stream);
}

/* The result of an OpenSSL call that returned `result` (1: success). */
static enum tls_result translate(struct tls_stream *stream, int result)
{
	const char *reason;

	if (result == 1)
		return TLS_DONE;
	switch (SSL_get_error(stream->ssl, result)) {
	case SSL_ERROR_WANT_READ: return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
	case SSL_ERROR_SYSCALL: stream->usable = false; return TLS_ENDED;
	default: break;
	}
	stream->usable = false;
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return TLS_ENDED;
	reason = ERR_reason_error_string(ERR_peek_last_error());
	stream->reason = reason ? reason : "TLS failed";
	return TLS_BROKEN;
}

enum tls_result tls_stream_handshake(struct tls_stream *stream)
{
	enum tls_result result;

	ERR_clear_error();
	result = translate(stream, SSL_connect(stream->ssl));
	stream->usable = result == TLS_DONE;
	return result;
}

bool tls_stream_pending(const struct tls_stream *stream)
{
	return stream->at < stream->len || stream->filled || SSL_has_pending(stream->ssl);
}

enum tls_result tls_stream_read(struct tls_stream *stream, void *p, size_t len, size_t *got)
{
	enum tls_result result;
	size_t n;

	*got = 0;
	ERR_clear_error();
	do {
		result = translate(stream, SSL_read_ex(stream->ssl, (char *)p + *got, len - *got, &n));
		if (result == TLS_DONE)
			*got += n;
	} while (result == TLS_DONE && *got < len && tls_stream_pending(stream));
	return result;
}

enum tls_result tls_stream_write(struct tls_stream *stream, const void *p, size_t len, size_t *put)
{
	*put = 0;
	ERR_clear_error();
	return translate(stream, SSL_write_ex(stream->ssl, p, len, put));
}

long tls_stream_verify_error(const struct tls_stream *stream)
{
	return SSL_get_verify_mode(stream->ssl) == SSL_VERIFY_NONE ? X509_V_OK : SSL_get_verify_result(stream->ssl);
}

const char *tls_stream_reason(const struct tls_stream *stream)
{
	return stream->reason ? stream->reason : "TLS failed";
}
