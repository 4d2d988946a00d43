/*
 * help.c - `--help` and the overview, wrapped to the terminal.
 */
#include "cli/cli.h"

#include "cli/cli-int.h"

#include <string.h>

enum {
	OPTION_COLUMN = 30, /* where the sentences of the options begin */
	COMMAND_COLUMN = 18,
	BELOW_COLUMN = 8, /* where they begin on a terminal that has no room for two columns: on a line of their own */
	COMFORTABLE = 40, /* what the second column has at least */
	NARROWEST = 30, /* no wrapping to less: it would be a column of single words */
};

static size_t second_column(size_t wanted, unsigned width)
{
	return width && width < wanted + COMFORTABLE ? BELOW_COLUMN : wanted;
}

/* How many columns a word takes; a continuation byte of UTF-8 takes none. */
static size_t columns(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xC0) != 0x80;
	return n;
}

/* Appends the words of `text`, the first at column `at`, further lines from column `indent` on. */
static void wrap(struct buf *out, const char *text, size_t at, size_t indent, unsigned width)
{
	size_t limit = width && width < indent + NARROWEST ? indent + NARROWEST : width;
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " \n");
		size_t wide = columns(text, len);

		if (!first && limit && at + 1 + wide > limit) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, text, len);
		at += wide;
		first = false;
		text += len;
		text += strspn(text, " \n");
	}
	buf_addc(out, '\n');
}

/* The left part is written; goes to `column`, on a new line where there is no room. */
static void to_column(struct buf *out, size_t used, size_t column)
{
	if (used + 2 > column)
		buf_addf(out, "\n%*s", (int)column, "");
	else
		buf_addf(out, "%*s", (int)(column - used), "");
}

void cli_usage(struct buf *out, const struct command *command)
{
	buf_addf(out, "usage: kandy %s [OPTION...]", command->name);
	if (command->operands)
		buf_addf(out, " %s", command->operands);
}

struct help {
	struct buf *out;
	unsigned width;
	bool titled; /* rows have a title above them */
};

/* Choices, default, variable and whether there may be many, behind the sentence. */
static void add_notes(struct buf *text, const struct opt *row)
{
	const char *separator = " (";

	if (row->kind == OPT_CHOICE) {
		for (size_t i = 0; row->choices[i]; i++)
			buf_addf(text, "%s%s", i ? ", " : ": ", row->choices[i]);
	}
	if (row->fallback && !row->secret) {
		buf_addf(text, "%sdefault: %s", separator, row->fallback);
		separator = "; ";
	}
	if (row->env) {
		buf_addf(text, "%s%s", separator, row->env);
		separator = "; ";
	}
	if (row->kind == OPT_LIST) {
		buf_addf(text, "%smay be given several times", separator);
		separator = "; ";
	}
	if (separator[0] == ';')
		buf_addc(text, ')');
}

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct help *help = arg;
	size_t column = second_column(OPTION_COLUMN, help->width);
	struct buf left, text;

	(void)base;
	if (row->kind == OPT_HEADING)
		buf_addf(help->out, "\n%s:\n", row->help);
	if (row->kind == OPT_HEADING)
		help->titled = true;
	if (!cli_is_shown(row) || row->no_option)
		return;
	if (!help->titled)
		buf_adds(help->out, "\nOptions:\n");
	help->titled = true;

	buf_init(&left, BUF_NO_MAX);
	buf_init(&text, BUF_NO_MAX);
	if (row->letter)
		buf_addf(&left, "  -%c, --%s", row->letter, row->name);
	else
		buf_addf(&left, "      --%s", row->name);
	if (cli_takes_argument(row))
		buf_addf(&left, " %s", row->metavar ? row->metavar : "VALUE");
	buf_adds(&text, row->help);
	add_notes(&text, row);
	buf_add(help->out, left.data, left.len);
	to_column(help->out, columns(left.data, left.len), column);
	wrap(help->out, text.data, column, column, help->width);
	buf_release(&left);
	buf_release(&text);
}

/* Settings that have no option stand under a title of their own. */
static void add_variable(const struct opt *row, size_t base, void *arg)
{
	struct help *help = arg;
	size_t used = strlen(row->env ? row->env : "") + 2, column = second_column(OPTION_COLUMN, help->width);

	(void)base;
	if (!cli_is_shown(row) || !row->no_option || !row->env)
		return;
	if (!help->titled)
		buf_adds(help->out, "\nEnvironment alone:\n");
	help->titled = true;
	buf_addf(help->out, "  %s", row->env);
	to_column(help->out, used, column);
	wrap(help->out, row->help, column, column, help->width);
}

void cli_help(struct buf *out, const struct command *command, unsigned width)
{
	struct help rows = { .out = out, .width = width }, variables = rows;

	cli_usage(out, command);
	buf_adds(out, "\n\n");
	wrap(out, command->summary, 0, 0, width);
	for (size_t i = 0; command->description && command->description[i]; i++) {
		buf_addc(out, '\n');
		wrap(out, command->description[i], 0, 0, width);
	}
	cli_each_row(command->opts, add_row, &rows);
	cli_each_row(command->opts, add_variable, &variables);
	if (command->examples && command->examples[0].command)
		buf_adds(out, "\nExamples:\n");
	for (size_t i = 0; command->examples && command->examples[i].command; i++) {
		buf_adds(out, "  ");
		buf_adds(out, command->examples[i].command);
		buf_adds(out, "\n      ");
		wrap(out, command->examples[i].text, 6, 6, width);
	}
}

void cli_overview(struct buf *out, const struct command *overview, const struct command *const *commands,
	unsigned width)
{
	size_t column = second_column(COMMAND_COLUMN, width);

	buf_addf(out, "usage: kandy %s\n\n", overview->operands);
	wrap(out, overview->summary, 0, 0, width);
	buf_adds(out, "\nCommands:\n");
	for (; *commands; commands++) {
		if ((*commands)->hidden)
			continue;
		buf_addf(out, "  %s", (*commands)->name);
		to_column(out, strlen((*commands)->name) + 2, column);
		wrap(out, (*commands)->summary, column, column, width);
	}
	buf_addc(out, '\n');
	wrap(out, "'kandy help COMMAND' tells what a command takes and shows examples, 'kandy --version' the version.",
		0, 0, width);
}
