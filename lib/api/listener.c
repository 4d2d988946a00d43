#include "api/listener.h"

#include "api/channel.h"
#include "api/listener-int.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSED_MAX 3 /* keep-alive intervals without a sign of life */
#define CONNECT_MAX_MS 120000 /* in case nobody says how the attempt ended */
#define START_TRIES 4 /* attempts to open a socket that never was open */
#define REFUSALS_MAX 3 /* 401, 403, 404 in a row: with a new token, with a new channel, and then */
#define LASTED_MS 1000 /* a connection that lived so long was none of a row of failures */
#define RETRY_MS 15000 /* a renewal or extension that failed, with half of the lifetime left */
#define CLOSE_MS 1000 /* how long the peer may take to answer the close frame */
#define LINE_MS 5000 /* how long the reader may take for the rest of a line */

void listener_result_release(struct listener_result *r)
{
	free(r->path);
	free(r->address);
	free(r->self);
	secret_release(&r->token);
	history_sessions_release(&r->sessions);
	client_answer_release(&r->page);
	free(r->more);
	*r = (struct listener_result){ 0 };
}

struct listener *listener_new(const struct listener_config *config)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->config = *config;
	l->backoff = (struct backoff){ .first_ms = 250, .cap_ms = 30000 };
	l->history_backoff = (struct backoff){ .first_ms = 500, .cap_ms = 30000 };
	l->reconnect_at = l->check_at = l->renew_at = l->extend_at = LISTENER_NEVER;
	l->for_at = l->idle_at = l->offline_at = l->refill_at = l->end_at = LISTENER_NEVER;
	flow_init(l);
	return l;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	flow_release(l);
	free(l->path);
	free(l->address);
	free(l->self);
	secret_release(&l->token);
	free(l);
}

bool listener_connected(const struct listener *l)
{
	return l->state == STATE_OPEN;
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

struct listener_action *listener_push(struct listener *l, enum listener_action_kind kind)
{
	const size_t max = sizeof(l->actions) / sizeof(l->actions[0]);
	struct listener_action *action = &l->actions[(l->action_head + l->action_count) % max];

	if (l->action_count == max)
		BUG("nobody does what the listener asks for");
	l->action_count++;
	*action = (struct listener_action){ .kind = kind };
	return action;
}

void listener_send(struct listener *l, const char *text)
{
	struct listener_action *action;

	/* a server that asks faster than it reads gets fewer answers */
	if (l->state != STATE_OPEN || l->action_count > 8)
		return;
	action = listener_push(l, LISTENER_ACT_SEND);
	snprintf(action->text, sizeof(action->text), "%s", text);
}

bool listener_next(struct listener *l, struct listener_action *action)
{
	if (!l->action_count)
		return false;
	*action = l->actions[l->action_head];
	l->action_head = (l->action_head + 1) % (sizeof(l->actions) / sizeof(l->actions[0]));
	l->action_count--;
	return true;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void leave(struct listener *l)
{
	struct listener_action *action;

	l->state = STATE_DONE;
	l->end_at = LISTENER_NEVER;
	if (l->lost && (l->exit_status == ST_OK || l->exit_status == ST_NOTHING))
		l->exit_status = err_set(&l->exit_err, ST_PARTIAL,
			"%lld messages were lost; what was said of them is above", (long long)l->lost);
	action = listener_push(l, LISTENER_ACT_EXIT);
	action->status = l->exit_status;
	action->err = l->exit_err;
}

static bool drained(const struct listener *l)
{
	const struct handover *handover = l->config.handover;

	if (handover && (handover->running || (l->drain_all && handover->count)))
		return false;
	return l->reader_gone || !outflow_waiting(l->config.outflow);
}

/* Once nothing is left to go out, or the time for it is over, says goodbye. */
static void advance_end(struct listener *l, int64_t now)
{
	if (l->state == STATE_DRAINING) {
		if (!drained(l) && now < l->end_at)
			return;
		if (l->socket) {
			l->state = STATE_CLOSING;
			l->end_at = now + (l->reader_gone ? CLOSE_MS / 4 : CLOSE_MS);
			listener_push(l, LISTENER_ACT_CLOSE);
		} else {
			leave(l);
		}
	} else if (l->state == STATE_CLOSING && now >= l->end_at) {
		listener_push(l, LISTENER_ACT_DROP);
		leave(l);
	}
}

void listener_finish(struct listener *l, int64_t now, enum status status, const struct err *err, int64_t drain_ms)
{
	if (l->state >= STATE_DRAINING && !(l->state == STATE_DRAINING && l->drain_all))
		return; /* a second reason changes nothing, unless the first one would wait for ever */
	l->exit_status = status;
	l->exit_err = err ? *err : (struct err)ERR_INIT;
	l->state = STATE_DRAINING;
	l->reconnect_at = l->check_at = l->renew_at = l->extend_at = LISTENER_NEVER;
	l->for_at = l->idle_at = l->offline_at = l->refill_at = LISTENER_NEVER;
	l->drain_all = drain_ms == LISTENER_NEVER;
	l->end_at = LISTENER_NEVER;
	if (!l->drain_all) {
		l->end_at = now + drain_ms;
		if (l->config.handover) {
			l->config.handover->closed = true;
			if (l->config.handover->running)
				l->end_at = LISTENER_NEVER; /* a command that runs may end */
		}
	}
	advance_end(l, now);
}

/* The time to drain is over: no line is begun any more, and the one under way gets a little longer. */
static void cut(struct listener *l, int64_t now)
{
	if (!l->cut) {
		l->cut = true;
		outflow_cut(l->config.outflow);
		if (outflow_waiting(l->config.outflow) && !l->reader_gone)
			l->end_at = now + LINE_MS;
	}
	advance_end(l, now);
}

static enum status outcome(const struct listener *l)
{
	return l->lines ? ST_OK : ST_NOTHING;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

static void start_job(struct listener *l, const struct listener_request *request)
{
	l->busy = request->job;
	listener_push(l, LISTENER_ACT_JOB)->request = *request;
}

static void dispatch(struct listener *l)
{
	struct listener_request request = { 0 };

	if (l->busy || l->state >= STATE_DRAINING)
		return;
	if (l->want_prepare) {
		l->want_prepare = false;
		request = l->prepare;
		request.job = LISTENER_PREPARE;
		request.token_only = l->config.once;
		l->prepare = (struct listener_request){ 0 };
	} else if (l->want_resubscribe) {
		l->want_resubscribe = false;
		request = (struct listener_request){ .job = LISTENER_RESUBSCRIBE, .service = l->cancelled };
	} else if (l->want_renew) {
		l->want_renew = false;
		request.job = LISTENER_RENEW;
	} else if (l->want_extend) {
		l->want_extend = false;
		request.job = LISTENER_EXTEND;
	} else if (!flow_request(l, &request)) {
		return;
	}
	start_job(l, &request);
}

/* What every event ends with. */
static void settle(struct listener *l, int64_t now)
{
	if (l->state < STATE_DRAINING)
		flow_advance(l, now);
	dispatch(l);
	advance_end(l, now);
}

/* ---- being offline --------------------------------------------------------------------------------------------- */

static void go_offline(struct listener *l, int64_t now)
{
	l->socket = false;
	l->state = STATE_OFFLINE;
	l->check_at = l->extend_at = LISTENER_NEVER;
	if (l->config.max_offline_ms && l->offline_at == LISTENER_NEVER)
		l->offline_at = now + l->config.max_offline_ms;
	flow_abandon(l);
}

static void try_later(struct listener *l, int64_t now, int64_t least_ms)
{
	l->reconnect_at = now + backoff_next(&l->backoff, least_ms);
}

/* Failures that waiting does not mend. */
static bool hopeless(const struct listener *l, const struct err *err, bool several)
{
	if (err->status == ST_AUTH || err->status == ST_USAGE || err->status == ST_IO || err->status == ST_CANTCREATE)
		return true;
	if (l->ever_open || l->config.max_offline_ms)
		return err->status == ST_CONFIG && !l->ever_open;
	return !err->retryable || !several || l->backoff.tries + 1 >= START_TRIES;
}

static void prepare_failed(struct listener *l, int64_t now, const struct err *err)
{
	char text[1200];

	if (hopeless(l, err, false)) {
		listener_finish(l, now, err->status, err, 0);
		return;
	}
	if (!l->backoff.tries && l->config.warn) {
		snprintf(text, sizeof(text), "%s; trying again", err->text);
		l->config.warn(text);
	}
	l->prepare.check = l->refusals > 0;
	try_later(l, now, err->retry_after_ms);
}

static bool refused(const struct ws_closed *why)
{
	return !why->was_open &&
		(why->err.http == 401 || why->err.http == 403 || why->err.http == 404 || why->err.http == 410);
}

/* The server does not let us in: first a new token and a look at the channel, then a new channel. */
static void on_refused(struct listener *l, int64_t now, const struct ws_closed *why)
{
	l->refusals++;
	l->prepare = (struct listener_request){ .refused = true, .check = true, .forget = l->refusals > 1 };
	if (l->refusals < REFUSALS_MAX) {
		l->want_prepare = true;
	} else if (!l->ever_open && !l->config.max_offline_ms) {
		listener_finish(l, now, why->err.status, &why->err, 0);
	} else {
		try_later(l, now, why->err.retry_after_ms);
	}
}

static void say_lost(struct listener *l, const char *reason)
{
	char text[1200];

	flow_event(l, "disconnected", reason);
	if (l->config.warn) {
		snprintf(text, sizeof(text), "%s; connecting again", reason);
		l->config.warn(text);
	}
}

static void lost(struct listener *l, int64_t now, const char *reason)
{
	if (l->heard || now - l->opened_at >= LASTED_MS)
		backoff_reset(&l->backoff);
	l->gap = true;
	say_lost(l, reason);
	go_offline(l, now);
	try_later(l, now, 0);
}

/* ---- being online ---------------------------------------------------------------------------------------------- */

static void keep_times(struct listener *l, int64_t now, const struct listener_result *r)
{
	l->renew_at = r->renew_in_ms >= 0 ? now + r->renew_in_ms : LISTENER_NEVER;
	l->extend_at = r->extend_in_ms >= 0 ? now + r->extend_in_ms : LISTENER_NEVER;
}

static void keep(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = *from;
	*from = NULL;
}

void listener_connect(struct listener *l, int64_t now)
{
	struct listener_action *action;

	l->state = STATE_CONNECTING;
	l->socket = true;
	l->check_at = now + CONNECT_MAX_MS;
	action = listener_push(l, LISTENER_ACT_CONNECT);
	action->path = l->path;
	action->address = l->address;
	action->token = &l->token;
}

static void on_prepared(struct listener *l, int64_t now, struct listener_result *r)
{
	if (r->status) {
		prepare_failed(l, now, &r->err);
		return;
	}
	keep(&l->path, &r->path);
	free(l->address);
	l->address = NULL;
	keep(&l->address, &r->address);
	keep(&l->self, &r->self);
	secret_copy(&l->token, &r->token);
	l->server_role = r->server_role;
	keep_times(l, now, r);
	if (l->config.once || (l->baseline && l->config.history))
		flow_begin(l);
	else
		listener_connect(l, now);
}

static void on_renewed(struct listener *l, int64_t now, struct listener_result *r)
{
	if (r->status) {
		l->renew_at = now + RETRY_MS;
		return;
	}
	secret_copy(&l->token, &r->token);
	keep_times(l, now, r);
}

/* The channel has gone, or cannot be mended in place: leave it, and begin with a look at it. */
static void restart(struct listener *l, int64_t now, const char *reason)
{
	if (l->socket)
		listener_push(l, LISTENER_ACT_DROP);
	l->gap = true;
	say_lost(l, reason);
	go_offline(l, now);
	l->prepare = (struct listener_request){ .check = true };
	l->want_prepare = true;
}

static void on_extended(struct listener *l, int64_t now, struct listener_result *r)
{
	if (!r->status)
		keep_times(l, now, r);
	else if (channel_is_gone(&r->err) && l->socket)
		restart(l, now, "the notification channel has gone");
	else
		l->extend_at = now + RETRY_MS;
}

static void on_resubscribed(struct listener *l, int64_t now, struct listener_result *r)
{
	if (r->status || (r->path && l->path && strcmp(r->path, l->path))) {
		restart(l, now, r->status ? r->err.text : "the notification channel was made anew");
		return;
	}
	keep_times(l, now, r);
	flow_event(l, "resubscribed", l->cancelled);
	if (l->state == STATE_OPEN && !l->filling)
		flow_begin(l); /* what came while there was no subscription */
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

void listener_start(struct listener *l, int64_t now)
{
	if (l->config.for_ms)
		l->for_at = now + l->config.for_ms;
	if (l->config.idle_ms)
		l->idle_at = now + l->config.idle_ms;
	if (l->config.max_offline_ms)
		l->offline_at = now + l->config.max_offline_ms;
	l->want_prepare = true;
	settle(l, now);
}

void listener_done(struct listener *l, int64_t now, struct listener_result *r)
{
	l->busy = LISTENER_JOB_NONE;
	if (l->state < STATE_DRAINING) {
		switch (r->job) {
		case LISTENER_JOB_NONE: break;
		case LISTENER_PREPARE: on_prepared(l, now, r); break;
		case LISTENER_RENEW: on_renewed(l, now, r); break;
		case LISTENER_EXTEND: on_extended(l, now, r); break;
		case LISTENER_RESUBSCRIBE: on_resubscribed(l, now, r); break;
		case LISTENER_SESSIONS: flow_sessions(l, now, r); break;
		case LISTENER_PAGE: flow_page(l, now, r); break;
		}
	}
	settle(l, now);
}

void listener_opened(struct listener *l, int64_t now)
{
	if (l->state != STATE_CONNECTING)
		return;
	l->state = STATE_OPEN;
	l->ever_open = true;
	l->refusals = 0;
	l->heard = false;
	l->opened_at = l->last_sign = now;
	l->keepalive_ms = l->config.keepalive_ms;
	l->check_at = now + l->keepalive_ms;
	l->offline_at = LISTENER_NEVER;
	if (l->idle_at != LISTENER_NEVER && !l->lines && !l->gap)
		l->idle_at = now + l->config.idle_ms;
	flow_event(l, "connected", NULL);
	if (l->gap)
		flow_event(l, "gap", l->config.history ? "typing and receipts" : "messages, typing and receipts");
	listener_push(l, LISTENER_ACT_ALIVE);
	flow_begin(l);
	if (!l->filling && !l->ready) {
		l->ready = true;
		listener_push(l, LISTENER_ACT_READY);
	}
	settle(l, now);
}

void listener_closed(struct listener *l, int64_t now, const struct ws_closed *why)
{
	if (l->state >= STATE_DRAINING) {
		l->socket = false;
		if (l->state == STATE_CLOSING)
			leave(l);
		return;
	}
	if (why->was_open) {
		lost(l, now, why->err.text);
	} else {
		go_offline(l, now);
		if (refused(why))
			on_refused(l, now, why);
		else if (hopeless(l, &why->err, true))
			listener_finish(l, now, why->err.status, &why->err, 0);
		else
			try_later(l, now, why->err.retry_after_ms);
	}
	settle(l, now);
}

void listener_message(struct listener *l, int64_t now, const char *text, size_t len)
{
	if (l->state != STATE_OPEN)
		return;
	l->last_sign = now;
	l->heard = true;
	flow_message(l, now, text, len);
	if (l->want_resubscribe)
		dispatch(l);
}

static void check(struct listener *l, int64_t now)
{
	char text[64];
	int64_t silent;

	if (l->state == STATE_CONNECTING) {
		listener_push(l, LISTENER_ACT_DROP);
		go_offline(l, now);
		try_later(l, now, 0);
		return;
	}
	if (l->paused)
		l->last_sign = now; /* what it says waits behind what we do not read */
	silent = now - l->last_sign;
	if (silent >= MISSED_MAX * l->keepalive_ms) {
		listener_push(l, LISTENER_ACT_DROP);
		snprintf(text, sizeof(text), "nothing was heard for %lld s", (long long)(silent / 1000));
		lost(l, now, text);
		return;
	}
	if (silent < 2 * l->keepalive_ms)
		listener_push(l, LISTENER_ACT_ALIVE);
	if (!l->server_role) {
		snprintf(text, sizeof(text), "{\"connCheck\":{\"interval\":%lld}}",
			(long long)((l->keepalive_ms + 999) / 1000));
		listener_send(l, text);
	}
	l->check_at = now + l->keepalive_ms;
	if (l->check_at > l->last_sign + MISSED_MAX * l->keepalive_ms)
		l->check_at = l->last_sign + MISSED_MAX * l->keepalive_ms;
}

static bool due(int64_t *at, int64_t now)
{
	if (now < *at)
		return false;
	*at = LISTENER_NEVER;
	return true;
}

void listener_tick(struct listener *l, int64_t now)
{
	struct err err = ERR_INIT;

	if (l->state >= STATE_DRAINING) {
		if (l->state == STATE_DRAINING && now >= l->end_at)
			cut(l, now);
		settle(l, now);
		return;
	}
	if (due(&l->for_at, now)) {
		listener_finish(l, now, outcome(l), NULL, 2 * CLOSE_MS);
	} else if (due(&l->idle_at, now)) {
		listener_finish(l, now, outcome(l), NULL, 2 * CLOSE_MS);
	} else if (due(&l->offline_at, now)) {
		err_set(&err, ST_UNAVAILABLE, "no connection for %lld s", (long long)(l->config.max_offline_ms / 1000));
		listener_finish(l, now, ST_UNAVAILABLE, &err, 0);
	} else {
		l->want_prepare |= due(&l->reconnect_at, now);
		l->want_renew |= due(&l->renew_at, now);
		l->want_extend |= due(&l->extend_at, now);
		due(&l->refill_at, now);
		if (due(&l->check_at, now))
			check(l, now);
	}
	settle(l, now);
}

void listener_room(struct listener *l, int64_t now)
{
	settle(l, now);
}

void listener_stop(struct listener *l, int64_t now, enum status status)
{
	listener_finish(l, now, status, NULL, 2 * CLOSE_MS);
	settle(l, now);
}

void listener_reader_gone(struct listener *l, int64_t now)
{
	if (l->reader_gone)
		return;
	l->reader_gone = true;
	listener_finish(l, now, ST_SIGPIPE, NULL, 0);
	settle(l, now);
}

void listener_fail(struct listener *l, int64_t now, const struct err *err)
{
	listener_finish(l, now, err->status, err, 0);
	settle(l, now);
}

int64_t listener_deadline(const struct listener *l)
{
	const int64_t all[] = { l->reconnect_at, l->check_at, l->renew_at, l->extend_at, l->for_at, l->idle_at,
		l->offline_at, l->refill_at, l->end_at };
	int64_t first = LISTENER_NEVER;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] < first)
			first = all[i];
	}
	return first;
}
