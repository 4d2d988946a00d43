/*
 * lines.h - a descriptor read line by line, streamed, with a limit on the line. A byte order mark in front of the first
 * one, as Windows programs put it there, is left out.
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
	LINES_TOO_LONG, /* a line over the limit was passed over */
	LINES_END, /* the end; a last line without a newline came before as LINES_LINE */
	LINES_AGAIN, /* nothing more now: the descriptor would block (O_NONBLOCK, or `polled`), or a signal came */
	LINES_ERROR, /* read(2) failed, see errno */
};

struct lines {
	int fd;
	ssize_t (*read)(int fd, void *p, size_t len); /* read(2); a test may put something else here, */
	size_t chunk; /* and read less than 64 KiB at once */
	size_t max;
	struct buf buf;
	size_t start; /* where the next line begins in buf */
	size_t scanned; /* up to where there is no newline */
	bool skipping; /* inside a line that is too long */
	bool ended;
	bool polled; /* set it to read only what is there: for stdin, whose flags are other processes' too */
	int64_t number; /* of the line last given, from 1 */
};

void lines_init(struct lines *lines, int fd, size_t max);
void lines_release(struct lines *lines); /* does not close the descriptor */

/* The next line. `*line` is NUL-terminated in place; it may hold NUL bytes of its own, so mind `*len`. */
enum lines_result lines_next(struct lines *lines, char **line, size_t *len);

/* True if lines_next() would return a line without reading from the descriptor. */
bool lines_ready(const struct lines *lines);

#endif
