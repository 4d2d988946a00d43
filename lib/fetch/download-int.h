/*
 * download-int.h - shared by download.c (the set), download_attempt.c (the requests for one file) and download_body.c
 * (its bytes). Calls go in this order only.
 */
#ifndef KANDY_FETCH_DOWNLOAD_INT_H
#define KANDY_FETCH_DOWNLOAD_INT_H

#include "fetch/download.h"
#include "fetch/file_writer.h"

enum download_state {
	DOWNLOAD_QUEUED,
	DOWNLOAD_REQUESTING, /* a request is in flight */
	DOWNLOAD_RESPONDED, /* it has ended; the result is handled outside of libcurl's callbacks */
	DOWNLOAD_RETRY_WAIT, /* until due_ms */
	DOWNLOAD_WRITING, /* all bytes received; waiting for the disk */
	DOWNLOAD_DONE,
};

struct download {
	struct download_set *set;
	struct download *next; /* in the queue */
	enum download_state state;

	char *link, *name;
	int64_t size; /* given in the message; -1: unknown */
	download_done *done;
	void *arg;
	struct attachment_result result;

	/* the chain of requests */
	char *start; /* the link, resolved */
	char *url; /* of the current hop */
	bool start_same_origin;
	bool same_origin; /* the current hop and all before it are on the configured origin */
	unsigned hops;
	struct secret token; /* as sent; the session may get another one meanwhile */
	bool renewed;
	struct retry retry;
	int64_t due_ms;

	/* the current response */
	enum status status;
	struct err err;
	struct http_response response;
	char *range_header, *condition_header;
	int64_t resume_offset; /* first byte of the requested range; 0: the whole file */
	bool in_body;
	bool restart; /* aborted by us, to request the whole file */
	int64_t window_ms, window_bytes; /* start of the current speed measurement, and bytes since then */

	/* the file */
	struct partial_file partial;
	struct file_writer *writer;
	char *validator; /* for If-Range; NULL: cannot be resumed */
	int64_t object_size; /* of the object in the partial file, by its first response; -1: unknown */
	bool no_ranges; /* ranges did not work with this server */
	int64_t total; /* final size, by the server; -1: unknown */
	int64_t reserved; /* bytes counted against max_total */
};

struct download_set {
	const struct fetch_config *config;
	const struct download_dir *dir;
	const struct link_rules *rules;
	struct download *queue, **queue_end;
	struct download **running;
	size_t running_count;
	size_t active;
	int64_t used; /* bytes counted against max_total */
	int64_t received;
	int wake_fd; /* eventfd of the file writers */
	int poll_fd; /* epoll: wake_fd, and the caller's extra_fd */
	int extra_fd;
	bool extra_always; /* extra_fd is a regular file, which is always readable and cannot be polled */
};

/* download_body.c */
void download_body_encode_info(struct buf *info, const struct download *d);
/* Compares the resume info with download `d`, whose validator is then that of the info. */
enum resume_match download_body_match_info(void *d, const char *info, size_t len, int64_t found);
/* True if a partial file of an earlier run was opened; `err` may be set if false. */
bool download_body_resume(struct download *d, struct err *err);
/* Checks a size against the message and the limits. */
enum status download_body_check_total(struct download *d, int64_t total, struct err *err) MUST_USE;
/* At the first byte of the body, or at the end of an empty one. */
enum status download_body_begin(struct download *d, const struct http_response *response, struct err *err) MUST_USE;
bool download_body_on_bytes(void *arg, const struct http_response *response, const char *p, size_t len,
	struct err *err);
/* Nothing in the response shows that the object differs from the one in the partial file. */
bool download_body_same_object(const struct download *d, const struct http_response *response);
bool download_body_same_length(const struct download *d, int64_t total);
enum status download_body_restart(struct download *d, struct err *err) MUST_USE; /* truncates the file */
bool download_body_suspend(struct download *d); /* keeps the partial file; false: it cannot be resumed */
void download_body_abort(struct download *d); /* deletes the partial file */

/* download_attempt.c */
void download_attempt_begin(struct download *d); /* the first attempt */
void download_attempt_start(struct download *d); /* an attempt, which begins at the link */
void download_attempt_on_response(struct download *d); /* the request has ended */
void download_attempt_on_written(struct download *d); /* the file is on disk: rename it */
void download_attempt_fail(struct download *d, const struct err *err); /* permanently */
void download_attempt_free(struct download *d);

#endif
