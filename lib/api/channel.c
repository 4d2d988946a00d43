/*
 * The channel and the subscriptions of a profile: made, extended, found to be gone, made again.
 * What takes more than one request holds PROFILE.channel.lock, so that two processes do not make
 * two channels of which the session can name only one.
 */
#include "api/channel.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)64 * 1024)
#define PATH_BYTES_MAX ((size_t)16 * 1024)
#define LOCK_SLACK_MS 30000

/* ---- in the session ------------------------------------------------------------------------ */

static bool same_number(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

const struct session_subscription *channel_find(const struct session *session, const char *service, const char *number)
{
	for (size_t i = 0; i < session->subscription_count; i++) {
		const struct session_subscription *at = &session->subscriptions[i];

		if (!strcmp(at->service, service) && (!number || same_number(at->number, number)))
			return at;
	}
	return NULL;
}

static bool has_exactly(const struct session *session, const struct channel_service *service)
{
	for (size_t i = 0; i < session->subscription_count; i++) {
		const struct session_subscription *at = &session->subscriptions[i];

		if (!strcmp(at->service, service->service) && same_number(at->number, service->number))
			return true;
	}
	return false;
}

static enum status put_channel(struct session *session, void *arg, struct err *err)
{
	(void)err;
	session_copy_channel(session, arg);
	return ST_OK;
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

static enum status forget_matching(struct session *session, void *arg, struct err *err)
{
	const struct channel_service *service = arg;
	const struct session_subscription *found;

	(void)err;
	while ((found = channel_find(session, service->service, service->number)))
		session_remove_subscription(session, (size_t)(found - session->subscriptions));
	return ST_OK;
}

static enum status forget_url(struct session *session, void *arg, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < session->subscription_count; i++) {
		if (!strcmp(session->subscriptions[i].url, arg)) {
			session_remove_subscription(session, i);
			break;
		}
	}
	return ST_OK;
}

enum status channel_forget(struct client *client, struct err *err)
{
	return client_update(client, forget_all, NULL, err);
}

enum status channel_forget_subscription(struct client *client, const char *service, const char *number, struct err *err)
{
	struct channel_service which = { service, number };

	return client_update(client, forget_matching, &which, err);
}

/* ---- requests ------------------------------------------------------------------------------ */

bool channel_is_gone(const struct err *err)
{
	return err->http == 404 || err->http == 410;
}

static enum status post(struct client *client, const char *service, const char *rest, const struct buf *body,
	struct client_answer *answer, struct err *err)
{
	struct client_call call = { .method = "POST", .json = body->data, .json_len = body->len };
	struct buf path;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	client_path(client, &path, service, rest);
	call.path = path.data;
	st = client_call(client, &call, answer, err);
	buf_release(&path);
	return st;
}

/* What is gone already is done. */
static enum status delete (struct client *client, const char *url, struct err *err) {
	struct client_call call = { .method = "DELETE", .path = url }; struct err why = ERR_INIT;
	enum status st = client_call(client, &call, NULL, &why);

	if (!st || channel_is_gone(&why)) return ST_OK;
	if (err) *err = why;
	return st;
}

static enum status make_channel(struct client *client, const struct channel_want *want, struct session *next,
	struct err *err)
{
	int64_t lifetime = want->lifetime_ms ? want->lifetime_ms : CHANNEL_LIFETIME_MS;
	const char *role = want->role ? want->role : CHANNEL_ROLE;
	struct client_answer answer = { 0 };
	struct buf body;
	enum status st;

	session_forget_channel(next);
	next->channel_lifetime_ms = lifetime;
	next->channel_role = xstrdup(role);
	buf_init(&body, BODY_MAX);
	channel_encode(&body, lifetime, client_session(client)->correlator, role);
	if (!(st = post(client, "notificationchannel", "/channels", &body, &answer, err)))
		st = channel_decode(json_root(&answer.json), clock_wall_ms(), next, err);
	client_answer_release(&answer);
	buf_release(&body);
	return st;
}

static enum status subscribe(struct client *client, const struct channel_service *service, struct session *next,
	struct err *err)
{
	const struct session *session = client_session(client);
	bool sms = !strcmp(service->service, "sms"), receipts = !strcmp(service->service, "receipts");
	struct session_subscription *new;
	struct client_answer answer = { 0 };
	struct buf body, rest;
	enum status st;
	char *url;

	buf_init(&body, BODY_MAX);
	buf_init(&rest, PATH_BYTES_MAX);
	channel_encode_subscription(&body, service, next->channel_callback, session->correlator);
	buf_adds(&rest, sms ? "/inbound" : receipts ? "/outbound/" : "");
	if (receipts)
		percent_encode_segment(&rest, session->user_id, strlen(session->user_id));
	buf_adds(&rest, "/subscriptions");
	if ((st = post(client, sms || receipts ? "smsmessaging" : "chat", rest.data, &body, &answer, err)) ||
		(st = channel_decode_subscription(json_root(&answer.json), &url, err))) {
		err_prefix(err, "subscribe to %s", service->service);
	} else {
		new = session_add_subscription(next);
		new->service = xstrdup(service->service);
		new->number = xstrdup_null(service->number);
		new->url = url;
	}
	client_answer_release(&answer);
	buf_release(&body);
	buf_release(&rest);
	return st;
}

/* ---- the lifetime -------------------------------------------------------------------------- */

/* What the server grants may be another lifetime than what was asked for. */
static enum status take_lifetime(struct client *client, struct json_value answer, struct err *err)
{
	struct lifetime lifetime = { .now_ms = clock_wall_ms(), .granted_ms = channel_decode_lifetime(answer) };
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

enum status channel_extend(struct client *client, int64_t lifetime_ms, struct err *err)
{
	const struct session *session = client_session(client);
	struct client_call call = { .method = "PUT" };
	struct client_answer answer = { 0 };
	struct buf path, body;
	enum status st;

	if (!session->channel_resource)
		return err_set(err, ST_AUTH, "there is no notification channel; run 'kandy subscribe%s'",
			store_option(client_store(client)));
	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BODY_MAX);
	buf_addf(&path, "%s/channelLifetime", session->channel_resource);
	channel_encode_lifetime(&body, lifetime_ms ? lifetime_ms : CHANNEL_LIFETIME_MS);
	call.path = path.data;
	call.json = body.data;
	call.json_len = body.len;
	if (!(st = client_call(client, &call, &answer, err)))
		st = take_lifetime(client, json_root(&answer.json), err);
	client_answer_release(&answer);
	buf_release(&path);
	buf_release(&body);
	return st;
}

enum status channel_alive(struct client *client, bool *alive, struct err *err)
{
	struct client_call call = { .method = "GET" };
	struct err why = ERR_INIT;
	enum status st;
	char *path;

	*alive = false;
	if ((st = client_authenticate(client, NULL, err)) || !client_session(client)->channel_resource)
		return st;
	call.path = path = xstrdup(client_session(client)->channel_resource);
	st = client_call(client, &call, NULL, &why);
	free(path);
	*alive = !st;
	if (!st || channel_is_gone(&why))
		return ST_OK;
	*err = why;
	return st;
}

/* ---- all of it ----------------------------------------------------------------------------- */

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
	enum status st;

	if (has_exactly(next, service))
		return ST_OK;
	st = subscribe(client, service, next, err);
	change->subscriptions_made += !st;
	return st;
}

/* What is to be subscribed in the end: what is wanted, and what `before` had. */
static enum status subscribe_all(struct client *client, const struct channel_want *want, const struct session *before,
	struct session *next, struct channel_change *change, struct err *err)
{
	static const struct channel_service chat = { "chat", NULL };
	const struct channel_service *services = want->services;
	size_t count = want->services ? want->service_count : 0;
	enum status st = ST_OK;

	if (!services && !before->subscription_count) {
		services = &chat;
		count = 1;
	}
	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		struct channel_service old = { before->subscriptions[i].service, before->subscriptions[i].number };

		st = subscribe_missing(client, &old, next, change, err);
	}
	for (size_t i = 0; !st && i < count; i++)
		st = subscribe_missing(client, &services[i], next, change, err);
	return st;
}

/*
 * The session is changed at the end, in one piece: a channel that did not get all of its
 * subscriptions is given up, so that the session goes on naming what was wanted.
 */
static enum status ensure_locked(struct client *client, const struct channel_want *want, struct channel_change *change,
	struct err *err)
{
	struct session before = { 0 }, next = { 0 };
	struct err why = ERR_INIT;
	enum status st = ST_OK, saved;

	if (client_session(client)->channel_resource && (st = channel_extend(client, want->lifetime_ms, err)) &&
		!channel_is_gone(err))
		return st;
	session_copy_channel(&before, client_session(client));
	session_copy_channel(&next, &before);
	change->channel_made = !before.channel_resource || st;
	if (change->channel_made && (st = make_channel(client, want, &next, err)))
		goto out;
	st = subscribe_all(client, want, &before, &next, change, err);
	if (st && change->channel_made)
		(void)!delete (client, next.channel_resource, &why);
	else if ((change->channel_made || change->subscriptions_made) &&
		(saved = client_update(client, put_channel, &next, &why))) {
		st = saved;
		*err = why;
	}
out:
	session_release(&before);
	session_release(&next);
	return st;
}

enum status channel_ensure(struct client *client, const struct channel_want *want, struct channel_change *change,
	struct err *err)
{
	struct channel_change none = { 0 }, *done = change ? change : &none;
	struct err why = ERR_INIT;
	enum status st;
	int fd;

	*done = (struct channel_change){ 0 };
	if (!(st = client_authenticate(client, NULL, &why)) && !(st = take_lock(client, &fd, &why))) {
		st = ensure_locked(client, want, done, &why);
		close(fd);
	}
	if (st && err)
		*err = why;
	return st;
}

/* Deletes the first subscription that matches. `*found` false: there is none (any more). */
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
	if (!(st = delete (client, url, err)))
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

/*
 * One after the other; what the server refuses to delete does not save the rest. Returns the first
 * failure.
 */
static enum status delete_all(struct client *client, const struct session *what, struct err *err)
{
	struct err why = ERR_INIT;
	enum status first = ST_OK;

	for (size_t i = 0; i <= what->subscription_count; i++) {
		const char *url = i < what->subscription_count ? what->subscriptions[i].url : what->channel_resource;
		enum status st = url ? delete (client, url, &why) : ST_OK;

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

/* Resolved against the base, and to be there. The path goes to `out`. */
static enum status add_path_at(const char *origin, const char *url, struct buf *out, struct err *err)
{
	char *as_http = starts_with(url, "wss:") || starts_with(url, "ws:") ? xasprintf("http%s", url + 2) : NULL;
	char *absolute = NULL;
	const char *path;
	bool same = false;
	enum status st = ST_OK;

	if (http_resolve(origin, as_http ? as_http : url, &absolute, &same, NULL) || !same) {
		st = err_set(err, ST_PROTOCOL, "the server names a notification channel that is not at %s", origin);
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
		return err_set(err, ST_AUTH, "there is no notification channel; run 'kandy subscribe%s'",
			store_option(client_store(client)));
	/* it will stand in a request line */
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return err_set(err, ST_PROTOCOL,
				"the server names a notification channel by something that is no URL");
	}
	if (url[0] != '/' || url[1] == '/')
		return add_path_at(client_base(client)->origin, url, out, err);
	buf_adds(out, url);
	return ST_OK;
}
