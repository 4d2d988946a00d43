/*
 * Command lines: the arguments are the lines of the input. A row of each kind; numbers end within their
 * bounds.
 */
#include "cli/cli.h"

#include "tests/fuzz/fuzz.h"

struct params {
	bool flag;
	int verbose;
	int64_t jobs, wait, size;
	const char *format, *text;
	struct str_list to;
};

#define AT(member) .at = offsetof(struct params, member)

static const char *const formats[] = { "jsonl", "text", NULL };
static const struct opt group[] = {
	{ .kind = OPT_LIST, .name = "to", .letter = 't', .metavar = "ADDRESS", AT(to), .help = "send to ADDRESS" },
	{ .kind = OPT_END },
};
static const struct opt rows[] = {
	{ .kind = OPT_FLAG, .name = "flag", .letter = 'f', AT(flag), .help = "a flag" },
	{ .kind = OPT_COUNT, .name = "verbose", .letter = 'v', AT(verbose), .help = "more" },
	{ .kind = OPT_INT,
		.name = "jobs",
		.letter = 'j',
		AT(jobs),
		.fallback = "1",
		.min = 1,
		.max = 256,
		.help = "at once" },
	{ .kind = OPT_DURATION, .name = "wait", .letter = 'w', AT(wait), .fallback = "30s", .help = "wait" },
	{ .kind = OPT_SIZE, .name = "size", AT(size), .max = 1 << 20, .help = "a size" },
	{ .kind = OPT_CHOICE,
		.name = "format",
		AT(format),
		.fallback = "jsonl",
		.choices = formats,
		.help = "a format" },
	{ .kind = OPT_STRING, .name = "text", .letter = 'm', AT(text), .once = true, .help = "a text" },
	{ .kind = OPT_GROUP, .group = group, .at = 0 },
	{ .kind = OPT_HELP, .name = "help", .letter = 'h', .help = "help" },
	{ .kind = OPT_END },
};
static const struct command command = { .name = "test",
	.operands = "[X...]",
	.operands_max = 5,
	.summary = "a test",
	.opts = rows,
	.params_size = sizeof(struct params) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MANY = 30 };
	char *text = fuzz_text(data, size), *argv[MANY + 2] = { text };
	struct cli cli = { 0 };
	struct err err = ERR_INIT;
	int argc = 1;

	for (char *p = text; p && argc <= MANY; argc++) {
		argv[argc] = p;
		if ((p = strchr(p, '\n')))
			*p++ = '\0';
	}
	if (!cli_parse(&cli, &command, argc, argv, &err) && !cli_layer(&cli, NULL, &err)) {
		const struct params *params = cli.params;

		if (!cli.want_help) {
			MUST(params->jobs >= 1 && params->jobs <= 256 && params->wait >= 0 && params->size >= 0 &&
				params->size <= 1 << 20);
			MUST(!strcmp(params->format, "jsonl") || !strcmp(params->format, "text"));
			MUST(cli.operand_count <= 5);
		}
		for (size_t i = 0; i < params->to.count; i++)
			MUST(params->to.items[i]);
	} else {
		MUST(err.status == ST_USAGE && err.text[0]);
	}
	cli_release(&cli);
	free(text);
	return 0;
}
