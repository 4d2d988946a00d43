/* Digests against published vectors; certificates and trust by making, loading and refusing them. */
#include "crypto/crypto.h"

#include "base/file.h"
#include "base/mem.h"
#include "tests/lib/tap.h"

#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;

static void test_digest(void)
{
	struct sha256 *digest = NULL;
	unsigned char mac[32];
	struct buf hex;
	char out[65];

	tap_int(crypto_sha256_new(&digest, &err), ST_OK, "a digest");
	crypto_sha256_finish(digest, out);
	tap_str(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "of nothing (FIPS 180)");
	tap_int(crypto_sha256_new(&digest, &err), ST_OK, "another");
	crypto_sha256_update(digest, "a", 1);
	crypto_sha256_update(digest, "bc", 2);
	crypto_sha256_finish(digest, out);
	tap_str(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "of abc in two pieces");
	crypto_sha256_free(NULL);
	tap_int(crypto_sha256_new(&digest, &err), ST_OK, "a digest that is never finished");
	crypto_sha256_free(digest);

	tap_int(crypto_sha1("abc", 3, mac, &err), ST_OK, "SHA-1 (RFC 3174, 7.3)");
	tap_ok(!memcmp(mac, "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d", 20),
		"its value");
	tap_int(crypto_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac, &err), ST_OK,
		"HMAC (RFC 4231, 2)");
	buf_init(&hex, 100);
	for (size_t i = 0; i < sizeof(mac); i++)
		buf_addf(&hex, "%02x", mac[i]);
	tap_str(hex.data, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "its value");
	buf_release(&hex);
}

static void test_trust(const char *dir, const struct buf *cert)
{
	char *file = file_join(dir, "ca.pem"), *empty = file_join(dir, "empty"), *hashed = file_join(dir, "0123abcd.0");
	struct tls_trust trust;
	void *ctx = NULL;

	tap_int(file_write_atomic(file, cert->data, cert->len, &err), ST_OK, "a CA file");
	tap_int(file_write_atomic(empty, "nothing\n", 8, &err), ST_OK, "a file without certificates");
	tap_int(tls_trust_init(&trust, file, false, &err), ST_OK, "trust in the file");
	tap_ok(trust.cafile && !strcmp(trust.cafile, file) && !trust.cadir, "it is a file");
	tap_int(tls_client_ctx(&ctx, &trust, &err), ST_OK, "a context with it");
	tap_ok(tls_apply_policy(ctx), "the policy can be applied twice");
	tls_ctx_free(ctx);
	tls_ctx_free(NULL);
	tls_trust_release(&trust);

	tap_int(tls_trust_init(&trust, empty, false, &err), ST_OK, "a file that can be read");
	tap_int(tls_client_ctx(&ctx, &trust, &err), ST_CONFIG, "but holds no certificate");
	tap_ok(strstr(err.text, empty), "the sentence names it");
	tls_trust_release(&trust);

	tap_int(tls_trust_init(&trust, dir, false, &err), ST_CONFIG, "a directory that is not hashed");
	tap_ok(strstr(err.text, "openssl rehash"), "the sentence says what to do");
	tap_ok(!symlink("ca.pem", hashed), "a hashed name in it");
	tap_int(tls_trust_init(&trust, dir, false, &err), ST_OK, "a hashed directory");
	tap_ok(trust.cadir && !strcmp(trust.cadir, dir) && !trust.cafile, "it is a directory");
	tap_int(tls_client_ctx(&ctx, &trust, &err), ST_OK, "a context with it");
	tls_ctx_free(ctx);
	tls_trust_release(&trust);

	tap_int(tls_trust_init(&trust, "/proc/nonexistent/ca.pem", false, &err), ST_CONFIG,
		"a CA file that is not there");
	tap_int(tls_trust_init(&trust, NULL, true, &err), ST_OK, "none needed with -k");
	tap_int(tls_client_ctx(&ctx, &trust, &err), ST_OK, "a context with -k");
	tls_ctx_free(ctx);
	tls_trust_release(&trust);
	unlink(hashed);
	unlink(empty);
	unlink(file);
	free(hashed);
	free(empty);
	free(file);
}

static void test_certificate(const char *dir)
{
	struct buf cert, key, small;

	buf_init(&cert, 1 << 16);
	buf_init_secret(&key, 1 << 16);
	buf_init(&small, 10);
	tap_int(cert_make(&cert, &key, 1, NULL, &err), ST_OK, "a certificate");
	tap_ok(!strncmp(cert.data, "-----BEGIN CERTIFICATE-----\n", 28), "is PEM");
	tap_ok(!strncmp(key.data, "-----BEGIN PRIVATE KEY-----\n", 28), "the key is PEM");
	test_trust(dir, &cert);
	buf_clear(&cert);
	buf_clear(&key);
	tap_int(cert_make(&cert, &key, -1, "other.example", &err), ST_OK, "one that has expired, for another host");
	tap_int(cert_make(&small, &key, 1, NULL, &err), ST_INTERNAL, "no room for it");
	buf_release(&small);
	buf_release(&key);
	buf_release(&cert);
}

static void test_sentences(void)
{
	static const long errors[] = { X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID,
		X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_UNSPECIFIED };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (size_t k = 0; k < i; k++)
			tap_ok(strcmp(tls_verify_text(errors[i]), tls_verify_text(errors[k])) != 0,
				"each failure has its own sentence");
}

int main(void)
{
	char dir[] = "/tmp/kandy-crypto-XXXXXX";

	if (!mkdtemp(dir))
		return 1;
	test_digest();
	test_certificate(dir);
	test_sentences();
	rmdir(dir);
	return tap_done();
}
