/*
 * lines.h - reads a descriptor line by line, with a limit on the line length. A byte order mark at the start is
 * removed.
 */
#ifndef KANDY_BASE_LINES_H
#define KANDY_BASE_LINES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum lines_result {
	LINES_LINE, /* a line is in `*line`, without its newline; valid until the next call */
	LINES_TOO_LONG, /* a line over the limit was skipped */
	LINES_END, /* the end; a last line without a newline was returned as LINES_LINE */
	LINES_AGAIN, /* no more input now: reading would block (O_NONBLOCK, or `polled`), or was interrupted */
	LINES_ERROR, /* read(2) failed, see errno */
};

struct lines {
	int fd;
	ssize_t (*read)(int fd, void *p, size_t len); /* read(2); tests replace it, */
	size_t chunk; /* and read less than 64 KiB at a time */
	size_t max;
	struct buf buf;
	size_t start; /* where the next line begins in buf */
	size_t scanned; /* no newline up to here */
	bool skipping; /* inside a line that is too long */
	bool ended;
	bool polled; /* set by the caller: poll before each read, for stdin, whose flags other processes share */
	int64_t number; /* of the last line, from 1 */
};

void lines_init(struct lines *lines, int fd, size_t max);
void lines_release(struct lines *lines); /* does not close the descriptor */

/* The next line. `*line` is NUL-terminated in place; it may contain NUL bytes, so use `*len`. */
enum lines_result lines_next(struct lines *lines, char **line, size_t *len);

/* True if lines_next() would return a line without reading from the descriptor. */
bool lines_ready(const struct lines *lines);

#endif
