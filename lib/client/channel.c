/*
 * The channel and the subscriptions of a profile: made, extended, found to be gone, made again.
 * What takes more than one request holds PROFILE.channel.lock, so that two processes do not make
 * two channels of which the session can name only one.
 */
#include "client/channel.h"

#include "wire/service_error.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)64 * 1024)
#define PATH_BYTES_MAX ((size_t)16 * 1024)
#define LOCK_SLACK_MS 30000
#define ENSURE_TRIES 3 /* with a channel that goes each time before anything is subscribed to it */

/* ---- services ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	unsigned bit;
} services[] = { { "chat", CHANNEL_CHAT }, { "sms", CHANNEL_SMS }, { "receipts", CHANNEL_RECEIPTS } };

/* What a session file calls by another name is chat. */
static size_t index_of(const char *service)
{
	size_t i = sizeof(services) / sizeof(*services) - 1;

	while (i && strcmp(services[i].name, service) != 0)
		i--;
	return i;
}

unsigned channel_service_bit(const char *service)
{
	return services[index_of(service)].bit;
}

const char *channel_service_name(unsigned bit)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		if (services[i].bit == bit)
			return services[i].name;
	}
	BUG("no service");
}

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

bool channel_is_gone(const struct err *err)
{
	return err->http == 404 || err->http == 410;
}

static enum status post(struct client *client, const char *service, const char *rest, const struct buf *body,
	struct client_response *answer, struct err *err)
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
static enum status delete_url(struct client *client, const char *url, struct err *err)
{
	struct client_call call = { .method = "DELETE", .path = url };
	struct err why = ERR_INIT;
	enum status st = client_call(client, &call, NULL, &why);

	if (!st || channel_is_gone(&why))
		return ST_OK;
	if (err)
		*err = why;
	return st;
}

static int64_t lifetime_wanted(const struct client *client, const struct channel_request *want)
{
	const struct session *session = client_session(client);

	if (want->lifetime_ms)
		return want->lifetime_ms;
	return session->channel_lifetime_ms > 0 ? session->channel_lifetime_ms : CHANNEL_LIFETIME_MS;
}

static enum status make_channel(struct client *client, const struct channel_request *want, struct session *next,
	struct err *err)
{
	int64_t lifetime = lifetime_wanted(client, want);
	const char *role = want->role ? want->role : CHANNEL_ROLE;
	struct client_response answer = { 0 };
	struct buf body;
	enum status st;

	session_forget_channel(next);
	next->channel_lifetime_ms = lifetime;
	next->channel_role = xstrdup(role);
	buf_init(&body, BODY_MAX);
	channel_encode(&body, lifetime, client_session(client)->correlator, role);
	if (!(st = post(client, "notificationchannel", "/channels", &body, &answer, err)))
		st = channel_decode(json_root(&answer.json), clock_wall_ms(), next, err);
	client_response_release(&answer);
	buf_release(&body);
	return st;
}

/* "/subscriptions" of the service, behind its base; which that is, is returned. */
static const char *subscriptions_of(struct client *client, const char *service, struct buf *rest)
{
	const char *user = client_session(client)->user_id;
	const unsigned bit = channel_service_bit(service);

	buf_adds(rest, bit == CHANNEL_SMS ? "/inbound" : bit == CHANNEL_RECEIPTS ? "/outbound/" : "");
	if (bit == CHANNEL_RECEIPTS)
		percent_encode_segment(rest, user, strlen(user));
	buf_adds(rest, "/subscriptions");
	return bit == CHANNEL_CHAT ? "chat" : "smsmessaging";
}

static enum status subscribe(struct client *client, const struct channel_service *service, struct session *next,
	struct channel_change *change, struct err *err)
{
	struct session_subscription *new;
	struct client_response answer = { 0 };
	struct buf body, rest;
	const char *base;
	enum status st;
	char *url;

	buf_init(&body, BODY_MAX);
	buf_init(&rest, PATH_BYTES_MAX);
	channel_encode_subscription(&body, service, next->channel_callback, client_session(client)->correlator);
	base = subscriptions_of(client, service->service, &rest);
	if ((st = post(client, base, rest.data, &body, &answer, err)) ||
		(st = channel_decode_subscription(json_root(&answer.json), &url, err))) {
		err_prefix(err, "subscribe to %s", service->service);
	} else {
		new = session_add_subscription(next);
		new->service = xstrdup(service->service);
		new->number = xstrdup_null(service->number);
		new->url = url;
		change->subscriptions_made++;
		change->services_made |= channel_service_bit(service->service);
	}
	client_response_release(&answer);
	buf_release(&body);
	buf_release(&rest);
	return st;
}

/* ---- what the server has ------------------------------------------------------------------- */

/* The lists of subscriptions, each asked for when it is first needed. */
struct lists {
	struct {
		struct client_response answer;
		bool asked, refused;
	} of[sizeof(services) / sizeof(*services)];
};

static void lists_release(struct lists *lists)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
		client_response_release(&lists->of[i].answer);
}

static enum status ask_list(struct client *client, const char *service, struct client_response *answer, bool *refused,
	struct err *err)
{
	struct client_call call = { .method = "GET" };
	struct err why = ERR_INIT;
	struct buf rest, path;
	const char *base;
	enum status st;

	buf_init(&rest, PATH_BYTES_MAX);
	buf_init(&path, PATH_BYTES_MAX);
	base = subscriptions_of(client, service, &rest);
	client_path(client, &path, base, rest.data);
	call.path = path.data;
	st = client_call(client, &call, answer, &why);
	*refused = st && service_error_is_permanent(&why);
	if (st && !*refused)
		*err = why;
	buf_release(&rest);
	buf_release(&path);
	return *refused ? ST_OK : st;
}

/* Whether the server knows the subscription; `refused` where it does not say. */
static enum status look_up(struct client *client, struct lists *lists, const struct session_subscription *subscription,
	bool refused, bool *known, struct err *err)
{
	size_t i = index_of(subscription->service);
	enum status st;

	if (!lists->of[i].asked) {
		st = ask_list(client, services[i].name, &lists->of[i].answer, &lists->of[i].refused, err);
		if (st)
			return st;
		lists->of[i].asked = true;
	}
	*known = lists->of[i].refused ? refused
				      : channel_decode_listed(json_root(&lists->of[i].answer.json), subscription->url);
	return ST_OK;
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

static enum status extend(struct client *client, int64_t lifetime_ms, struct err *err)
{
	const struct session *session = client_session(client);
	struct client_call call = { .method = "PUT" };
	struct client_response answer = { 0 };
	struct buf path, body;
	enum status st;

	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BODY_MAX);
	buf_addf(&path, "%s/channelLifetime", session->channel_resource);
	channel_encode_lifetime(&body, lifetime_ms);
	call.path = path.data;
	call.json = body.data;
	call.json_len = body.len;
	if (!(st = client_call(client, &call, &answer, err)))
		st = take_lifetime(client, json_root(&answer.json), err);
	client_response_release(&answer);
	buf_release(&path);
	buf_release(&body);
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
	return has_exactly(next, service) ? ST_OK : subscribe(client, service, next, change, err);
}

/*
 * One that the server has cancelled, or does not list. It is deleted all the same, so that there are never two: what
 * lists look like is not known so well.
 */
static enum status subscribe_again(struct client *client, const struct session_subscription *old, struct session *next,
	struct channel_change *change, struct err *err)
{
	struct channel_service service = { old->service, old->number };
	enum status st;

	(void)!delete_url(client, old->url, NULL);
	if (!(st = subscribe(client, &service, next, change, err)))
		remove_url(next, old->url);
	return st;
}

/* What of `before` the server has lost, while it has kept the channel. */
static enum status subscribe_lost(struct client *client, const struct channel_request *want,
	const struct session *before, struct session *next, struct channel_change *change, struct err *err)
{
	struct lists lists = { 0 };
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		const struct session_subscription *old = &before->subscriptions[i];
		bool known = false;

		if (!(channel_service_bit(old->service) & want->cancelled))
			st = look_up(client, &lists, old, false, &known, err);
		if (!st && !known)
			st = subscribe_again(client, old, next, change, err);
	}
	lists_release(&lists);
	return st;
}

/* What is to be subscribed in the end: what is wanted, and what `before` had. */
static enum status subscribe_all(struct client *client, const struct channel_request *want,
	const struct session *before, struct session *next, struct channel_change *change, struct err *err)
{
	static const struct channel_service chat = { "chat", NULL };
	const struct channel_service *wanted = want->services;
	size_t count = want->services ? want->service_count : 0;
	enum status st = ST_OK;

	if (!wanted && !before->subscription_count) {
		wanted = &chat;
		count = 1;
	}
	if (!change->channel_made)
		st = subscribe_lost(client, want, before, next, change, err);
	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		struct channel_service old = { before->subscriptions[i].service, before->subscriptions[i].number };

		st = subscribe_missing(client, &old, next, change, err);
	}
	for (size_t i = 0; !st && i < count; i++)
		st = subscribe_missing(client, &wanted[i], next, change, err);
	return st;
}

/*
 * Whether the channel in the session can be kept, its lifetime extended. `*there`: it has to be deleted if it is not.
 */
static enum status keep_channel(struct client *client, const struct channel_request *want, bool *kept, bool *there,
	struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = ST_OK;

	*kept = false;
	*there = client_session(client)->channel_resource != NULL;
	if (!*there || want->recreate)
		return ST_OK;
	st = extend(client, lifetime_wanted(client, want), &why);
	*kept = !st;
	*there = !channel_is_gone(&why);
	if (!st || service_error_is_permanent(&why))
		return ST_OK;
	*err = why;
	return st;
}

/* It went while we were at it: nothing can be subscribed to it then. */
static bool has_gone(struct client *client, const struct session *next)
{
	struct client_call call = { .method = "GET", .path = next->channel_resource };
	struct err why = ERR_INIT;

	return client_call(client, &call, NULL, &why) && channel_is_gone(&why);
}

/*
 * The session is changed at the end, in one piece: a channel that did not get all of its
 * subscriptions is given up, so that the session goes on naming what was wanted. `*gone`: with
 * another channel, it would be another matter.
 */
static enum status ensure_once(struct client *client, const struct channel_request *want, struct channel_change *change,
	bool *gone, struct err *err)
{
	struct session before = { 0 }, next = { 0 };
	struct err why = ERR_INIT;
	enum status st, saved;
	bool kept, there;

	if ((st = keep_channel(client, want, &kept, &there, err)))
		return st;
	session_copy_channel(&before, client_session(client));
	session_copy_channel(&next, &before);
	change->channel_made = !kept;
	if (change->channel_made && (st = make_channel(client, want, &next, err)))
		goto out;
	st = subscribe_all(client, want, &before, &next, change, err);
	*gone = st && service_error_is_permanent(err) && has_gone(client, &next);
	if (st && change->channel_made) {
		(void)!delete_url(client, next.channel_resource, &why);
		goto out;
	}
	if ((change->channel_made || change->subscriptions_made) &&
		(saved = client_update(client, put_channel, &next, &why))) {
		st = saved;
		*err = why;
	}
	if (!st && change->channel_made && there)
		(void)!delete_url(client, before.channel_resource, &why);
out:
	session_release(&before);
	session_release(&next);
	return st;
}

static enum status ensure_locked(struct client *client, const struct channel_request *want,
	struct channel_change *change, struct err *err)
{
	struct channel_request again = *want;
	enum status st = ST_OK;
	bool gone = true;

	if (want->existing && !client_session(client)->subscription_count)
		return err_set(err, ST_AUTH, "nothing is subscribed any more; run 'kandy subscribe%s'",
			store_option(client_store(client)));
	for (int tries = 0; gone && tries < ENSURE_TRIES; tries++) {
		gone = false;
		*change = (struct channel_change){ 0 };
		st = ensure_once(client, &again, change, &gone, err);
		again.recreate = true;
	}
	return st;
}

enum status channel_ensure(struct client *client, const struct channel_request *want, struct channel_change *change,
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

static enum status find_known(struct client *client, struct session *known, struct err *err)
{
	struct client_call call = { .method = "GET", .path = known->channel_resource };
	struct lists lists = { 0 };
	struct err why = ERR_INIT;
	enum status st;
	bool listed;

	if ((st = client_call(client, &call, NULL, &why))) {
		if (channel_is_gone(&why)) {
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
		st = find_known(client, known, &why);
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
	if (!(st = delete_url(client, url, err)))
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
		enum status st = url ? delete_url(client, url, &why) : ST_OK;

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
