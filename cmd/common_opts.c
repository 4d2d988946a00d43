#include "cmd/common_opts.h"

#include <string.h>

const struct opt common_opts[] = {
	{ .kind = OPT_HEADING, .help = "Common options" },
	{ .kind = OPT_STRING,
		.name = "profile",
		.letter = 'p',
		.metavar = "NAME",
		.hint = HINT_PROFILE,
		.at = offsetof(struct common_params, profile),
		.env = "KANDY_PROFILE",
		.fallback = "default",
		.help = "use the settings and the login of profile NAME" },
	{ .kind = OPT_FLAG,
		.name = "quiet",
		.letter = 'q',
		.at = offsetof(struct common_params, quiet),
		.help = "say nothing on stderr but errors" },
	{ .kind = OPT_COUNT,
		.name = "verbose",
		.letter = 'v',
		.at = offsetof(struct common_params, verbose),
		.help = "tell on stderr what is being done" },
	{ .kind = OPT_STRING,
		.name = "trace",
		.metavar = "FILE",
		.hint = HINT_FILE,
		.env = "KANDY_TRACE",
		.at = offsetof(struct common_params, trace),
		.help = "append a trace of requests and answers to FILE, without secrets and message texts" },
	{ .kind = OPT_FLAG,
		.name = "trace-text",
		.env = "KANDY_TRACE_TEXT",
		.at = offsetof(struct common_params, trace_text),
		.help = "in the trace, bodies too: message text; never passwords or tokens",
		.more = "Of each body, and of each message on the WebSocket, the first 16 KiB. Files and what is no "
			"text are left out." },
	{ .kind = OPT_HELP, .name = "help", .letter = 'h', .help = "show this help" },
	{ .kind = OPT_VERSION, .name = "version", .letter = 'V', .help = "show the version" },
	{ 0 },
};

static const char *const formats[] = { "json", "text", NULL };

const struct opt format_opts[] = {
	{ .kind = OPT_CHOICE,
		.name = "format",
		.metavar = "FORMAT",
		.choices = formats,
		.fallback = "json",
		.at = offsetof(struct format_params, format),
		.help = "print JSON, or text for people" },
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
		.help = "do up to N requests at once",
		.more = "Messages of one conversation go one after the other all the same, in their order." },
	{ 0 },
};

const struct opt look_opts[] = {
	{ .kind = OPT_DURATION,
		.name = "look-again",
		.metavar = "DURATION",
		.fallback = "1.5s",
		.min = 1,
		.max = 60000,
		.env = "KANDY_LOOK_AGAIN",
		.config = true,
		.at = offsetof(struct look_params, lookup_delay),
		.help = "look for a message whose answer got lost again after DURATION, and then after twice as long",
		.more = "What history does not show by then is sent again. Where a gateway says that it waited in vain, the service may still be "
			"at work on the message, and it is looked for five times more, after up to eight times as long." },
	{ 0 },
};

bool format_is_text(const struct format_params *params)
{
	return params->format && !strcmp(params->format, "text");
}
