/*
 * output.h - stdout: data in whole lines, and nothing else.
 *
 * On a terminal, control characters in a line of JSON (DEL, C1, bidirectional) are written as \uXXXX, which is the same
 * JSON. Elsewhere the bytes are not changed.
 *
 * Lines are collected and written in batches of whole lines. After a failure every call fails the same way. EPIPE is
 * ST_SIGPIPE, on which main exits silently; other errors are ST_IO.
 */
#ifndef KANDY_CMD_OUTPUT_H
#define KANDY_CMD_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* For commands whose actions cannot be undone: ST_IO if stdout is closed or not open for writing. */
enum status output_check(struct err *err) MUST_USE;

/* Adds bytes that end in a newline. They are written at once on a terminal, or once much has been collected. */
enum status output_add(const char *p, size_t len, struct err *err) MUST_USE;
enum status output_line(const struct buf *line, struct err *err) MUST_USE; /* adds the newline itself, and flushes */
/* Adds the line of an event, with its newline; `text`: in the format for people (notification_text()). */
enum status output_event(const struct buf *line, bool text, struct err *err) MUST_USE;

/* Begins a line {"event":EVENT,... in `line`, which output_end() completes, writes with output_line() and releases. */
void output_begin(struct buf *line, const char *event);
enum status output_end(struct buf *line, struct err *err) MUST_USE;

enum status output_flush(struct err *err) MUST_USE;
enum status output_finish(struct err *err) MUST_USE; /* at the end: flush, and check close(2) */

#endif
