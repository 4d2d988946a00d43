#include "cmd/listing.h"

#include "cmd/command.h"
#include "cmd/json_schema.h"
#include "json/json.h"

static const char *kind_name(enum opt_kind kind)
{
	switch (kind) {
	case OPT_END:
	case OPT_GROUP:
	case OPT_HEADING: break;
	case OPT_FLAG: return "flag";
	case OPT_COUNT: return "count";
	case OPT_INT: return "integer";
	case OPT_DURATION: return "duration";
	case OPT_SIZE: return "size";
	case OPT_STRING: return "string";
	case OPT_CHOICE: return "choice";
	case OPT_LIST: return "list";
	case OPT_HELP: return "help";
	case OPT_VERSION: return "version";
	}
	return NULL;
}

static const char *hint_name(enum opt_hint hint)
{
	switch (hint) {
	case HINT_NONE: return NULL;
	case HINT_FILE: return "file";
	case HINT_DIR: return "directory";
	case HINT_COMMAND: return "command";
	case HINT_HOST: return "host";
	case HINT_ADDRESS: return "address";
	case HINT_PROFILE: return "profile";
	}
	return NULL;
}

static void add_words(struct buf *out, const char *key, const char *const *words)
{
	json_open_key(out, key, '[');
	for (; words && *words; words++)
		json_add_string(out, NULL, *words);
	json_close(out, ']');
}

/* Keys that would be empty are left out. */
static void add_if(struct buf *out, const char *key, const char *text)
{
	if (text)
		json_add_string(out, key, text);
}

static void add_row(const struct opt *row, size_t base, void *arg)
{
	struct buf *out = arg;
	char letter[] = { row->letter, '\0' };

	(void)base;
	if (!cli_is_shown(row))
		return;
	json_open(out, '{');
	json_add_string(out, "name", row->name);
	add_if(out, "letter", row->letter ? letter : NULL);
	json_add_string(out, "kind", kind_name(row->kind));
	add_if(out, "argument", cli_takes_argument(row) ? cli_metavar(row) : NULL);
	json_add_string(out, "help", row->help);
	add_if(out, "more", row->more);
	add_if(out, "default", row->secret ? NULL : row->fallback);
	if (row->min || row->max)
		json_add_int(out, "min", row->min);
	if (row->max)
		json_add_int(out, "max", row->max);
	if (row->choices)
		add_words(out, "choices", row->choices);
	add_if(out, "environment", row->env);
	add_if(out, "hint", hint_name(row->hint));
	json_add_bool(out, "option", !row->no_option);
	json_add_bool(out, "config", row->config);
	json_add_bool(out, "secret", row->secret);
	json_close(out, '}');
}

static void add_examples(struct buf *out, const struct cli_example *examples)
{
	json_open_key(out, "examples", '[');
	for (; examples && examples->command; examples++) {
		json_open(out, '{');
		json_add_string(out, "command", examples->command);
		json_add_string(out, "text", examples->text);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void add_verbs(struct buf *out, const struct cli_verb *verbs)
{
	json_open_key(out, "verbs", '[');
	for (; verbs->name; verbs++) {
		json_open(out, '{');
		json_add_string(out, "name", verbs->name);
		json_add_string(out, "summary", verbs->summary);
		add_if(out, "operands", verbs->operands);
		add_words(out, "options", verbs->options);
		add_examples(out, verbs->examples);
		json_close(out, '}');
	}
	json_close(out, ']');
}

static void add_command(struct buf *out, const struct command *command)
{
	json_open(out, '{');
	json_add_string(out, "name", command->name);
	json_add_string(out, "summary", command->summary);
	add_if(out, "operands", command->operands);
	add_if(out, "operandHint", hint_name(command->operand_hint));
	if (command->operand_choices)
		add_words(out, "operandChoices", command->operand_choices);
	if (command->verbs)
		add_verbs(out, command->verbs);
	add_words(out, "description", command->description);
	json_open_key(out, "options", '[');
	cli_each_row(command->opts, add_row, out);
	json_close(out, ']');
	add_examples(out, command->examples);
	add_words(out, "seeAlso", command->see_also);
	json_close(out, '}');
}

void listing_add(struct buf *out, const struct command *const *list)
{
	json_open(out, '{');
	json_add_string(out, "event", "commands");
	json_add_string(out, "version", KANDY_VERSION);
	json_open_key(out, "commands", '[');
	for (; *list; list++) {
		if (!(*list)->hidden)
			add_command(out, *list);
	}
	json_close(out, ']');
	add_examples(out, overview.examples);
	json_schema_add_listing(out);
	json_open_key(out, "exitCodes", '[');
	for (const struct cli_exit *row = cli_exits; row->text; row++) {
		json_open(out, '{');
		json_add_int(out, "code", row->status);
		json_add_string(out, "text", row->text);
		if (row->commands)
			json_add_string(out, "commands", row->commands);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
	buf_addc(out, '\n');
}
