/*
 * log.h - the only writer of stderr, and of the --trace file.
 *
 * Lines read "kandy: COMMAND: sentence". Whatever comes from outside may stand in the arguments: control
 * and escape characters are taken out of every line, and every secret that was given to log_redact() is
 * replaced by "***", in stderr and in the trace.
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
 * that is no text. log_body_text() is what is shown of one: log_mask() and log_hide() have gone over it.
 */
#define LOG_BODY_MAX ((size_t)16 * 1024)
void log_set_trace_text(bool on);
bool log_tracing_text(void);
void log_trace_body(const char *label, const char *p, size_t len);
void log_body_text(struct buf *out, const char *p, size_t len);

/*
 * From now on, this value is never written, nor what is the same when it is decoded: percent-encoded, with '+' for a
 * space, escaped as in JSON. Values under 6 bytes are not taken: they would blot out half of what is said (log_mask()
 * is for those). Keeps a copy, which log_close() wipes.
 *
 * What is remembered: the 64 values of log_redact() that were named last, and, apart from them, the 64 of
 * log_redact_token(). To name one again counts. So a listener that renews its tokens for months forgets those that
 * have run out, and never the password, which was named once at its start.
 */
void log_redact(const char *secret, size_t len);
void log_redact_token(const char *token, size_t len);
void log_forget(void); /* all of them; log_close() does it */
void log_hide(struct buf *text); /* replaces them in `text`; every line of the log is treated so anyway */

/*
 * For texts that others made: appends `p` without what stands behind the name of a secret ("access_token=",
 * "\"password\": " and their like), whatever it is and however short, and without the user information of a URL.
 */
void log_mask(struct buf *out, const char *p, size_t len);

/* A line that is redrawn in place, for a terminal; "" takes it away. Nothing if stderr is none, or with -q. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
