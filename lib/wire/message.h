/*
 * message.h - outgoing messages: the path and body of the request, and the response to it (PROTOCOL.md, "Chat" and
 * "SMS"). Pure.
 */
#ifndef KANDY_WIRE_MESSAGE_H
#define KANDY_WIRE_MESSAGE_H

#include "wire/address.h"
#include "base/buf.h"
#include "json/json.h"

struct message_file { /* an uploaded attachment */
	char *name, *xid;
};

/* A message to one recipient. Borrows everything. */
struct message {
	const struct address *to;
	const char *text; /* from message_clean(); "" for attachments alone */
	const struct message_file *files;
	size_t file_count;
};

/* The response to a message. */
struct message_sent {
	char *id; /* NULL: missing from the response; the message was accepted all the same */
	char *status; /* "Sent", "DeliveredToNetwork"; never NULL */
	int64_t timestamp_ms; /* the service's; else `now` */
	bool timed; /* it is the service's */
};

/* Appends `s` as valid text: NUL bytes and invalid UTF-8 become U+FFFD. False if `out` is full. */
bool message_clean(struct buf *out, const char *s, size_t len);

/* Appends the path that a message is POSTed to. */
void message_path(struct buf *out, const char *user_id, const struct address *to);

/* Appends the JSON body. `correlator` is the session's, for SMS. */
void message_encode(struct buf *out, const struct message *message, const char *correlator);

/* The bodies that set the typing indicator and mark a message as displayed. */
void message_encode_typing(struct buf *out, bool active, int64_t now_ms);
#define MESSAGE_DISPLAYED_BODY "{\"messageStatusReport\":{\"status\":\"Displayed\"}}"

/* Decodes a 2xx response. ST_PROTOCOL with ERR_MAYBE_SENT if it has no message. */
enum status message_decode_sent(struct json_value response, enum chat_type type, int64_t now_ms,
	struct message_sent *sent, struct err *err) MUST_USE;
void message_sent_release(struct message_sent *sent); /* also for a zeroed struct */

#endif
