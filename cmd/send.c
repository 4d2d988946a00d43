/*
 * send.c - messages from options, stdin, lines or lines of JSON.
 *
 * One message and a million go the same way: drafts into a queue, one result a recipient out of it. They differ in
 * what is said of a failure: of one message, a sentence on stderr and its own exit code; in a batch, an error line on
 * stdout in its place as well, and 1.
 */
#include "send/queue.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/send_failed.h"
#include "cmd/send_input.h"
#include "cmd/send_progress.h"
#include "cmd/send_report.h"
#include "cmd/session_opts.h"
#include "cmd/spooling.h"

#include <poll.h>
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
	struct look_params look;
};

#define AT(member) .at = offsetof(struct send_params, member)

static const char *const on_unknown_choices[] = { "check", "resend", "fail", NULL };

static const struct opt opts[] = {
	{ .kind = OPT_HEADING, .help = "Message" },
	{ .kind = OPT_LIST,
		.name = "to",
		.letter = 't',
		.metavar = "ADDRESS",
		AT(to),
		.hint = HINT_ADDRESS,
		.help = "send to ADDRESS: user@domain, group:ID or sms:+NUMBER",
		.more = "An operand is the same. With --jsonl, for the lines that name nobody." },
	{ .kind = OPT_STRING,
		.name = "message",
		.letter = 'm',
		.metavar = "TEXT",
		AT(message),
		.once = true, /* a text that is dropped silently would be a message that is lost */
		.help = "the text; without it, stdin is the text",
		.more = "Of stdin, one newline at the end is left out. NUL bytes and what is not UTF-8 become U+FFFD." },
	{ .kind = OPT_FLAG,
		.name = "skip-empty",
		.letter = 'E',
		AT(skip_empty),
		.help = "send nothing, and end with 0, if there is no file and nothing but white space in the text" },
	{ .kind = OPT_LIST,
		.name = "attach",
		.letter = 'a',
		.metavar = "FILE",
		AT(attach),
		.hint = HINT_FILE,
		.help = "attach FILE; '-' is stdin",
		.more = "All files are looked at before anything is sent. With a file and no -m, the text is what stdin brings, "
			"unless that is a terminal." },
	{ .kind = OPT_STRING,
		.name = "name",
		.metavar = "NAME",
		AT(name),
		.help = "the attachment's name: of '-a -', or of the only one" },
	{ .kind = OPT_STRING,
		.name = "mime-type",
		.metavar = "TYPE",
		AT(mime_type),
		.help = "its MIME type, instead of the one that goes with the name" },
	{ .kind = OPT_CHOICE,
		.name = "type",
		.metavar = "TYPE",
		.choices = address_type_names,
		AT(type),
		.help = "what addresses without a prefix are" },

	{ .kind = OPT_HEADING, .help = "Many messages" },
	{ .kind = OPT_FLAG,
		.name = "lines",
		AT(lines),
		.help = "each line of stdin is a message",
		.more = "Blank lines are passed over." },
	{ .kind = OPT_FLAG,
		.name = "jsonl",
		AT(jsonl),
		.help = "each line of stdin is a JSON object that says what to send",
		.more = "Blank lines are passed over." },
	{ .kind = OPT_GROUP, .group = jobs_opts, AT(jobs) },
	{ .kind = OPT_FLAG,
		.name = "unordered",
		AT(unordered),
		.help = "print results as they come, not in the order of the input" },
	{ .kind = OPT_FLAG,
		.name = "fail-fast",
		AT(fail_fast),
		.help = "begin nothing more after the first failure",
		.more = "What has been read by then and was not tried, is an error line as any failure. More is not read: the sum on "
			"stderr says behind which line reading ended." },
	{ .kind = OPT_STRING,
		.name = "failed",
		.metavar = "FILE",
		AT(failed),
		.hint = HINT_FILE,
		.help = "put the input lines that were not sent into FILE, ready to be fed in again",
		.more = "Of a line with several recipients, those that have the message already are taken out. A message "
			"that may have arrived (status \"unknown\") is not among them, nor a line that is too long to be kept. If the run ends early, the rest of "
			"stdin is read to its end, and put there, too. --lines goes with one recipient then." },

	{ .kind = OPT_HEADING, .help = "Delivery" },
	{ .kind = OPT_CHOICE,
		.name = "on-unknown",
		.metavar = "HOW",
		.choices = on_unknown_choices,
		AT(on_unknown),
		.fallback = "check",
		.help = "when the answer got lost: look into the conversation's history, send again at once, or give up",
		.more = "check: what history shows is sent, what it surely does not show is sent again, and if that cannot be reported, the "
			"status is \"unknown\" and the exit code 75. resend may send twice. fail leaves it at \"unknown\"." },
	{ .kind = OPT_GROUP, .group = look_opts, AT(look) },
	{ .kind = OPT_FLAG,
		.name = "spool",
		AT(spool),
		.help = "keep on disk what cannot be sent now, for 'kandy flush'; the exit code is 0 then",
		.more = "That is: temporary failures after all retries, no network, no login now, and answers that got lost. The spool has its own "
			"copies of the files. Once the service cannot be reached, the rest of the run is spooled without a try, and so is what would "
			"overtake, in its conversation, a message that this run has spooled. Refusals are failures as ever." },
	{ .kind = OPT_FLAG,
		.name = "dry-run",
		.letter = 'N',
		AT(dry_run),
		.help = "show what would be sent, and send nothing" },
	{ .kind = OPT_GROUP, .group = session_opts, AT(session) },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

struct run {
	const struct send_params *params;
	struct send_args words;
	struct send_input input;
	struct session_handle session;
	struct send_queue *queue;
	struct send_failed *failed;
	struct send_progress progress;
	struct buf line;
	bool batch;
	int64_t sent, lost, unknown; /* recipients; what is unknown is lost as well */
	bool alike; /* all that were lost were so with the same status */
	struct err first; /* failure */
	struct err first_reported; /* the same with its line and address, if it is one of several */
	enum status output; /* the first failure of stdout */
	struct err output_err;
	struct err failed_err; /* what was first wrong with the file of --failed */
	bool over; /* no more input is taken */
	struct err why_over;
	struct spool *spool; /* --spool */
	struct shared_copy shared_copy;
	bool offline; /* what comes is spooled without a try */
	struct err why_offline;
};

/* ---- results --------------------------------------------------------------------------------------------------- */

/* Of one among several. With -q there is one line on stderr, the sum, and the first of them is named in that. */
static void report_failure(struct run *run, const struct draft *draft, const struct address *to, const struct err *err)
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

static void add_first_reported(const struct run *run, struct err *err)
{
	struct err sum = *err;

	if (run->params->common.quiet && run->first_reported.status)
		err_set(err, sum.status, "%s; the first: %s", sum.text, run->first_reported.text);
}

static void note_failure(struct run *run, const struct draft *draft, const struct send_result *result)
{
	const struct err *err = &result->err;

	run->lost++;
	if (result->outcome == OUTCOME_BLOCKED)
		return; /* for one that has been named, or because the run is over, which will be said */
	run->unknown += result->outcome == OUTCOME_UNKNOWN;
	run->alike = !run->first.status || (run->alike && run->first.status == err->status);
	if (!run->first.status)
		run->first = *err;
	if (run->batch || draft->to_count != 1) /* else main says it */
		report_failure(run, draft, result->to, err);
}

static void stop(struct run *run, const struct err *why)
{
	if (run->over)
		return;
	run->over = true;
	if (why)
		run->why_over = *why;
	send_queue_stop(run->queue);
}

static void keep_first(struct run *run, enum status st, const struct err *err)
{
	if (!st || run->output)
		return;
	run->output = st;
	run->output_err = *err;
	stop(run, NULL);
}

static void keep_failed_err(struct run *run, enum status st, const struct err *err)
{
	if (st && !run->failed_err.status)
		run->failed_err = *err;
}

static void enter_offline(struct run *run, const struct err *why)
{
	if (run->offline)
		return;
	run->offline = true;
	run->why_offline = *why;
	log_note("%s; what cannot be sent now is spooled for 'kandy flush'", why->text);
	send_queue_stop(run->queue);
}

/* True if the message is in the spool now. If it cannot be put there, the result says that too. */
static bool try_spool(struct run *run, const struct draft *draft, struct send_result *result)
{
	struct err err = ERR_INIT, reason = result->err;
	const char *id = NULL;

	if (!run->spool || run->over || !spool_item_is_retryable(result))
		return false;
	if (result->outcome == OUTCOME_BLOCKED && run->offline)
		result->err = run->why_offline;
	if (spool_item_add(run->spool, &run->shared_copy, run->session.client, draft, result, &id, &err)) {
		result->outcome = result->outcome == OUTCOME_UNKNOWN ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
		result->err = err;
		err_prefix(&result->err, "%s, and it cannot be spooled", reason.text);
		return false;
	}
	report_spooled(&run->line, draft, result, id);
	if (spool_item_means_offline(result))
		enter_offline(run, &reason);
	return true;
}

static void on_result(void *arg, struct draft *draft, const struct send_result *reported)
{
	struct run *run = arg;
	struct send_result mine = *reported, *result = &mine;
	struct err err = ERR_INIT;

	buf_clear(&run->line);
	if (result->outcome == OUTCOME_SENT) {
		run->sent++;
		report_sent(&run->line, draft, result);
	} else if (try_spool(run, draft, result)) {
		run->sent++; /* as good as */
		result->outcome = OUTCOME_SENT;
	} else {
		note_failure(run, draft, result);
		if (run->batch)
			report_error(&run->line, "send", draft, result);
	}
	keep_first(run, output_add(run->line.data, run->line.len, &err), &err);
	keep_failed_err(run, send_failed_note(run->failed, draft, result, &err), &err);
	if (run->failed_err.status)
		stop(run, NULL);
	/* without a login, every further message would be another vain login */
	if (result->outcome == OUTCOME_FAILED && result->cause == CAUSE_LOGIN)
		stop(run, &result->err);
	else if (run->params->fail_fast && result->outcome != OUTCOME_SENT)
		stop(run, NULL);
}

static void on_progress(void *arg, const char *name, int64_t sent, int64_t total)
{
	struct run *run = arg;

	send_progress_upload(&run->progress, name, sent, total);
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static enum send_on_unknown on_unknown(const char *choice)
{
	if (!strcmp(choice, "resend"))
		return ON_UNKNOWN_RESEND;
	return strcmp(choice, "fail") ? ON_UNKNOWN_CHECK : ON_UNKNOWN_FAIL;
}

/* The transport of a run that is offline: nothing is ever started, but the input may keep us waiting. */
static enum status no_start(void *client, const struct client_call *call, client_done *done, void *arg, struct err *err)
{
	(void)client;
	(void)call;
	(void)done;
	(void)arg;
	return err_set(err, ST_TEMPFAIL, "offline");
}

static enum status wait_for_input(void *client, int wait_ms, int extra_fd, struct err *err)
{
	struct pollfd fds[] = { { .fd = extra_fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };
	enum status st;

	(void)client;
	(void)poll(fds, 2, wait_ms);
	st = interrupt_status();
	return st ? err_set(err, st, "interrupted") : ST_OK;
}

static enum status open_session(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	enum status st = session_open(&run->session, ctx, &run->params->session, false, err);

	if (st || !(st = client_authenticate(run->session.client, NULL, err)))
		return st;
	if (!run->spool || interrupt_status() || st == ST_USAGE || st == ST_DATA || st == ST_NOINPUT)
		return st;
	run->offline = true;
	return ST_OK;
}

/* Who we are must be known before a path can be made. */
static enum status open_queue(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	const struct send_params *params = run->params;
	struct send_queue_config config = { .transport = { no_start, wait_for_input, NULL },
		.jobs = params->jobs.jobs,
		.user_id = "",
		.on_unknown = on_unknown(params->on_unknown),
		.lookup_delay_ms = params->look.lookup_delay,
		.unordered = params->unordered,
		.block = run->spool != NULL,
		.fail_fast = params->fail_fast,
		.result = on_result,
		.arg = run };
	enum status st = open_session(run, ctx, err);
	char *sent_ids = NULL;

	if (st)
		return st;
	if (!run->offline) {
		const struct session *session = client_session(run->session.client);

		config.sent_ids = sent_ids = store_path(client_store(run->session.client), ".sent");

		config.transport = send_transport_client(run->session.client);
		config.retry = client_settings(run->session.client)->retry;
		config.user_id = session->user_id;
		config.sender = session->address;
		config.correlator = session->correlator;
		config.progress = run->batch ? NULL : on_progress;
	}
	run->queue = send_queue_new(&config);
	free(sent_ids);
	if (run->offline) {
		run->offline = false;
		enter_offline(run, err);
	}
	return ST_OK;
}

static enum status add_drafts(struct run *run, struct err *err)
{
	struct draft *draft;
	enum status st;

	while (!run->over && !run->input.ended && send_queue_has_room(run->queue)) {
		if ((st = send_input_next(&run->input, &draft, err)))
			return st;
		if (!draft)
			return ST_OK;
		send_queue_add(run->queue, draft);
	}
	return ST_OK;
}

static enum status move(struct run *run, struct err *err)
{
	enum status st = ST_OK;

	while (!st && ((!run->input.ended && !run->over) || !send_queue_is_empty(run->queue))) {
		bool more;

		if ((st = add_drafts(run, err)))
			break;
		more = !run->input.ended && !run->over && send_queue_has_room(run->queue);
		st = send_queue_step(run->queue, send_progress_shown(&run->progress) ? 250 : 1000,
			more ? STDIN_FILENO : -1, err);
		if (!st)
			st = output_flush(err);
		send_progress_batch(&run->progress, run->sent, run->lost, (int64_t)send_queue_pending(run->queue),
			send_input_read(&run->input));
	}
	return st;
}

/* What has not been read yet is not lost either. */
static void keep_remaining_input(struct run *run)
{
	const char *line;
	struct err err = ERR_INIT;
	size_t len;

	if (!run->failed || run->failed_err.status)
		return;
	if (send_input_remaining_blocks(&run->input))
		log_note("no more is sent; the rest of stdin goes into '%s'", run->params->failed);
	while (!run->failed_err.status && send_input_remaining(&run->input, &line, &len))
		keep_failed_err(run, send_failed_line(run->failed, line, len, &err), &err);
	if (run->input.cut)
		keep_failed_err(run,
			err_set(&err, interrupt_status() ? interrupt_status() : ST_IO,
				"'%s' lacks the lines of stdin that were not read", run->params->failed),
			&err);
}

/*
 * Lines that are nowhere are worse than messages that were not sent: so it is said, in the same sentence, and its code
 * takes the place of that of a batch.
 */
static enum status report_failed_err(const struct run *run, enum status st, struct err *err)
{
	const struct err *bad = &run->failed_err;
	struct err sum = *err;

	if (!bad->status)
		return st;
	if (st == ST_SIGPIPE) /* of which nothing is said */
		log_err(bad);
	else if (!st)
		*err = *bad;
	else if (st == ST_PARTIAL)
		err_set(err, bad->status, "%s; %s", bad->text, sum.text);
	else
		err_set(err, st, "%s; %s", sum.text, bad->text);
	return err->status;
}

/* The sum is of what was read: one has to know that there may be more. */
static void add_unread(const struct run *run, struct err *err)
{
	struct err sum = *err;

	if (run->batch && !run->input.ended)
		err_set(err, sum.status, "%s; reading ended behind line %lld", sum.text,
			(long long)run->input.lines.number);
}

static enum status sum_up(const struct run *run, struct err *err)
{
	if (run->output) {
		*err = run->output_err;
		return run->output;
	}
	if (run->why_over.status) {
		*err = run->why_over;
		add_unread(run, err);
		return err->status;
	}
	if (!run->lost)
		return ST_OK;
	if (!run->batch && run->sent + run->lost == 1) {
		*err = run->first;
		return err->status;
	}
	if (run->batch && run->unknown == run->lost)
		err_set(err, ST_TEMPFAIL, "it is not known of %lld of %lld messages whether they arrived",
			(long long)run->lost, (long long)(run->sent + run->lost));
	else
		err_set(err, !run->batch && run->alike && !run->sent ? run->first.status : ST_PARTIAL,
			"%lld of %lld messages were not sent", (long long)run->lost,
			(long long)(run->sent + run->lost));
	add_unread(run, err);
	add_first_reported(run, err);
	return err->status;
}

static enum status send_all(struct run *run, const struct run_ctx *ctx, struct err *err)
{
	enum status st = open_queue(run, ctx, err);

	if (!st)
		st = move(run, err);
	log_progress("%s", "");
	if (st && run->queue) {
		send_queue_abort(run->queue, err);
		/* "interrupted" would be less than the whole truth */
		if (!run->batch && run->unknown == 1 && run->sent + run->lost == 1)
			*err = run->first;
	}
	if (!st)
		st = sum_up(run, err);
	if (st == ST_IO && !run->batch && run->sent)
		err_prefix(err, "the message was sent");
	if (st)
		keep_remaining_input(run);
	return st;
}

/* The error lines that it would give. */
static void show_bad(struct run *run, const struct draft *draft)
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

static enum status show_all(struct run *run, struct err *err)
{
	enum status st = ST_OK, bad = ST_OK;

	while (!st && !run->input.ended) {
		struct draft *draft;
		struct stat info;

		if (!(st = send_input_next(&run->input, &draft, err)) && !draft && !run->input.ended)
			st = wait_for_input(NULL, -1, STDIN_FILENO, err);
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

static enum status build_args(struct run *run, const struct run_ctx *ctx, enum send_form *form, struct err *err)
{
	const struct send_params *params = run->params;
	struct send_args *words = &run->words;

	*words = (struct send_args){ .type = params->type,
		.message = params->message,
		.skip_empty = params->skip_empty,
		.attach = params->attach,
		.name = params->name,
		.mime_type = params->mime_type };
	words->to.cap = params->to.count + ctx->cli->operand_count;
	words->to.items = xcalloc(words->to.cap + 1, sizeof(*words->to.items));
	for (size_t i = 0; i < params->to.count; i++)
		words->to.items[words->to.count++] = params->to.items[i];
	for (size_t i = 0; i < ctx->cli->operand_count; i++)
		words->to.items[words->to.count++] = ctx->cli->operands[i];
	*form = params->jsonl ? INPUT_JSONL : params->lines ? INPUT_LINES : INPUT_ONE;
	run->batch = *form != INPUT_ONE;
	if (params->jsonl && params->lines)
		return err_set(err, ST_USAGE, "--lines and --jsonl exclude each other");
	if (run->batch && params->message)
		return err_set(err, ST_USAGE, "-m is the text of one message; with %s the texts come from stdin",
			params->jsonl ? "--jsonl" : "--lines");
	if (params->failed && !run->batch)
		return err_set(err, ST_USAGE, "--failed goes with --lines or --jsonl");
	if (params->failed && *form == INPUT_LINES && words->to.count > 1)
		return err_set(err, ST_USAGE,
			"--failed with --lines goes with one recipient: a line cannot say who has it already");
	if (params->session.password_stdin && (run->batch || !params->message))
		return err_set(err, ST_USAGE,
			"stdin cannot bring the password and the text at once; give -m TEXT or --password-file");
	return ST_OK;
}

static enum status run_send(const struct run_ctx *ctx, const void *params, struct err *err)
{
	struct run run = { .params = params };
	struct err why = ERR_INIT;
	enum send_form form;
	enum status st;

	buf_init(&run.line, BUF_NO_MAX);
	send_progress_init(&run.progress, run.params->common.quiet);
	st = build_args(&run, ctx, &form, err);
	if (!st)
		st = output_check(err);
	if (!st)
		st = send_input_open(&run.input, form, &run.words, err);
	if (!st && run.params->spool)
		st = spooling_open(&run.spool, ctx, err);
	if (!st && run.params->failed && !run.params->dry_run)
		st = send_failed_open(&run.failed, run.params->failed, err);
	if (!st && !run.input.ended)
		st = run.params->dry_run ? show_all(&run, err) : send_all(&run, ctx, err);
	keep_failed_err(&run, send_failed_close(run.failed, &why), &why);
	st = report_failed_err(&run, st, err);
	session_close(&run.session); /* before the queue: its calls point into it */
	send_queue_free(run.queue);
	send_input_close(&run.input);
	shared_copy_release(&run.shared_copy);
	spool_free(run.spool);
	buf_release(&run.line);
	free(run.words.to.items);
	return st;
}

static const char *const description[] = {
	"Sends a text, files, or both, to one or more people, groups or telephone numbers. Prints one JSON line for each recipient: "
	"\"event\":\"sent\" with the message's ID.",
	"Attachments are streamed from disk, however large, and uploaded once for all recipients of the run.",
	"A failure that surely did not send the message is repeated (--retry). Where the answer to a message got lost, the "
	"conversation's history is looked at before it is sent again (--on-unknown).",
	"If one message cannot be sent, a sentence on stderr says why, and the exit code is that of the failure. With --lines and --jsonl, "
	"each failure is also an \"event\":\"error\" line on stdout in the place of the result, the rest goes on, and the exit code is 1. Without "
	"a login the run ends. With -q there is one sentence on stderr, whatever has failed: the sum, and the first reason.",
	"A line of --jsonl is {\"to\":ADDRESS or [ADDRESS...], \"text\":TEXT, \"files\":[PATH...], \"type\":TYPE, \"ref\":ANYTHING}, or a message as 'kandy "
	"listen' and 'kandy fetch-links' print it, whose \"address\" is as good as \"to\". Its \"ref\" comes back in the result. A file may also be {\"path\":PATH, \"name\":NAME, "
	"\"mimeType\":TYPE}. At most 1000 recipients and 100 files a line, and 4 MiB a line or text.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy send -t bob@sandbox.example -m \"nightly report\"", "send a text" },
	{ "uptime | kandy send bob@sandbox.example carol@sandbox.example", "send what a command prints to two people" },
	{ "df -P | awk '+$5 > 90' | kandy send -E -t bob@sandbox.example",
		"send what a command prints, if it prints anything" },
	{ "tar -cz . | kandy send -t bob@sandbox.example -m backup -a - --name backup.tar.gz",
		"send a stream as a file" },
	{ "kandy send --spool -t bob@sandbox.example -m \"nightly report\"",
		"send now, or keep it until it can be sent" },
	{ "printf '{\"to\":\"bob@sandbox.example\",\"text\":\"%s\"}\\n' one two | kandy send --jsonl -j 8",
		"send many messages" },
	{ NULL, NULL },
};

static const char *const see_also[] = { "flush", "spool", "listen", "fetch-links", "history", NULL };

const struct command cmd_send = {
	.name = "send",
	.operands = "[ADDRESS...]",
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "send messages with attachments",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct send_params),
	.examples = examples,
	.see_also = see_also,
	.run = run_send,
};
