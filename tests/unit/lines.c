/* Lines of a pipe, as they come. */
#include "base/lines.h"

#include "tests/lib/tap.h"

#include <unistd.h>

static bool put(int fd, const char *s)
{
	return write(fd, s, strlen(s)) == (ssize_t)strlen(s);
}

static void polled_pipe(void)
{
	struct lines lines;
	char *line = NULL;
	size_t len = 0;
	int fds[2];

	if (pipe(fds)) {
		tap_ok(false, "a pipe");
		return;
	}
	lines_init(&lines, fds[0], 8);
	lines.polled = true;
	tap_int(lines_next(&lines, &line, &len), LINES_AGAIN, "an empty pipe does not block");
	tap_ok(put(fds[1], "one\ntw"), "a line and a half");
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "the line is given");
	tap_str(line, "one", "without its newline");
	tap_int(lines_next(&lines, &line, &len), LINES_AGAIN, "the half one is waited for without blocking");
	tap_ok(put(fds[1], "o\n12345678\n123456789\n"), "the other half, one at the limit, one above");
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "the halves make a line");
	tap_str(line, "two", "in one piece");
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "a line at the limit");
	tap_int((intmax_t)len, 8, "is whole");
	tap_int(lines_next(&lines, &line, &len), LINES_TOO_LONG, "a longer one is passed over");
	tap_int(lines.number, 4, "a skipped line is counted");
	tap_ok(put(fds[1], "last"), "a line without its newline");
	close(fds[1]);
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "is given at the end");
	tap_int(lines_next(&lines, &line, &len), LINES_END, "the end comes after the last line");
	lines_release(&lines);
	close(fds[0]);
}

static void byte_order_mark(void)
{
	struct lines lines;
	char *line = NULL;
	size_t len = 0;
	int fds[2];

	if (pipe(fds)) {
		tap_ok(false, "a pipe");
		return;
	}
	lines_init(&lines, fds[0], 8);
	lines.chunk = 1;
	tap_ok(put(fds[1],
		       "\xef\xbb\xbf"
		       "12345678\n\xef\xbb\xbfx\n"),
		"a line at the limit behind a byte order mark");
	close(fds[1]);
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "is given");
	tap_str(line, "12345678", "without the mark");
	tap_int((intmax_t)len, 8, "its length does not count the mark");
	tap_int(lines_next(&lines, &line, &len), LINES_LINE, "the next line");
	tap_str(line, "\xef\xbb\xbfx", "has what it has");
	lines_release(&lines);
	close(fds[0]);
}

int main(void)
{
	polled_pipe();
	byte_order_mark();
	return tap_done();
}
