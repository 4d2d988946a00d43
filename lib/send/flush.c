#include "send/flush.h"

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "send/spool_item.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flush_waiting {
	char *id;
	enum spool_state state;
};

static void fail(struct flush *flush, enum status st, const struct err *err)
{
	if (!st || flush->run_err.status)
		return;
	flush->run_err = *err;
	if (flush->send_queue)
		send_queue_stop(flush->send_queue);
}

static bool is_too_old(const struct flush *flush, const struct spool_message *message)
{
	return clock_wall_ms() - message->created_ms > flush->max_age_ms;
}

static void prefix_age(struct err *err, const struct spool_message *message)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" }, { 1, "ms" } };
	int64_t age = clock_wall_ms() - message->created_ms;
	size_t unit = 0;

	while (age < units[unit].ms && units[unit].ms > 1)
		unit++;
	err_prefix(err, "not delivered for %lld %s", (long long)(age / units[unit].ms), units[unit].name);
}

static void message_free(struct spool_message *message)
{
	spool_message_release(message);
	free(message);
}

/* ---- where a message goes -------------------------------------------------------------------------------------- */

/* Moves it to the failed queue. `reported`: why it was not sent; `too_old` puts its age in front of that. */
static enum status move_to_failed(struct flush *flush, struct spool_message *message,
	const struct send_result *reported, bool too_old, struct err *err)
{
	struct send_result result = *reported;

	if (message->attempted_ms) /* by an earlier run, and nothing could be checked since */
		result.outcome = OUTCOME_UNKNOWN;
	if (too_old)
		prefix_age(&result.err, message);
	flush->failed++;
	flush->failed_err = result.err;
	free(message->error);
	message->error = xstrdup(result.err.text);
	log_warn("'%s' moved to the failed queue: %s", message->to, result.err.text);
	flush->report = result;
	flush->has_report = true;
	return spool_move(flush->spool, message, SPOOL_FAILED, err);
}

/* It was certainly not sent. */
static enum status move_to_new(struct flush *flush, struct spool_message *message, struct err *err)
{
	message->attempted_ms = 0;
	return spool_move(flush->spool, message, SPOOL_NEW, err);
}

/* It was tried, and not sent. */
static enum status keep_tried(struct flush *flush, struct spool_message *message, const struct send_result *result,
	struct err *err)
{
	bool unknown = result->outcome == OUTCOME_UNKNOWN;

	message->attempts += result->attempts;
	free(message->error);
	message->error = xstrdup(result->err.text);
	if (!unknown)
		message->attempted_ms = 0;
	if (!spool_item_is_retryable(result))
		return move_to_failed(flush, message, result, false, err);
	if (is_too_old(flush, message))
		return move_to_failed(flush, message, result, true, err);
	flush->queued++;
	flush->queued_err = result->err;
	log_verbose("'%s' stays queued: %s", message->to, result->err.text);
	return spool_move(flush->spool, message, unknown ? SPOOL_CUR : SPOOL_NEW, err);
}

/* It was not tried. Its age counts if that is because another message could not be sent: it could not be either. */
static enum status keep_untried(struct flush *flush, struct spool_message *message, const struct send_result *reported,
	struct err *err)
{
	struct send_result result = *reported;

	if (flush->ended || flush->run_err.status || interrupt_status() || !is_too_old(flush, message)) {
		flush->queued++;
		return ST_OK;
	}
	if (flush->offline.status)
		result.err = flush->offline;
	return move_to_failed(flush, message, &result, true, err);
}

/* If this fails, the message stays where it was. */
static enum status settle(struct flush *flush, struct spool_message *message, const struct send_result *result,
	struct err *err)
{
	switch (result->outcome) {
	case OUTCOME_SENT:
		flush->sent++;
		flush->report = *result;
		flush->has_report = true;
		return spool_remove(flush->spool, message, err);
	case OUTCOME_BLOCKED: return keep_untried(flush, message, result, err);
	case OUTCOME_UNKNOWN: return keep_tried(flush, message, result, err);
	case OUTCOME_FAILED: break;
	}
	if (result->cause == CAUSE_LOGIN && is_too_old(flush, message)) {
		message->attempted_ms = 0;
		return move_to_failed(flush, message, result, true, err);
	}
	if (result->cause == CAUSE_INTERRUPTED || result->cause == CAUSE_LOGIN) {
		flush->queued++;
		flush->queued_err = result->err;
		return move_to_new(flush, message, err);
	}
	/* says nothing about the message: no space, no descriptors, an unreadable certificate */
	if (result->cause == CAUSE_ENVIRONMENT && !result->err.http) {
		enum status st = move_to_new(flush, message, err);

		flush->queued++;
		if (st)
			return st;
		*err = result->err;
		return err->status;
	}
	return keep_tried(flush, message, result, err);
}

/* After the message is where it belongs. */
static void report(struct flush *flush, const struct draft *draft)
{
	struct err err = ERR_INIT;

	if (flush->has_report)
		fail(flush, flush->result(flush->arg, draft, &flush->report, &err), &err);
	flush->has_report = false;
}

/* Removed by 'kandy spool remove' in the meantime. */
static bool is_gone(const struct flush *flush, const struct spool_message *message, const struct send_result *result)
{
	return result->outcome == OUTCOME_FAILED && result->err.status == ST_NOINPUT && !result->attempts &&
		!result->err.http && spool_save(flush->spool, message, NULL) == ST_NOINPUT;
}

static void on_result(void *arg, struct draft *draft, const struct send_result *result)
{
	struct flush *flush = arg;
	struct spool_message *message = draft->user;
	struct err err = ERR_INIT;

	if (!is_gone(flush, message, result))
		fail(flush, settle(flush, message, result, &err), &err);
	report(flush, draft);
	if (spool_item_means_offline(result)) {
		if (!flush->offline.status)
			flush->offline = result->err;
		send_queue_stop(flush->send_queue);
	}
	message_free(message);
	draft->user = NULL;
}

static enum status before_post(void *arg, struct draft *draft, const struct message *posted, int64_t now_ms,
	struct err *err)
{
	struct flush *flush = arg;
	struct spool_message *message = draft->user;

	spool_item_note_files(message, posted);
	message->attempted_ms = now_ms;
	message->post_number = draft->post_number;
	return spool_move(flush->spool, message, SPOOL_CUR, err);
}

/* ---- the messages of the spool --------------------------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	return strcmp(((const struct flush_waiting *)a)->id, ((const struct flush_waiting *)b)->id);
}

static enum status list(struct flush *flush, struct err *err)
{
	static const enum spool_state states[] = { SPOOL_CUR, SPOOL_NEW };
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < 2; i++) {
		char **ids;
		size_t count;

		st = spool_list(flush->spool, states[i], &ids, &count, err);
		flush->waiting = xreallocarray(flush->waiting, flush->count + count + 1, sizeof(*flush->waiting));
		for (size_t k = 0; k < count; k++)
			flush->waiting[flush->count++] = (struct flush_waiting){ .id = ids[k], .state = states[i] };
		free(ids);
	}
	if (flush->count)
		qsort(flush->waiting, flush->count, sizeof(*flush->waiting), by_age);
	return st;
}

static void quarantine(struct flush *flush, struct spool_message *message, const struct err *err)
{
	struct err why = ERR_INIT;

	log_warn("%s; moved to the failed queue", err->text);
	flush->failed++;
	flush->failed_err = *err;
	if (spool_quarantine(flush->spool, message, &why))
		log_err(&why);
}

/* The next readable one, or NULL at the end. */
static struct spool_message *next_message(struct flush *flush)
{
	while (flush->next < flush->count && !flush->run_err.status) {
		const struct flush_waiting *waiting = &flush->waiting[flush->next++];
		struct spool_message *message = xcalloc(1, sizeof(*message));
		struct err err = ERR_INIT;
		enum status st = spool_load(flush->spool, waiting->state, waiting->id, message, &err);

		if (!st)
			return message;
		if (st == ST_DATA)
			quarantine(flush, message, &err);
		else if (st != ST_NOINPUT) /* removed in the meantime */
			fail(flush, st, &err);
		message_free(message);
	}
	return NULL;
}

/* It cannot be tried because of `why`: it stays where it is, unless it is too old. */
static void skip(struct flush *flush, struct spool_message *message, const struct err *why)
{
	struct draft *draft = spool_item_draft(message);
	struct send_result result = {
		.outcome = OUTCOME_BLOCKED, .to = draft->to_count ? &draft->to[0] : NULL, .err = *why
	};
	struct err err = ERR_INIT;

	if (is_too_old(flush, message))
		fail(flush, move_to_failed(flush, message, &result, true, &err), &err);
	else
		flush->queued++;
	report(flush, draft);
	draft->user = NULL;
	draft_free(draft);
	message_free(message);
}

/* It belongs to another account, and says so. */
static void skip_other_sender(struct flush *flush, struct spool_message *message, const struct err *why)
{
	struct err err = ERR_INIT;
	enum status st = ST_OK;

	if (!flush->sender_err.status)
		flush->sender_err = *why;
	log_verbose("'%s' stays queued: %s", message->to, why->text);
	if (!message->error || strcmp(message->error, why->text) != 0) {
		free(message->error);
		message->error = xstrdup(why->text);
		st = spool_save(flush->spool, message, &err);
	}
	if (st != ST_NOINPUT) /* removed in the meantime */
		fail(flush, st, &err);
	skip(flush, message, why);
}

static void add_drafts(struct flush *flush, struct client *client)
{
	struct spool_message *message;
	struct err err = ERR_INIT;

	while (send_queue_has_room(flush->send_queue) && (message = next_message(flush))) {
		if (spool_item_check_sender(message, client, &err))
			skip_other_sender(flush, message, &err);
		else
			send_queue_add(flush->send_queue, spool_item_draft(message));
	}
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

/* There is no login or no connection: messages grow old all the same. */
static enum status skip_all(struct flush *flush, const struct err *why, struct err *err)
{
	struct spool_message *message;

	while ((message = next_message(flush)))
		skip(flush, message, why);
	flush->queued_err = *why;
	if (flush->run_err.status)
		*err = flush->run_err;
	return flush->run_err.status;
}

static bool means_offline(enum status st)
{
	return st == ST_UNAVAILABLE || st == ST_TEMPFAIL || st == ST_PROTOCOL || st == ST_AUTH;
}

static void open_queue(struct flush *flush, struct client *client)
{
	struct send_queue_config config = flush->queue;
	char *sent_ids = send_queue_use_client(&config, client);

	config.block = true;
	config.result = on_result;
	config.before_post = before_post;
	config.arg = flush;
	flush->send_queue = send_queue_new(&config);
	free(sent_ids);
}

static enum status deliver(struct flush *flush, struct err *err)
{
	enum status st = list(flush, err);
	struct err why = ERR_INIT;
	struct client *client;

	if (st || !flush->count)
		return st;
	if ((st = flush->login(flush->arg, &client, &why)) && means_offline(st) && !interrupt_status())
		return skip_all(flush, &why, err);
	if (st) {
		*err = why;
		return err_prefix(err, "%zu message%s still queued", flush->count, flush->count == 1 ? " is" : "s are");
	}
	open_queue(flush, client);
	while (!st && (flush->next < flush->count || !send_queue_is_empty(flush->send_queue)) &&
		!(flush->run_err.status && send_queue_is_empty(flush->send_queue))) {
		add_drafts(flush, client);
		st = send_queue_step(flush->send_queue, 1000, -1, err);
		if (!st)
			st = flush->stepped(flush->arg, err);
	}
	if (st) {
		flush->ended = true;
		send_queue_abort(flush->send_queue, err);
	} else if (flush->run_err.status) {
		*err = flush->run_err;
	}
	return st ? st : flush->run_err.status;
}

enum status flush_run(struct flush *flush, struct err *err)
{
	enum status st;
	int lock;

	if (access(spool_dir(flush->spool), F_OK))
		return ST_OK;
	if ((st = spool_lock(flush->spool, &lock, err)))
		return st;
	spool_clean(flush->spool);
	st = deliver(flush, err);
	close(lock);
	return st;
}

void flush_release(struct flush *flush)
{
	send_queue_free(flush->send_queue);
	for (size_t i = 0; i < flush->count; i++)
		free(flush->waiting[i].id);
	free(flush->waiting);
}
