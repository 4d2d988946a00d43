/*
 * crypto.h - the gate of lib/crypto, the only room that calls OpenSSL: digests, certificates, TLS clients, and one TLS
 * policy for libcurl and the WebSocket.
 *
 * libcrypto and libssl are loaded on first use. Other rooms pass pointers to OpenSSL's objects on as void *.
 */
#ifndef KANDY_CRYPTO_CRYPTO_H
#define KANDY_CRYPTO_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* SHA-256, streamed. crypto_sha256_finish() writes 64 hex digits and frees; crypto_sha256_free() only frees. */
struct sha256;
enum status crypto_sha256_new(struct sha256 **out, struct err *err) MUST_USE;
void crypto_sha256_update(struct sha256 *digest, const void *p, size_t len);
void crypto_sha256_finish(struct sha256 *digest, char hex[static 65]);
void crypto_sha256_free(struct sha256 *digest);

/* SHA-1, only for the WebSocket handshake, which requires it. */
enum status crypto_sha1(const void *p, size_t len, unsigned char out[static 20], struct err *err) MUST_USE;

/* HMAC-SHA-256 for the sandbox's tokens. */
enum status crypto_hmac_sha256(const void *key, size_t key_len, const void *p, size_t len, unsigned char out[static 32],
	struct err *err) MUST_USE;

/*
 * The trusted certificates: `cafile` or `cadir`, never both. Parsing Debian's bundle takes 40 ms for each connection, a
 * lookup in its hashed directory 8 us, so the directory is preferred.
 */
struct tls_trust {
	char *cafile;
	char *cadir;
	bool insecure; /* -k: certificates are not verified */
};

/* `ca` (--cacert) is a file or a hashed directory; NULL: the system's. ST_CONFIG if it cannot be read. */
enum status tls_trust_init(struct tls_trust *trust, const char *ca, bool insecure, struct err *err) MUST_USE;
void tls_trust_release(struct tls_trust *trust);

/* A client SSL_CTX with our policy: TLS 1.2 at least, `trust`, peers verified, little memory. */
enum status tls_client_ctx(void **ssl_ctx, const struct tls_trust *trust, struct err *err) MUST_USE;
void tls_ctx_free(void *ssl_ctx);

/*
 * A TLS connection over a connected, non-blocking socket, which the caller closes. No call blocks: the result says
 * whether the socket must be readable or writable before the call is repeated, which may differ from its own direction.
 *
 *	tls_stream_new(&stream, ctx, fd, "host.example", &err);
 *	tls_stream_handshake(stream)			until it is TLS_DONE
 *	tls_stream_read(stream, p, len, &got)		TLS_DONE with 1 to len bytes
 *	tls_stream_free(stream)
 */
struct tls_stream;

enum tls_result {
	TLS_DONE,
	TLS_WANTS_READ, /* call again when the socket can be read */
	TLS_WANTS_WRITE, /* ... can be written */
	TLS_ENDED, /* the peer closed the connection, properly or not */
	TLS_BROKEN, /* see tls_stream_reason() */
};

/*
 * `host` is a name or a numeric address. A name is sent as SNI, and the certificate must be valid for it, unless the
 * context does not verify certificates. The only ALPN protocol is http/1.1.
 */
enum status tls_stream_new(struct tls_stream **out, void *ssl_ctx, int fd, const char *host, struct err *err) MUST_USE;
void tls_stream_free(struct tls_stream *stream); /* sends close_notify if that does not block; NULL is allowed */

enum tls_result tls_stream_handshake(struct tls_stream *stream);
/* Reads up to `len` bytes. `*got` may be more than 0 with any result. */
enum tls_result tls_stream_read(struct tls_stream *stream, void *p, size_t len, size_t *got);
enum tls_result tls_stream_write(struct tls_stream *stream, const void *p, size_t len, size_t *put);

/* True if there may be bytes that poll(2) does not report, because they were already read from the socket. */
bool tls_stream_pending(const struct tls_stream *stream);

long tls_stream_verify_error(const struct tls_stream *stream); /* X509_V_ERR_ number for tls_verify_text(); 0: none */
const char *tls_stream_reason(const struct tls_stream *stream); /* OpenSSL's error for TLS_BROKEN */

/*
 * Applies the same policy to libcurl's SSL_CTX (CURLOPT_SSL_CTX_FUNCTION), except for trust, which CAINFO or CAPATH
 * sets. False if that failed: the connection must not be made then.
 */
bool tls_apply_policy(void *ssl_ctx);

/*
 * The sentence for a failed verification, for example an expired certificate or a wrong host. `x509_error` is an
 * X509_V_ERR_ number (SSL_get_verify_result, CURLINFO_SSL_VERIFYRESULT).
 */
const char *tls_verify_text(long x509_error);

/*
 * A self-signed certificate (EC P-256) for the local sandbox, valid for 127.0.0.1, ::1 and localhost, as PEM.
 * For tests, `days` may be negative (an expired certificate), and `host` replaces these names unless it is NULL.
 */
enum status cert_make(struct buf *cert_pem, struct buf *key_pem, int days, const char *host, struct err *err) MUST_USE;

#endif
