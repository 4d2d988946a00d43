/*
 * man.c - man pages in mdoc(7), for mandoc and groff alike.
 */
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli-int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_COLUMNS = 72 };

/*
 * Escapes text for roff, which would turn '-', quotes and the like into typographic characters that cannot be pasted
 * into a shell. With `fill`, lines are short, and every sentence begins on a new line.
 */
static void add(struct buf *out, const char *text, bool fill)
{
	bool start = !out->len || out->data[out->len - 1] == '\n';
	size_t line = out->len;

	for (; *text; text++) {
		if (start && *text == ' ' && fill)
			continue;
		if (fill && *text == ' ' && out->len - line + strcspn(text + 1, " ") > LINE_COLUMNS) {
			buf_addc(out, '\n');
			line = out->len;
			start = true;
			continue;
		}
		if (start && (*text == '.' || *text == '\''))
			buf_adds(out, "\\&");
		start = *text == '\n';
		switch (*text) {
		case '\\': buf_adds(out, "\\e"); break;
		case '-': buf_adds(out, "\\-"); break;
		case '\'': buf_adds(out, "\\(aq"); break;
		case '`': buf_adds(out, "\\(ga"); break;
		case '^': buf_adds(out, "\\(ha"); break;
		case '~': buf_adds(out, "\\(ti"); break;
		case '"': buf_adds(out, "\\(dq"); break;
		default: buf_addc(out, *text); break;
		}
		if (fill && text[0] == '.' && text[1] == ' ' && isupper((unsigned char)text[2])) {
			buf_addc(out, '\n');
			line = out->len;
			start = true;
		}
	}
}

static void add_text(struct buf *out, const char *text)
{
	add(out, text, true);
}

/* A quoted argument of a macro; a single "." would be taken for punctuation even so. */
static void add_argument(struct buf *out, const char *text)
{
	bool punctuation = text[0] && !text[1] && strchr(".,:;()[]?!|", text[0]);

	buf_adds(out, punctuation ? " \"\\&" : " \"");
	add(out, text, false);
	buf_addc(out, '"');
}

/* "send to ADDRESS" becomes the sentence "Send to ADDRESS." on its own lines. */
static void add_sentence(struct buf *out, const char *text)
{
	char *copy = xstrdup(text);

	copy[0] = (char)toupper((unsigned char)copy[0]);
	add_text(out, copy);
	if (!str_ends_with(copy, ".") && !str_ends_with(copy, ":"))
		buf_addc(out, '.');
	buf_addc(out, '\n');
	free(copy);
}

static void add_paragraphs(struct buf *out, const char *const *paragraphs)
{
	for (size_t i = 0; paragraphs && paragraphs[i]; i++) {
		if (i)
			buf_adds(out, ".Pp\n");
		add_text(out, paragraphs[i]);
		buf_addc(out, '\n');
	}
}

static void add_head(struct buf *out, const char *page, int section, const char *summary)
{
	buf_adds(out, ".Dd " KANDY_RELEASED "\n.Dt ");
	for (const char *p = page; *p; p++)
		buf_addc(out, (char)toupper((unsigned char)*p));
	buf_addf(out, " %d\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", section, page);
	add_text(out, summary);
	buf_addc(out, '\n');
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

struct list {
	struct buf *out;
	bool open; /* a .Bl waits for its .El */
	unsigned rows;
};

static void begin_list(struct list *list)
{
	if (!list->open)
		buf_adds(list->out, ".Bl -tag -width Ds\n");
	list->open = true;
	list->rows++;
}

static void end_list(struct list *list)
{
	if (list->open)
		buf_adds(list->out, ".El\n");
	list->open = false;
}

static void add_choices(struct buf *out, const struct opt *row)
{
	buf_addf(out, "%s is\n", row->metavar ? row->metavar : "VALUE");
	for (size_t i = 0; row->choices[i]; i++) {
		buf_adds(out, ".Cm");
		add_argument(out, row->choices[i]);
		buf_adds(out, row->choices[i + 1] ? row->choices[i + 2] ? " ,\n" : "\nor\n" : " .\n");
	}
}

static void add_notes(struct buf *out, const struct opt *row)
{
	if (row->kind == OPT_CHOICE)
		add_choices(out, row);
	if (row->kind == OPT_LIST)
		buf_adds(out, "May be repeated.\n");
	if (row->more)
		add_sentence(out, row->more);
	if (row->fallback && !row->secret) {
		buf_adds(out, "The default is\n.Ql");
		add_argument(out, row->fallback);
		buf_adds(out, " .\n");
	}
	if (row->env && !row->no_option)
		buf_addf(out, "Environment:\n.Ev %s .\n", row->env);
	if (row->config)
		buf_addf(out, "Configuration key:\n.Cm %s .\n", row->name);
}

static void add_option(const struct opt *row, size_t base, void *arg)
{
	struct list *list = arg;

	(void)base;
	if (row->kind == OPT_HEADING) {
		end_list(list);
		buf_adds(list->out, ".Ss");
		add_argument(list->out, row->help);
		buf_addc(list->out, '\n');
	}
	if (!cli_is_shown(row) || row->no_option)
		return;
	begin_list(list);
	buf_adds(list->out, ".It");
	if (row->letter)
		buf_addf(list->out, " Fl %c ,", row->letter);
	buf_addf(list->out, " Fl -%s", row->name);
	if (cli_takes_argument(row)) {
		buf_adds(list->out, " Ar");
		add_argument(list->out, row->metavar ? row->metavar : "VALUE");
	}
	buf_addc(list->out, '\n');
	add_sentence(list->out, row->help);
	add_notes(list->out, row);
}

/* ---- environment, files, exit status: of one command or of all --------------------------------------------------- */

/* Rows that several commands share are listed once. */
struct settings {
	struct list list;
	const struct opt **seen;
	size_t seen_count, seen_cap;
	bool all; /* of all commands */
};

static bool is_new(struct settings *settings, const struct opt *row)
{
	for (size_t i = 0; i < settings->seen_count; i++) {
		const struct opt *other = settings->seen[i];

		if (!strcmp(other->env, row->env))
			return false;
	}
	settings->seen = xgrow(settings->seen, settings->seen_count, &settings->seen_cap, sizeof(*settings->seen));
	settings->seen[settings->seen_count++] = row;
	return true;
}

static void add_setting(const struct opt *row, size_t base, void *arg)
{
	struct settings *settings = arg;
	struct buf *out = settings->list.out;

	(void)base;
	if (!cli_is_shown(row) || !row->env || !is_new(settings, row))
		return;
	begin_list(&settings->list);
	buf_addf(out, ".It Ev %s\n", row->env);
	if (row->no_option || settings->all)
		add_sentence(out, row->help);
	else
		buf_addf(out, "Default of\n.Fl -%s .\n", row->name);
}

static void add_other_variables(struct buf *out)
{
	static const char *const variables[][2] = {
		{ "XDG_CONFIG_HOME", "directory of the configuration file, instead of ~/.config" },
		{ "XDG_STATE_HOME", "directory of the token cache, instead of ~/.local/state" },
		{ "KANDY_SYSTEM_CONFIG", "the system's configuration file, instead of /etc/kandy/config" },
		{ "COLUMNS", "width that --help is wrapped to, instead of the terminal's" },
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		buf_addf(out, ".It Ev %s\n", variables[i][0]);
		add_sentence(out, variables[i][1]);
	}
}

static void add_environment(struct buf *out, const struct command *const *commands, bool all)
{
	struct settings settings = { .list.out = out, .all = all };

	buf_adds(out, ".Sh ENVIRONMENT\n");
	for (; *commands; commands++)
		cli_each_row((*commands)->opts, add_setting, &settings);
	begin_list(&settings.list);
	if (all)
		add_other_variables(out);
	end_list(&settings.list);
	free(settings.seen);
}

static void add_files(struct buf *out)
{
	buf_adds(out,
		".Sh FILES\n"
		".Bl -tag -width Ds\n"
		".It Pa \\(ti/.config/kandy/config , /etc/kandy/config\n"
		"Configuration of the user and of the system; see\n.Xr kandy-config 5 .\n"
		".It Pa \\(ti/.local/state/kandy/PROFILE.*\n"
		"Credentials, channel, checkpoint and queue of a profile.\n"
		"They are refused if other users can access them.\n"
		".El\n");
}

/* NULL: of all commands */
static void add_exit_status(struct buf *out, const struct command *command)
{
	buf_adds(out, ".Sh EXIT STATUS\n.Bl -tag -width 999\n");
	for (const struct cli_exit *row = cli_exits; row->text; row++) {
		if (command && !cli_exit_applies(row, command))
			continue;
		buf_addf(out, ".It %d\n", row->status);
		add_text(out, row->text);
		buf_addc(out, '\n');
	}
	buf_adds(out, ".El\n");
}

static void add_example(struct buf *out, const struct cli_example *example)
{
	add_sentence(out, example->text);
	buf_adds(out, ".Bd -literal -offset indent\n");
	add(out, example->command, false);
	buf_adds(out, "\n.Ed\n");
}

static void add_examples(struct buf *out, const struct cli_example *example)
{
	buf_adds(out, ".Sh EXAMPLES\n");
	for (bool first = true; example && example->command; example++) {
		if (!first)
			buf_adds(out, ".Pp\n");
		first = false;
		add_example(out, example);
	}
}

/* By the pages' names: kandy(1) comes before kandy-COMMAND(1). */
static int by_page(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	if (!strcmp(x, "kandy") || !strcmp(y, "kandy"))
		return strcmp(x, "kandy") ? 1 : -1;
	return strcmp(x, y);
}

static void add_see_also(struct buf *out, const char **names, size_t count)
{
	buf_adds(out, ".Sh SEE ALSO\n");
	qsort(names, count, sizeof(*names), by_page);
	for (size_t i = 0; i < count; i++)
		buf_addf(out, ".Xr %s%s 1 ,\n", strcmp(names[i], "kandy") ? "kandy-" : "", names[i]);
	buf_adds(out, ".Xr kandy-config 5 ,\n.Xr kandy-json 5\n");
}

static void add_synopsis(struct buf *out, const char *command, const char *verb, const char *operands)
{
	buf_addf(out, ".Nm kandy %s%s%s\n.Op Ar option ...\n", command, *verb ? " " : "", verb);
	if (!operands)
		return;
	buf_adds(out, ".No ");
	add_text(out, operands);
	buf_addc(out, '\n');
}

static void add_verbs(struct buf *out, const struct cli_verb *verb)
{
	if (!verb)
		return;
	buf_adds(out, ".Bl -tag -width Ds\n");
	for (; verb->name; verb++) {
		buf_adds(out, ".It Cm");
		add_argument(out, verb->name);
		if (verb->operands) {
			buf_adds(out, " Ar");
			add_argument(out, verb->operands);
		}
		buf_addc(out, '\n');
		add_sentence(out, verb->summary);
		for (size_t i = 0; verb->options && verb->options[i]; i++)
			buf_addf(out, "%s.Fl -%s%s\n", i ? "" : "Its own options are\n", verb->options[i],
				verb->options[i + 1] ? " ," : " .");
	}
	buf_adds(out, ".El\n");
}

/*
 * Prose in a small markup, by lines: "# TITLE" and "## Title" begin sections, "- text" and "TERM<tab>text" are items of
 * lists, four spaces begin a literal line, an empty line ends a paragraph.
 */
static void add_prose(struct buf *out, const char *text)
{
	struct list list = { .out = out };
	bool literal = false, paragraph = false;

	while (*text) {
		size_t len = strcspn(text, "\n");
		char *line = xmemdup0(text, len), *tab = strchr(line, '\t');

		text += len + (text[len] == '\n');
		if (literal && strncmp(line, "    ", 4) != 0) {
			buf_adds(out, ".Ed\n");
			literal = false;
		}
		if (!*line || line[0] == '#')
			end_list(&list);
		if (line[0] == '#') {
			buf_adds(out, line[1] == '#' ? ".Ss" : ".Sh");
			add_argument(out, line + strspn(line, "# "));
			buf_addc(out, '\n');
		} else if (!strncmp(line, "    ", 4)) {
			if (!literal)
				buf_adds(out, ".Bd -literal -offset indent\n");
			literal = true;
			add(out, line + 4, false);
			buf_addc(out, '\n');
		} else if (!strncmp(line, "- ", 2)) {
			if (!list.open)
				buf_adds(out, ".Bl -dash\n");
			list.open = true;
			buf_adds(out, ".It\n");
			add_text(out, line + 2);
			buf_addc(out, '\n');
		} else if (tab) {
			*tab = '\0';
			begin_list(&list);
			buf_adds(out, ".It Cm");
			add_argument(out, line);
			buf_addc(out, '\n');
			add_sentence(out, tab + 1);
		} else if (*line) {
			if (paragraph)
				buf_adds(out, ".Pp\n");
			add_text(out, line);
			buf_addc(out, '\n');
		}
		paragraph = !*line;
		free(line);
	}
	end_list(&list);
	if (literal)
		buf_adds(out, ".Ed\n");
}

void cli_man_page(struct buf *out, const char *page, const char *summary, const char *text)
{
	add_head(out, page, 5, summary);
	add_prose(out, text);
	buf_addf(out, ".Sh SEE ALSO\n.Xr kandy 1 ,\n.Xr kandy-%s 5\n",
		strcmp(page, "kandy-config") ? "config" : "json");
}

void cli_man(struct buf *out, const struct command *command)
{
	char *page = xasprintf("kandy-%s", command->name);
	const struct command *const alone[] = { command, NULL };
	struct list options = { .out = out };
	const char **names;
	size_t count = 0;

	add_head(out, page, 1, command->summary);
	buf_adds(out, ".Sh SYNOPSIS\n");
	if (!command->verbs)
		add_synopsis(out, command->name, "", command->operands);
	for (const struct cli_verb *verb = command->verbs; verb && verb->name; verb++)
		add_synopsis(out, command->name, verb->name, verb->operands);
	buf_adds(out, ".Sh DESCRIPTION\n");
	add_paragraphs(out, command->description);
	add_verbs(out, command->verbs);
	buf_adds(out, ".Sh OPTIONS\n");
	cli_each_row(command->opts, add_option, &options);
	end_list(&options);
	add_environment(out, alone, false);
	add_files(out);
	add_exit_status(out, command);
	add_examples(out, command->examples);

	for (size_t i = 0; command->see_also && command->see_also[i]; i++)
		count++;
	names = xcalloc(count + 1, sizeof(*names));
	if (count)
		memcpy(names, command->see_also, count * sizeof(*names));
	names[count++] = "kandy";
	add_see_also(out, names, count);
	free(names);
	free(page);
}

void cli_man_overview(struct buf *out, const struct command *overview, const struct command *const *commands,
	const char *prose)
{
	struct list list = { .out = out };
	struct list options = { .out = out };
	const char **names;
	size_t count = 0;

	add_head(out, overview->name, 1, overview->summary);
	buf_addf(out, ".Sh SYNOPSIS\n.Nm\n.No ");
	add_text(out, overview->operands);
	buf_adds(out, "\n.Sh DESCRIPTION\n");
	add_paragraphs(out, overview->description);
	buf_adds(out, ".Sh COMMANDS\n");
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		begin_list(&list);
		buf_addf(out, ".It Xr kandy-%s 1\n", commands[i]->name);
		add_sentence(out, commands[i]->summary);
		count++;
	}
	end_list(&list);
	buf_adds(out, ".Sh OPTIONS\n");
	cli_each_row(overview->opts, add_option, &options);
	end_list(&options);
	add_prose(out, prose);
	add_environment(out, commands, true);
	add_files(out);
	add_exit_status(out, NULL);
	add_examples(out, overview->examples);
	names = xcalloc(count + 1, sizeof(*names));
	count = 0;
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			names[count++] = commands[i]->name;
	}
	add_see_also(out, names, count);
	free(names);
}
