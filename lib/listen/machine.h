/*
 * machine.h - the listener as a state machine without a socket, a clock or a thread.
 *
 * Events go in, with the time at which they happened; actions come out, to be done by the driver (run.c; in the unit
 * tests the test). Lines go to the queues of struct listen_io.
 *
 *	setup (job) -> connect -> open: buffer live messages -> list of conversations, pages (jobs) -> backfilled
 *	lines -> buffered lines -> live -> closed, or silent for three keepalive intervals -> wait -> setup ...
 *
 * On the first run of a profile, existing messages are marked as taken before the first connection (the baseline), so
 * that every later message is new, however it arrives.
 *
 * Setup gets a valid token, and checks the channel and its subscriptions with the server; missing ones are re-created.
 * During a connection, token, channel and subscriptions are renewed after half of their lifetime, and subscriptions at
 * once if the server cancels them. A channel that could not be extended is replaced when its lifetime ends, whether the
 * server closes the socket or not.
 */
#ifndef KANDY_LISTEN_MACHINE_H
#define KANDY_LISTEN_MACHINE_H

#include "listen/ingest.h"
#include "ws/ws.h"

struct machine;

enum machine_action_kind {
	MACHINE_ACT_JOB, /* start `request`; never more than one at a time */
	MACHINE_ACT_CONNECT, /* to `path` at `address`, with `token` */
	MACHINE_ACT_SEND, /* `text` */
	MACHINE_ACT_PAUSE, /* stop reading the socket */
	MACHINE_ACT_RESUME,
	MACHINE_ACT_CLOSE, /* with code 1000; machine_closed() must follow */
	MACHINE_ACT_DROP, /* at once; machine_closed() does not follow */
	MACHINE_ACT_HEARTBEAT, /* the server has responded */
	MACHINE_ACT_READY, /* the first backfill is complete (READY=1) */
	MACHINE_ACT_EXIT, /* with `status` and `err` */
};

struct machine_action {
	enum machine_action_kind kind;
	struct job_request request;
	const char *path, *address; /* borrowed until the next event */
	const struct secret *token;
	char text[64];
	enum status status;
	struct err err; /* EXIT: the reason, if there is one */
};

/* `options` is borrowed. `baseline`: nothing is known about earlier messages, so existing ones count as taken. */
struct machine *machine_new(const struct listen_options *options, const struct listen_io *io, bool baseline);
void machine_free(struct machine *m);

/* Events. Times are clock_mono_ms(). */
void machine_start(struct machine *m, int64_t now);
void machine_job_done(struct machine *m, int64_t now, struct job_result *result); /* takes parts of `result` */
void machine_opened(struct machine *m, int64_t now);
void machine_closed(struct machine *m, int64_t now, const struct ws_closed *why);
void machine_message(struct machine *m, int64_t now, const char *text, size_t len);
void machine_tick(struct machine *m, int64_t now); /* the deadline has passed */
void machine_output_drained(struct machine *m, int64_t now); /* an entry or bytes left one of the queues */
void machine_stop(struct machine *m, int64_t now, enum status status); /* a signal: finish the line, then close */
void machine_reader_gone(struct machine *m, int64_t now);
void machine_fail(struct machine *m, int64_t now, const struct err *err); /* the driver cannot go on */

int64_t machine_deadline(const struct machine *m); /* when to call machine_tick(), or LISTEN_NEVER */
bool machine_next(struct machine *m, struct machine_action *action); /* the next action; false: none */

#endif
