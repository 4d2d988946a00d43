/*
 * commands.c - the tables of commands, topics and exit statuses, and the texts of the first screen and of kandy(1).
 */
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/session_opts.h"

extern const struct command cmd_login;
extern const struct command cmd_logout;
extern const struct command cmd_whoami;
extern const struct command cmd_subscribe;
extern const struct command cmd_listen;
extern const struct command cmd_unsubscribe;
extern const struct command cmd_sandbox;
extern const struct command cmd_send;
extern const struct command cmd_flush;
extern const struct command cmd_spool;
extern const struct command cmd_doctor;
extern const struct command cmd_fetch_links;
extern const struct command cmd_history;
extern const struct command cmd_conversations;
extern const struct command cmd_delete;
extern const struct command cmd_typing;
extern const struct command cmd_read;
extern const struct command cmd_group;
extern const struct command cmd_version;
extern const struct command cmd_help;

const struct command *const commands[] = {
	&cmd_login,
	&cmd_logout,
	&cmd_whoami,
	&cmd_subscribe,
	&cmd_unsubscribe,
	&cmd_send,
	&cmd_flush,
	&cmd_spool,
	&cmd_listen,
	&cmd_fetch_links,
	&cmd_history,
	&cmd_conversations,
	&cmd_typing,
	&cmd_read,
	&cmd_delete,
	&cmd_group,
	&cmd_sandbox,
	&cmd_doctor,
	&cmd_help,
	&cmd_version,
	NULL,
};

const struct cli_section sections[] = {
	{ "Getting started", false,
		{ { &cmd_login, NULL }, { &cmd_send, NULL }, { &cmd_listen, "stream incoming messages as JSON lines" },
			{ &cmd_fetch_links, NULL }, { &cmd_sandbox, "run a local test server (no account needed)" } } },
	{ "Conversations", true,
		{ { &cmd_conversations, "list conversations" }, { &cmd_history, "show a conversation" },
			{ &cmd_group, "manage groups" }, { &cmd_read, "mark messages as read" },
			{ &cmd_typing, "send a typing indicator" }, { &cmd_delete, "delete messages" } } },
	{ "Delivery", true,
		{ { &cmd_flush, "deliver queued messages" }, { &cmd_spool, "inspect the queue" },
			{ &cmd_subscribe, "subscribe to notifications" },
			{ &cmd_unsubscribe, "cancel subscriptions" } } },
	{ "Account and diagnosis", true,
		{ { &cmd_whoami, "show login and settings" }, { &cmd_logout, "log out" },
			{ &cmd_doctor, "diagnose problems" }, { &cmd_version, "print version information" } } },
	{ 0 },
};

static const struct opt connection_rows[] = {
	{ .kind = OPT_GROUP, .group = session_opts },
	{ .kind = OPT_GROUP, .group = common_opts },
	{ 0 },
};

const struct command topic_connection = {
	.name = "connection",
	.hidden = true,
	.summary = "options common to all commands",
	.description = CLI_LIST(
		"Every command takes the common options. Those that talk to the service also take the connection and login options.",
		"An option that names a KANDY_ variable can be set by that variable or, except for --profile and --trace, in a "
		"configuration file; see kandy-config(5). 'kandy whoami' shows where each setting comes from."),
	.opts = connection_rows,
};

const struct command overview = {
	.name = "kandy",
	.operands = "[-p PROFILE] COMMAND [OPTION...]",
	.wraps = true,
	.operands_max = SIZE_MAX,
	.summary = "send and receive Kandy CPaaS chat messages from scripts",
	.description = CLI_LIST(
		"kandy logs in, subscribes to notifications, sends text with attachments, listens, and downloads what arrives. "
		"It prints JSON lines on stdout, and errors and progress on stderr. The common options may also precede the command.",
		"kandy-COMMAND is the same as kandy COMMAND. Each command has a man page of that name.",
		"An address is user@domain, group:ID or sms:+NUMBER."),
	.opts = common_opts,
	.params_size = sizeof(struct common_params),
	.examples = CLI_EXAMPLES({ "kandy sandbox -- $SHELL", "try it offline, in a shell with a local server" },
		{ "kandy send -t bob@sandbox.example -m hello -a report.pdf", "send a text with an attachment" },
		{ "kandy listen | jq .", "print what arrives" },
		{ "kandy listen --exec ./on-message", "run a command for each message" },
		{ "kandy login --password-file ~/.kandy-pw && kandy subscribe chat", "log in once, from a script" },
		{ "kandy listen | kandy fetch-links -D inbox | jq -r '.parts[] | select(.type==\"file\").path'",
			"download attachments and print their paths" },
		{ "kandy listen --select '.parts[].text? == \"status\"' --jq '{to:.address, text:\"all good\"}' | kandy send --jsonl",
			"reply to certain messages" },
		{ "find reports -name '*.pdf' | jq -Rc '{to:\"bob@sandbox.example\", text:\"report\", files:[.]}' | kandy send --jsonl -j 8",
			"send many messages in parallel" },
		{ "df -P | awk '+$5 > 90' | kandy send -q -E --spool -t bob@sandbox.example",
			"from cron: send a warning, now or when the service is reachable again" },
		{ "kandy listen -q --once --exec ./on-message", "from cron: process the messages since the last run" }),
};

#define SERVICE \
	" login logout subscribe unsubscribe send flush listen fetch-links history conversations typing read delete group doctor "

/* Scripts rely on these: rows are added, never changed. */
const struct cli_exit cli_exits[] = {
	{ ST_OK, "success", "Success.", NULL },
	{ ST_PARTIAL, "some items failed", "Some items of a batch failed; the error lines name them.",
		" send flush fetch-links history subscribe unsubscribe delete read " },
	{ ST_PARTIAL, "a message was skipped or dead-lettered", "A message was skipped or dead-lettered.", " listen " },
	{ ST_USAGE, "usage error", "Usage error on the command line or in an environment variable.", NULL },
	{ ST_DATA, "invalid input", "Invalid input data.", " send flush spool fetch-links listen history " },
	{ ST_NOINPUT, "input file not found", "An input file does not exist or cannot be read.",
		" send flush spool listen " },
	{ ST_UNAVAILABLE, "service unreachable", "The service is unreachable, or failed (5xx) after all retries.",
		SERVICE },
	{ ST_INTERNAL, NULL, "Internal error.", NULL },
	{ ST_CANTCREATE, NULL, "An output file cannot be created.", NULL },
	{ ST_IO, NULL, "Reading or writing failed.", NULL },
	{ ST_TEMPFAIL, "temporary failure",
		"Temporary failure (rate limit, no response): retry later. After 'delivery unknown', check the conversation first.",
		SERVICE },
	{ ST_PROTOCOL, NULL, "Protocol error: invalid server response.", SERVICE },
	{ ST_AUTH, "not logged in or refused", "Not logged in, or refused by the service.", SERVICE " whoami " },
	{ ST_CONFIG, NULL, "Invalid configuration, or unsafe permissions of a file.", NULL },
	{ ST_NOTHING, "ended by --for or --idle without a notification",
		"Listening was ended by --for or --idle without a notification.", " listen " },
	{ ST_SIGHUP, NULL, "Terminated by SIGHUP after a clean shutdown.", NULL },
	{ ST_SIGINT, NULL, "Terminated by SIGINT after a clean shutdown.", NULL },
	{ ST_SIGPIPE, NULL, "Killed by SIGPIPE, because the reader of stdout has exited.", NULL },
	{ ST_SIGTERM, NULL, "Terminated by SIGTERM after a clean shutdown.", NULL },
	{ 0 },
};
