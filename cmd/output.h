/*
 * output.h - stdout: data, in whole lines, and nothing else.
 *
 * On a terminal, what a line of JSON has in it of characters that terminals obey (DEL, C1, bidirectional controls) is
 * written as \uXXXX, which is the same JSON. Elsewhere, bytes stay as they are.
 *
 * Lines are collected and written in batches that end at a line. After a failure every call fails the same way. A
 * reader that has gone (EPIPE) is ST_SIGPIPE, which main turns into a quiet end; anything else is ST_IO.
 */
#ifndef KANDY_CMD_OUTPUT_H
#define KANDY_CMD_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/*
 * For commands that do what cannot be undone: fails where it is known from the start that nothing can be written, since
 * stdout is closed, or open for reading alone. ST_IO.
 */
enum status output_check(struct err *err) MUST_USE;

/* Adds bytes that end in a newline; written at once if stdout is a terminal or much has been collected. */
enum status output_add(const char *p, size_t len, struct err *err) MUST_USE;
enum status output_line(const struct buf *line, struct err *err) MUST_USE; /* adds the newline itself, and flushes */
/* Adds an event's line, with its newline; `text`: as it is for people (notification_text()). */
enum status output_event(const struct buf *line, bool text, struct err *err) MUST_USE;
enum status output_flush(struct err *err) MUST_USE;
enum status output_finish(struct err *err) MUST_USE; /* flush, and close(2) checked: for the end of the program */

#endif
