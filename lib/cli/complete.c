/*
 * complete.c - what may come next on a command line, for the completions of bash, zsh and fish.
 *
 * The scripts in completions/ call `kandy help --emit complete -- WORD...`, where the last word is the one to complete
 * and may be empty. Each line of the output is a candidate, a tab and its description, or one of:
 *
 *	:file, :dir, :command, :host   the shell completes it
 *	:wrapped N                     word N begins a command line of its own
 *
 * A value in the same word ("--format=te") is completed without its prefix, which the scripts add.
 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct completion {
	struct buf *out;
	const struct command *command; /* the overview until a command is found */
	const struct cli_verb *verb;
	/* search for a row by its name */
	const char *name;
	size_t name_len;
	const struct opt *found;
};

static void add_candidate(const struct completion *completion, const char *word, const char *text)
{
	buf_addf(completion->out, "%s\t%s\n", word, text ? text : "");
}

static void match_row(const struct opt *row, size_t base, void *arg)
{
	struct completion *completion = arg;
	const char *name = completion->name;

	(void)base;
	if (!row->name || row->kind == OPT_HEADING || row->no_option)
		return;
	if (name[1] == '-' ? strlen(row->name) == completion->name_len - 2 &&
				!memcmp(row->name, name + 2, completion->name_len - 2)
			   : completion->name_len == 2 && row->letter == name[1])
		completion->found = row;
}

/* The row of "--name" or "-n", up to a '='. */
static const struct opt *find_row(struct completion *completion, const char *word)
{
	completion->found = NULL;
	completion->name = word;
	completion->name_len = strcspn(word, "=");
	if (word[0] == '-' && completion->name_len >= 2)
		cli_each_row(completion->command->opts, match_row, completion);
	return completion->found;
}

static void add_option(const struct opt *row, size_t base, void *arg)
{
	struct completion *completion = arg;
	char letter[] = { '-', row->letter, '\0' };
	char *name;

	(void)base;
	if (!cli_is_shown(row) || row->no_option || !cli_applies(completion->command, completion->verb, row->name))
		return;
	name = xasprintf("--%s", row->name);
	add_candidate(completion, name, row->help);
	if (row->letter)
		add_candidate(completion, letter, row->help);
	free(name);
}

static void add_words(const struct completion *completion, const char *const *words)
{
	for (; *words; words++)
		add_candidate(completion, *words, NULL);
}

static void add_hint(const struct completion *completion, enum opt_hint hint)
{
	switch (hint) {
	case HINT_FILE: buf_adds(completion->out, ":file\n"); break;
	case HINT_DIR: buf_adds(completion->out, ":dir\n"); break;
	case HINT_COMMAND: buf_adds(completion->out, ":command\n"); break;
	case HINT_HOST: buf_adds(completion->out, ":host\n"); break;
	case HINT_PROFILE:
	case HINT_NONE:
	case HINT_ADDRESS: break;
	}
}

static void add_commands(const struct completion *completion, const struct command *const *commands)
{
	for (; *commands; commands++) {
		if (!(*commands)->hidden)
			add_candidate(completion, (*commands)->name, (*commands)->summary);
	}
}

static void add_verbs(const struct completion *completion, const struct command *command)
{
	for (const struct cli_verb *verb = command->verbs; verb && verb->name; verb++)
		add_candidate(completion, verb->name, verb->summary);
}

/* `operands` are those before the word. */
static void add_operand(const struct completion *completion, const struct command *const *commands, char **operands,
	size_t count)
{
	const struct command *command = completion->command;

	if (!command->run) {
		add_commands(completion, commands);
	} else if (!strcmp(command->name, "help")) {
		if (!count)
			add_commands(completion, commands);
		else if (count == 1 && (command = cli_find(commands, operands[0])))
			add_verbs(completion, command);
	} else if (command->verbs && !count) {
		add_verbs(completion, command);
	} else if (command->operand_choices) {
		add_words(completion, command->operand_choices);
	} else {
		add_hint(completion, command->wraps ? HINT_COMMAND : command->operand_hint);
	}
}

enum opt_hint cli_complete(struct buf *out, const struct command *overview, const struct command *const *commands,
	char **words, size_t count)
{
	struct completion completion = { .out = out, .command = overview };
	const char *called = count ? file_basename(words[0]) : "", *word = count > 1 ? words[count - 1] : "";
	const struct opt *row = NULL; /* whose argument is the next word */
	char **operands = xcalloc(count + 1, sizeof(*operands));
	size_t operand_count = 0;
	bool ended = false;

	if (str_starts_with(called, "kandy-") && cli_find(commands, called + 6))
		completion.command = cli_find(commands, called + 6);
	for (size_t i = 1; i + 1 < count; i++) {
		const struct opt *before = row;

		row = NULL;
		if (before) {
			if (!strcmp(words[i], "=")) /* bash splits "--name=value" there */
				row = before;
			continue;
		}
		if (!ended && words[i][0] == '-' && words[i][1]) {
			ended = !strcmp(words[i], "--");
			row = find_row(&completion, words[i]);
			if (row && (!cli_takes_argument(row) || strchr(words[i], '=')))
				row = NULL;
		} else if (!completion.command->run) {
			if (!(completion.command = cli_find(commands, words[i])))
				goto out;
			ended = false;
		} else if (completion.command->wraps) {
			buf_addf(out, ":wrapped %zu\n", i);
			goto out;
		} else {
			if (!operand_count)
				completion.verb = cli_find_verb(completion.command, words[i]);
			operands[operand_count++] = words[i];
		}
	}
	if (!row && !ended && str_starts_with(word, "--") && strchr(word, '='))
		row = find_row(&completion, word);
	if (row && row->kind == OPT_CHOICE)
		add_words(&completion, row->choices);
	else if (row)
		add_hint(&completion, row->hint);
	else if (!ended && word[0] == '-')
		cli_each_row(completion.command->opts, add_option, &completion);
	else
		add_operand(&completion, commands, operands, operand_count);
out:
	free(operands);
	return row ? row->hint : HINT_NONE;
}
