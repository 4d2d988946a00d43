/*
 * crypto.h - the gate to OpenSSL: digests, certificates, and the one TLS policy for libcurl and libwebsockets.
 *
 * libcrypto and libssl are loaded on first use. Pointers to OpenSSL's objects travel through other rooms as void *.
 */
#ifndef KANDY_CRYPTO_CRYPTO_H
#define KANDY_CRYPTO_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* SHA-256, streamed. sha256_finish() gives 64 hex digits and frees; sha256_free() gives up (NULL is fine). */
struct sha256;
enum status sha256_new(struct sha256 **out, struct err *err) MUST_USE;
void sha256_update(struct sha256 *digest, const void *p, size_t len);
void sha256_finish(struct sha256 *digest, char hex[static 65]);
void sha256_free(struct sha256 *digest);

/* SHA-1, for the WebSocket handshake alone, which wants it. */
enum status sha1(const void *p, size_t len, unsigned char out[static 20], struct err *err) MUST_USE;

/* HMAC-SHA-256 for the sandbox's tokens. */
enum status hmac_sha256(const void *key, size_t key_len, const void *p, size_t len, unsigned char out[static 32],
	struct err *err) MUST_USE;

/*
 * Which certificates are trusted. `cafile` or `cadir` is set, never both: parsing Debian's bundle costs 40 ms for each
 * connection, its hashed directory 8 us (so that one is taken where it serves).
 */
struct tls_trust {
	char *cafile;
	char *cadir;
	bool insecure; /* -k: whoever answers is believed */
};

/* `ca` (--cacert) is a file or a hashed directory; NULL: the system's. ST_CONFIG if it cannot be read. */
enum status tls_trust_init(struct tls_trust *trust, const char *ca, bool insecure, struct err *err) MUST_USE;
void tls_trust_release(struct tls_trust *trust);

/* A client SSL_CTX with our policy: TLS 1.2 at least, `trust`, peers verified, little memory. For libwebsockets. */
enum status tls_client_ctx(void **ssl_ctx, const struct tls_trust *trust, struct err *err) MUST_USE;
void tls_ctx_free(void *ssl_ctx);

/*
 * Every connection of this context must be to `host`, a name or a numeric address of either family: whatever the
 * library in between makes of the name (libwebsockets cuts it at the first colon, and after 127 characters).
 */
enum status tls_ctx_expect(void *ssl_ctx, const char *host, struct err *err) MUST_USE;

/*
 * Inside a verification callback, for its X509_STORE_CTX, and after tls_ctx_expect(): what was found (for
 * tls_verify_text()), and to believe the certificate all the same.
 */
long tls_verify_error(void *x509_store_ctx);
void tls_verify_accept(void *x509_store_ctx);

/*
 * The same policy put on an SSL_CTX that someone else made (CURLOPT_SSL_CTX_FUNCTION); trust is set there by CAINFO
 * or CAPATH. False if it could not be: the connection must not be made then.
 */
bool tls_apply_policy(void *ssl_ctx);

/*
 * The sentence for a failed verification: expired, not yet valid, self-signed, unknown issuer, wrong host, each its
 * own. `x509_error` is an X509_V_ERR_ number (SSL_get_verify_result, CURLINFO_SSL_VERIFYRESULT).
 */
const char *tls_verify_text(long x509_error);

/*
 * A self-signed certificate (EC P-256) for the local sandbox, valid for 127.0.0.1, ::1 and localhost, as PEM.
 * `days` may be negative (a certificate that has expired), `host` another name than these (NULL: these); for tests.
 */
enum status cert_make(struct buf *cert_pem, struct buf *key_pem, int days, const char *host, struct err *err) MUST_USE;

#endif
