/*
 * conversation.h - what can be done to a conversation and the messages in it, besides sending and
 * reading the history (protocol.md, "Chat" and "SMS").
 */
#ifndef KANDY_CLIENT_CONVERSATION_H
#define KANDY_CLIENT_CONVERSATION_H

#include "wire/address.h"
#include "client/client.h"

/*
 * Deletes one message, or with `message_id` NULL all of the conversation, for this user. What is
 * gone already is done.
 */
enum status conversation_delete(struct client *client, const struct address *peer, const char *message_id,
	struct err *err) MUST_USE;

/*
 * Tells the others that this user is writing, or has stopped. ST_DATA for SMS, which knows nothing
 * of the kind.
 */
enum status conversation_typing(struct client *client, const struct address *peer, bool active,
	struct err *err) MUST_USE;

/* Tells the sender that the message has been seen. ST_DATA for SMS. */
enum status conversation_read(struct client *client, const struct address *peer, const char *message_id,
	struct err *err) MUST_USE;

/*
 * The own number that an SMS conversation with `peer` is held by, as the list of conversations has
 * it; NULL in `*own` where there is no such conversation, and for chats, which do not need it. Free
 * it.
 */
enum status conversation_own(struct client *client, const struct address *peer, char **own, struct err *err) MUST_USE;

/* Pure. Appends the JSON body. */
void conversation_encode_typing(struct buf *out, bool active, int64_t now_ms);

#endif
