/*
 * log.h - the only writer of stderr, and of the --trace file.
 *
 * Lines have the form "kandy: COMMAND: sentence". The arguments may contain any bytes from outside: control
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
	LOG_QUIET = -1, /* errors and security warnings only (-q) */
	LOG_NORMAL = 0, /* also warnings and notes */
	LOG_VERBOSE = 1, /* also each request and each step (-v) */
};

void log_set_level(enum log_level level);
void log_set_command(const char *name); /* "send" makes "kandy: send: ..."; NULL: none. Borrowed */

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_security(const char *format, ...)
	__attribute__((format(printf, 1, 2))); /* a warning that -q does not suppress */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not with -q */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* not with -q */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2))); /* with -v; to the trace always */
bool log_is_verbose(void); /* whether log_verbose() prints; for messages that are costly to make */
void log_private(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a note, but never in the trace */
void log_err(const struct err *err); /* prints its sentence as an error */

/* The trace file (mode 0600, appended to) with a timestamp on each line. log_trace() is free without one. */
enum status log_open_trace(const char *path, struct err *err) MUST_USE;
bool log_tracing(void);
int log_trace_fd(void); /* for a child process that closes all other descriptors; -1: none */
void log_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_close(void);

/*
 * Bodies contain message texts, so they are traced only after log_set_trace_text(true): at most LOG_BODY_MAX bytes of
 * each, and only text. log_body_text() appends the part of a body that may be shown, redacted.
 */
#define LOG_BODY_MAX ((size_t)16 * 1024)
void log_set_trace_text(bool on);
bool log_tracing_text(void);
void log_body_trace(const char *label, const char *p, size_t len);
void log_body_text(struct buf *out, const char *p, size_t len);

/* A progress line, redrawn in place; "" erases it. Does nothing with -q or if stderr is not a terminal. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
