/*
 * channel.h - the notification channel of a profile, and what is subscribed to it (protocol.md,
 * "Notification channel", "Subscriptions").
 *
 * What is known of them is kept in the session, so that `listen` finds what `subscribe` made. A
 * channel that is not extended in time is gone on the server, and its subscriptions with it; so is
 * one that the server has forgotten; and the server may cancel a subscription, which it says on the
 * socket, where nobody need be. channel_ensure() asks for both, and makes anew what is missing.
 * Several processes that do so at once take turns, under PROFILE.channel.lock.
 *
 * Encoders and decoders are pure; whatever takes a client talks to the server and saves the
 * session.
 */
#ifndef KANDY_CLIENT_CHANNEL_H
#define KANDY_CLIENT_CHANNEL_H

#include "client/client.h"

#define CHANNEL_LIFETIME_MS INT64_C(3600000) /* what is asked for by default */
#define CHANNEL_ROLE "client" /* who sends connCheck by default: the side that wants to know */

/* Services as a set. */
enum {
	CHANNEL_CHAT = 1,
	CHANNEL_SMS = 2,
	CHANNEL_RECEIPTS = 4,
	CHANNEL_SERVICES = 7,
};
unsigned channel_service_bit(const char *service);
const char *channel_service_name(unsigned bit);

struct channel_service {
	const char *service; /* "chat", "sms" or "receipts" */
	/* sms: the number that messages come in for, with its '+'; NULL: the server's choice */
	const char *number;
};

struct channel_request {
	/*
	 * asked for; the server may grant less. 0: what the channel was granted before, or
	 * CHANNEL_LIFETIME_MS
	 */
	int64_t lifetime_ms;
	/* "client" or "server"; NULL: CHANNEL_ROLE. A channel of the other role is still used */
	const char *role;
	/* NULL: those that the session has, or chat where it has none */
	const struct channel_service *services;
	size_t service_count;
	/* ST_AUTH if nothing is subscribed (any more), instead of chat */
	bool existing;
	/* a new channel, whatever the session says: the one that it has is no use, and is deleted */
	bool recreate;
	/* services whose subscriptions the server has cancelled, whatever its lists say */
	unsigned cancelled;
};

struct channel_change { /* what channel_ensure() had to do */
	/* else the one in the session was alive, and its lifetime was extended */
	bool channel_made;
	size_t subscriptions_made; /* they stand at the end of the session's list */
	unsigned services_made; /* of these */
};

/*
 * Afterwards the session has a channel and at least the subscriptions wanted, all of which the
 * server knew a moment ago. The channel in the session is kept if the server grants it another
 * lifetime; if it does not, since it knows nothing of it (404, 410) or refuses, a new one is made
 * and what was subscribed to the old one is subscribed again. A subscription that the server's list
 * does not have, or where the list is refused, is deleted there and made anew. `change` may be NULL.
 */
enum status channel_ensure(struct client *client, const struct channel_request *want, struct channel_change *change,
	struct err *err) MUST_USE;

/*
 * What the server knows of the session's channel and subscriptions, as `known` (to be released):
 * nothing at all where the channel is gone. Changes nothing.
 */
enum status channel_known(struct client *client, struct session *known, struct err *err) MUST_USE;

/* True for a failure that says that there is no such thing (any more) on the server. */
bool channel_is_gone(const struct err *err);

/*
 * Deletes one subscription, or the channel with all of its subscriptions, on the server and in the
 * session. What is gone already is done. If the server cannot be told, the session keeps them,
 * unless `always`.
 */
enum status channel_unsubscribe(struct client *client, const char *service, const char *number,
	struct err *err) MUST_USE;
enum status channel_delete(struct client *client, bool always, struct err *err) MUST_USE;

/*
 * The session's subscription to `service` (and `number`, if that is not NULL), or NULL. Borrowed.
 */
const struct session_subscription *channel_find(const struct session *session, const char *service, const char *number);

/*
 * Where the WebSocket is: path and query, beginning with '/', on the client's base. ST_PROTOCOL if
 * the server named another host than the configured one (the token goes to no other), ST_AUTH if
 * there is no channel. The token is not part of it.
 */
enum status channel_socket_path(struct client *client, struct buf *out, struct err *err) MUST_USE;

/* Pure. Encoders append a JSON body to `out`. */
void channel_encode(struct buf *out, int64_t lifetime_ms, const char *correlator, const char *role);
void channel_encode_lifetime(struct buf *out, int64_t lifetime_ms);
void channel_encode_subscription(struct buf *out, const struct channel_service *service, const char *callback,
	const char *correlator);

/*
 * Fills the channel_ fields of the session from an answer to a channel request; other fields stay.
 * ST_PROTOCOL names what is missing.
 */
enum status channel_decode(struct json_value answer, int64_t now_ms, struct session *session, struct err *err) MUST_USE;

/* The granted lifetime in ms, or -1 where the answer does not say. */
int64_t channel_decode_lifetime(struct json_value answer);

/* True if a list of subscriptions has the one with that resourceURL, by its ID. */
bool channel_decode_listed(struct json_value answer, const char *url);

/* The resourceURL of a new subscription; dup'ed. */
enum status channel_decode_subscription(struct json_value answer, char **url, struct err *err) MUST_USE;

#endif
