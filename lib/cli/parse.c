/*
 * parse.c - argv, by the rows of a command.
 *
 * GNU style: options and operands in any order, "--opt=value", "--opt value", "-ovalue", "-o value", "-abc", "--"
 * ends the options (as the first operand does of a command that wraps another), "-" is an operand, "--no-flag" takes a
 * flag back. Option names are taken in full only, so that a
 * script does not change its meaning with the next release.
 */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli-int.h"

#include <stdlib.h>
#include <string.h>

static void walk(const struct opt *opts, size_t base, void (*each)(const struct opt *, size_t, void *), void *arg)
{
	for (; opts->kind != OPT_END; opts++) {
		if (opts->kind == OPT_GROUP)
			walk(opts->group, base + opts->at, each, arg);
		else
			each(opts, base, arg);
	}
}

void cli_each_row(const struct opt *opts, void (*each)(const struct opt *row, size_t base, void *arg), void *arg)
{
	walk(opts, 0, each, arg);
}

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

/* A setting that is none of the command line's, because it is a secret: the sentence names the ways that there are. */
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
		"there is no option '--%s': others could read the value in the list of processes; use %sor '%s' in the environment",
		row->name, ways.data, row->env ? row->env : "a file");
	buf_release(&ways);
	return st;
}

/* `shown` is the option, as in "-x". */
static enum status unknown(const struct cli *cli, const char *shown, struct err *err)
{
	if (!cli->command->run) /* the overview */
		return err_set(err, ST_USAGE,
			"unknown option '%s'; what is no common option stands behind the command: 'kandy COMMAND %s'",
			shown, shown);
	return err_set(err, ST_USAGE, "unknown option '%s'; 'kandy %s --help' lists the options", shown,
		cli->command->name);
}

/* The value of an unknown option is left out of the sentence: it may have been meant for a password. */
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
	near = nearest_word(shown + 2, words);
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

/* Takes an option that was found. `text` is its argument, or NULL for a flag; `on` is false for --no-NAME. */
static enum status take(struct cli *cli, struct cli_value *value, const char *name, const char *text, bool on,
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

	if (!value && starts_with(name, "no-")) {
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
		st = take(cli, value, shown, text, on, err);
	free(shown);
	return st;
}

/* argv[*i] is '-' and letters: flags, up to one that takes the rest, or the next word, as its argument. */
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
			st = take(cli, value, shown, NULL, true, err);
			continue;
		}
		if (p[1])
			text = p + 1;
		else if (argv[*i + 1])
			text = argv[++*i];
		if (!text)
			return missing_argument(value->row, shown, err);
		return take(cli, value, shown, text, true, err);
	}
	return st;
}

static enum status count_operands(const struct cli *cli, struct err *err)
{
	const struct command *command = cli->command;
	struct buf usage;
	enum status st;

	if (cli->operand_count > command->operands_max)
		return err_set(err, ST_USAGE, "unexpected operand '%s'; 'kandy %s --help' shows what it takes",
			cli->operands[command->operands_max], command->name);
	if (cli->operand_count >= command->operands_min)
		return ST_OK;
	buf_init(&usage, BUF_NO_MAX);
	cli_usage(&usage, command);
	st = err_set(err, ST_USAGE, "an operand is missing; %s", usage.data);
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
		else if (argv[i][1] == '-')
			st = parse_long(cli, argv, &i, err);
		else
			st = parse_short(cli, argv, &i, err);
	}
	if (cli->want_help || cli->want_version)
		return ST_OK;
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

const struct command *cli_find(const struct command *const *commands, const char *name)
{
	for (; *commands; commands++) {
		if (!strcmp((*commands)->name, name))
			return *commands;
	}
	return NULL;
}

const char *cli_nearest(const struct command *const *commands, const char *name)
{
	const char **words;
	const char *near;
	size_t count = 0;

	while (commands[count])
		count++;
	words = xcalloc(count + 1, sizeof(*words));
	count = 0;
	for (; *commands; commands++) {
		if (!(*commands)->hidden)
			words[count++] = (*commands)->name;
	}
	near = nearest_word(name, words);
	free(words);
	return near;
}
