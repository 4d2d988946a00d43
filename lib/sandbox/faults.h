/*
 * faults.h - misbehaviour to order: which request gets which fault. Pure.
 *
 *	METHOD WORD WHEN:KIND[/ARGUMENT][,WHEN:KIND...]          'POST messages 2:503,3:drop,4:429/2'
 *
 * METHOD is a method or `*`. WORD is one of the last two segments of the path (token, channels, messages, objects,
 * payload ...) or `*`. Each specification counts the requests that it matches; WHEN is a number N, `N+` (from the Nth
 * on), `N-M`, `N%` (each Nth) or `*`. Where several specifications hit one request, the first one given counts.
 */
#ifndef KANDY_SANDBOX_FAULTS_H
#define KANDY_SANDBOX_FAULTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
	FAULT_NONE = 0,
	FAULT_STATUS, /* NNN: this HTTP status, unprocessed; /SECONDS or /date: with Retry-After */
	FAULT_DROP, /* the connection is closed, unprocessed; /N: after N bytes of the request's body */
	FAULT_RESET, /* the same by a TCP reset */
	FAULT_LOST, /* processed, and the connection closed instead of an answer */
	FAULT_HANG, /* processed, and no answer ever */
	FAULT_SLOW, /* /MS: the answer comes later */
	FAULT_TRICKLE, /* /N: N bytes (default 64) every 10 ms */
	FAULT_CUT, /* /N: the connection is closed after N bytes of the answer's body */
	FAULT_STALL, /* /N: nothing comes after N bytes of the answer's body, and the connection stays */
	FAULT_HTML, /* 200 with an HTML page, unprocessed */
	FAULT_EMPTY, /* 200 with nothing, unprocessed */
	FAULT_BADJSON, /* processed, and the answer's JSON cut in the middle */
	FAULT_EARLY, /* 201 before the body has been read, and unprocessed */
	FAULT_REDIRECT, /* /URL: 302, unprocessed */
};

struct fault {
	enum fault_kind kind;
	int status; /* FAULT_STATUS */
	int64_t number; /* the numeric argument; -1 where there is none */
	bool date; /* Retry-After as an HTTP date, two seconds ahead */
	char *text; /* the fault as it was written ("429/2"), for the record */
	const char *url; /* FAULT_REDIRECT; points into text */
};

struct fault_rule;
struct fault_spec;

struct faults { /* a zeroed one is empty */
	struct fault_spec *specs;
	size_t count, cap;
};

/* ST_USAGE says what is wrong with it. */
enum status faults_add(struct faults *faults, const char *text, struct err *err) MUST_USE;
void faults_release(struct faults *faults);
void faults_end(struct faults *faults); /* from now on there are none; those that are being applied stay valid */

/* Counts this request, and gives its fault or NULL. Good until the next faults_add(). */
const struct fault *faults_next(struct faults *faults, const char *method, char *const *segments, size_t count);

#endif
