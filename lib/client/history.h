/*
 * history.h - conversations and what was said in them, page by page (protocol.md, "Chat", "SMS").
 */
#ifndef KANDY_CLIENT_HISTORY_H
#define KANDY_CLIENT_HISTORY_H

#include "wire/address.h"
#include "client/client.h"

#define HISTORY_PAGE 50 /* messages asked for at once */

struct history_session { /* one conversation */
	enum chat_type type;
	char *conversation; /* the other user (lower-case), the group's ID, the other's number */
	char *own; /* SMS: own number; else own address, or NULL where the server does not say */
	char *last_text; /* or NULL */
	int64_t last_ms; /* of its newest message; -1: unknown */
};

struct history_sessions {
	struct history_session *items;
	size_t count, cap;
};

/*
 * All conversations of one kind, appended. What the server does not have (404) is none. Not in any particular order.
 */
enum status history_fetch_sessions(struct client *client, enum chat_type type, struct history_sessions *sessions,
	struct err *err) MUST_USE;
void history_sessions_release(struct history_sessions *sessions); /* also for a zeroed struct */

/*
 * One page of a conversation, newest first, into `answer` (released by the caller). `next` is the token of the page
 * before, or NULL. `*messages` is the array in the answer, for notification_from_history(); `*more` (free it) is the
 * token of the next page, NULL at the end. A conversation that is not there (404) is an empty page.
 *
 * Where `max` messages are more than can be read at once, fewer are asked for. ST_DATA where a single one is too large:
 * what is older cannot be had, since its page would name the next one.
 *
 * `lastMessageTime` is never asked for: the documents say that older messages are left out then, other servers leave
 * the newer ones out. Who wants messages since a time stops at the first one that is older.
 */
enum status history_fetch_page(struct client *client, enum chat_type type, const char *peer, const char *own,
	const char *next, int64_t max, struct client_response *answer, struct json_value *messages, char **more,
	struct err *err) MUST_USE;

/* The answers to these, pure: the conversations of one page, appended, and the token of the next one (NULL: none). */
void history_decode_sessions(struct json_value answer, enum chat_type type, struct history_sessions *sessions,
	char **next);
void history_decode_page(struct json_value answer, enum chat_type type, struct json_value *messages, char **more);

#endif
