/*
 * fish.c - completion for fish (3 or newer): one `complete` a row.
 */
#include "cli/cli-int.h"

#include <string.h>

/* A word of fish in single quotes, where only \ and ' are special. */
static void quote(struct buf *out, const char *s)
{
	buf_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\\' || *s == '\'')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '\'');
}

static void add_condition(struct buf *out, const struct command *command)
{
	buf_addf(out, "complete -c kandy -n '__kandy_command %s'", command->name);
}

static void add_words(struct buf *out, const char *const *words)
{
	buf_adds(out, " '");
	for (size_t i = 0; words[i]; i++)
		buf_addf(out, "%s%s", i ? " " : "", words[i]);
	buf_addc(out, '\'');
}

/* What completes an argument: behind -x (nothing else) or -r -F (files). */
static void add_argument(struct buf *out, const struct opt *row)
{
	if (row->hint == HINT_FILE) {
		buf_adds(out, " -r -F");
		return;
	}
	buf_adds(out, " -x");
	if (row->kind == OPT_CHOICE) {
		buf_adds(out, " -a");
		add_words(out, row->choices);
	} else if (row->hint == HINT_DIR) {
		buf_adds(out, " -a '(__fish_complete_directories)'");
	} else if (row->hint == HINT_COMMAND) {
		buf_adds(out, " -a '(__fish_complete_command)'");
	} else if (row->hint == HINT_HOST) {
		buf_adds(out, " -a '(__fish_print_hostnames)'");
	} else if (row->hint == HINT_PROFILE) {
		buf_adds(out, " -a '(kandy help --emit profiles 2>/dev/null)'");
	}
}

struct rows {
	struct buf *out;
	const struct command *command;
};

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct rows *rows = arg;

	(void)base;
	if (!cli_is_shown(row) || row->no_option)
		return;
	add_condition(rows->out, rows->command);
	if (row->letter)
		buf_addf(rows->out, " -s %c", row->letter);
	buf_addf(rows->out, " -l %s", row->name);
	if (cli_takes_argument(row))
		add_argument(rows->out, row);
	buf_adds(rows->out, " -d ");
	quote(rows->out, row->help);
	buf_addc(rows->out, '\n');
}

/* For fish, which does not know where the command begins: the options that take the next word. */
static void add_taking(const struct opt *row, size_t base, void *arg)
{
	struct rows *rows = arg;

	(void)base;
	if (!cli_is_shown(row) || row->no_option || !cli_takes_argument(row))
		return;
	if (row->letter)
		buf_addf(rows->out, " -%c", row->letter);
	buf_addf(rows->out, " --%s", row->name);
}

static void add_operands(struct buf *out, const struct command *command, const struct command *const *commands)
{
	bool help = !strcmp(command->name, "help");

	if (!command->operand_choices && !help && command->operand_hint != HINT_FILE &&
		command->operand_hint != HINT_DIR && !command->wraps)
		return;
	add_condition(out, command);
	if (command->operand_choices) {
		buf_adds(out, " -a");
		add_words(out, command->operand_choices);
	} else if (help) {
		buf_adds(out, " -a '");
		for (size_t i = 0; commands[i]; i++) {
			if (!commands[i]->hidden)
				buf_addf(out, "%s%s", i ? " " : "", commands[i]->name);
		}
		buf_addc(out, '\'');
	} else if (command->operand_hint == HINT_FILE) {
		buf_adds(out, " -F");
	} else if (command->operand_hint == HINT_DIR) {
		buf_adds(out, " -a '(__fish_complete_directories)'");
	} else {
		struct rows rows = { out, command };

		/* it takes words in front that begin with "--" for options of its own; a "-" ends them */
		buf_adds(out, " -a '(__fish_complete_subcommand --fcs-skip=2 -");
		cli_each_row(command->opts, add_taking, &rows);
		buf_adds(out, ")'");
	}
	buf_addc(out, '\n');
}

void cli_fish(struct buf *out, const struct command *const *commands)
{
	buf_adds(out,
		"# Completion for fish. Written by `make completions` from the option rows; do not edit.\n\n"
		"function __kandy_command # NAME: the command line is one of this command (of none yet)\n"
		"    set -l words (commandline -opc)\n"
		"    if test (count $argv) -eq 0\n"
		"        test (count $words) -eq 1\n"
		"    else\n"
		"        test (count $words) -gt 1; and test \"$words[2]\" = $argv[1]\n"
		"    end\n"
		"end\n\n"
		"complete -c kandy -f\n"
		"complete -c kandy -n __kandy_command -s h -l help -d 'show the commands'\n"
		"complete -c kandy -n __kandy_command -s V -l version -d 'show the version'\n");
	for (size_t i = 0; commands[i]; i++) {
		struct rows rows = { out, commands[i] };

		if (commands[i]->hidden)
			continue;
		buf_addf(out, "\ncomplete -c kandy-%s -w 'kandy %s'\n", commands[i]->name, commands[i]->name);
		buf_addf(out, "complete -c kandy -n __kandy_command -a %s -d ", commands[i]->name);
		quote(out, commands[i]->summary);
		buf_addc(out, '\n');
		cli_each_row(commands[i]->opts, add_row, &rows);
		add_operands(out, commands[i], commands);
	}
}
