#include "base/file.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status read_all(int fd, const char *name, ssize_t (*read_some)(int fd, void *p, size_t len),
	struct buf *out, struct err *err)
{
	for (;;) {
		size_t room = out->max - out->len;
		ssize_t n;

		/* read one more byte to tell a file of exactly the limit from a longer one */
		if (!room) {
			char extra;

			n = read_some(fd, &extra, 1);
			if (n > 0)
				return err_set(err, ST_DATA, "'%s' is larger than %zu bytes", name, out->max);
		} else {
			if (room > 64 * 1024)
				room = 64 * 1024;
			buf_reserve(out, room);
			n = read_some(fd, out->data + out->len, room);
			if (n > 0)
				buf_commit(out, (size_t)n);
		}
		if (n == 0)
			return ST_OK;
		if (n < 0 && errno == EINTR && read_some == interrupt_read)
			return err_set(err, interrupt_status(), "interrupted");
		if (n < 0 && errno != EINTR)
			return err_set(err, ST_IO, "cannot read '%s': %s", name, strerror(errno));
	}
}

enum status file_read_fd(int fd, const char *name, struct buf *out, struct err *err)
{
	return read_all(fd, name, read, out, err);
}

enum status file_read_stream(int fd, const char *name, struct buf *out, struct err *err)
{
	return read_all(fd, name, interrupt_read, out, err);
}

static enum status open_file(const char *path, int *fd, struct err *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO may have no writer */
	if (*fd >= 0)
		return ST_OK;
	return err_set(err, errno == ENOENT || errno == ENOTDIR ? ST_NOINPUT : ST_IO, "cannot read '%s': %s", path,
		strerror(errno));
}

enum status file_read(const char *path, struct buf *out, struct err *err)
{
	enum status st;
	int fd;

	if ((st = open_file(path, &fd, err)))
		return st;
	st = file_read_fd(fd, path, out, err);
	close(fd);
	return st;
}

enum status file_check_owner(const struct stat *st, unsigned rules, const char *label, const char *path,
	struct err *err)
{
	bool readable = rules & FILE_READABLE;
	mode_t shared = st->st_mode & (readable ? 022 : 077);

	if (st->st_uid != geteuid() && !(rules & FILE_OR_ROOT && st->st_uid == 0))
		return err_set(err, ST_CONFIG, "%s'%s' belongs to another user%s", label, path,
			rules & FILE_OR_ROOT ? "; it must be yours or root's" : "");
	if (shared)
		return err_set(err, ST_CONFIG, "%s'%s' can be %s by others (mode %04o); run 'chmod %s %s'", label, path,
			readable ? "written" : "read or written", (unsigned)(st->st_mode & 07777),
			readable                       ? "go-w"
				: S_ISDIR(st->st_mode) ? "700"
						       : "600",
			path);
	return ST_OK;
}

static enum status check_trust(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, ST_IO, "cannot read '%s': %s", path, strerror(errno));
	if (S_ISFIFO(st.st_mode))
		return err_set(err, ST_CONFIG, "cannot read '%s': it is a FIFO; give a regular file", path);
	if (S_ISCHR(st.st_mode)) /* /dev/null, for "no configuration", is writable for all */
		return ST_OK;
	return file_check_owner(&st, FILE_OR_ROOT | FILE_READABLE, "", path, err);
}

enum status file_read_trusted(const char *path, struct buf *out, struct err *err)
{
	enum status st;
	int fd;

	if ((st = open_file(path, &fd, err)))
		return st;
	/* checked on the descriptor, because the name may lead to another file by now */
	if (!(st = check_trust(fd, path, err)))
		st = file_read_fd(fd, path, out, err);
	close(fd);
	return st;
}

enum status file_open_output(const char *path, int flags, int *fd, struct err *err)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0600);
	if (*fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open '%s': %s", path,
			errno == ENXIO ? "it is a FIFO that no process reads" : strerror(errno));
	(void)fcntl(*fd, F_SETFL, flags); /* blocking again */
	return ST_OK;
}

bool file_write_all(int fd, const void *p, size_t len)
{
	const char *s = p;

	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

char *file_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	return xasprintf("%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", name);
}

const char *file_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Makes a rename in the directory of `path` durable, on file systems that support it. */
static void sync_dir_of(const char *path)
{
	char *dir = xmemdup0(path, (size_t)(file_basename(path) - path));
	int fd = open(dir[0] ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

enum status file_write_atomic_by(const char *path, bool (*write_to)(int fd, void *arg), void *arg, struct err *err)
{
	char *temp = xasprintf("%s" FILE_TEMP, path);
	enum status st = ST_OK;
	int fd;

	unlink(temp); /* left by a process that was killed */
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		st = err_set(err, ST_CANTCREATE, "cannot create '%s': %s", temp, strerror(errno));
		free(temp);
		return st;
	}
	if (!write_to(fd, arg) || fsync(fd)) {
		st = err_set(err, ST_IO, "cannot write '%s': %s", temp, strerror(errno));
		close(fd);
	} else if (close(fd)) {
		st = err_set(err, ST_IO, "cannot write '%s': %s", temp, strerror(errno));
	} else if (rename(temp, path)) {
		st = err_set(err, ST_CANTCREATE, "cannot replace '%s': %s", path, strerror(errno));
	}
	if (st)
		unlink(temp);
	else
		sync_dir_of(path);
	free(temp);
	return st;
}

struct content {
	const void *p;
	size_t len;
};

static bool write_content(int fd, void *arg)
{
	const struct content *content = arg;

	return file_write_all(fd, content->p, content->len);
}

enum status file_write_atomic(const char *path, const void *p, size_t len, struct err *err)
{
	struct content content = { p, len };

	return file_write_atomic_by(path, write_content, &content, err);
}

int file_open_temp(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	if (fd >= 0)
		return fd;
	name = file_join(dir, "kandy.XXXXXX"); /* not every file system supports O_TMPFILE */
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

enum status file_make_dir(const char *path, struct err *err)
{
	char *copy = xstrdup(path);
	enum status st = ST_OK;

	for (char *p = copy + 1; !st; p++) {
		char kept = *p;

		if (kept && kept != '/')
			continue;
		*p = '\0';
		if (!mkdir(copy, 0700))
			sync_dir_of(copy);
		else if (errno != EEXIST)
			st = err_set(err, ST_CANTCREATE, "cannot create the directory '%s': %s", copy, strerror(errno));
		*p = kept;
		if (!kept)
			break;
	}
	free(copy);
	return st;
}

enum status file_check_dir(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT || errno == ENOTDIR
			? ST_OK
			: err_set(err, ST_IO, "cannot read '%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ST_CONFIG, "'%s' is not a directory", path);
	return file_check_owner(&st, 0, "the directory ", path, err);
}

enum status file_lock(const char *path, int wait_ms, int *out, struct err *err)
{
	int64_t deadline = clock_mono_ms() + wait_ms;
	int64_t pause = 1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open the lock file '%s': %s", path, strerror(errno));
	for (;;) {
		if (!flock(fd, wait_ms < 0 ? LOCK_EX : LOCK_EX | LOCK_NB)) {
			*out = fd;
			return ST_OK;
		}
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) {
			err_set(err, ST_IO, "cannot lock '%s': %s", path, strerror(errno));
			break;
		}
		if (clock_mono_ms() >= deadline) {
			err_set(err, ST_TEMPFAIL, "another kandy holds the lock '%s'", path);
			break;
		}
		clock_sleep_ms(pause);
		if (pause < 50)
			pause *= 2;
	}
	close(fd);
	return err ? err->status : ST_TEMPFAIL;
}

enum status file_open_private(const char *path, int *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return err_set(err, ST_NOINPUT, "cannot read '%s': %s", path, strerror(errno));
		if (errno == ELOOP)
			return err_set(err, ST_CONFIG,
				"'%s' is a symbolic link, which is not followed; replace it by the file itself", path);
		return err_set(err, ST_IO, "cannot read '%s': %s", path, strerror(errno));
	}
	if (fstat(fd, &st))
		err_set(err, ST_IO, "cannot read '%s': %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err_set(err, ST_CONFIG, "'%s' is not a regular file", path);
	else if (!file_check_owner(&st, 0, "", path, err)) {
		*out = fd;
		return ST_OK;
	}
	close(fd);
	return err ? err->status : ST_CONFIG;
}
