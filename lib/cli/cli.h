/*
 * cli.h - commands and their option rows, and what is read from them.
 *
 * One const row an option or setting is the only place where it is written down. Its readers: the parser (parse.c),
 * `--help` (help.c), the man pages (man.c), bash, zsh and fish completions (bash.c, zsh.c, fish.c), the layering
 * option > environment > profile > system file > default (layer.c), and the JSON listing (cmd/listing.c, since JSON
 * is another room).
 *
 * A command has a params struct with its defaults' home, rows that point into it by offset, and run(). Rows that
 * several commands share (connection, credentials, output) are tables of their own over an embedded struct, named by
 * a row of kind OPT_GROUP:
 *
 *	struct send_params { struct session_params session; struct str_list to; int64_t jobs; };
 *	static const struct opt send_opts[] = {
 *		{ .kind = OPT_LIST, .name = "to", .letter = 't', .metavar = "ADDRESS", .help = "send to ADDRESS",
 *		  .at = offsetof(struct send_params, to) },
 *		{ .kind = OPT_INT, .name = "jobs", .letter = 'j', .metavar = "N", .help = "do N at once",
 *		  .at = offsetof(struct send_params, jobs), .fallback = "1", .min = 1, .max = 256 },
 *		{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct send_params, session) },
 *		{ 0 }
 *	};
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
	OPT_HEADING, /* help: the title of a section of --help and the man page */
	OPT_FLAG, /* bool; "--no-NAME" takes it back */
	OPT_COUNT, /* int: how often it was given (-vv) */
	OPT_INT, /* int64_t, within min..max */
	OPT_DURATION, /* int64_t, milliseconds, within min..max */
	OPT_SIZE, /* int64_t, bytes, within min..max */
	OPT_STRING, /* const char *, borrowed from argv, the environment or the struct cli */
	OPT_CHOICE, /* const char *, one of `choices` */
	OPT_LIST, /* struct str_list; each time adds one. From the environment or a file: one item, the whole value */
	OPT_HELP, /* no target: sets want_help */
	OPT_VERSION, /* no target: sets want_version */
};

enum opt_hint { HINT_NONE = 0, HINT_FILE, HINT_DIR, HINT_COMMAND, HINT_HOST, HINT_ADDRESS, HINT_PROFILE };

/* How much of a value is shown; see `secret` for none. */
enum opt_shown {
	SHOW_ALL = 0,
	SHOW_URL, /* without user information, whose password log.h is told as soon as it is known */
	SHOW_PROGRAM, /* of a shell command, the program's name: cli_program() */
};

/* Where a value came from; later ones win. */
enum opt_source { SOURCE_DEFAULT = 0, SOURCE_SYSTEM, SOURCE_PROFILE, SOURCE_ENVIRONMENT, SOURCE_OPTION };

struct str_list {
	const char **items; /* strings borrowed like OPT_STRING's */
	size_t count, cap;
};

struct opt {
	enum opt_kind kind;
	const char *name; /* long option; also the key in the config file where `config` is set */
	char letter; /* short option, or 0 */
	const char *metavar; /* what stands for the argument in help: "FILE" */
	const char *help; /* one sentence, lower-case, no full stop; the default is added by the readers */
	const char *more; /* what only the man page says (optional) */
	size_t at; /* offset in the params struct */
	const char *fallback; /* the default, in the syntax of the option; NULL: zero bits */
	int64_t min, max; /* for numbers; both 0: from 0 without a limit */
	const char *const *choices; /* NULL-terminated */
	const char *env; /* environment variable ("KANDY_BASE_URL"), or NULL */
	enum opt_hint hint; /* for completions */
	bool config; /* may stand in a config file */
	bool secret; /* the value is never shown: not in listings, help or `whoami` */
	enum opt_shown shown;
	const char *password_goes; /* SHOW_URL: the option takes no password; where it goes, as the end of a sentence */
	bool no_option; /* environment and config only, no `--name` */
	bool hidden; /* works, and no reader shows it */
	bool once; /* an error if given twice (default: the last one counts) */
	const struct opt *group; /* OPT_GROUP */
};

struct cli_example {
	const char *command; /* a shell line; tests run it against the sandbox */
	const char *text; /* what it does */
};

struct run_ctx; /* cmd/command.h */

struct command {
	const char *name; /* "send" */
	const char *operands; /* synopsis of the operands: "[ADDRESS...]"; NULL: it takes none */
	size_t operands_min, operands_max; /* max 0: none; SIZE_MAX: any number */
	enum opt_hint operand_hint;
	const char *const *operand_choices; /* for completion and listings; not enforced by the parser */
	const char *summary; /* lower-case, no full stop: it stands in lists, and behind the name in the man page */
	const char *const *description; /* paragraphs, NULL-terminated */
	const struct opt *opts;
	size_t params_size;
	const struct cli_example *examples; /* ends with a NULL command */
	const char *const *see_also; /* other commands, NULL-terminated, or NULL */
	bool wraps; /* the first operand is a command, and what follows it belongs to that: the options end there */
	unsigned needs; /* NEEDS_ flags of cmd/command.h, honoured once in main */
	bool hidden;
	enum status (*run)(const struct run_ctx *ctx, const void *params, struct err *err);
};

/*
 * The configuration files as the layering sees them: the value for `key` in that layer, or NULL. `*where` receives
 * "FILE:LINE". Both are borrowed, and must live as long as the struct cli.
 */
struct cli_lookup {
	const char *(*get)(void *arg, enum opt_source source, const char *key, const char **where);
	void *arg;
	const char *home; /* what '~' stands for in a path (HINT_FILE, HINT_DIR); NULL: it is not known */
};

/* One row of the command, groups resolved: what is known of its value. */
struct cli_value {
	const struct opt *row;
	size_t at; /* offset in the command's params */
	enum opt_source source;
	size_t times; /* how often the option was given */
	const char *text; /* the (last) value as it was written; NULL: not set */
	char *where; /* see cli_source(); NULL: the default */
	char *path; /* `text`, where it was written with a '~' */
};

/*
 * The result of a parse. `params` is what run() gets; everything that it borrows lives as long as this struct.
 */
struct cli {
	const struct command *command;
	void *params;
	char **operands; /* argv's own strings */
	size_t operand_count;
	bool want_help; /* -h, --help */
	bool want_version; /* -V, --version */
	struct cli_value *values; /* one a row; opaque to commands, see cli_source() */
	size_t value_count, value_cap;
	bool ended; /* "--" was seen */
};

/*
 * Reads argv[1..] for `command`: first pass, options alone (so that --profile is known before a config file is
 * opened); the second, cli_layer(), fills what no option gave. Errors are ST_USAGE with a hint ("did you mean
 * '--attach'?"). If want_help or want_version is set, what stands behind that option may be wrong, and operands are
 * not counted. Release `cli` in every case.
 */
enum status cli_parse(struct cli *cli, const struct command *command, int argc, char **argv, struct err *err) MUST_USE;

/* As of an empty command line, whatever operands are missing then: for listings of what cli_layer() finds. */
void cli_begin(struct cli *cli, const struct command *command);

/*
 * Environment, then config files (a NULL lookup: none), then defaults. A bad value names its source: ST_USAGE or
 * ST_CONFIG. May be called again, with another lookup.
 */
enum status cli_layer(struct cli *cli, const struct cli_lookup *lookup, struct err *err) MUST_USE;

void cli_release(struct cli *cli);

bool cli_has(const struct cli *cli, const char *name); /* is there such a row? */

/*
 * Where the value of the row `name` came from; `*where` is "--base-url", "KANDY_BASE_URL", "FILE:LINE" or NULL
 * (default).
 */
enum opt_source cli_source(const struct cli *cli, const char *name, const char **where);
/* The value as text, for listings, as much of it as its row shows; NULL where it is not set. Free it. */
char *cli_value_text(const struct cli *cli, const char *name);

/*
 * Calls `each` for every row of the command, groups resolved, in order; `base` is the offset of its struct in params.
 */
void cli_each_row(const struct opt *opts, void (*each)(const struct opt *row, size_t base, void *arg), void *arg);

/* What a row is to its readers. */
bool cli_takes_argument(const struct opt *row);
bool cli_is_shown(const struct opt *row); /* in help and completions: not hidden, and no heading or group */

/* The first word of a shell command, and its length; 0 where it may be a value (NAME=value). */
size_t cli_program(const char *command, const char **start);

/*
 * Readers. `commands` is NULL-terminated; `overview` is the row of "kandy" itself, which has a summary, a description
 * and options that may stand before a command, and no run(). Width 0: no wrapping.
 */
void cli_usage(struct buf *out, const struct command *command); /* "usage: kandy send [OPTION...] [ADDRESS...]" */
void cli_help(struct buf *out, const struct command *command, unsigned width);
void cli_overview(struct buf *out, const struct command *overview, const struct command *const *commands,
	unsigned width);
void cli_man(struct buf *out, const struct command *command); /* mdoc: kandy-COMMAND(1) */
/* kandy(1) */
void cli_man_overview(struct buf *out, const struct command *overview, const struct command *const *commands);
void cli_bash(struct buf *out, const struct command *const *commands);
void cli_zsh(struct buf *out, const struct command *const *commands);
void cli_fish(struct buf *out, const struct command *const *commands);

const struct command *cli_find(const struct command *const *commands, const char *name);
const char *cli_nearest(const struct command *const *commands, const char *name); /* for "did you mean", or NULL */

/* The exit codes, for the man pages; cmd/ owns the table. Ends with a NULL text. */
struct cli_exit_code {
	int code;
	const char *text;
};
extern const struct cli_exit_code cli_exit_codes[];

#endif
