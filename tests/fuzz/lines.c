/*
 * A stream cut into lines, against memchr(). The first byte is the limit on a line, the second says how much a read
 * gives.
 */
#include "base/lines.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>

static struct {
	const uint8_t *p;
	size_t left;
	bool odd, again; /* every second read is interrupted */
} stream;

static ssize_t read_stream(int fd, void *p, size_t len)
{
	size_t n = stream.left < len ? stream.left : len;

	(void)fd;
	stream.again = !stream.again;
	if (stream.again && stream.odd) {
		errno = EINTR;
		return -1;
	}
	if (n)
		memcpy(p, stream.p, n);
	stream.p += n;
	stream.left -= n;
	return (ssize_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines lines;
	enum lines_result result;
	size_t max, piece, at = 0, mark;
	char *line;
	size_t len;

	if (size < 2)
		return 0;
	max = data[0];
	stream.odd = data[1] % 2;
	piece = data[1];
	data += 2;
	size -= 2;
	mark = size >= 3 && !memcmp(data, "\xef\xbb\xbf", 3) ? 3 : 0; /* the first line comes without it */
	stream.p = data;
	stream.left = size;
	stream.again = false;
	lines_init(&lines, -1, max);
	lines.read = read_stream;
	lines.chunk = piece + 1;
	while ((result = lines_next(&lines, &line, &len)) != LINES_END) {
		const uint8_t *newline;
		size_t wanted;

		if (result == LINES_AGAIN)
			continue;
		newline = at < size ? memchr(data + at, '\n', size - at) : NULL;
		wanted = (newline ? (size_t)(newline - data) : size) - at;
		MUST(at < size);
		at += mark;
		wanted -= mark;
		mark = 0;
		MUST(result == (wanted > max ? LINES_TOO_LONG : LINES_LINE));
		if (result == LINES_LINE)
			MUST(len == wanted && !memcmp(line, data + at, len) && !line[len]);
		at += wanted + (newline != NULL);
	}
	MUST(at == size);
	lines_release(&lines);
	return 0;
}
