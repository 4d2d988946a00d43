/*
 * help.c - `--help` and the first screen, wrapped to the terminal.
 */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTION_COLUMN = 26, /* where the descriptions of options begin */
	BELOW_COLUMN = 8, /* where they begin on a narrow terminal: on a line of their own */
	SECOND_MIN = 40, /* minimum width of the second column */
	TEXT_MIN = 30, /* wrapped text is at least this wide, even on a narrower terminal */
	EXAMPLES_MAX = 2, /* without --all */
};

static size_t second_column(size_t wanted, unsigned width)
{
	return width && width < wanted + SECOND_MIN ? BELOW_COLUMN : wanted;
}

/* The columns of a word; a continuation byte of UTF-8 has none. */
static size_t columns(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xC0) != 0x80;
	return n;
}

/* Appends the words of `text`, the first at column `at`, further lines at column `indent`. */
static void wrap(struct buf *out, const char *text, size_t at, size_t indent, unsigned width)
{
	size_t limit = width && width < indent + TEXT_MIN ? indent + TEXT_MIN : width;
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

/* A row of two columns; a left part that is too wide gets a line of its own. */
static void add_pair(struct buf *out, const char *left, const char *text, size_t column, unsigned width)
{
	size_t used = columns(left, strlen(left));

	column = second_column(column, width);
	buf_adds(out, left);
	if (used + 2 > column)
		buf_addf(out, "\n%*s", (int)column, "");
	else
		buf_addf(out, "%*s", (int)(column - used), "");
	wrap(out, text, column, column, width);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

struct help {
	struct buf *out;
	const struct command *command;
	const struct cli_verb *verb;
	unsigned width;
	bool all;
	const char *title; /* of the section, until its first row is printed */
	bool folded; /* the section is only mentioned, in one of these */
	struct titles {
		const char *items[8];
		size_t count;
	} shared, hidden;
};

/* Choices, default, variable (with --all) and whether it may be repeated. */
static void add_notes(struct buf *text, const struct opt *row, bool all)
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
	if (row->env && all) {
		buf_addf(text, "%s%s", separator, row->env);
		separator = "; ";
	}
	if (row->kind == OPT_LIST) {
		buf_addf(text, "%srepeatable", separator);
		separator = "; ";
	}
	if (separator[0] == ';')
		buf_addc(text, ')');
}

static void begin_section(struct help *help, const struct opt *heading)
{
	struct titles *titles = heading->name ? &help->shared : &help->hidden;
	bool shared = heading->name && strcmp(heading->name, help->command->name);

	help->title = heading->help;
	help->folded = !help->all && (heading->hidden || shared);
	if (help->folded && titles->count < sizeof(titles->items) / sizeof(titles->items[0]))
		titles->items[titles->count++] = heading->help;
}

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct help *help = arg;
	struct buf left, text;

	(void)base;
	if (row->kind == OPT_HEADING)
		begin_section(help, row);
	if (!cli_is_shown(row) || row->no_option || help->folded || !cli_applies(help->command, help->verb, row->name))
		return;
	if (help->title)
		buf_addf(help->out, "\n%s:\n", help->title);
	help->title = NULL;

	buf_init(&left, BUF_NO_MAX);
	buf_init(&text, BUF_NO_MAX);
	if (row->letter)
		buf_addf(&left, "  -%c, --%s", row->letter, row->name);
	else
		buf_addf(&left, "      --%s", row->name);
	if (cli_takes_argument(row))
		buf_addf(&left, " %s", cli_metavar(row));
	buf_adds(&text, row->help);
	add_notes(&text, row, help->all);
	add_pair(help->out, left.data, text.data, OPTION_COLUMN, help->width);
	buf_release(&left);
	buf_release(&text);
}

/* Settings without an option have a section of their own. */
static void add_variable(const struct opt *row, size_t base, void *arg)
{
	struct help *help = arg;
	struct buf left;

	(void)base;
	if (!cli_is_shown(row) || !row->no_option || !row->env)
		return;
	if (help->title)
		buf_addf(help->out, "\n%s:\n", help->title);
	help->title = NULL;
	buf_init(&left, BUF_NO_MAX);
	buf_addf(&left, "  %s", row->env);
	add_pair(help->out, left.data, row->help, OPTION_COLUMN, help->width);
	buf_release(&left);
}

/* After an empty line; frees `text`. */
static void add_paragraph(const struct help *help, char *text)
{
	buf_addc(help->out, '\n');
	wrap(help->out, text, 0, 0, help->width);
	free(text);
}

/* "Connection, login and common options: see 'kandy help connection'." */
static void add_titles(const struct help *help, const struct titles *titles, const char *see)
{
	struct buf line;

	if (!titles->count)
		return;
	buf_init(&line, BUF_NO_MAX);
	for (size_t i = 0; i < titles->count; i++) {
		const char *title = titles->items[i];
		size_t len = strlen(title) - (str_ends_with(title, " options") ? strlen(" options") : 0);

		buf_adds(&line, !i ? "" : i + 1 < titles->count ? ", " : " and ");
		buf_addc(&line, i ? (char)tolower((unsigned char)title[0]) : title[0]);
		buf_add(&line, title + 1, len - 1);
	}
	buf_addf(&line, " options: see '%s'.", see);
	add_paragraph(help, buf_take(&line));
}

static void add_options(struct help *help)
{
	char *all = xasprintf("kandy %s --help --all", help->command->name);

	help->title = "Options";
	cli_each_row(help->command->opts, add_row, help);
	add_titles(help, &help->hidden, all);
	add_titles(help, &help->shared, "kandy help connection");
	help->title = "Environment variables";
	if (help->all)
		cli_each_row(help->command->opts, add_variable, help);
	free(all);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static void add_verbs(const struct help *help)
{
	struct buf left;

	buf_adds(help->out, "\nVerbs:\n");
	for (const struct cli_verb *verb = help->command->verbs; verb->name; verb++) {
		buf_init(&left, BUF_NO_MAX);
		buf_addf(&left, "  %s%s%s", verb->name, verb->operands ? " " : "",
			verb->operands ? verb->operands : "");
		add_pair(help->out, left.data, verb->summary, OPTION_COLUMN, help->width);
		buf_release(&left);
	}
	add_paragraph(help, xasprintf("'kandy help %s VERB' shows the options of a verb.", help->command->name));
}

static void add_exits(const struct help *help)
{
	const char *separator = "Exit status: ";
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	for (const struct cli_exit *row = cli_exits; row->text; row++) {
		if (!row->brief || !cli_exit_applies(row, help->command))
			continue;
		buf_addf(&line, "%s%d %s", separator, row->status, row->brief);
		separator = ", ";
	}
	buf_addc(&line, '.');
	add_paragraph(help, buf_take(&line));
}

static void add_examples(const struct help *help, const struct cli_example *examples)
{
	if (!examples || !examples->command)
		return;
	buf_adds(help->out, "\nExamples:\n");
	for (size_t i = 0; examples[i].command && (help->all || i < EXAMPLES_MAX); i++) {
		buf_addf(help->out, "  %s\n      ", examples[i].command);
		wrap(help->out, examples[i].text, 6, 6, help->width);
	}
}

void cli_help(struct buf *out, const struct command *command, const struct cli_verb *verb, bool all, unsigned width)
{
	struct help help = {
		.out = out, .command = command, .verb = verb, .width = width, .all = all || !command->run
	};

	if (command->run) {
		cli_usage(out, command, verb);
		buf_adds(out, "\n\n");
	}
	wrap(out, verb ? verb->summary : command->summary, 0, 0, width);
	for (size_t i = 0; !verb && command->description && command->description[i] && (help.all || !i); i++) {
		buf_addc(out, '\n');
		wrap(out, command->description[i], 0, 0, width);
	}
	if (command->verbs && !verb)
		add_verbs(&help);
	add_options(&help);
	if (command->run)
		add_exits(&help);
	add_examples(&help, verb ? verb->examples : command->examples);
	if (command->run && !all)
		add_paragraph(&help,
			xasprintf("'kandy %s --help --all' and 'man kandy-%s' show more.", command->name,
				command->name));
}

static size_t max_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

static const char *brief(const struct cli_section *section, size_t i)
{
	const char *text = section->entries[i].brief;

	return text ? text : section->entries[i].command->summary;
}

static void add_section(struct buf *out, const struct cli_section *section, unsigned width)
{
	size_t count = 0, half, name[2] = { 0, 0 }, text[2] = { 0, 0 };
	bool paired;

	while (section->entries[count].command)
		count++;
	half = section->paired ? (count + 1) / 2 : count;
	for (size_t i = 0; i < count; i++) {
		name[i >= half] = max_of(name[i >= half], strlen(section->entries[i].command->name));
		text[i >= half] = max_of(text[i >= half], columns(brief(section, i), strlen(brief(section, i))));
	}
	paired = section->paired && width >= 2 + name[0] + 3 + text[0] + 3 + name[1] + 3 + text[1];
	if (!paired)
		name[0] = max_of(name[0], name[1]);
	buf_addf(out, "\n%s\n", section->title);
	for (size_t i = 0; i < (paired ? half : count); i++) {
		size_t right = i + half;
		struct buf left;

		buf_init(&left, BUF_NO_MAX);
		buf_addf(&left, "  %s", section->entries[i].command->name);
		if (paired && right < count) {
			buf_addf(out, "%-*s%-*s%-*s%s\n", (int)(2 + name[0] + 3), left.data, (int)(text[0] + 3),
				brief(section, i), (int)(name[1] + 3), section->entries[right].command->name,
				brief(section, right));
		} else {
			add_pair(out, left.data, brief(section, i), 2 + name[0] + 3, width);
		}
		buf_release(&left);
	}
}

/* " -p PROFILE," */
static void add_letter(const struct opt *row, size_t base, void *arg)
{
	struct buf *line = arg;

	(void)base;
	if (!cli_is_shown(row))
		return;
	buf_adds(line, str_ends_with(line->data, ":") ? " " : ", ");
	if (row->letter)
		buf_addf(line, "-%c", row->letter);
	else
		buf_addf(line, "--%s", row->name);
	if (cli_takes_argument(row))
		buf_addf(line, " %s", cli_metavar(row));
}

void cli_overview(struct buf *out, const struct command *overview, const struct cli_section *sections, unsigned width)
{
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	buf_addf(&line, "kandy - %s", overview->summary);
	wrap(out, line.data, 0, 0, width);
	buf_release(&line);
	buf_addf(out, "\nusage: kandy %s\n", overview->operands);
	for (; sections->title; sections++)
		add_section(out, sections, width);
	buf_init(&line, BUF_NO_MAX);
	buf_adds(&line, "Global options:");
	cli_each_row(overview->opts, add_letter, &line);
	buf_addc(out, '\n');
	wrap(out, line.data, 0, 2, width);
	buf_release(&line);
	buf_adds(out, "\nExamples\n");
	for (size_t i = 0; i < 4 && overview->examples[i].command; i++)
		buf_addf(out, "  %s\n", overview->examples[i].command);
	buf_addc(out, '\n');
	wrap(out,
		"'kandy help COMMAND' shows details, 'kandy help connection' the options common to all commands, and "
		"'man kandy' configuration and exit status.",
		0, 0, width);
}
