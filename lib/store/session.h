/*
 * session.h - the token cache: the tokens and the notification channel of one profile.
 *
 * It is $XDG_STATE_HOME/kandy/PROFILE.json, 0600 in a 0700 directory, refused (ST_CONFIG) if other users can read the
 * file or write to the directory. It is replaced atomically (temporary file, fsync, rename), under a lock that is held
 * for milliseconds. A corrupt file is moved to PROFILE.json.corrupt-TIME with a warning, and treated as missing.
 *
 * There are two locks: PROFILE.lock for read-modify-write, never during a request; PROFILE.renew for the process that
 * requests a new token while the others wait for it. Both end with their process.
 */
#ifndef KANDY_STORE_SESSION_H
#define KANDY_STORE_SESSION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_subscription {
	char *service; /* "chat", "sms", "receipts" */
	char *number; /* sms: the destination number, or NULL */
	char *url; /* resourceURL, for unsubscribing */
};

struct session {
	/* the account; a session is not used if the settings name another base_url, client_id or username */
	char *base_url; /* origin, url.h */
	char *client_id;
	char *username; /* of the login; NULL for a project */
	char *grant; /* "password" or "client_credentials" */
	char *user_id; /* claim preferred_username: the {userId} of paths */
	char *address; /* claim services-identity: the recipient for messages to this user */
	char *correlator; /* clientCorrelator of this installation; created once, survives a logout */

	struct secret access_token, id_token, refresh_token;
	int64_t issued_ms, expires_ms; /* of the access token, by the local wall clock */
	int64_t refresh_expires_ms; /* 0: unknown */

	/* the notification channel; channel_url NULL: none */
	char *channel_url; /* path or URL of the WebSocket, as received */
	char *channel_resource; /* resourceURL */
	char *channel_callback; /* callbackURL: the notifyURL of subscriptions */
	char *channel_role; /* connCheck: "client" or "server" */
	int64_t channel_expires_ms;
	int64_t channel_lifetime_ms; /* as granted */
	struct session_subscription *subscriptions;
	size_t subscription_count;
};

struct store; /* the files of one profile */

/*
 * `state_dir` is $XDG_STATE_HOME/kandy; it is created by the first write. ST_USAGE for an invalid profile name.
 */
enum status store_new(struct store **out, const char *state_dir, const char *profile, struct err *err) MUST_USE;
void store_free(struct store *store);
const char *store_profile(const struct store *store);
const char *store_option(const struct store *store); /* " -p NAME", or "" for the profile "default" */
/* DIR/PROFILE and the suffix, such as ".cursor"; free it */
char *store_path(const struct store *store, const char *suffix);

/* Reads the file. If it does not exist, `*found` is false and the session is empty. */
enum status store_load(struct store *store, struct session *session, bool *found, struct err *err) MUST_USE;

/*
 * Reads the session, calls `change`, and writes it if that returned ST_OK, all under the lock. `change` must not block.
 */
enum status store_update(struct store *store,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg,
	struct err *err) MUST_USE;

/* Deletes the tokens and the channel, but not the correlator, even from a file that store_load() refuses. */
enum status store_remove(struct store *store, struct err *err) MUST_USE;

/*
 * Takes a lock that may be held for long: PROFILE and the suffix (".renew", ".channel.lock", ...). Closing `*fd` releases
 * it. ST_TEMPFAIL after `wait_ms`; a signal ends the wait with its status.
 */
enum status store_lock(struct store *store, const char *suffix, int wait_ms, int *fd, struct err *err) MUST_USE;

void session_release(struct session *session); /* also for a zeroed struct */
/* `to` must be released or zeroed */
void session_copy(struct session *to, const struct session *from);
/* the account and tokens only; the correlator of `to` is kept */
void session_copy_login(struct session *to, const struct session *from);
/* the channel and its subscriptions only */
void session_copy_channel(struct session *to, const struct session *from);
void session_forget_channel(struct session *session);
void session_forget_tokens(struct session *session);
/* an empty one, to be filled; borrowed */
struct session_subscription *session_add_subscription(struct session *session);
void session_remove_subscription(struct session *session, size_t at);

/*
 * The content of the file. Pure. `out` should be a secret buf. ST_DATA if the text is invalid; `session` is empty then.
 */
void session_encode(const struct session *session, struct buf *out);
enum status session_decode(const char *text, size_t len, struct session *session, struct err *err) MUST_USE;

#endif
