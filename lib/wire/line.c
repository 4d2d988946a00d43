/*
 * Writes the parts of a line.
 */
#include "wire/notification-int.h"

void line_add_text(struct buf *line, const char *key, struct json_value value)
{
	const char *s;
	size_t len;

	if (json_type(value) == JSON_STRING)
		json_add_value(line, key, value);
	else if (json_type(value) == JSON_NUMBER && json_slice(value, &s, &len))
		json_add_string_len(line, key, s, len);
	else
		json_add_null(line, key);
}

void line_add_int(struct buf *line, const char *key, struct json_value value)
{
	int64_t n;

	if (json_int(value, &n))
		json_add_int(line, key, n);
	else
		json_add_null(line, key);
}

void line_open(struct buf *line, const char *event, struct json_value id, const struct notification *n)
{
	json_open(line, '{');
	json_add_string(line, "event", event);
	line_add_text(line, "id", id);
	address_add(line, n->type, n->conversation.s, n->conversation.len);
}

void line_close(struct buf *line, struct notification *n)
{
	json_close(line, '}');
	buf_addc(line, '\n');
	n->lines++;
}

static void add_file(struct buf *line, struct json_value attachment)
{
	struct json_value thumbnail = json_get(attachment, "thumbnail");

	if (json_type(attachment) != JSON_OBJECT)
		return;
	json_open(line, '{');
	json_add_string(line, "type", "file");
	line_add_text(line, "name", json_get(attachment, "name"));
	line_add_int(line, "size", json_get(attachment, "size"));
	line_add_text(line, "mimeType", json_get(attachment, "type"));
	line_add_text(line, "x-id", json_get(attachment, "x-id"));
	line_add_text(line, "rawURL", json_get(attachment, "link"));
	line_add_text(line, "thumbnailURL",
		json_type(thumbnail) == JSON_OBJECT ? json_get(thumbnail, "link") : thumbnail);
	json_add_null(line, "url");
	json_close(line, '}');
}

static bool has_text(struct json_value text)
{
	const char *s;
	size_t len;
	bool plain, sound;

	return json_type(text) == JSON_NUMBER || (json_string_slice(text, &s, &len, &plain, &sound) && len);
}

/* A message of files alone has no text part, even if its text is an empty string. */
static void add_parts(struct buf *line, struct json_value text, struct json_value attachment)
{
	struct json_iter it = json_items(attachment);

	json_open_key(line, "parts", '[');
	if (has_text(text) || (json_type(text) == JSON_STRING && !json_more(it))) {
		json_open(line, '{');
		json_add_string(line, "type", "text");
		line_add_text(line, "text", text);
		json_close(line, '}');
	}
	for (; json_more(it); it = json_next(it))
		add_file(line, it.value);
	json_close(line, ']');
}

void line_add_message(struct buf *line, const struct notification_message *message, struct notification *n)
{
	line_open(line, "message", message->id, n);
	json_add_string_len(line, "messageId", n->message_id.s, n->message_id.len);
	if (json_exists(message->sender))
		line_add_text(line, "sender", message->sender);
	else
		json_add_string(line, "sender", message->fallback);
	json_add_string(line, "direction", n->outbound ? "outbound" : "inbound");
	json_add_time(line, "timestamp", n->timestamp_ms);
	add_parts(line, message->text, message->attachment);
	if (message->backfilled)
		json_add_bool(line, "backfilled", true);
	line_close(line, n);
}
