/*
 * send.c - sends messages from options, stdin, lines or JSON lines.
 *
 * A single message and a batch go the same way (send/batch.h). They differ in how a failure is reported: for a single
 * message, one sentence on stderr and its own exit status; in a batch, also an error line on stdout in place of the
 * result, and exit status 1.
 */
#include "send/send.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/send_progress.h"
#include "cmd/send_report.h"
#include "cmd/session_opts.h"
#include "cmd/spool.h"
#include "wire/mime.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct send_params {
	struct common_params common;
	struct session_params session;
	struct str_list to, attach;
	const char *message, *type, *name, *mime_type;
	bool lines, jsonl, unordered, fail_fast, dry_run, spool;
	bool skip_empty;
	const char *failed, *on_unknown;
	struct jobs_params jobs;
	struct settle_params settle;
};

#define AT(member) .at = offsetof(struct send_params, member)

static const struct opt opts[] = {
	{ .kind = OPT_HEADING, .help = "Message" },
	{ .kind = OPT_LIST,
		.name = "to",
		.letter = 't',
		.metavar = "ADDRESS",
		AT(to),
		.hint = HINT_ADDRESS,
		.help = "send to ADDRESS: user@domain, group:ID or sms:+NUMBER",
		.more = "Operands are recipients too. With --jsonl, for lines without a recipient." },
	{ .kind = OPT_STRING,
		.name = "message",
		.letter = 'm',
		.metavar = "TEXT",
		AT(message),
		.once = true, /* a text that is silently dropped would be a lost message */
		.help = "the text (default: read it from stdin)",
		.more = "One newline at the end of stdin is removed. NUL bytes and invalid UTF-8 become U+FFFD." },
	{ .kind = OPT_FLAG,
		.name = "skip-empty",
		.letter = 'E',
		AT(skip_empty),
		.help = "do nothing and exit 0 if the text is blank and there are no attachments" },
	{ .kind = OPT_LIST,
		.name = "attach",
		.letter = 'a',
		.metavar = "FILE",
		AT(attach),
		.hint = HINT_FILE,
		.help = "attach FILE; '-' is stdin",
		.more = "All files are checked before anything is sent. With a file and without -m, the text is read from stdin "
			"unless that is a terminal." },
	{ .kind = OPT_STRING,
		.name = "name",
		.metavar = "NAME",
		AT(name),
		.help = "file name of the attachment (with '-a -' or a single -a)" },
	{ .kind = OPT_STRING,
		.name = "mime-type",
		.metavar = "TYPE",
		AT(mime_type),
		.help = "MIME type of the attachment (default: by its file name)" },
	{ .kind = OPT_CHOICE,
		.name = "type",
		.metavar = "TYPE",
		.choices = address_type_names,
		AT(type),
		.help = "address type to assume when ADDRESS has no prefix" },

	{ .kind = OPT_HEADING, .help = "Batch sending" },
	{ .kind = OPT_FLAG,
		.name = "lines",
		AT(lines),
		.help = "send each line of stdin as a message",
		.more = "Blank lines are ignored." },
	{ .kind = OPT_FLAG,
		.name = "jsonl",
		AT(jsonl),
		.help = "read messages from stdin, one JSON object per line",
		.more = "Blank lines are ignored." },
	{ .kind = OPT_GROUP, .group = jobs_opts, AT(jobs) },
	{ .kind = OPT_FLAG,
		.name = "unordered",
		AT(unordered),
		.help = "print results as they arrive, not in input order" },
	{ .kind = OPT_FLAG,
		.name = "fail-fast",
		AT(fail_fast),
		.help = "stop after the first failure",
		.more = "Messages that were read but not tried are reported as errors. The summary on stderr names the last line that was read." },
	{ .kind = OPT_STRING,
		.name = "failed",
		.metavar = "FILE",
		AT(failed),
		.hint = HINT_FILE,
		.help = "write unsent input lines to FILE, for resubmission",
		.more = "Recipients that have the message are removed from their line. Messages with status \"unknown\" are not included, "
			"because they may have arrived, nor are lines over the size limit. If the run ends early, the rest of stdin is read and written too. "
			"With --lines, this requires a single recipient." },

	{ .kind = OPT_HEADING, .help = "Delivery" },
	{ .kind = OPT_CHOICE,
		.name = "on-unknown",
		.metavar = "HOW",
		.choices = CLI_LIST("check", "resend", "fail"),
		AT(on_unknown),
		.fallback = "check",
		.help = "what to do if the response to a message is lost",
		.more = "check: check the history; if it shows the message, that was sent; if the message is certainly absent, it is resent; otherwise its "
			"status is \"unknown\" and the exit status 75. resend may send duplicates (not after a 2xx response). fail leaves the status at \"unknown\"." },
	{ .kind = OPT_GROUP, .group = settle_opts, AT(settle) },
	{ .kind = OPT_FLAG,
		.name = "spool",
		AT(spool),
		.help = "queue messages that cannot be delivered now, and exit 0; 'kandy flush' delivers them",
		.more = "Messages are queued after temporary failures (once the retries are used up), without a network or a login, and if the response "
			"is lost. Messages rejected by the service are not queued. The queue has its own copies of the attachments. If the service is unreachable, "
			"the rest of the run is queued without a try. Later messages of a conversation are queued behind the first, to preserve their order." },
	{ .kind = OPT_FLAG,
		.name = "dry-run",
		.letter = 'N',
		AT(dry_run),
		.help = "print what would be sent, without sending it" },
	{ .kind = OPT_GROUP, .group = session_opts, AT(session) },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

struct send_run {
	const struct send_params *params;
	struct send_args args;
	enum input_form form;
	struct send_input input;
	struct session_handle session;
	struct batch batch;
	struct send_progress progress;
	struct buf line;
	int64_t sent, lost, unknown; /* recipients; unknown ones are also lost */
	bool alike; /* all failures have the same status */
	struct err first; /* failure */
	struct err first_reported; /* the same with its line and address, if it is one of several */
};

static bool is_batch(const struct send_run *run)
{
	return run->form != INPUT_ONE;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

/* One of several. With -q, only the summary is printed, and it names the first failure. */
static void report_failure(struct send_run *run, const struct draft *draft, const struct address *to,
	const struct err *err)
{
	struct err reported = *err;

	if (draft->line && to)
		err_prefix(&reported, "line %lld, '%s'", (long long)draft->line, to->id);
	else if (draft->line)
		err_prefix(&reported, "line %lld", (long long)draft->line);
	else
		err_prefix(&reported, "'%s'", to->id);
	if (!run->first_reported.status)
		run->first_reported = reported;
	if (!run->params->common.quiet)
		log_error("%s", reported.text);
}

static void add_first_reported(const struct send_run *run, struct err *err)
{
	struct err sum = *err;

	if (run->params->common.quiet && run->first_reported.status)
		err_set(err, sum.status, "%s; first error: %s", sum.text, run->first_reported.text);
}

static void count_failure(struct send_run *run, const struct draft *draft, const struct send_result *result)
{
	const struct err *err = &result->err;

	run->lost++;
	if (result->outcome == OUTCOME_BLOCKED)
		return; /* the failure that blocks it has been reported, or the summary reports the early end */
	run->unknown += result->outcome == OUTCOME_UNKNOWN;
	run->alike = !run->first.status || (run->alike && run->first.status == err->status);
	if (!run->first.status)
		run->first = *err;
	if (is_batch(run) || draft->to_count != 1) /* else main prints it */
		report_failure(run, draft, result->to, err);
}

static enum status on_result(void *arg, const struct draft *draft, const struct send_result *result,
	const char *spool_id, struct err *err)
{
	struct send_run *run = arg;

	buf_clear(&run->line);
	if (spool_id) {
		run->sent++;
		report_spooled(&run->line, draft, result, spool_id);
	} else if (result->outcome == OUTCOME_SENT) {
		run->sent++;
		report_sent(&run->line, draft, result);
	} else {
		count_failure(run, draft, result);
		if (is_batch(run))
			report_error(&run->line, "send", draft, result);
	}
	return output_add(run->line.data, run->line.len, err);
}

static void on_progress(void *arg, const char *name, int64_t sent, int64_t total)
{
	struct send_run *run = arg;

	send_progress_upload(&run->progress, name, sent, total);
}

static enum status on_step(void *arg, size_t pending, struct err *err)
{
	struct send_run *run = arg;
	enum status st = output_flush(err);

	send_progress_batch(&run->progress, run->sent, run->lost, (int64_t)pending, send_input_fraction(&run->input));
	return st;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

/* A summary covers the input that was read; there may be more. */
static void add_unread(const struct send_run *run, struct err *err)
{
	struct err sum = *err;

	if (is_batch(run) && !run->input.ended)
		err_set(err, sum.status, "%s; stopped reading after line %lld", sum.text,
			(long long)run->input.lines.number);
}

static enum status sum_up(const struct send_run *run, struct err *err)
{
	const struct batch *batch = &run->batch;
	int64_t all = run->sent + run->lost;

	if (batch->result_err.status || batch->login_err.status) {
		*err = batch->result_err.status ? batch->result_err : batch->login_err;
		if (!batch->result_err.status)
			add_unread(run, err);
		return err->status;
	}
	if (!run->lost)
		return ST_OK;
	if (!is_batch(run) && all == 1) {
		*err = run->first;
		return err->status;
	}
	if (is_batch(run) && run->unknown == run->lost)
		err_set(err, ST_TEMPFAIL, "delivery of %lld of %lld message%s unknown", (long long)run->lost,
			(long long)all, str_plural(all));
	else
		err_set(err, !is_batch(run) && run->alike && !run->sent ? run->first.status : ST_PARTIAL,
			"%lld of %lld message%s %s not sent", (long long)run->lost, (long long)all, str_plural(all),
			run->lost == 1 ? "was" : "were");
	add_unread(run, err);
	add_first_reported(run, err);
	return err->status;
}

/*
 * Input lines that are nowhere are worse than messages that were not sent: the failure goes into the same sentence,
 * and its status replaces that of a batch.
 */
static enum status add_failed_err(const struct send_run *run, enum status st, struct err *err)
{
	const struct err *bad = &run->batch.failed_err;
	struct err sum = *err;

	if (!bad->status)
		return st;
	if (st == ST_SIGPIPE) /* main prints nothing for it */
		log_err(bad);
	else if (!st)
		*err = *bad;
	else if (st == ST_PARTIAL)
		err_set(err, bad->status, "%s; %s", bad->text, sum.text);
	else
		err_set(err, st, "%s; %s", sum.text, bad->text);
	return err->status;
}

/* Without a login there is no user ID, and so no request can be made: with --spool, the run is offline. */
static enum status open_session(struct send_run *run, const struct run_ctx *ctx, struct err *err)
{
	enum status st = session_open(&run->session, ctx, &run->params->session, false, err);

	if (st || !(st = client_authenticate(run->session.client, NULL, err)))
		return st;
	if (!run->batch.spool || interrupt_status() || st == ST_USAGE || st == ST_DATA || st == ST_NOINPUT)
		return st;
	run->batch.offline = *err;
	return ST_OK;
}

static enum send_on_unknown on_unknown(const char *choice)
{
	if (!strcmp(choice, "resend"))
		return ON_UNKNOWN_RESEND;
	return strcmp(choice, "fail") ? ON_UNKNOWN_CHECK : ON_UNKNOWN_FAIL;
}

static enum status send_all(struct send_run *run, const struct run_ctx *ctx, struct err *err)
{
	const struct send_params *params = run->params;
	struct batch *batch = &run->batch;
	enum status st;

	batch->input = &run->input;
	if (!(st = open_session(run, ctx, err))) {
		batch->client = run->session.client;
		batch->queue = (struct send_queue_config){ .jobs = params->jobs.jobs,
			.on_unknown = on_unknown(params->on_unknown),
			.settle_ms = params->settle.settle_ms,
			.unordered = params->unordered,
			.fail_fast = params->fail_fast };
		batch->result = on_result;
		batch->stepped = on_step;
		batch->progress = is_batch(run) ? NULL : on_progress;
		batch->arg = run;
		batch->wait_ms = send_progress_shown(&run->progress) ? 250 : 1000;
		st = batch_run(batch, err);
		/* "interrupted" would be less than the whole truth */
		if (st && !is_batch(run) && run->unknown == 1 && run->sent + run->lost == 1)
			*err = run->first;
	}
	log_progress("%s", "");
	if (!st)
		st = sum_up(run, err);
	if (st == ST_IO && !is_batch(run) && run->sent)
		err_prefix(err, "the message was sent");
	if (st)
		batch_save_remaining_input(batch);
	return st;
}

/* ---- --dry-run ------------------------------------------------------------------------------------------------- */

/* The error lines of a draft that cannot be sent. */
static void show_bad(struct send_run *run, const struct draft *draft)
{
	size_t count = draft->to_count ? draft->to_count : 1;

	for (size_t i = 0; i < count; i++) {
		struct send_result result = {
			.outcome = OUTCOME_FAILED, .to = draft->to_count ? &draft->to[i] : NULL, .err = draft->bad
		};

		report_error(&run->line, "send", draft, &result);
		report_failure(run, draft, result.to, &draft->bad);
	}
}

static enum status show_all(struct send_run *run, struct err *err)
{
	enum status st = ST_OK, bad = ST_OK;

	while (!st && !run->input.ended) {
		struct draft *draft;
		struct stat info;

		if (!(st = send_input_next(&run->input, &draft, err)) && !draft && !run->input.ended)
			st = send_input_wait(run->input.fd, -1, err);
		if (st || !draft)
			continue;
		for (size_t i = 0; !draft->bad.status && i < draft->file_count; i++)
			draft->bad.status = send_check_file(&draft->files[i], &info, &draft->bad);
		buf_clear(&run->line);
		for (size_t i = 0; !draft->bad.status && i < draft->to_count; i++)
			report_dry_run(&run->line, draft, &draft->to[i]);
		if (draft->bad.status) {
			show_bad(run, draft);
			bad = ST_PARTIAL;
		}
		st = output_add(run->line.data, run->line.len, err);
		draft_free(draft);
	}
	if (!st && bad) {
		st = err_set(err, bad, "some lines cannot be sent");
		add_first_reported(run, err);
	}
	return st;
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

static void add_recipients(struct send_run *run, const struct run_ctx *ctx)
{
	const struct send_params *params = run->params;
	const char **to = xcalloc(params->to.count + ctx->cli->operand_count + 1, sizeof(*to));
	size_t n = 0;

	for (size_t i = 0; i < params->to.count; i++)
		to[n++] = params->to.items[i];
	for (size_t i = 0; i < ctx->cli->operand_count; i++)
		to[n++] = ctx->cli->operands[i];
	run->args.to = to;
	run->args.to_count = n;
}

/* --name and --mime-type belong to the attachment from stdin, or else to the only one. */
static enum status add_attachments(struct send_run *run, struct err *err)
{
	const struct send_params *params = run->params;
	size_t count = params->attach.count, streams = 0, named = 0;

	run->args.attachments = xcalloc(count + 1, sizeof(*run->args.attachments));
	run->args.attachment_count = count;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(params->attach.items[i], "-") != 0) {
			run->args.attachments[i].path = params->attach.items[i];
			continue;
		}
		streams++;
		named = i;
	}
	if (streams > 1)
		return err_set(err, ST_USAGE, "'-a -' can be given only once");
	if (streams && !params->name)
		return err_set(err, ST_USAGE, "'-a -' requires --name NAME");
	if ((params->name || params->mime_type) && !streams && count != 1)
		return err_set(err, ST_USAGE, "%s requires a single attachment or '-a -'",
			params->name ? "--name" : "--mime-type");
	if (params->name && (!*params->name || strchr(params->name, '/')))
		return err_set(err, ST_USAGE, "invalid --name '%s': expected a file name", params->name);
	if (params->mime_type && !mime_valid(params->mime_type))
		return err_set(err, ST_USAGE, "invalid --mime-type '%s': expected type/subtype", params->mime_type);
	if (streams && is_batch(run))
		return err_set(err, ST_USAGE, "stdin cannot be both the lines and an attachment");
	run->args.attachments[named].name = params->name;
	run->args.attachments[named].mime_type = params->mime_type;
	return ST_OK;
}

static enum status build_args(struct send_run *run, const struct run_ctx *ctx, struct err *err)
{
	const struct send_params *params = run->params;
	const char *temp_dir = getenv("TMPDIR");

	/* not /tmp, which is in memory on many systems: an attachment may be large */
	run->args = (struct send_args){ .type = params->type,
		.message = params->message,
		.skip_empty = params->skip_empty,
		.temp_dir = temp_dir && *temp_dir ? temp_dir : "/var/tmp" };
	run->form = params->jsonl ? INPUT_JSONL : params->lines ? INPUT_LINES : INPUT_ONE;
	add_recipients(run, ctx);
	if (params->jsonl && params->lines)
		return err_set(err, ST_USAGE, "--lines and --jsonl are mutually exclusive");
	if (is_batch(run) && params->message)
		return err_set(err, ST_USAGE, "-m cannot be used with %s, which reads the texts from stdin",
			params->jsonl ? "--jsonl" : "--lines");
	if (params->failed && !is_batch(run))
		return err_set(err, ST_USAGE, "--failed requires --lines or --jsonl");
	if (params->failed && params->lines && run->args.to_count > 1)
		return err_set(err, ST_USAGE,
			"--failed with --lines requires a single recipient, because a line cannot name those left");
	if (params->session.password_stdin && (is_batch(run) || !params->message))
		return err_set(err, ST_USAGE,
			"stdin cannot be both the password and the text; use -m TEXT or --password-file");
	if (params->jsonl && (params->attach.count || params->name || params->mime_type))
		return err_set(err, ST_USAGE,
			"--attach, --name and --mime-type cannot be used with --jsonl; use \"files\"");
	if (!run->args.to_count && !params->jsonl)
		return err_set(err, ST_USAGE, "missing recipient; use -t ADDRESS");
	return add_attachments(run, err);
}

static enum status run_send(const struct run_ctx *ctx, const void *params, struct err *err)
{
	struct send_run run = { .params = params };
	struct failed_file *failed = NULL;
	struct err why = ERR_INIT;
	enum status st;

	buf_init(&run.line, BUF_NO_MAX);
	send_progress_init(&run.progress, run.params->common.quiet);
	st = build_args(&run, ctx, err);
	if (!st)
		st = output_check(err);
	if (!st)
		st = send_input_open(&run.input, run.form, &run.args, STDIN_FILENO, err);
	if (!st && run.params->spool)
		st = spool_open_profile(&run.batch.spool, ctx, err);
	if (!st && run.params->failed && !run.params->dry_run)
		st = failed_open(&failed, run.params->failed, STDIN_FILENO, err);
	run.batch.failed = failed;
	if (!st && !run.input.ended)
		st = run.params->dry_run ? show_all(&run, err) : send_all(&run, ctx, err);
	if (failed_close(failed, &why) && !run.batch.failed_err.status)
		run.batch.failed_err = why;
	st = add_failed_err(&run, st, err);
	session_close(&run.session); /* before the queue, to which its calls refer */
	batch_release(&run.batch);
	send_input_close(&run.input);
	spool_free(run.batch.spool);
	buf_release(&run.line);
	free((void *)run.args.to);
	free(run.args.attachments);
	return st;
}

const struct command cmd_send = {
	.name = "send",
	.operands = "[ADDRESS...]",
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "send messages with attachments",
	.description = CLI_LIST(
		"Sends a text, files, or both, to one or more users, groups or phone numbers. Prints one JSON line per recipient: "
		"\"event\":\"sent\" with the message ID.",
		"Attachments are streamed from disk, whatever their size, and each file is uploaded once for all recipients of the run.",
		"Requests that were certainly not processed are retried (--retry). If the response is lost, the conversation history is checked before resending, "
		"to avoid duplicates (--on-unknown).",
		"If a single message cannot be sent, an error is printed on stderr and determines the exit status. With --lines and --jsonl, each failure is also an "
		"\"event\":\"error\" line on stdout in place of the result, the batch continues, and the exit status is 1. If you are not logged in, the batch stops at "
		"once. With -q, one summary line is printed on stderr: the number of failures and the first error.",
		"A line of --jsonl is {\"to\":ADDRESS or [ADDRESS...], \"text\":TEXT, \"files\":[PATH...], \"type\":TYPE, \"ref\":ANYTHING}, or a message as printed by 'kandy "
		"listen' and 'kandy fetch-links', whose \"address\" is used as the recipient. The result repeats its \"ref\". A file can also be {\"path\":PATH, \"name\":NAME, "
		"\"mimeType\":TYPE}. Limits: 1000 recipients and 100 files per line, 4 MiB per line or text."),
	.opts = opts,
	.params_size = sizeof(struct send_params),
	.examples = CLI_EXAMPLES({ "kandy send -t bob@sandbox.example -m \"nightly report\"", "send a text" },
		{ "uptime | kandy send bob@sandbox.example carol@sandbox.example",
			"send the output of a command to two users" },
		{ "df -P | awk '+$5 > 90' | kandy send -E -t bob@sandbox.example",
			"send the output of a command, if there is any" },
		{ "tar -cz . | kandy send -t bob@sandbox.example -m backup -a - --name backup.tar.gz",
			"send a stream as an attachment" },
		{ "kandy send --spool -t bob@sandbox.example -m \"nightly report\"", "send now, or queue the message" },
		{ "printf '{\"to\":\"bob@sandbox.example\",\"text\":\"%s\"}\\n' one two | kandy send --jsonl -j 8",
			"send a batch" }),
	.see_also = CLI_LIST("flush", "spool", "listen", "fetch-links", "history"),
	.run = run_send,
};
