/*
 * cli.h - the gate of the room cli: commands, their option rows, and everything that is derived from the rows.
 *
 * An option or setting is described once, in a const row. The readers of the rows are the parser (parse.c), the
 * layering option > environment > profile > system file > default (layer.c), `--help` (help.c), the man pages
 * (man.c), completions (complete.c), and the JSON listing (cmd/listing.c, because JSON is another room). rows.c walks
 * and searches them.
 *
 * A command has a params struct, rows that point into it by offset, and run(). Rows that several commands share
 * (connection, login, common) are a table of their own over an embedded struct, included by a row of kind OPT_GROUP:
 *
 *	struct send_params { struct session_params session; struct str_list to; int64_t jobs; };
 *	static const struct opt send_opts[] = {
 *		{ .kind = OPT_LIST, .name = "to", .letter = 't', .metavar = "ADDRESS", .help = "recipient",
 *		  .at = offsetof(struct send_params, to) },
 *		{ .kind = OPT_INT, .name = "jobs", .letter = 'j', .metavar = "N", .help = "maximum parallel requests",
 *		  .at = offsetof(struct send_params, jobs), .fallback = "1", .min = 1, .max = 256 },
 *		{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct send_params, session) },
 *		{ 0 }
 *	};
 *
 * --help is short: it shows the first paragraph of the description, two examples, and no section whose heading is
 * `hidden` or has a `name`. `--help --all` and the man page show everything.
 */
#ifndef KANDY_CLI_CLI_H
#define KANDY_CLI_CLI_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_END = 0,
	OPT_GROUP, /* rows of an embedded struct */
	/* `help` is the title of a section. --help only mentions it if it is `hidden` or shared, which a `name` says:
	   all shared sections are shown by `kandy help connection`, and by the help of a command of that name */
	OPT_HEADING,
	OPT_FLAG, /* bool; "--no-NAME" resets it */
	OPT_COUNT, /* int: number of occurrences (-vv) */
	OPT_INT, /* int64_t, within min..max */
	OPT_DURATION, /* int64_t, milliseconds, within min..max */
	OPT_SIZE, /* int64_t, bytes, within min..max */
	OPT_STRING, /* const char *, borrowed from argv, the environment or the struct cli */
	OPT_CHOICE, /* const char *, one of `choices` */
	OPT_LIST, /* struct str_list; each occurrence adds an item. A variable or file gives one item, its value */
	OPT_HELP, /* no target: sets want_help */
	OPT_VERSION, /* no target: sets want_version */
};

enum opt_hint { HINT_NONE = 0, HINT_FILE, HINT_DIR, HINT_COMMAND, HINT_HOST, HINT_ADDRESS, HINT_PROFILE };

/* How much of a value listings show; see `secret` for none. */
enum opt_shown {
	SHOW_ALL = 0,
	SHOW_URL, /* without user information; the log redacts its password from the moment it is parsed */
	SHOW_PROGRAM, /* the program name of a shell command: cli_program() */
};

/* Where a value comes from; later ones override earlier ones. */
enum opt_source { SOURCE_DEFAULT = 0, SOURCE_SYSTEM, SOURCE_PROFILE, SOURCE_ENVIRONMENT, SOURCE_OPTION };

struct str_list {
	const char **items; /* borrowed, as for OPT_STRING */
	size_t count, cap;
};

struct opt {
	enum opt_kind kind;
	const char *name; /* long option; also the key in configuration files if `config` is set */
	char letter; /* short option, or 0 */
	const char *metavar; /* name of the argument in help: "FILE" */
	const char *help; /* a phrase without subject and full stop; readers append choices and the default */
	const char *more; /* further sentences for the man page only (optional) */
	size_t at; /* offset in the params struct */
	const char *fallback; /* the default, in the syntax of the option; NULL: zero bits */
	int64_t min, max; /* for numbers; both 0: 0 or more */
	const char *const *choices; /* NULL-terminated */
	const char *env; /* environment variable ("KANDY_BASE_URL"), or NULL */
	enum opt_hint hint; /* for completions */
	bool config; /* may be set in a configuration file */
	bool secret; /* the value is never shown: not in listings, help or `whoami` */
	enum opt_shown shown;
	const char *password_goes; /* SHOW_URL: set if the option refuses a password; where to put it instead */
	bool no_option; /* environment and configuration only, no `--name` */
	bool hidden; /* accepted, but shown by no reader */
	bool once; /* giving it twice is an error (default: the last one wins) */
	const struct opt *group; /* OPT_GROUP */
};

struct cli_example {
	const char *command; /* a shell line; a test runs it on the sandbox */
	const char *text; /* its purpose */
};

/*
 * One verb of a command such as `group`, given as its first operand. `kandy COMMAND VERB --help` and `kandy help
 * COMMAND VERB` show it. An option that verbs name in `options` belongs to those verbs only, and the parser refuses
 * it with the others; all other rows of the command apply to every verb.
 */
struct cli_verb {
	const char *name; /* "create" */
	const char *operands; /* those after the verb: "ID ADDRESS..."; NULL: none */
	size_t operands_min, operands_max; /* without the verb itself */
	const char *summary;
	const char *const *options; /* names of rows, NULL-terminated; NULL: none of its own */
	const struct cli_example *examples; /* NULL, or as in struct command; the command's examples are not repeated */
};

/* The lists of a row, with their end. */
/* clang-format off */
#define CLI_LIST(...) (const char *const[]){ __VA_ARGS__, NULL }
#define CLI_EXAMPLES(...) (const struct cli_example[]){ __VA_ARGS__, { 0 } }
/* clang-format on */

struct run_ctx; /* cmd/command.h */
struct cli_exit;

struct command {
	const char *name; /* "send" */
	const char *operands; /* synopsis of the operands: "[ADDRESS...]"; NULL: it takes none */
	size_t operands_min, operands_max; /* max 0: none; SIZE_MAX: any number */
	enum opt_hint operand_hint;
	const char *const *operand_choices; /* for completion and listings; not enforced by the parser */
	/* ends with a NULL name; `operands` and the counts above are not used then, except that operands_min 0 makes
	   the first verb the default */
	const struct cli_verb *verbs;
	const char *summary; /* a phrase without a full stop, for lists and the NAME line of the man page */
	const char *const *description; /* paragraphs, NULL-terminated; --help shows the first one only */
	const struct opt *opts;
	size_t params_size;
	const struct cli_example *examples; /* ends with a NULL command */
	const char *const *see_also; /* other commands, NULL-terminated, or NULL */
	bool wraps; /* the first operand is a command, and everything after it belongs to that command */
	unsigned needs; /* NEEDS_ flags of cmd/command.h, handled in main */
	bool hidden;
	enum status (*run)(const struct run_ctx *ctx, const void *params, struct err *err);
};

/*
 * Access to the configuration files: get() returns the value of `key` in that layer, or NULL. `*where` receives
 * "FILE:LINE". Both are borrowed, and must live as long as the struct cli.
 */
struct cli_lookup {
	const char *(*get)(void *arg, enum opt_source source, const char *key, const char **where);
	void *arg;
	const char *home; /* replaces '~' in paths (HINT_FILE, HINT_DIR); NULL: unknown */
};

/* The value of one row, groups resolved. */
struct cli_value {
	const struct opt *row;
	size_t at; /* offset in the command's params */
	enum opt_source source;
	size_t times; /* occurrences of the option */
	const char *text; /* the last value, as written; NULL: not set */
	char *where; /* see cli_source(); NULL: the default */
	char *path; /* `text` with '~' expanded, else NULL */
};

/* The result of a parse. `params` is passed to run(); everything that it borrows lives as long as this struct. */
struct cli {
	const struct command *command;
	const struct cli_verb *verb; /* the verb given as operands[0], or the default verb; NULL: none */
	void *params;
	char **operands; /* strings of argv, the verb included */
	size_t operand_count;
	bool want_help; /* -h, --help */
	bool want_all; /* --help --all */
	bool want_version; /* -V, --version */
	struct cli_value *values; /* one for each row; opaque to commands, see cli_source() */
	size_t value_count, value_cap;
	bool ended; /* "--" was seen */
};

/*
 * Parses argv[1..] for `command`. This first pass reads options only, so that --profile is known before a configuration
 * file is opened; the second, cli_layer(), sets what no option gave. Errors are ST_USAGE, with a hint if there is one
 * ("did you mean '--attach'?"). If want_help or want_version is set, later arguments may be wrong and operands are not
 * counted. Release `cli` in every case.
 */
enum status cli_parse(struct cli *cli, const struct command *command, int argc, char **argv, struct err *err) MUST_USE;

/* The result of parsing no arguments, without the count of operands: for listings of what cli_layer() finds. */
void cli_begin(struct cli *cli, const struct command *command);

/*
 * Environment, then configuration files (if `lookup` is not NULL), then defaults. A bad value names its source:
 * ST_USAGE or ST_CONFIG. May be called again, with another lookup.
 */
enum status cli_layer(struct cli *cli, const struct cli_lookup *lookup, struct err *err) MUST_USE;

void cli_release(struct cli *cli);

bool cli_has(const struct cli *cli, const char *name); /* the command has a row of that name */

/* The source of the row's value; `*where` is "--base-url", "KANDY_BASE_URL", "FILE:LINE" or NULL (default). */
enum opt_source cli_source(const struct cli *cli, const char *name, const char **where);
/* The value as text for listings, as much of it as the row shows; NULL if it is not set. Free it. */
char *cli_value_text(const struct cli *cli, const char *name);

/* ---- rows (rows.c) --------------------------------------------------------------------------------------------- */

/* Calls `each` for every row, groups resolved, in order; `base` is the offset of the row's struct in params. */
void cli_each_row(const struct opt *opts, void (*each)(const struct opt *row, size_t base, void *arg), void *arg);

bool cli_takes_argument(const struct opt *row);
bool cli_is_shown(const struct opt *row); /* in help and completions: not hidden, no heading, no group */
const char *cli_metavar(const struct opt *row); /* "VALUE" if it has none */

/* Whether the option may be given with the verb (NULL: no verb was given). */
bool cli_applies(const struct command *command, const struct cli_verb *verb, const char *option);
const struct cli_verb *cli_find_verb(const struct command *command, const char *name); /* or NULL */

/* The first word of a shell command, and its length; 0 if it may be a value (NAME=value). */
size_t cli_program(const char *command, const char **start);

/* Whether the command may end with that status. */
bool cli_exit_applies(const struct cli_exit *row, const struct command *command);

const struct command *cli_find(const struct command *const *commands, const char *name); /* or NULL */
/* ST_USAGE, with the nearest name if there is one: "unknown command 'listn'; did you mean 'listen'?" */
enum status cli_unknown_command(const struct command *const *commands, const char *name, struct err *err);
enum status cli_unknown_verb(const struct command *command, const char *name, struct err *err);

/* ---- readers --------------------------------------------------------------------------------------------------- */

/* The groups of the first screen. It shows `brief`, or the command's summary if that is NULL. */
struct cli_section {
	const char *title;
	bool paired; /* two columns, if the terminal is wide enough */
	struct {
		const struct command *command;
		const char *brief;
	} entries[8]; /* ends with a NULL command */
};

/*
 * One row of the exit statuses, which cmd/ owns: the same status may have several, for different commands. Ends with a
 * NULL text.
 */
struct cli_exit {
	int status;
	const char *brief; /* for the list in --help; NULL: man page only */
	const char *text; /* a sentence, for the man page */
	const char *commands; /* names with a space on both sides: " send flush "; NULL: every command */
};
extern const struct cli_exit cli_exits[];

/*
 * `overview` is the row of "kandy" itself, which has a summary, a description and the options that may precede a command,
 * but no run(). A topic is a hidden command without run(). Width 0: no wrapping.
 */
void cli_usage(struct buf *out, const struct command *command, const struct cli_verb *verb);
/* The verb may be NULL. */
void cli_help(struct buf *out, const struct command *command, const struct cli_verb *verb, bool all, unsigned width);
void cli_overview(struct buf *out, const struct command *overview, const struct cli_section *sections, unsigned width);
void cli_man(struct buf *out, const struct command *command); /* mdoc: kandy-COMMAND(1) */
/* kandy(1); `prose` is sections in the markup of cli_man_page() */
void cli_man_overview(struct buf *out, const struct command *overview, const struct command *const *commands,
	const char *prose);
/* A page of section 5, with `text` in a small markup: see add_prose() in man.c. */
void cli_man_page(struct buf *out, const char *page, const char *summary, const char *text);
/*
 * Candidates for the last of `words`, the first of which is the name of the program; see complete.c. Returns the hint
 * of the option whose argument it is; the caller adds the profiles.
 */
enum opt_hint cli_complete(struct buf *out, const struct command *overview, const struct command *const *commands,
	char **words, size_t count);

#endif
