#include "api/listen_worker.h"

#include "api/channel.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHANNEL_MARGIN_MS 10000 /* a channel whose lifetime ends sooner is not taken unseen */
#define HALF_LEAST_MS 500 /* between two renewals, whatever the server grants */

struct listen_worker {
	struct listen_worker_config config;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop, has_request, busy, has_result;
	struct listener_request
		request; /* with copies of what it points to: its owner may have changed its mind meanwhile */
	struct history_session session;
	char *next;
	struct listener_result result;
	/* the thread's own */
	struct secret given; /* the token that was given out last */
	unsigned attempt; /* which of the origin's addresses comes next */
};

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
static void report(struct listen_worker *w, struct listener_result *r)
{
	const struct session *session = client_session(w->config.client);
	int64_t now = clock_wall_ms();

	secret_copy(&r->token, &session->access_token);
	secret_copy(&w->given, &session->access_token);
	free(r->self);
	r->self = xstrdup_null(session->address);
	r->server_role = session->channel_role && !strcmp(session->channel_role, "server");
	r->renew_in_ms = r->extend_in_ms = -1;
	if (session->expires_ms > session->issued_ms)
		r->renew_in_ms = half_over_in(session->expires_ms, session->expires_ms - session->issued_ms, now);
	if (session->channel_url && session->channel_lifetime_ms > 0)
		r->extend_in_ms = half_over_in(session->channel_expires_ms, session->channel_lifetime_ms, now);
}

static enum status socket_path(struct listen_worker *w, struct listener_result *r)
{
	struct buf path;
	enum status st;

	buf_init(&path, 64 * 1024);
	st = channel_socket_path(w->config.client, &path, &r->err);
	if (!st) {
		free(r->path);
		r->path = xstrdup(path.data);
	}
	buf_release(&path);
	return st;
}

/* One address of the origin; another one each time, in case the first does not answer. */
static enum status resolve(struct listen_worker *w, struct listener_result *r)
{
	const struct url *origin = client_base(w->config.client);
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
	for (unsigned skip = w->attempt++ % count; skip; skip--)
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
static enum status ensure(struct listen_worker *w, bool forget_channel, const char *forget_service,
	struct listener_result *r)
{
	struct client *client = w->config.client;
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

static enum status prepare(struct listen_worker *w, const struct listener_request *request, struct listener_result *r)
{
	struct client *client = w->config.client;
	enum status st;

	if ((st = client_reload(client, &r->err)))
		return st;
	if ((st = client_authenticate(client, request->refused ? &w->given : NULL, &r->err)))
		return st;
	if (!request->token_only) {
		if (request->forget || request->check || !channel_is_fresh(client_session(client)))
			st = ensure(w, request->forget, NULL, r);
		if (!st)
			st = socket_path(w, r);
		if (!st && w->config.resolve)
			st = resolve(w, r);
	}
	if (!st)
		report(w, r);
	return st;
}

static enum status renew(struct listen_worker *w, struct listener_result *r)
{
	enum status st = client_authenticate(w->config.client, NULL, &r->err);

	if (!st)
		report(w, r);
	return st;
}

static enum status extend(struct listen_worker *w, struct listener_result *r)
{
	enum status st = channel_extend(w->config.client, CHANNEL_LIFETIME_MS, &r->err);

	if (!st)
		report(w, r);
	return st;
}

static enum status resubscribe(struct listen_worker *w, const struct listener_request *request,
	struct listener_result *r)
{
	enum status st = ensure(w, !request->service, request->service, r);

	if (!st)
		st = socket_path(w, r);
	if (!st)
		report(w, r);
	return st;
}

static bool has_sms(const struct session *session)
{
	return channel_find(session, "sms", NULL) != NULL;
}

static enum status sessions(struct listen_worker *w, struct listener_result *r)
{
	struct client *client = w->config.client;
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

static enum status page(struct listen_worker *w, const struct listener_request *request, struct listener_result *r)
{
	const struct history_session *session = request->session;

	return history_fetch_page(w->config.client, session->type, session->peer, session->own, request->next,
		HISTORY_PAGE, &r->page, &r->messages, &r->more, &r->err);
}

static void perform(struct listen_worker *w, const struct listener_request *request, struct listener_result *r)
{
	*r = (struct listener_result){ .job = request->job, .err = ERR_INIT, .renew_in_ms = -1, .extend_in_ms = -1 };
	switch (request->job) {
	case LISTENER_JOB_NONE: break;
	case LISTENER_PREPARE: r->status = prepare(w, request, r); break;
	case LISTENER_RENEW: r->status = renew(w, r); break;
	case LISTENER_EXTEND: r->status = extend(w, r); break;
	case LISTENER_RESUBSCRIBE: r->status = resubscribe(w, request, r); break;
	case LISTENER_SESSIONS: r->status = sessions(w, r); break;
	case LISTENER_PAGE: r->status = page(w, request, r); break;
	}
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

static void *run(void *arg)
{
	struct listen_worker *w = arg;
	struct listener_request request;
	struct listener_result result;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->stop && !w->has_request)
			pthread_cond_wait(&w->changed, &w->lock);
		if (w->stop)
			break;
		request = w->request;
		w->has_request = false;
		w->busy = true;
		pthread_mutex_unlock(&w->lock);
		perform(w, &request, &result);
		pthread_mutex_lock(&w->lock);
		w->result = result;
		w->result.messages.doc = result.messages.doc ? &w->result.page.json : NULL;
		w->has_result = true;
		w->busy = false;
		pthread_mutex_unlock(&w->lock);
		w->config.done(w->config.arg);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

enum status listen_worker_new(struct listen_worker **out, const struct listen_worker_config *config, struct err *err)
{
	struct listen_worker *w = xcalloc(1, sizeof(*w));
	sigset_t all, before;
	int failure;

	w->config = *config;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failure) {
		free(w);
		return err_set(err, ST_INTERNAL, "cannot start a thread: %s", strerror(failure));
	}
	*out = w;
	return ST_OK;
}

static void drop_copies(struct listen_worker *w)
{
	free(w->session.peer);
	free(w->session.own);
	free(w->next);
	w->session = (struct history_session){ 0 };
	w->next = NULL;
}

void listen_worker_free(struct listen_worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	if (w->busy && !interrupt_status())
		interrupt_raise(SIGTERM); /* what is under way ends at once */
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	if (w->has_result)
		listener_result_release(&w->result);
	secret_release(&w->given);
	drop_copies(w);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void listen_worker_start(struct listen_worker *w, const struct listener_request *request)
{
	pthread_mutex_lock(&w->lock);
	drop_copies(w);
	w->request = *request;
	if (request->session) {
		w->session.type = request->session->type;
		w->session.peer = xstrdup(request->session->peer);
		w->session.own = xstrdup_null(request->session->own);
		w->request.session = &w->session;
	}
	w->request.next = w->next = xstrdup_null(request->next);
	w->has_request = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

bool listen_worker_take(struct listen_worker *w, struct listener_result *result)
{
	bool has;

	pthread_mutex_lock(&w->lock);
	has = w->has_result;
	if (has) {
		*result = w->result;
		if (result->messages.doc)
			result->messages.doc = &result->page.json;
		w->result = (struct listener_result){ 0 };
		w->has_result = false;
	}
	pthread_mutex_unlock(&w->lock);
	return has;
}
