/*
 * download-int.h - what download.c (the set), download_attempt.c (one request after the other for one file) and
 * download_body.c (its bytes) share.
 */
#ifndef KANDY_FETCH_DOWNLOAD_INT_H
#define KANDY_FETCH_DOWNLOAD_INT_H

#include "fetch/download.h"
#include "fetch/saver.h"

enum download_state {
	DOWNLOAD_QUEUED,
	DOWNLOAD_ASKING, /* a request is under way */
	DOWNLOAD_ANSWERED, /* it has ended; what came of it is looked at outside of libcurl's callbacks */
	DOWNLOAD_WAITING, /* for its next try, until due_ms */
	DOWNLOAD_SAVING, /* all bytes are there; waiting for the disk */
	DOWNLOAD_DONE,
};

struct download {
	struct downloads *set;
	struct download *next; /* in the queue */
	enum download_state state;

	char *link, *name;
	int64_t size; /* by the message; -1: unknown */
	download_done *done;
	void *arg;
	struct attachment_result result;

	/* the chain of requests */
	char *start; /* the link, resolved */
	char *url; /* of the present hop */
	bool own; /* this hop and all before it are of the configured origin */
	bool start_own;
	unsigned hops;
	struct secret token; /* as sent: the session may get another meanwhile */
	bool renewed;
	struct retry retry;
	int64_t due_ms;

	/* the answer to the present request */
	enum status status;
	struct err err;
	struct http_response response;
	char *range_header, *condition_header;
	int64_t asked_from; /* first byte of the range that was asked for; 0: the whole file */
	bool in_body;
	bool again; /* stopped by us, to ask anew for the whole file */
	int64_t window_ms, window_bytes; /* where the measurement of speed began */

	/* the file */
	struct inbox_part part;
	struct saver *saver;
	char *validator; /* for If-Range; NULL: none, so what breaks off begins anew */
	int64_t whole; /* bytes of the object that there is a part of, by the answer that it began with; -1: unknown */
	bool whole_only; /* ranges did not work out with this server */
	int64_t total; /* bytes that the file will have, by the server; -1: unknown */
	int64_t reserved; /* of the set's total */
};

struct downloads {
	struct download_config config;
	struct download *queue, **queue_end;
	struct download **running;
	size_t running_count;
	size_t active;
	int64_t used; /* bytes of max_total */
	int64_t received;
	int wake_fd; /* eventfd of the savers */
	int poll_fd; /* epoll: wake_fd, and the caller's extra_fd */
	int extra_fd;
	bool extra_always; /* it is a file, which cannot be waited for: always readable */
};

/* download_body.c */
/*
 * The note of a part: what is needed to know the same object again in another run. body_is_noted() says whether a note
 * beside `found` bytes is about the object that the download `d` is for, and takes the validator from it then.
 */
void body_note(struct buf *note, const struct download *d);
bool body_is_noted(void *d, const char *note, size_t len, int64_t found);
bool body_resume(struct download *d,
	struct err *err); /* true if a part of an earlier run was taken over; may fail with `err` set */
enum status body_check_total(struct download *d, int64_t total,
	struct err *err) MUST_USE; /* against the message and the limits */
enum status body_begin(struct download *d, const struct http_response *response,
	struct err *err) MUST_USE; /* with the first byte, or none */
bool body_on_bytes(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err);
/* Nothing in the answer says that the object is another one than what is there is a part of. */
bool body_may_be(const struct download *d, const struct http_response *response);
bool body_has_length(const struct download *d, int64_t total); /* nor that it has another length */
enum status body_restart(struct download *d, struct err *err) MUST_USE; /* as an empty file */
bool body_leave(struct download *d); /* for a later run; false: it is none that can be gone on with */
void body_drop(struct download *d); /* and everything of it on the disk */

/* download_attempt.c */
void attempt_begin(struct download *d); /* the first request */
void attempt_start(struct download *d); /* one more after a pause, from the link on */
void attempt_answered(struct download *d); /* the request has ended: what next? */
void attempt_saved(struct download *d); /* the disk has it: its name */
void attempt_fail(struct download *d, const struct err *err); /* for good; with no more requests */
void attempt_release(struct download *d);

#endif
