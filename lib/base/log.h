/*
 * log.h - the only writer of stderr, and of the --trace file.
 *
 * Lines read "kandy: COMMAND: sentence". Whatever comes from outside may stand in the arguments: control
 * and escape characters are removed from every line, and known secrets are redacted (redact.h), in stderr and in
 * the trace.
 * May be called from any thread.
 */
#ifndef KANDY_BASE_LOG_H
#define KANDY_BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum log_level {
	LOG_QUIET = -1, /* errors and alarms alone (-q) */
	LOG_NORMAL = 0, /* and warnings and notes */
	LOG_VERBOSE = 1, /* and what is being done (-v) */
};

void log_set_level(enum log_level level);
void log_set_command(const char *name); /* "send" makes "kandy: send: ..."; NULL: none. Borrowed */

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_security(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a warning that -q leaves, too */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not with -q */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not with -q */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2))); /* with -v; to the trace always */
bool log_is_verbose(void); /* would log_verbose() be seen? For what costs something to say */
void log_private(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a note that no trace has */
void log_err(const struct err *err); /* its sentence, as an error */

/* The trace file (mode 0600, appended to) with a timestamp on each line. log_trace() is free without one. */
enum status log_open_trace(const char *path, struct err *err) MUST_USE;
bool log_tracing(void);
int log_trace_fd(void); /* for a child that closes what is not its own; -1: none */
void log_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_close(void);

/*
 * Bodies, with their message texts: with log_set_trace_text(true) only. At most LOG_BODY_MAX bytes of each, and none
 * that is no text. log_body_text() is what is shown of one, with its secrets redacted.
 */
#define LOG_BODY_MAX ((size_t)16 * 1024)
void log_set_trace_text(bool on);
bool log_tracing_text(void);
void log_body_trace(const char *label, const char *p, size_t len);
void log_body_text(struct buf *out, const char *p, size_t len);

/* A line that is redrawn in place, for a terminal; "" takes it away. Nothing if stderr is none, or with -q. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
