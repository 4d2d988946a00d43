/*
 * fetch_links.c - `kandy fetch-links`: the attachments of message lines into a directory.
 *
 * Lines wait in a queue (fetch_queue.h) until their files are there. stdin is read while transfers run, as long as not
 * too much waits.
 */
#include "wire/attachment.h"
#include "fetch/download.h"
#include "fetch/manifest.h"
#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/fetch_queue.h"
#include "cmd/session_opts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	PROGRESS_MS = 250,
	IDLE_MS = 3600000, /* nothing is due by the clock */
};

struct fetch_params {
	struct common_params common;
	struct session_params session;
	const char *output_dir;
	struct jobs_params jobs;
	bool unordered, clobber, skip_existing, thumbnails;
	const char *manifest;
	struct str_list allow_hosts;
	int64_t max_filesize, max_total, max_time, speed_limit, speed_time;
};

struct fetch {
	const struct fetch_params *params;
	struct session_handle session;
	struct download_dir dir;
	struct link_rules rules;
	struct download_set *downloads;
	struct manifest *manifest; /* NULL: none */
	struct fetch_queue queue;

	struct lines lines;
	char **operands; /* instead of lines */
	size_t operand_count;
	bool input_ended;
	bool single; /* one operand: its failure is the command's own, which main prints */
	int64_t started_ms, progress_ms;
};

/* ---- input ----------------------------------------------------------------------------------------------------- */

static bool may_read(const struct fetch *f)
{
	return !f->input_ended && !fetch_queue_full(&f->queue);
}

static void take_operands(struct fetch *f)
{
	for (; f->operand_count && may_read(f); f->operands++, f->operand_count--)
		fetch_queue_add_link(&f->queue, *f->operands);
	f->input_ended = !f->operand_count;
}

/* As many lines as are there. */
static enum status take_lines(struct fetch *f, struct err *err)
{
	struct err too_long = ERR_INIT;
	size_t len = 0;
	char *line = NULL;

	while (may_read(f)) {
		switch (lines_next(&f->lines, &line, &len)) {
		case LINES_LINE: fetch_queue_add_line(&f->queue, line, len, f->lines.number); break;
		case LINES_AGAIN: return ST_OK;
		case LINES_END: f->input_ended = true; return ST_OK;
		case LINES_TOO_LONG:
			err_set(&too_long, ST_DATA, "longer than %zu bytes", f->lines.max);
			fetch_queue_add_bad_line(&f->queue, f->lines.number, &too_long);
			break;
		case LINES_ERROR: return err_set(err, ST_IO, "cannot read stdin: %s", strerror(errno));
		}
	}
	return ST_OK;
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void show_progress(struct fetch *f)
{
	int64_t now = clock_mono_ms();
	char size[24];

	if (now - f->started_ms < 1000 || now - f->progress_ms < PROGRESS_MS)
		return;
	f->progress_ms = now;
	if (!download_set_active(f->downloads)) {
		log_progress("%s", "");
		return;
	}
	format_size(size, download_set_bytes(f->downloads));
	log_progress("%zu files fetched, %zu to go, %s", f->queue.files_done, download_set_active(f->downloads), size);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static enum status work(struct fetch *f, struct err *err)
{
	int wait_ms = isatty(STDERR_FILENO) ? PROGRESS_MS : IDLE_MS;
	enum status st = ST_OK;

	for (;;) {
		if (f->operands)
			take_operands(f);
		else
			st = take_lines(f, err);
		if (st || (st = fetch_queue_print(&f->queue, err)) || (f->input_ended && !f->queue.items))
			break;
		show_progress(f);
		if (may_read(f) && (f->operands || lines_ready(&f->lines)))
			continue;
		st = download_set_step(f->downloads, wait_ms, !f->operands && may_read(f) ? STDIN_FILENO : -1, err);
		if (st)
			break;
	}
	log_progress("%s", "");
	return st;
}

/* Ended early: the lines that were read are not lost, they say what they lack. */
static enum status print_rest(struct fetch *f, const struct err *why)
{
	struct err ignored = ERR_INIT;

	download_set_stop(f->downloads, why);
	return fetch_queue_print(&f->queue, &ignored);
}

static enum status result(const struct fetch *f, struct err *err)
{
	if (f->queue.failures && f->single) {
		*err = f->queue.last_failure;
		return err->status;
	}
	if (f->queue.failures)
		return ST_PARTIAL;
	return f->queue.manifest_status;
}

static enum status open_all(struct fetch *f, const struct run_ctx *ctx, struct err *err)
{
	const struct fetch_params *params = f->params;
	struct download_config config = {
		.dir = &f->dir,
		.rules = &f->rules,
		.jobs = params->jobs.jobs,
		.clobber = params->clobber,
		.max_filesize = params->max_filesize,
		.max_total = params->max_total,
		.max_time_ms = params->max_time,
		.speed_limit = params->speed_limit,
		.speed_time_ms = params->speed_time,
	};
	enum status st;

	if ((st = session_open(&f->session, ctx, &params->session, false, err)) ||
		(st = link_rules_init(&f->rules, client_base(f->session.client), params->allow_hosts.items,
			 params->allow_hosts.count, err)) ||
		(st = client_authenticate(f->session.client, NULL, err)) ||
		(st = download_dir_open(&f->dir, params->output_dir, err)))
		return st;
	if (params->manifest)
		st = manifest_open(&f->manifest, AT_FDCWD, params->manifest, params->skip_existing, err);
	else if (params->skip_existing)
		st = manifest_open(&f->manifest, f->dir.fd, MANIFEST_DEFAULT, true, err);
	config.client = f->session.client;
	if (st || (st = download_set_new(&f->downloads, &config, err)))
		return st;
	f->queue = (struct fetch_queue){
		.downloads = f->downloads,
		.dir = &f->dir,
		.manifest = f->manifest,
		.unordered = params->unordered,
		.thumbnails = params->thumbnails,
		.skip_existing = params->skip_existing,
		.silent = f->single,
	};
	fetch_queue_init(&f->queue);
	return ST_OK;
}

static void close_all(struct fetch *f)
{
	struct err ended = ERR_INIT;

	err_set(&ended, ST_SIGTERM, "ended");
	session_close(&f->session); /* first: its transfers hold what follows */
	if (f->downloads)
		download_set_stop(f->downloads, &ended);
	fetch_queue_release(&f->queue);
	download_set_free(f->downloads);
	manifest_free(f->manifest);
	link_rules_release(&f->rules);
	download_dir_release(&f->dir);
	lines_release(&f->lines);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	struct fetch f = { .params = p, .started_ms = clock_mono_ms(), .dir = { .fd = -1 } };
	enum status st;

	if (f.params->clobber && f.params->skip_existing)
		return err_set(err, ST_USAGE, "--clobber and --skip-existing exclude each other");
	f.operand_count = ctx->cli->operand_count;
	f.operands = f.operand_count ? ctx->cli->operands : NULL;
	f.single = f.operand_count == 1;
	if (!f.operands && isatty(STDIN_FILENO))
		log_note("reading message lines from the terminal; end with Ctrl-D");
	lines_init(&f.lines, STDIN_FILENO, ATTACHMENT_LINE_MAX);
	f.lines.polled = true;
	st = open_all(&f, ctx, err);
	if (!st) {
		st = work(&f, err);
		if (st && st != ST_SIGPIPE && f.queue.items && print_rest(&f, err))
			log_verbose("lines were not printed, since the output failed");
		if (!st)
			st = result(&f, err);
	}
	close_all(&f);
	return st;
}

#define AT(member) .at = offsetof(struct fetch_params, member)

static const struct opt opts[] = {
	{ .kind = OPT_STRING,
		.name = "output-dir",
		.letter = 'D',
		.metavar = "DIR",
		AT(output_dir),
		.fallback = ".",
		.env = "KANDY_OUTPUT_DIR",
		.config = true,
		.hint = HINT_DIR,
		.help = "put the files into DIR, which is made if it is missing" },
	{ .kind = OPT_GROUP, .group = jobs_opts, AT(jobs) },
	{ .kind = OPT_FLAG,
		.name = "unordered",
		AT(unordered),
		.help = "print each line as soon as its files are there, not in the order of the input" },
	{ .kind = OPT_FLAG,
		.name = "thumbnails",
		AT(thumbnails),
		.help = "fetch the thumbnails too",
		.more = "The part gets a member \"thumbnail\" with the same keys." },
	{ .kind = OPT_HEADING, .help = "Files that exist" },
	{ .kind = OPT_FLAG,
		.name = "clobber",
		AT(clobber),
		.help = "overwrite a file of the same name",
		.more = "Without it, the first free name of NAME, NAME-2, NAME-3 ... is taken." },
	{ .kind = OPT_FLAG,
		.name = "skip-existing",
		AT(skip_existing),
		.help = "do not fetch again what an earlier run with this option fetched for the same message",
		.more = "Message ID, link and size decide. They are kept in the manifest, which is " MANIFEST_DEFAULT
			" in the output directory unless --manifest names another. It must be yours, and nobody else's to change; a "
			"file of another user is fetched again." },
	{ .kind = OPT_STRING,
		.name = "manifest",
		.metavar = "FILE",
		AT(manifest),
		.hint = HINT_FILE,
		.help = "append a line of JSON to FILE for each file that was fetched" },
	{ .kind = OPT_HEADING, .help = "Limits" },
	{ .kind = OPT_LIST,
		.name = "allow-host",
		.metavar = "HOST",
		AT(allow_hosts),
		.hint = HINT_HOST,
		.help = "also fetch links to HOST[:PORT], without the token",
		.more = "Links come from strangers. Without this option, only the service's own scheme, host and port are asked, and "
			"only there the token is shown, wherever a link or a redirect leads." },
	{ .kind = OPT_SIZE,
		.name = "max-filesize",
		.metavar = "SIZE",
		AT(max_filesize),
		.fallback = "4G",
		.env = "KANDY_MAX_FILESIZE",
		.config = true,
		.help = "fetch no file that is larger; 0: no limit" },
	{ .kind = OPT_SIZE,
		.name = "max-total",
		.metavar = "SIZE",
		AT(max_total),
		.fallback = "0",
		.env = "KANDY_MAX_TOTAL",
		.config = true,
		.help = "fetch no more than that in all; 0: no limit" },
	{ .kind = OPT_DURATION,
		.name = "max-time",
		.metavar = "DURATION",
		AT(max_time),
		.fallback = "0",
		.env = "KANDY_MAX_TIME",
		.config = true,
		.help = "give one attempt at a file no longer than that; 0: no limit",
		.more = "--timeout is not for files." },
	{ .kind = OPT_SIZE,
		.name = "speed-limit",
		.metavar = "SIZE",
		AT(speed_limit),
		.fallback = "1k",
		.env = "KANDY_SPEED_LIMIT",
		.config = true,
		.help = "give an attempt up that stays below SIZE bytes a second for --speed-time; 0: no such limit" },
	{ .kind = OPT_DURATION,
		.name = "speed-time",
		.metavar = "DURATION",
		AT(speed_time),
		.fallback = "30s",
		.min = 1000,
		.max = INT64_C(86400000),
		.env = "KANDY_SPEED_TIME",
		.config = true,
		.help = "see --speed-limit; also how long nothing at all may come" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct fetch_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct fetch_params, common) },
	{ 0 },
};

const struct command cmd_fetch_links = {
	.name = "fetch-links",
	.operands = "[LINK...]",
	.operands_max = SIZE_MAX,
	.summary = "download the attachments of message lines",
	.description =
		(const char *const[]){
			"Reads message lines (JSON objects, as 'kandy listen' and 'kandy history' print them) from stdin, downloads the "
			"attachments that they name, and prints the same lines with each file part filled in: url (file://...), path, bytes "
			"and sha256, or error. Lines without file parts are passed on as they are. Lines come out in the order in which they "
			"came in, each as soon as its files are there. With LINK operands, those are downloaded instead.",
			"What a message says is not trusted. Of a name only what is behind the last slash counts, without control characters "
			"and leading dots or dashes, and cut to what a file system takes; nothing is ever written outside of the directory, no "
			"link in it is followed, and no file is overwritten unless --clobber says so. A file that is not whole is called "
			"NAME.part; a later run goes on where it stopped, if the server can send the rest. A file has its name only when its size is right and it "
			"is on the disk.",
			"A link that fails gives an error in its part and on stderr, and the exit code 1 in the end; all others go on. If there "
			"is but one LINK operand, the exit code is that of its failure, such as 77 for what the service refuses and 74 for a "
			"full disk.",
			NULL,
		},
	.opts = opts,
	.params_size = sizeof(struct fetch_params),
	.examples =
		(const struct cli_example[]){
			{ "kandy listen -n 1 | kandy fetch-links -D inbox | jq -r '.parts[] | select(.type==\"file\").path'",
				"wait for a message, fetch what is attached, print where it is" },
			{ "kandy history bob@sandbox.example | kandy fetch-links -D archive --skip-existing -j 8",
				"fetch what has not been fetched before" },
			{ NULL, NULL },
		},
	.see_also = (const char *const[]){ "listen", "history", "send", NULL },
	.run = run,
};
