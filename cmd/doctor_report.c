#include "cmd/doctor_report.h"

#include "base/utf8.h"
#include "cmd/output.h"
#include "json/json.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 64 * 1024 };

enum outcome { GOOD, BAD, SKIPPED };

static void add_json(struct buf *line, const char *name, enum outcome outcome, const char *text, enum status code)
{
	json_open(line, '{');
	json_add_string(line, "event", "check");
	json_add_string(line, "name", name);
	if (outcome == SKIPPED)
		json_add_null(line, "ok");
	else
		json_add_bool(line, "ok", outcome == GOOD);
	json_add_string(line, "text", text);
	if (outcome == BAD) {
		json_add_int(line, "code", (int)code);
		json_add_string(line, "kind", err_kind(code));
	}
	json_close(line, '}');
}

static void print(struct report *report, const char *name, enum outcome outcome, const char *text, enum status code)
{
	static const char *const words[] = { [GOOD] = "ok", [BAD] = "FAIL", [SKIPPED] = "-" };
	struct buf line;

	if (report->output.status)
		return;
	buf_init(&line, BUF_NO_MAX);
	if (report->text) {
		buf_addf(&line, "%-6s %-10s ", words[outcome], name);
		utf8_printable(&line, text, strlen(text));
	} else {
		add_json(&line, name, outcome, text, code);
	}
	(void)!output_line(&line, &report->output);
	buf_release(&line);
}

void report_ok(struct report *report, const char *name, const char *format, ...)
{
	struct buf text;
	va_list args;

	buf_init(&text, TEXT_MAX);
	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	print(report, name, GOOD, text.data, ST_OK);
	buf_release(&text);
}

void report_skipped(struct report *report, const char *name, const char *text)
{
	print(report, name, SKIPPED, text, ST_OK);
}

void report_failure(struct report *report, const char *name, const struct err *err)
{
	print(report, name, BAD, err->text, err->status);
	report->failed++;
	if (err->status > report->worst)
		report->worst = err->status;
}

void report_format_time(char out[static 32], int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}
