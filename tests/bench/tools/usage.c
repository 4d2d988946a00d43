/*
 * usage.c - runs a command and writes its resource usage to FILE: "WALL_MS CPU_MS PEAK_KB".
 *
 *	usage FILE COMMAND [ARGUMENT...]
 *
 * CPU counts what the command and the children that it waited for have used. The peak of resident memory is the
 * command's own: what wait4(2) tells would be that of the largest among it and its children, so it is read (VmHWM)
 * when the command is about to end, which ptrace(2) tells.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms_of(struct timeval t)
{
	return (double)t.tv_sec * 1000 + (double)t.tv_usec / 1000;
}

static long peak_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	if (!(f = fopen(path, "r")))
		return -1;
	while (fgets(line, sizeof(line), f) && sscanf(line, "VmHWM: %ld", &kb) != 1)
		;
	fclose(f);
	return kb;
}

/* Starts the command under ptrace. -1 if that fails. */
static pid_t start(char **argv)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		close(ready[1]);
		if (!read(ready[0], &byte, 1)) { /* its end */
			close(ready[0]);
			execvp(argv[0], argv);
		}
		_exit(127);
	}
	if (pid > 0 && ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) {
		kill(pid, SIGKILL);
		pid = -1;
	}
	close(ready[0]);
	close(ready[1]);
	return pid;
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	struct rusage used;
	int status = 0;
	long peak = -1;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 64;
	if ((pid = start(argv + 2)) < 0)
		return 70;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		if (wait4(pid, &status, 0, &used) < 0)
			return 70;
		if (!WIFSTOPPED(status))
			break;
		if (status >> 16 == PTRACE_EVENT_EXIT)
			peak = peak_kb(pid);
		ptrace(PTRACE_CONT, pid, NULL, status >> 16 ? 0L : (long)WSTOPSIG(status));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (peak < 0 || !(out = fopen(argv[1], "w")))
		return 70;
	fprintf(out, "%.3f %.3f %ld\n",
		(double)(end.tv_sec - begin.tv_sec) * 1000 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6,
		ms_of(used.ru_utime) + ms_of(used.ru_stime), peak);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}
