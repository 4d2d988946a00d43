#include "listen/exec.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE_MAX ((size_t)100 * 1024) /* Linux allows 128 KiB; stdin has the whole text */
#define EXIT_RETRY 75 /* EX_TEMPFAIL */

/* ---- variables ------------------------------------------------------------------------------------------------- */

struct strings {
	char **items;
	size_t count, cap;
};

static void add_string(struct strings *list, char *s)
{
	list->items = xgrow(list->items, list->count, &list->cap, sizeof(*list->items));
	list->items[list->count++] = s;
}

/* NUL characters become U+FFFD. */
static void add_variable(struct strings *list, const char *name, const char *value, size_t len)
{
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	buf_addf(&text, "KANDY_%s=", name);
	if (len > VARIABLE_MAX)
		len = VARIABLE_MAX;
	for (size_t i = 0; i < len; i++)
		value[i] ? buf_addc(&text, value[i]) : buf_adds(&text, "\xef\xbf\xbd");
	add_string(list, buf_take(&text));
	buf_release(&text);
}

static void add_field(struct strings *list, const char *name, struct json_value value)
{
	struct buf text;
	const char *s;
	size_t len;

	buf_init(&text, BUF_NO_MAX);
	if (!json_string(value, &text) && json_exists(value) && json_slice(value, &s, &len))
		buf_add(&text, s, len);
	add_variable(list, name, text.data, text.len);
	buf_release(&text);
}

static void add_parts(struct strings *list, struct json_value parts)
{
	struct buf text;
	int64_t files = 0;
	char number[24];

	buf_init(&text, BUF_NO_MAX);
	for (struct json_iter it = json_first(parts); json_more(it); it = json_next(it)) {
		if (json_equals(json_get(it.value, "type"), "text")) {
			if (text.len)
				buf_addc(&text, '\n');
			json_string(json_get(it.value, "text"), &text);
		} else if (json_equals(json_get(it.value, "type"), "file")) {
			files++;
		}
	}
	add_variable(list, "TEXT", text.data, text.len);
	snprintf(number, sizeof(number), "%lld", (long long)files);
	add_variable(list, "FILES", number, strlen(number));
	buf_release(&text);
}

/* A variable that exec_environment() sets; an outer listener may have set it, too. */
static bool is_ours(const char *variable)
{
	static const char *const names[] = { "EVENT", "TYPE", "ID", "MESSAGE_ID", "SENDER", "DESTINATION", "ADDRESS",
		"DIRECTION", "TIMESTAMP", "BACKFILLED", "TEXT", "FILES", "ATTEMPT" };

	if (strncmp(variable, "KANDY_", 6) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(variable + 6, names[i], len) && variable[6 + len] == '=')
			return true;
	}
	return false;
}

char **exec_environment(struct json_doc *doc, const char *line, size_t len, int64_t attempt, char *const *base)
{
	struct strings list = { 0 };
	struct json_value root = { 0 };
	char number[24];

	for (; base && *base; base++) {
		if (!is_ours(*base))
			add_string(&list, xstrdup(*base));
	}
	if (!json_parse(doc, line, len, NULL, NULL))
		root = json_root(doc);
	add_field(&list, "EVENT", json_get(root, "event"));
	add_field(&list, "TYPE", json_get(root, "type"));
	add_field(&list, "ID", json_get(root, "id"));
	add_field(&list, "MESSAGE_ID", json_get(root, "messageId"));
	add_field(&list, "SENDER", json_get(root, "sender"));
	add_field(&list, "DESTINATION", json_first(json_get(root, "destination")).value);
	add_field(&list, "ADDRESS", json_get(root, "address"));
	add_field(&list, "DIRECTION", json_get(root, "direction"));
	add_field(&list, "TIMESTAMP", json_get(root, "timestamp"));
	add_field(&list, "BACKFILLED", json_get(root, "backfilled"));
	add_parts(&list, json_get(root, "parts"));
	snprintf(number, sizeof(number), "%lld", (long long)attempt);
	add_variable(&list, "ATTEMPT", number, strlen(number));
	add_string(&list, NULL);
	return list.items;
}

static void free_environment(char **variables)
{
	for (char **at = variables; *at; at++)
		free(*at);
	free(variables);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

static bool can_run(const char *path)
{
	struct stat st;

	if (stat(path, &st) || access(path, X_OK))
		return false;
	errno = EACCES;
	return S_ISREG(st.st_mode);
}

static const char *search_path(char *const *environment)
{
	for (; environment && *environment; environment++) {
		if (!strncmp(*environment, "PATH=", 5))
			return *environment + 5;
	}
	return "/bin:/usr/bin"; /* as execvp(3) has it */
}

/* True if execvp(3) will find it. */
static bool command_exists(const char *name, const char *path)
{
	bool found = false;

	if (strchr(name, '/'))
		return can_run(name);
	while (*name && !found) {
		size_t len = strcspn(path, ":");
		char *dir = xmemdup0(path, len), *file = file_join(len ? dir : ".", name);

		found = can_run(file);
		free(file);
		free(dir);
		if (!path[len])
			break;
		path += len + 1;
	}
	return found;
}

enum status exec_init(struct exec *x, const struct listen_options *options, struct exec_queue *queue,
	struct cursor *cursor, struct err *err)
{
	const char *command = options->exec[0];

	*x = (struct exec){ .options = options, .queue = queue, .cursor = cursor };
	errno = ENOENT;
	if (!command_exists(command, search_path(options->environment)))
		return err_set(err, ST_NOINPUT, "cannot run '%s': %s%s", command, strerror(errno),
			strpbrk(command, " \t") ? "; use --exec-shell for a shell command line" : "");
	x->slots = xcalloc((size_t)options->jobs, sizeof(*x->slots));
	for (int64_t i = 0; i < options->jobs; i++)
		x->slots[i].pidfd = -1;
	return ST_OK;
}

void exec_release(struct exec *x)
{
	for (int64_t i = 0; x->slots && i < x->options->jobs; i++) {
		if (x->slots[i].pidfd >= 0)
			close(x->slots[i].pidfd);
	}
	free(x->slots);
	json_release(&x->doc);
	*x = (struct exec){ 0 };
}

/* An unnamed file with the line. */
static int make_input(const struct exec_entry *entry)
{
	int fd = memfd_create("kandy-message", MFD_CLOEXEC);

	if (fd >= 0 && (!file_write_all(fd, entry->line, entry->len) || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Waits for the parent's byte: a command that the parent cannot watch must not run. */
_Noreturn static void exec_child(const struct exec *x, int input, int gate, int report, char **variables)
{
	int failure;
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(127);
	setpgid(0, 0);
	interrupt_child();
	if (dup2(input, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		execvpe(x->options->exec[0], x->options->exec, variables);
	failure = errno;
	if (write(report, &failure, sizeof(failure)) < 0) {
		/* the exit status must do */
	}
	_exit(127);
}

/* Lets the command start. Returns 0, or the errno that `report` brings; it closes when the program is executed. */
static int release_child(int gate, int report)
{
	int failure = 0;

	if (!file_write_all(gate, "", 1))
		return errno;
	return read(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure) ? failure : 0;
}

/* False with errno set. */
static bool spawn(const struct exec *x, int input, char **variables, int *pidfd)
{
	int gate[2], report[2], failure;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		return false;
	if (pipe2(report, O_CLOEXEC)) {
		failure = errno;
		close(gate[0]);
		close(gate[1]);
		errno = failure;
		return false;
	}
	pid = fork();
	if (!pid) {
		close(gate[1]);
		exec_child(x, input, gate[0], report[1], variables);
	}
	failure = pid < 0 ? errno : 0;
	close(gate[0]);
	close(report[1]);
	*pidfd = -1;
	if (!failure && (*pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0)
		failure = errno;
	if (!failure)
		failure = release_child(gate[1], report[0]);
	close(gate[1]); /* a child that was not released exits now */
	close(report[0]);
	if (failure && pid > 0)
		waitpid(pid, NULL, 0);
	if (failure && *pidfd >= 0)
		close(*pidfd);
	errno = failure;
	return !failure;
}

static struct exec_slot *free_slot(struct exec *x)
{
	for (int64_t i = 0; i < x->options->jobs; i++) {
		if (x->slots[i].pidfd < 0)
			return &x->slots[i];
	}
	return NULL;
}

static enum status start_one(struct exec *x, struct exec_slot *slot, struct exec_entry *entry, struct err *err)
{
	char **variables =
		exec_environment(&x->doc, entry->line, entry->len, entry->failures + 1, x->options->environment);
	int input = make_input(entry);
	enum status st = ST_OK;

	if (input < 0)
		st = err_set(err, ST_TEMPFAIL, "cannot pass a message to '%s': %s", x->options->exec_name,
			strerror(errno));
	else if (!spawn(x, input, variables, &slot->pidfd))
		st = err_set(err, errno == EAGAIN || errno == ENOMEM ? ST_TEMPFAIL : ST_NOINPUT, "cannot run '%s': %s",
			x->options->exec[0], strerror(errno));
	else
		slot->entry = entry;
	if (input >= 0)
		close(input);
	free_environment(variables);
	return st;
}

static int64_t retry_at(const struct exec *x, struct exec_entry *entry, int64_t now)
{
	return now + (x->options->exec_delay_ms ? x->options->exec_delay_ms : backoff_next(&entry->backoff, 0));
}

enum status exec_start(struct exec *x, int64_t now, int64_t *due, void (*watch)(void *arg, int pidfd), void *arg,
	struct err *err)
{
	struct exec_slot *slot;
	struct exec_entry *entry;
	enum status st;

	while ((slot = free_slot(x)) && (entry = exec_queue_begin(x->queue, now, due))) {
		if ((st = start_one(x, slot, entry, err))) {
			int64_t at = retry_at(x, entry, now);

			exec_queue_retry(x->queue, entry, at);
			if (st != ST_TEMPFAIL)
				return st;
			log_warn("%s; retrying", err->text);
			if (at < *due)
				*due = at;
			continue;
		}
		watch(arg, slot->pidfd);
	}
	return ST_OK;
}

/* ---- outcomes -------------------------------------------------------------------------------------------------- */

static void add_dead_letter(struct buf *out, const siginfo_t *end, const struct exec_entry *entry)
{
	size_t len = entry->len;
	bool exited = end->si_code == CLD_EXITED;
	char reason[40];

	snprintf(reason, sizeof(reason), "%s %d", exited ? "exit status" : "signal", end->si_status);
	while (len && entry->line[len - 1] == '\n')
		len--;
	json_open(out, '{');
	json_add_string(out, "event", "error");
	json_add_string(out, "command", "exec");
	json_add_string(out, "status", "failed");
	json_open_key(out, "error", '{');
	json_add_string(out, "kind", exited ? "exit" : "signal");
	json_add_int(out, "code", end->si_status);
	json_add_null(out, "http");
	json_add_string(out, "message", reason);
	json_add_bool(out, "retryable", false);
	json_close(out, '}');
	json_add_int(out, "attempts", entry->failures);
	json_add_int(out, "timestamp", clock_wall_ms());
	if (len && entry->line[0] == '{')
		json_add_raw(out, "message", entry->line, len);
	else
		json_add_string_len(out, "message", entry->line, len);
	json_close(out, '}');
	buf_addc(out, '\n');
}

static enum status write_dead_letter(const struct exec *x, const siginfo_t *end, const struct exec_entry *entry,
	struct err *err)
{
	const char *path = x->options->dead_letter;
	struct buf line;
	int fd;
	enum status st = file_open_output(path, O_APPEND, &fd, err);

	if (st)
		return st;
	buf_init(&line, BUF_NO_MAX);
	add_dead_letter(&line, end, entry);
	if (!file_write_all(fd, line.data, line.len) || (fsync(fd) && errno != EINVAL && errno != EROFS))
		st = err_set(err, ST_IO, "cannot write '%s': %s", path, strerror(errno));
	if (close(fd) && !st)
		st = err_set(err, ST_IO, "cannot write '%s': %s", path, strerror(errno));
	buf_release(&line);
	return st;
}

/* "message 'ID' of 'SENDER'", with what the line says. */
static void describe(struct exec *x, const struct exec_entry *entry, struct buf *out)
{
	const char *name = entry->conversation ? entry->conversation->name : NULL;
	struct json_value root = { 0 };
	char *id, *sender;

	if (!json_parse(&x->doc, entry->line, entry->len, NULL, NULL))
		root = json_root(&x->doc);
	id = json_dup(json_get(root, "messageId"));
	sender = json_dup(json_get(root, "sender"));
	if (id)
		buf_addf(out, "message '%s' of '%s'", id, sender ? sender : name ? name : "");
	else
		buf_addf(out, "a message of '%s'", name ? name : "?");
	free(id);
	free(sender);
}

static enum status dead_letter(struct exec *x, const siginfo_t *end, struct exec_entry *entry, struct err *err)
{
	const char *path = x->options->dead_letter;
	int64_t failures = entry->failures;
	enum status st;
	struct buf what;

	if (path && (st = write_dead_letter(x, end, entry, err)))
		return st;
	buf_init(&what, BUF_NO_MAX);
	describe(x, entry, &what);
	if (path)
		buf_addf(&what, " dead-lettered to '%s'", path);
	else
		buf_adds(&what, " dropped; use --dead-letter to keep such messages");
	x->dead_lettered++;
	log_error("'%s' failed %lld time%s (%s %d); %s", x->options->exec_name, (long long)failures,
		str_plural(failures), end->si_code == CLD_EXITED ? "exit status" : "signal", end->si_status, what.data);
	buf_release(&what);
	exec_queue_finish(x->queue, x->cursor, entry);
	return ST_OK;
}

/* The command asked for a retry later, or was not allowed to finish. */
static void retry_or_defer(struct exec *x, const siginfo_t *end, struct exec_entry *entry, int64_t now)
{
	bool defer = x->options->once && !x->queue->closed;
	int64_t at = retry_at(x, entry, now);
	struct buf what;

	/* a warning for the first time, the second, the fourth, ... */
	if (!x->queue->closed && !(entry->deferrals & (entry->deferrals + 1))) {
		buf_init(&what, BUF_NO_MAX);
		buf_addf(&what, "'%s' %s %d; ", x->options->exec_name,
			end->si_code == CLD_EXITED ? "exited with status" : "was ended by signal", end->si_status);
		describe(x, entry, &what);
		if (defer)
			log_warn("%s deferred to the next run", what.data);
		else
			log_warn("%s will be retried in %.1f s", what.data, (double)(at - now) / 1000);
		buf_release(&what);
	}
	entry->deferrals++;
	if (defer)
		exec_queue_defer(x->queue, entry);
	else
		exec_queue_retry(x->queue, entry, at);
}

static bool has_failed(const struct exec *x, const siginfo_t *end)
{
	if (x->queue->closed || interrupt_status())
		return false; /* the signal that ended us may have ended it, too */
	return end->si_code == CLD_EXITED ? end->si_status != EXIT_RETRY : end->si_status != SIGTERM;
}

enum status exec_child_ended(struct exec *x, int pidfd, int64_t now, struct err *err)
{
	struct exec_entry *entry = NULL;
	enum status st = ST_OK;
	siginfo_t end = { 0 };

	for (int64_t i = 0; i < x->options->jobs; i++) {
		if (x->slots[i].pidfd == pidfd) {
			entry = x->slots[i].entry;
			x->slots[i] = (struct exec_slot){ .pidfd = -1 };
		}
	}
	if (!entry)
		BUG("unknown child");
	while (waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED) && errno == EINTR)
		;
	close(pidfd);
	if (end.si_code == CLD_EXITED && !end.si_status)
		exec_queue_finish(x->queue, x->cursor, entry);
	else if (!has_failed(x, &end))
		retry_or_defer(x, &end, entry, now);
	else if (++entry->failures <= x->options->exec_retries)
		exec_queue_retry(x->queue, entry, retry_at(x, entry, now));
	else if ((st = dead_letter(x, &end, entry, err)))
		exec_queue_retry(x->queue, entry, now);
	return st;
}
