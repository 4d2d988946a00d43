/*
 * queue.h - the send queue: many messages in flight at once, in order for each conversation.
 *
 * A draft goes to one or more recipients. The queue uploads its attachments, posts the messages, checks the history
 * for those whose response was lost, and reports one result for each recipient.
 *
 *  - Up to `jobs` requests are in flight, started in the order of the drafts. Within a conversation, messages are
 *    posted one after the other in the order of send_queue_add(), whatever happens to each; uploads run ahead.
 *  - A file (device, inode, size, times, name, type) is uploaded once for all messages of the run that carry it. The
 *    last SEND_QUEUE_UPLOADS_KEPT files are remembered.
 *  - Results are reported in the order of the drafts and recipients, or as they arrive (`unordered`).
 *  - Memory is bounded: add drafts only while send_queue_has_room().
 *  - The client (client.h) retries requests that were certainly not processed. A message whose response was lost is
 *    looked up in the history (lookup.h), and resent only if it is certainly not there.
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

#define SEND_QUEUE_WINDOW 1024 /* recipients in flight, queued, or not yet reported */
#define SEND_QUEUE_WINDOW_BYTES ((size_t)16 << 20) /* of their texts and input lines */
#define SEND_QUEUE_UPLOADS_KEPT 4096
#define SEND_QUEUE_LAST_IDS_KEPT 4096 /* conversations whose last message ID is remembered */
#define SEND_QUEUE_BLOCKED_MAX 16384 /* blocked conversations; beyond that, all are: the cause is not in them */

struct send_queue;
struct stat;

/*
 * Checks that the file can be attached, and fills `*st`, unless the file is an object that exists already. ST_NOINPUT:
 * missing, a directory, unreadable.
 */
enum status send_check_file(const struct draft_file *file, struct stat *st, struct err *err) MUST_USE;

/* Carries the requests: a struct client, or a substitute in tests. */
struct send_transport {
	enum status (*start)(struct client *client, const struct client_call *call, client_done *done, void *arg,
		struct err *err);
	enum status (*step)(struct client *client, int wait_ms, int extra_fd, struct err *err);
	struct client *client;
};

enum send_on_unknown { ON_UNKNOWN_CHECK = 0, ON_UNKNOWN_RESEND, ON_UNKNOWN_FAIL };

enum send_outcome {
	OUTCOME_SENT,
	OUTCOME_FAILED, /* certainly not sent */
	OUTCOME_UNKNOWN, /* the response was lost, and the history does not tell */
	OUTCOME_BLOCKED, /* not tried: after send_queue_stop(), or behind a message that blocks the conversation */
};

/* The cause of OUTCOME_FAILED. It decides what happens to the message next. */
enum send_cause {
	CAUSE_MESSAGE, /* refused, or unreadable: it would fail again */
	CAUSE_TEMPORARY, /* the service or the network, at the moment */
	CAUSE_LOGIN, /* there is no token, so no message can be sent */
	CAUSE_ENVIRONMENT, /* this machine, its settings, or a proxy that answers in place of the service */
	CAUSE_INTERRUPTED, /* a signal */
};

struct send_result {
	enum send_outcome outcome;
	enum send_cause cause; /* OUTCOME_FAILED */
	const struct address *to; /* NULL: the draft has no readable recipient */
	struct message_sent sent; /* OUTCOME_SENT */
	int64_t attempts; /* to post the message */
	struct err err; /* unless sent */
	int64_t attempted_ms; /* wall clock: the first attempt; 0: none */
	uint64_t post_number; /* of the first attempt, see store/sent_ids.h */
	const struct message_file *files; /* the uploaded objects; NULL unless all were uploaded */
};

struct send_queue_config {
	struct send_transport transport;
	const char *user_id, *sender, *correlator; /* of the session; copied */
	struct retry_policy retry; /* for all attempts of one message */
	int64_t jobs; /* at least 1 */
	enum send_on_unknown on_unknown;
	int64_t settle_ms; /* the history shows an accepted message within this time; checked until then (lookup.h) */
	bool unordered;
	bool block; /* a message that can be sent later blocks the later ones of its conversation */
	bool fail_fast; /* stop after a failure; with `block`, only after one that a retry cannot cure */
	const char *sent_ids; /* the file of store/sent_ids.h for the IDs of sent messages; copied; NULL: none */

	/* Called once for each recipient (once for a draft without any); both pointers are valid during the call. */
	void (*result)(void *arg, struct draft *draft, const struct send_result *result);
	/* Called before the first post of a message, with the wall clock; if it fails, the message fails. NULL: none */
	enum status (*before_post)(void *arg, struct draft *draft, const struct message *message, int64_t now_ms,
		struct err *err);
	/* The progress of an upload, at most ten times a second; -1, -1 at its end. NULL: none */
	void (*progress)(void *arg, const char *name, int64_t sent, int64_t total);
	void *arg;
};

/*
 * Fills in what comes from a client that is logged in: transport, session, retries. Returns the path of sent_ids; free
 * it after send_queue_new().
 */
char *send_queue_use_client(struct send_queue_config *config, struct client *client);

struct send_queue *send_queue_new(const struct send_queue_config *config);
/* NULL is fine. No request may be in flight, or the client must have been freed before. */
void send_queue_free(struct send_queue *queue);

bool send_queue_has_room(const struct send_queue *queue);
void send_queue_add(struct send_queue *queue, struct draft *draft); /* takes ownership */
size_t send_queue_pending(const struct send_queue *queue); /* results that have not been reported */
bool send_queue_is_empty(const struct send_queue *queue); /* every result has been reported */

/*
 * Starts what can be started, and waits for responses, at most `wait_ms` or until `extra_fd` is readable. Fails as
 * client_step() does.
 */
enum status send_queue_step(struct send_queue *queue, int wait_ms, int extra_fd, struct err *err) MUST_USE;

/* Starts nothing more: messages that were not posted yet, and those added later, are reported as OUTCOME_BLOCKED. */
void send_queue_stop(struct send_queue *queue);

/*
 * Stops, and reports everything at once as far as it is known: a message in flight is OUTCOME_UNKNOWN. For a signal or
 * any other failure of send_queue_step().
 */
void send_queue_abort(struct send_queue *queue, const struct err *reason);

#endif
