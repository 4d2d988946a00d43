/*
 * queue.h - messages on their way out, many at once.
 *
 * What a command reads (one message from its options, lines, JSON lines, the spool) becomes drafts; a draft goes to
 * one or more recipients. The queue uploads attachments, posts the messages, looks up in history what may have been
 * sent, and reports one result for each recipient. What it promises:
 *
 *  - Up to `jobs` requests are under way at once, begun in the order of the items. In one conversation, messages go
 *    out one after the other, in the order in which they were added, whatever happens to each; uploads run ahead of
 *    their turn.
 *  - A file (device, inode, size, times, name, type) is uploaded once for all the messages of the run that carry it.
 *    The last SEND_QUEUE_UPLOADS_KEPT of them are remembered.
 *  - Results come in the order of the drafts and recipients, or as they are known (`unordered`).
 *  - Memory is bounded: send_queue_has_room() says when to wait before adding more.
 *  - What failed without reaching the service was repeated by the client (client.h); what may have been sent is
 *    looked for in the conversation's history (lookup.h) and sent again only if it is surely not there.
 *
 *	while (more input or !send_queue_is_empty(queue)) {
 *		while (send_queue_has_room(queue) && (draft = next()))
 *			send_queue_add(queue, draft);
 *		if ((st = send_queue_step(queue, 1000, stdin_fd, err)))
 *			break;
 *	}
 */
#ifndef KANDY_SEND_QUEUE_H
#define KANDY_SEND_QUEUE_H

#include "client/client.h"
#include "wire/draft.h"
#include "wire/message.h"

#define SEND_QUEUE_WINDOW 1024 /* recipients under way, waiting, or reported only after others */
#define SEND_QUEUE_WINDOW_BYTES ((size_t)16 << 20) /* of their texts and input lines */
#define SEND_QUEUE_UPLOADS_KEPT 4096
#define SEND_QUEUE_LAST_IDS_KEPT 4096 /* conversations of which the last message ID is remembered */
#define SEND_QUEUE_BLOCKED_MAX \
	16384 /* conversations that are held back; with so many, all are: it is not they that fail */

struct send_queue;

/* Who carries the requests: a struct client, or a test in its place. */
struct send_transport {
	enum status (*start)(void *client, const struct client_call *call, client_done *done, void *arg,
		struct err *err);
	enum status (*step)(void *client, int wait_ms, int extra_fd, struct err *err);
	void *client;
};

enum send_on_unknown { ON_UNKNOWN_CHECK = 0, ON_UNKNOWN_RESEND, ON_UNKNOWN_FAIL };

enum send_outcome {
	OUTCOME_SENT,
	OUTCOME_FAILED, /* surely not sent */
	OUTCOME_UNKNOWN, /* maybe sent, and nobody can tell */
	OUTCOME_BLOCKED, /* not tried: after send_queue_stop(), or behind one that failed for now (`block`) */
};

/* What OUTCOME_FAILED is due to: what to do with the message follows from that. */
enum send_cause {
	CAUSE_MESSAGE, /* it was refused, or cannot be read: it would fail again */
	CAUSE_TEMPORARY, /* the service, or the way to it, just now */
	CAUSE_LOGIN, /* there is no token, and so for no message */
	CAUSE_ENVIRONMENT, /* this machine, its settings, or something in the service's place: a person must look */
	CAUSE_INTERRUPTED, /* a signal */
};

struct send_result {
	enum send_outcome outcome;
	enum send_cause cause; /* OUTCOME_FAILED */
	const struct address *to; /* NULL: the draft names none that can be read */
	struct message_sent sent; /* OUTCOME_SENT */
	int64_t attempts; /* of posting the message */
	struct err err; /* unless sent */
	/* wall clock: the first attempt that may have been received, and the end of the last one; 0: none */
	int64_t attempted_ms, lost_ms;
	const struct message_file *files; /* the uploaded objects, or NULL where not all were uploaded */
};

struct send_queue_config {
	struct send_transport transport;
	const char *user_id, *sender, *correlator; /* of the session; copied */
	struct retry_policy retry; /* of a message, however its attempts fail */
	int64_t jobs; /* at least 1 */
	enum send_on_unknown on_unknown;
	/*
	 * A message that history does not show yet may still be on its way: it is looked for again after that time,
	 * and once more after twice as long; where the service may still be at work on it (err.pending), three more
	 * times, eight times as long apart at most
	 */
	int64_t lookup_delay_ms;
	bool unordered;
	/* a message that may be sent later holds what comes behind it in its conversation, so that nothing overtakes */
	bool block;
	bool fail_fast; /* stop after a failure; with `block`, only after one that a retry cannot cure */
	const char *sent_ids; /* the file of store/sent_ids.h, where what is sent is noted; copied, NULL: none */

	/*
	 * Called once for each recipient of each draft (once for a draft without any); both pointers are good during
	 * the call.
	 */
	void (*result)(void *arg, struct draft *draft, const struct send_result *result);
	/*
	 * Called before a message is posted for the first time, with the wall clock; a failure is the message's.
	 * NULL: not.
	 */
	enum status (*before_post)(void *arg, struct draft *draft, const struct message *message, int64_t now_ms,
		struct err *err);
	/* Bytes of an upload so far; at most ten times a second. NULL: not. */
	void (*progress)(void *arg, const char *name, int64_t sent, int64_t total);
	void *arg;
};

struct send_queue *send_queue_new(const struct send_queue_config *config);
void send_queue_free(struct send_queue
		*queue); /* NULL is fine. Nothing may be under way at the client any more, or the client is gone */

/* The transport over a client. */
struct send_transport send_transport_client(struct client *client);

bool send_queue_has_room(const struct send_queue *queue);
void send_queue_add(struct send_queue *queue, struct draft *draft); /* takes it over */
size_t send_queue_pending(const struct send_queue *queue); /* results that have not been reported */
bool send_queue_is_empty(const struct send_queue *queue); /* every result has been reported */

/*
 * Starts what can be started and waits for answers, at most `wait_ms` or until `extra_fd` is readable. Fails as
 * client_step() does.
 */
enum status send_queue_step(struct send_queue *queue, int wait_ms, int extra_fd, struct err *err) MUST_USE;

/*
 * From now on nothing more is begun: what has not been posted yet, and what is added later, is reported as
 * OUTCOME_BLOCKED.
 */
void send_queue_stop(struct send_queue *queue);

/*
 * Stops, and reports everything that is under way at once, as far as it is known: a message that was being posted is
 * OUTCOME_UNKNOWN. After a signal, or any other failure of send_queue_step().
 */
void send_queue_abort(struct send_queue *queue, const struct err *reason);

#endif
