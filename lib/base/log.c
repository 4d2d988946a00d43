#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define SECRETS_MAX 64

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	const char *command;
	int trace_fd;
	bool trace_text;
	bool progress_shown;
	struct {
		char *s;
		size_t len;
	} secrets[SECRETS_MAX];
	size_t secret_count;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .trace_fd = -1 };

void log_set_level(enum log_level level)
{
	state.level = level;
}

void log_set_command(const char *name)
{
	state.command = name;
}

void log_redact(const char *secret, size_t len)
{
	if (!secret || len < 6)
		return;
	pthread_mutex_lock(&state.lock);
	for (size_t i = 0; i < state.secret_count; i++) {
		if (state.secrets[i].len == len && !memcmp(state.secrets[i].s, secret, len))
			goto out;
	}
	if (state.secret_count == SECRETS_MAX) {
		/* a listener that runs for months renews its token thousands of times: forget the oldest */
		explicit_bzero(state.secrets[0].s, state.secrets[0].len);
		free(state.secrets[0].s);
		memmove(state.secrets, state.secrets + 1, (SECRETS_MAX - 1) * sizeof(state.secrets[0]));
		state.secret_count--;
	}
	state.secrets[state.secret_count].s = xmemdup0(secret, len);
	state.secrets[state.secret_count++].len = len;
out:
	pthread_mutex_unlock(&state.lock);
}

/*
 * Replaces every known secret in `line`, in place: "***" is shorter than any of them. All of them are marked first,
 * since one may be the beginning of another, or two may overlap.
 */
static void redact(struct buf *line)
{
	char *marks = NULL;
	size_t to = 0;

	for (size_t i = 0; i < state.secret_count; i++) {
		size_t len = state.secrets[i].len;
		const char *at = line->data;

		while ((at = memmem(at, line->len - (size_t)(at - line->data), state.secrets[i].s, len))) {
			if (!marks)
				marks = xcalloc(line->len, 1);
			memset(marks + (at++ - line->data), 1, len);
		}
	}
	if (!marks)
		return;
	for (size_t from = 0; from < line->len; from++) {
		if (!marks[from]) {
			line->data[to++] = line->data[from];
		} else if (!from || !marks[from - 1]) {
			memcpy(line->data + to, "***", 3);
			to += 3;
		}
	}
	free(marks);
	buf_truncate(line, to);
}

void log_hide(struct buf *text)
{
	pthread_mutex_lock(&state.lock);
	redact(text);
	pthread_mutex_unlock(&state.lock);
}

static void write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* there is nowhere left to complain to */
		s += n;
		len -= (size_t)n;
	}
}

/* Makes one harmless line of the arguments: redacted first, so that no control character hides a secret. */
__attribute__((format(printf, 2, 0))) static void compose(struct buf *out, const char *format, va_list args)
{
	struct buf raw;

	buf_init_secret(&raw, LINE_MAX_BYTES);
	if (!buf_vaddf(&raw, format, args)) {
		buf_clear(&raw);
		buf_adds(&raw, "(a message too long to show)");
	}
	redact(&raw);
	utf8_printable(out, raw.data, raw.len);
	redact(out);
	buf_release(&raw);
}

static void to_trace(const struct buf *text)
{
	struct buf line;
	struct timespec now;
	struct tm tm;
	char stamp[40];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_init(&line, BUF_NO_MAX);
	buf_addf(&line, "%s.%03ldZ %ld ", stamp, now.tv_nsec / 1000000, (long)getpid());
	buf_add(&line, text->data, text->len);
	buf_addc(&line, '\n');
	write_all(state.trace_fd, line.data, line.len);
	buf_release(&line);
}

static void to_stderr(const char *label, const struct buf *text)
{
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	if (state.progress_shown)
		buf_adds(&line, "\r\033[K");
	state.progress_shown = false;
	buf_adds(&line, "kandy: ");
	if (state.command)
		buf_addf(&line, "%s: ", state.command);
	buf_adds(&line, label);
	buf_add(&line, text->data, text->len);
	buf_addc(&line, '\n');
	write_all(STDERR_FILENO, line.data, line.len);
	buf_release(&line);
}

__attribute__((format(printf, 3, 0))) static void say(bool shown, const char *label, const char *format, va_list args)
{
	int saved = errno;
	struct buf text;

	if (!shown && state.trace_fd < 0)
		return;
	pthread_mutex_lock(&state.lock);
	buf_init(&text, BUF_NO_MAX);
	compose(&text, format, args);
	if (shown)
		to_stderr(label, &text);
	if (state.trace_fd >= 0)
		to_trace(&text);
	buf_release(&text);
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

#define SAY(shown, label) \
	do { \
		va_list args; \
		va_start(args, format); \
		say((shown), (label), format, args); \
		va_end(args); \
	} while (0)

void log_error(const char *format, ...)
{
	SAY(true, "");
}

void log_warn(const char *format, ...)
{
	SAY(state.level >= LOG_NORMAL, "warning: ");
}

void log_note(const char *format, ...)
{
	SAY(state.level >= LOG_NORMAL, "");
}

void log_verbose(const char *format, ...)
{
	SAY(state.level >= LOG_VERBOSE, "");
}

void log_trace(const char *format, ...)
{
	SAY(false, "");
}

void log_err(const struct err *err)
{
	log_error("%s", err->text);
}

enum status log_open_trace(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open the trace file '%s': %s", path, strerror(errno));
	if (state.trace_fd >= 0)
		close(state.trace_fd);
	state.trace_fd = fd;
	return ST_OK;
}

bool log_tracing(void)
{
	return state.trace_fd >= 0;
}

int log_trace_fd(void)
{
	return state.trace_fd;
}

void log_set_trace_text(bool on)
{
	state.trace_text = on;
}

bool log_tracing_text(void)
{
	return state.trace_text && state.trace_fd >= 0;
}

void log_close(void)
{
	log_progress("%s", "");
	for (size_t i = 0; i < state.secret_count; i++) {
		explicit_bzero(state.secrets[i].s, state.secrets[i].len);
		free(state.secrets[i].s);
	}
	state.secret_count = 0;
	if (state.trace_fd >= 0)
		close(state.trace_fd);
	state.trace_fd = -1;
}

void log_progress(const char *format, ...)
{
	struct buf text, line;
	va_list args;

	if (state.level < LOG_NORMAL || !isatty(STDERR_FILENO))
		return;
	pthread_mutex_lock(&state.lock);
	buf_init(&text, LINE_MAX_BYTES);
	buf_init(&line, BUF_NO_MAX);
	va_start(args, format);
	compose(&text, format, args);
	va_end(args);
	if (text.len || state.progress_shown) {
		buf_adds(&line, "\r\033[K");
		buf_add(&line, text.data, text.len);
		write_all(STDERR_FILENO, line.data, line.len);
	}
	state.progress_shown = text.len > 0;
	buf_release(&text);
	buf_release(&line);
	pthread_mutex_unlock(&state.lock);
}
