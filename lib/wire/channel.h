/*
 * channel.h - bodies of the requests for notification channels and subscriptions, and of the responses to them
 * (PROTOCOL.md, "Notification channel", "Subscriptions"). Pure.
 */
#ifndef KANDY_WIRE_CHANNEL_H
#define KANDY_WIRE_CHANNEL_H

#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"
#include "store/session.h"

/* Services as a set. */
enum {
	CHANNEL_CHAT = 1,
	CHANNEL_SMS = 2,
	CHANNEL_RECEIPTS = 4,
	CHANNEL_SERVICES = 7,
};
unsigned channel_service_bit(const char *service); /* CHANNEL_CHAT for an unknown name */
const char *channel_service_name(unsigned bit);

struct channel_service {
	const char *service; /* "chat", "sms" or "receipts" */
	const char *number; /* sms: the destination number with its '+'; NULL: the server's choice */
};

/* Encoders append a JSON body to `out`. */
void channel_encode(struct buf *out, int64_t lifetime_ms, const char *correlator, const char *role);
void channel_encode_lifetime(struct buf *out, int64_t lifetime_ms);
void channel_encode_subscription(struct buf *out, const struct channel_service *service, const char *callback,
	const char *correlator);

/*
 * Fills the channel_ fields of the session from the response to a channel request; other fields stay.
 * ST_PROTOCOL names a missing field.
 */
enum status channel_decode(struct json_value response, int64_t now_ms, struct session *session,
	struct err *err) MUST_USE;

/* The granted lifetime in ms, or -1 if the response does not have it. */
int64_t channel_decode_lifetime(struct json_value response);

/* True if a list of subscriptions has the one with that resourceURL. Only the IDs are compared. */
bool channel_decode_listed(struct json_value response, const char *url);

/* The resourceURL of a new subscription; free it. */
enum status channel_decode_subscription(struct json_value response, char **url, struct err *err) MUST_USE;

#endif
