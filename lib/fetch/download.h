/*
 * download.h - downloads files into the output directory, several at once.
 *
 * Each download looks for a partial file of an earlier run, sends a GET (with Range and If-Range if it resumes),
 * follows redirects under the rules of link.h, and passes the body to a file writer. Then the size is verified, the
 * file synced and renamed. An interrupted transfer is resumed if the server sent a validator (a strong ETag, or a
 * Last-Modified at least a second before Date) and reports the same length again; if the server sends the whole file
 * instead, the partial file is overwritten. After a transient failure, a response without a file, a full disk or a
 * signal, the partial file stays.
 *
 * Transient failures are retried by the client's retry policy; a refused token is renewed once.
 */
#ifndef KANDY_FETCH_DOWNLOAD_H
#define KANDY_FETCH_DOWNLOAD_H

#include "wire/attachment.h"
#include "client/client.h"
#include "fetch/download_dir.h"
#include "fetch/fetch.h"
#include "wire/link.h"

#define DOWNLOAD_REDIRECTS_MAX 5
#define DOWNLOAD_ERROR_BODY_MAX ((size_t)256 * 1024) /* body of an error response */
#define DOWNLOAD_RESUME_MIN ((int64_t)64 * 1024) /* smaller files are not resumed */

struct download_set;

/* All are borrowed. */
enum status download_set_new(struct download_set **out, const struct fetch_config *config,
	const struct download_dir *dir, const struct link_rules *rules, struct err *err) MUST_USE;
void download_set_free(struct download_set *set); /* after the client, which may still run transfers of the set */

/*
 * Adds one file. `done` is called once, from download_set_step() or download_set_stop(); it may take `result` by
 * copying and zeroing it. `name` is sanitised; `size` is the size given in the message, or -1.
 */
typedef void download_done(void *arg, struct attachment_result *result);
void download_set_add(struct download_set *set, const char *link, const char *name, int64_t size, download_done *done,
	void *arg);

/*
 * Advances all downloads; waits at most `wait_ms` for progress, or until `extra_fd` (-1: none) is readable. Returns
 * the status of an interrupt after a signal.
 */
enum status download_set_step(struct download_set *set, int wait_ms, int extra_fd, struct err *err) MUST_USE;
size_t download_set_active(const struct download_set *set); /* downloads not done yet */
int64_t download_set_bytes(const struct download_set *set); /* received so far, for progress */

/* Stops all downloads, with `why` as their error. */
void download_set_stop(struct download_set *set, const struct err *why);

#endif
