/*
 * listen_jobs.h - the listener's requests, each made from its beginning to its end.
 */
#ifndef KANDY_API_LISTEN_JOBS_H
#define KANDY_API_LISTEN_JOBS_H

#include "api/listener.h"

struct listen_jobs {
	struct client *client;
	const char *host; /* PREPARE: look up its addresses, which may take its time */
	const struct secret *given; /* the token that the listener was given last; for one that was refused */
	uint64_t attempt; /* which of the addresses it gets */
};

/* `result` is released by the caller (listener_result_release()). */
void listen_jobs_perform(struct listen_jobs *jobs, const struct listener_request *request,
	struct listener_result *result);

#endif
