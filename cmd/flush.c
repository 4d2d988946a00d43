/*
 * flush.c - sends what waits in the spool.
 *
 * A message is moved to cur/ right before it is posted, with the x-ids that it carries: from there on it may have
 * been sent, and if this process dies, the next one asks history before it posts it again.
 */
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/send_report.h"
#include "cmd/session_opts.h"
#include "cmd/spooling.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flush_params {
	struct common_params common;
	struct session_params session;
	struct jobs_params jobs;
	struct look_params look;
	int64_t max_age;
};

#define AT(member) .at = offsetof(struct flush_params, member)

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = jobs_opts, AT(jobs) },
	{ .kind = OPT_DURATION,
		.name = "max-age",
		.metavar = "DURATION",
		AT(max_age),
		.fallback = "5d",
		.min = 1,
		.max = INT64_C(31536000000000),
		.env = "KANDY_MAX_AGE",
		.config = true,
		.help = "give up what could not be sent for DURATION" },
	{ .kind = OPT_GROUP, .group = look_opts, AT(look) },
	{ .kind = OPT_GROUP, .group = session_opts, AT(session) },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

struct run {
	const struct flush_params *params;
	struct spool *spool;
	struct session_handle session;
	struct send_queue *queue;
	struct buf line;
	struct waiting {
		char *id;
		enum spool_state state;
	} * waiting; /* lru_first first */
	size_t count, next;
	int64_t sent, left, given_up;
	struct err why, why_given_up; /* the last reason to wait, and to give up */
	struct err not_ours; /* the first that another user has to send */
	struct err away; /* why nothing more is tried */
	enum status failure; /* of the disk or of stdout: the run ends */
	struct err failure_err;
	bool ended; /* before its time: what is left says nothing about the service */
};

static void fail(struct run *run, enum status st, const struct err *err)
{
	if (!st || run->failure)
		return;
	run->failure = st;
	run->failure_err = *err;
	if (run->queue)
		send_queue_stop(run->queue);
}

static bool is_too_old(const struct run *run, const struct spool_message *message)
{
	return clock_wall_ms() - message->created_ms > run->params->max_age;
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
	err_prefix(err, "not sent for %lld %s", (long long)(age / units[unit].ms), units[unit].name);
}

/* `reported`: why it was not sent; one that is too old has its age in front of that. */
static enum status give_up(struct run *run, struct spool_message *message, const struct draft *draft,
	const struct send_result *reported, bool too_old, struct err *err)
{
	struct send_result result = *reported;

	if (message->attempted_ms) /* by an earlier run, after which nobody could look */
		result.outcome = OUTCOME_UNKNOWN;
	if (too_old)
		prefix_age(&result.err, message);
	run->given_up++;
	run->why_given_up = result.err;
	free(message->error);
	message->error = xstrdup(result.err.text);
	log_warn("'%s' is given up: %s", message->to, result.err.text);
	report_error(&run->line, "flush", draft, &result);
	return spool_move(run->spool, message, SPOOL_FAILED, err);
}

/* It was surely not sent: back to where it came from, if it was about to be posted. */
static enum status put_back(struct run *run, struct spool_message *message, struct err *err)
{
	message->attempted_ms = message->lost_ms = 0;
	return spool_move(run->spool, message, SPOOL_NEW, err);
}

/* Where a message goes that was tried, and not sent. */
static enum status keep(struct run *run, struct spool_message *message, const struct draft *draft,
	const struct send_result *result, struct err *err)
{
	bool unknown = result->outcome == OUTCOME_UNKNOWN;

	message->attempts += result->attempts;
	free(message->error);
	message->error = xstrdup(result->err.text);
	if (unknown)
		message->lost_ms = result->lost_ms;
	else
		message->attempted_ms = message->lost_ms = 0;
	if (!spool_item_is_retryable(result))
		return give_up(run, message, draft, result, false, err);
	if (is_too_old(run, message))
		return give_up(run, message, draft, result, true, err);
	run->left++;
	run->why = result->err;
	log_verbose("'%s' waits: %s", message->to, result->err.text);
	return spool_move(run->spool, message, unknown ? SPOOL_CUR : SPOOL_NEW, err);
}

/* It was not tried. If that is since another one could not be sent, neither could it, and its age counts. */
static enum status hold(struct run *run, struct spool_message *message, const struct draft *draft,
	const struct send_result *reported, struct err *err)
{
	struct send_result result = *reported;

	if (run->ended || run->failure || interrupt_status() || !is_too_old(run, message)) {
		run->left++;
		return ST_OK;
	}
	if (run->away.status)
		result.err = run->away;
	return give_up(run, message, draft, &result, true, err);
}

/* Where the message goes now. What fails here leaves it where it was. */
static enum status settle(struct run *run, struct spool_message *message, const struct draft *draft,
	const struct send_result *result, struct err *err)
{
	switch (result->outcome) {
	case OUTCOME_SENT:
		run->sent++;
		report_sent(&run->line, draft, result);
		return spool_remove(run->spool, message, err);
	case OUTCOME_BLOCKED: return hold(run, message, draft, result, err);
	case OUTCOME_UNKNOWN: return keep(run, message, draft, result, err);
	case OUTCOME_FAILED: break;
	}
	if (result->cause == CAUSE_LOGIN && is_too_old(run, message)) {
		message->attempted_ms = message->lost_ms = 0;
		return give_up(run, message, draft, result, true, err);
	}
	if (result->cause == CAUSE_INTERRUPTED || result->cause == CAUSE_LOGIN) {
		run->left++;
		run->why = result->err;
		return put_back(run, message, err);
	}
	/* says nothing about the message: no space, no descriptors, a certificate that cannot be read */
	if (result->cause == CAUSE_ENVIRONMENT && !result->err.http) {
		enum status st = put_back(run, message, err);

		run->left++;
		if (st)
			return st;
		*err = result->err;
		return err->status;
	}
	return keep(run, message, draft, result, err);
}

static void on_result(void *arg, struct draft *draft, const struct send_result *result)
{
	struct run *run = arg;
	struct spool_message *message = draft->user;
	struct err err = ERR_INIT;
	enum status st;

	buf_clear(&run->line);
	if (result->outcome == OUTCOME_FAILED && result->err.status == ST_NOINPUT && !result->attempts &&
		!result->err.http && spool_save(run->spool, message, NULL) == ST_NOINPUT)
		st = ST_OK; /* 'kandy spool remove' was faster */
	else
		st = settle(run, message, draft, result, &err);
	fail(run, st, &err);
	fail(run, output_add(run->line.data, run->line.len, &err), &err);
	if (spool_item_means_offline(result)) {
		if (!run->away.status)
			run->away = result->err;
		send_queue_stop(run->queue);
	}
	spool_message_release(message);
	free(message);
	draft->user = NULL;
}

static enum status before_post(void *arg, struct draft *draft, const struct message *posted, int64_t now_ms,
	struct err *err)
{
	struct run *run = arg;
	struct spool_message *message = draft->user;

	spool_item_note_files(message, posted);
	message->attempted_ms = now_ms;
	message->lost_ms = 0;
	return spool_move(run->spool, message, SPOOL_CUR, err);
}

/* ---- what waits ------------------------------------------------------------------------------------------------ */

static int by_age(const void *a, const void *b)
{
	return strcmp(((const struct waiting *)a)->id, ((const struct waiting *)b)->id);
}

static enum status list(struct run *run, struct err *err)
{
	static const enum spool_state states[] = { SPOOL_CUR, SPOOL_NEW };
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < 2; i++) {
		char **ids;
		size_t count;

		st = spool_list(run->spool, states[i], &ids, &count, err);
		run->waiting = xreallocarray(run->waiting, run->count + count + 1, sizeof(*run->waiting));
		for (size_t k = 0; k < count; k++)
			run->waiting[run->count++] = (struct waiting){ .id = ids[k], .state = states[i] };
		free(ids);
	}
	if (run->count)
		qsort(run->waiting, run->count, sizeof(*run->waiting), by_age);
	return st;
}

static void set_aside(struct run *run, struct spool_message *message, const struct err *err)
{
	struct err why = ERR_INIT;

	log_warn("%s; it is set aside", err->text);
	run->given_up++;
	run->why_given_up = *err;
	if (spool_set_aside(run->spool, message, &why))
		log_err(&why);
}

/* The next one that can be read, or NULL at the end. */
static struct spool_message *next_message(struct run *run)
{
	while (run->next < run->count && !run->failure) {
		const struct waiting *waiting = &run->waiting[run->next++];
		struct spool_message *message = xcalloc(1, sizeof(*message));
		struct err err = ERR_INIT;
		enum status st = spool_load(run->spool, waiting->state, waiting->id, message, &err);

		if (!st)
			return message;
		if (st == ST_DATA)
			set_aside(run, message, &err);
		else if (st != ST_NOINPUT) /* gone is gone */
			fail(run, st, &err);
		spool_message_release(message);
		free(message);
	}
	return NULL;
}

/* It stays where it is, for `why`, or is given up if that has lasted for too long. */
static void pass_over(struct run *run, struct spool_message *message, const struct err *why)
{
	struct draft *draft = spool_item_draft(message);
	struct send_result result = {
		.outcome = OUTCOME_BLOCKED, .to = draft->to_count ? &draft->to[0] : NULL, .err = *why
	};
	struct err err = ERR_INIT;

	buf_clear(&run->line);
	if (is_too_old(run, message))
		fail(run, give_up(run, message, draft, &result, true, &err), &err);
	else
		run->left++;
	fail(run, output_add(run->line.data, run->line.len, &err), &err);
	draft->user = NULL;
	draft_free(draft);
	spool_message_release(message);
	free(message);
}

/* Another user's: it waits for him, and says so. */
static void leave(struct run *run, struct spool_message *message, const struct err *why)
{
	struct err err = ERR_INIT;
	enum status st = ST_OK;

	if (!run->not_ours.status)
		run->not_ours = *why;
	log_verbose("'%s' waits: %s", message->to, why->text);
	if (!message->error || strcmp(message->error, why->text) != 0) {
		free(message->error);
		message->error = xstrdup(why->text);
		st = spool_save(run->spool, message, &err);
	}
	if (st != ST_NOINPUT) /* gone is gone */
		fail(run, st, &err);
	pass_over(run, message, why);
}

static void add_drafts(struct run *run)
{
	struct spool_message *message;
	struct err err = ERR_INIT;

	while (send_queue_has_room(run->queue) && (message = next_message(run))) {
		if (spool_item_check_sender(message, run->session.client, &err))
			leave(run, message, &err);
		else
			send_queue_add(run->queue, spool_item_draft(message));
	}
}

/* There is no login, or no way to one: messages grow old all the same. */
static enum status pass_over_all(struct run *run, const struct err *why, struct err *err)
{
	struct spool_message *message;

	while ((message = next_message(run)))
		pass_over(run, message, why);
	run->why = *why;
	if (run->failure)
		*err = run->failure_err;
	return run->failure;
}

static bool is_away(enum status st)
{
	return st == ST_UNAVAILABLE || st == ST_TEMPFAIL || st == ST_PROTOCOL || st == ST_AUTH;
}

static enum status open_queue(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	struct send_queue_config config = { .jobs = run->params->jobs.jobs,
		.lookup_delay_ms = run->params->look.lookup_delay,
		.block = true,
		.result = on_result,
		.before_post = before_post,
		.arg = run };
	const struct session *session;
	char *sent_ids;
	enum status st;

	if ((st = session_open(&run->session, ctx, &run->params->session, false, err)) ||
		(st = client_authenticate(run->session.client, NULL, err)))
		return st;
	session = client_session(run->session.client);
	config.transport = send_transport_client(run->session.client);
	config.retry = client_settings(run->session.client)->retry;
	config.user_id = session->user_id;
	config.sender = session->address;
	config.correlator = session->correlator;
	config.sent_ids = sent_ids = store_path(client_store(run->session.client), ".sent");
	run->queue = send_queue_new(&config);
	free(sent_ids);
	return ST_OK;
}

static enum status send_waiting(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	enum status st = list(run, err);
	struct err why = ERR_INIT;

	if (st || !run->count)
		return st;
	if ((st = open_queue(run, ctx, &why)) && is_away(st) && !interrupt_status())
		return pass_over_all(run, &why, err);
	if (st) {
		*err = why;
		return err_prefix(err, "%zu message%s still waiting", run->count, run->count == 1 ? " is" : "s are");
	}
	while (!st && (run->next < run->count || !send_queue_is_empty(run->queue)) &&
		!(run->failure && send_queue_is_empty(run->queue))) {
		add_drafts(run);
		st = send_queue_step(run->queue, 1000, -1, err);
		if (!st)
			st = output_flush(err);
	}
	if (st) {
		run->ended = true;
		send_queue_abort(run->queue, err);
	} else if (run->failure) {
		*err = run->failure_err;
	}
	return st ? st : run->failure;
}

static enum status sum_up(const struct run *run, struct err *err)
{
	int64_t all = run->given_up + run->left + run->sent;
	const struct err *why = run->not_ours.status ? &run->not_ours : &run->why; /* a person must look */

	if (run->given_up)
		return err_set(err, ST_PARTIAL, "%lld of %lld message%s %s given up: %s; see 'kandy spool'",
			(long long)run->given_up, (long long)all, str_plural(all), run->given_up == 1 ? "is" : "are",
			run->why_given_up.text);
	if (run->left)
		return err_set(err, why->status ? why->status : ST_TEMPFAIL, "%lld message%s still waiting: %s",
			(long long)run->left, run->left == 1 ? " is" : "s are",
			why->text[0] ? why->text : "the run was ended");
	return ST_OK;
}

static enum status run_flush(const struct run_ctx *ctx, const void *params, struct err *err)
{
	struct run run = { .params = params };
	enum status st = output_check(err);
	int lock = -1;

	buf_init(&run.line, BUF_NO_MAX);
	if (!st)
		st = spooling_open(&run.spool, ctx, err);
	/* where nothing was ever spooled, nothing is made */
	if (!st && !access(spool_dir(run.spool), F_OK))
		st = spool_lock(run.spool, &lock, err);
	if (lock >= 0) {
		spool_clean(run.spool);
		st = send_waiting(&run, ctx, err);
		if (!st)
			st = sum_up(&run, err);
	}
	session_close(&run.session);
	send_queue_free(run.queue);
	if (lock >= 0)
		close(lock);
	for (size_t i = 0; i < run.count; i++)
		free(run.waiting[i].id);
	free(run.waiting);
	buf_release(&run.line);
	spool_free(run.spool);
	return st;
}

static const char *const description[] = {
	"Sends the messages that 'kandy send --spool' has kept, lru_first first, and prints the same lines as send. One flush works at a time.",
	"A message whose posting was cut off (a crash, a lost answer) is looked for in the conversation's history before it is posted "
	"again. What waits for one conversation is sent in the order in which it was stored, and nothing of it overtakes what still waits; between "
	"conversations there is no order, and a 'kandy send' of later does not wait for what is in the spool. What the service refuses is set aside with the reason, see 'kandy spool'; "
	"so is what is lru_prev than --max-age and cannot be sent now, also where that is for want of a login or of the service. A message is sent as the user, and by the service, that it was spooled for, as "
	"far as that was known then: while somebody else is logged in, it waits.",
	"The exit code is 0 when nothing is left, that of the failure (69, 75, 77) while messages still wait, and 1 if some were given up.",
	"From cron: '*/10 * * * * kandy flush -q >/dev/null'; from systemd: a service with Type=oneshot and ExecStart=/usr/local/bin/kandy flush -q, and "
	"a timer of the same name with OnCalendar=*:0/10 and Persistent=true; README.md has both files.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy flush", "send what waits" },
	{ NULL, NULL },
};

static const char *const see_also[] = { "send", "spool", NULL };

const struct command cmd_flush = {
	.name = "flush",
	.summary = "send what was spooled",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct flush_params),
	.examples = examples,
	.see_also = see_also,
	.run = run_flush,
};
