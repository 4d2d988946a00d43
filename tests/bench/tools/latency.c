/*
 * latency.c - reads lines as they come, each with "@MICROSECONDS@" in it, and prints the median and the 99th percentile of how old
 * they were, in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static double ages[100000];
	static char buffer[1 << 20];
	size_t count = 0, len = 0;
	ssize_t n;

	while ((n = read(STDIN_FILENO, buffer + len, sizeof(buffer) - 1 - len)) > 0) {
		struct timespec now;
		char *line = buffer, *end;

		clock_gettime(CLOCK_REALTIME, &now);
		len += (size_t)n;
		buffer[len] = '\0';
		for (; (end = memchr(line, '\n', len - (size_t)(line - buffer))); line = end + 1) {
			char *at;

			*end = '\0';
			at = strstr(line, ":\"@");
			if (at && count < sizeof(ages) / sizeof(ages[0]))
				ages[count++] = ((double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3 -
							(double)strtoll(at + 3, NULL, 10)) /
					1e3;
		}
		len -= (size_t)(line - buffer);
		memmove(buffer, line, len);
	}
	if (!count)
		return 1;
	qsort(ages, count, sizeof(ages[0]), compare);
	printf("%.3f %.3f\n", ages[count / 2], ages[count * 99 / 100]);
	return 0;
}
