#include "base/log.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/redact.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024)

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	const char *command;
	int trace_fd;
	bool trace_text;
	bool progress_shown;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .trace_fd = -1 };

void log_set_level(enum log_level level)
{
	state.level = level;
}

bool log_is_verbose(void)
{
	return state.level >= LOG_VERBOSE;
}

void log_set_command(const char *name)
{
	state.command = name;
}

static void write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* there is no other place to report it */
		s += n;
		len -= (size_t)n;
	}
}

/*
 * Formats one harmless line. Redacted twice: control characters may split a secret, and their removal may join one.
 */
__attribute__((format(printf, 2, 0))) static void compose(struct buf *out, const char *format, va_list args)
{
	struct buf raw;

	buf_init_secret(&raw, LINE_MAX_BYTES);
	if (!buf_vaddf(&raw, format, args)) {
		buf_clear(&raw);
		buf_adds(&raw, "(message too long)");
	}
	redact_known(&raw);
	utf8_printable(out, raw.data, raw.len);
	redact_known(out);
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

__attribute__((format(printf, 4, 0))) static void say(bool shown, bool traced, const char *label, const char *format,
	va_list args)
{
	int saved = errno;
	struct buf text;

	traced = traced && state.trace_fd >= 0;
	if (!shown && !traced)
		return;
	pthread_mutex_lock(&state.lock);
	buf_init(&text, BUF_NO_MAX);
	compose(&text, format, args);
	if (shown)
		to_stderr(label, &text);
	if (traced)
		to_trace(&text);
	buf_release(&text);
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

#define SAY(shown, traced, label) \
	do { \
		va_list args; \
		va_start(args, format); \
		say((shown), (traced), (label), format, args); \
		va_end(args); \
	} while (0)

void log_error(const char *format, ...)
{
	SAY(true, true, "");
}

void log_security(const char *format, ...)
{
	SAY(true, true, "warning: ");
}

void log_warn(const char *format, ...)
{
	SAY(state.level >= LOG_NORMAL, true, "warning: ");
}

void log_note(const char *format, ...)
{
	SAY(state.level >= LOG_NORMAL, true, "");
}

void log_private(const char *format, ...)
{
	SAY(state.level >= LOG_NORMAL, false, "");
}

void log_verbose(const char *format, ...)
{
	SAY(state.level >= LOG_VERBOSE, true, "");
}

void log_trace(const char *format, ...)
{
	SAY(false, true, "");
}

void log_err(const struct err *err)
{
	log_error("%s", err->text);
}

/* The trace may contain message texts and addresses. */
static enum status check_trace(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, ST_IO, "cannot read the trace file '%s': %s", path, strerror(errno));
	if (S_ISCHR(st.st_mode)) /* a terminal, /dev/null */
		return ST_OK;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ST_CANTCREATE, "the trace file '%s' is not a regular file", path);
	return file_check_owner(&st, 0, "the trace file ", path, err);
}

enum status log_open_trace(const char *path, struct err *err)
{
	/* O_NONBLOCK: a FIFO may have no reader */
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	enum status st;

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open the trace file '%s': %s", path, strerror(errno));
	if ((st = check_trace(fd, path, err))) {
		close(fd);
		return st;
	}
	(void)fcntl(fd, F_SETFL, O_APPEND); /* blocking again, so that a stopped terminal delays the output */
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
	redact_clear();
	if (state.trace_fd >= 0)
		close(state.trace_fd);
	state.trace_fd = -1;
}

/* Cuts the line to the width of the terminal, because a wrapped line cannot be erased. Wide characters count as one. */
static void fit_terminal(struct buf *text)
{
	struct winsize size;
	size_t columns = 0;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return;
	for (size_t i = 0; i < text->len; i++) {
		if (((unsigned char)text->data[i] & 0xC0) != 0x80 && ++columns == size.ws_col) {
			buf_truncate(text, i);
			return;
		}
	}
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
	fit_terminal(&text);
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
