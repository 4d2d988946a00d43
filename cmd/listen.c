/*
 * listen.c - incoming notifications as JSON lines, until it is stopped.
 */
#include "base/mem.h"
#include "base/time_arg.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/session_opts.h"
#include "json/filter.h"
#include "listen/listen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listen_params {
	struct common_params common;
	struct session_params session;
	struct listen_options listen;
	struct format_params format;
	const char *jq, *select;
	struct str_list args;
	const char *exec;
	bool exec_shell;
};

/* Splits each --arg. `*args` points to the strings in `names`; free both. */
static enum status parse_args(const struct str_list *list, struct filter_arg **args, char **names, struct err *err)
{
	*args = xcalloc(list->count + 1, sizeof(**args));
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');

		if (!equals || equals == list->items[i])
			return err_set(err, ST_USAGE, "invalid --arg '%s': expected NAME=VALUE", list->items[i]);
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
		return params->args.count ? err_set(err, ST_USAGE, "--arg needs --jq or --select") : ST_OK;
	names = xcalloc(params->args.count + 1, sizeof(*names));
	if (!(st = parse_args(&params->args, &args, names, err)))
		st = filter_new(filter, params->select, params->jq, args, params->args.count, err);
	for (size_t i = 0; i < params->args.count; i++)
		free(names[i]);
	free(names);
	free(args);
	return st;
}

/* The command of --exec with its arguments, or NULL; free the array. */
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
	argv[n++] = (char *)params->exec; /* $0 of the shell */
	for (size_t i = 0; i < cli->operand_count; i++)
		argv[n++] = cli->operands[i];
	return argv;
}

static enum status check(const struct listen_params *params, const struct cli *cli, struct err *err)
{
	bool text = format_is_text(&params->format);

	if (cli->operand_count && !params->exec)
		return err_set(err, ST_USAGE, "unexpected argument '%s': arguments are for the command of --exec",
			cli->operands[0]);
	if ((params->exec_shell || params->listen.dead_letter) && !params->exec)
		return err_set(err, ST_USAGE, "%s needs --exec", params->exec_shell ? "--exec-shell" : "--dead-letter");
	if (text && (params->jq || params->exec))
		return err_set(err, ST_USAGE, "--format text cannot be combined with %s",
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
		return 0; /* another process is watched */
	return value / 1000;
}

static struct listen_options options_of(const struct listen_params *params, struct filter *filter, char **argv)
{
	const char *temp_dir = getenv("TMPDIR");
	struct listen_options options = params->listen;

	options.text = format_is_text(&params->format);
	options.terminal = isatty(STDOUT_FILENO);
	options.filter = filter;
	options.out = STDOUT_FILENO;
	options.temp_dir = temp_dir && *temp_dir == '/' ? temp_dir : "/var/tmp";
	options.exec = argv;
	options.exec_name = params->exec;
	options.exec_delay_ms = params->session.retry_delay;
	options.environment = environ;
	options.notify_socket = getenv("NOTIFY_SOCKET");
	options.watchdog_ms = watchdog_ms();
	return options;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct listen_params *params = p;
	struct session_handle handle;
	struct listen_options options;
	struct filter *filter = NULL;
	char **argv;
	enum status st;

	if ((st = check(params, ctx->cli, err)))
		return st;
	if (params->exec)
		setenv("KANDY_PROFILE", ctx->profile, 1); /* for kandy commands that the command runs */
	if ((st = make_filter(params, &filter, err)))
		return st;
	argv = exec_argv(params, ctx->cli);
	options = options_of(params, filter, argv);
	if (!(st = session_open(&handle, ctx, &params->session, false, err))) {
		if (!(st = session_keep_secrets(&handle, err)))
			st = listen_run(handle.client, &options, err);
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
		.at = offsetof(struct listen_params, listen.count),
		.min = 1,
		.max = INT64_MAX,
		.help = "exit after N lines" },
	{ .kind = OPT_DURATION,
		.name = "for",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, listen.for_ms),
		.min = 1,
		.help = "exit after DURATION" },
	{ .kind = OPT_DURATION,
		.name = "idle",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, listen.idle_ms),
		.min = 1,
		.help = "exit after DURATION without a notification",
		.more = "The time starts when the backfill is complete." },
	{ .kind = OPT_FLAG,
		.name = "once",
		.at = offsetof(struct listen_params, listen.once),
		.help = "print messages received since the last run, then exit (for cron)" },
	{ .kind = OPT_STRING,
		.name = "since",
		.metavar = "last|none|all|TIME",
		.at = offsetof(struct listen_params, listen.since),
		.help = "start at the checkpoint of the last run (last), now (none), at the first message (all), or at TIME: " TIME_ARG_FORMS,
		.more = "The default is last. If no listener of the profile has run before, last means none." },
	{ .kind = OPT_HEADING, .help = "Output" },
	{ .kind = OPT_STRING,
		.name = "select",
		.metavar = "PROGRAM",
		.at = offsetof(struct listen_params, select),
		.once = true,
		.help = "print only lines for which the jq PROGRAM returns a value other than false and null" },
	{ .kind = OPT_STRING,
		.name = "jq",
		.metavar = "PROGRAM",
		.at = offsetof(struct listen_params, jq),
		.once = true,
		.help = "transform each line with the jq PROGRAM" },
	{ .kind = OPT_LIST,
		.name = "arg",
		.metavar = "NAME=VALUE",
		.at = offsetof(struct listen_params, args),
		.help = "set the jq variable $NAME to the string VALUE" },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct listen_params, format) },
	{ .kind = OPT_FLAG,
		.name = "events",
		.at = offsetof(struct listen_params, listen.events),
		.help = "also print connection events: connected, disconnected, resubscribed, waiting, gap" },
	{ .kind = OPT_FLAG,
		.name = "outbound",
		.at = offsetof(struct listen_params, listen.outbound),
		.help = "also print messages that this user has sent",
		.more = "Without it, messages and typing notifications with \"direction\":\"outbound\" are skipped, so a program that answers each "
			"message does not answer itself." },
	{ .kind = OPT_HEADING, .help = "Command hook" },
	{ .kind = OPT_STRING,
		.name = "exec",
		.metavar = "COMMAND",
		.hint = HINT_COMMAND,
		.at = offsetof(struct listen_params, exec),
		.once = true,
		.help = "run COMMAND with the ARGUMENTs for each message, instead of printing it" },
	{ .kind = OPT_FLAG,
		.name = "exec-shell",
		.at = offsetof(struct listen_params, exec_shell),
		.help = "run COMMAND with sh -c" },
	{ .kind = OPT_INT,
		.name = "jobs",
		.letter = 'j',
		.metavar = "N",
		.at = offsetof(struct listen_params, listen.jobs),
		.fallback = "1",
		.min = 1,
		.max = 256,
		.help = "number of commands to run in parallel; one at a time for each conversation" },
	{ .kind = OPT_INT,
		.name = "exec-retries",
		.metavar = "N",
		.at = offsetof(struct listen_params, listen.exec_retries),
		.fallback = "3",
		.min = 0,
		.max = 1000000,
		.help = "number of retries before a message is dead-lettered" },
	{ .kind = OPT_STRING,
		.name = "dead-letter",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.at = offsetof(struct listen_params, listen.dead_letter),
		.help = "append dead-lettered messages to FILE, with the reason" },
	{ .kind = OPT_HEADING, .hidden = true, .help = "Connection and monitoring" },
	{ .kind = OPT_DURATION,
		.name = "keepalive",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, listen.keepalive_ms),
		.fallback = "30s",
		.min = 100,
		.max = INT64_C(86400000),
		.env = "KANDY_KEEPALIVE",
		.config = true,
		.help = "send a keepalive every DURATION; reconnect after three missed replies" },
	{ .kind = OPT_DURATION,
		.name = "max-offline",
		.metavar = "DURATION",
		.at = offsetof(struct listen_params, listen.max_offline_ms),
		.env = "KANDY_MAX_OFFLINE",
		.config = true,
		.help = "exit 69 after DURATION without a connection (default: at once if the first connect fails, otherwise never)" },
	{ .kind = OPT_STRING,
		.name = "heartbeat",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.at = offsetof(struct listen_params, listen.heartbeat),
		.env = "KANDY_HEARTBEAT",
		.config = true,
		.help = "touch FILE whenever the server responds (for monitoring)" },
	{ .kind = OPT_FLAG,
		.name = "takeover",
		.at = offsetof(struct listen_params, listen.takeover),
		.help = "stop another listener of this profile and take over" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct listen_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct listen_params, common) },
	{ 0 },
};

const struct command cmd_listen = {
	.name = "listen",
	.operands = "[ARGUMENT...]",
	.operands_max = SIZE_MAX,
	.summary = "stream incoming messages",
	.description = CLI_LIST(
		"Prints incoming notifications as JSON lines until it is stopped. It subscribes to chat by itself; to receive SMS or receipts, run "
		"'kandy subscribe' once.",
		"Each message is printed once, and the messages of a conversation in order. A checkpoint is kept on disk; after every connect, "
		"messages since the checkpoint are backfilled from the history (\"backfilled\":true) before live ones. A message is acknowledged "
		"when its line has been written, or when the command of --exec exits with 0. Typing notifications and receipts are not in the "
		"history; --events reports a gap in which some may be missing. If the backfill fails, a warning is printed and it is retried. Live "
		"messages are held for up to 30 s; then they are printed out of order, an error is reported, and the missing messages follow when "
		"the history is available.",
		"If the jq program of --select or --jq fails on a message, the message is skipped and reported (even with -q), and the exit status is "
		"1. For other notifications, a failure is a warning.",
		"With --exec, COMMAND is run for each message. Its stdin is the message's line, and its stdout goes to stderr. The main fields are in "
		"KANDY_EVENT, KANDY_TYPE, KANDY_ID, KANDY_MESSAGE_ID, KANDY_SENDER, KANDY_DESTINATION, KANDY_ADDRESS (where to send an answer), "
		"KANDY_DIRECTION, KANDY_TIMESTAMP, KANDY_BACKFILLED, KANDY_TEXT (the first 100 KiB), KANDY_FILES (number of attachments) and "
		"KANDY_ATTEMPT; KANDY_PROFILE is the listener's profile. Exit status 0 acknowledges the message. 75 (temporary failure) retries "
		"indefinitely with backoff, or after --retry-delay. Any other status is retried --exec-retries times; then the message is "
		"dead-lettered, and the exit status is 1. If COMMAND is ended together with the listener, or by SIGTERM, it is run again the next "
		"time. The command is run for messages only; --events prints other notifications.",
		"With --once, a message for which COMMAND exits with 75 is deferred to the next run, with all later ones of its conversation, and the "
		"exit status is 75.",
		"If the connection is lost, kandy reconnects with backoff. It renews the token, the channel and the subscriptions, and exits only if it "
		"cannot go on (77: not logged in, refused, or no subscription is left; 69: see --max-offline) or when it is stopped.",
		"The checkpoint is a file next to the token cache, with the same requirement for its mode (78). If it is corrupt, kandy reports it and "
		"starts from now, or from --since; with --once the exit status is 65.",
		"Under systemd with Type=notify, it reports readiness and feeds the watchdog."),
	.opts = opts,
	.params_size = sizeof(struct listen_params),
	.examples = CLI_EXAMPLES({ "kandy listen -n 1 --idle 2s || true", "wait for one notification" },
		{ "kandy listen --idle 1s --jq '.parts[]?.text? // empty' || true", "print only the texts" },
		{ "kandy listen --once --exec cat", "from cron: process messages received since the last run" }),
	.see_also = CLI_LIST("subscribe", "fetch-links", "send"),
	.run = run,
};
