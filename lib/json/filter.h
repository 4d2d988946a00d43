/*
 * filter.h - jq programs on JSON lines (--select, --jq, --arg).
 *
 * Uses libjq, which filter_new() loads. Compiling a program takes about 30 ms, because libjq 1.6 compiles its builtins
 * each time, so filter_start() does it on a thread while the caller connects; filter_run() waits for it. A filter is
 * used by one thread at a time.
 *
 * An item passes `select` if any result is neither false nor null; it is output once, and without a `program` its
 * values keep their bytes. Results of a `program` are printed by jq: libjq 1.6 keeps numbers as doubles
 * (10000000000000000001 becomes 1e+19), and only the last of two equal keys.
 *
 * Programs have no further input: `input` fails and `inputs` is empty. `debug` prints its value as a note
 * (log_private()). As in jq, definitions are read from ~/.jq if that file exists, and programs may `import` from there.
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
 * `select` or `program` may be NULL, not both. Strings are copied. ST_CONFIG if libjq is not installed.
 */
enum status filter_new(struct filter **out, const char *select, const char *program, const struct filter_arg *args,
	size_t arg_count, struct err *err) MUST_USE;
void filter_free(struct filter *filter);

/* Starts to compile, once. Do not fork before filter_ready(): the child would lack the thread. */
void filter_start(struct filter *filter);

/* Waits until the program is compiled; ST_USAGE with jq's own error if it is invalid. */
enum status filter_ready(struct filter *filter, struct err *err) MUST_USE;

/*
 * Runs the filter on one JSON text and appends each result to `out` as a line, with its newline. An error of the
 * program is ST_DATA; its earlier results stay in `out`. The error names the item by its "messageId" or "id", and never quotes
 * its content.
 */
enum status filter_run(struct filter *filter, const char *json, size_t len, struct buf *out, struct err *err) MUST_USE;

#endif
