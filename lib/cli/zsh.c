/*
 * zsh.c - completion for zsh: a dispatcher, and one _arguments call a command.
 */
#include "cli/cli-int.h"

#include <string.h>

static const char opening[] =
	"# Completion for zsh. Written by `make completions` from the option rows; do not edit.\n"
	"\n"
	"_kandy() {\n"
	"\tlocal curcontext=$curcontext state line command\n"
	"\ttypeset -A opt_args\n"
	"\tif [[ $service == kandy-* ]]; then\n"
	"\t\t_kandy-command ${service#kandy-}\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t_arguments -C \\\n"
	"\t\t'(- : *)'{-h,--help}'[show the commands]' \\\n"
	"\t\t'(- : *)'{-V,--version}'[show the version]' \\\n"
	"\t\t'1:command:_kandy-commands' \\\n"
	"\t\t'*::argument:->arguments' && return\n"
	"\tif [[ $state == arguments ]]; then\n"
	"\t\tcurcontext=${curcontext%:*:*}:kandy-$words[1]:\n"
	"\t\t_kandy-command $words[1]\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_kandy-profiles() {\n"
	"\tlocal -a profiles\n"
	"\tprofiles=(${(f)\"$(_call_program profiles kandy help --emit profiles 2>/dev/null)\"})\n"
	"\tcompadd \"$@\" -a profiles\n"
	"}\n"
	"\n";

/* Text inside an _arguments specification inside single quotes. */
static void add_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(out, "'\\''");
		else if (strchr("[]:\\", *text))
			buf_addf(out, "\\%c", *text);
		else
			buf_addc(out, *text);
	}
}

static const char *action(enum opt_hint hint)
{
	switch (hint) {
	case HINT_FILE: return "_files";
	case HINT_DIR: return "_files -/";
	case HINT_COMMAND: return "_command_names -e";
	case HINT_HOST: return "_hosts";
	case HINT_PROFILE: return "_kandy-profiles";
	case HINT_NONE:
	case HINT_ADDRESS: return " ";
	}
	return " ";
}

static void add_words(struct buf *out, const char *const *words)
{
	buf_addc(out, '(');
	for (size_t i = 0; words[i]; i++) {
		buf_adds(out, i ? " " : "");
		add_text(out, words[i]);
	}
	buf_addc(out, ')');
}

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct buf *out = arg;
	bool many = row->kind == OPT_LIST || row->kind == OPT_COUNT;
	bool argument = cli_takes_argument(row);

	(void)base;
	if (!cli_is_shown(row) || row->no_option)
		return;
	buf_adds(out, " \\\n\t\t\t");
	if (row->kind == OPT_HELP || row->kind == OPT_VERSION)
		buf_adds(out, "'(- : *)'");
	else if (many)
		buf_adds(out, "'*'");
	else if (row->letter)
		buf_addf(out, "'(-%c --%s)'", row->letter, row->name);
	if (row->letter)
		buf_addf(out, "{-%c%s,--%s%s}", row->letter, argument ? "+" : "", row->name, argument ? "=" : "");
	else
		buf_addf(out, "--%s%s", row->name, argument ? "=" : "");
	buf_adds(out, "'[");
	add_text(out, row->help);
	buf_addc(out, ']');
	if (argument) {
		buf_addc(out, ':');
		add_text(out, row->metavar ? row->metavar : "VALUE");
		buf_addc(out, ':');
		if (row->kind == OPT_CHOICE)
			add_words(out, row->choices);
		else
			buf_adds(out, action(row->hint));
	}
	buf_addc(out, '\'');
}

static void add_operands(struct buf *out, const struct command *command)
{
	if (!command->operands_max)
		return;
	if (command->wraps) {
		buf_adds(out, " \\\n\t\t\t'(-)1:COMMAND: _command_names -e' '*::ARGUMENT: _normal'");
		return;
	}
	buf_adds(out, " \\\n\t\t\t'");
	buf_adds(out, command->operands_max > 1 ? "*:" : ":");
	add_text(out, command->operands ? command->operands : "operand");
	buf_addc(out, ':');
	if (command->operand_choices)
		add_words(out, command->operand_choices);
	else if (!strcmp(command->name, "help"))
		buf_adds(out, "_kandy-commands");
	else
		buf_adds(out, action(command->operand_hint));
	buf_addc(out, '\'');
}

void cli_zsh(struct buf *out, const struct command *const *commands)
{
	buf_adds(out, "#compdef kandy");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			buf_addf(out, " kandy-%s", commands[i]->name);
	}
	buf_addc(out, '\n');
	buf_adds(out, opening);
	buf_adds(out, "_kandy-commands() {\n\tlocal -a commands\n\tcommands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		buf_addf(out, "\t\t'%s:", commands[i]->name);
		add_text(out, commands[i]->summary);
		buf_adds(out, "'\n");
	}
	buf_adds(out, "\t)\n\t_describe -t commands command commands\n}\n\n_kandy-command() {\n\tcase $1 in\n");
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		buf_addf(out, "\t%s)\n\t\t_arguments -s -S", commands[i]->name);
		cli_each_row(commands[i]->opts, add_row, out);
		add_operands(out, commands[i]);
		buf_adds(out, "\n\t\t;;\n");
	}
	buf_adds(out, "\tesac\n}\n\n_kandy \"$@\"\n");
}
