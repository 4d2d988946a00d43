#include "crypto/crypto.h"

#include "base/dl.h"
#include "sonames.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#define VERIFY_FUNCTIONS(X) \
	X(X509_STORE_CTX_get_error) \
	X(X509_STORE_CTX_set_error) \
	X(X509_VERIFY_PARAM_set_hostflags) \
	X(X509_VERIFY_PARAM_set1_host) \
	X(X509_VERIFY_PARAM_set1_ip_asc)
#define PARAM_FUNCTIONS(X) X(SSL_CTX_get0_param)
static struct {
	VERIFY_FUNCTIONS(DL_SLOT)
	PARAM_FUNCTIONS(DL_SLOT)
} verify_api;
#define DL_TABLE verify_api
static const struct dl_symbol verify_symbols[] = { VERIFY_FUNCTIONS(DL_SYMBOL){ NULL, NULL } };
static const struct dl_symbol param_symbols[] = { PARAM_FUNCTIONS(DL_SYMBOL){ NULL, NULL } };
#define X509_STORE_CTX_get_error verify_api.p_X509_STORE_CTX_get_error
#define X509_STORE_CTX_set_error verify_api.p_X509_STORE_CTX_set_error
#define X509_VERIFY_PARAM_set_hostflags verify_api.p_X509_VERIFY_PARAM_set_hostflags
#define X509_VERIFY_PARAM_set1_host verify_api.p_X509_VERIFY_PARAM_set1_host
#define X509_VERIFY_PARAM_set1_ip_asc verify_api.p_X509_VERIFY_PARAM_set1_ip_asc
#define SSL_CTX_get0_param verify_api.p_SSL_CTX_get0_param

enum status tls_ctx_expect(void *ssl_ctx, const char *host, struct err *err)
{
	X509_VERIFY_PARAM *param;
	enum status st;

	if ((st = dl_load(SONAME_CRYPTO, "libssl3", verify_symbols, err)) ||
		(st = dl_load(SONAME_SSL, "libssl3", param_symbols, err)))
		return st;
	param = SSL_CTX_get0_param(ssl_ctx);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* an address is compared with the certificate's addresses, a name with its names */
	if (!X509_VERIFY_PARAM_set1_ip_asc(param, host) && !X509_VERIFY_PARAM_set1_host(param, host, 0))
		return err_set(err, ST_INTERNAL, "cannot have the certificate checked for '%s'", host);
	return ST_OK;
}

long tls_verify_error(void *x509_store_ctx)
{
	return X509_STORE_CTX_get_error(x509_store_ctx);
}

void tls_verify_accept(void *x509_store_ctx)
{
	X509_STORE_CTX_set_error(x509_store_ctx, X509_V_OK);
}
