/*
 * history.h - requests for conversations and their messages, page by page (PROTOCOL.md, "Chat", "SMS").
 */
#ifndef KANDY_CLIENT_HISTORY_H
#define KANDY_CLIENT_HISTORY_H

#include "wire/history.h"

struct client;
struct client_response;

#define HISTORY_PAGE 50 /* messages requested at once */

/* Appends all conversations of one kind, in no particular order. 404 means none. */
enum status history_fetch_sessions(struct client *client, enum chat_type type, struct history_sessions *sessions,
	struct err *err) MUST_USE;

/*
 * One page of a conversation, newest first, into `response` (released by the caller). `token` is that of this page;
 * NULL: the first one. `*messages` is the array in the response, for notification_from_history(); `*next` (free it) is
 * the token of the next page, NULL at the end. A conversation that does not exist (404) is an empty page.
 *
 * If `max` messages are too large to be read at once, fewer are requested. ST_DATA if a single one is too large: then
 * older ones cannot be read, because only its page has the token of the next one.
 *
 * The parameter `lastMessageTime` is never used: by the documentation it leaves out older messages, but some servers
 * leave out newer ones. A caller who wants messages since a time stops at the first older one.
 */
enum status history_fetch_page(struct client *client, enum chat_type type, const char *conversation, const char *own,
	const char *token, int64_t max, struct client_response *response, struct json_value *messages, char **next,
	struct err *err) MUST_USE;

#endif
