#include "wire/history.h"

#include "base/clock.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>

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

void history_decode_sessions(struct json_value response, enum chat_type type, struct history_sessions *sessions,
	char **next)
{
	struct json_value list = json_get(response, type == CHAT_SMS ? "smsThreadList" : "chatSessionList");
	struct json_value items = json_get(list, type == CHAT_SMS ? "smsThread" : "chatSession");

	for (struct json_iter it = json_items(items); json_more(it); it = json_next(it))
		add_session(sessions, type, it.value);
	*next = next_token(list);
}

void history_decode_page(struct json_value response, enum chat_type type, struct json_value *messages, char **more)
{
	struct json_value list = json_get(response, type == CHAT_SMS ? "smsMessageList" : "chatMessageList");

	*messages = json_get(list, type == CHAT_SMS ? "smsMessage" : "chatMessage");
	*more = next_token(list);
}
