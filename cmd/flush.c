/*
 * flush.c - sends what waits in the spool.
 *
 * A message is moved to cur/ right before it is posted, with the x-ids that it carries: from there on it may have
 * been sent, and if this process dies, the next one asks history before it posts it again.
 */
#include "base/clock.h"
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
	{ .kind = OPT_GROUP, .group = session_opts, AT(session) },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

struct run {
	const struct flush_params *params;
	struct spool *spool;
	struct session_handle session;
	struct outbox *outbox;
	struct buf line;
	struct waiting {
		char *id;
		enum spool_state state;
	} * waiting; /* oldest first */
	size_t count, next;
	int64_t sent, left, given_up;
	struct err why, why_given_up; /* the last reason to wait, and to give up */
	enum status failure; /* of the disk or of stdout: the run ends */
	struct err failure_err;
};

static void fail(struct run *run, enum status st, const struct err *err)
{
	if (!st || run->failure)
		return;
	run->failure = st;
	run->failure_err = *err;
	outbox_stop(run->outbox);
}

static enum status give_up(struct run *run, struct spool_message *message, const struct outbox_item *item,
	const struct outbox_result *result, struct err *err)
{
	run->given_up++;
	run->why_given_up = result->err;
	log_warn("'%s' is given up: %s", message->to, result->err.text);
	report_error(&run->line, "flush", item, result);
	return spool_move(run->spool, message, SPOOL_FAILED, err);
}

/* It was surely not sent: back to where it came from, if it was about to be posted. */
static enum status put_back(struct run *run, struct spool_message *message, struct err *err)
{
	message->attempted_ms = message->lost_ms = 0;
	return spool_move(run->spool, message, SPOOL_NEW, err);
}

/* Where a message goes that was tried, and not sent. */
static enum status keep(struct run *run, struct spool_message *message, const struct outbox_item *item,
	const struct outbox_result *result, struct err *err)
{
	bool unknown = result->state == OUTBOX_UNKNOWN;

	message->attempts += result->attempts;
	free(message->error);
	message->error = xstrdup(result->err.text);
	if (unknown)
		message->lost_ms = result->lost_ms;
	else
		message->attempted_ms = message->lost_ms = 0;
	if (!spooling_wanted(result) || clock_wall_ms() - message->created_ms > run->params->max_age)
		return give_up(run, message, item, result, err);
	run->left++;
	run->why = result->err;
	log_verbose("'%s' waits: %s", message->to, result->err.text);
	return spool_move(run->spool, message, unknown ? SPOOL_CUR : SPOOL_NEW, err);
}

/* Where the message goes now. What fails here leaves it where it was. */
static enum status settle(struct run *run, struct spool_message *message, const struct outbox_item *item,
	const struct outbox_result *result, struct err *err)
{
	switch (result->state) {
	case OUTBOX_SENT:
		run->sent++;
		report_sent(&run->line, item, result);
		return spool_remove(run->spool, message, err);
	case OUTBOX_HELD: run->left++; return ST_OK;
	case OUTBOX_UNKNOWN: return keep(run, message, item, result, err);
	case OUTBOX_FAILED: break;
	}
	if (result->cause == OUTBOX_END || result->cause == OUTBOX_LOGIN) {
		run->left++;
		run->why = result->err;
		return put_back(run, message, err);
	}
	/* says nothing about the message: no space, no descriptors, a certificate that cannot be read */
	if (result->cause == OUTBOX_WAY && !result->err.http) {
		enum status st = put_back(run, message, err);

		run->left++;
		if (st)
			return st;
		*err = result->err;
		return err->status;
	}
	return keep(run, message, item, result, err);
}

static void on_result(void *arg, struct outbox_item *item, const struct outbox_result *result)
{
	struct run *run = arg;
	struct spool_message *message = item->user;
	struct err err = ERR_INIT;
	enum status st;

	buf_clear(&run->line);
	if (result->state == OUTBOX_FAILED && result->err.status == ST_NOINPUT && !result->attempts &&
		!result->err.http && spool_save(run->spool, message, NULL) == ST_NOINPUT)
		st = ST_OK; /* 'kandy spool remove' was faster */
	else
		st = settle(run, message, item, result, &err);
	fail(run, st, &err);
	fail(run, output_add(run->line.data, run->line.len, &err), &err);
	if (spooling_offline(result))
		outbox_stop(run->outbox);
	spool_message_release(message);
	free(message);
	item->user = NULL;
}

static enum status before(void *arg, struct outbox_item *item, const struct message *posted, int64_t now_ms,
	struct err *err)
{
	struct run *run = arg;
	struct spool_message *message = item->user;

	spooling_note_files(message, posted);
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

static void add_items(struct run *run)
{
	while (run->next < run->count && outbox_room(run->outbox) && !run->failure) {
		const struct waiting *waiting = &run->waiting[run->next++];
		struct spool_message *message = xcalloc(1, sizeof(*message));
		struct err err = ERR_INIT;
		enum status st = spool_load(run->spool, waiting->state, waiting->id, message, &err);

		if (!st) {
			outbox_add(run->outbox, spooling_item(message));
			continue;
		}
		if (st == ST_DATA)
			set_aside(run, message, &err);
		else if (st != ST_NOINPUT) /* gone is gone */
			fail(run, st, &err);
		spool_message_release(message);
		free(message);
	}
}

static enum status open_outbox(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	struct outbox_config config = {
		.jobs = run->params->jobs.jobs, .hold = true, .result = on_result, .before = before, .arg = run
	};
	const struct session *session;
	char *sent_ids;
	enum status st;

	if ((st = session_open(&run->session, ctx, &run->params->session, false, err)) ||
		(st = client_authenticate(run->session.client, NULL, err)))
		return st;
	session = client_session(run->session.client);
	config.transport = outbox_client(run->session.client);
	config.retry = client_settings(run->session.client)->retry;
	config.user_id = session->user_id;
	config.sender = session->address;
	config.correlator = session->correlator;
	config.sent_ids = sent_ids = store_path(client_store(run->session.client), ".sent");
	run->outbox = outbox_new(&config);
	free(sent_ids);
	return ST_OK;
}

static enum status send_waiting(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	enum status st = list(run, err);

	if (st || !run->count)
		return st;
	if ((st = open_outbox(run, ctx, err)))
		return err_prefix(err, "%zu message%s still waiting", run->count, run->count == 1 ? " is" : "s are");
	while (!st && (run->next < run->count || !outbox_idle(run->outbox)) &&
		!(run->failure && outbox_idle(run->outbox))) {
		add_items(run);
		st = outbox_step(run->outbox, 1000, -1, err);
		if (!st)
			st = output_flush(err);
	}
	if (st)
		outbox_abandon(run->outbox, err);
	else if (run->failure)
		*err = run->failure_err;
	return st ? st : run->failure;
}

static enum status sum_up(const struct run *run, struct err *err)
{
	int64_t all = run->given_up + run->left + run->sent;

	if (run->given_up)
		return err_set(err, ST_PARTIAL, "%lld of %lld message%s %s given up: %s; see 'kandy spool'",
			(long long)run->given_up, (long long)all, plural(all), run->given_up == 1 ? "is" : "are",
			run->why_given_up.text);
	if (run->left)
		return err_set(err, run->why.status ? run->why.status : ST_TEMPFAIL, "%lld message%s still waiting: %s",
			(long long)run->left, run->left == 1 ? " is" : "s are",
			run->why.text[0] ? run->why.text : "the run was ended");
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
	outbox_free(run.outbox);
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
	"Sends the messages that 'kandy send --spool' has kept, oldest first, and prints the same lines as send. One flush works at a time.",
	"A message whose posting was cut off (a crash, a lost answer) is looked for in the conversation's history before it is posted "
	"again. In one conversation nothing overtakes what still waits. What the service refuses, or what is older than --max-age, is set aside "
	"with the reason: see 'kandy spool'.",
	"The exit code is 0 when nothing is left, that of the failure (69, 75, 77) while messages still wait, and 1 if some were given up.",
	"From cron: '*/10 * * * * kandy flush -q >/dev/null'; from systemd: a service with ExecStart=/usr/bin/kandy flush -q and a timer "
	"with OnCalendar=*:0/10.",
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
