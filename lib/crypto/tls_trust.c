#include "crypto/crypto.h"

#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a certificate in a hashed directory: eight hex digits, a dot, a number. */
static bool is_hashed_name(const char *name)
{
	size_t i = 0;

	while (i < 8 && isxdigit((unsigned char)name[i]))
		i++;
	return i == 8 && name[8] == '.' && isdigit((unsigned char)name[9]);
}

static bool is_hashed_dir(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_hashed_name(entry->d_name);
	closedir(dir);
	return found;
}

static bool is_readable_file(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool ok = fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode);

	if (fd >= 0)
		close(fd);
	return ok;
}

static enum status use_given(struct tls_trust *trust, const char *ca, struct err *err)
{
	struct stat status;
	int fd;

	if (stat(ca, &status))
		return err_set(err, ST_CONFIG, "cannot read the CA certificates in '%s': %s", ca, strerror(errno));
	if (S_ISDIR(status.st_mode)) {
		if (!is_hashed_dir(ca))
			return err_set(err, ST_CONFIG,
				"no hashed certificates in the directory '%s'; run 'openssl rehash' on it, "
				"or specify a file",
				ca);
		trust->cadir = xstrdup(ca);
		return ST_OK;
	}
	if ((fd = open(ca, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		return err_set(err, ST_CONFIG, "cannot read the CA certificates in '%s': %s", ca, strerror(errno));
	close(fd);
	trust->cafile = xstrdup(ca);
	return ST_OK;
}

enum status tls_trust_init(struct tls_trust *trust, const char *ca, bool insecure, struct err *err)
{
	/* of Debian, Fedora and Alpine */
	static const char *const dirs[] = { "/etc/ssl/certs", "/etc/pki/tls/certs", NULL };
	static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem", NULL };

	*trust = (struct tls_trust){ .insecure = insecure };
	if (ca)
		return use_given(trust, ca, err);
	for (size_t i = 0; dirs[i]; i++)
		if (is_hashed_dir(dirs[i])) {
			trust->cadir = xstrdup(dirs[i]);
			return ST_OK;
		}
	for (size_t i = 0; files[i]; i++)
		if (is_readable_file(files[i])) {
			trust->cafile = xstrdup(files[i]);
			return ST_OK;
		}
	if (insecure)
		return ST_OK;
	return err_set(err, ST_CONFIG,
		"no CA certificates found on this system; install the package 'ca-certificates', or use --cacert");
}

void tls_trust_release(struct tls_trust *trust)
{
	free(trust->cafile);
	free(trust->cadir);
	*trust = (struct tls_trust){ 0 };
}
