#include "crypto/crypto.h"

#include "base/dynlib.h"
#include "base/mem.h"
#include "base/random.h"
#include "sonames.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define CERT_FUNCTIONS(X) \
	X(EVP_PKEY_Q_keygen) \
	X(EVP_PKEY_free) \
	X(EVP_sha256) \
	X(X509_new) \
	X(X509_free) \
	X(X509_set_version) \
	X(X509_get_serialNumber) \
	X(ASN1_INTEGER_set_uint64) \
	X(X509_getm_notBefore) \
	X(X509_getm_notAfter) \
	X(X509_time_adj_ex) \
	X(X509_set_pubkey) \
	X(X509_get_subject_name) \
	X(X509_NAME_add_entry_by_txt) \
	X(X509_set_issuer_name) \
	X(X509V3_set_ctx) \
	X(X509V3_EXT_conf_nid) \
	X(X509_add_ext) \
	X(X509_EXTENSION_free) \
	X(X509_sign) \
	X(PEM_write_bio_X509) \
	X(PEM_write_bio_PrivateKey) \
	X(BIO_new) \
	X(BIO_s_mem) \
	X(BIO_ctrl) \
	X(BIO_free)
static struct {
	CERT_FUNCTIONS(DYNLIB_SLOT)
} cert_api;
#define DYNLIB_TABLE cert_api
static const struct dynlib_symbol cert_symbols[] = { CERT_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
#include "dynlib_calls.h"

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx = { 0 };
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	if (!(extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)))
		return false;
	ok = X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool set_times(X509 *cert, int days)
{
	/* valid an hour ago, for slow clocks; an expired one was valid for a month */
	int first = days < 0 ? days - 30 : 0;

	return X509_time_adj_ex(X509_getm_notBefore(cert), first, -3600, NULL) &&
		X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL);
}

static bool fill(X509 *cert, EVP_PKEY *key, int days, const char *host)
{
	char *names = host ? xasprintf("DNS:%s", host) : xstrdup("IP:127.0.0.1,IP:::1,DNS:localhost");
	X509_NAME *subject = X509_get_subject_name(cert);
	const char *name = host ? host : "localhost";
	uint64_t serial;
	bool ok;

	random_bytes(&serial, sizeof(serial));
	ok = X509_set_version(cert, 2) && /* v3 */
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) && set_times(cert, days) &&
		X509_set_pubkey(cert, key) &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
		X509_set_issuer_name(cert, subject) && add_extension(cert, NID_subject_alt_name, names) &&
		add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
		add_extension(cert, NID_ext_key_usage, "serverAuth") &&
		add_extension(cert, NID_subject_key_identifier, "hash") && X509_sign(cert, key, EVP_sha256());
	free(names);
	return ok;
}

static bool take_pem(BIO *bio, struct buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 && buf_add(out, data, (size_t)len);
}

enum status cert_make(struct buf *cert_pem, struct buf *key_pem, int days, const char *host, struct err *err)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	BIO *cert_bio = NULL, *key_bio = NULL;
	enum status st;

	if ((st = dynlib_load(SONAME_CRYPTO, "libssl3", cert_symbols, err)))
		return st;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	cert = X509_new();
	cert_bio = BIO_new(BIO_s_mem());
	key_bio = BIO_new(BIO_s_mem());
	if (!key || !cert || !cert_bio || !key_bio || !fill(cert, key, days, host) ||
		!PEM_write_bio_X509(cert_bio, cert) ||
		!PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) || !take_pem(cert_bio, cert_pem) ||
		!take_pem(key_bio, key_pem))
		st = err_set(err, ST_INTERNAL, "cannot create a certificate for '%s'", host ? host : "localhost");
	BIO_free(key_bio);
	BIO_free(cert_bio);
	X509_free(cert);
	EVP_PKEY_free(key);
	return st;
}
