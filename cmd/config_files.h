/*
 * config_files.h - the two configuration files, and the option values in them.
 *
 * /etc/kandy/config (KANDY_SYSTEM_CONFIG names another one) and $XDG_CONFIG_HOME/kandy/config (~/.config/kandy/config).
 * Neither needs to exist. The keys are the names of the option rows with `.config` of all commands, so one file serves
 * all of them; any other key is refused.
 */
#ifndef KANDY_CMD_CONFIG_FILES_H
#define KANDY_CMD_CONFIG_FILES_H

#include "cli/cli.h"
#include "store/config.h"

struct config_files;

/* Reads and checks both for `profile` (borrowed). ST_CONFIG if they are invalid. */
enum status config_files_open(struct config_files **out, const char *profile, const struct command *const *commands,
	struct err *err) MUST_USE;
void config_files_free(struct config_files *files);

struct cli_lookup config_files_lookup(const struct config_files *files); /* for cli_layer() */

/* For listings: the path of a layer's file (NULL: none) and whether it exists. */
const char *config_files_path(const struct config_files *files, enum opt_source source, bool *found);
const struct config *config_files_get(const struct config_files *files, enum opt_source source);

/*
 * $VARIABLE/kandy, or HOME/FALLBACK/kandy if the variable is not set or relative (the XDG specification ignores
 * relative paths). Without HOME, the home directory comes from the user database. NULL: none is known. The caller frees
 * it.
 */
char *xdg_dir(const char *variable, const char *fallback);

#endif
