/*
 * Any input from the socket or the history gives complete lines of JSON with an event, and text without control
 * characters for each.
 */
#include "wire/notification.h"
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"

static struct notification_decoder decoder;
static struct json_doc line_doc, text_doc, page;

static void touch(struct slice slice)
{
	volatile unsigned char sum = 0;

	for (size_t i = 0; i < slice.len; i++)
		sum = (unsigned char)(sum + (unsigned char)slice.s[i]);
}

static void check_text(const char *line, size_t len)
{
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	MUST(!notification_text(&text_doc, line, len, INT64_C(1525895987000), &out, NULL));
	MUST(out.len && out.data[out.len - 1] == '\n' && utf8_valid(out.data, out.len));
	for (size_t i = 0, n; i + 1 < out.len; i += n) {
		uint32_t point;

		n = utf8_decode(out.data + i, out.len - i, &point);
		MUST(!utf8_is_control(point));
	}
	buf_release(&out);
}

static void check_lines(const struct buf *out, size_t lines)
{
	const char *s = out->data, *end = s + out->len;
	size_t n = 0;

	MUST(utf8_valid(out->data, out->len));
	for (; s < end; n++) {
		const char *newline = memchr(s, '\n', (size_t)(end - s));

		MUST(newline);
		MUST(!json_parse(&line_doc, s, (size_t)(newline - s), NULL, NULL));
		MUST(json_type(json_get(json_root(&line_doc), "event")) == JSON_STRING);
		check_text(s, (size_t)(newline - s));
		s = newline + 1;
	}
	MUST(n == lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct notification n;
	struct buf out;
	struct err err;

	buf_init(&out, 1 << 20);
	if (!notification_decode(&decoder, text, size, &out, &n, &err)) {
		touch(n.id);
		touch(n.conversation);
		touch(n.message_id);
		check_lines(&out, n.lines);
		MUST((n.kind == NOTIFICATION_CONN_ACK || n.kind == NOTIFICATION_CONN_CHECK) == !n.lines);
	} else {
		MUST(!out.len);
	}
	if (!json_parse(&page, text, size, NULL, NULL)) {
		for (int type = CHAT_ONE_TO_ONE; type <= CHAT_SMS; type++) {
			struct history_context context = { (enum chat_type)type, "Alice@acme.example.com",
				"bob@acme.example.com" };

			buf_clear(&out);
			if (!notification_from_history(&decoder, json_root(&page), &context, &out, &n, &err)) {
				char *id = notification_message_id(json_get(json_root(&page), "resourceURL"));

				touch(n.message_id);
				MUST(!id ||
					(strlen(id) == n.message_id.len &&
						!memcmp(id, n.message_id.s, n.message_id.len)));
				free(id);
				check_lines(&out, 1);
			}
		}
		if (json_type(json_root(&page)) == JSON_OBJECT)
			check_text(text, size);
	}
	buf_release(&out);
	free(text);
	return 0;
}
