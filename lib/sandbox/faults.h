/*
 * faults.h - fault injection: which request gets which fault. Pure.
 *
 *	METHOD WORD WHEN:KIND[/ARGUMENT][,WHEN:KIND...]          'POST messages 2:503,3:drop,4:429/2'
 *
 * METHOD is an HTTP method or `*`. WORD is one of the last two segments of the path (token, messages, payload ...) or
 * `*`. Each specification counts the requests that match it; WHEN is a number N, `N+` (from the Nth on), `N-M`, `N%`
 * (every Nth) or `*`. If several specifications apply to a request, the first one given is used.
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
	FAULT_DROP, /* close the connection, unprocessed; /N: after N bytes of the body */
	FAULT_RESET, /* the same by a TCP reset */
	FAULT_LOST, /* processed; close the connection instead of responding */
	FAULT_HANG, /* processed, without a response */
	FAULT_SLOW, /* /MS: respond MS milliseconds later */
	FAULT_TRICKLE, /* /N: send N bytes (default 64) every 10 ms */
	FAULT_CUT, /* /N: close the connection after N bytes of the response body */
	FAULT_STALL, /* /N: stop sending after N bytes of the response body */
	FAULT_HTML, /* 200 with an HTML page, unprocessed */
	FAULT_EMPTY, /* 200 with an empty body, unprocessed */
	FAULT_BADJSON, /* processed; half of the JSON */
	FAULT_EARLY, /* 201 before the body has been read, unprocessed */
	FAULT_REDIRECT, /* /URL: 302, unprocessed */
};

struct fault {
	enum fault_kind kind;
	int status; /* FAULT_STATUS */
	int64_t number; /* the numeric argument; -1: none */
	bool date; /* Retry-After as an HTTP date, two seconds ahead */
	const char *text; /* as it was written ("429/2"), for the record */
	const char *url; /* FAULT_REDIRECT */
};

struct fault_rule;
struct fault_spec;

struct faults { /* empty if zeroed */
	struct fault_spec *specs;
	size_t count, cap;
};

enum status faults_add(struct faults *faults, const char *text, struct err *err) MUST_USE; /* ST_USAGE: invalid */
void faults_release(struct faults *faults);
void faults_disable(struct faults *faults); /* all of them; those in use stay valid */

/* Counts this request and returns its fault or NULL, valid until the next faults_add(). */
const struct fault *faults_next(struct faults *faults, const char *method, char *const *segments, size_t count);

#endif
