/* Fault specifications: valid and invalid ones, and which request gets which fault. */
#include "sandbox/faults.h"

#include "../lib/tap.h"

static char text[] = "cpaas\0chat\0bob\0messages\0m1";
static char *one_message[] = { text, text + 6, text + 11, text + 15, text + 24 };
static char *const *const path = one_message;

static const char *next(struct faults *faults, const char *method)
{
	const struct fault *fault = faults_next(faults, method, path, 4);

	return fault ? fault->text : "-";
}

static void test_order(void)
{
	struct faults faults = { 0 };

	tap_int(faults_add(&faults, "POST messages 2:503,3:drop,4:429/2,6+:lost", NULL), ST_OK,
		"the documented example is valid");
	tap_str(next(&faults, "POST"), "-", "the first request has no fault");
	tap_str(next(&faults, "GET"), "-", "another method is not counted");
	tap_str(next(&faults, "POST"), "503", "the second request");
	tap_str(next(&faults, "POST"), "drop", "the third request");
	tap_str(next(&faults, "POST"), "429/2", "the fourth request");
	tap_str(next(&faults, "POST"), "-", "the fifth request has no fault");
	tap_str(next(&faults, "POST"), "lost", "the sixth request");
	tap_str(next(&faults, "POST"), "lost", "the seventh request");
	faults_disable(&faults);
	tap_str(next(&faults, "POST"), "-", "no fault once they are disabled");
	faults_release(&faults);
}

static void test_when(void)
{
	struct faults faults = { 0 };

	tap_int(faults_add(&faults, "* messages 3%:503", NULL), ST_OK, "N% is valid");
	for (int i = 1; i <= 6; i++)
		tap_str(next(&faults, i % 2 ? "GET" : "POST"), i % 3 ? "-" : "503",
			"every third request, with any method");
	faults_release(&faults);
	tap_int(faults_add(&faults, "* * 2-3:500", NULL), ST_OK, "N-M is valid");
	for (int i = 1; i <= 4; i++)
		tap_str(next(&faults, "PUT"), i == 2 || i == 3 ? "500" : "-", "N-M applies from N to M");
	faults_release(&faults);
	tap_int(faults_add(&faults, "GET messages *:html", NULL), ST_OK, "* is valid");
	tap_int(faults_add(&faults, "GET messages 1:503", NULL), ST_OK, "a second specification is valid");
	tap_str(next(&faults, "GET"), "html", "the first specification is used");
	faults_release(&faults);
}

static void test_words(void)
{
	struct faults faults = { 0 };

	tap_int(faults_add(&faults, "* messages *:503", NULL), ST_OK, "a specification by word is valid");
	tap_ok(faults_next(&faults, "GET", one_message, 5) != NULL, "the last segment but one matches");
	tap_ok(!faults_next(&faults, "GET", one_message, 3), "a path without the word does not match");
	tap_ok(!faults_next(&faults, "GET", NULL, 0), "a path without segments does not match");
	faults_release(&faults);
	tap_int(faults_add(&faults, "* chat *:503", NULL), ST_OK, "another word is valid");
	tap_ok(!faults_next(&faults, "GET", path, 4), "an earlier segment does not match");
	faults_release(&faults);
}

static void test_arguments(void)
{
	static const struct {
		const char *text;
		enum fault_kind kind;
		int status;
		int number;
	} good[] = {
		{ "503", FAULT_STATUS, 503, -1 },
		{ "429/7", FAULT_STATUS, 429, 7 },
		{ "429/date", FAULT_STATUS, 429, -1 },
		{ "drop", FAULT_DROP, 0, -1 },
		{ "drop/10", FAULT_DROP, 0, 10 },
		{ "reset", FAULT_RESET, 0, -1 },
		{ "lost", FAULT_LOST, 0, -1 },
		{ "hang", FAULT_HANG, 0, -1 },
		{ "slow/250", FAULT_SLOW, 0, 250 },
		{ "trickle", FAULT_TRICKLE, 0, 64 },
		{ "trickle/1", FAULT_TRICKLE, 0, 1 },
		{ "cut/0", FAULT_CUT, 0, 0 },
		{ "stall/5", FAULT_STALL, 0, 5 },
		{ "html", FAULT_HTML, 0, -1 },
		{ "empty", FAULT_EMPTY, 0, -1 },
		{ "badjson", FAULT_BADJSON, 0, -1 },
		{ "early", FAULT_EARLY, 0, -1 },
		{ "redirect/https://h:1/a/b?c", FAULT_REDIRECT, 0, -1 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct faults faults = { 0 };
		char spec[80];
		const struct fault *fault;

		snprintf(spec, sizeof(spec), "GET messages *:%s", good[i].text);
		tap_int(faults_add(&faults, spec, NULL), ST_OK, good[i].text);
		fault = faults_next(&faults, "GET", path, 4);
		tap_ok(fault && fault->kind == good[i].kind && fault->status == good[i].status &&
				fault->number == good[i].number,
			"kind, status and number are parsed");
		if (fault && fault->kind == FAULT_REDIRECT)
			tap_str(fault->url, "https://h:1/a/b?c", "the URL is parsed");
		if (fault && good[i].kind == FAULT_STATUS)
			tap_int(fault->date, strstr(good[i].text, "date") != NULL, "the date is parsed");
		faults_release(&faults);
	}
}

static void test_refused(void)
{
	static const char *const bad[] = { "", "POST", "POST messages", "POST messages 503", "POST messages 0:503",
		"POST messages -1:503", "POST messages x:503", "POST messages 1:", "POST messages 1:99",
		"POST messages 1:600", "POST messages 1:nonsense", "POST messages 1:slow", "POST messages 1:slow/x",
		"POST messages 1:slow/-1", "POST messages 1:lost/1", "POST messages 1:redirect",
		"POST messages 1:redirect/", "POST messages 3-2:503", "POST messages %:503", "POST messages 0%:503",
		"POST messages +:503", "POST messages 1-2+:503", "POST messages 1:503 more", "POST messages ,",
		"POST messages 1:503,2", "POST messages 99999999999999999999:503" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct faults faults = { 0 };
		struct err err = ERR_INIT;

		tap_int(faults_add(&faults, bad[i], &err), ST_USAGE, bad[i]);
		tap_ok(*err.text && !faults.count, "the error has a text, and no fault is added");
		faults_release(&faults);
	}
}

int main(void)
{
	test_order();
	test_when();
	test_words();
	test_arguments();
	test_refused();
	return tap_done();
}
