/*
 * batch.h - one run of `send`: moves drafts from the input through the send queue to results. Messages that cannot be
 * delivered now go to the spool, lines that were not sent to the file of --failed, each if there is one. Once the
 * service cannot be reached and there is a spool, the rest of the input is spooled without a try.
 */
#ifndef KANDY_SEND_BATCH_H
#define KANDY_SEND_BATCH_H

#include "send/failed.h"
#include "send/input.h"
#include "send/spool_item.h"

struct batch {
	/* set by the caller; all borrowed */
	struct send_input *input;
	struct client *client;
	struct spool *spool; /* NULL: failures are only reported */
	struct failed_file *failed; /* or NULL */
	struct err offline; /* status not ST_OK: why there is no login, and everything is spooled */
	struct send_queue_config queue; /* jobs, on_unknown, settle_ms, unordered and fail_fast */
	/* Called once for each recipient. `spool_id`: the message was spooled (NULL: not). A failure ends the run. */
	enum status (*result)(void *arg, const struct draft *draft, const struct send_result *result,
		const char *spool_id, struct err *err);
	/* Called after each step with the number of pending results. A failure ends the run. */
	enum status (*stepped)(void *arg, size_t pending, struct err *err);
	void (*progress)(void *arg, const char *name, int64_t sent, int64_t total); /* of an upload; or NULL */
	void *arg;
	int wait_ms; /* the longest step */

	/* state and results of the run */
	struct send_queue *send_queue;
	struct shared_copy shared_copy;
	bool is_offline;
	bool stopped; /* no more input is read */
	struct err login_err; /* stopped because there is no login */
	struct err result_err; /* the first failure of result() */
	struct err failed_err; /* the first failure of the file of --failed */
};

/* Sends everything. Fails for what ended the run early; the failures of single messages are results. */
enum status batch_run(struct batch *batch, struct err *err) MUST_USE;

/* After a failure: writes the unread lines of the input to the file of --failed, if there is one. */
void batch_save_remaining_input(struct batch *batch);

/* The client must have been freed before: requests in flight refer to the queue. */
void batch_release(struct batch *batch);

#endif
