/*
 * listener.h - what `listen` does when, as a state machine without a socket, a clock or a thread.
 *
 * Events go in, with the time they happened at; actions come out, to be done by whoever drives it (listen_run.c; the
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
#ifndef KANDY_LISTEN_LISTENER_H
#define KANDY_LISTEN_LISTENER_H

#include "listen/handover.h"
#include "client/history.h"
#include "listen/outflow.h"
#include "base/secret.h"
#include "json/filter.h"
#include "store/cursor.h"
#include "ws/ws.h"

struct listener;

#define LISTENER_NEVER INT64_MAX

struct listener_config {
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
	struct outflow *outflow;
	struct handover *handover; /* messages go here; NULL: everything goes to the outflow */
	void (*warn)(const char *text); /* NULL: nobody hears it, as the next */
	void (*error)(const char *text); /* a message was lost, or may have been; said with -q, too */
	int64_t (*wall_ms)(void); /* for timestamps of connection events */
};

enum listener_job {
	LISTENER_JOB_NONE = 0,
	LISTENER_PREPARE, /* token, channel, path of the socket */
	LISTENER_RENEW, /* a new token */
	LISTENER_MEND, /* the channel's lifetime extended, and what is subscribed looked at */
	LISTENER_SESSIONS, /* the conversations */
	LISTENER_PAGE, /* a page of one */
};

struct listener_request {
	enum listener_job job;
	bool token_only; /* PREPARE: no channel is needed */
	bool refused; /* PREPARE: the server did not take the token that it was last given */
	bool anew; /* PREPARE: make a new channel, the one that there is is no use */
	bool again; /* PREPARE: not for the first time; so what is not subscribed (any more) shall not be */
	unsigned
		cancelled; /* PREPARE, MEND: services (channel.h) whose subscriptions have gone, whatever a list says */
	bool all; /* SESSIONS: also of services that are not subscribed */
	const struct history_session *session; /* PAGE */
	const char *next; /* PAGE: token, or NULL */
};

struct listener_result {
	enum listener_job job;
	enum status status;
	struct err err; /* http is 0 where it is the login that failed, and not what was asked for */
	/* PREPARE, RENEW, MEND: what holds now */
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
struct listener_result listener_result_of(enum listener_job job); /* nothing is known yet */
void listener_result_release(struct listener_result *result); /* also for a zeroed struct */

enum listener_action_kind {
	LISTENER_ACT_JOB, /* start `request`; there is never more than one */
	LISTENER_ACT_CONNECT, /* to `path` with `token` by `address` */
	LISTENER_ACT_SEND, /* `text` */
	LISTENER_ACT_PAUSE,
	LISTENER_ACT_RESUME,
	LISTENER_ACT_CLOSE, /* with 1000; a closed event must follow */
	LISTENER_ACT_DROP, /* at once; no closed event follows */
	LISTENER_ACT_ALIVE, /* there was a sign of life of the server (heartbeat) */
	LISTENER_ACT_READY, /* the first connection is up and the history has come (READY=1) */
	LISTENER_ACT_EXIT, /* with `status` and `err`; ST_PARTIAL where all is well but for messages that were lost */
};

struct listener_action {
	enum listener_action_kind kind;
	struct listener_request request;
	const char *path, *address; /* borrowed until the next event */
	const struct secret *token;
	char text[64];
	enum status status;
	struct err err; /* of EXIT: why, where there is something to say */
};

struct listener *listener_new(const struct listener_config *config);
void listener_free(struct listener *l);

/* Events. Times are clock_mono_ms(). */
void listener_start(struct listener *l, int64_t now);
void listener_done(struct listener *l, int64_t now, struct listener_result *result); /* takes what it needs out of it */
void listener_opened(struct listener *l, int64_t now);
void listener_closed(struct listener *l, int64_t now, const struct ws_closed *why);
void listener_message(struct listener *l, int64_t now, const char *text, size_t len);
void listener_tick(struct listener *l, int64_t now); /* the deadline has passed */
void listener_room(struct listener *l, int64_t now); /* something was taken from the outflow or the handover */
void listener_stop(struct listener *l, int64_t now, enum status status); /* a signal: finish the line, close */
void listener_reader_gone(struct listener *l, int64_t now);
void listener_fail(struct listener *l, int64_t now, const struct err *err); /* the driver cannot go on */

int64_t listener_deadline(const struct listener *l); /* when to call listener_tick(); LISTENER_NEVER: no need */
bool listener_next(struct listener *l, struct listener_action *action); /* the next thing to do; false: nothing */

bool listener_connected(const struct listener *l);

#endif
