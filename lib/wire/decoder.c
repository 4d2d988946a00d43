/*
 * Reads the parts of a notification. Slices point into the received text if nothing had to be decoded, else into the
 * decoder's scratch buffer. decoder_begin() makes that large enough, so that it never moves.
 */
#include "wire/notification-int.h"

#include "base/clock.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

/* More than any single message needs; stops a hostile one that produces many lines. */
#define LINE_MAX_BYTES ((size_t)4 << 20)

void decoder_begin(struct notification_decoder *decoder, size_t len)
{
	if (!decoder->scratch.data)
		buf_init(&decoder->scratch, BUF_NO_MAX);
	if (!decoder->line.data)
		buf_init(&decoder->line, LINE_MAX_BYTES);
	buf_clear(&decoder->line);
	buf_clear(&decoder->scratch);
	/*
	 * It holds decoded strings, then decoded segments of links, then one of these in lower case. Each string is
	 * decoded once, segments do not overlap, and nothing grows by decoding: three times the length is enough.
	 */
	buf_reserve(&decoder->scratch, 3 * len);
}

struct slice decoder_string(struct notification_decoder *decoder, struct json_value value)
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

/* Ignores case. */
static bool begins(const char *s, size_t len, const char *word, size_t word_len)
{
	return len >= word_len && !strncasecmp(s, word, word_len);
}

/* The first segment that names a conversation, and the last that names a message. */
struct notification_place decoder_path(struct slice path)
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
			place.conversation = segment_at(path, p + sizeof(one) - 1);
		} else if (letter == 'g' && !place.known && begins(p, left, group, sizeof(group) - 1)) {
			place.known = true;
			place.type = CHAT_GROUP;
			place.conversation = segment_at(path, p + sizeof(group) - 1);
		}
	}
	return place;
}

static void consider_link(struct notification_decoder *decoder, struct json_value link, struct notification_place *best)
{
	size_t before = decoder->scratch.len;
	struct notification_place place = decoder_path(decoder_string(decoder, json_get(link, "href")));

	if ((place.message.s && !best->message.s) || (place.known && !best->known && !best->message.s))
		*best = place;
	else
		buf_truncate(&decoder->scratch, before);
}

struct notification_place decoder_links(struct notification_decoder *decoder, struct json_value object)
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

struct slice decoder_segment(struct notification_decoder *decoder, struct slice segment)
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

void decoder_set_conversation(struct notification_decoder *decoder, struct notification *n, struct slice conversation)
{
	struct buf *scratch = &decoder->scratch;
	size_t i = 0, before = scratch->len;

	n->conversation = conversation;
	if (n->type != CHAT_ONE_TO_ONE)
		return;
	while (i < conversation.len && !(conversation.s[i] >= 'A' && conversation.s[i] <= 'Z'))
		i++;
	if (i == conversation.len)
		return;
	buf_add(scratch, conversation.s, conversation.len);
	for (char *p = scratch->data + before; p < scratch->data + scratch->len; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	n->conversation.s = scratch->data + before;
}

void decoder_set_time(struct notification *n, struct json_value first, struct json_value second)
{
	int64_t time = 0;

	if ((json_int(first, &time) && time > 0) || (json_int(second, &time) && time > 0))
		n->timestamp_ms = clock_server_ms(time);
}

enum status decoder_finish(struct notification_decoder *decoder, struct buf *out, struct err *err)
{
	if (decoder->line.overflow || decoder->line.len > out->max - out->len)
		return err_set(err, ST_DATA, "line longer than %zu bytes",
			decoder->line.overflow ? decoder->line.max : out->max);
	buf_add(out, decoder->line.data, decoder->line.len);
	return ST_OK;
}
