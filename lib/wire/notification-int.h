/*
 * notification-int.h - the parts of notification.c: decoder.c reads notifications, line.c writes lines.
 */
#ifndef KANDY_WIRE_NOTIFICATION_INT_H
#define KANDY_WIRE_NOTIFICATION_INT_H

#include "wire/notification.h"

/* The conversation and message that a link names, still percent-encoded, or NULL slices. */
struct notification_place {
	bool known; /* `type` is known */
	enum chat_type type;
	struct slice conversation, message;
};

/* Empties the decoder's buffers; `len` is the length of the text to be decoded. */
void decoder_begin(struct notification_decoder *decoder, size_t len);

/* The decoded content of a string, or the digits of a number. NULL slice for anything else. */
struct slice decoder_string(struct notification_decoder *decoder, struct json_value value);

/* The best of an object's links: one that names a message, else one that names a conversation. */
struct notification_place decoder_links(struct notification_decoder *decoder, struct json_value object);
struct notification_place decoder_path(struct slice path);

/* A decoded segment of a path; as it is if its percent-encoding is invalid. */
struct slice decoder_segment(struct notification_decoder *decoder, struct slice segment);

/* Sets n->conversation; an address is lower-cased. */
void decoder_set_conversation(struct notification_decoder *decoder, struct notification *n, struct slice conversation);

/* Sets n->timestamp_ms from the first of the two values that is a time. */
void decoder_set_time(struct notification *n, struct json_value first, struct json_value second);

/* Begins a line: {"event":EVENT,"id":..,"type":..,"destination":[..],"address":..  */
void line_open(struct buf *line, const char *event, struct json_value id, const struct notification *n);
void line_close(struct buf *line, struct notification *n);

/* A string or number as a string; a number or digits as a number; else null. */
void line_add_text(struct buf *line, const char *key, struct json_value value);
void line_add_int(struct buf *line, const char *key, struct json_value value);

/* The line of a message, from values as they were received. */
struct notification_message {
	struct json_value id, sender, text, attachment;
	const char *fallback; /* the sender if `sender` is missing, or NULL */
	bool backfilled;
};
void line_add_message(struct buf *line, const struct notification_message *message, struct notification *n);

/* Moves the finished line to `out`. */
enum status decoder_finish(struct notification_decoder *decoder, struct buf *out, struct err *err) MUST_USE;

#endif
