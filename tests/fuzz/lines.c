/* A stream cut into lines, against memchr(); the first byte is the limit on a line. */
#include "base/lines.h"

#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines lines;
	enum lines_result result;
	size_t max, at = 0;
	char *line;
	size_t len;
	static int fd = -1;

	if (!size)
		return 0;
	max = data[0];
	data++;
	size--;
	if (fd < 0)
		fd = memfd_create("lines", MFD_CLOEXEC);
	MUST(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	lines_init(&lines, fd, max);
	while ((result = lines_next(&lines, &line, &len)) != LINES_END) {
		const uint8_t *newline = at < size ? memchr(data + at, '\n', size - at) : NULL;
		size_t wanted = (newline ? (size_t)(newline - data) : size) - at;

		MUST(at < size);
		MUST(result == (wanted > max ? LINES_TOO_LONG : LINES_LINE));
		if (result == LINES_LINE)
			MUST(len == wanted && !memcmp(line, data + at, len) && !line[len]);
		at += wanted + (newline != NULL);
	}
	MUST(at == size);
	lines_release(&lines);
	return 0;
}
