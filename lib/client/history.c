#include "client/history.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 10000 /* of a list of conversations: a server whose pages never end */

static enum status get(struct client *client, const struct buf *path, size_t max_body, struct client_response *answer,
	bool *there, struct err *err)
{
	struct client_call call = { .method = "GET", .path = path->data, .max_body = max_body };
	struct err failure = ERR_INIT;
	enum status st = client_call(client, &call, answer, &failure);

	*there = !st;
	if (!st || failure.http == 404)
		return ST_OK;
	*err = failure;
	return st;
}

static char *dup_lower(struct json_value value)
{
	char *s = json_dup(value);

	for (char *at = s; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return s;
}

static int64_t time_of(struct json_value details)
{
	int64_t time;

	return json_int(json_get(details, "lastMessageTime"), &time) && time > 0 ? clock_server_ms(time) : -1;
}

static void add_session(struct history_sessions *sessions, enum chat_type type, struct json_value item)
{
	struct json_value details = json_get(item, type == CHAT_SMS ? "threadDetails" : "sessionDetails");
	struct history_session session = {
		.type = type,
		.conversation = type == CHAT_GROUP ? NULL : dup_lower(json_get(item, "remoteAddress")),
		.own = json_dup(json_get(item, "localAddress")),
		.last_text = json_dup(json_get(details, "lastText")),
		.last_ms = time_of(details),
	};

	if (type == CHAT_GROUP && !(session.conversation = json_dup(json_get(item, "remoteAddress"))))
		session.conversation = json_dup(json_get(item, "sessionId"));
	if (!session.conversation || !*session.conversation) {
		free(session.conversation);
		free(session.own);
		free(session.last_text);
		return;
	}
	sessions->items = xgrow(sessions->items, sessions->count, &sessions->cap, sizeof(*sessions->items));
	sessions->items[sessions->count++] = session;
}

static char *next_token(struct json_value list)
{
	char *next = json_dup(json_get(list, "next"));

	if (next && !*next) {
		free(next);
		next = NULL;
	}
	return next;
}

static void sessions_path(struct client *client, enum chat_type type, const char *next, struct buf *path)
{
	switch (type) {
	case CHAT_ONE_TO_ONE: client_path(client, path, "chat", "/oneToOne/sessions"); break;
	case CHAT_GROUP: client_path(client, path, "chat", "/group/sessions"); break;
	case CHAT_SMS: client_path(client, path, "smsmessaging", "/remoteAddresses"); break;
	}
	if (next) {
		buf_adds(path, "?next=");
		percent_encode(path, next, strlen(next));
	}
}

void history_decode_sessions(struct json_value answer, enum chat_type type, struct history_sessions *sessions,
	char **next)
{
	struct json_value list = json_get(answer, type == CHAT_SMS ? "smsThreadList" : "chatSessionList");
	struct json_value items = json_get(list, type == CHAT_SMS ? "smsThread" : "chatSession");

	if (json_type(items) == JSON_OBJECT)
		add_session(sessions, type, items);
	for (struct json_iter it = json_first(items); json_type(items) == JSON_ARRAY && json_more(it);
		it = json_next(it))
		add_session(sessions, type, it.value);
	*next = next_token(list);
}

/* One page of the list. `*next` (free it) is the token of the page behind it. */
static enum status sessions_page(struct client *client, enum chat_type type, struct history_sessions *sessions,
	char **next, struct err *err)
{
	struct client_response answer = { 0 };
	struct buf path;
	enum status st;
	bool there;

	buf_init(&path, BUF_NO_MAX);
	sessions_path(client, type, *next, &path);
	free(*next);
	*next = NULL;
	/* it has the last text of each */
	if (!(st = get(client, &path, CLIENT_MESSAGE_MAX, &answer, &there, err)) && there)
		history_decode_sessions(json_root(&answer.json), type, sessions, next);
	client_response_release(&answer);
	buf_release(&path);
	return st;
}

enum status history_fetch_sessions(struct client *client, enum chat_type type, struct history_sessions *sessions,
	struct err *err)
{
	char *next = NULL;
	enum status st;
	int pages = 0;

	do {
		if (++pages > PAGES_MAX) {
			free(next);
			return err_set(err, ST_PROTOCOL, "the server's list of conversations never ends");
		}
		st = sessions_page(client, type, sessions, &next, err);
	} while (!st && next);
	free(next);
	return st;
}

void history_sessions_release(struct history_sessions *sessions)
{
	for (size_t i = 0; i < sessions->count; i++) {
		free(sessions->items[i].conversation);
		free(sessions->items[i].own);
		free(sessions->items[i].last_text);
	}
	free(sessions->items);
	*sessions = (struct history_sessions){ 0 };
}

static void page_path(struct client *client, enum chat_type type, const char *peer, const char *own, const char *next,
	int64_t max, struct buf *path)
{
	struct buf rest;

	buf_init(&rest, BUF_NO_MAX);
	buf_adds(&rest, type == CHAT_GROUP ? "/group/" : type == CHAT_SMS ? "/remoteAddresses/" : "/oneToOne/");
	percent_encode_segment(&rest, peer, strlen(peer));
	if (type == CHAT_SMS) {
		buf_adds(&rest, "/localAddresses/");
		percent_encode_segment(&rest, own, strlen(own));
	}
	buf_adds(&rest, type == CHAT_ONE_TO_ONE ? "/adhoc/messages" : "/messages");
	buf_addf(&rest, "?max=%lld", (long long)max);
	if (next) {
		buf_adds(&rest, "&next=");
		percent_encode(&rest, next, strlen(next));
	}
	client_path(client, path, type == CHAT_SMS ? "smsmessaging" : "chat", rest.data);
	buf_release(&rest);
}

void history_decode_page(struct json_value answer, enum chat_type type, struct json_value *messages, char **more)
{
	struct json_value list = json_get(answer, type == CHAT_SMS ? "smsMessageList" : "chatMessageList");

	*messages = json_get(list, type == CHAT_SMS ? "smsMessage" : "chatMessage");
	*more = next_token(list);
}

/* The service answered, and with more than can be read: of bytes, or, which shows as no JSON, of values. */
static bool is_too_much(const struct err *err)
{
	return err->status == ST_PROTOCOL && (err->http / 100 == 2 || !strcmp(err->code, HTTP_TOO_LARGE));
}

enum status history_fetch_page(struct client *client, enum chat_type type, const char *peer, const char *own,
	const char *next, int64_t max, struct client_response *answer, struct json_value *messages, char **more,
	struct err *err)
{
	struct err why = ERR_INIT;
	struct buf path;
	enum status st;
	bool there;

	*messages = (struct json_value){ 0 };
	*more = NULL;
	if (type == CHAT_SMS && !own)
		return err_set(err, ST_DATA, "the own number of the conversation with '%s' is not known", peer);
	buf_init(&path, BUF_NO_MAX);
	do {
		buf_clear(&path);
		page_path(client, type, peer, own, next, max, &path);
		st = get(client, &path, max > 1 ? 0 : CLIENT_MESSAGE_MAX, answer, &there, &why);
	} while (st && is_too_much(&why) && (max /= 2));
	if (st && !strcmp(why.code, HTTP_TOO_LARGE))
		st = err_set(err, ST_DATA, "a message is too large (%s), and what is older cannot be had", why.text);
	else if (st)
		*err = why;
	else if (there)
		history_decode_page(json_root(&answer->json), type, messages, more);
	buf_release(&path);
	return st;
}
