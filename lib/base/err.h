/*
 * err.h - how functions of lib/ report failures.
 *
 * A function returns `enum status` and fills the `struct err` of its caller with one sentence, written where the facts
 * are known. It is untouched on success. The struct owns no memory: it can be copied, dropped and reused freely.
 *
 *	if (!(f = fopen(path, "r")))
 *		return err_set(err, ST_NOINPUT, "cannot read '%s': %s", path, strerror(errno));
 *
 * Sentences are lower-case without a full stop: what failed, why, and the next step if there is one ("not logged in;
 * run 'kandy login'"), with names in single quotes. Bytes from outside (server, message, file) may be included as they
 * are, because log.h makes them harmless.
 */
#ifndef KANDY_BASE_ERR_H
#define KANDY_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

/* The values are the exit statuses, those of sysexits.h where one fits. */
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
	ST_TEMPFAIL = 75, /* temporary failure: retry later */
	ST_PROTOCOL = 76, /* invalid response of the server */
	ST_AUTH = 77, /* not logged in, or refused */
	ST_CONFIG = 78, /* bad configuration, or an unsafe file mode */
	ST_NOTHING = 124, /* ended by --for or --idle without a message */
	ST_SIGHUP = 129,
	ST_SIGINT = 130,
	ST_SIGPIPE = 141, /* the reader of stdout closed it */
	ST_SIGTERM = 143,
};

/* What became of the request that failed. Only after ERR_MAYBE_SENT is a retry unsafe. */
enum err_outcome {
	ERR_NOT_SENT = 0, /* it did not reach the service, or was rejected unprocessed */
	ERR_MAYBE_SENT, /* it was sent, and no response was received */
	ERR_REFUSED, /* the service refused it */
};

struct err {
	enum status status;
	enum err_outcome outcome;
	int http; /* HTTP status, or 0 */
	bool retryable; /* the same call may succeed later */
	bool pending; /* ERR_MAYBE_SENT: kandy stopped waiting, so the service may still be processing it */
	int64_t retry_after_ms; /* from Retry-After, or -1 */
	char code[32]; /* the service's error code ("SVC0004", "invalid_grant"), or "" */
	char text[1024]; /* the sentence; longer ones are cut between characters */
};

/* clang-format off */
#define ERR_INIT { .retry_after_ms = -1 }
/* clang-format on */

/* Resets and fills `err`, which may be NULL, and returns `status`: return err_set(...). */
enum status err_set(struct err *err, enum status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prepends "PREFIX: " to the sentence. Returns err->status. */
enum status err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The "kind" of an error line: "usage", "unavailable", "temporary", "refused", ... */
const char *err_kind(enum status status);

/* Aborts. For states that no input can cause. */
#define BUG(...) err_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void err_bug(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define MUST_USE __attribute__((warn_unused_result))

#endif
