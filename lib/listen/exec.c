#include "listen/exec.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

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

#define VARIABLE_MAX ((size_t)100 * 1024) /* the kernel takes 128 KiB for one; the whole text is on stdin */
#define AGAIN_LATER 75

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

/* Text without NUL characters, which no variable can hold. */
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

/* A variable that we set ourselves, or one of ours of an outer listener. */
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

/* Whether execvp(3) will find it. */
static bool is_there(const char *name, const char *path)
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

enum status exec_init(struct exec *r, const struct exec_config *config, struct err *err)
{
	const char *command = config->argv[0];

	*r = (struct exec){ .config = *config };
	errno = ENOENT;
	if (!is_there(command, search_path(config->environment)))
		return err_set(err, ST_NOINPUT, "cannot run '%s': %s%s", command, strerror(errno),
			strpbrk(command, " \t") ? "; a line for the shell needs --exec-shell" : "");
	r->children = xcalloc((size_t)config->jobs, sizeof(*r->children));
	for (int64_t i = 0; i < config->jobs; i++)
		r->children[i].pidfd = -1;
	return ST_OK;
}

void exec_release(struct exec *r)
{
	for (int64_t i = 0; r->children && i < r->config.jobs; i++) {
		if (r->children[i].pidfd >= 0)
			close(r->children[i].pidfd);
	}
	free(r->children);
	json_release(&r->doc);
	*r = (struct exec){ 0 };
}

static int64_t later(const struct exec *r, struct exec_entry *item, int64_t now)
{
	return now + (r->config.delay_ms ? r->config.delay_ms : backoff_next(&item->backoff, 0));
}

/* A file without a name that holds the line, read from its start. */
static int make_input(const struct exec_entry *item)
{
	int fd = memfd_create("kandy-message", MFD_CLOEXEC);

	if (fd >= 0 && (!file_write_all(fd, item->line, item->len) || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Not before the parent says so: a command that it cannot watch must not run. */
_Noreturn static void exec_child(const struct exec *r, int input, int gate, int report, char **variables)
{
	int failure;
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(127);
	setpgid(0, 0);
	interrupt_child();
	if (dup2(input, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		execvpe(r->config.argv[0], r->config.argv, variables);
	failure = errno;
	if (write(report, &failure, sizeof(failure)) < 0) {
		/* then the code below must do */
	}
	_exit(127);
}

/*
 * Lets the command begin, and waits until it has. 0, or why it could not be run: what `report` brings is an errno, or
 * nothing once it runs.
 */
static int release_child(int gate, int report)
{
	int failure = 0;

	if (!file_write_all(gate, "", 1))
		return errno;
	return read(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure) ? failure : 0;
}

/* Starts the command; `*pidfd` of it. False with errno set. */
static bool spawn(const struct exec *r, int input, char **variables, int *pidfd)
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
		exec_child(r, input, gate[0], report[1], variables);
	}
	failure = pid < 0 ? errno : 0;
	close(gate[0]);
	close(report[1]);
	*pidfd = -1;
	if (!failure && (*pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0)
		failure = errno;
	if (!failure)
		failure = release_child(gate[1], report[0]);
	close(gate[1]); /* one that was not let go ends now */
	close(report[0]);
	if (failure && pid > 0)
		waitpid(pid, NULL, 0);
	if (failure && *pidfd >= 0)
		close(*pidfd);
	errno = failure;
	return !failure;
}

static struct exec_slot *free_place(struct exec *r)
{
	for (int64_t i = 0; i < r->config.jobs; i++) {
		if (r->children[i].pidfd < 0)
			return &r->children[i];
	}
	return NULL;
}

static enum status start_one(struct exec *r, struct exec_slot *child, struct exec_entry *item, struct err *err)
{
	char **variables = exec_environment(&r->doc, item->line, item->len, item->failures + 1, r->config.environment);
	int input = make_input(item);
	enum status st = ST_OK;

	if (input < 0)
		st = err_set(err, ST_TEMPFAIL, "cannot hand a message to '%s': %s", r->config.name, strerror(errno));
	else if (!spawn(r, input, variables, &child->pidfd))
		st = err_set(err, errno == EAGAIN || errno == ENOMEM ? ST_TEMPFAIL : ST_NOINPUT, "cannot run '%s': %s",
			r->config.argv[0], strerror(errno));
	else
		child->item = item;
	if (input >= 0)
		close(input);
	free_environment(variables);
	return st;
}

enum status exec_start(struct exec *r, int64_t now, int64_t *due, void (*watch)(void *arg, int pidfd), void *arg,
	struct err *err)
{
	struct exec_slot *child;
	struct exec_entry *item;
	enum status st;

	while ((child = free_place(r)) && (item = exec_queue_begin(r->config.exec_queue, now, due))) {
		if ((st = start_one(r, child, item, err))) {
			int64_t at = later(r, item, now);

			exec_queue_retry(r->config.exec_queue, item, at);
			if (st != ST_TEMPFAIL)
				return st;
			log_warn("%s; trying again", err->text);
			if (at < *due)
				*due = at;
			continue;
		}
		watch(arg, child->pidfd);
	}
	return ST_OK;
}

/* ---- outcomes -------------------------------------------------------------------------------------------------- */

static void put_reason(struct buf *out, const siginfo_t *end, const struct exec_entry *item)
{
	size_t len = item->len;
	bool exited = end->si_code == CLD_EXITED;
	char reason[40];

	snprintf(reason, sizeof(reason), "%s %d", exited ? "exit status" : "signal", end->si_status);
	while (len && item->line[len - 1] == '\n')
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
	json_add_int(out, "attempts", item->failures);
	json_add_int(out, "timestamp", clock_wall_ms());
	if (len && item->line[0] == '{')
		json_add_raw(out, "message", item->line, len);
	else
		json_add_string_len(out, "message", item->line, len);
	json_close(out, '}');
	buf_addc(out, '\n');
}

static enum status write_dead_letter(const struct exec *r, const siginfo_t *end, const struct exec_entry *item,
	struct err *err)
{
	const char *path = r->config.dead_letter;
	enum status st = ST_OK;
	struct buf line;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open '%s': %s", path, strerror(errno));
	buf_init(&line, BUF_NO_MAX);
	put_reason(&line, end, item);
	if (!file_write_all(fd, line.data, line.len) || (fsync(fd) && errno != EINVAL && errno != EROFS))
		st = err_set(err, ST_IO, "cannot write '%s': %s", path, strerror(errno));
	if (close(fd) && !st)
		st = err_set(err, ST_IO, "cannot write '%s': %s", path, strerror(errno));
	buf_release(&line);
	return st;
}

/* "message 'ID' of 'SENDER'", as far as its line says so. */
static void describe(struct exec *r, const struct exec_entry *item, struct buf *out)
{
	struct json_value root = { 0 };
	char *id, *sender;

	if (!json_parse(&r->doc, item->line, item->len, NULL, NULL))
		root = json_root(&r->doc);
	id = json_dup(json_get(root, "messageId"));
	sender = json_dup(json_get(root, "sender"));
	if (id)
		buf_addf(out, "message '%s' of '%s'", id, sender ? sender : item->peer ? item->peer->name : "");
	else
		buf_addf(out, "a message of '%s'", item->peer ? item->peer->name : "?");
	free(id);
	free(sender);
}

static enum status give_up(struct exec *r, const siginfo_t *end, struct exec_entry *item, struct err *err)
{
	enum status st;
	struct buf what;

	if (r->config.dead_letter && (st = write_dead_letter(r, end, item, err)))
		return st;
	buf_init(&what, BUF_NO_MAX);
	describe(r, item, &what);
	r->dead_lettered++;
	log_error("'%s' failed %lld times (%s %d) on %s; %s", r->config.name, (long long)item->failures,
		end->si_code == CLD_EXITED ? "exit status" : "signal", end->si_status, what.data,
		r->config.dead_letter ? "it was put into the dead-letter file" : "it was given up (see --dead-letter)");
	buf_release(&what);
	exec_queue_finish(r->config.exec_queue, r->config.cursor, item);
	return ST_OK;
}

/* The command wants it another time, or was not allowed to end. */
static void put_off(struct exec *r, const siginfo_t *end, struct exec_entry *item, int64_t now)
{
	bool leave = r->config.once && !r->config.exec_queue->closed;
	int64_t at = later(r, item, now);
	struct buf what;

	/* the first time, the second, the fourth, ... */
	if (!r->config.exec_queue->closed && !(item->deferrals & (item->deferrals + 1))) {
		buf_init(&what, BUF_NO_MAX);
		describe(r, item, &what);
		buf_addf(&what, " (%s %d)", end->si_code == CLD_EXITED ? "exit status" : "signal", end->si_status);
		if (leave)
			log_warn("'%s' puts off %s; it is left for the next run", r->config.name, what.data);
		else
			log_warn("'%s' puts off %s; trying again in %.1f s", r->config.name, what.data,
				(double)(at - now) / 1000);
		buf_release(&what);
	}
	item->deferrals++;
	if (leave)
		exec_queue_defer(r->config.exec_queue, item);
	else
		exec_queue_retry(r->config.exec_queue, item, at);
}

static bool has_failed(const struct exec *r, const siginfo_t *end)
{
	if (r->config.exec_queue->closed || interrupt_status())
		return false; /* who ended us may have ended it as well */
	return end->si_code == CLD_EXITED ? end->si_status != AGAIN_LATER : end->si_status != SIGTERM;
}

enum status exec_child_ended(struct exec *r, int pidfd, int64_t now, struct err *err)
{
	struct exec_entry *item = NULL;
	enum status st = ST_OK;
	siginfo_t end = { 0 };

	for (int64_t i = 0; i < r->config.jobs; i++) {
		if (r->children[i].pidfd == pidfd) {
			item = r->children[i].item;
			r->children[i] = (struct exec_slot){ .pidfd = -1 };
		}
	}
	if (!item)
		BUG("an unknown child");
	while (waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED) && errno == EINTR)
		;
	close(pidfd);
	if (end.si_code == CLD_EXITED && !end.si_status)
		exec_queue_finish(r->config.exec_queue, r->config.cursor, item);
	else if (!has_failed(r, &end))
		put_off(r, &end, item, now);
	else if (++item->failures <= r->config.retries)
		exec_queue_retry(r->config.exec_queue, item, later(r, item, now));
	else if ((st = give_up(r, &end, item, err)))
		exec_queue_retry(r->config.exec_queue, item, now);
	return st;
}
