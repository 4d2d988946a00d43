#include "crypto/crypto.h"

#include "base/dynlib.h"
#include "base/mem.h"
#include "base/str.h"
#include "sonames.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define DIGEST_FUNCTIONS(X) \
	X(EVP_MD_CTX_new) \
	X(EVP_MD_CTX_free) \
	X(EVP_Digest) \
	X(EVP_sha1) \
	X(EVP_sha256) \
	X(EVP_DigestInit_ex) \
	X(EVP_DigestUpdate) \
	X(EVP_DigestFinal_ex) \
	X(HMAC)
static struct {
	DIGEST_FUNCTIONS(DYNLIB_SLOT)
} digest_api;
#define DYNLIB_TABLE digest_api
static const struct dynlib_symbol digest_symbols[] = { DIGEST_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };
#include "dynlib_calls.h"

struct sha256 {
	EVP_MD_CTX *ctx;
};

static enum status load(struct err *err)
{
	return dynlib_load(SONAME_CRYPTO, "libssl3", digest_symbols, err);
}

enum status crypto_sha256_new(struct sha256 **out, struct err *err)
{
	struct sha256 *digest;
	enum status st;

	if ((st = load(err)))
		return st;
	digest = xcalloc(1, sizeof(*digest));
	digest->ctx = EVP_MD_CTX_new();
	if (!digest->ctx || !EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL)) {
		crypto_sha256_free(digest);
		return err_set(err, ST_INTERNAL, "cannot compute a SHA-256 digest");
	}
	*out = digest;
	return ST_OK;
}

void crypto_sha256_update(struct sha256 *digest, const void *p, size_t len)
{
	if (!EVP_DigestUpdate(digest->ctx, p, len))
		BUG("SHA-256 failed");
}

void crypto_sha256_finish(struct sha256 *digest, char hex[static 65])
{
	unsigned char bytes[32];

	if (!EVP_DigestFinal_ex(digest->ctx, bytes, NULL))
		BUG("SHA-256 failed");
	str_hex_encode(hex, bytes, sizeof(bytes));
	crypto_sha256_free(digest);
}

void crypto_sha256_free(struct sha256 *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->ctx);
	free(digest);
}

enum status crypto_hmac_sha256(const void *key, size_t key_len, const void *p, size_t len, unsigned char out[static 32],
	struct err *err)
{
	enum status st;

	if ((st = load(err)))
		return st;
	if (key_len > 4096 || !HMAC(EVP_sha256(), key, (int)key_len, p, len, out, NULL))
		return err_set(err, ST_INTERNAL, "cannot compute an HMAC");
	return ST_OK;
}

enum status crypto_sha1(const void *p, size_t len, unsigned char out[static 20], struct err *err)
{
	enum status st;

	if ((st = load(err)))
		return st;
	if (!EVP_Digest(p, len, out, NULL, EVP_sha1(), NULL))
		return err_set(err, ST_INTERNAL, "cannot compute a SHA-1 digest");
	return ST_OK;
}
