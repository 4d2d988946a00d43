/*
 * notification.h - notifications from the socket, and messages from the history, as JSON lines.
 *
 * This is the hot path of `listen`: one text message of the WebSocket in, one line of JSON out, with strings and
 * numbers copied from the received text. Pure: no I/O, no clock, and no allocation once the buffers are large enough.
 *
 * It accepts what PROTOCOL.md allows: kinds and enumerations in either case, numbers as strings and the reverse, an
 * object instead of an array of one, seconds or milliseconds. A missing value is null, or left out if noted below.
 *
 * Keys of each event, always in this order, and always present unless marked with a '?':
 *
 *	message       event id type destination[] address messageId sender direction timestamp parts[] backfilled?
 *	typing        event id type destination[] address sender direction state refresh timestamp
 *	receipt       event id type destination[] address messageId status timestamp
 *	invitation    event id type destination[] address name subject participants[] timestamp
 *	participants  event id type destination[] address participants[] timestamp
 *	group         event id type destination[] address eventType timestamp
 *	subscription  event id service status reason timestamp
 *	notification  event id kind raw timestamp
 *
 *	type          chat-oneToOne, chat-group, sms
 *	destination   the conversation: the other user (lower-case), the group's ID, the other's number.
 *	              Empty if unknown
 *	address       the same as a recipient (address.h), with "group:" or "sms:" in front. null if unknown
 *	messageId     the segment after /messages/ in the link or resourceURL, percent-decoded; the same from
 *	              the socket and from the history
 *	direction     inbound, outbound (sent by this user from elsewhere)
 *	timestamp     milliseconds since 1970, or null
 *	parts         {"type":"text","text"},
 *	              {"type":"file","name","size","mimeType","x-id","rawURL","thumbnailURL","url":null}
 *	participants  {"address","status","isAdmin"}
 *	state         active, idle;  refresh: seconds, or null
 *	status        of a receipt: DeliveredToNetwork, DeliveredToTerminal, DeliveryImpossible (one line for
 *	              each deliveryInfo); of a subscription: cancelled
 *	service       chat, sms, receipts, or null if unknown
 *	kind          the key of its kind, or null;  raw: the received object, unchanged
 */
#ifndef KANDY_WIRE_NOTIFICATION_H
#define KANDY_WIRE_NOTIFICATION_H

#include "wire/address.h"
#include "json/json.h"

enum notification_kind {
	NOTIFICATION_OTHER = 0, /* a line, and nothing else to do */
	NOTIFICATION_MESSAGE,
	NOTIFICATION_SUBSCRIPTION, /* the server has cancelled one: it must be re-created */
	NOTIFICATION_CONN_CHECK, /* no line; to be answered with connAck */
	NOTIFICATION_CONN_ACK, /* no line */
};

struct slice {
	const char *s; /* not NUL-terminated; NULL if missing */
	size_t len;
};

/* For the listener. The slices point into the decoder and the text, and are valid until its next use. */
struct notification {
	enum notification_kind kind;
	struct slice id; /* decoded */
	enum chat_type type; /* message, typing, receipt, invitation, participants, group */
	struct slice conversation; /* as in `destination` */
	struct slice message_id; /* message: as in `messageId`, decoded */
	struct slice own; /* SMS: the number that received it, or NULL */
	bool outbound; /* message, typing */
	int64_t timestamp_ms; /* -1: unknown */
	int64_t interval_ms; /* connCheck: the announced interval; 0: none */
	const char *service; /* subscription: "chat", "sms", "receipts" or NULL */
	size_t lines; /* appended: 0 for connCheck and connAck, usually 1 */
};

/* One less than the depth of JSON_LIMITS_DEFAULT: the line of an unknown kind has the notification under "raw". */
#define NOTIFICATION_DEPTH_MAX 63

/* Memory that is kept from one notification to the next. Initialised by zeroing. */
struct notification_decoder {
	struct json_limits limits; /* all zero: 1 MiB, NOTIFICATION_DEPTH_MAX deep, 64 Ki values */
	struct json_doc doc;
	struct buf scratch; /* decoded conversation and message ID */
	struct buf line; /* the current line, so that `out` never has half of one */
};

void notification_decoder_release(struct notification_decoder *decoder); /* also for a zeroed struct */

/*
 * Decodes one text message of the socket into `n` and appends its lines, each with a newline, to `out`. Invalid UTF-8
 * becomes U+FFFD. After an error nothing is appended: ST_PROTOCOL if the text is not JSON or exceeds the limits;
 * ST_DATA (`n` is filled) if a line does not fit into `out` or exceeds 4 MiB.
 */
enum status notification_decode(struct notification_decoder *decoder, const char *text, size_t len, struct buf *out,
	struct notification *n, struct err *err) MUST_USE;

/* What the links of a notification would say about a message from the history. */
struct history_context {
	enum chat_type type;
	const char *conversation; /* as in history.h */
	const char *self; /* own address or, for SMS, own number: for the direction if the object does not have it */
};

/*
 * The same for a `chatMessage` of a chatMessageList, or an `smsMessage` of an smsMessageList: a message line with
 * "backfilled":true and "id":null. `message` may belong to any document. ST_PROTOCOL if it is not an object, ST_DATA as
 * above.
 */
enum status notification_from_history(struct notification_decoder *decoder, struct json_value message,
	const struct history_context *context, struct buf *out, struct notification *n, struct err *err) MUST_USE;

/* The message ID of a resourceURL, as in `messageId`: the segment after the last "/messages/". NULL if missing; free it. */
char *notification_message_id(struct json_value resource_url);

/*
 * Appends the line of any event as text for people (--format text), with a newline: "14:03 alice@acme.example.com:
 * hello  [pic.png 98 KiB]". The time is local, with the date unless it is the day of `now_ms`. Control characters are
 * removed (utf8_printable()). ST_DATA if the line is not a JSON object.
 */
enum status notification_text(struct json_doc *doc, const char *line, size_t len, int64_t now_ms, struct buf *out,
	struct err *err) MUST_USE;

#endif
