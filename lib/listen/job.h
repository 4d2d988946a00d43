/*
 * job.h - the listener's requests, each made from its beginning to its end.
 */
#ifndef KANDY_LISTEN_JOB_H
#define KANDY_LISTEN_JOB_H

#include "listen/machine.h"

struct job_context {
	struct client *client;
	const char *host; /* SETUP: look up its addresses, which may take its time */
	const struct secret *given; /* the token that the listener was given last; for one that was refused */
	uint64_t attempt; /* which of the addresses it gets */
};

/* `result` is released by the caller (job_result_release()). */
void job_perform(struct job_context *jobs, const struct job_request *request, struct job_result *result);

/*
 * Pure. What is left of a lifetime that ends then, however this machine's clock was set since it began; and when it is
 * time to renew what lives so long: when half of it is over, a little jittered, or, if it is and that could not be done
 * then, half of the rest.
 */
int64_t job_time_left(int64_t lifetime_ms, int64_t ends_ms, int64_t now_ms);
int64_t job_renewal_delay(int64_t lifetime_ms, int64_t left_ms);

#endif
