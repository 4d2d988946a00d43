/*
 * worker.h - the child process that makes a listener's requests, one at a time, so that the socket is served meanwhile
 * and libcurl, which needs 7 MB, more than the rest of a listener, is not loaded while there is nothing to request.
 *
 * The child is a fork of the listener. It starts with the first request and ends after WORKER_IDLE_MS without one. Its
 * state does not outlive it: session changes are in the session's file, everything else is in the messages
 * (worker_msg.h). Of the listener's descriptors it keeps stdin, stderr, the trace and its end of the socket pair. When
 * the other end is closed, because the listener has finished or died, the child aborts its request and exits.
 *
 * If the child dies, a warning is printed, its request fails with a retryable error, and the next request starts a new
 * child. A child that cannot be started is a retryable error, too.
 *
 * The listener must not have other threads when a request is started.
 */
#ifndef KANDY_LISTEN_WORKER_H
#define KANDY_LISTEN_WORKER_H

#include "listen/job.h"

#define WORKER_IDLE_MS 5000

struct worker;

struct worker_config {
	struct client *client; /* of the child; the listener only reads its settings */
	const char *host; /* resolved by the child, because that can block; borrowed */
	/* call worker_ready() when `fd` is readable; unwatch() comes before it is closed */
	void (*watch)(void *arg, int fd);
	void (*unwatch)(void *arg, int fd);
	void *arg;
};

struct worker *worker_new(const struct worker_config *config);

/* Ends the child at once; its request is aborted. */
void worker_free(struct worker *worker);

/* Starts a job; no other may be in progress. `request` is copied. */
void worker_start(struct worker *worker, const struct job_request *request);

/* The result, if there is one; to be released by the caller. */
bool worker_take(struct worker *worker, struct job_result *result);

void worker_ready(struct worker *worker, int64_t now);
int64_t worker_deadline(const struct worker *worker); /* when to call worker_tick() */
void worker_tick(struct worker *worker, int64_t now);

#endif
