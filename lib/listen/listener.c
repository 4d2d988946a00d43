#include "listen/listener.h"

#include "client/channel.h"
#include "listen/listener-int.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSED_MAX 3 /* keep-alive intervals without a sign of life */
#define CONNECT_MAX_MS 120000 /* in case nobody says how the attempt ended */
#define START_TRIES 4 /* attempts to open a socket that never was open */
#define REFUSALS_MAX 3 /* 401, 403, 404 in a row: with a new token, with a new channel, and then */
#define LASTED_MS 30000 /* a connection that lived so long was none of a row of failures, whatever came of it */
#define RETRY_MS 15000 /* at most, between two tries of a renewal or extension */
#define RETRY_LEAST_MS 500
#define SAY_FIRST_MS 60000 /* what goes on being wrong is said again after so long, then after twice that, */
#define SAY_LAST_MS 3600000 /* and at last so often */
#define CLOSE_MS 1000 /* how long the peer may take to answer the close frame */
#define LINE_MS 5000 /* how long the reader may take for the rest of a line */

struct listener_result listener_result_of(enum listener_job job)
{
	return (struct listener_result){ .job = job,
		.err = ERR_INIT,
		.renew_in_ms = -1,
		.token_ends_in_ms = -1,
		.extend_in_ms = -1,
		.channel_ends_in_ms = -1 };
}

void listener_result_release(struct listener_result *r)
{
	free(r->path);
	free(r->address);
	free(r->self);
	secret_release(&r->token);
	history_sessions_release(&r->sessions);
	client_response_release(&r->page);
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
	l->token_ends_at = l->channel_ends_at = l->stall_at = l->reread_at = LISTENER_NEVER;
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

void listener_complain(struct listener *l, struct trouble *trouble, int64_t now, const char *format, ...)
{
	char text[1200];
	va_list args;

	if (now < trouble->say_at || !l->config.warn)
		return;
	trouble->wait_ms = trouble->wait_ms ? 2 * trouble->wait_ms : SAY_FIRST_MS;
	if (trouble->wait_ms > SAY_LAST_MS)
		trouble->wait_ms = SAY_LAST_MS;
	trouble->say_at = now + trouble->wait_ms;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	l->config.warn(text);
}

void listener_begin_idle(struct listener *l, int64_t now)
{
	if (l->config.idle_ms && l->state < STATE_DRAINING)
		l->idle_at = now + l->config.idle_ms;
}

void listener_ready(struct listener *l, int64_t now)
{
	if (l->ready)
		return;
	l->ready = true;
	listener_push(l, LISTENER_ACT_READY);
	listener_begin_idle(l, now);
}

/* Before the first connection, and while the history is being read, it is not for want of messages that none come. */
static bool may_idle(const struct listener *l)
{
	return l->ready && !flow_holding(l);
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
		l->exit_status = err_set(&l->exit_err, ST_PARTIAL, "%lld message%s lost, as was said",
			(long long)l->lost, l->lost == 1 ? " was" : "s were");
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
	l->channel_ends_at = l->stall_at = l->reread_at = LISTENER_NEVER;
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

/* The time that was given is over: was it enough? */
static void time_over(struct listener *l, int64_t now)
{
	const struct err *missing = l->history_err.status ? &l->history_err : NULL;

	listener_finish(l, now, missing ? missing->status : l->lines ? ST_OK : ST_NOTHING, missing, 2 * CLOSE_MS);
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
		request.again = l->prepared;
		request.cancelled = l->asked = l->cancelled;
	} else if (l->want_renew) {
		l->want_renew = false;
		request.job = LISTENER_RENEW;
	} else if (l->state == STATE_OPEN && (l->want_mend || l->cancelled)) {
		l->want_mend = false;
		request = (struct listener_request){ .job = LISTENER_MEND, .cancelled = l->cancelled };
		l->asked = l->cancelled;
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

static void go_offline(struct listener *l, int64_t now, const struct err *why)
{
	l->socket = false;
	l->state = STATE_OFFLINE;
	l->check_at = l->extend_at = l->channel_ends_at = l->stall_at = LISTENER_NEVER;
	l->want_mend = false;
	l->offline_err = *why;
	if (l->config.max_offline_ms && l->offline_at == LISTENER_NEVER)
		l->offline_at = now + l->config.max_offline_ms;
	flow_abandon(l);
}

static void try_later(struct listener *l, int64_t now, int64_t least_ms)
{
	listener_complain(l, &l->offline_trouble, now, "%s; connecting again", l->offline_err.text);
	l->reconnect_at = now + backoff_next(&l->backoff, least_ms);
}

bool listener_login_over(const struct err *err)
{
	return err->status == ST_AUTH && (!err->http || err->http == 401);
}

/* Failures that waiting does not mend. */
static bool is_hopeless(const struct listener *l, const struct err *err, bool several)
{
	if (err->status == ST_AUTH || err->status == ST_USAGE || err->status == ST_IO || err->status == ST_CANTCREATE)
		return true;
	if (l->ever_open || l->config.max_offline_ms)
		return err->status == ST_CONFIG && !l->ever_open;
	return !err->retryable || !several || l->backoff.tries + 1 >= START_TRIES;
}

bool listener_hopeless(const struct listener *l, const struct err *err)
{
	return is_hopeless(l, err, false);
}

static void prepare_failed(struct listener *l, int64_t now, const struct err *err)
{
	if (listener_hopeless(l, err)) {
		listener_finish(l, now, err->status, err, 0);
		return;
	}
	l->offline_err = *err;
	try_later(l, now, err->retry_after_ms);
}

static bool refused(const struct ws_closed *why)
{
	return !why->was_open &&
		(why->err.http == 401 || why->err.http == 403 || why->err.http == 404 || why->err.http == 410);
}

/* The server does not let us in: first a new token, then a new channel, and then it is asked again and again. */
static void on_refused(struct listener *l, int64_t now, const struct ws_closed *why)
{
	l->refusals++;
	l->prepare.refused = l->refusals == 1 || why->err.http == 401;
	l->prepare.anew = l->refusals == 2;
	if (l->refusals < REFUSALS_MAX)
		l->want_prepare = true;
	else if (!l->ever_open && !l->config.max_offline_ms)
		listener_finish(l, now, why->err.status, &why->err, 0);
	else
		try_later(l, now, why->err.retry_after_ms);
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

static void lost(struct listener *l, int64_t now, const struct err *why)
{
	if (l->useful || now - l->opened_at >= LASTED_MS)
		backoff_reset(&l->backoff);
	l->gap = true;
	say_lost(l, why->text);
	go_offline(l, now, why);
	l->reconnect_at = now + backoff_next(&l->backoff, 0);
}

/* ---- being online ---------------------------------------------------------------------------------------------- */

static int64_t after(int64_t now, int64_t in_ms)
{
	return in_ms < 0 ? LISTENER_NEVER : now + in_ms;
}

static void keep_token_times(struct listener *l, int64_t now, const struct listener_result *r)
{
	l->renew_at = after(now, r->renew_in_ms);
	l->token_ends_at = after(now, r->token_ends_in_ms);
	l->token_trouble = (struct trouble){ 0 };
}

static void keep_channel_times(struct listener *l, int64_t now, const struct listener_result *r)
{
	l->extend_at = after(now, r->extend_in_ms);
	l->channel_ends_at = after(now, r->channel_ends_in_ms);
	l->channel_trouble = (struct trouble){ 0 };
}

/* When to try again what has to be done before `ends_at`, and is no less wanted after that. */
static int64_t sooner(int64_t now, int64_t ends_at, bool retryable)
{
	int64_t in = RETRY_MS;

	if (ends_at != LISTENER_NEVER && ends_at > now) {
		in = (ends_at - now) / (retryable ? 4 : 2);
		if (retryable && in > RETRY_MS)
			in = RETRY_MS;
	}
	return now + (in > RETRY_LEAST_MS ? in : RETRY_LEAST_MS);
}

static void say_ending(struct listener *l, struct trouble *trouble, int64_t now, const char *what, int64_t ends_at,
	const struct err *err)
{
	if (ends_at == LISTENER_NEVER || ends_at <= now)
		listener_complain(l, trouble, now, "%s: %s; trying again", what, err->text);
	else
		listener_complain(l, trouble, now, "%s: %s; trying again, for %lld s", what, err->text,
			(long long)((ends_at - now + 999) / 1000));
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

/* What had gone, and is subscribed again. */
static void say_resubscribed(struct listener *l, unsigned made)
{
	for (unsigned bit = 1; bit & CHANNEL_SERVICES; bit <<= 1) {
		if (made & bit)
			flow_event(l, "resubscribed", channel_service_name(bit));
	}
}

static void on_prepared(struct listener *l, int64_t now, struct listener_result *r)
{
	if (r->status) {
		prepare_failed(l, now, &r->err);
		return;
	}
	if (l->prepared)
		say_resubscribed(l, r->made);
	l->prepared = true;
	l->prepare = (struct listener_request){ 0 };
	l->cancelled &= ~l->asked;
	keep(&l->path, &r->path);
	free(l->address);
	l->address = NULL;
	keep(&l->address, &r->address);
	keep(&l->self, &r->self);
	secret_copy(&l->token, &r->token);
	l->server_role = r->server_role;
	keep_token_times(l, now, r);
	if (!l->config.once)
		keep_channel_times(l, now, r);
	if (l->config.once || (l->baseline && l->config.history))
		flow_begin(l, now);
	else
		listener_connect(l, now);
}

static void on_renewed(struct listener *l, int64_t now, struct listener_result *r)
{
	if (!r->status) {
		secret_copy(&l->token, &r->token);
		keep_token_times(l, now, r);
	} else if (listener_login_over(&r->err) && now >= l->token_ends_at) {
		listener_finish(l, now, r->status, &r->err, 0);
	} else {
		say_ending(l, &l->token_trouble, now, "the token cannot be renewed", l->token_ends_at, &r->err);
		l->renew_at = sooner(now, l->token_ends_at, r->err.retryable);
	}
}

/* The channel has gone, or cannot be mended in place: leave it, and begin with a look at it. */
static void restart(struct listener *l, int64_t now, const struct err *why, bool anew)
{
	if (l->socket)
		listener_push(l, LISTENER_ACT_DROP);
	l->gap = true;
	say_lost(l, why->text);
	go_offline(l, now, why);
	l->prepare.anew |= anew;
	l->want_prepare = true;
}

static void channel_over(struct listener *l, int64_t now)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "the notification channel was not extended in time");
	restart(l, now, &err, true);
}

static void mend_failed(struct listener *l, int64_t now, const struct err *err)
{
	if (listener_login_over(err)) {
		listener_finish(l, now, err->status, err, 0);
	} else if (l->cancelled) {
		restart(l, now, err, false);
	} else {
		say_ending(l, &l->channel_trouble, now, "the notification channel cannot be extended",
			l->channel_ends_at, err);
		l->extend_at = sooner(now, l->channel_ends_at, err->retryable);
	}
}

static void on_mended(struct listener *l, int64_t now, struct listener_result *r)
{
	struct err err = ERR_INIT;

	if (l->state != STATE_OPEN)
		return; /* the next connection begins with a look at all of it */
	if (r->status) {
		mend_failed(l, now, &r->err);
		return;
	}
	l->cancelled &= ~l->asked;
	if (r->path && l->path && strcmp(r->path, l->path) != 0) {
		err_set(&err, ST_UNAVAILABLE, "the notification channel had gone, and was made anew");
		restart(l, now, &err, false);
		return;
	}
	keep_channel_times(l, now, r);
	say_resubscribed(l, r->made);
	if (r->made)
		flow_begin(l, now); /* for what came while there was no subscription */
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

void listener_start(struct listener *l, int64_t now)
{
	if (l->config.for_ms)
		l->for_at = now + l->config.for_ms;
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
		case LISTENER_MEND: on_mended(l, now, r); break;
		case LISTENER_SESSIONS: flow_sessions(l, now, r); break;
		case LISTENER_PAGE: flow_page(l, now, r); break;
		}
	}
	settle(l, now);
}

/* In the server's role it says itself how often something is to come; it may be less often than we would ask. */
static void set_keepalive(struct listener *l)
{
	l->keepalive_ms = l->config.keepalive_ms;
	if (l->server_role && l->server_interval_ms)
		l->keepalive_ms = l->server_interval_ms;
}

void listener_server_interval(struct listener *l, int64_t interval_ms)
{
	if (!l->server_role || interval_ms <= 0)
		return;
	l->server_interval_ms = interval_ms;
	set_keepalive(l);
}

void listener_opened(struct listener *l, int64_t now)
{
	if (l->state != STATE_CONNECTING)
		return;
	l->state = STATE_OPEN;
	l->ever_open = true;
	l->refusals = 0;
	l->offline_trouble = (struct trouble){ 0 };
	l->useful = false;
	l->opened_at = l->last_sign = now;
	set_keepalive(l);
	l->check_at = now + l->keepalive_ms;
	l->offline_at = LISTENER_NEVER;
	flow_event(l, "connected", NULL);
	if (l->gap)
		flow_event(l, "gap", l->config.history ? "typing and receipts" : "messages, typing and receipts");
	listener_push(l, LISTENER_ACT_ALIVE);
	flow_begin(l, now);
	if (!l->filling)
		listener_ready(l, now);
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
		lost(l, now, &why->err);
	} else {
		go_offline(l, now, &why->err);
		if (refused(why))
			on_refused(l, now, why);
		else if (is_hopeless(l, &why->err, true))
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
	flow_message(l, now, text, len);
	if (l->cancelled)
		dispatch(l);
}

static void ask(struct listener *l)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"connCheck\":{\"interval\":%lld}}",
		(long long)((l->keepalive_ms + 999) / 1000));
	listener_send(l, text);
}

static void check(struct listener *l, int64_t now)
{
	struct err err = ERR_INIT;
	int64_t silent;

	if (l->state == STATE_CONNECTING) {
		err_set(&err, ST_UNAVAILABLE, "the connection did not come about");
		listener_push(l, LISTENER_ACT_DROP);
		go_offline(l, now, &err);
		try_later(l, now, 0);
		return;
	}
	if (l->paused)
		l->last_sign = now; /* what it says waits behind what we do not read */
	silent = now - l->last_sign;
	if (silent >= MISSED_MAX * l->keepalive_ms) {
		listener_push(l, LISTENER_ACT_DROP);
		err_set(&err, ST_UNAVAILABLE, "nothing was heard for %lld s", (long long)(silent / 1000));
		lost(l, now, &err);
		return;
	}
	if (silent < 2 * l->keepalive_ms)
		listener_push(l, LISTENER_ACT_ALIVE);
	/* where the server's checks do not come, it is asked before it is given up: perhaps they only come seldom */
	if (!l->server_role || silent >= l->keepalive_ms)
		ask(l);
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
	if (due(&l->for_at, now) || (may_idle(l) && due(&l->idle_at, now))) {
		time_over(l, now);
	} else if (due(&l->offline_at, now)) {
		err_set(&err, ST_UNAVAILABLE, "no connection for %lld s%s%s",
			(long long)(l->config.max_offline_ms / 1000), l->offline_err.status ? ": " : "",
			l->offline_err.text);
		listener_finish(l, now, ST_UNAVAILABLE, &err, 0);
	} else if (due(&l->channel_ends_at, now)) {
		channel_over(l, now);
	} else {
		l->want_prepare |= due(&l->reconnect_at, now);
		l->want_renew |= due(&l->renew_at, now);
		l->want_mend |= due(&l->extend_at, now);
		due(&l->refill_at, now);
		if (due(&l->stall_at, now))
			flow_stalled(l, now);
		if (due(&l->reread_at, now))
			flow_reread(l, now);
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
	const int64_t all[] = { l->reconnect_at, l->check_at, l->renew_at, l->extend_at, l->channel_ends_at, l->for_at,
		may_idle(l) ? l->idle_at : LISTENER_NEVER, l->offline_at, l->refill_at, l->stall_at, l->reread_at,
		l->end_at };
	int64_t first = LISTENER_NEVER;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] < first)
			first = all[i];
	}
	return first;
}
