/*
 * Text for people. add_field() makes everything from outside printable.
 */
#include "wire/notification.h"

#include "base/str.h"
#include "base/utf8.h"

#include <time.h>

#define FIELD_MAX ((size_t)1 << 20) /* longer ones are not shown */

/* A string or number as printable text; `otherwise` if it is neither. */
static void add_field(struct buf *out, struct json_value value, const char *otherwise)
{
	struct buf decoded;
	const char *s;
	size_t len;

	buf_init(&decoded, FIELD_MAX);
	if (json_string(value, &decoded))
		utf8_printable(out, decoded.data, decoded.len);
	else if (json_type(value) == JSON_STRING)
		buf_adds(out, "(text too long to show)");
	else if (json_type(value) == JSON_NUMBER && json_slice(value, &s, &len))
		buf_add(out, s, len);
	else
		buf_adds(out, otherwise);
	buf_release(&decoded);
}

static void add_fields(struct buf *out, struct json_value array, const char *separator, const char *otherwise)
{
	size_t n = 0;

	for (struct json_iter it = json_first(array); json_more(it); it = json_next(it)) {
		if (n++)
			buf_adds(out, separator);
		add_field(out, it.value, otherwise);
	}
	if (!n)
		buf_adds(out, otherwise);
}

/* "14:03 ", or "2026-01-31 14:03 " on another day. */
static void add_clock(struct buf *out, int64_t ms, int64_t now_ms)
{
	time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm a, b;
	char text[64];

	if (!localtime_r(&then, &a) || !localtime_r(&now, &b))
		return;
	if (strftime(text, sizeof(text),
		    a.tm_year == b.tm_year && a.tm_yday == b.tm_yday ? "%H:%M " : "%Y-%m-%d %H:%M ", &a))
		buf_adds(out, text);
}

static void add_part(struct buf *out, struct json_value part, size_t *shown)
{
	int64_t size = -1;
	char text[24];

	if (json_equals(json_get(part, "type"), "file")) {
		buf_adds(out, *shown ? "  [" : "[");
		add_field(out, json_get(part, "name"), "a file");
		if (json_int(json_get(part, "size"), &size) && size >= 0) {
			str_format_size(text, size);
			buf_addf(out, " %s", text);
		}
		if (json_exists(json_get(part, "path"))) {
			buf_adds(out, " -> ");
			add_field(out, json_get(part, "path"), "");
		}
		buf_addc(out, ']');
	} else {
		if (*shown)
			buf_addc(out, ' ');
		add_field(out, json_get(part, "text"), "");
	}
	++*shown;
}

static void show_message(struct buf *out, struct json_value line)
{
	bool group = json_equals(json_get(line, "type"), "chat-group");
	size_t shown = 0;

	add_field(out, json_get(line, "sender"), "somebody");
	if (group || json_equals(json_get(line, "direction"), "outbound")) {
		buf_adds(out, group ? " in " : " to ");
		add_fields(out, json_get(line, "destination"), ", ", "somebody");
	}
	buf_adds(out, ": ");
	for (struct json_iter it = json_first(json_get(line, "parts")); json_more(it); it = json_next(it))
		add_part(out, it.value, &shown);
}

static void show_typing(struct buf *out, struct json_value line)
{
	add_field(out, json_get(line, "sender"), "somebody");
	buf_adds(out, json_equals(json_get(line, "state"), "idle") ? " has stopped typing" : " is typing");
	if (json_equals(json_get(line, "type"), "chat-group")) {
		buf_adds(out, " in ");
		add_fields(out, json_get(line, "destination"), ", ", "a group");
	}
}

static void show_receipt(struct buf *out, struct json_value line)
{
	buf_adds(out, "message ");
	add_field(out, json_get(line, "messageId"), "?");
	buf_adds(out, " to ");
	add_fields(out, json_get(line, "destination"), ", ", "somebody");
	buf_adds(out, ": ");
	add_field(out, json_get(line, "status"), "no status");
}

static void show_participants(struct buf *out, struct json_value line)
{
	size_t n = 0;

	for (struct json_iter it = json_first(json_get(line, "participants")); json_more(it); it = json_next(it)) {
		buf_adds(out, n++ ? ", " : ": ");
		add_field(out, json_get(it.value, "address"), "somebody");
		if (json_exists(json_get(it.value, "status"))) {
			buf_adds(out, " (");
			add_field(out, json_get(it.value, "status"), "");
			buf_addc(out, ')');
		}
	}
}

static void show_group(struct buf *out, struct json_value line)
{
	struct json_value event = json_get(line, "event");

	buf_adds(out, json_equals(event, "invitation") ? "invitation to the group " : "group ");
	add_fields(out, json_get(line, "destination"), ", ", "(unknown)");
	if (json_exists(json_get(line, "name"))) {
		buf_adds(out, " '");
		add_field(out, json_get(line, "name"), "");
		buf_addc(out, '\'');
	}
	if (json_exists(json_get(line, "eventType"))) {
		buf_adds(out, ": ");
		add_field(out, json_get(line, "eventType"), "");
	}
	show_participants(out, line);
}

static void show_conversation(struct buf *out, struct json_value line)
{
	add_field(out, json_get(line, "address"), "somebody");
	if (json_exists(json_get(line, "lastText"))) {
		buf_adds(out, ": ");
		add_field(out, json_get(line, "lastText"), "");
	}
}

/* All other events: the name, and the values of some keys. */
static void show_other(struct buf *out, struct json_value line)
{
	static const char *const keys[] = { "kind", "service", "status", "state", "reason", "message", NULL };
	struct json_value error = json_get(json_get(line, "error"), "message");
	const char *before = ": ";

	add_field(out, json_get(line, "event"), "something");
	for (size_t i = 0; keys[i]; i++) {
		struct json_value value = json_get(line, keys[i]);

		if (json_type(value) != JSON_STRING && json_type(value) != JSON_NUMBER)
			continue;
		buf_adds(out, before);
		add_field(out, value, "");
		before = " ";
	}
	if (json_type(error) == JSON_STRING) {
		buf_adds(out, before);
		add_field(out, error, "");
	}
}

enum status notification_text(struct json_doc *doc, const char *text, size_t len, int64_t now_ms, struct buf *out,
	struct err *err)
{
	static const struct {
		const char *event;
		void (*show)(struct buf *out, struct json_value line);
	} shows[] = { { "message", show_message }, { "typing", show_typing }, { "receipt", show_receipt },
		{ "invitation", show_group }, { "participants", show_group }, { "group", show_group },
		{ "conversation", show_conversation } };
	struct json_value line, event;
	enum status st;
	int64_t ms;
	size_t i = 0;

	if ((st = json_parse(doc, text, len, NULL, err)))
		return st;
	line = json_root(doc);
	if (json_type(line) != JSON_OBJECT)
		return err_set(err, ST_DATA, "not a JSON object");
	if (json_int(json_get(line, "timestamp"), &ms) && ms >= 0)
		add_clock(out, ms, now_ms);
	event = json_get(line, "event");
	while (i < sizeof(shows) / sizeof(shows[0]) && !json_equals(event, shows[i].event))
		i++;
	if (i < sizeof(shows) / sizeof(shows[0]))
		shows[i].show(out, line);
	else
		show_other(out, line);
	buf_addc(out, '\n');
	return out->overflow ? err_set(err, ST_DATA, "line longer than %zu bytes", out->max) : ST_OK;
}
