/*
 * help.c - `kandy help`: the first screen, the help of a command, and (hidden) everything generated from the rows.
 */
#include "base/str.h"
#include "cli/term.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/config_files.h"
#include "cmd/listing.h"
#include "cmd/manual.h"
#include "cmd/output.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

enum { PROFILES_MAX = 256 };

struct help_params {
	struct common_params common;
	const char *emit;
	bool all;
};

/* The operands: a command and maybe one of its verbs, or a topic. */
static enum status find(const struct cli *cli, const struct command **command, const struct cli_verb **verb,
	struct err *err)
{
	const char *name = cli->operand_count ? cli->operands[0] : NULL;

	if (!name)
		return ST_OK;
	*command = strcmp(name, topic_connection.name) ? cli_find(commands, name) : &topic_connection;
	if (!*command)
		return cli_unknown_command(commands, name, err);
	if (cli->operand_count < 2)
		return ST_OK;
	if (!(*command)->verbs || cli->operand_count > 2)
		return err_set(err, ST_USAGE, "unexpected operand '%s'; see 'kandy help --help'",
			cli->operands[(*command)->verbs ? 2 : 1]);
	*verb = cli_find_verb(*command, cli->operands[1]);
	return *verb ? ST_OK : cli_unknown_verb(*command, cli->operands[1], err);
}

/* Those that have a section in a configuration file. Errors are ignored, because completion has no place for them. */
static void add_configured(struct buf *out)
{
	static const enum opt_source layers[] = { SOURCE_PROFILE, SOURCE_SYSTEM };
	const char *names[PROFILES_MAX];
	struct config_files *files;

	if (config_files_open(&files, "default", commands, NULL))
		return;
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		const struct config *config = config_files_get(files, layers[i]);
		size_t count = config ? config_profiles(config, names, PROFILES_MAX) : 0;

		for (size_t j = 0; j < count && j < PROFILES_MAX; j++)
			buf_addf(out, "%s\n", names[j]);
	}
	config_files_free(files);
}

/* Those that have a token cache. */
static void add_cached(struct buf *out, const char *state_dir)
{
	DIR *dir = state_dir ? opendir(state_dir) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (name[0] != '.' && str_ends_with(name, ".json"))
			buf_addf(out, "%.*s\n", (int)(strlen(name) - strlen(".json")), name);
	}
	if (dir)
		closedir(dir);
}

static void add_profiles(struct buf *out, const char *state_dir)
{
	add_configured(out);
	add_cached(out, state_dir);
}

static void add_names(struct buf *out)
{
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			buf_addf(out, "%s\n", commands[i]->name);
	}
}

static void emit(struct buf *out, const char *what, const struct command *command, const struct run_ctx *ctx)
{
	if (!strcmp(what, "man") && command)
		cli_man(out, command);
	else if (!strcmp(what, "man"))
		cli_man_overview(out, &overview, commands, manual_guarantees);
	else if (!strcmp(what, "man-config"))
		manual_add_config(out);
	else if (!strcmp(what, "man-json"))
		manual_add_json(out);
	else if (!strcmp(what, "json"))
		listing_add(out, command ? (const struct command *const[]){ command, NULL } : commands);
	else if (!strcmp(what, "commands"))
		add_names(out);
	else
		add_profiles(out, ctx->state_dir);
}

static void add_candidates(struct buf *out, const struct run_ctx *ctx)
{
	if (cli_complete(out, &overview, commands, ctx->cli->operands, ctx->cli->operand_count) == HINT_PROFILE)
		add_profiles(out, ctx->state_dir);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct help_params *params = p;
	const struct command *command = NULL;
	const struct cli_verb *verb = NULL;
	struct buf text;
	enum status st;

	buf_init(&text, BUF_NO_MAX);
	if (params->emit && !strcmp(params->emit, "complete"))
		add_candidates(&text, ctx);
	else if ((st = find(ctx->cli, &command, &verb, err)))
		return st;
	else if (params->emit)
		emit(&text, params->emit, command, ctx);
	else if (command)
		cli_help(&text, command, verb, params->all, term_width(STDOUT_FILENO));
	else
		cli_overview(&text, &overview, sections, term_width(STDOUT_FILENO));
	st = output_add(text.data, text.len, err);
	buf_release(&text);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_FLAG,
		.name = "all",
		.at = offsetof(struct help_params, all),
		.help = "show the whole description, every option and every example" },
	{ .kind = OPT_CHOICE,
		.name = "emit",
		.metavar = "WHAT",
		.choices = CLI_LIST("man", "man-config", "man-json", "json", "commands", "profiles", "complete"),
		.hidden = true,
		.at = offsetof(struct help_params, emit),
		.help = "print documents generated from the rows" },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct help_params, common) },
	{ 0 },
};

const struct command cmd_help = {
	.name = "help",
	.operands = "[COMMAND [VERB] | connection]",
	.operands_max = SIZE_MAX, /* of --emit complete; find() counts */
	.summary = "show the commands, or the help of a command",
	.description = CLI_LIST(
		"Without an operand, lists the commands; with one, shows its help, as 'kandy COMMAND --help' does. 'kandy help "
		"connection' shows the options common to all commands."),
	.opts = opts,
	.params_size = sizeof(struct help_params),
	.needs = NEEDS_NO_FILES,
	.examples = CLI_EXAMPLES({ "kandy help", "list the commands" },
		{ "kandy help version", "show the help of version" }),
	.run = run,
};
