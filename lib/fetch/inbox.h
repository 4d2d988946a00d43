/*
 * inbox.h - a directory that files of strangers are put into.
 *
 * Everything goes through a descriptor of the directory, by names of one segment (base/filename.h), with O_EXCL and
 * O_NOFOLLOW: nothing is written outside of it, no link in it is followed, and what is there is not overwritten (a
 * symbolic link, a FIFO or a directory that waits under the name counts as "taken").
 *
 * A file grows as NAME.part, locked by the process that fetches it. A note beside it, NAME.part.info, says what it
 * will be; it makes the part one that a later run may go on with. A part without a note, or whose note says something
 * else, or where one of the two belongs to another user, may be anybody's: it is left alone and the next name is taken.
 * When the file is whole and on the disk, the part gets its name.
 *
 * Different parts may be handled by different threads at the same time.
 */
#ifndef KANDY_FETCH_INBOX_H
#define KANDY_FETCH_INBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inbox {
	int fd;
	char *path; /* absolute */
};

struct inbox_part {
	int fd; /* open for reading and writing; -1: none */
	char *name; /* what it shall be called, if that is free at the end */
	char *temp, *info; /* what it is called now, and its note */
	bool noted;
	int64_t found; /* bytes that an earlier run left in it */
};

/* Opens `dir`, which is made (0700) if it is missing. ST_CANTCREATE. */
enum status inbox_open(struct inbox *inbox, const char *dir, struct err *err) MUST_USE;
void inbox_release(struct inbox *inbox); /* also for a zeroed struct */

/*
 * Begins a file `name` (clean). ST_CANTCREATE, or ST_IO where the disk is at fault. The part is released by one of
 * inbox_keep(), inbox_leave() and inbox_drop().
 */
enum status inbox_begin(const struct inbox *inbox, const char *name, struct inbox_part *part, struct err *err) MUST_USE;

/*
 * Looks for a part of `name` that an earlier run left, that nobody is at, and to whose note `same` says true. If
 * there is one it is taken over as if it had been begun; else false.
 */
bool inbox_resume(const struct inbox *inbox, const char *name,
	bool (*same)(void *arg, const char *note, size_t len, int64_t found), void *arg, struct inbox_part *part);

/* Takes the part's note away, if it has one. */
void inbox_unnote(const struct inbox *inbox, struct inbox_part *part);

/* Writes the part's note anew. */
enum status inbox_note(const struct inbox *inbox, struct inbox_part *part, const char *note, size_t len,
	struct err *err) MUST_USE;

/*
 * Gives the part, whose bytes were fsync'ed, its name: `*name` (free it) is the one that it got. With `clobber` it
 * takes the place of what is there under its own name, else the first free one of filename_numbered(). After a
 * failure the part is still there, unless somebody put something else in its place, which gets no name then. A crash of
 * the machine cannot take the name away again once inbox_sync() has been called.
 */
enum status inbox_keep(const struct inbox *inbox, struct inbox_part *part, bool clobber, char **name,
	struct err *err) MUST_USE;

void inbox_sync(const struct inbox *inbox);

void inbox_leave(struct inbox_part *part); /* closes it and leaves it there for a later run */
void inbox_drop(const struct inbox *inbox,
	struct inbox_part *part); /* and takes it away; also for a zeroed or released part */

/* True if a regular file of this size is there under `name`, and is ours. */
bool inbox_has(const struct inbox *inbox, const char *name, int64_t size);

#endif
