#include "fetch/download_dir.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/filename.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define INFO_MAX ((size_t)64 * 1024)

/* The last candidates are random names, so they cannot all be in use by accident. */
#define TRIES (FILENAME_TRIES + 8)

enum status download_dir_open(struct download_dir *dir, const char *path, struct err *err)
{
	enum status st;

	*dir = (struct download_dir){ .fd = -1 };
	if ((st = file_make_dir(path, err)))
		return st;
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open directory '%s': %s", path, strerror(errno));
	dir->path = realpath(path, NULL);
	if (!dir->path) {
		st = err_set(err, ST_CANTCREATE, "cannot resolve the path of '%s': %s", path, strerror(errno));
		close(dir->fd);
		dir->fd = -1;
	}
	return st;
}

void download_dir_release(struct download_dir *dir)
{
	if (dir->path)
		close(dir->fd);
	free(dir->path);
	*dir = (struct download_dir){ .fd = -1 };
}

void download_dir_suspend(struct partial_file *partial)
{
	if (partial->temp && partial->fd >= 0)
		close(partial->fd);
	free(partial->name);
	free(partial->temp);
	free(partial->info);
	*partial = (struct partial_file){ .fd = -1 };
}

static enum status cannot(const struct download_dir *dir, const char *verb, const char *name, struct err *err)
{
	enum status st = errno == ENOSPC || errno == EDQUOT || errno == EIO ? ST_IO : ST_CANTCREATE;

	return err_set(err, st, "cannot %s '%s/%s': %s", verb, dir->path, name, strerror(errno));
}

static void set_names(struct partial_file *partial, const char *name, unsigned attempt)
{
	struct buf numbered;

	free(partial->temp);
	free(partial->info);
	buf_init(&numbered, BUF_NO_MAX);
	filename_numbered(&numbered, name, attempt);
	partial->temp = xasprintf("%s" FILENAME_PART, numbered.data);
	partial->info = xasprintf("%s" FILENAME_INFO, numbered.data);
	buf_release(&numbered);
}

static bool exists(const struct download_dir *dir, const char *name)
{
	struct stat st;

	return !fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* True if `name` still refers to `fd`: another process may have renamed or replaced the file meanwhile. */
static bool is_file_at(const struct download_dir *dir, int fd, const char *name, struct stat *st)
{
	struct stat named;

	return !fstat(fd, st) && !fstatat(dir->fd, name, &named, AT_SYMLINK_NOFOLLOW) && st->st_ino == named.st_ino &&
		st->st_dev == named.st_dev;
}

/* Another user who can write to the directory must not be able to plant a file that is resumed. */
static bool is_own_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

static bool read_info(const struct download_dir *dir, const char *name, struct buf *info)
{
	int fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && is_own_file(&st) && !file_read_fd(fd, name, info, &ignored);
	close(fd);
	return ok;
}

void download_dir_remove_info(const struct download_dir *dir, struct partial_file *partial)
{
	if (partial->has_resume_info)
		unlinkat(dir->fd, partial->info, 0);
	partial->has_resume_info = false;
}

/* Locks the partial file of an earlier run, opened as `fd`. False if it cannot be used; `fd` is closed then. */
static bool adopt(const struct download_dir *dir, struct partial_file *partial, int fd, resume_match_info *match,
	void *arg)
{
	struct buf info;
	struct stat st;
	enum resume_match found = RESUME_NOT;

	buf_init(&info, INFO_MAX);
	if (!flock(fd, LOCK_EX | LOCK_NB) && is_file_at(dir, fd, partial->temp, &st) && is_own_file(&st) &&
		st.st_nlink == 1) {
		if (read_info(dir, partial->info, &info)) {
			partial->has_resume_info = true;
			found = match(arg, info.data, info.len, st.st_size);
		} else if (!st.st_size && !exists(dir, partial->info)) {
			found = RESUME_FROM_START; /* the run ended before it wrote the resume info */
		}
	}
	buf_release(&info);
	if (found == RESUME_FROM_START) {
		download_dir_remove_info(dir, partial);
		if (ftruncate(fd, 0))
			found = RESUME_NOT;
		st.st_size = 0;
	}
	if (found == RESUME_NOT) {
		partial->has_resume_info = false;
		close(fd);
		return false;
	}
	partial->fd = fd;
	partial->found = st.st_size;
	return true;
}

/* Creates an empty partial file. False with errno EEXIST if the name is in use. */
static bool create(const struct download_dir *dir, struct partial_file *partial)
{
	int fd;

	if (exists(dir, partial->info)) {
		errno = EEXIST;
		return false;
	}
	fd = openat(dir->fd, partial->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	/* Some network file systems have no locks; two runs in one directory then do not detect each other. */
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		close(fd); /* another process has just opened it to resume it */
		errno = EEXIST;
		return false;
	}
	partial->fd = fd;
	return true;
}

enum status download_dir_begin(const struct download_dir *dir, const char *name, struct partial_file *partial,
	struct err *err)
{
	enum status st;

	*partial = (struct partial_file){ .fd = -1, .name = xstrdup(name) };
	for (unsigned attempt = 1; attempt <= TRIES; attempt++) {
		set_names(partial, name, attempt);
		if (create(dir, partial))
			return ST_OK;
		if (errno != EEXIST)
			break;
	}
	st = cannot(dir, "create", partial->temp, err);
	download_dir_suspend(partial);
	return st;
}

bool download_dir_resume(const struct download_dir *dir, const char *name, resume_match_info *match, void *arg,
	struct partial_file *partial)
{
	int fd;

	*partial = (struct partial_file){ .fd = -1, .name = xstrdup(name) };
	for (unsigned attempt = 1; attempt < FILENAME_TRIES; attempt++) {
		set_names(partial, name, attempt);
		fd = openat(dir->fd, partial->temp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			break;
		if (fd >= 0 && adopt(dir, partial, fd, match, arg))
			return true;
	}
	download_dir_suspend(partial);
	return false;
}

enum status download_dir_write_info(const struct download_dir *dir, struct partial_file *partial, const char *info,
	size_t len, struct err *err)
{
	enum status st = ST_OK;
	int fd;

	download_dir_remove_info(dir, partial);
	fd = openat(dir->fd, partial->info, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot(dir, "create", partial->info, err);
	partial->has_resume_info = true;
	if (!file_write_all(fd, info, len)) {
		st = cannot(dir, "write", partial->info, err);
		download_dir_remove_info(dir, partial);
	}
	close(fd);
	return st;
}

/* rename(2) that fails with EEXIST, with a fallback for file systems without RENAME_NOREPLACE. */
static bool rename_noreplace(int dir, const char *from, const char *to)
{
	if (!renameat2(dir, from, dir, to, RENAME_NOREPLACE))
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (linkat(dir, from, dir, to, 0))
		return false;
	unlinkat(dir, from, 0);
	return true;
}

enum status download_dir_commit(const struct download_dir *dir, struct partial_file *partial, bool clobber, char **name,
	struct err *err)
{
	struct buf to;
	bool done = false;
	enum status st = ST_OK;
	struct stat now;

	if (!is_file_at(dir, partial->fd, partial->temp, &now))
		return err_set(err, ST_CANTCREATE, "cannot rename '%s/%s': it was moved or replaced by another process",
			dir->path, partial->temp);
	buf_init(&to, BUF_NO_MAX);
	/* The resume info goes first: a complete file must never be resumed. */
	download_dir_remove_info(dir, partial);
	for (unsigned attempt = 1; !done && attempt <= TRIES; attempt++) {
		buf_clear(&to);
		filename_numbered(&to, partial->name, attempt);
		if (clobber)
			done = !renameat(dir->fd, partial->temp, dir->fd, to.data);
		else
			done = rename_noreplace(dir->fd, partial->temp, to.data);
		if (!done && (clobber || errno != EEXIST))
			break;
	}
	if (done) {
		*name = buf_take(&to);
		download_dir_suspend(partial);
	} else {
		st = cannot(dir, "create", to.data, err);
	}
	buf_release(&to);
	return st;
}

void download_dir_sync(const struct download_dir *dir)
{
	(void)fsync(dir->fd); /* some file systems do not support it */
}

void download_dir_abort(const struct download_dir *dir, struct partial_file *partial)
{
	struct stat st;

	if (partial->temp) {
		download_dir_remove_info(dir, partial);
		if (is_file_at(dir, partial->fd, partial->temp, &st))
			unlinkat(dir->fd, partial->temp, 0);
	}
	download_dir_suspend(partial);
}

bool download_dir_has(const struct download_dir *dir, const char *name, int64_t size)
{
	struct stat st;

	return name[0] && !strchr(name, '/') && !fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) && is_own_file(&st) &&
		st.st_size == size;
}
