/*
 * history.h - responses with conversations and with the messages of one (PROTOCOL.md, "Chat", "SMS"). Pure.
 */
#ifndef KANDY_WIRE_HISTORY_H
#define KANDY_WIRE_HISTORY_H

#include "wire/address.h"
#include "json/json.h"

struct history_session { /* one conversation */
	enum chat_type type;
	char *conversation; /* the other user (lower-case), the group's ID, the other's number */
	char *own; /* SMS: own number; else own address, or NULL if unknown */
	char *last_text; /* or NULL */
	int64_t last_ms; /* of its newest message; -1: unknown */
};

struct history_sessions {
	struct history_session *items;
	size_t count, cap;
};

void history_sessions_release(struct history_sessions *sessions); /* also for a zeroed struct */

/* Appends the conversations of one page. `*next` (free it) is the token of the next page, or NULL. */
void history_decode_sessions(struct json_value response, enum chat_type type, struct history_sessions *sessions,
	char **next);

/* The messages of one page, newest first, for notification_from_history(). */
void history_decode_page(struct json_value response, enum chat_type type, struct json_value *messages, char **next);

#endif
