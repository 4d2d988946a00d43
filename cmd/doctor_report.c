#include "cmd/doctor_report.h"

#include "base/utf8.h"
#include "cmd/output.h"
#include "json/json.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 64 * 1024 };

enum outcome { GOOD, BAD, SKIPPED };

void report_init(struct report *report, bool text)
{
	*report = (struct report){ .text = text, .printed_all = true };
}

static void add_json(struct buf *line, const char *name, enum outcome outcome, const struct buf *text, enum status code)
{
	json_open(line, '{');
	json_add_string(line, "event", "check");
	json_add_string(line, "name", name);
	if (outcome == SKIPPED)
		json_add_null(line, "ok");
	else
		json_add_bool(line, "ok", outcome == GOOD);
	json_add_string_len(line, "text", text->data, text->len);
	if (outcome == BAD) {
		json_add_int(line, "code", (int)code);
		json_add_string(line, "kind", err_kind(code));
	}
	json_close(line, '}');
}

static void print(struct report *report, const char *name, enum outcome outcome, const struct buf *text,
	enum status code)
{
	static const char *const words[] = { [GOOD] = "ok", [BAD] = "FAIL", [SKIPPED] = "-" };
	struct buf line;

	if (!report->printed_all)
		return;
	buf_init(&line, BUF_NO_MAX);
	if (report->text) {
		buf_addf(&line, "%-6s %-10s ", words[outcome], name);
		utf8_printable(&line, text->data, text->len);
	} else {
		add_json(&line, name, outcome, text, code);
	}
	if (output_line(&line, &report->output))
		report->printed_all = false;
	buf_release(&line);
}

__attribute__((format(printf, 4, 0))) static void print_formatted(struct report *report, const char *name,
	enum outcome outcome, const char *format, va_list args)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_vaddf(&text, format, args);
	print(report, name, outcome, &text, ST_OK);
	buf_release(&text);
}

void report_ok(struct report *report, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_formatted(report, name, GOOD, format, args);
	va_end(args);
}

void report_skipped(struct report *report, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_formatted(report, name, SKIPPED, format, args);
	va_end(args);
}

void report_failure(struct report *report, const char *name, const struct err *err)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_adds(&text, err->text);
	print(report, name, BAD, &text, err->status);
	buf_release(&text);
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
