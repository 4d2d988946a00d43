/*
 * ingest.h - from notifications and history pages to lines: drops duplicates, puts the backfill before live messages,
 * filters, and adds lines to the output queue or the exec queue.
 *
 * Called by the state machine (machine.c) only, and never calls it: functions that can require an action of it return a
 * set of enum ingest_effect. Pure.
 *
 * Until the backfill is complete, live messages are buffered. If the history cannot be read for a while, they pass
 * through, and the missing messages follow when the history can be read. One conversation, or one kind of them, that
 * cannot be read does not delay the others.
 *
 * A notification is recognized by its `id`, a message by conversation and message ID, across connections, and across
 * runs by the cursor.
 */
#ifndef KANDY_LISTEN_INGEST_H
#define KANDY_LISTEN_INGEST_H

#include "listen/backfill.h"
#include "listen/exec_queue.h"
#include "listen/job.h"
#include "listen/listen.h"
#include "listen/output_queue.h"
#include "listen/warn.h"
#include "base/backoff.h"
#include "base/hash.h"

/* Where lines and messages go; borrowed. */
struct listen_io {
	struct cursor *cursor;
	struct output_queue *output;
	struct exec_queue *exec; /* for messages; NULL: everything goes to `output` */
	void (*warn)(const char *format, ...) __attribute__((format(printf, 1, 2)));
	/* messages may be missing or out of order; printed even with -q */
	void (*error)(const char *format, ...) __attribute__((format(printf, 1, 2)));
	int64_t (*wall_ms)(void); /* the time of day, for timestamps */
};

/* What the state machine has to do, in this order. */
enum ingest_effect {
	INGEST_GOT_DATA = 1, /* a notification other than a keepalive came */
	INGEST_SEND_ACK = 2, /* answer a connCheck */
	INGEST_SERVER_INTERVAL = 4, /* `server_interval_ms` is known */
	INGEST_CANCELLED = 8, /* subscriptions of the services in `cancelled` are gone */
	INGEST_READY = 16, /* the backfill is complete, or goes on in the background */
	INGEST_ACTIVE = 32, /* restart --idle */
	INGEST_CONNECT = 64, /* the baseline is complete */
	INGEST_PAUSE = 128, /* stop reading the socket */
	INGEST_RESUME = 256,
	INGEST_FINISH = 512, /* end with `finish` */
};

struct ingest {
	const struct listen_options *options;
	struct listen_io io;
	unsigned effects; /* to be returned */
	int64_t server_interval_ms; /* with INGEST_SERVER_INTERVAL */
	unsigned cancelled; /* with INGEST_CANCELLED */
	struct ingest_finish {
		enum status status;
		struct err err;
		bool drain; /* write everything that is queued first */
	} finish; /* with INGEST_FINISH */

	bool connected; /* the socket is open */
	bool closed; /* no more lines are added */
	bool paused;
	int64_t lines; /* of notifications, queued so far */
	int64_t skipped; /* messages that could not be printed */

	/* duplicates, lines */
	struct hash_key key;
	struct hash_recent ids, emitted;
	struct notification_decoder decoder;
	struct buf line, filtered;
	struct json_doc text_doc;
	struct cursor_conversation *last_conversation;
	int64_t *backfilled_until_s; /* by conversation: live messages up to this second are late duplicates */
	size_t backfilled_count;
	struct warn_limiter late_warn;

	/* backfill */
	struct backfill backfill;
	bool history; /* there is a history that can be asked */
	bool baseline; /* the first run: existing messages are to be marked as taken */
	bool backfilling;
	bool backfill_rerun; /* start again afterwards, because of a gap since the start */
	bool backfill_incomplete; /* everything but some failed conversations was read since the start */
	bool listing; /* the list of conversations was requested */
	bool pass_through; /* the history is late: live messages are not buffered */
	bool refusal_reported;
	unsigned page_failures; /* in a row */
	int64_t backfilled_lines; /* since the start */
	struct err history_err; /* why part of the history is missing; it is retried */
	struct warn_limiter history_warn;
	struct backoff history_backoff;
	struct buf buffered; /* live notifications, each with its length in front */

	/* deadlines, or LISTEN_NEVER */
	int64_t backfill_retry_at;
	int64_t history_recheck_at; /* look for messages whose notification could not be decoded */
	int64_t history_recheck_next; /* not before this time */
	int64_t stall_at; /* let live messages pass, unless the backfill makes progress */
};

void ingest_init(struct ingest *in, const struct listen_options *options, const struct listen_io *io, bool baseline);
void ingest_release(struct ingest *in);

unsigned ingest_connected(struct ingest *in, int64_t now); /* starts a backfill */
/* Drops the buffered live messages, which the history will bring. Lines that were backfilled still go out. */
void ingest_disconnected(struct ingest *in);
void ingest_close(struct ingest *in); /* no more lines */

/* Starts a backfill: after a gap, or without a connection (--once, the baseline). */
void ingest_backfill(struct ingest *in, int64_t now);
bool ingest_needs_baseline(const struct ingest *in); /* before the first connection */
bool ingest_is_buffering(const struct ingest *in); /* live messages wait for the backfill */
bool ingest_request(struct ingest *in, struct job_request *request); /* the next job, if one is needed */
unsigned ingest_conversations(struct ingest *in, int64_t now, struct job_result *result);
unsigned ingest_page(struct ingest *in, int64_t now, struct job_result *result, const char *self);

unsigned ingest_notification(struct ingest *in, int64_t now, const char *text, size_t len);
void ingest_event(struct ingest *in, const char *status, const char *reason); /* a connection event, with --events */

/* Queues backfilled lines while there is room, and pauses or resumes the socket. */
unsigned ingest_advance(struct ingest *in, int64_t now);
unsigned ingest_tick(struct ingest *in, int64_t now);
int64_t ingest_deadline(const struct ingest *in); /* when to call ingest_tick() */

#endif
