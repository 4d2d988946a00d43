/*
 * rows.c - walking and searching the rows of commands, for the parser and all other readers.
 */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/str.h"

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

bool cli_takes_argument(const struct opt *row)
{
	switch (row->kind) {
	case OPT_INT:
	case OPT_DURATION:
	case OPT_SIZE:
	case OPT_STRING:
	case OPT_CHOICE:
	case OPT_LIST: return true;
	case OPT_END:
	case OPT_GROUP:
	case OPT_HEADING:
	case OPT_FLAG:
	case OPT_COUNT:
	case OPT_HELP:
	case OPT_VERSION: return false;
	}
	return false;
}

bool cli_is_shown(const struct opt *row)
{
	return !row->hidden && row->kind != OPT_HEADING && row->kind != OPT_GROUP && row->kind != OPT_END;
}

size_t cli_program(const char *command, const char **start)
{
	size_t len;

	*start = command + strspn(command, " \t\n");
	len = strcspn(*start, " \t\n;&|<>()");
	return memchr(*start, '=', len) ? 0 : len;
}

const char *cli_metavar(const struct opt *row)
{
	return row->metavar ? row->metavar : "VALUE";
}

static bool is_among(const char *name, const char *const *names)
{
	for (; names && *names; names++) {
		if (!strcmp(*names, name))
			return true;
	}
	return false;
}

bool cli_applies(const struct command *command, const struct cli_verb *verb, const char *option)
{
	bool owned = false;

	if (!verb)
		return true;
	for (const struct cli_verb *v = command->verbs; v->name; v++)
		owned |= is_among(option, v->options);
	return !owned || is_among(option, verb->options);
}

const struct cli_verb *cli_find_verb(const struct command *command, const char *name)
{
	for (const struct cli_verb *verb = command->verbs; verb && verb->name; verb++) {
		if (!strcmp(verb->name, name))
			return verb;
	}
	return NULL;
}

bool cli_exit_applies(const struct cli_exit *row, const struct command *command)
{
	size_t len = strlen(command->name);

	if (!row->commands)
		return true;
	for (const char *at = strstr(row->commands, command->name); at; at = strstr(at + 1, command->name)) {
		if (at[-1] == ' ' && at[len] == ' ')
			return true;
	}
	return false;
}

const struct command *cli_find(const struct command *const *commands, const char *name)
{
	for (; *commands; commands++) {
		if (!strcmp((*commands)->name, name))
			return *commands;
	}
	return NULL;
}

/* Frees `words`, which are the names that the unknown one may have been meant for. */
static enum status unknown_name(const char *what, const char *name, const char **words, const char *help,
	struct err *err)
{
	const char *near = str_nearest_word(name, words);
	enum status st;

	if (near)
		st = err_set(err, ST_USAGE, "unknown %s '%s'; did you mean '%s'?", what, name, near);
	else
		st = err_set(err, ST_USAGE, "unknown %s '%s'; '%s' lists the %ss", what, name, help, what);
	free(words);
	return st;
}

enum status cli_unknown_command(const struct command *const *commands, const char *name, struct err *err)
{
	const char **words;
	size_t count = 0;

	while (commands[count])
		count++;
	words = xcalloc(count + 1, sizeof(*words));
	count = 0;
	for (; *commands; commands++) {
		if (!(*commands)->hidden)
			words[count++] = (*commands)->name;
	}
	return unknown_name("command", name, words, "kandy help", err);
}

enum status cli_unknown_verb(const struct command *command, const char *name, struct err *err)
{
	const char **words;
	size_t count = 0;
	char *help = xasprintf("kandy help %s", command->name);
	enum status st;

	while (command->verbs[count].name)
		count++;
	words = xcalloc(count + 1, sizeof(*words));
	for (size_t i = 0; i < count; i++)
		words[i] = command->verbs[i].name;
	st = unknown_name("verb", name, words, help, err);
	free(help);
	return st;
}

void cli_usage(struct buf *out, const struct command *command, const struct cli_verb *verb)
{
	const char *operands = verb ? verb->operands : command->verbs ? "[OPERAND...]" : command->operands;

	buf_addf(out, "usage: kandy %s", command->name);
	if (command->verbs)
		buf_addf(out, " %s", verb ? verb->name : command->operands_min ? "VERB" : "[VERB]");
	buf_addf(out, " [OPTION...]%s%s", operands ? " " : "", operands ? operands : "");
}
