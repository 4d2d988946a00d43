/*
 * machine.h - what `listen` does when, as a state machine without a socket, a clock or a thread.
 *
 * Events go in, with the time they happened at; actions come out, to be done by whoever drives it (run.c; the
 * unit tests play that part too). Lines go to the outflow or the handover that it was given.
 *
 * The way of a connection:
 *
 *	prepare (job) -> connect -> open: hold what the socket delivers -> list of conversations, pages (jobs)
 *	-> lines of the history, oldest first -> what was held -> live -> closed, or silent for three keep-alive
 *	intervals -> wait -> prepare ...
 *
 * The first time, where nothing is known, what the history has is taken down as known before the first connection, so
 * that whatever comes later, by whichever way, is new.
 *
 * "prepare" gets a valid token, and asks the server for the channel and its subscriptions: what it does not know (any
 * more) is made anew. While a connection lives, the token is renewed when half of its life is over, and so are the
 * channel's lifetime and the look at the subscriptions, at once where the server says that one is cancelled. A channel
 * that could not be extended is left when its time is over, whether the server closes the socket or not.
 *
 * Where the history does not come, what the socket delivers is held for a while and then let through; the history is
 * asked for on, and what is missing comes, late, when it can be read. Of what the history has, one conversation, or one
 * kind, that cannot be read holds up no other.
 *
 * What is known to have been handed on once is not handed on again: notifications by their `id`, messages by
 * conversation and message ID, across connections, and across runs by the cursor.
 */
#ifndef KANDY_LISTEN_MACHINE_H
#define KANDY_LISTEN_MACHINE_H

#include "listen/exec_queue.h"
#include "client/client.h"
#include "listen/output_queue.h"
#include "base/secret.h"
#include "json/filter.h"
#include "store/cursor.h"
#include "ws/ws.h"

struct machine;

#define LISTEN_NEVER INT64_MAX

struct machine_config {
	int64_t keepalive_ms; /* between two connChecks; three without a sign of life end the connection */
	int64_t count; /* end after so many lines; 0: no limit */
	int64_t for_ms; /* end after so long; 0: never */
	int64_t idle_ms; /* end after so long without a line, once ready, and not while the history comes; 0: never */
	/* give up after so long without a connection; 0: at the first failure while it never worked, then never */
	int64_t max_offline_ms;
	bool once; /* what the history has, no socket */
	bool baseline; /* nothing is known: what the history has at the start counts as taken */
	bool events; /* connection events too */
	bool text; /* lines for people */
	bool terminal; /* they read them on one: utf8_escape_controls() */
	bool outbound; /* also what this user has sent; otherwise neither the socket's nor the history's is printed */
	bool history; /* false: there is none to ask (tests) */
	const char *temp_dir;
	struct filter *filter; /* NULL: none; borrowed */
	struct cursor *cursor; /* borrowed, as the next two */
	struct output_queue *output;
	struct exec_queue *exec_queue; /* messages go here; NULL: everything goes to the outflow */
	void (*warn)(const char *text); /* NULL: nobody hears it, as the next */
	void (*error)(const char *text); /* a message was lost, or may have been; said with -q, too */
	int64_t (*wall_ms)(void); /* for timestamps of connection events */
};

enum job_kind {
	JOB_NONE = 0,
	JOB_SETUP, /* token, channel, path of the socket */
	JOB_RENEW_TOKEN, /* a new token */
	JOB_REFRESH_CHANNEL, /* the channel's lifetime extended, and what is subscribed looked at */
	JOB_CONVERSATIONS, /* the conversations */
	JOB_PAGE, /* a page of one */
};

struct job_request {
	enum job_kind job;
	bool token_only; /* SETUP: no channel is needed */
	bool refused; /* SETUP: the server did not take the token that it was last given */
	bool anew; /* SETUP: make a new channel, the one that there is is no use */
	bool again; /* SETUP: not for the first time; so what is not subscribed (any more) shall not be */
	unsigned cancelled; /* SETUP, REFRESH_CHANNEL: services (channel.h) whose subscriptions are gone */
	bool all; /* SESSIONS: also of services that are not subscribed */
	const struct history_session *session; /* PAGE */
	const char *next; /* PAGE: token, or NULL */
};

struct job_result {
	enum job_kind job;
	enum status status;
	struct err err; /* http is 0 where it is the login that failed, and not what was asked for */
	/* SETUP, RENEW, REFRESH_CHANNEL: what holds now */
	char *path, *address, *self; /* of the socket; numeric, or NULL; the user's own */
	struct secret token;
	bool server_role; /* the server sends the connChecks */
	int64_t renew_in_ms, token_ends_in_ms; /* when to get another one, and when it is over; -1: unknown */
	int64_t extend_in_ms, channel_ends_in_ms;
	unsigned made; /* services that had to be subscribed anew */
	/* SESSIONS */
	struct history_sessions sessions;
	bool partial; /* some of it could be read, in spite of `status` */
	/* PAGE */
	struct client_response page;
	struct json_value messages; /* in `page` */
	char *more;
};
struct job_result job_result_init(enum job_kind job); /* nothing is known yet */
void job_result_release(struct job_result *result); /* also for a zeroed struct */

enum machine_action_kind {
	MACHINE_ACT_JOB, /* start `request`; there is never more than one */
	MACHINE_ACT_CONNECT, /* to `path` with `token` by `address` */
	MACHINE_ACT_SEND, /* `text` */
	MACHINE_ACT_PAUSE,
	MACHINE_ACT_RESUME,
	MACHINE_ACT_CLOSE, /* with 1000; a closed event must follow */
	MACHINE_ACT_DROP, /* at once; no closed event follows */
	MACHINE_ACT_HEARTBEAT, /* there was a sign of life of the server (heartbeat) */
	MACHINE_ACT_READY, /* the first connection is up and the history has come (READY=1) */
	MACHINE_ACT_EXIT, /* with `status` and `err`; ST_PARTIAL where all is well but for messages that were lost */
};

struct machine_action {
	enum machine_action_kind kind;
	struct job_request request;
	const char *path, *address; /* borrowed until the next event */
	const struct secret *token;
	char text[64];
	enum status status;
	struct err err; /* of EXIT: why, where there is something to say */
};

struct machine *machine_new(const struct machine_config *config);
void machine_free(struct machine *l);

/* Events. Times are clock_mono_ms(). */
void machine_start(struct machine *l, int64_t now);
void machine_job_done(struct machine *l, int64_t now, struct job_result *result); /* takes what it needs out of it */
void machine_opened(struct machine *l, int64_t now);
void machine_closed(struct machine *l, int64_t now, const struct ws_closed *why);
void machine_message(struct machine *l, int64_t now, const char *text, size_t len);
void machine_tick(struct machine *l, int64_t now); /* the deadline has passed */
void machine_output_drained(struct machine *l, int64_t now); /* something was taken from the outflow or the handover */
void machine_stop(struct machine *l, int64_t now, enum status status); /* a signal: finish the line, close */
void machine_reader_gone(struct machine *l, int64_t now);
void machine_fail(struct machine *l, int64_t now, const struct err *err); /* the driver cannot go on */

int64_t machine_deadline(const struct machine *l); /* when to call machine_tick(); LISTEN_NEVER: no need */
bool machine_next(struct machine *l, struct machine_action *action); /* the next thing to do; false: nothing */

bool machine_connected(const struct machine *l);

#endif
