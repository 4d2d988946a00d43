/*
 * command.h - what a subcommand is.
 *
 * To add one:
 *  1. cmd/NAME.c with its params struct, option rows, description, examples and run(), ending in
 *     `const struct command cmd_NAME = { ... };`, callee above caller. The params struct begins with a struct
 *     common_params, and the rows end with the group common_opts (common_opts.h).
 *  2. Two lines in cmd/commands.c: the extern and the place in the table.
 *  3. tests/cli/NAME.t. The examples run by themselves (tests/docs/examples.t); `make completions` renews completions/.
 * Nothing else needs to be touched: parser, --help, man page, completions, configuration and listing read the rows.
 *
 * run() reads like a sentence: gather, call lib/, print, release. It returns a status with `err` filled (main prints
 * it), or ST_OK. After it main flushes and checks stdout.
 */
#ifndef KANDY_CMD_COMMAND_H
#define KANDY_CMD_COMMAND_H

#include "cli/cli.h"

enum {
	NEEDS_STDIN = 1, /* always reads stdin: main says so where that is a terminal */
	NEEDS_NO_FILES = 2, /* works without configuration files and a home directory, whatever state these are in:
			       config is NULL then, and state_dir may be */
	NEEDS_NO_SANE_CONFIG =
		4, /* runs in spite of an error in a configuration file, which is in config_err then; nothing
			       of the files counts in that case */
};

struct config_files; /* config_files.h */

struct run_ctx {
	const struct command *command;
	const struct command *const *commands;
	const struct cli *cli; /* operands, and where each value came from */
	const char *profile; /* "default" if nothing else was said */
	const char *state_dir; /* $XDG_STATE_HOME/kandy, or ~/.local/state/kandy */
	const struct err *config_err; /* NEEDS_NO_SANE_CONFIG: what is wrong there, or NULL */
	const struct config_files *config; /* borrowed, as everything here */
};

extern const struct command overview; /* commands.c: "kandy" without a command */
extern const struct command *const commands[]; /* commands.c, NULL-terminated, in the order of help */

#endif
