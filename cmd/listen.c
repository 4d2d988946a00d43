/*
 * listen.c - notifications as lines, until told to stop.
 */
#include "listen/listen.h"
#include "base/mem.h"
#include "base/retry.h"
#include "base/time_arg.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/session_opts.h"
#include "json/filter.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listen_params {
	struct common_params common;
	struct session_params session;
	int64_t count, for_ms, idle_ms, keepalive, max_offline;
	bool once, events, takeover, outbound;
	const char *since;
	struct format_params format;
	const char *jq, *select;
	struct str_list args;
	const char *exec;
	bool exec_shell;
	int64_t jobs, exec_retries;
	const char *dead_letter, *heartbeat;
};

/* "NAME=VALUE" of each --arg. `*args` points into `*names`' copies; free both. */
static enum status parse_args(const struct str_list *list, struct filter_arg **args, char **names, struct err *err)
{
	*args = xcalloc(list->count + 1, sizeof(**args));
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');

		if (!equals || equals == list->items[i])
			return err_set(err, ST_USAGE, "--arg takes NAME=VALUE, and not '%s'", list->items[i]);
		names[i] = xmemdup0(list->items[i], (size_t)(equals - list->items[i]));
		(*args)[i] = (struct filter_arg){ .name = names[i], .value = equals + 1 };
	}
	return ST_OK;
}

static enum status make_filter(const struct listen_params *params, struct filter **filter, struct err *err)
{
	struct filter_arg *args = NULL;
	char **names;
	enum status st;

	if (!params->jq && !params->select)
		return params->args.count ? err_set(err, ST_USAGE, "--arg is for --jq and --select") : ST_OK;
	names = xcalloc(params->args.count + 1, sizeof(*names));
	if (!(st = parse_args(&params->args, &args, names, err)))
		st = filter_new(filter, params->select, params->jq, args, params->args.count, err);
	for (size_t i = 0; i < params->args.count; i++)
		free(names[i]);
	free(names);
	free(args);
	return st;
}

/* The command of --exec with its arguments, NULL-terminated; free it. NULL without --exec. */
static char **exec_argv(const struct listen_params *params, const struct cli *cli)
{
	char **argv;
	size_t n = 0;

	if (!params->exec)
		return NULL;
	argv = xcalloc(cli->operand_count + 5, sizeof(*argv));
	if (params->exec_shell) {
		argv[n++] = (char *)"/bin/sh";
		argv[n++] = (char *)"-c";
		argv[n++] = (char *)params->exec;
	}
	argv[n++] = (char *)params->exec; /* for the shell, its $0 */
	for (size_t i = 0; i < cli->operand_count; i++)
		argv[n++] = cli->operands[i];
	return argv;
}

static enum status check(const struct listen_params *params, const struct cli *cli, struct err *err)
{
	bool text = format_is_text(&params->format);

	if (cli->operand_count && !params->exec)
		return err_set(err, ST_USAGE, "'%s' would be an argument of --exec, which was not given",
			cli->operands[0]);
	if ((params->exec_shell || params->dead_letter) && !params->exec)
		return err_set(err, ST_USAGE, "%s is for --exec",
			params->exec_shell ? "--exec-shell" : "--dead-letter");
	if (text && (params->jq || params->exec))
		return err_set(err, ST_USAGE, "--format text is for people; %s wants JSON",
			params->jq ? "--jq" : "--exec");
	return ST_OK;
}

static int64_t watchdog_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	const char *usec = getenv("WATCHDOG_USEC");
	int64_t value;

	if (!usec || !str_parse_int64(usec, &value) || value <= 0)
		return 0;
	if (pid && str_parse_int64(pid, &(int64_t){ 0 }) && strtoll(pid, NULL, 10) != getpid())
		return 0; /* meant for another process */
	return value / 1000;
}

static enum status listen_with(struct client *client, const struct listen_params *params, struct filter *filter,
	char **argv, struct err *err)
{
	const char *temp_dir = getenv("TMPDIR");
	struct listen_options options = {
		.keepalive_ms = params->keepalive,
		.count = params->count,
		.for_ms = params->for_ms,
		.idle_ms = params->idle_ms,
		.max_offline_ms = params->max_offline,
		.once = params->once,
		.events = params->events,
		.outbound = params->outbound,
		.text = format_is_text(&params->format),
		.since = params->since,
		.takeover = params->takeover,
		.temp_dir = temp_dir && *temp_dir == '/' ? temp_dir : "/var/tmp",
		.filter = filter,
		.out = STDOUT_FILENO,
		.exec = argv,
		.exec_name = params->exec,
		.environment = environ,
		.jobs = params->jobs,
		.exec_retries = params->exec_retries,
		.exec_delay_ms = params->session.retry_delay,
		.dead_letter = params->dead_letter,
		.notify_socket = getenv("NOTIFY_SOCKET"),
		.watchdog_ms = watchdog_ms(),
		.heartbeat = params->heartbeat,
	};

	return listen_run(client, &options, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct listen_params *params = p;
	struct session_handle handle;
	struct filter *filter = NULL;
	char **argv;
	enum status st;

	if ((st = check(params, ctx->cli, err)))
		return st;
	if (params->exec)
		setenv("KANDY_PROFILE", ctx->profile, 1); /* so that a kandy in there is of the same one */
	if ((st = make_filter(params, &filter, err)))
		return st;
	argv = exec_argv(params, ctx->cli);
	if (!(st = session_open(&handle, ctx, &params->session, false, err))) {
		if (!(st = session_keep_secrets(&handle, err)))
			st = listen_with(handle.client, params, filter, argv, err);
		session_close(&handle);
	}
	free(argv);
	filter_free(filter);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_INT,
		.name = "count",
		.letter = 'n',
		.metavar = "N",
		.at = offsetof(struct listen_params, count),
		.min = 1,
		.max = INT64_MAX,
		.help = "end after N notifications" },
	{ .kind = OPT_DURATION,
		.name = "for",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, for_ms),
		.min = 1,
		.help = "end after DURATION" },
	{ .kind = OPT_DURATION,
		.name = "idle",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, idle_ms),
		.min = 1,
		.help = "end when nothing came for DURATION",
		.more = "That time begins when the history has been read." },
	{ .kind = OPT_FLAG,
		.name = "once",
		.at = offsetof(struct listen_params, once),
		.help = "print what the history has since the last time, and end; for cron" },
	{ .kind = OPT_STRING,
		.name = "since",
		.metavar = "last|none|all|TIME",
		.at = offsetof(struct listen_params, since),
		.help = "begin where the last listener ended (last), now (none), with the first message (all), or at TIME: " TIME_ARG_FORMS,
		.more = "The default is last; where no listener of the profile ever ran, that is the same as none." },
	{ .kind = OPT_HEADING, .help = "Lines" },
	{ .kind = OPT_STRING,
		.name = "select",
		.metavar = "PROGRAM",
		.at = offsetof(struct listen_params, select),
		.once = true,
		.help = "pass on only that for which the jq PROGRAM gives something other than false and null" },
	{ .kind = OPT_STRING,
		.name = "jq",
		.metavar = "PROGRAM",
		.at = offsetof(struct listen_params, jq),
		.once = true,
		.help = "print what the jq PROGRAM makes of each line" },
	{ .kind = OPT_LIST,
		.name = "arg",
		.metavar = "NAME=VALUE",
		.at = offsetof(struct listen_params, args),
		.help = "set $NAME for --jq and --select to the string VALUE" },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct listen_params, format) },
	{ .kind = OPT_FLAG,
		.name = "events",
		.at = offsetof(struct listen_params, events),
		.help = "print connection events too: connected, disconnected, resubscribed, waiting, gap" },
	{ .kind = OPT_FLAG,
		.name = "outbound",
		.at = offsetof(struct listen_params, outbound),
		.help = "print what this user has sent, too",
		.more = "Without it, messages and typing with the direction \"outbound\" are passed over, whether the socket or the "
			"history has them: a program that answers each message does not answer itself." },
	{ .kind = OPT_HEADING, .help = "Handing over to a command" },
	{ .kind = OPT_STRING,
		.name = "exec",
		.metavar = "COMMAND",
		.hint = HINT_COMMAND,
		.at = offsetof(struct listen_params, exec),
		.once = true,
		.help = "run COMMAND, with the operands as its arguments, for each message instead of printing it" },
	{ .kind = OPT_FLAG,
		.name = "exec-shell",
		.at = offsetof(struct listen_params, exec_shell),
		.help = "COMMAND is a line for the shell" },
	{ .kind = OPT_INT,
		.name = "jobs",
		.letter = 'j',
		.metavar = "N",
		.at = offsetof(struct listen_params, jobs),
		.fallback = "1",
		.min = 1,
		.max = 256,
		.help = "run up to N at once, but one at a time for each conversation" },
	{ .kind = OPT_INT,
		.name = "exec-retries",
		.metavar = "N",
		.at = offsetof(struct listen_params, exec_retries),
		.fallback = "3",
		.min = 0,
		.max = 1000000,
		.help = "give a message up when COMMAND has failed on it N times more" },
	{ .kind = OPT_STRING,
		.name = "dead-letter",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.at = offsetof(struct listen_params, dead_letter),
		.help = "append messages that were given up to FILE, with the reason" },
	{ .kind = OPT_HEADING, .help = "Staying connected" },
	{ .kind = OPT_DURATION,
		.name = "keepalive",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, keepalive),
		.fallback = "30s",
		.min = 100,
		.max = INT64_C(86400000),
		.env = "KANDY_KEEPALIVE",
		.config = true,
		.help = "ask the server so often whether it is there; after three times without an answer, connect anew" },
	{ .kind = OPT_DURATION,
		.name = "max-offline",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, max_offline),
		.env = "KANDY_MAX_OFFLINE",
		.config = true,
		.help = "give up after so long without a connection (default: at once if there never was one, else never)" },
	{ .kind = OPT_STRING,
		.name = "heartbeat",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.at = offsetof(struct listen_params, heartbeat),
		.env = "KANDY_HEARTBEAT",
		.config = true,
		.help = "set the time of FILE at each sign of life of the server" },
	{ .kind = OPT_FLAG,
		.name = "takeover",
		.at = offsetof(struct listen_params, takeover),
		.help = "end another listener of the profile first" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct listen_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct listen_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Prints notifications as lines of JSON, as they come, until it is told to stop. It uses the channel and the subscriptions that "
	"'kandy subscribe' made, and makes what is missing.",
	"No message is lost or printed twice, and those of one conversation come in their order: how far the reader of the lines has come is "
	"kept on disk, and after each connection, the first one included, what the history has since then comes first (marked "
	"\"backfilled\":true). A message counts as taken when its line has been written, or when the command of --exec has ended with 0. "
	"Typing and receipts are not in the history: what of them falls into a gap is lost, and --events tells that there was one. A history that "
	"cannot be read is said, and asked for again; what comes live waits for it, but for half a minute only: then it is printed without, "
	"which is an error, and what was missing comes, late, when it can be read.",
	"Where the jq program of --select or --jq fails on a message, that one is lost: it is named, with -q, too, and the code is 1 in the end. On "
	"typing, receipts and the like, a failure is a warning.",
	"With --exec, COMMAND is run for each message: its line is on stdin, its main fields are in the variables KANDY_EVENT, KANDY_TYPE, "
	"KANDY_ID, KANDY_MESSAGE_ID, KANDY_SENDER, KANDY_DESTINATION, KANDY_ADDRESS (what to send to in order to answer), KANDY_DIRECTION, "
	"KANDY_TIMESTAMP, KANDY_BACKFILLED, KANDY_TEXT (its first 100 KiB), "
	"KANDY_FILES (how many) and KANDY_ATTEMPT, KANDY_PROFILE is the listener's, and what it prints goes to stderr. If it ends with 0, the "
	"message is taken; with 75, it is run again later, with growing delays (or --retry-delay), as often as it takes, which is said now and "
	"then; with anything else, up to --exec-retries times more, and then the message is given up, which is an error, and the code is 1 in "
	"the end. A command that is ended together with the listener, or by SIGTERM, is run again the next time. What is no message is not handed "
	"to it; with --events it is printed.",
	"With --once and --exec, a message for which COMMAND ends with 75 is left for the next run, with all that follow it in its conversation, and "
	"the code is 75.",
	"A listener that has lost its connection connects again, with growing delays, and renews its token, its channel and its subscriptions by "
	"itself. It ends only if it cannot go on (code 77: not logged in, refused, or nothing is subscribed any more; 69: --max-offline), or when "
	"it is told to.",
	"How far the reader has come is in a file beside the token cache, and is refused like that one (78) if others can read or write it. Where "
	"it is damaged, that is said, and what came since the last run cannot be fetched: listening begins now, or where --since says; with "
	"--once the code is 65.",
	"Under systemd with Type=notify it reports when it is ready, and feeds the watchdog.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy listen -n 1 --idle 2s || true", "wait for one notification" },
	{ "kandy listen --idle 1s --jq '.parts[]?.text? // empty' || true", "the texts alone" },
	{ "kandy listen --once --exec cat", "from cron: what came since the last time" },
	{ 0 },
};

static const char *const see_also[] = { "subscribe", "fetch-links", "send", NULL };

const struct command cmd_listen = {
	.name = "listen",
	.operands = "[ARGUMENT...]",
	.operands_max = SIZE_MAX,
	.summary = "print notifications as they come",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct listen_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
