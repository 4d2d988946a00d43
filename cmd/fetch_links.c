/*
 * fetch_links.c - `kandy fetch-links`: downloads the attachments of message lines.
 *
 * stdin is read while downloads run, until the queue (fetch/fetch.h) is full.
 */
#include "fetch/fetch.h"
#include "wire/attachment.h"
#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	PROGRESS_MS = 250,
	IDLE_MS = 3600000, /* without progress lines there is no deadline */
};

struct fetch_params {
	struct common_params common;
	struct session_params session;
	struct jobs_params jobs;
	struct str_list allow_hosts;
	struct fetch_config config;
};

struct fetch {
	struct fetch_queue *queue;
	struct lines lines;
	char **operands; /* instead of lines */
	size_t operand_count;
	bool input_ended;
	int64_t started_ms, progress_ms;
};

/* ---- input ------------------------------------------------------------------------------------------------------- */

static bool may_read(const struct fetch *f)
{
	return !f->input_ended && !fetch_queue_is_full(f->queue);
}

static void add_operands(struct fetch *f)
{
	for (; f->operand_count && may_read(f); f->operands++, f->operand_count--)
		fetch_queue_add_link(f->queue, *f->operands);
	f->input_ended = !f->operand_count;
}

static enum status add_available_lines(struct fetch *f, struct err *err)
{
	struct err too_long = ERR_INIT;
	size_t len = 0;
	char *line = NULL;

	while (may_read(f)) {
		switch (lines_next(&f->lines, &line, &len)) {
		case LINES_LINE: fetch_queue_add_line(f->queue, line, len, f->lines.number); break;
		case LINES_AGAIN: return ST_OK;
		case LINES_END: f->input_ended = true; return ST_OK;
		case LINES_TOO_LONG:
			err_set(&too_long, ST_DATA, "longer than %zu bytes", f->lines.max);
			fetch_queue_add_bad_line(f->queue, f->lines.number, &too_long);
			break;
		case LINES_ERROR: return err_set(err, ST_IO, "cannot read stdin: %s", strerror(errno));
		}
	}
	return ST_OK;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void show_progress(struct fetch *f)
{
	struct fetch_progress progress = fetch_queue_progress(f->queue);
	int64_t now = clock_mono_ms();
	char size[24];

	if (now - f->started_ms < 1000 || now - f->progress_ms < PROGRESS_MS)
		return;
	f->progress_ms = now;
	if (!progress.active) {
		log_progress("%s", "");
		return;
	}
	str_format_size(size, progress.bytes);
	log_progress("%zu %s downloaded, %zu to go, %s", progress.done, progress.done == 1 ? "file" : "files",
		progress.active, size);
}

static enum status print_lines(struct fetch *f, struct err *err)
{
	enum status st = fetch_queue_print(f->queue, err);

	return st ? st : output_flush(err);
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

static enum status work(struct fetch *f, struct err *err)
{
	int wait_ms = isatty(STDERR_FILENO) ? PROGRESS_MS : IDLE_MS;
	enum status st = ST_OK;

	for (;;) {
		if (f->operands)
			add_operands(f);
		else
			st = add_available_lines(f, err);
		if (st || (st = print_lines(f, err)) || (f->input_ended && fetch_queue_is_empty(f->queue)))
			break;
		show_progress(f);
		if (may_read(f) && (f->operands || lines_ready(&f->lines)))
			continue;
		st = fetch_queue_step(f->queue, wait_ms, !f->operands && may_read(f) ? STDIN_FILENO : -1, err);
		if (st)
			break;
	}
	log_progress("%s", "");
	return st;
}

/* After an early end, lines that were read are still printed, with errors for the missing files. */
static void print_incomplete(struct fetch *f, const struct err *why)
{
	struct err ignored = ERR_INIT;

	fetch_queue_stop(f->queue, why);
	if (print_lines(f, &ignored))
		log_verbose("some lines were not printed, because writing to stdout failed");
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct fetch_params *params = p;
	struct fetch_config config = params->config;
	struct fetch f = { .started_ms = clock_mono_ms() };
	struct session_handle session = { 0 };
	enum status st;

	if (config.clobber && config.skip_existing)
		return err_set(err, ST_USAGE, "--clobber and --skip-existing exclude each other");
	f.operand_count = ctx->cli->operand_count;
	f.operands = f.operand_count ? ctx->cli->operands : NULL;
	if (!f.operands && isatty(STDIN_FILENO))
		log_note("reading message lines from the terminal; end with Ctrl-D");
	lines_init(&f.lines, STDIN_FILENO, ATTACHMENT_LINE_MAX);
	f.lines.polled = true;
	st = session_open(&session, ctx, &params->session, false, err);
	config.client = session.client;
	config.allow_hosts = params->allow_hosts.items;
	config.allow_host_count = params->allow_hosts.count;
	config.jobs = params->jobs.jobs;
	config.single = f.operand_count == 1;
	config.print = output_add;
	if (!st)
		st = fetch_queue_new(&f.queue, &config, err);
	if (!st) {
		st = work(&f, err);
		if (!st)
			st = fetch_queue_result(f.queue, err);
		else if (st != ST_SIGPIPE && !fetch_queue_is_empty(f.queue))
			print_incomplete(&f, err);
	}
	session_close(&session); /* before the queue, which its transfers use */
	fetch_queue_free(f.queue);
	lines_release(&f.lines);
	return st;
}

#define AT(member) .at = offsetof(struct fetch_params, member)

static const struct opt opts[] = {
	{ .kind = OPT_STRING,
		.name = "output-dir",
		.letter = 'D',
		.metavar = "DIR",
		AT(config.output_dir),
		.fallback = ".",
		.env = "KANDY_OUTPUT_DIR",
		.config = true,
		.hint = HINT_DIR,
		.help = "directory for downloaded files; created if missing" },
	{ .kind = OPT_GROUP, .group = jobs_opts, AT(jobs) },
	{ .kind = OPT_FLAG,
		.name = "unordered",
		AT(config.unordered),
		.help = "print each line as soon as its files are complete, not in input order" },
	{ .kind = OPT_FLAG,
		.name = "thumbnails",
		AT(config.thumbnails),
		.help = "download thumbnails, too",
		.more = "The file part gets a member \"thumbnail\" with the same keys." },
	{ .kind = OPT_HEADING, .help = "Existing files" },
	{ .kind = OPT_FLAG,
		.name = "clobber",
		AT(config.clobber),
		.help = "overwrite a file of the same name",
		.more = "By default, the first free name of NAME, NAME-2, NAME-3 ... is used." },
	{ .kind = OPT_FLAG,
		.name = "skip-existing",
		AT(config.skip_existing),
		.help = "skip files that an earlier run with this option downloaded for the same message",
		.more = "A file is identified by message ID, link and size, which are recorded in the manifest: " FETCH_MANIFEST_DEFAULT
			" in the output directory, unless --manifest names another one. The manifest must "
			"belong to you and not be writable by others. A file of another user is downloaded again." },
	{ .kind = OPT_STRING,
		.name = "manifest",
		.metavar = "FILE",
		AT(config.manifest),
		.hint = HINT_FILE,
		.help = "append a JSON line to FILE for each downloaded file" },
	{ .kind = OPT_HEADING, .hidden = true, .help = "Limits" },
	{ .kind = OPT_LIST,
		.name = "allow-host",
		.metavar = "HOST",
		AT(allow_hosts),
		.hint = HINT_HOST,
		.help = "also download from HOST[:PORT], without sending the token",
		.more = "Links come from other users. By default, only the service's own scheme, host and port are contacted, also "
			"after a redirect. The token is never sent to another origin." },
	{ .kind = OPT_SIZE,
		.name = "max-filesize",
		.metavar = "SIZE",
		AT(config.max_filesize),
		.fallback = "4G",
		.env = "KANDY_MAX_FILESIZE",
		.config = true,
		.help = "maximum size of one file; 0 means no limit" },
	{ .kind = OPT_SIZE,
		.name = "max-total",
		.metavar = "SIZE",
		AT(config.max_total),
		.fallback = "0",
		.env = "KANDY_MAX_TOTAL",
		.config = true,
		.help = "maximum size of all files together; 0 means no limit" },
	{ .kind = OPT_DURATION,
		.name = "max-time",
		.metavar = "DURATION",
		AT(config.max_time_ms),
		.fallback = "0",
		.env = "KANDY_MAX_TIME",
		.config = true,
		.help = "maximum time for one attempt to download a file; 0 means no limit",
		.more = "Downloads are not limited by --timeout." },
	{ .kind = OPT_SIZE,
		.name = "speed-limit",
		.metavar = "SIZE",
		AT(config.speed_limit),
		.fallback = "1k",
		.env = "KANDY_SPEED_LIMIT",
		.config = true,
		.help = "abort a download slower than SIZE bytes/s for --speed-time; 0 means no limit" },
	{ .kind = OPT_DURATION,
		.name = "speed-time",
		.metavar = "DURATION",
		AT(config.speed_time_ms),
		.fallback = "30s",
		.min = 1000,
		.max = INT64_C(86400000),
		.env = "KANDY_SPEED_TIME",
		.config = true,
		.help = "averaging period for --speed-limit; also the idle timeout" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct fetch_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct fetch_params, common) },
	{ 0 },
};

const struct command cmd_fetch_links = {
	.name = "fetch-links",
	.operands = "[LINK...]",
	.operands_max = SIZE_MAX,
	.summary = "download attachments",
	.description = CLI_LIST(
		"Reads message lines from stdin, as 'kandy listen' and 'kandy history' print them, downloads their attachments, and "
		"prints the lines with each file part completed: url (file://...), path, bytes and sha256, or error. Lines without "
		"file parts are printed unchanged. Lines are printed in input order, each as soon as its files are complete. With "
		"LINK operands, those links are downloaded instead.",
		"Interrupted downloads are kept as NAME.part and resumed by a later run, if the server supports it. A file gets its "
		"final name only after its size has been verified and it has been synced to disk.",
		"Messages are not trusted. A file name is reduced to its last path component, without control characters, leading "
		"dots and leading dashes, and is shortened if necessary. Nothing is written outside of the directory, no symbolic link "
		"is followed, and no file is overwritten without --clobber.",
		"If a download fails, the error is printed in its file part and on stderr, the other downloads continue, and the exit "
		"status is 1. With a single LINK operand, the exit status is that of the failure: for example, 77 if the service denies "
		"access, or 74 if the disk is full."),
	.opts = opts,
	.params_size = sizeof(struct fetch_params),
	.examples = CLI_EXAMPLES(
		{ "kandy listen -n 1 | kandy fetch-links -D inbox | jq -r '.parts[] | select(.type==\"file\").path'",
			"wait for a message, download its attachments and print their paths" },
		{ "kandy history bob@sandbox.example | kandy fetch-links -D archive --skip-existing -j 8",
			"skip attachments that were downloaded before" }),
	.see_also = CLI_LIST("listen", "history", "send"),
	.run = run,
};
