/*
 * doctor_report.h - the lines of `kandy doctor`, and their highest exit status.
 *
 *	{"event":"check","name":"dns","ok":true,"text":"..."}
 *	{"event":"check","name":"tls","ok":false,"text":"...","code":78,"kind":"config"}
 *	{"event":"check","name":"clock","ok":null,"text":"..."}           skipped
 */
#ifndef KANDY_CMD_DOCTOR_REPORT_H
#define KANDY_CMD_DOCTOR_REPORT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report {
	bool text; /* text for people instead of JSON */
	struct err output; /* of stdout; after it nothing more is printed */
	enum status worst; /* the highest status */
	size_t failed; /* checks */
};

void report_ok(struct report *report, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_skipped(struct report *report, const char *name, const char *text);
void report_failure(struct report *report, const char *name, const struct err *err);

void report_format_time(char out[static 32], int64_t ms); /* "2026-01-31 12:00:00 UTC" */

#endif
