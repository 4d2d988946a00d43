#include "listen/machine.h"

#include "client/client.h"
#include "listen/machine-int.h"
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

struct machine *machine_new(const struct machine_config *config)
{
	struct machine *l = xcalloc(1, sizeof(*l));

	l->config = *config;
	l->backoff = (struct backoff){ .first_ms = 250, .cap_ms = 30000 };
	l->history_backoff = (struct backoff){ .first_ms = 500, .cap_ms = 30000 };
	l->reconnect_at = l->check_at = l->renew_at = l->extend_at = LISTEN_NEVER;
	l->for_at = l->idle_at = l->offline_at = l->backfill_retry_at = l->end_at = LISTEN_NEVER;
	l->token_ends_at = l->channel_ends_at = l->stall_at = l->history_recheck_at = LISTEN_NEVER;
	ingest_init(l);
	return l;
}

void machine_free(struct machine *l)
{
	if (!l)
		return;
	ingest_release(l);
	free(l->path);
	free(l->address);
	free(l->self);
	secret_release(&l->token);
	free(l);
}

bool machine_connected(const struct machine *l)
{
	return l->state == STATE_OPEN;
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

struct machine_action *machine_push(struct machine *l, enum machine_action_kind kind)
{
	const size_t max = sizeof(l->actions) / sizeof(l->actions[0]);
	struct machine_action *action = &l->actions[(l->action_head + l->action_count) % max];

	if (l->action_count == max)
		BUG("nobody does what the listener asks for");
	l->action_count++;
	*action = (struct machine_action){ .kind = kind };
	return action;
}

void machine_warn_ratelimited(struct machine *l, struct warn_limiter *trouble, int64_t now, const char *format, ...)
{
	char text[1200];
	va_list args;

	if (now < trouble->next_at || !l->config.warn)
		return;
	trouble->interval_ms = trouble->interval_ms ? 2 * trouble->interval_ms : SAY_FIRST_MS;
	if (trouble->interval_ms > SAY_LAST_MS)
		trouble->interval_ms = SAY_LAST_MS;
	trouble->next_at = now + trouble->interval_ms;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	l->config.warn(text);
}

void machine_begin_idle(struct machine *l, int64_t now)
{
	if (l->config.idle_ms && l->state < STATE_DRAINING)
		l->idle_at = now + l->config.idle_ms;
}

void machine_ready(struct machine *l, int64_t now)
{
	if (l->ready)
		return;
	l->ready = true;
	machine_push(l, MACHINE_ACT_READY);
	machine_begin_idle(l, now);
}

/* Before the first connection, and while the history is being read, it is not for want of messages that none come. */
static bool may_idle(const struct machine *l)
{
	return l->ready && !ingest_is_buffering(l);
}

void machine_send(struct machine *l, const char *text)
{
	struct machine_action *action;

	/* a server that asks faster than it reads gets fewer answers */
	if (l->state != STATE_OPEN || l->action_count > 8)
		return;
	action = machine_push(l, MACHINE_ACT_SEND);
	snprintf(action->text, sizeof(action->text), "%s", text);
}

bool machine_next(struct machine *l, struct machine_action *action)
{
	if (!l->action_count)
		return false;
	*action = l->actions[l->action_head];
	l->action_head = (l->action_head + 1) % (sizeof(l->actions) / sizeof(l->actions[0]));
	l->action_count--;
	return true;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void leave(struct machine *l)
{
	struct machine_action *action;

	l->state = STATE_DONE;
	l->end_at = LISTEN_NEVER;
	if (l->lost && (l->exit_status == ST_OK || l->exit_status == ST_NOTHING))
		l->exit_status = err_set(&l->exit_err, ST_PARTIAL, "%lld message%s lost, as was said",
			(long long)l->lost, l->lost == 1 ? " was" : "s were");
	action = machine_push(l, MACHINE_ACT_EXIT);
	action->status = l->exit_status;
	action->err = l->exit_err;
}

static bool drained(const struct machine *l)
{
	const struct exec_queue *exec_queue = l->config.exec_queue;

	if (exec_queue && (exec_queue->running || (l->drain_all && exec_queue->count)))
		return false;
	return l->reader_gone || !output_queue_len(l->config.output);
}

/* Once nothing is left to go out, or the time for it is over, says goodbye. */
static void advance_end(struct machine *l, int64_t now)
{
	if (l->state == STATE_DRAINING) {
		if (!drained(l) && now < l->end_at)
			return;
		if (l->socket) {
			l->state = STATE_CLOSING;
			l->end_at = now + (l->reader_gone ? CLOSE_MS / 4 : CLOSE_MS);
			machine_push(l, MACHINE_ACT_CLOSE);
		} else {
			leave(l);
		}
	} else if (l->state == STATE_CLOSING && now >= l->end_at) {
		machine_push(l, MACHINE_ACT_DROP);
		leave(l);
	}
}

void machine_finish(struct machine *l, int64_t now, enum status status, const struct err *err, int64_t drain_ms)
{
	if (l->state >= STATE_DRAINING && !(l->state == STATE_DRAINING && l->drain_all))
		return; /* a second reason changes nothing, unless the first one would wait for ever */
	l->exit_status = status;
	l->exit_err = err ? *err : (struct err)ERR_INIT;
	l->state = STATE_DRAINING;
	l->reconnect_at = l->check_at = l->renew_at = l->extend_at = LISTEN_NEVER;
	l->for_at = l->idle_at = l->offline_at = l->backfill_retry_at = LISTEN_NEVER;
	l->channel_ends_at = l->stall_at = l->history_recheck_at = LISTEN_NEVER;
	l->drain_all = drain_ms == LISTEN_NEVER;
	l->end_at = LISTEN_NEVER;
	if (!l->drain_all) {
		l->end_at = now + drain_ms;
		if (l->config.exec_queue) {
			l->config.exec_queue->closed = true;
			if (l->config.exec_queue->running)
				l->end_at = LISTEN_NEVER; /* a command that runs may end */
		}
	}
	advance_end(l, now);
}

/* The time to drain is over: no line is begun any more, and the one under way gets a little longer. */
static void cut(struct machine *l, int64_t now)
{
	if (!l->cut) {
		l->cut = true;
		output_queue_truncate(l->config.output);
		if (output_queue_len(l->config.output) && !l->reader_gone)
			l->end_at = now + LINE_MS;
	}
	advance_end(l, now);
}

/* The time that was given is over: was it enough? */
static void time_over(struct machine *l, int64_t now)
{
	const struct err *missing = l->history_err.status ? &l->history_err : NULL;

	machine_finish(l, now, missing ? missing->status : l->lines ? ST_OK : ST_NOTHING, missing, 2 * CLOSE_MS);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

static void start_job(struct machine *l, const struct job_request *request)
{
	l->busy = request->job;
	machine_push(l, MACHINE_ACT_JOB)->request = *request;
}

static void dispatch(struct machine *l)
{
	struct job_request request = { 0 };

	if (l->busy || l->state >= STATE_DRAINING)
		return;
	if (l->want_setup) {
		l->want_setup = false;
		request = l->setup;
		request.job = JOB_SETUP;
		request.token_only = l->config.once;
		request.again = l->setup_done;
		request.cancelled = l->asked = l->cancelled;
	} else if (l->want_renew) {
		l->want_renew = false;
		request.job = JOB_RENEW_TOKEN;
	} else if (l->state == STATE_OPEN && (l->want_refresh || l->cancelled)) {
		l->want_refresh = false;
		request = (struct job_request){ .job = JOB_REFRESH_CHANNEL, .cancelled = l->cancelled };
		l->asked = l->cancelled;
	} else if (!ingest_request(l, &request)) {
		return;
	}
	start_job(l, &request);
}

/* What every event ends with. */
static void settle(struct machine *l, int64_t now)
{
	if (l->state < STATE_DRAINING)
		ingest_advance(l, now);
	dispatch(l);
	advance_end(l, now);
}

/* ---- being offline --------------------------------------------------------------------------------------------- */

static void go_offline(struct machine *l, int64_t now, const struct err *why)
{
	l->socket = false;
	l->state = STATE_OFFLINE;
	l->check_at = l->extend_at = l->channel_ends_at = l->stall_at = LISTEN_NEVER;
	l->want_refresh = false;
	l->offline_err = *why;
	if (l->config.max_offline_ms && l->offline_at == LISTEN_NEVER)
		l->offline_at = now + l->config.max_offline_ms;
	ingest_abandon(l);
}

static void try_later(struct machine *l, int64_t now, int64_t least_ms)
{
	machine_warn_ratelimited(l, &l->offline_warn, now, "%s; connecting again", l->offline_err.text);
	l->reconnect_at = now + backoff_next(&l->backoff, least_ms);
}

bool job_is_auth_lost(const struct err *err)
{
	return err->status == ST_AUTH && (!err->http || err->http == 401);
}

/* Failures that waiting does not mend. */
static bool is_permanent(const struct machine *l, const struct err *err, bool several)
{
	if (err->status == ST_AUTH || err->status == ST_USAGE || err->status == ST_IO || err->status == ST_CANTCREATE)
		return true;
	if (l->ever_open || l->config.max_offline_ms)
		return err->status == ST_CONFIG && !l->ever_open;
	return !err->retryable || !several || l->backoff.tries + 1 >= START_TRIES;
}

bool machine_is_permanent(const struct machine *l, const struct err *err)
{
	return is_permanent(l, err, false);
}

static void setup_failed(struct machine *l, int64_t now, const struct err *err)
{
	if (machine_is_permanent(l, err)) {
		machine_finish(l, now, err->status, err, 0);
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
static void on_refused(struct machine *l, int64_t now, const struct ws_closed *why)
{
	l->refusals++;
	l->setup.refused = l->refusals == 1 || why->err.http == 401;
	l->setup.anew = l->refusals == 2;
	if (l->refusals < REFUSALS_MAX)
		l->want_setup = true;
	else if (!l->ever_open && !l->config.max_offline_ms)
		machine_finish(l, now, why->err.status, &why->err, 0);
	else
		try_later(l, now, why->err.retry_after_ms);
}

static void say_lost(struct machine *l, const char *reason)
{
	char text[1200];

	ingest_event(l, "disconnected", reason);
	if (l->config.warn) {
		snprintf(text, sizeof(text), "%s; connecting again", reason);
		l->config.warn(text);
	}
}

static void lost(struct machine *l, int64_t now, const struct err *why)
{
	if (l->got_data || now - l->opened_at >= LASTED_MS)
		backoff_reset(&l->backoff);
	l->gap = true;
	say_lost(l, why->text);
	go_offline(l, now, why);
	l->reconnect_at = now + backoff_next(&l->backoff, 0);
}

/* ---- being online ---------------------------------------------------------------------------------------------- */

static int64_t after(int64_t now, int64_t in_ms)
{
	return in_ms < 0 ? LISTEN_NEVER : now + in_ms;
}

static void keep_token_times(struct machine *l, int64_t now, const struct job_result *r)
{
	l->renew_at = after(now, r->renew_in_ms);
	l->token_ends_at = after(now, r->token_ends_in_ms);
	l->token_warn = (struct warn_limiter){ 0 };
}

static void keep_channel_times(struct machine *l, int64_t now, const struct job_result *r)
{
	l->extend_at = after(now, r->extend_in_ms);
	l->channel_ends_at = after(now, r->channel_ends_in_ms);
	l->channel_warn = (struct warn_limiter){ 0 };
}

/* When to try again what has to be done before `ends_at`, and is no less wanted after that. */
static int64_t sooner(int64_t now, int64_t ends_at, bool retryable)
{
	int64_t in = RETRY_MS;

	if (ends_at != LISTEN_NEVER && ends_at > now) {
		in = (ends_at - now) / (retryable ? 4 : 2);
		if (retryable && in > RETRY_MS)
			in = RETRY_MS;
	}
	return now + (in > RETRY_LEAST_MS ? in : RETRY_LEAST_MS);
}

static void say_ending(struct machine *l, struct warn_limiter *trouble, int64_t now, const char *what, int64_t ends_at,
	const struct err *err)
{
	if (ends_at == LISTEN_NEVER || ends_at <= now)
		machine_warn_ratelimited(l, trouble, now, "%s: %s; trying again", what, err->text);
	else
		machine_warn_ratelimited(l, trouble, now, "%s: %s; trying again, for %lld s", what, err->text,
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

void machine_connect(struct machine *l, int64_t now)
{
	struct machine_action *action;

	l->state = STATE_CONNECTING;
	l->socket = true;
	l->check_at = now + CONNECT_MAX_MS;
	action = machine_push(l, MACHINE_ACT_CONNECT);
	action->path = l->path;
	action->address = l->address;
	action->token = &l->token;
}

/* What had gone, and is subscribed again. */
static void say_resubscribed(struct machine *l, unsigned made)
{
	for (unsigned bit = 1; bit & CHANNEL_SERVICES; bit <<= 1) {
		if (made & bit)
			ingest_event(l, "resubscribed", channel_service_name(bit));
	}
}

static void on_setup_done(struct machine *l, int64_t now, struct job_result *r)
{
	if (r->status) {
		setup_failed(l, now, &r->err);
		return;
	}
	if (l->setup_done)
		say_resubscribed(l, r->made);
	l->setup_done = true;
	l->setup = (struct job_request){ 0 };
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
		ingest_begin(l, now);
	else
		machine_connect(l, now);
}

static void on_renewed(struct machine *l, int64_t now, struct job_result *r)
{
	if (!r->status) {
		secret_copy(&l->token, &r->token);
		keep_token_times(l, now, r);
	} else if (job_is_auth_lost(&r->err) && now >= l->token_ends_at) {
		machine_finish(l, now, r->status, &r->err, 0);
	} else {
		say_ending(l, &l->token_warn, now, "the token cannot be renewed", l->token_ends_at, &r->err);
		l->renew_at = sooner(now, l->token_ends_at, r->err.retryable);
	}
}

/* The channel has gone, or cannot be mended in place: leave it, and begin with a look at it. */
static void restart(struct machine *l, int64_t now, const struct err *why, bool anew)
{
	if (l->socket)
		machine_push(l, MACHINE_ACT_DROP);
	l->gap = true;
	say_lost(l, why->text);
	go_offline(l, now, why);
	l->setup.anew |= anew;
	l->want_setup = true;
}

static void channel_over(struct machine *l, int64_t now)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "the notification channel was not extended in time");
	restart(l, now, &err, true);
}

static void refresh_failed(struct machine *l, int64_t now, const struct err *err)
{
	if (job_is_auth_lost(err)) {
		machine_finish(l, now, err->status, err, 0);
	} else if (l->cancelled) {
		restart(l, now, err, false);
	} else {
		say_ending(l, &l->channel_warn, now, "the notification channel cannot be extended", l->channel_ends_at,
			err);
		l->extend_at = sooner(now, l->channel_ends_at, err->retryable);
	}
}

static void on_channel_refreshed(struct machine *l, int64_t now, struct job_result *r)
{
	struct err err = ERR_INIT;

	if (l->state != STATE_OPEN)
		return; /* the next connection begins with a look at all of it */
	if (r->status) {
		refresh_failed(l, now, &r->err);
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
		ingest_begin(l, now); /* for what came while there was no subscription */
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

void machine_start(struct machine *l, int64_t now)
{
	if (l->config.for_ms)
		l->for_at = now + l->config.for_ms;
	if (l->config.max_offline_ms)
		l->offline_at = now + l->config.max_offline_ms;
	l->want_setup = true;
	settle(l, now);
}

void machine_job_done(struct machine *l, int64_t now, struct job_result *r)
{
	l->busy = JOB_NONE;
	if (l->state < STATE_DRAINING) {
		switch (r->job) {
		case JOB_NONE: break;
		case JOB_SETUP: on_setup_done(l, now, r); break;
		case JOB_RENEW_TOKEN: on_renewed(l, now, r); break;
		case JOB_REFRESH_CHANNEL: on_channel_refreshed(l, now, r); break;
		case JOB_CONVERSATIONS: ingest_sessions(l, now, r); break;
		case JOB_PAGE: ingest_page(l, now, r); break;
		}
	}
	settle(l, now);
}

/* In the server's role it says itself how often something is to come; it may be less often than we would ask. */
static void set_keepalive(struct machine *l)
{
	l->keepalive_ms = l->config.keepalive_ms;
	if (l->server_role && l->server_interval_ms)
		l->keepalive_ms = l->server_interval_ms;
}

void machine_server_interval(struct machine *l, int64_t interval_ms)
{
	if (!l->server_role || interval_ms <= 0)
		return;
	l->server_interval_ms = interval_ms;
	set_keepalive(l);
}

void machine_opened(struct machine *l, int64_t now)
{
	if (l->state != STATE_CONNECTING)
		return;
	l->state = STATE_OPEN;
	l->ever_open = true;
	l->refusals = 0;
	l->offline_warn = (struct warn_limiter){ 0 };
	l->got_data = false;
	l->opened_at = l->last_activity = now;
	set_keepalive(l);
	l->check_at = now + l->keepalive_ms;
	l->offline_at = LISTEN_NEVER;
	ingest_event(l, "connected", NULL);
	if (l->gap)
		ingest_event(l, "gap", l->config.history ? "typing and receipts" : "messages, typing and receipts");
	machine_push(l, MACHINE_ACT_HEARTBEAT);
	ingest_begin(l, now);
	if (!l->backfilling)
		machine_ready(l, now);
	settle(l, now);
}

void machine_closed(struct machine *l, int64_t now, const struct ws_closed *why)
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
		else if (is_permanent(l, &why->err, true))
			machine_finish(l, now, why->err.status, &why->err, 0);
		else
			try_later(l, now, why->err.retry_after_ms);
	}
	settle(l, now);
}

void machine_message(struct machine *l, int64_t now, const char *text, size_t len)
{
	if (l->state != STATE_OPEN)
		return;
	l->last_activity = now;
	ingest_message(l, now, text, len);
	if (l->cancelled)
		dispatch(l);
}

static void ask(struct machine *l)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"connCheck\":{\"interval\":%lld}}",
		(long long)((l->keepalive_ms + 999) / 1000));
	machine_send(l, text);
}

static void check(struct machine *l, int64_t now)
{
	struct err err = ERR_INIT;
	int64_t silent;

	if (l->state == STATE_CONNECTING) {
		err_set(&err, ST_UNAVAILABLE, "the connection did not come about");
		machine_push(l, MACHINE_ACT_DROP);
		go_offline(l, now, &err);
		try_later(l, now, 0);
		return;
	}
	if (l->paused)
		l->last_activity = now; /* what it says waits behind what we do not read */
	silent = now - l->last_activity;
	if (silent >= MISSED_MAX * l->keepalive_ms) {
		machine_push(l, MACHINE_ACT_DROP);
		err_set(&err, ST_UNAVAILABLE, "nothing was heard for %lld s", (long long)(silent / 1000));
		lost(l, now, &err);
		return;
	}
	if (silent < 2 * l->keepalive_ms)
		machine_push(l, MACHINE_ACT_HEARTBEAT);
	/* where the server's checks do not come, it is asked before it is given up: perhaps they only come seldom */
	if (!l->server_role || silent >= l->keepalive_ms)
		ask(l);
	l->check_at = now + l->keepalive_ms;
	if (l->check_at > l->last_activity + MISSED_MAX * l->keepalive_ms)
		l->check_at = l->last_activity + MISSED_MAX * l->keepalive_ms;
}

static bool due(int64_t *at, int64_t now)
{
	if (now < *at)
		return false;
	*at = LISTEN_NEVER;
	return true;
}

void machine_tick(struct machine *l, int64_t now)
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
		machine_finish(l, now, ST_UNAVAILABLE, &err, 0);
	} else if (due(&l->channel_ends_at, now)) {
		channel_over(l, now);
	} else {
		l->want_setup |= due(&l->reconnect_at, now);
		l->want_renew |= due(&l->renew_at, now);
		l->want_refresh |= due(&l->extend_at, now);
		due(&l->backfill_retry_at, now);
		if (due(&l->stall_at, now))
			ingest_stalled(l, now);
		if (due(&l->history_recheck_at, now))
			ingest_recheck(l, now);
		if (due(&l->check_at, now))
			check(l, now);
	}
	settle(l, now);
}

void machine_output_drained(struct machine *l, int64_t now)
{
	settle(l, now);
}

void machine_stop(struct machine *l, int64_t now, enum status status)
{
	machine_finish(l, now, status, NULL, 2 * CLOSE_MS);
	settle(l, now);
}

void machine_reader_gone(struct machine *l, int64_t now)
{
	if (l->reader_gone)
		return;
	l->reader_gone = true;
	machine_finish(l, now, ST_SIGPIPE, NULL, 0);
	settle(l, now);
}

void machine_fail(struct machine *l, int64_t now, const struct err *err)
{
	machine_finish(l, now, err->status, err, 0);
	settle(l, now);
}

int64_t machine_deadline(const struct machine *l)
{
	const int64_t all[] = { l->reconnect_at, l->check_at, l->renew_at, l->extend_at, l->channel_ends_at, l->for_at,
		may_idle(l) ? l->idle_at : LISTEN_NEVER, l->offline_at, l->backfill_retry_at, l->stall_at,
		l->history_recheck_at, l->end_at };
	int64_t first = LISTEN_NEVER;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] < first)
			first = all[i];
	}
	return first;
}
