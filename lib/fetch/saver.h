/*
 * saver.h - bytes on their way to a file, with their SHA-256.
 *
 * A thread of the saver's own writes and digests what the transfer brings, block by block, and waits for the disk at
 * the end (fsync): on a second processor that costs nothing. All calls come from one other thread.
 */
#ifndef KANDY_FETCH_SAVER_H
#define KANDY_FETCH_SAVER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct saver;

/*
 * Writes to `fd` (borrowed), whose first `found` bytes are there already and only digested. `wake_fd` is an eventfd
 * that gets a one when saver_finish() is done. `name` is for errors. ST_TEMPFAIL where no thread can be had.
 */
enum status saver_new(struct saver **out, int fd, const char *name, int64_t found, int wake_fd,
	struct err *err) MUST_USE;
void saver_free(struct saver *saver); /* NULL is fine; waits until what was added is written */

/* Takes the bytes over. Waits while too many are on their way. Fails with what went wrong before: ST_IO. */
enum status saver_add(struct saver *saver, const void *p, size_t len, struct err *err) MUST_USE;

int64_t saver_size(const struct saver *saver); /* of the file, with what is on its way */
enum status saver_restart(struct saver *saver, struct err *err) MUST_USE; /* the file is empty then */
enum status saver_sync(struct saver *saver, struct err *err) MUST_USE; /* until all that was added is written */

/*
 * Asks for the end: rest, fsync, digest. saver_done() is true afterwards, and saver_result() gives the 64 hex digits.
 */
void saver_finish(struct saver *saver);
bool saver_done(struct saver *saver);
enum status saver_result(struct saver *saver, char hex[static 65], struct err *err) MUST_USE;

#endif
