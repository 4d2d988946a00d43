#include "listen/job.h"

#include "client/client.h"
#include "wire/service_error.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RENEWAL_MIN_MS 500 /* between two renewals, however short the lifetime */

/* ---- results --------------------------------------------------------------------------------------------------- */

struct job_result job_result_init(enum job_kind job)
{
	return (struct job_result){ .job = job,
		.err = ERR_INIT,
		.renew_in_ms = -1,
		.token_ends_in_ms = -1,
		.extend_in_ms = -1,
		.channel_ends_in_ms = -1 };
}

void job_result_release(struct job_result *r)
{
	free(r->path);
	free(r->address);
	free(r->self);
	secret_release(&r->token);
	history_sessions_release(&r->sessions);
	client_response_release(&r->page);
	free(r->more);
	*r = (struct job_result){ 0 };
}

bool job_is_auth_lost(const struct err *err)
{
	return err->status == ST_AUTH && (!err->http || err->http == 401);
}

bool job_is_permanent(const struct err *err)
{
	return err->status == ST_AUTH || err->status == ST_USAGE || err->status == ST_IO ||
		err->status == ST_CANTCREATE;
}

int64_t job_time_left(int64_t lifetime_ms, int64_t ends_ms, int64_t now_ms)
{
	int64_t left = ends_ms - now_ms;

	return left < 0 ? 0 : left < lifetime_ms ? left : lifetime_ms;
}

int64_t job_renewal_delay(int64_t lifetime_ms, int64_t left_ms)
{
	int64_t in = left_ms - lifetime_ms / 2 - random_below(lifetime_ms / 20 + 1);

	if (in < RENEWAL_MIN_MS)
		in = left_ms / 2;
	return in > RENEWAL_MIN_MS ? in : RENEWAL_MIN_MS;
}

/* The state of the login and the channel after the job. */
static void fill_state(struct job_context *j, struct job_result *r)
{
	const struct session *session = client_session(j->client);
	int64_t token_ms = session->expires_ms - session->issued_ms, channel_ms = session->channel_lifetime_ms;
	int64_t now = clock_wall_ms();

	secret_copy(&r->token, &session->access_token);
	free(r->self);
	r->self = xstrdup_null(session->address);
	r->server_role = session->channel_role && !strcmp(session->channel_role, "server");
	if (token_ms > 0) {
		r->token_ends_in_ms = job_time_left(token_ms, session->expires_ms, now);
		r->renew_in_ms = job_renewal_delay(token_ms, r->token_ends_in_ms);
	}
	if (session->channel_url && channel_ms > 0) {
		r->channel_ends_in_ms = job_time_left(channel_ms, session->channel_expires_ms, now);
		r->extend_in_ms = job_renewal_delay(channel_ms, r->channel_ends_in_ms);
	}
}

static enum status socket_path(struct job_context *j, struct job_result *r)
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

/* One address of the host, a different one at each attempt. */
static enum status resolve(struct job_context *j, struct job_result *r)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *at;
	unsigned count = 0;
	char host[NI_MAXHOST];
	int failure = getaddrinfo(j->host, NULL, &hints, &list);

	if (failure)
		return err_set(&r->err, ST_UNAVAILABLE, "cannot resolve host '%s': %s", j->host, gai_strerror(failure));
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

static enum status ensure_channel(struct job_context *j, const struct channel_request *want, struct job_result *r)
{
	struct channel_change change;
	enum status st = channel_ensure(j->client, want, &change, &r->err);

	if (!st)
		st = socket_path(j, r);
	r->made = change.services_made;
	return st;
}

static enum status set_up(struct job_context *j, const struct job_request *request, struct job_result *r)
{
	struct channel_request want = {
		.recreate = request->recreate, .existing = request->existing, .cancelled = request->cancelled
	};
	struct client *client = j->client;
	enum status st;

	if ((st = client_reload(client, &r->err)))
		return st;
	if ((st = client_authenticate(client, request->token_refused ? j->token : NULL, &r->err)))
		return st;
	if (!request->token_only) {
		if (!(st = ensure_channel(j, &want, r)))
			st = resolve(j, r);
	}
	if (!st)
		fill_state(j, r);
	return st;
}

/* Asks for a new token even if, by this machine's clock, the listener's one is still valid. */
static enum status renew_token(struct job_context *j, struct job_result *r)
{
	enum status st = client_authenticate(j->client, j->token, &r->err);

	if (!st)
		fill_state(j, r);
	return st;
}

static enum status refresh_channel(struct job_context *j, const struct job_request *request, struct job_result *r)
{
	struct channel_request want = { .existing = true, .cancelled = request->cancelled };
	enum status st = ensure_channel(j, &want, r);

	if (!st)
		fill_state(j, r);
	return st;
}

/* Only services whose messages would also come on the socket. */
static unsigned subscribed(const struct session *session)
{
	unsigned services = 0;

	for (size_t i = 0; i < session->subscription_count; i++)
		services |= channel_service_bit(session->subscriptions[i].service);
	return services ? services : CHANNEL_CHAT;
}

static enum status list_conversations(struct job_context *j, const struct job_request *request, struct job_result *r)
{
	static const struct {
		enum chat_type type;
		unsigned service;
		bool common; /* every service has this kind */
	} kinds[] = { { CHAT_ONE_TO_ONE, CHANNEL_CHAT, true }, { CHAT_GROUP, CHANNEL_CHAT, false },
		{ CHAT_SMS, CHANNEL_SMS, true } };
	unsigned services = subscribed(client_session(j->client));

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool wanted = kinds[i].service & services;
		struct err err = ERR_INIT;

		if (!wanted && !request->all)
			continue;
		if (!history_fetch_sessions(j->client, kinds[i].type, &r->sessions, &err)) {
			r->partial = true;
		} else if (service_error_is_permanent(&err) && !(wanted && kinds[i].common)) {
			log_verbose("no history of %s: %s", address_type_name(kinds[i].type), err.text);
		} else if (!r->err.status || !err.http || err.http == 401) {
			r->err = err;
			if (!err.http || err.http == 401) /* the other kinds would fail, too */
				break;
		}
	}
	return r->err.status;
}

static enum status read_page(struct job_context *j, const struct job_request *request, struct job_result *r)
{
	const struct history_session *session = request->session;

	return history_fetch_page(j->client, session->type, session->conversation, session->own, request->next,
		HISTORY_PAGE, &r->page, &r->messages, &r->more, &r->err);
}

void job_perform(struct job_context *j, const struct job_request *request, struct job_result *r)
{
	*r = job_result_init(request->job);
	switch (request->job) {
	case JOB_NONE: break;
	case JOB_SETUP: r->status = set_up(j, request, r); break;
	case JOB_RENEW_TOKEN: r->status = renew_token(j, r); break;
	case JOB_REFRESH_CHANNEL: r->status = refresh_channel(j, request, r); break;
	case JOB_CONVERSATIONS: r->status = list_conversations(j, request, r); break;
	case JOB_PAGE: r->status = read_page(j, request, r); break;
	}
}
