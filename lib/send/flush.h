/*
 * flush.h - one run of `flush`: delivers the messages of the spool, oldest first.
 *
 * A message is moved to cur/ right before it is posted, with the x-ids that it carries. From then on it may have been
 * sent; if this process dies, the next one checks the history before it posts the message again.
 */
#ifndef KANDY_SEND_FLUSH_H
#define KANDY_SEND_FLUSH_H

#include "send/queue.h"
#include "store/spool.h"

struct flush {
	/* set by the caller; all borrowed */
	struct spool *spool;
	int64_t max_age_ms; /* older messages that cannot be delivered are moved to the failed queue */
	struct send_queue_config queue; /* jobs and settle_ms */
	/* Opens the session and logs in; called only if the spool is not empty. The client is borrowed. */
	enum status (*login)(void *arg, struct client **client, struct err *err);
	/* Called for each message that was sent, or was moved to the failed queue. A failure ends the run. */
	enum status (*result)(void *arg, const struct draft *draft, const struct send_result *result, struct err *err);
	enum status (*stepped)(void *arg, struct err *err); /* called after each step; a failure ends the run */
	void *arg;

	/* results */
	int64_t sent, queued, failed;
	struct err queued_err, failed_err; /* the last reason to keep a message, and to move one to the failed queue */
	struct err sender_err; /* the first message that another account has to send */

	/* flush.c's */
	struct send_queue *send_queue;
	struct flush_waiting *waiting; /* oldest first */
	size_t count, next;
	struct send_result report; /* for result() */
	bool has_report;
	struct err offline; /* why nothing more is tried */
	struct err run_err; /* of the disk or the caller: ends the run */
	bool ended; /* early: the remaining messages say nothing about the service */
};

/*
 * Delivers what it can, under the lock of the spool: ST_TEMPFAIL if another process has it. Does nothing if the spool
 * was never used. Fails for what ended the run early; undelivered messages are in the results.
 */
enum status flush_run(struct flush *flush, struct err *err) MUST_USE;

/* The client must have been freed before: requests in flight refer to the queue. */
void flush_release(struct flush *flush);

#endif
