/*
 * Changes that take several requests are made under PROFILE.channel.lock: two processes must not create two channels,
 * because the session has room for one.
 */
#include "client/client-int.h"

#include "wire/service_error.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)64 * 1024)
#define LOCK_SLACK_MS 30000
#define ENSURE_TRIES 3 /* in case a new channel vanishes again before its subscriptions exist */

/* ---- the session --------------------------------------------------------------------------- */

static const struct session_subscription *find(const struct session *session, const char *service, const char *number,
	bool any_number)
{
	for (size_t i = 0; i < session->subscription_count; i++) {
		const struct session_subscription *at = &session->subscriptions[i];

		if (!strcmp(at->service, service) && (any_number || str_equal(at->number, number)))
			return at;
	}
	return NULL;
}

const struct session_subscription *channel_find(const struct session *session, const char *service, const char *number)
{
	return find(session, service, number, !number);
}

/* Other processes may log out, log in as another user, or replace the channel while a request is in flight. */
static enum status check_login(const struct session *session, const struct session *expected, struct err *err)
{
	if (session->access_token.s && str_equal(session->user_id, expected->user_id) &&
		str_equal(session->base_url, expected->base_url))
		return ST_OK;
	return err_set(err, ST_TEMPFAIL, "the login of this profile has changed; try again");
}

static enum status put_channel(struct session *session, void *arg, struct err *err)
{
	enum status st = check_login(session, arg, err);

	if (!st)
		session_copy_channel(session, arg);
	return st;
}

struct lifetime {
	const char *resource; /* of the channel that it was granted to */
	int64_t granted_ms, now_ms;
};

static enum status put_lifetime(struct session *session, void *arg, struct err *err)
{
	const struct lifetime *lifetime = arg;

	(void)err;
	if (session->channel_resource && !strcmp(session->channel_resource, lifetime->resource)) {
		session->channel_lifetime_ms = lifetime->granted_ms;
		session->channel_expires_ms = lifetime->now_ms + lifetime->granted_ms;
	}
	return ST_OK;
}

static enum status forget_all(struct session *session, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	session_forget_channel(session);
	return ST_OK;
}

static void remove_url(struct session *session, const char *url)
{
	for (size_t i = 0; i < session->subscription_count; i++) {
		if (!strcmp(session->subscriptions[i].url, url)) {
			session_remove_subscription(session, i);
			break;
		}
	}
}

static enum status forget_url(struct session *session, void *arg, struct err *err)
{
	(void)err;
	remove_url(session, arg);
	return ST_OK;
}

/* ---- requests ------------------------------------------------------------------------------ */

static int64_t requested_lifetime(const struct client *client, const struct channel_request *request)
{
	const struct session *session = client_session(client);

	if (request->lifetime_ms)
		return request->lifetime_ms;
	return session->channel_lifetime_ms > 0 ? session->channel_lifetime_ms : CHANNEL_LIFETIME_MS;
}

static enum status create_channel(struct client *client, const struct channel_request *request, struct session *next,
	struct err *err)
{
	int64_t lifetime = requested_lifetime(client, request);
	const char *role = request->role ? request->role : CHANNEL_ROLE;
	struct client_response response = { 0 };
	struct buf body;
	enum status st;

	session_forget_channel(next);
	next->channel_lifetime_ms = lifetime;
	next->channel_role = xstrdup(role);
	buf_init(&body, BODY_MAX);
	channel_encode(&body, lifetime, client_session(client)->correlator, role);
	st = client_request(client, "POST", client_path(client, "notificationchannel", "/channels"), &body, &response,
		err);
	if (!st)
		st = channel_decode(json_root(&response.json), clock_wall_ms(), next, err);
	client_response_release(&response);
	return st;
}

static char *subscriptions_path(const struct client *client, unsigned service)
{
	const char *user = client_session(client)->user_id;

	switch (service) {
	case CHANNEL_SMS: return client_path(client, "smsmessaging", "/inbound/subscriptions");
	case CHANNEL_RECEIPTS: return client_path(client, "smsmessaging", "/outbound/{}/subscriptions", user);
	default: return client_path(client, "chat", "/subscriptions");
	}
}

static enum status subscribe(struct client *client, const struct channel_service *service, struct session *next,
	struct channel_change *change, struct err *err)
{
	const unsigned bit = channel_service_bit(service->service);
	struct session_subscription *new;
	struct client_response response = { 0 };
	struct buf body;
	enum status st;
	char *url;

	if ((st = check_login(client_session(client), next, err)))
		return st;
	buf_init(&body, BODY_MAX);
	channel_encode_subscription(&body, service, next->channel_callback, client_session(client)->correlator);
	if ((st = client_request(client, "POST", subscriptions_path(client, bit), &body, &response, err)) ||
		(st = channel_decode_subscription(json_root(&response.json), &url, err))) {
		err_prefix(err, "cannot subscribe to %s", service->service);
	} else {
		new = session_add_subscription(next);
		new->service = xstrdup(service->service);
		new->number = xstrdup_null(service->number);
		new->url = url;
		change->subscriptions_made++;
		change->services_made |= bit;
	}
	client_response_release(&response);
	return st;
}

/* ---- subscriptions on the server ------------------------------------------------------------ */

/* The server's lists of subscriptions, by service bit, each requested when it is first needed. */
struct lists {
	struct {
		struct client_response response;
		bool fetched, refused;
	} of[CHANNEL_RECEIPTS + 1];
};

static void lists_release(struct lists *lists)
{
	for (size_t bit = 0; bit <= CHANNEL_RECEIPTS; bit++)
		client_response_release(&lists->of[bit].response);
}

static enum status fetch_list(struct client *client, unsigned service, struct client_response *response, bool *refused,
	struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = client_request(client, "GET", subscriptions_path(client, service), NULL, response, &why);

	*refused = st && service_error_is_permanent(&why);
	if (st && !*refused)
		*err = why;
	return *refused ? ST_OK : st;
}

/* Whether the server has the subscription; `if_refused` if it refuses to list them. */
static enum status look_up(struct client *client, struct lists *lists, const struct session_subscription *subscription,
	bool if_refused, bool *known, struct err *err)
{
	unsigned bit = channel_service_bit(subscription->service);
	enum status st;

	if (!lists->of[bit].fetched) {
		if ((st = fetch_list(client, bit, &lists->of[bit].response, &lists->of[bit].refused, err)))
			return st;
		lists->of[bit].fetched = true;
	}
	*known = lists->of[bit].refused
		? if_refused
		: channel_decode_listed(json_root(&lists->of[bit].response.json), subscription->url);
	return ST_OK;
}

/* ---- the lifetime -------------------------------------------------------------------------- */

/* The server may grant another lifetime than the requested one. */
static enum status save_lifetime(struct client *client, struct json_value response, struct err *err)
{
	struct lifetime lifetime = { .now_ms = clock_wall_ms(), .granted_ms = channel_decode_lifetime(response) };
	const struct session *session = client_session(client);
	char *resource;
	enum status st;

	if (!session->channel_resource)
		return ST_OK; /* deleted meanwhile */
	if (lifetime.granted_ms < 0)
		lifetime.granted_ms = session->channel_lifetime_ms;
	lifetime.resource = resource = xstrdup(session->channel_resource);
	st = client_update(client, put_lifetime, &lifetime, err);
	free(resource);
	return st;
}

static enum status extend(struct client *client, int64_t lifetime_ms, struct err *err)
{
	struct client_response response = { 0 };
	char *path = xasprintf("%s/channelLifetime", client_session(client)->channel_resource);
	struct buf body;
	enum status st;

	buf_init(&body, BODY_MAX);
	channel_encode_lifetime(&body, lifetime_ms);
	if (!(st = client_request(client, "PUT", path, &body, &response, err)))
		st = save_lifetime(client, json_root(&response.json), err);
	client_response_release(&response);
	return st;
}

/* ---- creating ------------------------------------------------------------------------------- */

static enum status take_lock(struct client *client, int *fd, struct err *err)
{
	int64_t wait = client_settings(client)->timeout_ms + LOCK_SLACK_MS;
	enum status st =
		store_lock(client_store(client), ".channel.lock", wait < INT32_MAX ? (int)wait : INT32_MAX, fd, err);

	if (!st && (st = client_reload(client, err)))
		close(*fd);
	return st;
}

static enum status subscribe_missing(struct client *client, const struct channel_service *service, struct session *next,
	struct channel_change *change, struct err *err)
{
	return find(next, service->service, service->number, false) ? ST_OK
								    : subscribe(client, service, next, change, err);
}

/* It is deleted even if the server does not list it, because it must not exist twice. */
static enum status recreate(struct client *client, const struct session_subscription *old, struct session *next,
	struct channel_change *change, struct err *err)
{
	struct channel_service service = { old->service, old->number };
	enum status st;

	(void)!client_delete(client, old->url, NULL);
	if (!(st = subscribe(client, &service, next, change, err)))
		remove_url(next, old->url);
	return st;
}

/* Re-creates the subscriptions of `before` that the server has lost while it has kept the channel. */
static enum status recreate_lost(struct client *client, const struct channel_request *request,
	const struct session *before, struct session *next, struct channel_change *change, struct err *err)
{
	struct lists lists = { 0 };
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		const struct session_subscription *old = &before->subscriptions[i];
		bool known = false;

		if (!(channel_service_bit(old->service) & request->cancelled))
			st = look_up(client, &lists, old, false, &known, err);
		if (!st && !known)
			st = recreate(client, old, next, change, err);
	}
	lists_release(&lists);
	return st;
}

/* The requested subscriptions and those of `before`. */
static enum status subscribe_all(struct client *client, const struct channel_request *request,
	const struct session *before, struct session *next, struct channel_change *change, struct err *err)
{
	static const struct channel_service chat = { "chat", NULL };
	const struct channel_service *wanted = request->services;
	size_t count = request->services ? request->service_count : 0;
	enum status st = ST_OK;

	if (!wanted && !before->subscription_count) {
		wanted = &chat;
		count = 1;
	}
	if (!change->channel_made)
		st = recreate_lost(client, request, before, next, change, err);
	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		struct channel_service old = { before->subscriptions[i].service, before->subscriptions[i].number };

		st = subscribe_missing(client, &old, next, change, err);
	}
	for (size_t i = 0; !st && i < count; i++)
		st = subscribe_missing(client, &wanted[i], next, change, err);
	return st;
}

/*
 * Extends the lifetime of the session's channel. `*kept`: it exists and may be used. `*exists`: if it is replaced, it
 * must be deleted.
 */
static enum status keep_channel(struct client *client, const struct channel_request *request, bool *kept, bool *exists,
	struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = ST_OK;

	*kept = false;
	*exists = client_session(client)->channel_resource != NULL;
	if (!*exists || request->recreate)
		return ST_OK;
	st = extend(client, requested_lifetime(client, request), &why);
	*kept = !st;
	*exists = !service_error_is_gone(&why);
	if (!st || service_error_is_permanent(&why))
		return ST_OK;
	*err = why;
	return st;
}

/* Whether the reason for a failed subscription is that the channel has vanished meanwhile. */
static bool has_vanished(struct client *client, const struct session *next)
{
	struct client_call call = { .method = "GET", .path = next->channel_resource };
	struct err why = ERR_INIT;

	return client_call(client, &call, NULL, &why) && service_error_is_gone(&why);
}

/*
 * The session is changed at the end, in one step: a new channel that did not get all of its subscriptions is deleted,
 * so that the session still names the requested ones. `*vanished`: another try, with a new channel, may succeed.
 */
static enum status ensure_once(struct client *client, const struct channel_request *request,
	struct channel_change *change, bool *vanished, struct err *err)
{
	struct session before = { 0 }, next = { 0 };
	struct err why = ERR_INIT;
	enum status st, saved;
	bool kept, exists;

	session_copy(&before, client_session(client));
	if ((st = keep_channel(client, request, &kept, &exists, err)) ||
		(st = check_login(client_session(client), &before, err)))
		goto out;
	if (kept && !str_equal(client_session(client)->channel_resource, before.channel_resource)) {
		st = err_set(err, ST_TEMPFAIL, "the notification channel of this profile has changed; try again");
		goto out;
	}
	session_copy_channel(&before, client_session(client)); /* with the new lifetime */
	session_copy(&next, &before);
	change->channel_made = !kept;
	if (change->channel_made && (st = create_channel(client, request, &next, err)))
		goto out;
	st = subscribe_all(client, request, &before, &next, change, err);
	*vanished = st && service_error_is_permanent(err) && has_vanished(client, &next);
	if (st && change->channel_made) {
		(void)!client_delete(client, next.channel_resource, &why);
		goto out;
	}
	if ((change->channel_made || change->subscriptions_made) &&
		(saved = client_update(client, put_channel, &next, &why))) {
		st = saved;
		*err = why;
	}
	if (st && change->channel_made)
		(void)!client_delete(client, next.channel_resource, &why);
	else if (change->channel_made && exists)
		(void)!client_delete(client, before.channel_resource, &why);
out:
	session_release(&before);
	session_release(&next);
	return st;
}

static enum status ensure_locked(struct client *client, const struct channel_request *request,
	struct channel_change *change, struct err *err)
{
	struct channel_request next = *request;
	enum status st;
	bool vanished = true;

	/* the session was read again under the lock */
	if ((st = client_authenticate(client, NULL, err)))
		return st;
	if (request->existing && !client_session(client)->subscription_count)
		return err_set(err, ST_AUTH, "no subscriptions left; run 'kandy subscribe%s'",
			store_option(client_store(client)));
	for (int tries = 0; vanished && tries < ENSURE_TRIES; tries++) {
		vanished = false;
		*change = (struct channel_change){ 0 };
		st = ensure_once(client, &next, change, &vanished, err);
		next.recreate = true;
	}
	return st;
}

enum status channel_ensure(struct client *client, const struct channel_request *request, struct channel_change *change,
	struct err *err)
{
	struct channel_change none = { 0 }, *done = change ? change : &none;
	struct err why = ERR_INIT;
	enum status st;
	int fd;

	*done = (struct channel_change){ 0 };
	if (!(st = client_authenticate(client, NULL, &why)) && !(st = take_lock(client, &fd, &why))) {
		st = ensure_locked(client, request, done, &why);
		close(fd);
	}
	if (st && err)
		*err = why;
	return st;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static enum status remove_unknown(struct client *client, struct session *known, struct err *err)
{
	struct client_call call = { .method = "GET", .path = known->channel_resource };
	struct lists lists = { 0 };
	struct err why = ERR_INIT;
	enum status st;
	bool listed;

	if ((st = client_call(client, &call, NULL, &why))) {
		if (service_error_is_gone(&why)) {
			session_forget_channel(known);
			return ST_OK;
		}
		*err = why;
		return st;
	}
	for (size_t i = known->subscription_count; !st && i; i--) {
		if (!(st = look_up(client, &lists, &known->subscriptions[i - 1], true, &listed, err)) && !listed)
			session_remove_subscription(known, i - 1);
	}
	lists_release(&lists);
	return st;
}

enum status channel_known(struct client *client, struct session *known, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = client_authenticate(client, NULL, &why);

	*known = (struct session){ 0 };
	if (!st)
		session_copy_channel(known, client_session(client));
	if (!st && known->channel_resource)
		st = remove_unknown(client, known, &why);
	if (st && err)
		*err = why;
	return st;
}

/* Deletes the first matching subscription. `*found` is false if there is none (any more). */
static enum status unsubscribe_one(struct client *client, const char *service, const char *number, bool *found,
	struct err *err)
{
	const struct session_subscription *at = channel_find(client_session(client), service, number);
	char *url;
	enum status st;

	*found = at != NULL;
	if (!at)
		return ST_OK;
	url = xstrdup(at->url);
	if (!(st = client_delete(client, url, err)))
		st = client_update(client, forget_url, url, err);
	free(url);
	return st;
}

enum status channel_unsubscribe(struct client *client, const char *service, const char *number, struct err *err)
{
	bool found = true;
	enum status st;
	int fd;

	if ((st = take_lock(client, &fd, err)))
		return st;
	while (!st && found)
		st = unsubscribe_one(client, service, number, &found, err);
	close(fd);
	return st;
}

/* Goes on after a refusal. Returns the first failure. */
static enum status delete_all(struct client *client, const struct session *session, struct err *err)
{
	struct err why = ERR_INIT;
	enum status first = ST_OK;

	for (size_t i = 0; i <= session->subscription_count; i++) {
		const char *url =
			i < session->subscription_count ? session->subscriptions[i].url : session->channel_resource;
		enum status st = url ? client_delete(client, url, &why) : ST_OK;

		if (st && !first) {
			first = st;
			*err = why;
		}
		if (st && why.outcome != ERR_REFUSED)
			break;
	}
	return first;
}

enum status channel_delete(struct client *client, bool always, struct err *err)
{
	struct session before = { 0 };
	struct err why = ERR_INIT, unsaved = ERR_INIT;
	enum status st;
	int fd;

	if ((st = take_lock(client, &fd, err)))
		return st;
	session_copy_channel(&before, client_session(client));
	st = delete_all(client, &before, &why);
	if ((!st || always) && client_update(client, forget_all, NULL, &unsaved) && !st) {
		why = unsaved;
		st = why.status;
	}
	session_release(&before);
	close(fd);
	if (st && err)
		*err = why;
	return st;
}

/* The path of an absolute URL, which must be on the configured host. */
static enum status add_path_of(const char *origin, const char *url, struct buf *out, struct err *err)
{
	char *as_http =
		str_starts_with(url, "wss:") || str_starts_with(url, "ws:") ? xasprintf("http%s", url + 2) : NULL;
	char *absolute = NULL;
	const char *path;
	bool same = false;
	enum status st = ST_OK;

	if (http_resolve(origin, as_http ? as_http : url, &absolute, &same, NULL) || !same) {
		st = err_set(err, ST_PROTOCOL, "invalid notification channel: the server's URL for it is not at %s",
			origin);
	} else {
		path = strstr(absolute, "://");
		path = path ? strchr(path + 3, '/') : NULL;
		buf_adds(out, path ? path : "/");
	}
	free(as_http);
	free(absolute);
	return st;
}

enum status channel_socket_path(struct client *client, struct buf *out, struct err *err)
{
	const char *url = client_session(client)->channel_url;

	if (!url)
		return err_set(err, ST_AUTH, "no notification channel; run 'kandy subscribe%s'",
			store_option(client_store(client)));
	/* it becomes part of a request line */
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(err, ST_PROTOCOL,
				"invalid notification channel: the server's URL for it is malformed");
	}
	if (url[0] != '/' || url[1] == '/')
		return add_path_of(client_base(client)->origin, url, out, err);
	buf_adds(out, url);
	return ST_OK;
}
