#include "api/listen_jobs.h"

#include "api/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHANNEL_MARGIN_MS 10000 /* a channel whose lifetime ends sooner is not taken unseen */
#define HALF_LEAST_MS 500 /* between two renewals, whatever the server grants */

/* ---- answers --------------------------------------------------------------------------------------------------- */

/*
 * Half of what is left after half of the lifetime would be too late where clocks differ: half of the lifetime, a
 * little jittered.
 */
static int64_t half_over_in(int64_t ends_ms, int64_t lifetime_ms, int64_t now_ms)
{
	int64_t in = ends_ms - lifetime_ms / 2 - now_ms;

	in -= random_below(lifetime_ms / 20 + 1);
	return in > HALF_LEAST_MS ? in : HALF_LEAST_MS;
}

/* What holds now, for the listener. */
static void report(struct listen_jobs *j, struct listener_result *r)
{
	const struct session *session = client_session(j->client);
	int64_t now = clock_wall_ms();

	secret_copy(&r->token, &session->access_token);
	free(r->self);
	r->self = xstrdup_null(session->address);
	r->server_role = session->channel_role && !strcmp(session->channel_role, "server");
	r->renew_in_ms = r->extend_in_ms = -1;
	if (session->expires_ms > session->issued_ms)
		r->renew_in_ms = half_over_in(session->expires_ms, session->expires_ms - session->issued_ms, now);
	if (session->channel_url && session->channel_lifetime_ms > 0)
		r->extend_in_ms = half_over_in(session->channel_expires_ms, session->channel_lifetime_ms, now);
}

static enum status socket_path(struct listen_jobs *j, struct listener_result *r)
{
	struct buf path;
	enum status st;

	buf_init(&path, 64 * 1024);
	st = channel_socket_path(j->client, &path, &r->err);
	if (!st) {
		free(r->path);
		r->path = xstrdup(path.data);
	}
	buf_release(&path);
	return st;
}

/* One address of the origin; another one each time, in case the first does not answer. */
static enum status resolve(struct listen_jobs *j, struct listener_result *r)
{
	const struct url *origin = client_base(j->client);
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *at;
	unsigned count = 0;
	char host[NI_MAXHOST];
	int failure = getaddrinfo(origin->host, NULL, &hints, &list);

	if (failure)
		return err_set(&r->err, ST_UNAVAILABLE, "cannot find host '%s': %s", origin->host,
			gai_strerror(failure));
	for (at = list; at; at = at->ai_next)
		count++;
	at = list;
	for (unsigned skip = (unsigned)(j->attempt % count); skip; skip--)
		at = at->ai_next;
	if (!getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST))
		r->address = xstrdup(host);
	freeaddrinfo(list);
	return ST_OK;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

/* The services of the session as they are now, to be asked for again when the channel or one of them has gone. */
static size_t wanted_services(const struct session *before, struct channel_service **services)
{
	*services = xcalloc(before->subscription_count + 1, sizeof(**services));
	for (size_t i = 0; i < before->subscription_count; i++)
		(*services)[i] = (struct channel_service){ .service = before->subscriptions[i].service,
			.number = before->subscriptions[i].number };
	return before->subscription_count;
}

/* channel_ensure(), after the session has been made to forget what the server has forgotten. */
static enum status ensure(struct listen_jobs *j, bool forget_channel, const char *forget_service,
	struct listener_result *r)
{
	struct client *client = j->client;
	struct channel_change change = { 0 };
	struct channel_want want = { 0 };
	struct channel_service *services;
	struct session before = { 0 };
	enum status st = ST_OK;

	session_copy(&before, client_session(client));
	want.service_count = wanted_services(&before, &services);
	want.services = want.service_count ? services : NULL;
	if (forget_channel)
		st = channel_forget(client, &r->err);
	else if (forget_service)
		st = channel_forget_subscription(client, forget_service, NULL, &r->err);
	if (!st)
		st = channel_ensure(client, &want, &change, &r->err);
	r->made = change.channel_made || change.subscriptions_made;
	free(services);
	session_release(&before);
	return st;
}

static bool channel_is_fresh(const struct session *session)
{
	return session->channel_url && session->subscription_count &&
		session->channel_expires_ms > clock_wall_ms() + CHANNEL_MARGIN_MS;
}

static enum status prepare(struct listen_jobs *j, const struct listener_request *request, struct listener_result *r)
{
	struct client *client = j->client;
	enum status st;

	if ((st = client_reload(client, &r->err)))
		return st;
	if ((st = client_authenticate(client, request->refused ? j->given : NULL, &r->err)))
		return st;
	if (!request->token_only) {
		if (request->forget || request->check || !channel_is_fresh(client_session(client)))
			st = ensure(j, request->forget, NULL, r);
		if (!st)
			st = socket_path(j, r);
		if (!st && j->resolve)
			st = resolve(j, r);
	}
	if (!st)
		report(j, r);
	return st;
}

static enum status renew(struct listen_jobs *j, struct listener_result *r)
{
	enum status st = client_authenticate(j->client, NULL, &r->err);

	if (!st)
		report(j, r);
	return st;
}

static enum status extend(struct listen_jobs *j, struct listener_result *r)
{
	enum status st = channel_extend(j->client, CHANNEL_LIFETIME_MS, &r->err);

	if (!st)
		report(j, r);
	return st;
}

static enum status resubscribe(struct listen_jobs *j, const struct listener_request *request, struct listener_result *r)
{
	enum status st = ensure(j, !request->service, request->service, r);

	if (!st)
		st = socket_path(j, r);
	if (!st)
		report(j, r);
	return st;
}

static bool has_sms(const struct session *session)
{
	return channel_find(session, "sms", NULL) != NULL;
}

static enum status sessions(struct listen_jobs *j, struct listener_result *r)
{
	struct client *client = j->client;
	struct err err = ERR_INIT;
	enum status st;

	if ((st = history_fetch_sessions(client, CHAT_ONE_TO_ONE, &r->sessions, &r->err)))
		return st;
	if ((st = history_fetch_sessions(client, CHAT_GROUP, &r->sessions, &err)) && !err.retryable && st != ST_AUTH) {
		log_verbose("no history of groups: %s", err.text); /* not everyone has them */
		st = ST_OK;
	}
	if (!st && has_sms(client_session(client)))
		st = history_fetch_sessions(client, CHAT_SMS, &r->sessions, &err);
	if (st)
		r->err = err;
	return st;
}

static enum status page(struct listen_jobs *j, const struct listener_request *request, struct listener_result *r)
{
	const struct history_session *session = request->session;

	return history_fetch_page(j->client, session->type, session->peer, session->own, request->next, HISTORY_PAGE,
		&r->page, &r->messages, &r->more, &r->err);
}

void listen_jobs_perform(struct listen_jobs *j, const struct listener_request *request, struct listener_result *r)
{
	*r = (struct listener_result){ .job = request->job, .err = ERR_INIT, .renew_in_ms = -1, .extend_in_ms = -1 };
	switch (request->job) {
	case LISTENER_JOB_NONE: break;
	case LISTENER_PREPARE: r->status = prepare(j, request, r); break;
	case LISTENER_RENEW: r->status = renew(j, r); break;
	case LISTENER_EXTEND: r->status = extend(j, r); break;
	case LISTENER_RESUBSCRIBE: r->status = resubscribe(j, request, r); break;
	case LISTENER_SESSIONS: r->status = sessions(j, r); break;
	case LISTENER_PAGE: r->status = page(j, request, r); break;
	}
}
