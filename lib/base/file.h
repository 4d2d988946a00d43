/*
 * file.h - reading and replacing whole files, permissions, locks, directories.
 */
#ifndef KANDY_BASE_FILE_H
#define KANDY_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;

/*
 * Appends the whole file to `out`; a file larger than its max is ST_DATA. A missing file is ST_NOINPUT, other failures
 * are ST_IO.
 */
enum status file_read(const char *path, struct buf *out, struct err *err) MUST_USE;
enum status file_read_fd(int fd, const char *name, struct buf *out, struct err *err) MUST_USE;
/* The same for input that may block (stdin); an interrupt ends it with its status. */
enum status file_read_stream(int fd, const char *name, struct buf *out, struct err *err) MUST_USE;

#define FILE_TEMP ".tmp" /* suffix of the new version while it is written */

/*
 * Replaces `path` so that readers see either the old or the new content, even after a crash: writes PATH.tmp (O_EXCL,
 * mode 0600), fsync, rename, fsync of the directory. Only one process at a time may do so: the caller holds a lock, or
 * no other process knows the path. ST_CANTCREATE or ST_IO.
 */
enum status file_write_atomic(const char *path, const void *p, size_t len, struct err *err) MUST_USE;

/* The same; `write_to` writes the content and returns false with errno set if it cannot. */
enum status file_write_atomic_by(const char *path, bool (*write_to)(int fd, void *arg), void *arg,
	struct err *err) MUST_USE;

/*
 * Like file_read(), for configuration: ST_CONFIG if others than the user and root own it or can write it.
 */
enum status file_read_trusted(const char *path, struct buf *out, struct err *err) MUST_USE;

/*
 * Opens an output file, mode 0600, created if it is missing; `flags` as for open(2). A FIFO without a reader is an
 * error instead of a wait. ST_CANTCREATE.
 */
enum status file_open_output(const char *path, int flags, int *fd, struct err *err) MUST_USE;

/* write(2) until everything is written. False with errno set. */
bool file_write_all(int fd, const void *p, size_t len);

/*
 * Creates `path` and its missing parents, each with mode 0700, and syncs them. Existing ones are not changed.
 */
enum status file_make_dir(const char *path, struct err *err) MUST_USE;

/*
 * ST_CONFIG if the path is not a directory, belongs to another user, or is accessible to others, who could put files
 * there. A missing one is ST_OK.
 */
enum status file_check_dir(const char *path, struct err *err) MUST_USE;

/*
 * Takes an exclusive lock on `path`, created with mode 0600 if it is missing. Closing the descriptor `*fd` releases it,
 * as does the end of the process. Waits at most `wait_ms` (-1: forever), then ST_TEMPFAIL.
 */
enum status file_lock(const char *path, int wait_ms, int *fd, struct err *err) MUST_USE;

/*
 * Opens a file with secrets for reading. ST_CONFIG if it is a symbolic link or another kind of file, is accessible to
 * others, or belongs to another user; ST_NOINPUT if it does not exist.
 */
enum status file_open_private(const char *path, int *fd, struct err *err) MUST_USE;

struct stat;

enum {
	FILE_OR_ROOT = 1, /* root may own it, too */
	FILE_READABLE = 2, /* others may read it */
};

/*
 * ST_CONFIG if the file belongs to another user, or others can access it. `label` precedes the quoted path in the
 * message: "" or "the trace file ".
 */
enum status file_check_owner(const struct stat *st, unsigned rules, const char *label, const char *path,
	struct err *err) MUST_USE;

int file_open_temp(const char *dir); /* a file without a name, read and write; -1 with errno set */

char *file_join(const char *dir, const char *name); /* the caller frees it */
const char *file_basename(const char *path); /* the part after the last '/' */

#endif
