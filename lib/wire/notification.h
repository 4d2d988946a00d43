/*
 * notification.h - what arrives on the socket, and what history holds, as JSON lines.
 *
 * The hot path of `listen`: one text message of the WebSocket in, one line of JSON out, strings and
 * numbers copied through as slices of what was received. Pure: no I/O, no clock, and no allocation once
 * the buffers are warm.
 *
 * The rules of protocol.md apply: kinds and enumerations in either case, numbers as strings, strings as
 * numbers, single objects for arrays of one, seconds or milliseconds, whatever is missing is null (or
 * left out where it says so below).
 *
 * Keys of each event, always in this order; all of them always there, unless marked with a '?':
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
 *	address       the same in the syntax of users (address.h), with "group:" or "sms:" in front: what to
 *	              send to in order to answer. null if unknown
 *	messageId     what stands behind /messages/ in the link or resourceURL, percent-decoded; the same from
 *	              the socket and from history
 *	direction     inbound, outbound (sent by this user from elsewhere)
 *	timestamp     milliseconds since 1970, or null
 *	parts         {"type":"text","text"},
 *	              {"type":"file","name","size","mimeType","x-id","rawURL","thumbnailURL","url":null}
 *	participants  {"address","status","isAdmin"}
 *	state         active, idle;  refresh: seconds, or null
 *	status        of a receipt: DeliveredToNetwork, DeliveredToTerminal, DeliveryImpossible (one line for
 *	              each deliveryInfo); of a subscription: cancelled
 *	service       chat, sms, receipts, or null for one that is not known
 *	kind          the key that names the kind, or null;  raw: the received object as it is
 */
#ifndef KANDY_WIRE_NOTIFICATION_H
#define KANDY_WIRE_NOTIFICATION_H

#include "wire/address.h"
#include "json/json.h"

enum notification_kind {
	NOTIFICATION_UNKNOWN, /* event "notification": passed on, not dropped */
	NOTIFICATION_MESSAGE,
	NOTIFICATION_TYPING,
	NOTIFICATION_RECEIPT,
	NOTIFICATION_INVITATION,
	NOTIFICATION_PARTICIPANTS,
	NOTIFICATION_GROUP,
	NOTIFICATION_SUBSCRIPTION, /* one was cancelled by the server: make it anew */
	NOTIFICATION_CONN_CHECK, /* no line: answer it with connAck */
	NOTIFICATION_CONN_ACK, /* no line */
};

struct slice {
	const char *s; /* not NUL-terminated; NULL where there is nothing */
	size_t len;
};

/*
 * What the listener needs to know of one. The slices point into the decoder and the text: good until its
 * next use.
 */
struct notification {
	enum notification_kind kind;
	struct slice id; /* decoded; none if it has no id */
	enum chat_type type; /* message, typing, receipt, invitation, participants, group */
	struct slice conversation; /* as in `destination` */
	struct slice message_id; /* message: as in `messageId`, decoded */
	struct slice own; /* SMS: the number that it came in for, where it says so */
	bool outbound; /* message, typing */
	int64_t timestamp_ms; /* -1: unknown */
	int64_t interval_ms; /* connCheck: how often one will come; 0 if it does not say */
	const char *service; /* subscription: "chat", "sms", "receipts" (session.h's names) or NULL */
	size_t lines; /* appended: 0 for connCheck and connAck, mostly 1 */
};

/*
 * One less than what JSON_LIMITS_DEFAULT lets pass, so that the line of an unknown kind, which has it
 * under "raw", can be read.
 */
#define NOTIFICATION_DEPTH_MAX 63

/* Memory that is kept from one message to the next. Zeroed is a good start. */
struct notification_decoder {
	struct json_limits limits; /* all zero: 1 MiB, NOTIFICATION_DEPTH_MAX deep, 64 Ki values */
	struct json_doc doc;
	struct buf scratch; /* decoded conversation and message ID */
	struct buf line; /* the line under way, so that a reader of `out` never sees half of one */
};

void notification_decoder_release(struct notification_decoder *decoder); /* also for a zeroed struct */

/*
 * One text message of the socket: fills `n` and appends its lines, each with its newline, to `out`.
 * ST_PROTOCOL (nothing appended) if it is no JSON or passes the limits; ST_DATA (nothing appended, `n` filled) if a
 * line does not fit into `out` or is larger than 4 MiB. Bytes that are not UTF-8 become U+FFFD.
 */
enum status notification_decode(struct notification_decoder *decoder, const char *text, size_t len, struct buf *out,
	struct notification *n, struct err *err) MUST_USE;

/* Where a history object comes from: what the socket's links would say. */
struct history_context {
	enum chat_type type;
	const char *conversation; /* the other user, the group's ID, the other's number */
	const char *self; /* own address, or for SMS the own number; tells the direction where the object does not */
};

/*
 * One `chatMessage` of a chatMessageList (chat), or one `smsMessage` of an smsMessageList (CHAT_SMS), as
 * the same message line with "backfilled":true and "id":null. `message` may belong to any document.
 * ST_PROTOCOL (nothing appended) if it is no object, ST_DATA as above.
 */
enum status notification_from_history(struct notification_decoder *decoder, struct json_value message,
	const struct history_context *context, struct buf *out, struct notification *n, struct err *err) MUST_USE;

/*
 * The message ID that a resourceURL ends in, as `messageId` has it: what follows the last "/messages/", percent-decoded
 * where that gives text. NULL if there is none; free it.
 */
char *notification_message_id(struct json_value resource_url);

/*
 * A line of any event, ours or the listener's, for people (--format text), with its newline: "14:03
 * alice@acme.example.com: hello  [pic.png 98 KiB]". Local time, with the date where that is not the day
 * of `now_ms`. Control characters are taken out (utf8_printable()). ST_DATA if it is no JSON object.
 */
enum status notification_text(struct json_doc *doc, const char *line, size_t len, int64_t now_ms, struct buf *out,
	struct err *err) MUST_USE;

#endif
