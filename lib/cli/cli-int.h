/*
 * cli-int.h - what the files of this room share.
 */
#ifndef KANDY_CLI_CLI_INT_H
#define KANDY_CLI_CLI_INT_H

#include "cli/cli.h"

/*
 * Where a value stands, for the sentence that refuses it: "option '--jobs'", "the environment variable 'KANDY_JOBS'".
 */
struct origin {
	enum opt_source source;
	const char *name;
};

/*
 * Stores `text` as the value of the row. An error names the origin, what the kind of value looks like, and (unless
 * the row is a secret) the text.
 */
enum status value_set(struct cli *cli, struct cli_value *value, const char *text, const struct origin *origin,
	struct err *err) MUST_USE;

/* Stores a flag's value, or counts. */
void value_set_flag(struct cli *cli, const struct cli_value *value, bool on);

/* An example argument of the row: "30s", "text", or its metavar. */
const char *value_example(const struct opt *row);

#endif
