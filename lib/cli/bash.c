/*
 * bash.c - completion for bash (4 or newer), with or without the bash-completion package.
 *
 * The generated function is the same for any set of commands; what the rows say is one `case` arm a command that fills
 * lists of words.
 */
#include "cli/cli-int.h"

#include <string.h>

static const char opening[] =
	"# bash completion for kandy. Written by `make completions` from the option rows; do not edit.\n"
	"\n"
	"_kandy_command() # COMMAND: what it takes, in the variables of _kandy\n"
	"{\n"
	"\tcase $1 in\n";

/* COMP_WORDS has "--format=te" as three words where '=' is among COMP_WORDBREAKS. */
static const char closing[] =
	"\tesac\n"
	"}\n"
	"\n"
	"_kandy()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal command=${1##*/} options='' flags='' files='' dirs='' commands='' profiles='' operands=''\n"
	"\tlocal kind='' attached=''\n"
	"\tlocal index first\n"
	"\tCOMPREPLY=()\n"
	"\tcase $command in\n"
	"\tkandy-*) command=${command#kandy-} index=0 ;;\n"
	"\t*) command=${COMP_WORDS[1]} index=1 ;;\n"
	"\tesac\n"
	"\tif [ \"$cur\" = '=' ]; then\n"
	"\t\tcur=''\n"
	"\telif [ \"$prev\" = '=' ]; then\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\telif [[ $cur == --*=* ]]; then\n"
	"\t\tprev=${cur%%=*} cur=${cur#*=} attached=$prev=\n"
	"\tfi\n"
	"\tif [ \"$COMP_CWORD\" -le \"$index\" ]; then\n"
	"\t\t_kandy_command ''\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$operands --help --version\" -- \"$cur\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t_kandy_command \"$command\"\n"
	"\tif [ \"$operands\" = ':wrapped' ]; then # what stands behind the command is for its own completion\n"
	"\t\tfor ((first = index + 1; first < COMP_CWORD; first++)); do\n"
	"\t\t\t[[ ${COMP_WORDS[first]} == -* ]] || break\n"
	"\t\t\t[[ \" $options \" == *\" ${COMP_WORDS[first]} \"* ]] || continue\n"
	"\t\t\t[ \"${COMP_WORDS[first + 1]}\" != '=' ] || first=$((first + 1))\n"
	"\t\t\tfirst=$((first + 1))\n"
	"\t\tdone\n"
	"\t\tif [ \"$first\" -lt \"$COMP_CWORD\" ]; then\n"
	"\t\t\tif declare -F _command_offset >/dev/null; then\n"
	"\t\t\t\t_command_offset \"$first\"\n"
	"\t\t\telse\n"
	"\t\t\t\tcompopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\t\t\tfi\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\tfi\n"
	"\tcase \" $flags \" in *\" $prev \"*) prev='' ;; esac\n"
	"\tif [ -n \"$prev\" ] && [[ \" $options \" == *\" $prev \"* ]]; then\n"
	"\t\tkind=value\n"
	"\t\tcase \" $files \" in *\" $prev \"*) kind='file' ;; esac\n"
	"\t\tcase \" $dirs \" in *\" $prev \"*) kind='dir' ;; esac\n"
	"\t\tcase \" $commands \" in *\" $prev \"*) kind='command' ;; esac\n"
	"\t\tcase \" $profiles \" in *\" $prev \"*) kind='profile' ;; esac\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tkind=option\n"
	"\telse\n"
	"\t\tkind=operand\n"
	"\tfi\n"
	"\tcase $kind in\n"
	"\toption) mapfile -t COMPREPLY < <(compgen -W \"$options $flags\" -- \"$cur\") ;;\n"
	"\tfile) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tdir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\tcommand) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\") ;;\n"
	"\tprofile) mapfile -t COMPREPLY < <(compgen -W \"$(kandy help --emit profiles 2>/dev/null)\" -- \"$cur\") ;;\n"
	"\tvalue) mapfile -t COMPREPLY < <(compgen -W \"$(_kandy_choices \"$command\" \"$prev\")\" -- \"$cur\") ;;\n"
	"\toperand)\n"
	"\t\tcase $operands in\n"
	"\t\t:file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\t\t:dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\t\t:wrapped) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\") ;;\n"
	"\t\t*) mapfile -t COMPREPLY < <(compgen -W \"$operands\" -- \"$cur\") ;;\n"
	"\t\tesac\n"
	"\t\t;;\n"
	"\tesac\n"
	"\tif [ -n \"$attached\" ] && [[ $COMP_WORDBREAKS != *=* ]]; then\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]/#/$attached}\")\n"
	"\tfi\n"
	"}\n"
	"\n";

struct words {
	struct buf *out;
	const char *command;
	enum opt_hint hint; /* of the rows that are wanted */
	bool arguments, any_hint; /* with an argument; whatever the hint */
};

static void add_names(struct buf *out, const struct opt *row)
{
	if (row->letter)
		buf_addf(out, " -%c", row->letter);
	buf_addf(out, " --%s", row->name);
}

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct words *words = arg;

	(void)base;
	if (!cli_is_shown(row) || row->no_option || cli_takes_argument(row) != words->arguments)
		return;
	if (words->any_hint || row->hint == words->hint)
		add_names(words->out, row);
}

/* "\t\tfiles=' -a --attach'", or nothing if no row is of the kind. */
static void add_list(struct buf *out, const char *variable, const struct command *command, struct words words)
{
	struct buf list;

	buf_init(&list, BUF_NO_MAX);
	words.out = &list;
	cli_each_row(command->opts, add_row, &words);
	if (list.len)
		buf_addf(out, "\t\t%s='%s'\n", variable, list.data + 1);
	buf_release(&list);
}

static void add_operands(struct buf *out, const struct command *command, const struct command *const *commands)
{
	buf_adds(out, "\t\toperands='");
	if (command->verbs) {
		for (const struct cli_verb *verb = command->verbs; verb->name; verb++)
			buf_addf(out, "%s%s", verb == command->verbs ? "" : " ", verb->name);
	} else if (command->operand_choices) {
		for (size_t i = 0; command->operand_choices[i]; i++)
			buf_addf(out, "%s%s", i ? " " : "", command->operand_choices[i]);
	} else if (!strcmp(command->name, "help")) {
		for (size_t i = 0; commands[i]; i++) {
			if (!commands[i]->hidden)
				buf_addf(out, "%s%s", i ? " " : "", commands[i]->name);
		}
	} else if (command->operand_hint == HINT_FILE) {
		buf_adds(out, ":file");
	} else if (command->operand_hint == HINT_DIR) {
		buf_adds(out, ":dir");
	} else if (command->wraps) {
		buf_adds(out, ":wrapped");
	}
	buf_adds(out, "'\n");
}

static void add_command(struct buf *out, const struct command *command, const struct command *const *commands)
{
	static const struct {
		const char *variable;
		enum opt_hint hint;
	} hints[] = { { "files", HINT_FILE }, { "dirs", HINT_DIR }, { "commands", HINT_COMMAND },
		{ "profiles", HINT_PROFILE } };

	buf_addf(out, "\t%s)\n", command->name);
	add_list(out, "options", command, (struct words){ .arguments = true, .any_hint = true });
	add_list(out, "flags", command, (struct words){ .any_hint = true });
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		add_list(out, hints[i].variable, command, (struct words){ .arguments = true, .hint = hints[i].hint });
	add_operands(out, command, commands);
	buf_adds(out, "\t\t;;\n");
}

static void add_choices(const struct opt *row, size_t base, void *arg)
{
	struct words *words = arg;

	(void)base;
	if (!cli_is_shown(row) || row->kind != OPT_CHOICE)
		return;
	buf_addf(words->out, "\t'%s --%s'", words->command, row->name);
	if (row->letter)
		buf_addf(words->out, " | '%s -%c'", words->command, row->letter);
	buf_adds(words->out, ") echo '");
	for (size_t i = 0; row->choices[i]; i++)
		buf_addf(words->out, "%s%s", i ? " " : "", row->choices[i]);
	buf_adds(words->out, "' ;;\n");
}

void cli_bash(struct buf *out, const struct command *const *commands)
{
	buf_adds(out, opening);
	buf_adds(out, "\t'')\n\t\toperands='");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			buf_addf(out, "%s%s", i ? " " : "", commands[i]->name);
	}
	buf_adds(out, "'\n\t\t;;\n");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			add_command(out, commands[i], commands);
	}
	buf_adds(out, closing);
	buf_adds(out, "_kandy_choices() # COMMAND OPTION: the words that it takes\n{\n\tcase \"$1 $2\" in\n");
	for (size_t i = 0; commands[i]; i++) {
		struct words words = { .out = out, .command = commands[i]->name };

		if (!commands[i]->hidden)
			cli_each_row(commands[i]->opts, add_choices, &words);
	}
	buf_adds(out, "\tesac\n}\n\ncomplete -F _kandy kandy");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->hidden)
			buf_addf(out, " kandy-%s", commands[i]->name);
	}
	buf_addc(out, '\n');
}
