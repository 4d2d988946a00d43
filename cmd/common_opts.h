/*
 * common_opts.h - the options of every command (--profile, --quiet, --verbose, --trace, --trace-text, --help,
 * --version), and --format, --jobs and --settle-time, which several commands share.
 *
 * A command's params struct begins with a struct common_params, where main reads it, and its rows end with
 *	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct NAME_params, common) },
 */
#ifndef KANDY_CMD_COMMON_OPTS_H
#define KANDY_CMD_COMMON_OPTS_H

#include "cli/cli.h"

struct common_params {
	bool quiet;
	int verbose;
	const char *trace; /* NULL: none */
	bool trace_text;
	const char *profile;
};

extern const struct opt common_opts[];

/*
 * --format json|text:
 *	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct NAME_params, format) },
 */
struct format_params {
	const char *format;
};

extern const struct opt format_opts[];

bool format_is_text(const struct format_params *params);

/* --jobs */
struct jobs_params {
	int64_t jobs;
};

extern const struct opt jobs_opts[];

/* --settle-time */
struct settle_params {
	int64_t settle_ms;
};

extern const struct opt settle_opts[];

#endif
