/*
 * session.h - the token cache: what one profile knows between two commands.
 *
 * $XDG_STATE_HOME/kandy/PROFILE.json, 0600 in a 0700 directory; refused (ST_CONFIG) if others can
 * read it, or write to the directory; replaced whole (temp, fsync, rename) under a lock that is
 * held for milliseconds. A file that is no JSON, or lacks what must be in it, is set aside as
 * PROFILE.json.corrupt-TIME with a warning, and counts as not there.
 *
 * Two locks: PROFILE.lock for read-change-write, never across a request; PROFILE.renew for the one
 * process that gets a new token while the others wait for its result. Both vanish with their
 * process.
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
	/*
	 * who and where; a session of another base_url, client_id or username than the settings' is
	 * not used
	 */
	char *base_url; /* origin, url.h */
	char *client_id;
	char *username; /* what was logged in with; NULL for a project */
	char *grant; /* "password" or "client_credentials" */
	char *user_id; /* claim preferred_username: the {userId} of paths */
	char *address; /* claim services-identity: what others write to */
	/* clientCorrelator of this installation (protocol.md); made once, survives a logout */
	char *correlator;

	struct secret access_token, id_token, refresh_token;
	int64_t issued_ms, expires_ms; /* of the access token, by our wall clock at receipt */
	int64_t refresh_expires_ms; /* 0: unknown */

	/* the notification channel; channel_url NULL: none */
	char *channel_url; /* path or URL of the WebSocket, as the server gave it */
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
 * `state_dir` is $XDG_STATE_HOME/kandy; made when something is first written. ST_USAGE for a
 * profile name with anything but [A-Za-z0-9._-].
 */
enum status store_new(struct store **out, const char *state_dir, const char *profile, struct err *err) MUST_USE;
void store_free(struct store *store);
const char *store_profile(const struct store *store);
const char *store_option(const struct store
		*store); /* "run 'kandy login%s'": " -p NAME", or "" for the profile "default" */
/* ".cursor": DIR/PROFILE.cursor; free it */
char *store_path(const struct store *store, const char *suffix);

/*
 * A fresh struct with what the file says; `*found` false (and an empty session) where there is
 * none.
 */
enum status store_load(struct store *store, struct session *session, bool *found, struct err *err) MUST_USE;

/*
 * Read, change, write under the lock: `change` gets the session as the file has it now (empty if
 * none) and may alter it; if it returns ST_OK the file is replaced. It must not do anything slow.
 */
enum status store_update(struct store *store,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg,
	struct err *err) MUST_USE;

/*
 * Removes tokens and channel, also from a file that store_load() refuses; no file is no error. The
 * correlator stays.
 */
enum status store_remove(struct store *store, struct err *err) MUST_USE;

/*
 * Takes PROFILE`suffix` as a lock, for what takes longer than a read-change-write: ".renew",
 * ".channel.lock", ... `*fd` to be closed. Waits up to `wait_ms`, then ST_TEMPFAIL; a SIGINT or
 * SIGTERM ends it with its status.
 */
enum status store_lock(struct store *store, const char *suffix, int wait_ms, int *fd, struct err *err) MUST_USE;
/* ".renew" */
enum status store_lock_renewal(struct store *store, int wait_ms, int *fd, struct err *err) MUST_USE;

void session_release(struct session *session); /* also for a zeroed struct */
/* `to` must be released or zeroed */
void session_copy(struct session *to, const struct session *from);
/* and its subscriptions, those alone */
void session_copy_channel(struct session *to, const struct session *from);
void session_forget_channel(struct session *session); /* and its subscriptions */
void session_forget_tokens(struct session *session);
/* a new, empty one; borrowed */
struct session_subscription *session_add_subscription(struct session *session);
void session_remove_subscription(struct session *session, size_t at);

/*
 * The file's content. Pure. `out` should be a secret buf. ST_DATA says why the text is no session;
 * `session` is empty then.
 */
void session_encode(const struct session *session, struct buf *out);
enum status session_decode(const char *text, size_t len, struct session *session, struct err *err) MUST_USE;

#endif
