/*
 * err.h - how a function of lib/ says that it failed.
 *
 * Such a function returns `enum status` and fills the `struct err` that its caller gave: one sentence,
 * written at the place that knows the facts. Untouched on success. The struct owns no memory: it can be
 * copied, dropped and reused without care.
 *
 *	if (!(f = fopen(path, "r")))
 *		return err_set(err, ST_NOINPUT, "cannot read '%s': %s", path, strerror(errno));
 *
 * Sentences: lower-case, no full stop, fault first, subject in single quotes, next step if there is one
 * ("not logged in; run 'kandy login'"). Bytes from outside (server, message, file) that go into one are
 * made harmless when it is printed (log.h), so they may be put in as they are.
 */
#ifndef KANDY_BASE_ERR_H
#define KANDY_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/* The values are the exit codes (the BSD sysexits.h ones where there is one), so none is translated. */
enum status {
	ST_OK = 0,
	ST_PARTIAL = 1, /* a batch: some items failed */
	ST_USAGE = 64,
	ST_DATA = 65, /* bad input data */
	ST_NOINPUT = 66, /* no such input file */
	ST_UNAVAILABLE = 69, /* unreachable, or 5xx after the retries */
	ST_INTERNAL = 70,
	ST_CANTCREATE = 73,
	ST_IO = 74, /* cannot write */
	ST_TEMPFAIL = 75, /* may be repeated later */
	ST_PROTOCOL = 76, /* the server said something impossible */
	ST_AUTH = 77, /* not logged in, or refused */
	ST_CONFIG = 78, /* bad configuration, or an unsafe file mode */
	ST_NOTHING = 124, /* ended by --for or --idle with nothing received */
	ST_SIGHUP = 129,
	ST_SIGINT = 130,
	ST_SIGPIPE = 141, /* the reader of stdout has gone */
	ST_SIGTERM = 143,
};

/* What is known of the request behind a failure. Only ERR_MAYBE_SENT needs care before a repetition. */
enum err_outcome {
	ERR_NOT_SENT = 0, /* it did not reach the service, or was turned away unprocessed */
	ERR_MAYBE_SENT, /* it went out, and no answer came back */
	ERR_REFUSED, /* the service answered "no" */
};

struct err {
	enum status status;
	enum err_outcome outcome;
	int http; /* the HTTP status behind it, or 0 */
	bool retryable; /* the same call may succeed later */
	bool pending; /* ERR_MAYBE_SENT: nobody waited for the end, so the service may still be at work on it */
	int64_t retry_after_ms; /* what Retry-After asked for, or -1 where it said nothing */
	char code[32]; /* the service's own code ("SVC0004", "invalid_grant"), or "" */
	char text[1024]; /* the sentence; cut at a character if it is longer */
};

/* clang-format off */
#define ERR_INIT { .retry_after_ms = -1 }
/* clang-format on */

/* Fills `err` anew (a NULL err is allowed) and returns `status`, so that a function can return the call. */
enum status err_set(struct err *err, enum status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the sentence. Returns err->status. */
enum status err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One word for the "kind" of an error line: "usage", "unavailable", "temporary", "refused", ... */
const char *err_kind(enum status status);

/* Aborts: for what cannot happen whatever comes from outside. */
#define BUG(...) err_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void err_bug(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define MUST_USE __attribute__((warn_unused_result))

#endif
