/* Sentences: set, prefixed, cut between characters. */
#include "base/err.h"

#include "base/utf8.h"
#include "tests/lib/tap.h"

int main(void)
{
	struct err err = ERR_INIT;
	char lengthy[3000];

	tap_int(err_set(&err, ST_NOINPUT, "cannot read '%s'", "x"), ST_NOINPUT, "the status is handed back");
	tap_str(err.text, "cannot read 'x'", "the sentence");
	tap_ok(!err.retryable && err.retry_after_ms == -1 && !err.http && !err.code[0] && err.outcome == ERR_NOT_SENT,
		"the rest is unset");
	err.http = 503;
	tap_int(err_set(&err, ST_TEMPFAIL, "later"), ST_TEMPFAIL, "set anew");
	tap_ok(err.retryable && !err.http, "temporary ones may be repeated; nothing old is left");
	tap_int(err_prefix(&err, "log in to '%s'", "host"), ST_TEMPFAIL, "a prefix");
	tap_str(err.text, "log in to 'host': later", "stands before");
	tap_int(err_set(NULL, ST_DATA, "nobody asks"), ST_DATA, "nobody needs to ask");

	for (size_t shift = 0; shift < 4; shift++) {
		memset(lengthy, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof(lengthy); i += 4)
			memcpy(lengthy + i, "\xf0\x9f\x98\x80", 5);
		err_set(&err, ST_DATA, "%s", lengthy);
		tap_ok(strlen(err.text) > 1015 && utf8_valid(err.text, strlen(err.text)), "cut between characters");
		err_prefix(&err, "%s", "prefix");
		tap_ok(strlen(err.text) > 1015 && utf8_valid(err.text, strlen(err.text)), "also with a prefix");
		err_prefix(&err, "%s", lengthy);
		tap_ok(strlen(err.text) < sizeof(err.text) && utf8_valid(err.text, strlen(err.text)),
			"also with one that fills it");
	}
	tap_str(err_kind(ST_TEMPFAIL), "temporary", "the kind of an error line");
	return tap_done();
}
