#include "base/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024)
#define BOM "\xef\xbb\xbf"
#define BOM_LEN (sizeof(BOM) - 1)

void lines_init(struct lines *lines, int fd, size_t max)
{
	*lines = (struct lines){ .fd = fd, .read = read, .chunk = CHUNK, .max = max };
	buf_init(&lines->buf, max + 2 * CHUNK);
}

void lines_release(struct lines *lines)
{
	buf_release(&lines->buf);
}

bool lines_ready(const struct lines *lines)
{
	return lines->ended || memchr(lines->buf.data + lines->start, '\n', lines->buf.len - lines->start);
}

/* Returns the first `len` bytes as a line and consumes `used` bytes. */
static enum lines_result give(struct lines *lines, size_t len, size_t used, char **line, size_t *line_len)
{
	char *at = lines->buf.data + lines->start;
	bool too_long;

	if (!lines->number && !lines->skipping && len >= BOM_LEN && !memcmp(at, BOM, BOM_LEN)) {
		at += BOM_LEN;
		len -= BOM_LEN;
	}
	too_long = lines->skipping || len > lines->max;
	lines->start += used;
	lines->scanned = lines->start;
	lines->skipping = false;
	lines->number++;
	if (too_long)
		return LINES_TOO_LONG;
	at[len] = '\0';
	*line = at;
	*line_len = len;
	return LINES_LINE;
}

/* Whether read(2) would return at once; always true for a regular file. */
static bool would_block(const struct lines *lines)
{
	struct pollfd p = { .fd = lines->fd, .events = POLLIN };

	return lines->polled && poll(&p, 1, 0) <= 0;
}

enum lines_result lines_next(struct lines *lines, char **line, size_t *len)
{
	struct buf *b = &lines->buf;

	for (;;) {
		char *newline = memchr(b->data + lines->scanned, '\n', b->len - lines->scanned);
		ssize_t n;

		if (newline) {
			size_t whole = (size_t)(newline - (b->data + lines->start));

			return give(lines, whole, whole + 1, line, len);
		}
		if (lines->ended) {
			size_t rest = b->len - lines->start;

			if (!rest && !lines->skipping)
				return LINES_END;
			return give(lines, rest, rest, line, len);
		}
		buf_consume(b, lines->start);
		lines->start = 0;
		if (b->len > lines->max + (lines->number ? 0 : BOM_LEN)) {
			lines->skipping = true;
			buf_clear(b);
		}
		lines->scanned = b->len;
		if (would_block(lines))
			return LINES_AGAIN;
		buf_reserve(b, lines->chunk);
		n = lines->read(lines->fd, b->data + b->len, lines->chunk);
		if (n > 0)
			buf_commit(b, (size_t)n);
		else if (n == 0)
			lines->ended = true;
		else
			return errno == EINTR || errno == EAGAIN ? LINES_AGAIN : LINES_ERROR;
	}
}
