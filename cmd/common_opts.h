/*
 * common_opts.h - the options of every command: --quiet, --verbose, --trace, --profile, --help, --version.
 *
 * A command's params struct begins with a struct common_params (main reads it there), and its rows end with
 *	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct NAME_params, common) },
 */
#ifndef KANDY_CMD_COMMON_OPTS_H
#define KANDY_CMD_COMMON_OPTS_H

#include "cli/cli.h"

struct common_params {
	bool quiet;
	int verbose;
	const char *trace; /* NULL: none */
	const char *profile;
};

extern const struct opt common_opts[];

#endif
