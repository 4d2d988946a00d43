/*
 * conversation.h - requests about a conversation and its messages, besides sending and reading the history
 * (PROTOCOL.md, "Chat" and "SMS").
 */
#ifndef KANDY_CLIENT_CONVERSATION_H
#define KANDY_CLIENT_CONVERSATION_H

#include "wire/address.h"

struct client;

/* Deletes one message, or with a NULL `message_id` the conversation, for this user only. It need not exist. */
enum status conversation_delete(struct client *client, const struct address *recipient, const char *message_id,
	struct err *err) MUST_USE;

/* Sets or clears the typing indicator. ST_DATA for SMS, which has none. */
enum status conversation_typing(struct client *client, const struct address *recipient, bool active,
	struct err *err) MUST_USE;

/* Marks a message as displayed. ST_DATA for SMS. */
enum status conversation_read(struct client *client, const struct address *recipient, const char *message_id,
	struct err *err) MUST_USE;

/*
 * The own number of an SMS conversation, from the list of conversations. `*own` (free it) is NULL if there is no such
 * conversation, and for chats.
 */
enum status conversation_own(struct client *client, const struct address *recipient, char **own,
	struct err *err) MUST_USE;

#endif
