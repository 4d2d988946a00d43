#include "crypto/crypto.h"

#include "base/dynlib.h"
#include "sonames.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#define TLS_FUNCTIONS(X) \
	X(TLS_client_method) \
	X(SSL_CTX_new) \
	X(SSL_CTX_free) \
	X(SSL_CTX_ctrl) \
	X(SSL_CTX_set_verify) \
	X(SSL_CTX_load_verify_file) \
	X(SSL_CTX_load_verify_dir)
#define ERROR_FUNCTIONS(X) X(ERR_peek_last_error) X(ERR_reason_error_string) X(ERR_clear_error)
static struct {
	TLS_FUNCTIONS(DYNLIB_SLOT)
	ERROR_FUNCTIONS(DYNLIB_SLOT)
} tls_api;
#define DYNLIB_TABLE tls_api
static const struct dynlib_symbol tls_symbols[] = { TLS_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
static const struct dynlib_symbol error_symbols[] = { ERROR_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
#include "dynlib_calls.h"

static enum status load(struct err *err)
{
	enum status st = dynlib_load(SONAME_CRYPTO, "libssl3", error_symbols, err);

	return st ? st : dynlib_load(SONAME_SSL, "libssl3", tls_symbols, err);
}

/* OpenSSL's reason for its last error. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text ? text : "no reason given";
}

bool tls_apply_policy(void *ssl_ctx)
{
	SSL_CTX *ctx = ssl_ctx;

	if (load(NULL))
		return false;
	/* idle connections, like a listener's most of the time, keep no buffers */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
}

enum status tls_client_ctx(void **ssl_ctx, const struct tls_trust *trust, struct err *err)
{
	enum status st;
	SSL_CTX *ctx;
	bool ok = true;

	if ((st = load(err)))
		return st;
	if (!(ctx = SSL_CTX_new(TLS_client_method())))
		return err_set(err, ST_INTERNAL, "cannot set up TLS: %s", reason());
	if (!tls_apply_policy(ctx)) {
		st = err_set(err, ST_INTERNAL, "cannot set up TLS 1.2: %s", reason());
		goto out;
	}
	SSL_CTX_set_verify(ctx, trust->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (trust->insecure)
		goto out;
	if (trust->cadir)
		ok = SSL_CTX_load_verify_dir(ctx, trust->cadir) == 1;
	else if (trust->cafile)
		ok = SSL_CTX_load_verify_file(ctx, trust->cafile) == 1;
	if (!ok)
		st = err_set(err, ST_CONFIG, "cannot load the CA certificates of '%s': %s",
			trust->cadir ? trust->cadir : trust->cafile, reason());
out:
	if (st)
		SSL_CTX_free(ctx);
	else
		*ssl_ctx = ctx;
	return st;
}

void tls_ctx_free(void *ssl_ctx)
{
	if (ssl_ctx)
		SSL_CTX_free(ssl_ctx);
}

const char *tls_verify_text(long x509_error)
{
	switch (x509_error) {
	case X509_V_OK: return "the certificate is valid";
	case X509_V_ERR_CERT_HAS_EXPIRED: return "the server's certificate has expired";
	case X509_V_ERR_CERT_NOT_YET_VALID: return "the server's certificate is not valid yet; check the clock";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "the server's certificate is self-signed and not trusted (see --cacert)";
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "the certificate chain of the server ends in an untrusted root (see --cacert)";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "the server's certificate was issued by an unknown authority (see --cacert)";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH: return "the server's certificate is for another host";
	case X509_V_ERR_CERT_REVOKED: return "the server's certificate has been revoked";
	case X509_V_ERR_INVALID_PURPOSE: return "the server's certificate is not a server certificate";
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "the server's certificate has an invalid signature";
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK: return "the server's certificate uses weak cryptography";
	default: return "the server's certificate cannot be verified";
	}
}
