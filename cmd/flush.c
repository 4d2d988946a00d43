/*
 * flush.c - delivers the messages in the spool.
 */
#include "send/send.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/send_report.h"
#include "cmd/session_opts.h"
#include "cmd/spool.h"

struct flush_params {
	struct common_params common;
	struct session_params session;
	struct jobs_params jobs;
	struct settle_params settle;
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
		.help = "move messages older than DURATION to the failed queue if they cannot be delivered" },
	{ .kind = OPT_GROUP, .group = settle_opts, AT(settle) },
	{ .kind = OPT_GROUP, .group = session_opts, AT(session) },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

struct flush_run {
	const struct flush_params *params;
	const struct run_ctx *ctx;
	struct session_handle session;
	struct buf line;
};

static enum status login(void *arg, struct client **client, struct err *err)
{
	struct flush_run *run = arg;
	enum status st = session_open(&run->session, run->ctx, &run->params->session, false, err);

	if (!st)
		st = client_authenticate(run->session.client, NULL, err);
	*client = run->session.client;
	return st;
}

static enum status on_result(void *arg, const struct draft *draft, const struct send_result *result, struct err *err)
{
	struct flush_run *run = arg;

	buf_clear(&run->line);
	if (result->outcome == OUTCOME_SENT)
		report_sent(&run->line, draft, result);
	else
		report_error(&run->line, "flush", draft, result);
	return output_add(run->line.data, run->line.len, err);
}

static enum status on_step(void *arg, struct err *err)
{
	(void)arg;
	return output_flush(err);
}

static enum status sum_up(const struct flush *flush, struct err *err)
{
	int64_t all = flush->failed + flush->queued + flush->sent;
	const struct err *why =
		flush->sender_err.status ? &flush->sender_err : &flush->queued_err; /* the user can act */

	if (flush->failed)
		return err_set(err, ST_PARTIAL, "%lld of %lld message%s failed: %s; see 'kandy spool'",
			(long long)flush->failed, (long long)all, str_plural(all), flush->failed_err.text);
	if (flush->queued)
		return err_set(err, why->status ? why->status : ST_TEMPFAIL, "%lld message%s still queued: %s",
			(long long)flush->queued, flush->queued == 1 ? " is" : "s are",
			why->text[0] ? why->text : "the run ended early");
	return ST_OK;
}

static enum status run_flush(const struct run_ctx *ctx, const void *params, struct err *err)
{
	struct flush_run run = { .params = params, .ctx = ctx };
	struct flush flush = { .max_age_ms = run.params->max_age,
		.queue = { .jobs = run.params->jobs.jobs, .settle_ms = run.params->settle.settle_ms },
		.login = login,
		.result = on_result,
		.stepped = on_step,
		.arg = &run };
	enum status st = output_check(err);

	buf_init(&run.line, BUF_NO_MAX);
	if (!st)
		st = spool_open_profile(&flush.spool, ctx, err);
	if (!st)
		st = flush_run(&flush, err);
	if (!st)
		st = sum_up(&flush, err);
	session_close(&run.session); /* before the queue, to which its calls refer */
	flush_release(&flush);
	buf_release(&run.line);
	spool_free(flush.spool);
	return st;
}

const struct command cmd_flush = {
	.name = "flush",
	.summary = "deliver queued messages",
	.description = CLI_LIST(
		"Delivers the messages that 'kandy send --spool' has queued, oldest first, and prints the same lines as send. Only one flush runs at a time.",
		"If posting a message was cut off (a crash, a lost response), the conversation history is checked before the message is posted again. Order is preserved "
		"within a conversation, not across conversations. A later 'kandy send' does not wait for the queue.",
		"Rejected messages, and messages older than --max-age that cannot be delivered, are moved to the failed queue with the error; see 'kandy spool'. A message is "
		"delivered only by the account and service that it was queued for, if these were known at the time; while another account is logged in, it stays queued.",
		"The exit status is 0 if the queue is empty, that of the failure (69, 75, 77) while messages are queued, and 1 if messages were moved to the failed queue.",
		"For cron: '*/10 * * * * kandy flush -q >/dev/null'. For systemd: a service with Type=oneshot and ExecStart=/usr/local/bin/kandy flush -q, and "
		"a timer of the same name with OnCalendar=*:0/10 and Persistent=true; README.md has both files."),
	.opts = opts,
	.params_size = sizeof(struct flush_params),
	.examples = CLI_EXAMPLES({ "kandy flush", "deliver queued messages" }),
	.see_also = CLI_LIST("send", "spool"),
	.run = run_flush,
};
