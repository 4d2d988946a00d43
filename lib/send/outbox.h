/*
 * outbox.h - messages on their way out, many at once.
 *
 * What a command reads (one message from its options, lines, JSON lines, the spool) becomes items; an item goes to
 * one or more recipients. The outbox uploads attachments, posts the messages, looks up in history what may have been
 * sent, and reports one result for each recipient. What it promises:
 *
 *  - Up to `jobs` requests are under way at once, begun in the order of the items. In one conversation, messages go
 *    out one after the other, in the order in which they were added, whatever happens to each; uploads run ahead of
 *    their turn.
 *  - A file (device, inode, size, times, name, type) is uploaded once for all the messages of the run that carry it.
 *    The last OUTBOX_UPLOADS_KEPT of them are remembered.
 *  - Results come in the order of the items and recipients, or as they are known (`unordered`).
 *  - Memory is bounded: outbox_room() says when to wait before adding more.
 *  - What failed without reaching the service was repeated by the client (client.h); what may have been sent is
 *    looked for in the conversation's history (lookup.h) and sent again only if it is surely not there.
 *
 *	while (more input or !outbox_idle(outbox)) {
 *		while (outbox_room(outbox) && (item = next()))
 *			outbox_add(outbox, item);
 *		if ((st = outbox_step(outbox, 1000, stdin_fd, err)))
 *			break;
 *	}
 */
#ifndef KANDY_SEND_OUTBOX_H
#define KANDY_SEND_OUTBOX_H

#include "client/client.h"
#include "wire/item.h"
#include "wire/message.h"

#define OUTBOX_WINDOW 1024 /* recipients under way, waiting, or reported only after others */
#define OUTBOX_WINDOW_BYTES ((size_t)16 << 20) /* of their texts and input lines */
#define OUTBOX_UPLOADS_KEPT 4096
#define OUTBOX_ANCHORS_KEPT 4096 /* conversations of which the last message ID is remembered */
#define OUTBOX_HELD_MAX 16384 /* conversations that are held back; with so many, all are: it is not they that fail */

struct outbox;

/* Who carries the requests: a struct client, or a test in its place. */
struct outbox_transport {
	enum status (*start)(void *client, const struct client_call *call, client_done *done, void *arg,
		struct err *err);
	enum status (*step)(void *client, int wait_ms, int extra_fd, struct err *err);
	void *client;
};

enum outbox_on_unknown { ON_UNKNOWN_CHECK = 0, ON_UNKNOWN_RESEND, ON_UNKNOWN_FAIL };

enum outbox_state {
	OUTBOX_SENT,
	OUTBOX_FAILED, /* surely not sent */
	OUTBOX_UNKNOWN, /* maybe sent, and nobody can tell */
	OUTBOX_HELD, /* not tried: after outbox_stop(), or behind one that failed for now (`hold`) */
};

/* What OUTBOX_FAILED is due to: what to do with the message follows from that. */
enum outbox_cause {
	OUTBOX_ITSELF, /* it was refused, or cannot be read: it would fail again */
	OUTBOX_NOW, /* the service, or the way to it, just now */
	OUTBOX_LOGIN, /* there is no token, and so for no message */
	OUTBOX_WAY, /* this machine, its settings, or something in the service's place: a person must look */
	OUTBOX_END, /* a signal */
};

struct outbox_result {
	enum outbox_state state;
	enum outbox_cause cause; /* OUTBOX_FAILED */
	const struct address *to; /* NULL: the item names none that can be read */
	struct message_sent sent; /* OUTBOX_SENT */
	int64_t attempts; /* of posting the message */
	struct err err; /* unless sent */
	/* wall clock: the first attempt that may have been received, and the end of the last one; 0: none */
	int64_t attempted_ms, lost_ms;
	const struct message_file *files; /* the uploaded objects, or NULL where not all were uploaded */
};

struct outbox_config {
	struct outbox_transport transport;
	const char *user_id, *sender, *correlator; /* of the session; copied */
	struct retry_policy retry; /* of a message, however its attempts fail */
	int64_t jobs; /* at least 1 */
	enum outbox_on_unknown on_unknown;
	/*
	 * A message that history does not show yet may still be on its way: it is looked for again after that time,
	 * and once more after twice as long; where the service may still be at work on it (err.pending), three more
	 * times, eight times as long apart at most
	 */
	int64_t look_again_ms;
	bool unordered;
	/* a message that may be sent later holds what comes behind it in its conversation, so that nothing overtakes */
	bool hold;
	bool fail_fast; /* outbox_stop() once a message has failed (with `hold`: so that it cannot be sent later) */
	const char *sent_ids; /* the file of store/sent_ids.h, where what is sent is noted; copied, NULL: none */

	/*
	 * Called once for each recipient of each item (once for an item without any); both pointers are good during
	 * the call.
	 */
	void (*result)(void *arg, struct outbox_item *item, const struct outbox_result *result);
	/*
	 * Called before a message is posted for the first time, with the wall clock; a failure is the message's.
	 * NULL: not.
	 */
	enum status (*before)(void *arg, struct outbox_item *item, const struct message *message, int64_t now_ms,
		struct err *err);
	/* Bytes of an upload so far; at most ten times a second. NULL: not. */
	void (*progress)(void *arg, const char *name, int64_t sent, int64_t total);
	void *arg;
};

struct outbox *outbox_new(const struct outbox_config *config);
void outbox_free(struct outbox
		*outbox); /* NULL is fine. Nothing may be under way at the client any more, or the client is gone */

/* The transport over a client. */
struct outbox_transport outbox_client(struct client *client);

bool outbox_room(const struct outbox *outbox);
void outbox_add(struct outbox *outbox, struct outbox_item *item); /* takes it over */
size_t outbox_waiting(const struct outbox *outbox); /* results that have not been reported */
bool outbox_idle(const struct outbox *outbox); /* every result has been reported */

/*
 * Starts what can be started and waits for answers, at most `wait_ms` or until `extra_fd` is readable. Fails as
 * client_step() does.
 */
enum status outbox_step(struct outbox *outbox, int wait_ms, int extra_fd, struct err *err) MUST_USE;

/*
 * From now on nothing more is begun: what has not been posted yet, and what is added later, is reported as
 * OUTBOX_HELD.
 */
void outbox_stop(struct outbox *outbox);

/*
 * Stops, and reports everything that is under way at once, as far as it is known: a message that was being posted is
 * OUTBOX_UNKNOWN. After a signal, or any other failure of outbox_step().
 */
void outbox_abandon(struct outbox *outbox, const struct err *reason);

#endif
