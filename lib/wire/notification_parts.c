/*
 * The pieces that lines are made of. Slices point into the received text wherever nothing had to be
 * decoded, else into the decoder's scratch buffer, which notification_begin() makes large enough never to
 * move under them.
 */
#include "wire/notification-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

/* More than any single message can become; a hostile one that makes many lines ends here. */
#define LINE_MAX_BYTES ((size_t)4 << 20)

void notification_begin(struct notification_decoder *decoder, size_t len)
{
	if (!decoder->scratch.data)
		buf_init(&decoder->scratch, BUF_NO_MAX);
	if (!decoder->line.data)
		buf_init(&decoder->line, LINE_MAX_BYTES);
	buf_clear(&decoder->line);
	buf_clear(&decoder->scratch);
	/*
	 * Strings that were decoded are put here, then segments of a link, then one of these in lower
	 * case. Each string is looked at once, the segments are different pieces of their link, and
	 * nothing grows by decoding: three times is enough.
	 */
	buf_reserve(&decoder->scratch, 3 * len);
}

void notification_decoder_release(struct notification_decoder *decoder)
{
	json_release(&decoder->doc);
	buf_release(&decoder->scratch);
	buf_release(&decoder->line);
	*decoder = (struct notification_decoder){ .limits = decoder->limits };
}

struct slice notification_string(struct notification_decoder *decoder, struct json_value value)
{
	struct slice slice = { 0 };
	bool plain, sound;
	size_t before;

	if (json_type(value) == JSON_NUMBER)
		json_slice(value, &slice.s, &slice.len);
	else if (json_string_slice(value, &slice.s, &slice.len, &plain, &sound) && !plain) {
		before = decoder->scratch.len;
		json_string(value, &decoder->scratch);
		slice = (struct slice){ decoder->scratch.data + before, decoder->scratch.len - before };
	}
	return slice;
}

static struct slice segment_at(struct slice text, const char *s)
{
	const char *end = text.s + text.len, *p = s;

	while (p < end && *p != '/' && *p != '?' && *p != '#')
		p++;
	return p > s ? (struct slice){ s, (size_t)(p - s) } : (struct slice){ 0 };
}

/* True if the `len` bytes at `s` begin with `word`, ASCII letters in either case. */
static bool begins(const char *s, size_t len, const char *word, size_t word_len)
{
	return len >= word_len && !strncasecmp(s, word, word_len);
}

/* The first segment that says what it is in, and the last that names a message. */
struct notification_place notification_path(struct slice path)
{
	static const char one[] = "/oneToOne/", group[] = "/group/", message[] = "/messages/";
	struct notification_place place = { 0 };
	const char *end;

	if (!path.s)
		return place;
	end = path.s + path.len;
	for (const char *p = path.s; (p = memchr(p, '/', (size_t)(end - p))); p++) {
		size_t left = (size_t)(end - p);
		char letter = left > 1 ? p[1] | 0x20 : 0;

		if (letter == 'm' && begins(p, left, message, sizeof(message) - 1)) {
			place.message = segment_at(path, p + sizeof(message) - 1);
		} else if (letter == 'o' && !place.known && begins(p, left, one, sizeof(one) - 1)) {
			place.known = true;
			place.type = CHAT_ONE_TO_ONE;
			place.peer = segment_at(path, p + sizeof(one) - 1);
		} else if (letter == 'g' && !place.known && begins(p, left, group, sizeof(group) - 1)) {
			place.known = true;
			place.type = CHAT_GROUP;
			place.peer = segment_at(path, p + sizeof(group) - 1);
		}
	}
	return place;
}

static void consider_link(struct notification_decoder *decoder, struct json_value link, struct notification_place *best)
{
	size_t before = decoder->scratch.len;
	struct notification_place place = notification_path(notification_string(decoder, json_get(link, "href")));

	if ((place.message.s && !best->message.s) || (place.known && !best->known && !best->message.s))
		*best = place;
	else
		buf_truncate(&decoder->scratch, before);
}

struct notification_place notification_links(struct notification_decoder *decoder, struct json_value object)
{
	struct json_value links = json_get(object, "link");
	struct notification_place best = { 0 };

	if (json_type(links) != JSON_ARRAY)
		consider_link(decoder, links, &best);
	else
		for (struct json_iter it = json_first(links); json_more(it); it = json_next(it))
			consider_link(decoder, it.value, &best);
	return best;
}

struct slice notification_segment(struct notification_decoder *decoder, struct slice segment)
{
	struct buf *scratch = &decoder->scratch;
	size_t before = scratch->len;

	if (!segment.s || !memchr(segment.s, '%', segment.len))
		return segment;
	if (!percent_decode(scratch, segment.s, segment.len) ||
		memchr(scratch->data + before, '\0', scratch->len - before) ||
		!utf8_valid(scratch->data + before, scratch->len - before)) {
		buf_truncate(scratch, before);
		return segment;
	}
	return (struct slice){ scratch->data + before, scratch->len - before };
}

char *notification_message_id(struct json_value resource_url)
{
	struct notification_decoder decoder = { 0 };
	struct slice id = { 0 };
	char *copy = NULL;
	const char *s;
	size_t len;

	if (json_type(resource_url) == JSON_STRING && json_slice(resource_url, &s, &len)) {
		notification_begin(&decoder, len);
		id = notification_segment(&decoder,
			notification_path(notification_string(&decoder, resource_url)).message);
		if (id.s && !memchr(id.s, '\0', id.len))
			copy = xmemdup0(id.s, id.len);
		notification_decoder_release(&decoder);
	}
	return copy;
}

void notification_set_conversation(struct notification_decoder *decoder, struct notification *n, struct slice peer)
{
	struct buf *scratch = &decoder->scratch;
	size_t i = 0, before = scratch->len;

	n->conversation = peer;
	if (n->type != CHAT_ONE_TO_ONE)
		return;
	while (i < peer.len && !(peer.s[i] >= 'A' && peer.s[i] <= 'Z'))
		i++;
	if (i == peer.len)
		return;
	buf_add(scratch, peer.s, peer.len);
	for (char *p = scratch->data + before; p < scratch->data + scratch->len; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	n->conversation.s = scratch->data + before;
}

void notification_set_time(struct notification *n, struct json_value first, struct json_value second)
{
	int64_t time = 0;

	if ((json_int(first, &time) && time > 0) || (json_int(second, &time) && time > 0))
		n->timestamp_ms = clock_server_ms(time);
}

void notification_add_text(struct buf *line, const char *key, struct json_value value)
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

void notification_add_int(struct buf *line, const char *key, struct json_value value)
{
	int64_t n;

	if (json_int(value, &n))
		json_add_int(line, key, n);
	else
		json_add_null(line, key);
}

void notification_add_time(struct buf *line, const struct notification *n)
{
	if (n->timestamp_ms >= 0)
		json_add_int(line, "timestamp", n->timestamp_ms);
	else
		json_add_null(line, "timestamp");
}

void notification_open_line(struct buf *line, const char *event, struct json_value id, const struct notification *n)
{
	json_open(line, '{');
	json_add_string(line, "event", event);
	notification_add_text(line, "id", id);
	address_add(line, n->type, n->conversation.s, n->conversation.len);
}

void notification_close_line(struct buf *line, struct notification *n)
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
	notification_add_text(line, "name", json_get(attachment, "name"));
	notification_add_int(line, "size", json_get(attachment, "size"));
	notification_add_text(line, "mimeType", json_get(attachment, "type"));
	notification_add_text(line, "x-id", json_get(attachment, "x-id"));
	notification_add_text(line, "rawURL", json_get(attachment, "link"));
	notification_add_text(line, "thumbnailURL",
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

/*
 * A message of files alone has no text part, whatever stands for "no text" there; one without files has
 * what it was given.
 */
static void add_parts(struct buf *line, struct json_value text, struct json_value attachment)
{
	bool single = json_type(attachment) == JSON_OBJECT;

	json_open_key(line, "parts", '[');
	if (has_text(text) || (json_type(text) == JSON_STRING && !single && !json_count(attachment))) {
		json_open(line, '{');
		json_add_string(line, "type", "text");
		notification_add_text(line, "text", text);
		json_close(line, '}');
	}
	if (single)
		add_file(line, attachment);
	else
		for (struct json_iter it = json_first(attachment); json_more(it); it = json_next(it))
			add_file(line, it.value);
	json_close(line, ']');
}

void notification_add_message(struct buf *line, const struct notification_message *message, struct notification *n)
{
	notification_open_line(line, "message", message->id, n);
	if (n->message_id.s)
		json_add_string_len(line, "messageId", n->message_id.s, n->message_id.len);
	else
		json_add_null(line, "messageId");
	if (json_exists(message->sender))
		notification_add_text(line, "sender", message->sender);
	else
		json_add_string(line, "sender", message->fallback);
	json_add_string(line, "direction", n->outbound ? "outbound" : "inbound");
	notification_add_time(line, n);
	add_parts(line, message->text, message->attachment);
	if (message->backfilled)
		json_add_bool(line, "backfilled", true);
	notification_close_line(line, n);
}

enum status notification_finish(struct notification_decoder *decoder, struct buf *out, struct err *err)
{
	if (decoder->line.overflow || decoder->line.len > out->max - out->len)
		return err_set(err, ST_DATA, "a line of more than %zu bytes",
			decoder->line.overflow ? decoder->line.max : out->max);
	buf_add(out, decoder->line.data, decoder->line.len);
	return ST_OK;
}
