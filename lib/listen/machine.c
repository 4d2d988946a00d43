#include "listen/machine.h"

#include "client/client.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSED_MAX 3 /* keepalive intervals without data before the connection is dropped */
#define CONNECT_MAX_MS 120000 /* in case the driver does not report how the attempt ended */
#define START_TRIES 4 /* attempts to connect if there never was a connection */
#define REFUSALS_MAX 3 /* 401, 403, 404 in a row: first get a new token, then a new channel */
#define LASTED_MS 30000 /* a connection of this length resets the backoff, even if no data came */
#define RETRY_MAX_MS 15000 /* between two attempts of a renewal */
#define RETRY_MIN_MS 500
#define CLOSE_MS 1000 /* how long the server may take to answer the close frame */
#define LINE_MS 5000 /* how long the reader may take for the rest of a line */

enum state {
	STATE_OFFLINE, /* waiting for `reconnect_at`, or for a job */
	STATE_CONNECTING,
	STATE_OPEN,
	STATE_DRAINING, /* no more input; the queues are written out */
	STATE_CLOSING, /* the close frame was sent */
	STATE_DONE,
};

struct machine {
	const struct listen_options *options;
	struct listen_io io;
	struct ingest ingest;
	enum state state;
	bool socket; /* there is a connection, or an attempt */
	bool ready, ever_open;

	struct machine_action actions[16];
	size_t action_head, action_count;

	/* jobs */
	enum job_kind busy; /* in progress */
	bool want_setup, want_renew, want_refresh;
	struct job_request setup; /* parameters of the next one, until one succeeds */
	bool setup_done; /* at least once */
	unsigned cancelled; /* services (channel.h) whose subscriptions are gone */
	unsigned repairing; /* those of them that the job in progress re-creates */

	/* the connection */
	char *path, *address, *self;
	struct secret token;
	bool server_role; /* the server sends the connChecks, */
	int64_t server_interval_ms; /* with this interval; 0: unknown */
	int64_t keepalive_ms; /* the interval in use */
	int64_t opened_at, last_activity;
	bool got_data; /* since it was opened; keepalives do not count */
	bool gap; /* there was an earlier connection */
	unsigned refusals; /* of the upgrade, in a row */
	struct backoff backoff;
	struct err offline_err; /* the reason for being offline */
	struct warn_limiter offline_warn, token_warn, channel_warn;

	/* deadlines, or LISTEN_NEVER */
	int64_t reconnect_at, check_at, renew_at, extend_at, for_at, idle_at, offline_at, end_at;
	int64_t token_ends_at; /* not a deadline: after it, a failed renewal is final */
	int64_t channel_ends_at;

	/* the end */
	bool drain_all; /* it waits until everything is written */
	bool truncated; /* lines that were not started are dropped */
	bool reader_gone;
	enum status exit_status;
	struct err exit_err;
};

struct machine *machine_new(const struct listen_options *options, const struct listen_io *io, bool baseline)
{
	struct machine *m = xcalloc(1, sizeof(*m));

	m->options = options;
	m->io = *io;
	m->backoff = (struct backoff){ .first_ms = 250, .cap_ms = 30000 };
	m->reconnect_at = m->check_at = m->renew_at = m->extend_at = LISTEN_NEVER;
	m->for_at = m->idle_at = m->offline_at = m->end_at = LISTEN_NEVER;
	m->token_ends_at = m->channel_ends_at = LISTEN_NEVER;
	ingest_init(&m->ingest, options, io, baseline);
	return m;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	ingest_release(&m->ingest);
	free(m->path);
	free(m->address);
	free(m->self);
	secret_release(&m->token);
	free(m);
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

static struct machine_action *push(struct machine *m, enum machine_action_kind kind)
{
	const size_t max = sizeof(m->actions) / sizeof(m->actions[0]);
	struct machine_action *action = &m->actions[(m->action_head + m->action_count) % max];

	if (m->action_count == max)
		BUG("the driver does not fetch its actions");
	m->action_count++;
	*action = (struct machine_action){ .kind = kind };
	return action;
}

bool machine_next(struct machine *m, struct machine_action *action)
{
	if (!m->action_count)
		return false;
	*action = m->actions[m->action_head];
	m->action_head = (m->action_head + 1) % (sizeof(m->actions) / sizeof(m->actions[0]));
	m->action_count--;
	return true;
}

static void restart_idle(struct machine *m, int64_t now)
{
	if (m->options->idle_ms && m->state < STATE_DRAINING)
		m->idle_at = now + m->options->idle_ms;
}

/* Before the first connection and during a backfill, silence does not mean an empty history. */
static bool may_idle(const struct machine *m)
{
	return m->ready && !ingest_is_buffering(&m->ingest);
}

static void become_ready(struct machine *m, int64_t now)
{
	if (m->ready)
		return;
	m->ready = true;
	push(m, MACHINE_ACT_READY);
	restart_idle(m, now);
}

static void send_text(struct machine *m, const char *text)
{
	struct machine_action *action;

	/* a server that sends connChecks faster than it reads gets fewer answers */
	if (m->state != STATE_OPEN || m->action_count > 8)
		return;
	action = push(m, MACHINE_ACT_SEND);
	snprintf(action->text, sizeof(action->text), "%s", text);
}

/* In the server's role the server chooses the interval, which may be longer than ours. */
static void set_keepalive(struct machine *m)
{
	m->keepalive_ms = m->options->keepalive_ms;
	if (m->server_role && m->server_interval_ms > 0)
		m->keepalive_ms = m->server_interval_ms;
}

static void open_connection(struct machine *m, int64_t now)
{
	struct machine_action *action;

	m->state = STATE_CONNECTING;
	m->socket = true;
	m->check_at = now + CONNECT_MAX_MS;
	action = push(m, MACHINE_ACT_CONNECT);
	action->path = m->path;
	action->address = m->address;
	action->token = &m->token;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void leave(struct machine *m)
{
	int64_t skipped = m->ingest.skipped;
	struct machine_action *action;

	m->state = STATE_DONE;
	m->end_at = LISTEN_NEVER;
	if (skipped && (m->exit_status == ST_OK || m->exit_status == ST_NOTHING))
		m->exit_status = err_set(&m->exit_err, ST_PARTIAL, "%lld message%s skipped", (long long)skipped,
			str_plural(skipped));
	action = push(m, MACHINE_ACT_EXIT);
	action->status = m->exit_status;
	action->err = m->exit_err;
}

static bool is_drained(const struct machine *m)
{
	const struct exec_queue *exec = m->io.exec;

	if (exec && (exec->running || (m->drain_all && exec->count)))
		return false;
	return m->reader_gone || !output_queue_len(m->io.output);
}

/* Closes the connection once the queues are written, or the time for it is over. */
static void advance_end(struct machine *m, int64_t now)
{
	if (m->state == STATE_DRAINING) {
		if (!is_drained(m) && now < m->end_at)
			return;
		if (m->socket) {
			m->state = STATE_CLOSING;
			m->end_at = now + (m->reader_gone ? CLOSE_MS / 4 : CLOSE_MS);
			push(m, MACHINE_ACT_CLOSE);
		} else {
			leave(m);
		}
	} else if (m->state == STATE_CLOSING && now >= m->end_at) {
		push(m, MACHINE_ACT_DROP);
		leave(m);
	}
}

/* Ends the run; LISTEN_NEVER: after everything that is queued was written. */
static void finish(struct machine *m, int64_t now, enum status status, const struct err *err, int64_t drain_ms)
{
	if (m->state >= STATE_DRAINING && !(m->state == STATE_DRAINING && m->drain_all))
		return; /* the first reason counts, unless it would wait forever */
	m->exit_status = status;
	m->exit_err = err ? *err : (struct err)ERR_INIT;
	m->state = STATE_DRAINING;
	m->reconnect_at = m->check_at = m->renew_at = m->extend_at = LISTEN_NEVER;
	m->for_at = m->idle_at = m->offline_at = m->channel_ends_at = LISTEN_NEVER;
	ingest_close(&m->ingest);
	m->drain_all = drain_ms == LISTEN_NEVER;
	m->end_at = LISTEN_NEVER;
	if (!m->drain_all) {
		m->end_at = now + drain_ms;
		if (m->io.exec) {
			m->io.exec->closed = true;
			if (m->io.exec->running)
				m->end_at = LISTEN_NEVER; /* running commands may end */
		}
	}
	advance_end(m, now);
}

/* The time to drain is over: only the rest of a line that was started gets more time. */
static void stop_draining(struct machine *m, int64_t now)
{
	if (!m->truncated) {
		m->truncated = true;
		output_queue_truncate(m->io.output);
		if (output_queue_len(m->io.output) && !m->reader_gone)
			m->end_at = now + LINE_MS;
	}
	advance_end(m, now);
}

/* --for or --idle is over. */
static void time_over(struct machine *m, int64_t now)
{
	const struct err *missing = &m->ingest.history_err;

	if (missing->status)
		finish(m, now, missing->status, missing, 2 * CLOSE_MS);
	else
		finish(m, now, m->ingest.lines ? ST_OK : ST_NOTHING, NULL, 2 * CLOSE_MS);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

/* Does what ingest has returned. */
static void apply(struct machine *m, int64_t now, unsigned effects)
{
	const struct ingest *in = &m->ingest;

	if (effects & INGEST_GOT_DATA)
		m->got_data = true;
	if (effects & INGEST_SEND_ACK)
		send_text(m, "{\"connAck\":{}}");
	if ((effects & INGEST_SERVER_INTERVAL) && m->server_role && in->server_interval_ms > 0) {
		m->server_interval_ms = in->server_interval_ms;
		set_keepalive(m);
	}
	if (effects & INGEST_CANCELLED)
		m->cancelled |= in->cancelled;
	if (effects & INGEST_READY)
		become_ready(m, now);
	if (effects & INGEST_ACTIVE)
		restart_idle(m, now);
	if (effects & INGEST_CONNECT)
		open_connection(m, now);
	if (effects & INGEST_PAUSE)
		push(m, MACHINE_ACT_PAUSE);
	if (effects & INGEST_RESUME) {
		m->last_activity = now; /* the silence was ours */
		push(m, MACHINE_ACT_RESUME);
	}
	if (effects & INGEST_FINISH)
		finish(m, now, in->finish.status, &in->finish.err, in->finish.drain ? LISTEN_NEVER : 0);
}

static void start_next_job(struct machine *m)
{
	struct job_request request = { 0 };

	if (m->busy || m->state >= STATE_DRAINING)
		return;
	if (m->want_setup) {
		m->want_setup = false;
		request = m->setup;
		request.job = JOB_SETUP;
		request.token_only = m->options->once;
		request.existing = m->setup_done;
		request.cancelled = m->repairing = m->cancelled;
	} else if (m->want_renew) {
		m->want_renew = false;
		request.job = JOB_RENEW_TOKEN;
	} else if (m->state == STATE_OPEN && (m->want_refresh || m->cancelled)) {
		m->want_refresh = false;
		request = (struct job_request){ .job = JOB_REFRESH_CHANNEL, .cancelled = m->cancelled };
		m->repairing = m->cancelled;
	} else if (!ingest_request(&m->ingest, &request)) {
		return;
	}
	m->busy = request.job;
	push(m, MACHINE_ACT_JOB)->request = request;
}

/* Ends every event. */
static void settle(struct machine *m, int64_t now)
{
	if (m->state < STATE_DRAINING)
		apply(m, now, ingest_advance(&m->ingest, now));
	start_next_job(m);
	advance_end(m, now);
}

/* ---- offline --------------------------------------------------------------------------------------------------- */

static void go_offline(struct machine *m, int64_t now, const struct err *why)
{
	m->socket = false;
	m->state = STATE_OFFLINE;
	m->check_at = m->extend_at = m->channel_ends_at = LISTEN_NEVER;
	m->want_refresh = false;
	m->offline_err = *why;
	if (m->options->max_offline_ms && m->offline_at == LISTEN_NEVER)
		m->offline_at = now + m->options->max_offline_ms;
	ingest_disconnected(&m->ingest);
}

static void reconnect_later(struct machine *m, int64_t now, int64_t least_ms)
{
	warn_ratelimited(&m->offline_warn, now, m->io.warn, "%s; reconnecting", m->offline_err.text);
	m->reconnect_at = now + backoff_next(&m->backoff, least_ms);
}

/* `retries`: the attempt may be repeated START_TRIES times although there never was a connection. */
static bool is_permanent(const struct machine *m, const struct err *err, bool retries)
{
	if (job_is_permanent(err))
		return true;
	if (m->ever_open || m->options->max_offline_ms)
		return err->status == ST_CONFIG && !m->ever_open;
	return !err->retryable || !retries || m->backoff.tries + 1 >= START_TRIES;
}

static void setup_failed(struct machine *m, int64_t now, const struct err *err)
{
	if (is_permanent(m, err, false)) {
		finish(m, now, err->status, err, 0);
		return;
	}
	m->offline_err = *err;
	reconnect_later(m, now, err->retry_after_ms);
}

static bool was_refused(const struct ws_closed *why)
{
	return !why->was_open &&
		(why->err.http == 401 || why->err.http == 403 || why->err.http == 404 || why->err.http == 410);
}

/* The server refused the upgrade: first get a new token, then a new channel, then back off. */
static void on_refused(struct machine *m, int64_t now, const struct ws_closed *why)
{
	m->refusals++;
	m->setup.token_refused = m->refusals == 1 || why->err.http == 401;
	m->setup.recreate = m->refusals == 2;
	if (m->refusals < REFUSALS_MAX)
		m->want_setup = true;
	else if (!m->ever_open && !m->options->max_offline_ms)
		finish(m, now, why->err.status, &why->err, 0);
	else
		reconnect_later(m, now, why->err.retry_after_ms);
}

static void report_lost(struct machine *m, const char *reason)
{
	ingest_event(&m->ingest, "disconnected", reason);
	m->io.warn("%s; reconnecting", reason);
}

static void connection_lost(struct machine *m, int64_t now, const struct err *why)
{
	if (m->got_data || now - m->opened_at >= LASTED_MS)
		backoff_reset(&m->backoff);
	m->gap = true;
	report_lost(m, why->text);
	go_offline(m, now, why);
	m->reconnect_at = now + backoff_next(&m->backoff, 0);
}

/* ---- online ---------------------------------------------------------------------------------------------------- */

static int64_t time_in(int64_t now, int64_t in_ms)
{
	return in_ms < 0 ? LISTEN_NEVER : now + in_ms;
}

static void set_token_times(struct machine *m, int64_t now, const struct job_result *r)
{
	m->renew_at = time_in(now, r->renew_in_ms);
	m->token_ends_at = time_in(now, r->token_ends_in_ms);
	m->token_warn = (struct warn_limiter){ 0 };
}

static void set_channel_times(struct machine *m, int64_t now, const struct job_result *r)
{
	m->extend_at = time_in(now, r->extend_in_ms);
	m->channel_ends_at = time_in(now, r->channel_ends_in_ms);
	m->channel_warn = (struct warn_limiter){ 0 };
}

/* When to retry a renewal that should succeed before `ends_at`, but also after it. */
static int64_t retry_at(int64_t now, int64_t ends_at, bool retryable)
{
	int64_t in = RETRY_MAX_MS;

	if (ends_at != LISTEN_NEVER && ends_at > now) {
		in = (ends_at - now) / (retryable ? 4 : 2);
		if (retryable && in > RETRY_MAX_MS)
			in = RETRY_MAX_MS;
	}
	return now + (in > RETRY_MIN_MS ? in : RETRY_MIN_MS);
}

static void warn_renewal(struct machine *m, struct warn_limiter *limiter, int64_t now, const char *failure,
	int64_t ends_at, const struct err *err)
{
	if (ends_at == LISTEN_NEVER || ends_at <= now)
		warn_ratelimited(limiter, now, m->io.warn, "%s: %s; retrying", failure, err->text);
	else
		warn_ratelimited(limiter, now, m->io.warn, "%s: %s; retrying, it expires in %lld s", failure, err->text,
			(long long)((ends_at - now + 999) / 1000));
}

static void move_string(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = *from;
	*from = NULL;
}

static void report_resubscribed(struct machine *m, unsigned made)
{
	for (unsigned bit = 1; bit & CHANNEL_SERVICES; bit <<= 1) {
		if (made & bit)
			ingest_event(&m->ingest, "resubscribed", channel_service_name(bit));
	}
}

static void on_setup_done(struct machine *m, int64_t now, struct job_result *r)
{
	if (r->status) {
		setup_failed(m, now, &r->err);
		return;
	}
	if (m->setup_done)
		report_resubscribed(m, r->made);
	m->setup_done = true;
	m->setup = (struct job_request){ 0 };
	m->cancelled &= ~m->repairing;
	move_string(&m->path, &r->path);
	free(m->address);
	m->address = NULL;
	move_string(&m->address, &r->address);
	move_string(&m->self, &r->self);
	secret_copy(&m->token, &r->token);
	m->server_role = r->server_role;
	set_token_times(m, now, r);
	if (!m->options->once)
		set_channel_times(m, now, r);
	if (m->options->once || ingest_needs_baseline(&m->ingest))
		ingest_backfill(&m->ingest, now);
	else
		open_connection(m, now);
}

static void on_token_renewed(struct machine *m, int64_t now, struct job_result *r)
{
	if (!r->status) {
		secret_copy(&m->token, &r->token);
		set_token_times(m, now, r);
	} else if (job_is_auth_lost(&r->err) && now >= m->token_ends_at) {
		finish(m, now, r->status, &r->err, 0);
	} else {
		warn_renewal(m, &m->token_warn, now, "token refresh failed", m->token_ends_at, &r->err);
		m->renew_at = retry_at(now, m->token_ends_at, r->err.retryable);
	}
}

/* The channel is gone or cannot be repaired: drops the connection and starts with a new setup. */
static void restart(struct machine *m, int64_t now, const struct err *why, bool recreate)
{
	if (m->socket)
		push(m, MACHINE_ACT_DROP);
	m->gap = true;
	report_lost(m, why->text);
	go_offline(m, now, why);
	m->setup.recreate |= recreate;
	m->want_setup = true;
}

static void channel_expired(struct machine *m, int64_t now)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "the notification channel has expired");
	restart(m, now, &err, true);
}

static void refresh_failed(struct machine *m, int64_t now, const struct err *err)
{
	if (job_is_auth_lost(err)) {
		finish(m, now, err->status, err, 0);
	} else if (m->cancelled) {
		restart(m, now, err, false);
	} else {
		warn_renewal(m, &m->channel_warn, now, "cannot extend the notification channel", m->channel_ends_at,
			err);
		m->extend_at = retry_at(now, m->channel_ends_at, err->retryable);
	}
}

static void on_channel_refreshed(struct machine *m, int64_t now, struct job_result *r)
{
	struct err err = ERR_INIT;

	if (m->state != STATE_OPEN)
		return; /* the next setup checks the channel again */
	if (r->status) {
		refresh_failed(m, now, &r->err);
		return;
	}
	m->cancelled &= ~m->repairing;
	if (r->path && m->path && strcmp(r->path, m->path) != 0) {
		err_set(&err, ST_UNAVAILABLE, "the notification channel was lost and has been re-created");
		restart(m, now, &err, false);
		return;
	}
	set_channel_times(m, now, r);
	report_resubscribed(m, r->made);
	if (r->made)
		ingest_backfill(&m->ingest, now); /* messages that came without a subscription */
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

void machine_start(struct machine *m, int64_t now)
{
	if (m->options->for_ms)
		m->for_at = now + m->options->for_ms;
	if (m->options->max_offline_ms)
		m->offline_at = now + m->options->max_offline_ms;
	m->want_setup = true;
	settle(m, now);
}

void machine_job_done(struct machine *m, int64_t now, struct job_result *r)
{
	m->busy = JOB_NONE;
	if (m->state < STATE_DRAINING) {
		switch (r->job) {
		case JOB_NONE: break;
		case JOB_SETUP: on_setup_done(m, now, r); break;
		case JOB_RENEW_TOKEN: on_token_renewed(m, now, r); break;
		case JOB_REFRESH_CHANNEL: on_channel_refreshed(m, now, r); break;
		case JOB_CONVERSATIONS: apply(m, now, ingest_conversations(&m->ingest, now, r)); break;
		case JOB_PAGE: apply(m, now, ingest_page(&m->ingest, now, r, m->self)); break;
		}
	}
	settle(m, now);
}

void machine_opened(struct machine *m, int64_t now)
{
	if (m->state != STATE_CONNECTING)
		return;
	m->state = STATE_OPEN;
	m->ever_open = true;
	m->refusals = 0;
	m->offline_warn = (struct warn_limiter){ 0 };
	m->got_data = false;
	m->opened_at = m->last_activity = now;
	set_keepalive(m);
	m->check_at = now + m->keepalive_ms;
	m->offline_at = LISTEN_NEVER;
	ingest_event(&m->ingest, "connected", NULL);
	if (m->gap)
		ingest_event(&m->ingest, "gap",
			m->ingest.history ? "typing and receipts" : "messages, typing and receipts");
	push(m, MACHINE_ACT_HEARTBEAT);
	apply(m, now, ingest_connected(&m->ingest, now));
	settle(m, now);
}

void machine_closed(struct machine *m, int64_t now, const struct ws_closed *why)
{
	if (m->state >= STATE_DRAINING) {
		m->socket = false;
		if (m->state == STATE_CLOSING)
			leave(m);
		return;
	}
	if (why->was_open) {
		connection_lost(m, now, &why->err);
	} else {
		go_offline(m, now, &why->err);
		if (was_refused(why))
			on_refused(m, now, why);
		else if (is_permanent(m, &why->err, true))
			finish(m, now, why->err.status, &why->err, 0);
		else
			reconnect_later(m, now, why->err.retry_after_ms);
	}
	settle(m, now);
}

void machine_message(struct machine *m, int64_t now, const char *text, size_t len)
{
	if (m->state != STATE_OPEN)
		return;
	m->last_activity = now;
	apply(m, now, ingest_notification(&m->ingest, now, text, len));
	if (m->cancelled)
		start_next_job(m);
}

static void send_conn_check(struct machine *m)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"connCheck\":{\"interval\":%lld}}",
		(long long)((m->keepalive_ms + 999) / 1000));
	send_text(m, text);
}

/* "900 ms", "2.5 s", "30 s" */
static void format_ms(char out[static 32], int64_t ms)
{
	if (ms < 1000)
		snprintf(out, 32, "%lld ms", (long long)ms);
	else
		snprintf(out, 32, ms % 1000 && ms < 10000 ? "%.1f s" : "%.0f s", (double)ms / 1000);
}

static void connection_timed_out(struct machine *m, int64_t now)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_UNAVAILABLE, "connection timed out");
	push(m, MACHINE_ACT_DROP);
	go_offline(m, now, &err);
	reconnect_later(m, now, 0);
}

static void check_connection(struct machine *m, int64_t now)
{
	struct err err = ERR_INIT;
	int64_t silent;
	char text[32];

	if (m->state == STATE_CONNECTING) {
		connection_timed_out(m, now);
		return;
	}
	if (m->ingest.paused)
		m->last_activity = now; /* the server's data waits until the socket is read again */
	silent = now - m->last_activity;
	if (silent >= MISSED_MAX * m->keepalive_ms) {
		push(m, MACHINE_ACT_DROP);
		format_ms(text, silent);
		err_set(&err, ST_UNAVAILABLE, "no data for %s", text);
		connection_lost(m, now, &err);
		return;
	}
	if (silent < 2 * m->keepalive_ms)
		push(m, MACHINE_ACT_HEARTBEAT);
	/* if the server's connChecks do not come, probe it: its interval may just be long */
	if (!m->server_role || silent >= m->keepalive_ms)
		send_conn_check(m);
	m->check_at = now + m->keepalive_ms;
	if (m->check_at > m->last_activity + MISSED_MAX * m->keepalive_ms)
		m->check_at = m->last_activity + MISSED_MAX * m->keepalive_ms;
}

static void offline_too_long(struct machine *m, int64_t now)
{
	struct err err = ERR_INIT;
	char text[32];

	format_ms(text, m->options->max_offline_ms);
	err_set(&err, ST_UNAVAILABLE, "no connection for %s%s%s", text, m->offline_err.status ? ": " : "",
		m->offline_err.text);
	finish(m, now, ST_UNAVAILABLE, &err, 0);
}

static bool is_due(int64_t *at, int64_t now)
{
	if (now < *at)
		return false;
	*at = LISTEN_NEVER;
	return true;
}

void machine_tick(struct machine *m, int64_t now)
{
	if (m->state >= STATE_DRAINING) {
		if (m->state == STATE_DRAINING && now >= m->end_at)
			stop_draining(m, now);
	} else if (is_due(&m->for_at, now) || (may_idle(m) && is_due(&m->idle_at, now))) {
		time_over(m, now);
	} else if (is_due(&m->offline_at, now)) {
		offline_too_long(m, now);
	} else if (is_due(&m->channel_ends_at, now)) {
		channel_expired(m, now);
	} else {
		m->want_setup |= is_due(&m->reconnect_at, now);
		m->want_renew |= is_due(&m->renew_at, now);
		m->want_refresh |= is_due(&m->extend_at, now);
		apply(m, now, ingest_tick(&m->ingest, now));
		if (is_due(&m->check_at, now))
			check_connection(m, now);
	}
	settle(m, now);
}

void machine_output_drained(struct machine *m, int64_t now)
{
	settle(m, now);
}

void machine_stop(struct machine *m, int64_t now, enum status status)
{
	finish(m, now, status, NULL, 2 * CLOSE_MS);
	settle(m, now);
}

void machine_reader_gone(struct machine *m, int64_t now)
{
	if (m->reader_gone)
		return;
	m->reader_gone = true;
	finish(m, now, ST_SIGPIPE, NULL, 0);
	settle(m, now);
}

void machine_fail(struct machine *m, int64_t now, const struct err *err)
{
	finish(m, now, err->status, err, 0);
	settle(m, now);
}

int64_t machine_deadline(const struct machine *m)
{
	const int64_t all[] = { m->reconnect_at, m->check_at, m->renew_at, m->extend_at, m->channel_ends_at, m->for_at,
		may_idle(m) ? m->idle_at : LISTEN_NEVER, m->offline_at, m->end_at };
	int64_t first = ingest_deadline(&m->ingest);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i] < first)
			first = all[i];
	}
	return first;
}
