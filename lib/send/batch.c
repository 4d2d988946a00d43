#include "send/batch.h"

#include "base/interrupt.h"
#include "base/log.h"

#include <stdlib.h>

/* ---- results --------------------------------------------------------------------------------------------------- */

static void stop(struct batch *batch)
{
	if (batch->stopped)
		return;
	batch->stopped = true;
	send_queue_stop(batch->send_queue);
}

static void enter_offline(struct batch *batch, const struct err *why)
{
	if (batch->is_offline)
		return;
	batch->is_offline = true;
	batch->offline = *why;
	log_note("%s; undelivered messages are queued for 'kandy flush'", why->text);
	send_queue_stop(batch->send_queue);
}

/* The ID if the message is in the spool now. If it cannot be put there, the result says that too. */
static const char *try_spool(struct batch *batch, const struct draft *draft, struct send_result *result)
{
	struct err err = ERR_INIT, reason = result->err;
	const char *id = NULL;

	if (!batch->spool || batch->stopped || !spool_item_is_retryable(result))
		return NULL;
	if (result->outcome == OUTCOME_BLOCKED && batch->is_offline)
		result->err = batch->offline;
	if (!spool_item_add(batch->spool, &batch->shared_copy, batch->client, draft, result, &id, &err)) {
		if (spool_item_means_offline(result))
			enter_offline(batch, &reason);
		return id;
	}
	result->outcome = result->outcome == OUTCOME_UNKNOWN ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
	result->err = err;
	err_prefix(&result->err, "%s; cannot queue it", reason.text);
	return NULL;
}

static void keep_failed_err(struct batch *batch, enum status st, const struct err *err)
{
	if (st && !batch->failed_err.status)
		batch->failed_err = *err;
}

static void on_result(void *arg, struct draft *draft, const struct send_result *reported)
{
	struct batch *batch = arg;
	struct send_result result = *reported;
	struct err err = ERR_INIT;
	const char *spool_id = result.outcome == OUTCOME_SENT ? NULL : try_spool(batch, draft, &result);

	if (batch->result(batch->arg, draft, &result, spool_id, &err) && !batch->result_err.status) {
		batch->result_err = err;
		stop(batch);
	}
	if (spool_id)
		result.outcome = OUTCOME_SENT; /* for all that follows */
	keep_failed_err(batch, failed_add_result(batch->failed, draft, &result, &err), &err);
	if (batch->failed_err.status)
		stop(batch);
	/* without a login, every further message would be another futile login */
	if (result.outcome == OUTCOME_FAILED && result.cause == CAUSE_LOGIN) {
		if (!batch->stopped)
			batch->login_err = result.err;
		stop(batch);
	} else if (batch->queue.fail_fast && result.outcome != OUTCOME_SENT) {
		stop(batch);
	}
}

static void on_progress(void *arg, const char *name, int64_t sent, int64_t total)
{
	const struct batch *batch = arg;

	batch->progress(batch->arg, name, sent, total);
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

/* The transport of a run that is offline: it starts nothing, and waits for input only. */
static enum status start_nothing(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err)
{
	(void)client;
	(void)call;
	(void)done;
	(void)arg;
	return err_set(err, ST_TEMPFAIL, "offline");
}

static enum status wait_for_input(struct client *client, int wait_ms, int extra_fd, struct err *err)
{
	(void)client;
	return send_input_wait(extra_fd, wait_ms, err);
}

static void open_queue(struct batch *batch)
{
	struct send_queue_config config = batch->queue;
	struct err why = batch->offline;
	char *sent_ids = NULL;

	config.transport = (struct send_transport){ start_nothing, wait_for_input, NULL };
	config.user_id = "";
	config.block = batch->spool != NULL;
	config.result = on_result;
	config.progress = batch->progress ? on_progress : NULL;
	config.arg = batch;
	if (!why.status)
		sent_ids = send_queue_use_client(&config, batch->client);
	batch->send_queue = send_queue_new(&config);
	free(sent_ids);
	if (why.status)
		enter_offline(batch, &why);
}

static bool wants_input(const struct batch *batch)
{
	return !batch->input->ended && !batch->stopped;
}

static enum status add_drafts(struct batch *batch, struct err *err)
{
	struct draft *draft;
	enum status st;

	while (wants_input(batch) && send_queue_has_room(batch->send_queue)) {
		if ((st = send_input_next(batch->input, &draft, err)))
			return st;
		if (!draft)
			return ST_OK;
		send_queue_add(batch->send_queue, draft);
	}
	return ST_OK;
}

enum status batch_run(struct batch *batch, struct err *err)
{
	enum status st = ST_OK;

	open_queue(batch);
	while (!st && (wants_input(batch) || !send_queue_is_empty(batch->send_queue))) {
		bool more;

		if ((st = add_drafts(batch, err)))
			break;
		more = wants_input(batch) && send_queue_has_room(batch->send_queue);
		st = send_queue_step(batch->send_queue, batch->wait_ms, more ? batch->input->fd : -1, err);
		if (!st)
			st = batch->stepped(batch->arg, send_queue_pending(batch->send_queue), err);
	}
	if (st)
		send_queue_abort(batch->send_queue, err);
	return st;
}

void batch_save_remaining_input(struct batch *batch)
{
	const char *line;
	struct err err = ERR_INIT;
	size_t len;

	if (!batch->failed || batch->failed_err.status)
		return;
	if (send_input_remaining_blocks(batch->input))
		log_note("nothing more is sent; writing the rest of stdin to '%s'", failed_path(batch->failed));
	while (!batch->failed_err.status && send_input_remaining(batch->input, &line, &len))
		keep_failed_err(batch, failed_add_line(batch->failed, line, len, &err), &err);
	if (batch->input->incomplete)
		keep_failed_err(batch,
			err_set(&err, interrupt_status() ? interrupt_status() : ST_IO,
				"'%s' lacks the lines of stdin that were not read", failed_path(batch->failed)),
			&err);
}

void batch_release(struct batch *batch)
{
	send_queue_free(batch->send_queue);
	spool_item_release_copy(&batch->shared_copy);
}
