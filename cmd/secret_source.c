#include "cmd/secret_source.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET_MAX ((size_t)64 * 1024)
#define COMMAND_TIME_MS 60000

enum lines { ONE_LINE, FIRST_LINE };

/* Reads to the end, or until `deadline_ms` (clock_mono_ms(); -1: none); a signal ends it. */
static enum status read_all(int fd, const char *name, int64_t deadline_ms, struct buf *out, struct err *err)
{
	struct pollfd ready[] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };

	for (;;) {
		int64_t left = deadline_ms < 0 ? 1000 : deadline_ms - clock_mono_ms();
		size_t room = out->max - out->len;
		char more; /* one byte beyond the limit shows that the input is too large */
		ssize_t n;

		if (interrupt_status())
			return err_set(err, interrupt_status(), "interrupted");
		if (left <= 0)
			return err_set(err, ST_TEMPFAIL, "%s took longer than %d s", name, COMMAND_TIME_MS / 1000);
		if (poll(ready, 2, left < 1000 ? (int)left : 1000) <= 0 || !ready[0].revents)
			continue;
		if (room > 4096)
			room = 4096;
		n = buf_reserve(out, room) && room ? read(fd, out->data + out->len, room) : read(fd, &more, 1);
		if (n > 0 && !room)
			return err_set(err, ST_DATA, "%s is larger than %zu bytes", name, out->max);
		if (n > 0)
			buf_commit(out, (size_t)n);
		else if (!n)
			return ST_OK;
		else if (errno != EINTR && errno != EAGAIN)
			return err_set(err, errno == EISDIR ? ST_CONFIG : ST_IO, "cannot read %s: %s", name,
				strerror(errno));
	}
}

static enum status take_line(struct buf *text, const char *name, const char *what, enum lines lines, struct secret *out,
	struct err *err)
{
	size_t len = strcspn(text->data, "\n");
	size_t rest = text->len - len;

	if (memchr(text->data, '\0', text->len))
		return err_set(err, ST_CONFIG, "invalid %s from %s: contains a NUL byte", what, name);
	if (rest > 1 && lines == ONE_LINE)
		return err_set(err, ST_CONFIG, "invalid %s from %s: more than one line", what, name);
	if (rest && len && text->data[len - 1] == '\r')
		len--;
	if (!len)
		return err_set(err, ST_CONFIG, "%s: empty %s", name, what);
	secret_set(out, text->data, len);
	return ST_OK;
}

static enum status check_file(int fd, const char *path, const char *what, bool guarded, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, ST_IO, "cannot stat '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ST_CONFIG, "the %s file '%s' is a directory", what, path);
	if (!S_ISREG(st.st_mode) || guarded)
		return ST_OK;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, ST_CONFIG, "the %s file '%s' belongs to another user", what, path);
	if (st.st_mode & 077)
		return err_set(err, ST_CONFIG,
			"the %s file '%s' can be read or written by others (mode %04o); run 'chmod 600 %s'", what, path,
			(unsigned)(st.st_mode & 07777), path);
	return ST_OK;
}

enum status secret_from_file(const char *path, const char *what, bool guarded, struct secret *out, struct err *err)
{
	char *name = xasprintf("'%s'", path);
	struct buf text;
	enum status st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	buf_init_secret(&text, SECRET_MAX);
	if (fd < 0 && interrupt_status())
		st = err_set(err, interrupt_status(), "interrupted");
	else if (fd < 0)
		st = err_set(err, errno == ENOENT || errno == ENOTDIR ? ST_NOINPUT : ST_CONFIG,
			"cannot open the %s file %s: %s", what, name, strerror(errno));
	else if (!(st = check_file(fd, path, what, guarded, err)) && !(st = read_all(fd, name, -1, &text, err)))
		st = take_line(&text, name, what, ONE_LINE, out, err);
	if (fd >= 0)
		close(fd);
	buf_release(&text);
	free(name);
	return st;
}

enum status secret_from_stdin(const char *what, struct secret *out, struct err *err)
{
	struct buf text;
	enum status st;

	buf_init_secret(&text, SECRET_MAX);
	if (!(st = read_all(STDIN_FILENO, "stdin", -1, &text, err)))
		st = take_line(&text, "stdin", what, ONE_LINE, out, err);
	buf_release(&text);
	return st;
}

enum status secret_from_value(const char *value, const char *name, const char *what, struct secret *out,
	struct err *err)
{
	if (!*value)
		return err_set(err, ST_CONFIG, "%s: empty %s", name, what);
	secret_set(out, value, strlen(value));
	return ST_OK;
}

/* "the password command 'pass'": the first word only, and not even that if it may be a value (NAME=value). */
static char *command_name(const char *command, const char *what)
{
	const char *program;
	size_t len = cli_program(command, &program);

	if (!len)
		return xasprintf("the %s command", what);
	return xasprintf("the %s command '%.*s'", what, (int)len, program);
}

static enum status start(const char *command, const char *name, pid_t *pid, int *out, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t plain;
	int pipe_fd[2], failure;

	if (pipe2(pipe_fd, O_CLOEXEC))
		return err_set(err, ST_INTERNAL, "cannot create a pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	sigemptyset(&plain);
	posix_spawnattr_setsigmask(&attributes, &plain);
	sigaddset(&plain, SIGPIPE); /* which we ignore */
	sigaddset(&plain, SIGXFSZ);
	posix_spawnattr_setsigdefault(&attributes, &plain);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	failure = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fd[1]);
	*out = pipe_fd[0];
	if (!failure)
		return ST_OK;
	close(pipe_fd[0]);
	return err_set(err, ST_CONFIG, "cannot run %s: %s", name, strerror(failure));
}

/* Waits for its exit. Kills it at the deadline, or at once if it is not `wanted`. */
static int reap(pid_t pid, bool wanted, int64_t deadline_ms)
{
	int status = 0;

	while (wanted && clock_mono_ms() < deadline_ms && !interrupt_status()) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		clock_sleep_ms(5);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		/* interrupted by a signal */
	}
	return status;
}

static enum status judge(int status, const char *name, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, ST_AUTH, "%s was killed by signal %d", name, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(err, ST_AUTH, "%s failed with exit status %d", name, WEXITSTATUS(status));
	return ST_OK;
}

enum status secret_from_command(const char *command, const char *what, struct secret *out, struct err *err)
{
	char *name = command_name(command, what);
	int64_t deadline = clock_mono_ms() + COMMAND_TIME_MS;
	struct buf text;
	enum status st;
	int fd, status;
	pid_t pid;

	buf_init_secret(&text, SECRET_MAX);
	if ((st = start(command, name, &pid, &fd, err)))
		goto out;
	st = read_all(fd, name, deadline, &text, err);
	close(fd);
	status = reap(pid, !st, deadline);
	if (!st && !(st = judge(status, name, err)))
		st = take_line(&text, name, what, FIRST_LINE, out, err);
out:
	buf_release(&text);
	free(name);
	return st;
}
