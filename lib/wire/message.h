/*
 * message.h - a message on its way out: where it is posted to, what the body says, and what the answer means
 * (protocol.md, "Chat" and "SMS"). Pure: nothing here waits or opens anything.
 */
#ifndef KANDY_WIRE_MESSAGE_H
#define KANDY_WIRE_MESSAGE_H

#include "wire/address.h"
#include "base/buf.h"
#include "json/json.h"

/* An attachment as a message names it: the object that an upload has made. */
struct message_file {
	char *name, *xid;
};

/* What goes to one recipient. Borrows everything. */
struct message {
	const struct address *to;
	const char *text; /* clean, see message_clean(); "" for attachments alone */
	const struct message_file *files;
	size_t file_count;
};

/* What the service said to it. */
struct message_sent {
	char *id; /* NULL where the answer named none: it was accepted all the same */
	char *status; /* "Sent", "DeliveredToNetwork"; never NULL */
	int64_t timestamp_ms; /* the service's; `now` where it gave none */
	bool timed; /* it is the service's */
};

/* Appends `s` as it can be sent: NUL bytes, and bytes that are not UTF-8, become U+FFFD. False if `out` is full. */
bool message_clean(struct buf *out, const char *s, size_t len);

/*
 * Appends the path to post to: "/cpaas/chat/v1/{userId}/oneToOne/bob@acme.example.com/adhoc/messages", peer
 * percent-encoded.
 */
void message_path(struct buf *out, const char *user_id, const struct address *to);

/* Appends the JSON body. `correlator` is the session's, for SMS. */
void message_encode(struct buf *out, const struct message *message, const char *correlator);

/*
 * Reads a 2xx answer. ST_PROTOCOL, with ERR_MAYBE_SENT, if it speaks of no message at all.
 */
enum status message_decode_sent(struct json_value answer, enum chat_type type, int64_t now_ms,
	struct message_sent *sent, struct err *err) MUST_USE;
void message_sent_release(struct message_sent *sent); /* also for a zeroed struct */

#endif
