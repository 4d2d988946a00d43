/*
 * machine-int.h - the insides of the listener, shared by machine.c (connection and jobs) and ingest.c (what comes in
 * and goes out).
 */
#ifndef KANDY_LISTEN_MACHINE_INT_H
#define KANDY_LISTEN_MACHINE_INT_H

#include "listen/backfill.h"
#include "listen/machine.h"
#include "base/backoff.h"
#include "base/hash.h"

#define HIGH_WATERMARK \
	((size_t)1 << 20) /* what waits for the reader and the command weighs so much: the socket is paused */
#define LOW_WATERMARK ((size_t)256 << 10) /* and goes on */
#define BUFFERED_MAX ((size_t)256 << 10) /* bytes held while the history comes */
#define KEEPALIVE_MAX 200 /* bytes; what is longer is none */
#define IDS_REMEMBERED 4096 /* notification IDs; the vendor's client remembers 100 */
#define EMITTED_REMEMBERED 16384 /* messages handed on: more than an outflow holds; the cursor knows the rest */

enum machine_state {
	STATE_OFFLINE, /* waiting for `reconnect_at`, or for a job */
	STATE_CONNECTING,
	STATE_OPEN, /* and holding, while `backfilling` */
	STATE_DRAINING, /* no more comes in; what is in the outflow goes out */
	STATE_CLOSING, /* the close frame is out */
	STATE_DONE,
};

/* What goes wrong for longer is said when it begins, and now and then while it lasts. A zeroed one is a good start. */
struct warn_limiter {
	int64_t next_at, interval_ms;
};

struct machine {
	struct machine_config config;
	enum machine_state state;
	bool socket; /* there is a connection, or one under way */

	struct machine_action actions[16];
	size_t action_head, action_count;

	/* jobs: what is wanted, and whether the worker is busy */
	enum job_kind busy;
	bool want_setup, want_renew, want_refresh;
	struct job_request setup; /* what the next one is to ask for, until one has succeeded */
	bool setup_done; /* one has, once */
	unsigned cancelled; /* services (channel.h) whose subscriptions have gone */
	unsigned asked; /* of these, what the job that is under way is about */

	/* what is known for a connection */
	char *path, *address, *self;
	struct secret token;
	bool server_role;
	int64_t server_interval_ms; /* how often its connChecks come, as it has said once; 0: unknown */

	struct backoff backoff;
	struct backoff history_backoff;
	struct warn_limiter offline_warn, token_warn, channel_warn, history_warn, late_warn;
	struct err offline_err; /* why there is no connection */
	unsigned refusals; /* of the upgrade, in a row */
	bool ever_open, ready;
	bool drain_all; /* the end waits until all is out */
	bool cut; /* no line is begun any more */
	bool reader_gone;
	int64_t opened_at, last_activity; /* of life */
	bool got_data; /* something came on this connection but keep-alives */
	int64_t keepalive_ms; /* of this connection */

	/* deadlines; LISTEN_NEVER */
	int64_t reconnect_at, check_at, renew_at, extend_at, for_at, idle_at, offline_at, backfill_retry_at, end_at;
	int64_t token_ends_at; /* no deadline: what cannot be renewed by then is over */
	int64_t channel_ends_at; /* the channel has gone, unless it was extended */
	int64_t history_recheck_at; /* the history is asked for what could not be read on the socket */
	int64_t stall_at; /* what is held is let through, unless something of the history comes */

	/* what comes in */
	struct hash_key key;
	struct hash_recent ids, emitted;
	struct notification_decoder decoder;
	struct buf line, filtered;
	struct json_doc text_doc;
	struct cursor_conversation *last_peer;
	bool backfilling; /* the history is being fetched; messages are held, unless */
	bool pass_through; /* it could not be read for so long that they are let through, until it is */
	struct err history_err; /* why some of it could not be read; it is asked for again */
	bool backfill_incomplete; /* the rest is being retried; it does not extend stall_at */
	bool refusal_said; /* that some of it is not for us */
	int64_t history_recheck_next; /* not before */
	unsigned page_failures; /* in a row */
	bool backfill_rerun; /* and once more when it is through: there was a gap since it began */
	bool baseline; /* what the history has is to be taken down as known, before the first connection */
	bool gap; /* there was another connection before this one */
	struct backfill backfill;
	struct buf buffered; /* each with its length before it */
	bool paused;
	int64_t lines; /* handed on, of notifications */
	int64_t lost; /* messages that could not be */
	int64_t backfilled_lines; /* lines of the history, since the fill began */

	enum status exit_status;
	struct err exit_err;
};

/* machine.c */
struct machine_action *machine_push(struct machine *l, enum machine_action_kind kind);
void machine_warn_ratelimited(struct machine *l, struct warn_limiter *trouble, int64_t now, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool job_is_auth_lost(const struct err *err); /* nothing can be asked for any more */
bool machine_is_permanent(const struct machine *l, const struct err *err); /* waiting does not mend it */
void machine_server_interval(struct machine *l, int64_t interval_ms); /* its connCheck says how often one comes */
void machine_finish(struct machine *l, int64_t now, enum status status, const struct err *err, int64_t drain_ms);
void machine_send(struct machine *l, const char *text);
void machine_connect(struct machine *l, int64_t now); /* with what SETUP has brought */
void machine_ready(struct machine *l, int64_t now);
void machine_begin_idle(struct machine *l, int64_t now); /* from now on, nothing has come */

/* ingest.c */
void ingest_init(struct machine *l);
void ingest_release(struct machine *l);
/* Asks the history: a connection is open, and what it delivers is held; or there is none (--once, the baseline). */
void ingest_begin(struct machine *l, int64_t now);
bool ingest_is_buffering(const struct machine *l);
/* The connection has gone: what is held will come from the history. Lines that were fetched still go out. */
void ingest_abandon(struct machine *l);
void ingest_stalled(struct machine *l, int64_t now); /* l->stall_at has passed */
void ingest_recheck(struct machine *l, int64_t now); /* l->history_recheck_at has */
void ingest_message(struct machine *l, int64_t now, const char *text, size_t len);
void ingest_sessions(struct machine *l, int64_t now, struct job_result *result);
void ingest_page(struct machine *l, int64_t now, struct job_result *result);
void ingest_advance(struct machine *l, int64_t now); /* as far as there is room; pauses or resumes the socket */
bool ingest_request(struct machine *l, struct job_request *request); /* the history's next job, if it needs one */
void ingest_event(struct machine *l, const char *status, const char *reason);

#endif
