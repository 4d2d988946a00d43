#include "cmd/output.h"

#include "wire/notification.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/utf8.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	BATCH_BYTES = 64 * 1024, /* collected before they are written */
	PIPE_ROOM = 4096, /* a pipe that polls writable takes these without blocking (PIPE_BUF) */
	LAST_CHANCE_MS = 2000, /* after a signal: time for the reader to take the rest of a line */
};

static struct {
	struct buf pending;
	bool failed, closed;
	int terminal; /* 1 or 0; -1: unknown */
	struct err failure;
} state = { .pending = { .data = (char[]){ "" }, .max = BUF_NO_MAX }, .terminal = -1 };

/* A failure is permanent: a later line must not be mistaken for a missing one. */
static enum status fail(struct err *err, enum status st, const char *reason)
{
	state.failed = true;
	if (st == ST_SIGPIPE)
		err_set(&state.failure, st, "the reader of the output has closed it");
	else
		err_set(&state.failure, st, "cannot write the output: %s", reason);
	if (err)
		*err = state.failure;
	return st;
}

enum status output_check(struct err *err)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? fail(err, ST_IO, strerror(EBADF)) : ST_OK;
}

static bool on_terminal(void)
{
	if (state.terminal < 0)
		state.terminal = isatty(STDOUT_FILENO);
	return state.terminal == 1;
}

/* After a signal, write only what does not block: a reader that has stopped must not keep the program alive. */
static enum status write_pending(struct err *err)
{
	const char *p = state.pending.data;
	size_t left = state.pending.len;

	if (left && on_terminal())
		log_progress("%s", ""); /* it may stand on the same line */
	while (left) {
		bool ending = interrupt_status() != ST_OK;
		struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };
		ssize_t n;

		if (ending && poll(&ready, 1, LAST_CHANCE_MS) == 0)
			return fail(err, ST_IO, "the reader has stopped reading");
		n = write(STDOUT_FILENO, p, ending && left > PIPE_ROOM ? PIPE_ROOM : left);
		if (n >= 0) {
			p += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN) { /* another process has made the pipe non-blocking */
			(void)poll(&ready, 1, -1);
		} else if (errno == EPIPE) {
			return fail(err, ST_SIGPIPE, NULL);
		} else if (errno != EINTR) {
			return fail(err, ST_IO, strerror(errno));
		}
	}
	return ST_OK;
}

enum status output_flush(struct err *err)
{
	enum status st;

	if (state.failed) {
		if (err)
			*err = state.failure;
		return state.failure.status;
	}
	st = write_pending(err);
	buf_clear(&state.pending);
	return st;
}

/* Text for people has no control characters anyway. */
static void collect(const char *p, size_t len)
{
	if (on_terminal())
		utf8_escape_controls(&state.pending, p, len);
	else
		buf_add(&state.pending, p, len);
}

enum status output_add(const char *p, size_t len, struct err *err)
{
	if (!state.failed)
		collect(p, len);
	if (state.failed || state.pending.len >= BATCH_BYTES || on_terminal())
		return output_flush(err);
	return ST_OK;
}

enum status output_line(const struct buf *line, struct err *err)
{
	if (!state.failed) {
		collect(line->data, line->len);
		buf_addc(&state.pending, '\n');
	}
	return output_flush(err);
}

void output_begin(struct buf *line, const char *event)
{
	buf_init(line, BUF_NO_MAX);
	json_open(line, '{');
	json_add_string(line, "event", event);
}

enum status output_end(struct buf *line, struct err *err)
{
	enum status st;

	json_close(line, '}');
	st = output_line(line, err);
	buf_release(line);
	return st;
}

enum status output_event(const struct buf *line, bool text, struct err *err)
{
	struct json_doc doc = { 0 };
	struct buf shown;
	enum status st;

	if (!text)
		return output_add(line->data, line->len, err);
	buf_init(&shown, BUF_NO_MAX);
	if (!(st = notification_text(&doc, line->data, line->len, clock_wall_ms(), &shown, err)))
		st = output_add(shown.data, shown.len, err);
	buf_release(&shown);
	json_release(&doc);
	return st;
}

enum status output_finish(struct err *err)
{
	enum status st = output_flush(err);

	buf_release(&state.pending);
	/* on a network file system, close(2) reports a full disk */
	if (!state.closed && close(STDOUT_FILENO) && !st)
		st = fail(err, ST_IO, strerror(errno));
	state.closed = true;
	return st;
}
