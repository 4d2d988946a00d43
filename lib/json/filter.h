/*
 * filter.h - jq programs on JSON lines (--select, --jq, --arg).
 *
 * The gate to libjq, which is loaded by filter_new() and not before. To compile a program costs about 30
 * ms (libjq 1.6 compiles its builtins each time), so filter_start() does it on a thread while the caller goes
 * on to connect; filter_run() waits for it. A filter is used by one thread at a time.
 *
 * An item passes `select` if any of its results is neither false nor null: it is passed on once, however
 * many are, and without a `program` byte for byte. Results of a `program` are jq's rendering: libjq 1.6
 * keeps numbers as doubles (10000000000000000001 becomes 1e+19), and of two equal keys the last.
 *
 * There is no further input: `input` fails and `inputs` is empty. `debug` shows its value as a note (log_private()).
 *
 * As jq does, libjq reads the definitions in ~/.jq if there is such a file, and programs may `import`
 * from there.
 */
#ifndef KANDY_JSON_FILTER_H
#define KANDY_JSON_FILTER_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

struct filter;

struct filter_arg {
	const char *name, *value; /* $name is the string `value` */
};

/*
 * `select` or `program` may be NULL, not both. Strings are copied. ST_CONFIG if libjq is not there.
 */
enum status filter_new(struct filter **out, const char *select, const char *program, const struct filter_arg *args,
	size_t arg_count, struct err *err) MUST_USE;
void filter_free(struct filter *filter);

/* Begins to compile, if that has not been done; until filter_ready() there is a thread that a fork would cut off. */
void filter_start(struct filter *filter);

/* Waits until the program is compiled; ST_USAGE with jq's own complaint if it cannot be. */
enum status filter_ready(struct filter *filter, struct err *err) MUST_USE;

/*
 * Runs the filter on one JSON text and appends each result to `out` as a line (with its newline). No
 * result: nothing. An error that the program raises is ST_DATA, what it gave before stays in `out`. Its sentence names
 * the item by its "messageId" or "id", and quotes nothing that is in it: whoever has the line can ask jq itself.
 */
enum status filter_run(struct filter *filter, const char *json, size_t len, struct buf *out, struct err *err) MUST_USE;

#endif
