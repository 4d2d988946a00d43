/*
 * file.h - files read and replaced whole, locks, directories.
 */
#ifndef KANDY_BASE_FILE_H
#define KANDY_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;

/*
 * Appends the whole file to `out`, whose max is the limit (ST_DATA beyond it). A missing file is
 * ST_NOINPUT, anything else that goes wrong ST_IO.
 */
enum status file_read(const char *path, struct buf *out, struct err *err) MUST_USE;
enum status file_read_fd(int fd, const char *name, struct buf *out, struct err *err) MUST_USE;
/* The same from what may keep one waiting; an interrupt's status ends it. */
enum status file_read_stream(int fd, const char *name, struct buf *out, struct err *err) MUST_USE;

#define FILE_TEMP ".tmp" /* behind the name of a file while it is written anew */

/*
 * Replaces `path` so that a reader sees the old content or the new, also after a crash: a temporary file
 * beside it (PATH.tmp, O_EXCL, mode 0600), fsync, rename, fsync of the directory. One process at a time: the caller
 * holds a lock, or is the only one who knows the path. ST_CANTCREATE or ST_IO.
 */
enum status file_write_atomic(const char *path, const void *p, size_t len, struct err *err) MUST_USE;

/* The same with what `write_to` writes, which returns false, with errno set, where it cannot. */
enum status file_write_atomic_by(const char *path, bool (*write_to)(int fd, void *arg), void *arg,
	struct err *err) MUST_USE;

/*
 * The same for a file that says what to do: ST_CONFIG if it belongs to neither us nor root, or if others may write it.
 */
enum status file_read_trusted(const char *path, struct buf *out, struct err *err) MUST_USE;

/* write(2) until all is out. False with errno set. */
bool file_write_all(int fd, const void *p, size_t len);

/*
 * Makes `path` and its missing parents, each 0700, for good (fsync). One that is there already is left as it is.
 */
enum status file_make_dir(const char *path, struct err *err) MUST_USE;

/*
 * ST_CONFIG if the directory is none, belongs to another user, or lets others in; a missing one is fine. What is in it
 * was put there by us then.
 */
enum status file_check_dir(const char *path, struct err *err) MUST_USE;

/*
 * Takes an exclusive lock on `path` (made if it is missing, 0600) and returns its descriptor in `*fd`: close it to
 * let go; the kernel does so for a process that dies. Waits at most `wait_ms` (-1: for ever), then ST_TEMPFAIL.
 */
enum status file_lock(const char *path, int wait_ms, int *fd, struct err *err) MUST_USE;

/*
 * Opens a file that holds secrets for reading: O_NOFOLLOW, and ST_CONFIG if it is not a regular file, if
 * others may read or write it, or if it belongs to another user. ST_NOINPUT where there is none.
 */
enum status file_open_private(const char *path, int *fd, struct err *err) MUST_USE;

char *file_join(const char *dir, const char *name); /* free it */
const char *file_basename(const char *path); /* what is behind the last '/' */

#endif
