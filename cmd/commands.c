/*
 * commands.c - the table of the commands, in the order of help.
 */
#include "cmd/command.h"
#include "cmd/common_opts.h"

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
	/* talking */
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
	/* looking after things */
	&cmd_sandbox,
	&cmd_doctor,
	&cmd_help,
	&cmd_version,
	NULL,
};

const struct command overview = {
	.name = "kandy",
	.operands = "[COMMON OPTION...] COMMAND [OPTION...] [OPERAND...]",
	.wraps = true,
	.operands_max = SIZE_MAX,
	.summary = "Kandy CPaaS chat for shell scripts",
	.description =
		(const char *const[]){
			"Logs in, subscribes, sends text with attachments, listens, and fetches attachments, from the command line, cron "
			"jobs and pipelines.",
			"Data goes to stdout as lines of JSON, each written whole, so that the commands compose with each other and with "
			"jq(1); everything else goes to stderr. A command that ends with 0 has done everything, and its output has been "
			"written.",
			"The common options, which every command has, may stand before it, too: kandy -p NAME send ...",
			"A link to kandy by the name of kandy-COMMAND is that command.",
			"Options for which a variable is named below are settings. They are taken from the option, then from the variable, then from the profile's section of the "
			"user's configuration file, then from what stands before the first section there, then from the system's file; "
			"then there is the default. 'kandy whoami' lists all of them, and where each comes from.",
			NULL,
		},
	.opts = common_opts,
	.params_size = sizeof(struct common_params),
};

/* What scripts may rely on; the man pages print it. */
const struct cli_exit_code cli_exit_codes[] = {
	{ ST_OK, "All was done." },
	{ ST_PARTIAL, "A batch was worked through, and some of its items failed; their lines say which." },
	{ ST_USAGE, "The command line is wrong, or a variable that stands in for an option." },
	{ ST_DATA, "The input data is wrong." },
	{ ST_NOINPUT, "An input file does not exist or cannot be read." },
	{ ST_UNAVAILABLE, "The service cannot be reached, or failed (5xx) after all retries." },
	{ ST_INTERNAL, "An internal error." },
	{ ST_CANTCREATE, "An output file cannot be created." },
	{ ST_IO, "Reading or writing failed." },
	{ ST_TEMPFAIL, "A temporary failure (rate limit, no answer): the same call may succeed later." },
	{ ST_PROTOCOL, "The server said something impossible." },
	{ ST_AUTH, "Not logged in, or refused." },
	{ ST_CONFIG, "The configuration is wrong, or a file's mode is unsafe." },
	{ ST_NOTHING, "Listening was ended by --for or --idle, and nothing had been received." },
	{ ST_SIGHUP, "Ended by SIGHUP, since the terminal has gone, after a clean close." },
	{ ST_SIGINT, "Ended by SIGINT, after a clean close." },
	{ ST_SIGPIPE, "Killed by SIGPIPE, as every filter, because the reader of stdout has gone." },
	{ ST_SIGTERM, "Ended by SIGTERM, after a clean close." },
	{ 0, NULL },
};
