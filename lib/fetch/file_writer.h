/*
 * file_writer.h - writes a file and computes its SHA-256 in a thread of its own.
 *
 * The thread also waits for fsync, so a second processor takes all of that off the transfer. All calls come from one
 * other thread.
 */
#ifndef KANDY_FETCH_FILE_WRITER_H
#define KANDY_FETCH_FILE_WRITER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_writer;

/*
 * Writes to `fd` (borrowed). Its first `found` bytes are kept and only hashed. `wake_fd` is an eventfd that is
 * signalled when file_writer_finish() is done. `name` is for error messages. ST_TEMPFAIL if no thread can be started.
 */
enum status file_writer_new(struct file_writer **out, int fd, const char *name, int64_t found, int wake_fd,
	struct err *err) MUST_USE;
void file_writer_free(struct file_writer *writer); /* NULL is fine; waits until all data is written */

/* Copies the data to the queue; blocks while the queue is full. Reports earlier write errors: ST_IO. */
enum status file_writer_add(struct file_writer *writer, const void *p, size_t len, struct err *err) MUST_USE;

int64_t file_writer_size(const struct file_writer *writer); /* of the file, including queued bytes */
enum status file_writer_truncate(struct file_writer *writer, struct err *err) MUST_USE; /* to zero bytes */
enum status file_writer_drain(struct file_writer *writer, struct err *err) MUST_USE; /* waits until all is written */

/* Waits until all is written. True if the file then holds the beginning of the data, also after a full disk. */
bool file_writer_settle(struct file_writer *writer);

/* Starts the end: remaining data, fsync, digest. file_writer_result() gives 64 hex digits once _is_done() is true. */
void file_writer_finish(struct file_writer *writer);
bool file_writer_is_done(struct file_writer *writer);
enum status file_writer_result(struct file_writer *writer, char hex[static 65], struct err *err) MUST_USE;

#endif
