/*
 * usage.c - runs a command, and writes what it used to FILE: "WALL_MS CPU_MS MAX_RSS_KB".
 *
 *	usage FILE COMMAND [ARGUMENT...]
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms_of(struct timeval t)
{
	return (double)t.tv_sec * 1000 + (double)t.tv_usec / 1000;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage used;
	int status = 0;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 64;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0 || !(out = fopen(argv[1], "w")))
		return 70;
	clock_gettime(CLOCK_MONOTONIC, &end);
	fprintf(out, "%.3f %.3f %ld\n",
		(double)(end.tv_sec - start.tv_sec) * 1000 + (double)(end.tv_nsec - start.tv_nsec) / 1e6,
		ms_of(used.ru_utime) + ms_of(used.ru_stime), used.ru_maxrss);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}
