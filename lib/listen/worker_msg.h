/*
 * worker_msg.h - the messages between the listener and its request process. Pure.
 *
 * A message is the length of the rest (4 bytes), then its fields in a fixed order: numbers as 8 bytes in the machine's
 * byte order, strings with their length in front. Lengths and counts are checked, and a message with bytes left over is
 * invalid: a damaged child must not damage the listener.
 */
#ifndef KANDY_LISTEN_WORKER_MSG_H
#define KANDY_LISTEN_WORKER_MSG_H

#include "listen/job.h"

#define WORKER_MSG_MAX ((size_t)64 << 20) /* of one message */

/* A request with the data that it points to. */
struct worker_request {
	struct job_request request; /* its pointers point into this struct */
	struct history_session session;
	char *next;
	struct secret token; /* that the listener uses */
	uint64_t attempt; /* which of the host's addresses to use */
};
void worker_msg_release_request(struct worker_request *msg); /* also for a zeroed struct */

/*
 * Append a message to `out`, which should be a secret buf without a maximum. A result that is too large becomes an
 * error (ST_PROTOCOL).
 */
void worker_msg_put_request(struct buf *out, const struct job_request *request, const struct secret *token,
	uint64_t attempt);
void worker_msg_put_result(struct buf *out, const struct job_result *result);

/* The length of the message at `p`, with its first 4 bytes; 0: fewer than 4 bytes are there. */
size_t worker_msg_length(const char *p, size_t len);

/*
 * Decode one whole message, of worker_msg_length() bytes. False, with nothing to release, if it is invalid. A result's
 * `messages` point into its own `page`, so the struct must not be moved.
 */
bool worker_msg_get_request(const char *p, size_t len, struct worker_request *msg) MUST_USE;
bool worker_msg_get_result(const char *p, size_t len, struct job_result *result) MUST_USE;

#endif
