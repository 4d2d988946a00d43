/*
 * listen_worker.h - the listener's requests, made by a process of its own, one at a time: so that the socket is served
 * meanwhile, and so that libcurl, whose 7 MB would be the larger half of a listener, is not there while there is
 * nothing to ask, which is most of the time.
 *
 * The process is a fork of the listener, begun with a request where there is none, and ended when nothing was asked for
 * LISTEN_WORKER_IDLE_MS. It keeps nothing that the next one would miss: what it changes of the session is in the
 * session's file, and the rest comes and goes with the messages (listen_wire.h). Of the listener's descriptors it has
 * stdin, stderr, the trace and the one that connects the two. When that one ends, because the listener has let go of it
 * or is not there any more, so does the process, giving up the request that is under way.
 *
 * One that dies by itself is said, its request becomes a failure that may be tried again, as does one for which no
 * process could be had, and the next request gets a new process.
 *
 * There must be no thread in the listener when a request is begun.
 */
#ifndef KANDY_LISTEN_LISTEN_WORKER_H
#define KANDY_LISTEN_LISTEN_WORKER_H

#include "listen/listener.h"

#define LISTEN_WORKER_IDLE_MS 5000

struct listen_worker;

struct listen_worker_config {
	struct client *client; /* used by the other process alone, but for its settings */
	const char *host; /* its addresses are looked up there, where that may take its time; borrowed */
	/* listen_worker_ready() is to be called when `fd` is readable; and not any more, before it is closed */
	void (*watch)(void *arg, int fd);
	void (*unwatch)(void *arg, int fd);
	void *arg;
};

struct listen_worker *listen_worker_new(const struct listen_worker_config *config);

/* Ends the process at once; a request that is under way is given up. */
void listen_worker_free(struct listen_worker *worker);

/* Begins a job; there must be none under way. What `request` points to is needed no longer than this takes. */
void listen_worker_start(struct listen_worker *worker, const struct listener_request *request);

/* The result, if there is one; released by the caller. */
bool listen_worker_take(struct listen_worker *worker, struct listener_result *result);

void listen_worker_ready(struct listen_worker *worker, int64_t now);
int64_t listen_worker_deadline(const struct listen_worker *worker); /* when to call listen_worker_tick() */
void listen_worker_tick(struct listen_worker *worker, int64_t now);

#endif
