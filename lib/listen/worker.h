/*
 * worker.h - the listener's requests, made by a process of its own, one at a time: so that the socket is served
 * meanwhile, and so that libcurl, whose 7 MB would be the larger half of a listener, is not there while there is
 * nothing to ask, which is most of the time.
 *
 * The process is a fork of the listener, begun with a request where there is none, and ended when nothing was asked for
 * WORKER_IDLE_MS. It keeps nothing that the next one would miss: what it changes of the session is in the
 * session's file, and the rest comes and goes with the messages (worker_msg.h). Of the listener's descriptors it has
 * stdin, stderr, the trace and the one that connects the two. When that one ends, because the listener has let go of it
 * or is not there any more, so does the process, giving up the request that is under way.
 *
 * One that dies by itself is said, its request becomes a failure that may be tried again, as does one for which no
 * process could be had, and the next request gets a new process.
 *
 * There must be no thread in the listener when a request is begun.
 */
#ifndef KANDY_LISTEN_WORKER_H
#define KANDY_LISTEN_WORKER_H

#include "listen/machine.h"

#define WORKER_IDLE_MS 5000

struct worker;

struct worker_config {
	struct client *client; /* used by the other process alone, but for its settings */
	const char *host; /* its addresses are looked up there, where that may take its time; borrowed */
	/* worker_ready() is to be called when `fd` is readable; and not any more, before it is closed */
	void (*watch)(void *arg, int fd);
	void (*unwatch)(void *arg, int fd);
	void *arg;
};

struct worker *worker_new(const struct worker_config *config);

/* Ends the process at once; a request that is under way is given up. */
void worker_free(struct worker *worker);

/* Begins a job; there must be none under way. What `request` points to is needed no longer than this takes. */
void worker_start(struct worker *worker, const struct job_request *request);

/* The result, if there is one; released by the caller. */
bool worker_take(struct worker *worker, struct job_result *result);

void worker_ready(struct worker *worker, int64_t now);
int64_t worker_deadline(const struct worker *worker); /* when to call worker_tick() */
void worker_tick(struct worker *worker, int64_t now);

#endif
