/*
 * channel.h - the notification channel of a profile and its subscriptions (PROTOCOL.md, "Notification channel",
 * "Subscriptions").
 *
 * The session stores both, so that `listen` uses what `subscribe` created. The server deletes a channel, with its
 * subscriptions, when its lifetime is over; it may also forget a channel, or cancel a subscription at a time when no
 * listener is connected. channel_ensure() checks for all of this and re-creates the missing parts. A lock,
 * PROFILE.channel.lock, makes sure that only one process does so at a time.
 */
#ifndef KANDY_CLIENT_CHANNEL_H
#define KANDY_CLIENT_CHANNEL_H

#include "wire/channel.h"

struct client;

#define CHANNEL_LIFETIME_MS INT64_C(3600000) /* default of the requested lifetime */
#define CHANNEL_ROLE "client" /* default of the side that sends connCheck */

struct channel_request {
	/* The server may grant less. 0: as granted before, or CHANNEL_LIFETIME_MS. */
	int64_t lifetime_ms;
	/* "client" or "server"; NULL: CHANNEL_ROLE. An existing channel of the other role is kept. */
	const char *role;
	const struct channel_service *services; /* NULL: those of the session, or chat if it has none */
	size_t service_count;
	bool existing; /* if the session has no subscriptions: ST_AUTH instead of subscribing to chat */
	bool recreate; /* replace the channel even if it exists */
	unsigned cancelled; /* services whose subscriptions the server has cancelled, whatever it lists */
};

struct channel_change { /* what channel_ensure() did */
	bool channel_made; /* else the channel existed, and its lifetime was extended */
	size_t subscriptions_made; /* they are the last ones of the session's list */
	unsigned services_made; /* their services */
};

/*
 * Makes sure that the session has a channel and at least the requested subscriptions, and that the server has them too.
 * An existing channel is kept if the server extends its lifetime; if it does not (404, 410, or another refusal), a new
 * channel is created, and all subscriptions of the old one with it. A subscription that the server does not list is
 * deleted and re-created, and so are all of a list that the server refuses to show. `change` may be NULL.
 */
enum status channel_ensure(struct client *client, const struct channel_request *request, struct channel_change *change,
	struct err *err) MUST_USE;

/*
 * The part of the session's channel and subscriptions that exists on the server, in `known` (to be released). Changes
 * nothing.
 */
enum status channel_known(struct client *client, struct session *known, struct err *err) MUST_USE;

/*
 * Deletes the subscriptions to a service, or the channel with all subscriptions, on the server and in the session. They
 * need not exist on the server. If the server cannot be reached, the session keeps them, unless `always`.
 */
enum status channel_unsubscribe(struct client *client, const char *service, const char *number,
	struct err *err) MUST_USE;
enum status channel_delete(struct client *client, bool always, struct err *err) MUST_USE;

/* The session's first subscription to `service` (and to `number`, unless that is NULL), or NULL. Borrowed. */
const struct session_subscription *channel_find(const struct session *session, const char *service, const char *number);

/*
 * Appends the path and query of the WebSocket, without the token. ST_AUTH if there is no channel; ST_PROTOCOL if the
 * channel is on another host, since the token is sent to the configured host only.
 */
enum status channel_socket_path(struct client *client, struct buf *out, struct err *err) MUST_USE;

#endif
