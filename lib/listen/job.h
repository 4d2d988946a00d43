/*
 * job.h - the requests that a listener makes, one at a time, each with everything that belongs to it (a job).
 *
 * machine.c and ingest.c decide which job is next; worker.c carries it to a child process, which calls job_perform().
 */
#ifndef KANDY_LISTEN_JOB_H
#define KANDY_LISTEN_JOB_H

#include "client/client.h"
#include "base/secret.h"

enum job_kind {
	JOB_NONE = 0,
	JOB_SETUP, /* get a valid token, the channel with its subscriptions, and the socket's path */
	JOB_RENEW_TOKEN,
	JOB_REFRESH_CHANNEL, /* extend the channel's lifetime and re-create missing subscriptions */
	JOB_CONVERSATIONS, /* list the conversations */
	JOB_PAGE, /* read one history page of one conversation */
};

struct job_request {
	enum job_kind job;
	bool token_only; /* SETUP: no channel is needed */
	bool token_refused; /* SETUP: the server refused the last token */
	bool recreate; /* SETUP: replace the channel */
	bool existing; /* SETUP: not the first one, so services that are no longer subscribed stay so */
	unsigned cancelled; /* SETUP, REFRESH_CHANNEL: services (channel.h) whose subscriptions were cancelled */
	bool all; /* CONVERSATIONS: also of services that are not subscribed */
	const struct history_session *session; /* PAGE */
	const char *next; /* PAGE: token, or NULL */
};

struct job_result {
	enum job_kind job;
	enum status status;
	struct err err; /* http is 0 if the login failed, not the request itself */
	/* SETUP, RENEW_TOKEN, REFRESH_CHANNEL: the state afterwards */
	char *path; /* of the socket */
	char *address; /* numeric address to connect to, or NULL */
	char *self; /* the user's own address */
	struct secret token;
	bool server_role; /* the server sends the connChecks */
	int64_t renew_in_ms, token_ends_in_ms; /* when to renew the token, and when it expires; -1: unknown */
	int64_t extend_in_ms, channel_ends_in_ms; /* the same of the channel */
	unsigned made; /* services whose subscriptions were created */
	/* CONVERSATIONS */
	struct history_sessions sessions;
	bool partial; /* part of the list could be read, despite `status` */
	/* PAGE */
	struct client_response page;
	struct json_value messages; /* in `page` */
	char *more; /* token of the next page, or NULL */
};

struct job_result job_result_init(enum job_kind job); /* a success with nothing in it */
void job_result_release(struct job_result *result); /* also for a zeroed struct */

bool job_is_auth_lost(const struct err *err); /* neither the token nor a new login is accepted */
bool job_is_permanent(const struct err *err); /* a failure that no retry can fix */

struct job_context {
	struct client *client;
	const char *host; /* SETUP resolves it */
	const struct secret *token; /* the one that the listener uses; SETUP and RENEW_TOKEN replace it */
	uint64_t attempt; /* which of the host's addresses to use */
};

/* Blocks until the request is done. `result` is to be released by the caller. */
void job_perform(struct job_context *context, const struct job_request *request, struct job_result *result);

/*
 * Pure. How long until `ends_ms`, but never more than `lifetime_ms`, in case the clock was set; and when to renew:
 * after half of the lifetime, with jitter, or, if that has passed, after half of the time left.
 */
int64_t job_time_left(int64_t lifetime_ms, int64_t ends_ms, int64_t now_ms);
int64_t job_renewal_delay(int64_t lifetime_ms, int64_t left_ms);

#endif
