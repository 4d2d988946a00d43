/*
 * download.h - attachments fetched into an inbox, many at once.
 *
 * Each goes through: find a part that an earlier run left, ask (with Range and If-Range then), follow redirects hop
 * by hop under the rules of link.h, let a saver write and digest what comes, compare sizes, fsync, give it its name.
 * What broke off is asked for again where it stopped, if the server named a validator (a strong ETag, or
 * Last-Modified at least a second before Date) and says the same length again; a server that sends the whole file
 * instead is taken at its word. What cannot be had now but may be later (the server is down, the run was ended)
 * stays as a part with its note.
 *
 * Failures that pass are repeated by the client's retry policy; a token that is refused is renewed once.
 */
#ifndef KANDY_FETCH_DOWNLOAD_H
#define KANDY_FETCH_DOWNLOAD_H

#include "wire/attachment.h"
#include "client/client.h"
#include "fetch/inbox.h"
#include "wire/link.h"

#define DOWNLOAD_REDIRECTS_MAX 5 /* hops after the first request */
#define DOWNLOAD_ERROR_BODY_MAX ((size_t)256 * 1024) /* of an answer that is no file */
#define DOWNLOAD_NOTE_FROM ((int64_t)64 * 1024) /* smaller files are not worth going on with */

struct download_config {
	struct client *client; /* borrowed, and so is what follows */
	const struct inbox *inbox;
	const struct link_rules *rules;
	int64_t jobs; /* how many at once */
	bool clobber;
	int64_t max_filesize; /* bytes of one file; 0: no limit */
	int64_t max_total; /* bytes of all files of this set; 0: no limit */
	int64_t max_time_ms; /* for one attempt at one file; 0: no limit */
	/* bytes/s; a transfer that stays below it for speed_time_ms is given up; 0: no such limit */
	int64_t speed_limit;
	int64_t speed_time_ms;
};

struct downloads;

enum status downloads_new(struct downloads **out, const struct download_config *config, struct err *err) MUST_USE;
void downloads_free(struct downloads *set); /* after the client: transfers of it may still be under way */

/*
 * Asks for one file. `done` is called from downloads_step() or downloads_stop(), once; it may take `result` by
 * copying and zeroing it. `name` is clean; `size` is what the message says, or -1.
 */
typedef void download_done(void *arg, struct attachment_result *result);
void downloads_add(struct downloads *set, const char *link, const char *name, int64_t size, download_done *done,
	void *arg);

/*
 * Moves everything, waiting at most `wait_ms` for something to happen, or until `extra_fd` (-1: none) is readable.
 * Interrupt's status after a signal.
 */
enum status downloads_step(struct downloads *set, int wait_ms, int extra_fd, struct err *err) MUST_USE;
size_t downloads_active(const struct downloads *set); /* not done yet */
int64_t downloads_bytes(const struct downloads *set); /* received so far, for progress */

/* Ends what is under way or waiting, with `why` as its error. */
void downloads_stop(struct downloads *set, const struct err *why);

#endif
