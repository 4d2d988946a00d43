#include "fetch/inbox.h"

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

#define NOTE_MAX ((size_t)64 * 1024)

/* Names are tried until one is free; the last ones are random, so that they cannot all be taken by accident. */
#define TRIES (FILENAME_TRIES + 8)

enum status inbox_open(struct inbox *inbox, const char *dir, struct err *err)
{
	enum status st;

	*inbox = (struct inbox){ .fd = -1 };
	if ((st = file_make_dir(dir, err)))
		return st;
	inbox->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (inbox->fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open the directory '%s': %s", dir, strerror(errno));
	inbox->path = realpath(dir, NULL);
	if (!inbox->path) {
		st = err_set(err, ST_CANTCREATE, "cannot tell where '%s' is: %s", dir, strerror(errno));
		close(inbox->fd);
		inbox->fd = -1;
	}
	return st;
}

void inbox_release(struct inbox *inbox)
{
	if (inbox->path)
		close(inbox->fd);
	free(inbox->path);
	*inbox = (struct inbox){ .fd = -1 };
}

static void release(struct inbox_part *part)
{
	if (part->temp && part->fd >= 0)
		close(part->fd);
	free(part->name);
	free(part->temp);
	free(part->info);
	*part = (struct inbox_part){ .fd = -1 };
}

static enum status cannot(const struct inbox *inbox, const char *verb, const char *name, struct err *err)
{
	enum status st = errno == ENOSPC || errno == EDQUOT || errno == EIO ? ST_IO : ST_CANTCREATE;

	return err_set(err, st, "cannot %s '%s/%s': %s", verb, inbox->path, name, strerror(errno));
}

static void set_names(struct inbox_part *part, const char *name, unsigned attempt)
{
	struct buf numbered;

	free(part->temp);
	free(part->info);
	buf_init(&numbered, BUF_NO_MAX);
	filename_numbered(&numbered, name, attempt);
	part->temp = xasprintf("%s" FILENAME_PART, numbered.data);
	part->info = xasprintf("%s" FILENAME_INFO, numbered.data);
	buf_release(&numbered);
}

static bool taken(const struct inbox *inbox, const char *name)
{
	struct stat st;

	return !fstatat(inbox->fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/*
 * Is `fd` still what stands under `name`? Another process may have finished it while we waited for nothing but the
 * lock.
 */
static bool is_under(const struct inbox *inbox, int fd, const char *name, struct stat *st)
{
	struct stat named;

	return !fstat(fd, st) && !fstatat(inbox->fd, name, &named, AT_SYMLINK_NOFOLLOW) && st->st_ino == named.st_ino &&
		st->st_dev == named.st_dev;
}

/* Whoever else may write into the directory cannot make us take what is theirs for what an earlier run left. */
static bool is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

static bool read_note(const struct inbox *inbox, const char *name, struct buf *note)
{
	int fd = openat(inbox->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && is_ours(&st) && !file_read_fd(fd, name, note, &ignored);
	close(fd);
	return ok;
}

/* Takes over a part that an earlier run left, if it is one and nobody is at it. */
static bool adopt(const struct inbox *inbox, struct inbox_part *part,
	bool (*same)(void *arg, const char *note, size_t len, int64_t found), void *arg)
{
	struct buf note;
	struct stat st;
	int fd = openat(inbox->fd, part->temp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ours;

	if (fd < 0)
		return false;
	buf_init(&note, NOTE_MAX);
	ours = !flock(fd, LOCK_EX | LOCK_NB) && is_under(inbox, fd, part->temp, &st) && is_ours(&st) &&
		st.st_nlink == 1 && read_note(inbox, part->info, &note) && same(arg, note.data, note.len, st.st_size);
	buf_release(&note);
	if (!ours) {
		close(fd);
		return false;
	}
	part->fd = fd;
	part->noted = true;
	part->found = st.st_size;
	return true;
}

/* A new, empty part. False with errno EEXIST where the name is taken. */
static bool create(const struct inbox *inbox, struct inbox_part *part)
{
	int fd;

	if (taken(inbox, part->info)) {
		errno = EEXIST;
		return false;
	}
	fd = openat(inbox->fd, part->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	/* no lock on some network file systems: then two runs in one directory cannot see each other, no more */
	(void)flock(fd, LOCK_EX | LOCK_NB);
	part->fd = fd;
	return true;
}

enum status inbox_begin(const struct inbox *inbox, const char *name, struct inbox_part *part, struct err *err)
{
	enum status st;

	*part = (struct inbox_part){ .fd = -1, .name = xstrdup(name) };
	for (unsigned attempt = 1; attempt <= TRIES; attempt++) {
		set_names(part, name, attempt);
		if (create(inbox, part))
			return ST_OK;
		if (errno != EEXIST)
			break;
	}
	st = cannot(inbox, "create", part->temp, err);
	release(part);
	return st;
}

bool inbox_resume(const struct inbox *inbox, const char *name,
	bool (*same)(void *arg, const char *note, size_t len, int64_t found), void *arg, struct inbox_part *part)
{
	*part = (struct inbox_part){ .fd = -1, .name = xstrdup(name) };
	for (unsigned attempt = 1; attempt < FILENAME_TRIES; attempt++) {
		set_names(part, name, attempt);
		if (!taken(inbox, part->temp))
			break;
		if (adopt(inbox, part, same, arg))
			return true;
	}
	release(part);
	return false;
}

void inbox_unnote(const struct inbox *inbox, struct inbox_part *part)
{
	if (part->noted)
		unlinkat(inbox->fd, part->info, 0);
	part->noted = false;
}

enum status inbox_note(const struct inbox *inbox, struct inbox_part *part, const char *note, size_t len,
	struct err *err)
{
	enum status st = ST_OK;
	int fd;

	inbox_unnote(inbox, part);
	fd = openat(inbox->fd, part->info, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot(inbox, "create", part->info, err);
	part->noted = true;
	if (!write_full(fd, note, len))
		st = cannot(inbox, "write", part->info, err);
	close(fd);
	return st;
}

/* rename(2) that fails with EEXIST, also where the file system knows links alone. */
static bool rename_free(int dir, const char *from, const char *to)
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

enum status inbox_keep(const struct inbox *inbox, struct inbox_part *part, bool clobber, char **name, struct err *err)
{
	struct buf to;
	bool done = false;
	enum status st = ST_OK;
	struct stat now;

	if (!is_under(inbox, part->fd, part->temp, &now))
		return err_set(err, ST_CANTCREATE, "somebody took '%s/%s' away", inbox->path, part->temp);
	buf_init(&to, BUF_NO_MAX);
	/* the note goes first: a part without one is no longer gone on with, a finished file must not be */
	inbox_unnote(inbox, part);
	for (unsigned attempt = 1; !done && attempt <= TRIES; attempt++) {
		buf_clear(&to);
		filename_numbered(&to, part->name, attempt);
		if (clobber)
			done = !renameat(inbox->fd, part->temp, inbox->fd, to.data);
		else
			done = rename_free(inbox->fd, part->temp, to.data);
		if (!done && (clobber || errno != EEXIST))
			break;
	}
	if (done) {
		*name = buf_take(&to);
		release(part);
	} else {
		st = cannot(inbox, "create", to.data, err);
	}
	buf_release(&to);
	return st;
}

void inbox_sync(const struct inbox *inbox)
{
	(void)fsync(inbox->fd); /* some file systems refuse; then there is nothing to be had */
}

void inbox_leave(struct inbox_part *part)
{
	release(part);
}

void inbox_drop(const struct inbox *inbox, struct inbox_part *part)
{
	struct stat st;

	if (part->temp) {
		inbox_unnote(inbox, part);
		if (is_under(inbox, part->fd, part->temp, &st))
			unlinkat(inbox->fd, part->temp, 0);
	}
	release(part);
}

bool inbox_has(const struct inbox *inbox, const char *name, int64_t size)
{
	struct stat st;

	return name[0] && !strchr(name, '/') && !fstatat(inbox->fd, name, &st, AT_SYMLINK_NOFOLLOW) && is_ours(&st) &&
		st.st_size == size;
}
