/*
 * spool_item.h - converts between the send queue (queue.h) and the spool (store/spool.h).
 */
#ifndef KANDY_SEND_SPOOL_ITEM_H
#define KANDY_SEND_SPOOL_ITEM_H

#include "send/queue.h"
#include "store/spool.h"

/* True if the message may work later: it was not tried, or did not fail by itself, or its outcome can be found out. */
bool spool_item_is_retryable(const struct send_result *result);

/* True if there is no login or no connection, so that every further message would fail in the same way. */
bool spool_item_means_offline(const struct send_result *result);

/*
 * The message that a run spooled last: the recipients of a draft share one copy of its files. Start with a zeroed
 * struct. A draft is known by its line (the only draft of a run has none); addresses of freed drafts are reused.
 */
struct shared_copy {
	int64_t line;
	char *id; /* NULL: none yet */
};

/*
 * Spools the message to one recipient, to be delivered by the account and service of `client`, as far as they are
 * known without a login. `*id` is borrowed from `shared_copy`, and valid until the next call.
 */
enum status spool_item_add(struct spool *spool, struct shared_copy *shared_copy, const struct client *client,
	const struct draft *draft, const struct send_result *result, const char **id, struct err *err) MUST_USE;
void spool_item_release_copy(struct shared_copy *shared_copy);

/*
 * ST_AUTH if the message was spooled by another account, or for another service, than those of `client`, which is
 * logged in. Messages of older versions name neither, and are accepted.
 */
enum status spool_item_check_sender(const struct spool_message *message, struct client *client,
	struct err *err) MUST_USE;

/* The draft of a spooled message; its `user` is the message. A bad address goes to draft->bad. */
struct draft *spool_item_draft(struct spool_message *message);

/* Records the x-ids of a message that is about to be posted. */
void spool_item_note_files(struct spool_message *message, const struct message *posted);

#endif
