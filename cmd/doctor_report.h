/*
 * doctor_report.h - the lines of `kandy doctor`, and the worst of what they say.
 *
 *	{"event":"check","name":"dns","ok":true,"text":"..."}
 *	{"event":"check","name":"tls","ok":false,"text":"...","code":78,"kind":"config"}
 *	{"event":"check","name":"clock","ok":null,"text":"..."}           could not be tried
 */
#ifndef KANDY_CMD_DOCTOR_REPORT_H
#define KANDY_CMD_DOCTOR_REPORT_H

#include "base/err.h"

#include <stdbool.h>

struct report {
	bool text; /* lines for people instead of JSON */
	bool printed_all; /* false once stdout has failed */
	struct err output; /* how it failed */
	enum status worst; /* the highest code: those above 75 need somebody to look */
};

void report_init(struct report *report, bool text);
void report_ok(struct report *report, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_untried(struct report *report, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void report_failure(struct report *report, const char *name, const struct err *err);

#endif
