/*
 * listen_worker.h - the listener's requests, made on a thread of their own, one at a time, so that the socket is
 * served meanwhile.
 *
 * The thread owns the client from listen_worker_new() to listen_worker_free(); nobody else may use it in between.
 */
#ifndef KANDY_API_LISTEN_WORKER_H
#define KANDY_API_LISTEN_WORKER_H

#include "api/listener.h"

struct listen_worker;

struct listen_worker_config {
	struct client *client;
	bool resolve; /* look up the origin's addresses here, where it may take its time */
	void (*done)(void *arg); /* called on the thread when a result is there */
	void *arg;
};

enum status listen_worker_new(struct listen_worker **out, const struct listen_worker_config *config,
	struct err *err) MUST_USE;

/* Ends the thread. A request that is under way is given up (interrupt.h). */
void listen_worker_free(struct listen_worker *worker);

/* Begins a job; there must be none under way. What `request` points to is copied; `service` is a constant. */
void listen_worker_start(struct listen_worker *worker, const struct listener_request *request);

/* The result, if there is one: moved into `result`. */
bool listen_worker_take(struct listen_worker *worker, struct listener_result *result);

#endif
