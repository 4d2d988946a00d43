/*
 * download_dir.h - the output directory, which receives files that strangers have named.
 *
 * All access goes through a descriptor of the directory, by file names without a slash (base/filename.h), with O_EXCL
 * and O_NOFOLLOW: nothing is written outside, no link is followed and no file is overwritten. A symbolic link, FIFO or
 * directory of the same name counts as an existing file.
 *
 * A download is written to a partial file, NAME.part, which is locked by its process. NAME.part.info holds the resume
 * info: what identifies the object, so that a later run can resume. A partial file is not touched if its resume info
 * is missing (unless the file is empty) or differs, or if either file belongs to another user; the next free name is
 * used instead. A complete file is synced to disk and then renamed to NAME.
 *
 * Threads may work on different partial files at the same time.
 */
#ifndef KANDY_FETCH_DOWNLOAD_DIR_H
#define KANDY_FETCH_DOWNLOAD_DIR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct download_dir {
	int fd;
	char *path; /* absolute */
};

struct partial_file {
	int fd; /* read and write; -1: none */
	char *name; /* final name, if still free then */
	char *temp, *info; /* names of the partial file and of its resume info */
	bool has_resume_info;
	int64_t found; /* bytes left by an earlier run */
};

enum resume_match { RESUME_NOT, /* the file belongs to another object */ RESUME_FROM_START, RESUME_CONTINUE };

/* Compares resume info with the wanted object; `found` is the size of the partial file. */
typedef enum resume_match resume_match_info(void *arg, const char *info, size_t len, int64_t found);

/* Opens the directory `path`; a missing one is created (0700). ST_CANTCREATE. */
enum status download_dir_open(struct download_dir *dir, const char *path, struct err *err) MUST_USE;
void download_dir_release(struct download_dir *dir); /* accepts a zeroed struct */

/*
 * Creates a partial file for `name` (sanitised). ST_CANTCREATE, or ST_IO for a full or broken disk. Release it with
 * download_dir_commit(), download_dir_suspend() or download_dir_abort().
 */
enum status download_dir_begin(const struct download_dir *dir, const char *name, struct partial_file *partial,
	struct err *err) MUST_USE;

/*
 * Opens and locks the partial file of an earlier run for `name`, and empties it if it must be written from the start.
 * False if there is none that can be used.
 */
bool download_dir_resume(const struct download_dir *dir, const char *name, resume_match_info *match, void *arg,
	struct partial_file *partial);

enum status download_dir_write_info(const struct download_dir *dir, struct partial_file *partial, const char *info,
	size_t len, struct err *err) MUST_USE; /* replaces the resume info */
void download_dir_remove_info(const struct download_dir *dir, struct partial_file *partial);

/*
 * Renames the partial file, which the caller has synced, and stores the final name in `*name` (free it). With
 * `clobber` it replaces an existing file; otherwise the first free name of filename_numbered() is used. On failure the
 * partial file stays, also if another file has been put in its place. download_dir_sync() makes the rename durable.
 */
enum status download_dir_commit(const struct download_dir *dir, struct partial_file *partial, bool clobber, char **name,
	struct err *err) MUST_USE;

void download_dir_sync(const struct download_dir *dir);

void download_dir_suspend(struct partial_file *partial); /* closes it and keeps it for a later run */

/* Deletes the partial file and its resume info; accepts a zeroed or released struct. */
void download_dir_abort(const struct download_dir *dir, struct partial_file *partial);

/* True if `name` is a regular file of this size that belongs to the caller. */
bool download_dir_has(const struct download_dir *dir, const char *name, int64_t size);

#endif
