/*
 * worker_msg.h - what the listener and the process that makes its requests say to each other, as bytes. Pure.
 *
 * A message is the length of the rest (4 bytes), then its fields in a fixed order: numbers with 8 bytes, strings with
 * their length before them. Both sides are the same program on the same machine, so numbers are as the machine has
 * them. All the same, lengths and counts are checked against what is there, and a message that does not come out even
 * is refused: a process that was damaged must not take the other one along.
 */
#ifndef KANDY_LISTEN_WORKER_MSG_H
#define KANDY_LISTEN_WORKER_MSG_H

#include "listen/machine.h"

#define WORKER_MSG_MAX ((size_t)64 << 20) /* of one message */

/* A request with what it points to, and what the process cannot know by itself. */
struct worker_request {
	struct job_request request; /* points into this struct */
	struct history_session session;
	char *next;
	struct secret given; /* the token that was given out last */
	uint64_t attempt; /* which of the origin's addresses comes next */
};
void worker_request_release(struct worker_request *order); /* also for a zeroed struct */

/*
 * Appends a message to `out`, which should be a secret buf without a maximum. A result that is too large becomes one
 * that says so (ST_PROTOCOL).
 */
void worker_msg_put_request(struct buf *out, const struct job_request *request, const struct secret *given,
	uint64_t attempt);
void worker_msg_put_result(struct buf *out, const struct job_result *result);

/* The length of the message that `p` begins with, its first 4 bytes included; 0: so much is not there yet. */
size_t worker_msg_length(const char *p, size_t len);

/*
 * One whole message, of worker_msg_length() bytes. False where it makes no sense; what is filled is released in
 * either case. A result's `messages` point into its own `page`, so the struct must stay where it is.
 */
bool worker_msg_get_request(const char *p, size_t len, struct worker_request *order) MUST_USE;
bool worker_msg_get_result(const char *p, size_t len, struct job_result *result) MUST_USE;

#endif
