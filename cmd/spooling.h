/*
 * spooling.h - between the queue (api/queue.h) and the spool (store/spool.h).
 */
#ifndef KANDY_CMD_SPOOLING_H
#define KANDY_CMD_SPOOLING_H

#include "send/queue.h"
#include "cmd/command.h"
#include "store/spool.h"

/*
 * The spool of the profile: PROFILE.spool beside its token cache. Free it with spool_free(). ST_USAGE for a bad
 * profile name.
 */
enum status spooling_open(struct spool **spool, const struct run_ctx *ctx, struct err *err) MUST_USE;

/*
 * What may work later: all that is not the message's own fault, and what was not tried; and what nobody can tell, as
 * long as it can be found out.
 */
bool spool_item_is_retryable(const struct send_result *result);

/* Without a login, or a way to the service, every further message would fail as this one did. */
bool spool_item_means_offline(const struct send_result *result);

/*
 * What one run has spooled last, so that the recipients of an draft share one copy of its files. Zeroed is a good
 * start. An draft is known by its line (the only draft of a run has none): its address may be another one's later.
 */
struct shared_copy {
	int64_t line;
	char *id; /* NULL: nothing yet */
};

/*
 * Stores the message to one recipient, to be sent by the user and the service of `client`, as far as they are known
 * without a login; `*id` is borrowed from `shared_copy`, good until the next call.
 */
enum status spool_item_add(struct spool *spool, struct shared_copy *shared_copy, const struct client *client,
	const struct draft *draft, const struct send_result *result, const char **id, struct err *err) MUST_USE;
void shared_copy_release(struct shared_copy *shared_copy);

/*
 * ST_AUTH, with what to do, if the message is another user's, or another service's, than those of `client`, which is
 * logged in. Messages of earlier versions know of neither, and go as they always went.
 */
enum status spool_item_check_sender(const struct spool_message *message, struct client *client,
	struct err *err) MUST_USE;

/* The draft for a spooled message; `user` is the message. A bad address goes to draft->bad. */
struct draft *spool_item_draft(struct spool_message *message);

/* Notes the x-ids of what is about to be posted in the message. */
void spool_item_note_files(struct spool_message *message, const struct message *posted);

#endif
