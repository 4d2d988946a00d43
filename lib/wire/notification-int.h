/*
 * notification-int.h - what the files behind notification.h share; nobody else includes it.
 */
#ifndef KANDY_WIRE_NOTIFICATION_INT_H
#define KANDY_WIRE_NOTIFICATION_INT_H

#include "wire/notification.h"

/*
 * Where a message belongs, as its links say it. The slices are still percent-encoded; NULL where a link
 * does not say.
 */
struct notification_place {
	bool known; /* type is */
	enum chat_type type;
	struct slice peer, message;
};

/* Empties the decoder's buffers; `len` is that of the text that will be looked at. */
void notification_begin(struct notification_decoder *decoder, size_t len);

/* The content of a string, or a number's digits, decoded if need be. NULL slice for anything else. */
struct slice notification_string(struct notification_decoder *decoder, struct json_value value);

/* The best of an object's links: one that names a message, else one that names a conversation. */
struct notification_place notification_links(struct notification_decoder *decoder, struct json_value object);
struct notification_place notification_path(struct slice path);

/* A segment of a path as text. What is not valid behind its percent signs stays as it is. */
struct slice notification_segment(struct notification_decoder *decoder, struct slice segment);

/* n->conversation for n->type: an address in lower case. */
void notification_set_conversation(struct notification_decoder *decoder, struct notification *n, struct slice peer);

/* n->timestamp_ms from the first of the two values that is a time. */
void notification_set_time(struct notification *n, struct json_value first, struct json_value second);

/*
 * {"event":EVENT,"id":..,"type":..,"destination":[..],"address":..  -- what most lines begin with; then the end of a line.
 */
void notification_open_line(struct buf *line, const char *event, struct json_value id, const struct notification *n);
void notification_close_line(struct buf *line, struct notification *n);

void notification_add_text(struct buf *line, const char *key,
	struct json_value value); /* a string, a number as one, or null */
void notification_add_int(struct buf *line, const char *key,
	struct json_value value); /* a number, digits as one, or null */
void notification_add_time(struct buf *line, const struct notification *n);

/*
 * The line of a message: `sender`, `text` and `attachment` as they were received; `fallback`: who sent it
 * if `sender` is missing, or NULL.
 */
struct notification_message {
	struct json_value id, sender, text, attachment;
	const char *fallback;
	bool backfilled;
};
void notification_add_message(struct buf *line, const struct notification_message *message, struct notification *n);

/* Moves the finished line to `out`. */
enum status notification_finish(struct notification_decoder *decoder, struct buf *out, struct err *err) MUST_USE;

#endif
