/*
 * parse.c - parses argv by the rows of a command.
 *
 * GNU style: options and operands in any order, "--opt=value", "--opt value", "-ovalue", "-o value", "-abc"; "--" ends
 * the options (as does the first operand of a command that wraps another); "-" is an operand; "--no-flag" resets a flag.
 * Option names cannot be abbreviated, so that a new option never changes the meaning of a script.
 */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli-int.h"

#include <stdlib.h>
#include <string.h>

static void add_value(const struct opt *row, size_t base, void *arg)
{
	struct cli *cli = arg;

	if (row->kind == OPT_HEADING)
		return;
	cli->values = xgrow(cli->values, cli->value_count, &cli->value_cap, sizeof(*cli->values));
	cli->values[cli->value_count++] = (struct cli_value){ .row = row, .at = base + row->at };
}

static struct cli_value *find_long(const struct cli *cli, const char *name, size_t len)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		const char *known = cli->values[i].row->name;

		if (known && strlen(known) == len && !memcmp(known, name, len))
			return &cli->values[i];
	}
	return NULL;
}

static struct cli_value *find_short(const struct cli *cli, char letter)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		const struct opt *row = cli->values[i].row;

		if (row->letter == letter && !row->no_option)
			return &cli->values[i];
	}
	return NULL;
}

/* A secret has no option, because command lines are visible to other users. The error names the alternatives. */
static enum status refuse_secret(const struct cli *cli, const struct opt *row, struct err *err)
{
	size_t len = strlen(row->name);
	struct buf ways;
	enum status st;

	buf_init(&ways, BUF_NO_MAX);
	for (size_t i = 0; i < cli->value_count; i++) {
		const char *other = cli->values[i].row->name;

		if (other && !strncmp(other, row->name, len) && other[len] == '-')
			buf_addf(&ways, "'--%s', ", other);
	}
	st = err_set(err, ST_USAGE,
		"there is no option '--%s', because command lines are visible to other users; use %sor '%s' in the environment",
		row->name, ways.data, row->env ? row->env : "a file");
	buf_release(&ways);
	return st;
}

/* `shown` is the option, as in "-x". */
static enum status unknown(const struct cli *cli, const char *shown, struct err *err)
{
	if (!cli->command->run) /* the overview */
		return err_set(err, ST_USAGE, "unknown global option '%s'; command options go after the command",
			shown);
	return err_set(err, ST_USAGE, "unknown option '%s'; 'kandy %s --help' lists the options", shown,
		cli->command->name);
}

/* The error does not quote the value, which may be a password. */
static enum status unknown_long(const struct cli *cli, const char *shown, struct err *err)
{
	const char **words = xcalloc(cli->value_count + 1, sizeof(*words));
	const char *near;
	size_t count = 0;
	enum status st;

	for (size_t i = 0; i < cli->value_count; i++) {
		const struct opt *row = cli->values[i].row;

		if (row->name && !row->no_option && !row->hidden)
			words[count++] = row->name;
	}
	near = str_nearest_word(shown + 2, words);
	if (near)
		st = err_set(err, ST_USAGE, "unknown option '%s'; did you mean '--%s'?", shown, near);
	else
		st = unknown(cli, shown, err);
	free(words);
	return st;
}

static enum status missing_argument(const struct opt *row, const char *name, struct err *err)
{
	return err_set(err, ST_USAGE, "option '%s' needs an argument: '--%s=%s'", name, row->name, value_example(row));
}

/* `text` is the argument, or NULL for a flag; `on` is false for --no-NAME. */
static enum status apply(struct cli *cli, struct cli_value *value, const char *name, const char *text, bool on,
	struct err *err)
{
	struct origin origin = { SOURCE_OPTION, name };
	enum status st = ST_OK;

	if (value->row->kind == OPT_HELP)
		cli->want_help = true;
	else if (value->row->kind == OPT_VERSION)
		cli->want_version = true;
	else if (value->times && value->row->once)
		return err_set(err, ST_USAGE, "option '%s' was given twice", name);
	else if (text)
		st = value_set(cli, value, text, &origin, err);
	else
		value_set_flag(cli, value, on);
	if (st)
		return st;
	value->times++;
	value->source = SOURCE_OPTION;
	value->text = text ? text : on ? "yes" : "no";
	free(value->where);
	value->where = xstrdup(name);
	return ST_OK;
}

/* argv[*i] begins with "--". */
static enum status parse_long(struct cli *cli, char **argv, int *i, struct err *err)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char *text = name[len] ? name + len + 1 : NULL;
	struct cli_value *value = find_long(cli, name, len);
	char *shown = xmemdup0(argv[*i], len + 2);
	bool on = true;
	enum status st;

	if (!value && str_starts_with(name, "no-")) {
		value = find_long(cli, name + 3, len - 3);
		if (value && value->row->kind != OPT_FLAG)
			value = NULL;
		on = false;
	}
	if (value && !value->row->no_option && cli_takes_argument(value->row) && !text && argv[*i + 1])
		text = argv[++*i];

	if (!value)
		st = unknown_long(cli, shown, err);
	else if (value->row->no_option && value->row->secret)
		st = refuse_secret(cli, value->row, err);
	else if (value->row->no_option)
		st = err_set(err, ST_USAGE, "there is no option '%s'; set '%s' in the environment", shown,
			value->row->env);
	else if (cli_takes_argument(value->row) && !text)
		st = missing_argument(value->row, shown, err);
	else if (!cli_takes_argument(value->row) && text)
		st = err_set(err, ST_USAGE, "option '%s' takes no argument; write just '%s'", shown, shown);
	else
		st = apply(cli, value, shown, text, on, err);
	free(shown);
	return st;
}

/* argv[*i] is '-' and letters: flags, and at the end an option whose argument is the rest or the next word. */
static enum status parse_short(struct cli *cli, char **argv, int *i, struct err *err)
{
	enum status st = ST_OK;

	for (const char *p = argv[*i] + 1; *p && !st; p++) {
		struct cli_value *value = find_short(cli, *p);
		char shown[] = { '-', *p, '\0' };
		const char *text = NULL;

		if (!value && (unsigned char)*p >= 0x80)
			return unknown(cli, argv[*i], err);
		if (!value)
			return unknown(cli, shown, err);
		if (!cli_takes_argument(value->row)) {
			st = apply(cli, value, shown, NULL, true, err);
			continue;
		}
		if (p[1])
			text = p + 1;
		else if (argv[*i + 1])
			text = argv[++*i];
		if (!text)
			return missing_argument(value->row, shown, err);
		return apply(cli, value, shown, text, true, err);
	}
	return st;
}

/* Options that belong to other verbs would be ignored silently. */
static enum status check_verb_options(const struct cli *cli, struct err *err)
{
	const struct command *command = cli->command;

	for (size_t i = 0; i < cli->value_count; i++) {
		const struct cli_value *value = &cli->values[i];
		const struct cli_verb *other = command->verbs;

		if (!value->times || !value->row->name || cli_applies(command, cli->verb, value->row->name))
			continue;
		while (!cli_applies(command, other, value->row->name))
			other++;
		return err_set(err, ST_USAGE, "option '%s' does not apply to 'kandy %s %s', but to 'kandy %s %s'",
			value->where, command->name, cli->verb->name, command->name, other->name);
	}
	return ST_OK;
}

static enum status find_verb(struct cli *cli, struct err *err)
{
	const struct command *command = cli->command;

	if (!command->verbs)
		return ST_OK;
	if (cli->operand_count)
		cli->verb = cli_find_verb(command, cli->operands[0]);
	else if (!command->operands_min)
		cli->verb = command->verbs;
	if (cli->verb || !cli->operand_count)
		return ST_OK;
	return cli_unknown_verb(command, cli->operands[0], err);
}

static enum status count_operands(const struct cli *cli, struct err *err)
{
	const struct command *command = cli->command;
	const struct cli_verb *verb = cli->verb;
	size_t first = verb && cli->operand_count ? 1 : 0, count = cli->operand_count - first;
	size_t min = verb ? verb->operands_min : command->operands_min;
	size_t max = verb ? verb->operands_max : command->operands_max;
	struct buf usage;
	enum status st;

	if (count > max)
		return err_set(err, ST_USAGE, "unexpected operand '%s'; see 'kandy %s%s%s --help'",
			cli->operands[first + max], command->name, verb ? " " : "", verb ? verb->name : "");
	if (count >= min)
		return verb ? check_verb_options(cli, err) : ST_OK;
	buf_init(&usage, BUF_NO_MAX);
	cli_usage(&usage, command, verb);
	st = err_set(err, ST_USAGE, "missing operand; %s", usage.data);
	buf_release(&usage);
	return st;
}

void cli_begin(struct cli *cli, const struct command *command)
{
	*cli = (struct cli){ .command = command };
	cli->params = xcalloc(1, command->params_size ? command->params_size : 1);
	cli_each_row(command->opts, add_value, cli);
}

enum status cli_parse(struct cli *cli, const struct command *command, int argc, char **argv, struct err *err)
{
	enum status st = ST_OK;

	cli_begin(cli, command);
	cli->operands = xcalloc((size_t)argc + 1, sizeof(*cli->operands));
	for (int i = 1; i < argc && !st; i++) {
		if (cli->ended || (command->wraps && cli->operand_count) || argv[i][0] != '-' || !argv[i][1])
			cli->operands[cli->operand_count++] = argv[i];
		else if (!strcmp(argv[i], "--"))
			cli->ended = true;
		else if (!strcmp(argv[i], "--all") && (cli->want_all = true) && !find_long(cli, "all", 3))
			continue; /* of --help */
		else if (argv[i][1] == '-')
			st = parse_long(cli, argv, &i, err);
		else
			st = parse_short(cli, argv, &i, err);
	}
	if (cli->want_help || cli->want_version) {
		if (cli->operand_count) /* else the help of the command, not of its default verb */
			(void)!find_verb(cli, NULL);
		return ST_OK;
	}
	if (!st)
		st = find_verb(cli, err);
	if (!st && cli->want_all && !find_long(cli, "all", 3))
		st = unknown_long(cli, "--all", err);
	return st ? st : count_operands(cli, err);
}

void cli_release(struct cli *cli)
{
	for (size_t i = 0; i < cli->value_count; i++) {
		if (cli->values[i].row->kind == OPT_LIST)
			free(((struct str_list *)((char *)cli->params + cli->values[i].at))->items);
		free(cli->values[i].where);
		free(cli->values[i].path);
	}
	free(cli->values);
	free(cli->params);
	free(cli->operands);
	*cli = (struct cli){ 0 };
}
