#include "cmd/common_opts.h"

#include <string.h>

const struct opt common_opts[] = {
	{ .kind = OPT_HEADING, .name = "common", .help = "Common options" },
	{ .kind = OPT_STRING,
		.name = "profile",
		.letter = 'p',
		.metavar = "PROFILE",
		.hint = HINT_PROFILE,
		.at = offsetof(struct common_params, profile),
		.env = "KANDY_PROFILE",
		.fallback = "default",
		.help = "use the settings and login of PROFILE" },
	{ .kind = OPT_FLAG,
		.name = "quiet",
		.letter = 'q',
		.at = offsetof(struct common_params, quiet),
		.help = "print errors only" },
	{ .kind = OPT_COUNT,
		.name = "verbose",
		.letter = 'v',
		.at = offsetof(struct common_params, verbose),
		.help = "log each request to stderr" },
	{ .kind = OPT_STRING,
		.name = "trace",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.env = "KANDY_TRACE",
		.at = offsetof(struct common_params, trace),
		.help = "append a trace of requests and responses to FILE" },
	{ .kind = OPT_FLAG,
		.name = "trace-text",
		.env = "KANDY_TRACE_TEXT",
		.at = offsetof(struct common_params, trace_text),
		.help = "include message bodies in the trace; credentials are always redacted",
		.more = "Up to 16 KiB of each body and WebSocket message are traced; attachments and binary data are omitted." },
	{ .kind = OPT_HELP, .name = "help", .letter = 'h', .help = "show this help; with --all, every option" },
	{ .kind = OPT_VERSION, .name = "version", .letter = 'V', .help = "print version information" },
	{ 0 },
};

const struct opt format_opts[] = {
	{ .kind = OPT_CHOICE,
		.name = "format",
		.metavar = "FORMAT",
		.choices = CLI_LIST("json", "text"),
		.fallback = "json",
		.at = offsetof(struct format_params, format),
		.help = "output format" },
	{ 0 },
};

const struct opt jobs_opts[] = {
	{ .kind = OPT_INT,
		.name = "jobs",
		.letter = 'j',
		.metavar = "N",
		.fallback = "4",
		.min = 1,
		.max = 256,
		.env = "KANDY_JOBS",
		.config = true,
		.at = offsetof(struct jobs_params, jobs),
		.help = "maximum number of parallel requests",
		.more = "The messages of one conversation are always sent one at a time, in order." },
	{ 0 },
};

const struct opt settle_opts[] = {
	{ .kind = OPT_DURATION,
		.name = "settle-time",
		.metavar = "DURATION",
		.fallback = "12s",
		.min = 1,
		.max = 600000,
		.env = "KANDY_SETTLE_TIME",
		.config = true,
		.at = offsetof(struct settle_params, settle_ms),
		.help = "time within which the service's history shows an accepted message",
		.more = "If the response to a message is lost, its conversation's history is checked for so long (a minute longer after a "
			"gateway timeout, because the service may still be processing the message). The message is sent again only if "
			"the history proves that it was not accepted." },
	{ 0 },
};

bool format_is_text(const struct format_params *params)
{
	return params->format && !strcmp(params->format, "text");
}
