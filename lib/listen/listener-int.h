/*
 * listener-int.h - the insides of the listener, shared by listener.c (connection and jobs) and flow.c (what comes in
 * and goes out).
 */
#ifndef KANDY_LISTEN_LISTENER_INT_H
#define KANDY_LISTEN_LISTENER_INT_H

#include "listen/backfill.h"
#include "listen/listener.h"
#include "base/backoff.h"
#include "base/hash.h"

#define WAITING_HIGH \
	((size_t)1 << 20) /* what waits for the reader and the command weighs so much: the socket is paused */
#define WAITING_LOW ((size_t)256 << 10) /* and goes on */
#define HELD_HIGH ((size_t)256 << 10) /* bytes held while the history comes */
#define KEEPALIVE_MAX 200 /* bytes; what is longer is none */
#define IDS_REMEMBERED 4096 /* notification IDs; the vendor's client remembers 100 */
#define EMITTED_REMEMBERED 16384 /* messages handed on: more than an outflow holds; the cursor knows the rest */

enum listener_state {
	STATE_OFFLINE, /* waiting for `reconnect_at`, or for a job */
	STATE_CONNECTING,
	STATE_OPEN, /* and holding, while `filling` */
	STATE_DRAINING, /* no more comes in; what is in the outflow goes out */
	STATE_CLOSING, /* the close frame is out */
	STATE_DONE,
};

/* What goes wrong for longer is said when it begins, and now and then while it lasts. A zeroed one is a good start. */
struct trouble {
	int64_t say_at, wait_ms;
};

struct listener {
	struct listener_config config;
	enum listener_state state;
	bool socket; /* there is a connection, or one under way */

	struct listener_action actions[16];
	size_t action_head, action_count;

	/* jobs: what is wanted, and whether the worker is busy */
	enum listener_job busy;
	bool want_prepare, want_renew, want_mend;
	struct listener_request prepare; /* what the next one is to ask for, until one has succeeded */
	bool prepared; /* one has, once */
	unsigned cancelled; /* services (channel.h) whose subscriptions have gone */
	unsigned asked; /* of these, what the job that is under way is about */

	/* what is known for a connection */
	char *path, *address, *self;
	struct secret token;
	bool server_role;
	int64_t server_interval_ms; /* how often its connChecks come, as it has said once; 0: unknown */

	struct backoff backoff;
	struct backoff history_backoff;
	struct trouble offline_trouble, token_trouble, channel_trouble, history_trouble, late_trouble;
	struct err offline_err; /* why there is no connection */
	unsigned refusals; /* of the upgrade, in a row */
	bool ever_open, ready;
	bool drain_all; /* the end waits until all is out */
	bool cut; /* no line is begun any more */
	bool reader_gone;
	int64_t opened_at, last_sign; /* of life */
	bool useful; /* something came on this connection but keep-alives */
	int64_t keepalive_ms; /* of this connection */

	/* deadlines; LISTENER_NEVER */
	int64_t reconnect_at, check_at, renew_at, extend_at, for_at, idle_at, offline_at, refill_at, end_at;
	int64_t token_ends_at; /* no deadline: what cannot be renewed by then is over */
	int64_t channel_ends_at; /* the channel has gone, unless it was extended */
	int64_t reread_at; /* the history is asked for what could not be read on the socket */
	int64_t stall_at; /* what is held is let through, unless something of the history comes */

	/* what comes in */
	struct hash_key key;
	struct recent ids, emitted;
	struct notification_decoder decoder;
	struct buf line, filtered;
	struct json_doc text_doc;
	struct cursor_peer *last_peer;
	bool filling; /* the history is being fetched; messages are held, unless */
	bool loose; /* it could not be read for so long that they are let through, until it is */
	struct err history_err; /* why some of it could not be read; it is asked for again */
	bool partly; /* what could be read was, since the fill began; it is the rest alone that is waited for */
	bool refusal_said; /* that some of it is not for us */
	int64_t reread_next; /* not before */
	unsigned page_failures; /* in a row */
	bool refill; /* and once more when it is through: there was a gap since it began */
	bool baseline; /* what the history has is to be taken down as known, before the first connection */
	bool gap; /* there was another connection before this one */
	struct backfill backfill;
	struct buf held; /* each with its length before it */
	bool paused;
	int64_t lines; /* handed on, of notifications */
	int64_t lost; /* messages that could not be */
	int64_t poured; /* lines of the history, since the fill began */

	enum status exit_status;
	struct err exit_err;
};

/* listener.c */
struct listener_action *listener_push(struct listener *l, enum listener_action_kind kind);
void listener_complain(struct listener *l, struct trouble *trouble, int64_t now, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool listener_login_over(const struct err *err); /* nothing can be asked for any more */
bool listener_hopeless(const struct listener *l, const struct err *err); /* waiting does not mend it */
void listener_server_interval(struct listener *l, int64_t interval_ms); /* its connCheck says how often one comes */
void listener_finish(struct listener *l, int64_t now, enum status status, const struct err *err, int64_t drain_ms);
void listener_send(struct listener *l, const char *text);
void listener_connect(struct listener *l, int64_t now); /* with what PREPARE has brought */
void listener_ready(struct listener *l, int64_t now);
void listener_begin_idle(struct listener *l, int64_t now); /* from now on, nothing has come */

/* flow.c */
void flow_init(struct listener *l);
void flow_release(struct listener *l);
/* Asks the history: a connection is open, and what it delivers is held; or there is none (--once, the baseline). */
void flow_begin(struct listener *l, int64_t now);
bool flow_holding(const struct listener *l);
/* The connection has gone: what is held will come from the history. Lines that were fetched still go out. */
void flow_abandon(struct listener *l);
void flow_stalled(struct listener *l, int64_t now); /* l->stall_at has passed */
void flow_reread(struct listener *l, int64_t now); /* l->reread_at has */
void flow_message(struct listener *l, int64_t now, const char *text, size_t len);
void flow_sessions(struct listener *l, int64_t now, struct listener_result *result);
void flow_page(struct listener *l, int64_t now, struct listener_result *result);
void flow_advance(struct listener *l, int64_t now); /* as far as there is room; pauses or resumes the socket */
bool flow_request(struct listener *l, struct listener_request *request); /* the history's next job, if it needs one */
void flow_event(struct listener *l, const char *status, const char *reason);

#endif
