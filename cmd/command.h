/*
 * command.h - the interface between main and the commands.
 *
 * To add a command:
 *  1. cmd/NAME.c with its params struct, option rows, description, examples and run(), ending in
 *     `const struct command cmd_NAME = { ... };`, callee above caller. The params struct begins with a struct
 *     common_params, and the rows end with the group common_opts (common_opts.h).
 *  2. cmd/commands.c: declare it, and add it to the table, to a section of the first screen, and to the exit statuses.
 *  3. tests/cli/NAME.t. tests/docs/examples.t runs the examples.
 * Parser, --help, man page, completions, configuration and listing read the rows.
 *
 * run() gathers, calls lib/, prints and releases. It returns ST_OK, or a status with `err` filled, which main prints.
 * After that main flushes and checks stdout.
 */
#ifndef KANDY_CMD_COMMAND_H
#define KANDY_CMD_COMMAND_H

#include "cli/cli.h"

enum {
	NEEDS_STDIN = 1, /* always reads stdin: main prints a note if that is a terminal */
	NEEDS_NO_FILES =
		2, /* opens no configuration file and needs no home directory: config is NULL, state_dir may be */
	NEEDS_NO_SANE_CONFIG =
		4, /* runs in spite of an error in a configuration file, which config_err holds; the files
				     are ignored then */
};

struct config_files; /* config_files.h */

struct run_ctx {
	const struct command *command;
	const struct command *const *commands;
	const struct cli *cli; /* operands, the verb, and the source of each value */
	const char *profile; /* "default" unless set */
	const char *state_dir; /* $XDG_STATE_HOME/kandy, or ~/.local/state/kandy */
	const struct err *config_err; /* NEEDS_NO_SANE_CONFIG: the error, or NULL */
	const struct config_files *config; /* borrowed, like everything here */
};

/* commands.c */
extern const struct command overview; /* "kandy" without a command */
extern const struct command *const commands[]; /* NULL-terminated */
extern const struct cli_section sections[]; /* of the first screen */
extern const struct command topic_connection; /* kandy help connection */

#endif
