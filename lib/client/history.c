#include "client/client-int.h"

#include "base/percent.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 10000 /* of a list of conversations: some servers' pages never end */

/* `*found` is false after a 404. */
static enum status get(struct client *client, const struct buf *path, size_t max_body, struct client_response *response,
	bool *found, struct err *err)
{
	struct client_call call = { .method = "GET", .path = path->data, .max_body = max_body };
	struct err why = ERR_INIT;
	enum status st = client_call(client, &call, response, &why);

	*found = !st;
	if (!st || why.http == 404)
		return ST_OK;
	*err = why;
	return st;
}

static void add_token(struct buf *path, const char *before, const char *token)
{
	if (token) {
		buf_adds(path, before);
		percent_encode(path, token, strlen(token));
	}
}

static void sessions_path(struct client *client, enum chat_type type, const char *token, struct buf *path)
{
	switch (type) {
	case CHAT_ONE_TO_ONE: client_path(client, path, "chat", "/oneToOne/sessions"); break;
	case CHAT_GROUP: client_path(client, path, "chat", "/group/sessions"); break;
	case CHAT_SMS: client_path(client, path, "smsmessaging", "/remoteAddresses"); break;
	}
	add_token(path, "?next=", token);
}

/* Reads the page with the token `*next`, and sets that of the next one. */
static enum status sessions_page(struct client *client, enum chat_type type, struct history_sessions *sessions,
	char **next, struct err *err)
{
	struct client_response response = { 0 };
	struct buf path;
	enum status st;
	bool found;

	buf_init(&path, BUF_NO_MAX);
	sessions_path(client, type, *next, &path);
	free(*next);
	*next = NULL;
	/* the page has the text of each conversation's last message */
	if (!(st = get(client, &path, CLIENT_MESSAGE_MAX, &response, &found, err)) && found)
		history_decode_sessions(json_root(&response.json), type, sessions, next);
	client_response_release(&response);
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

void history_path(const struct client *client, struct buf *out, enum chat_type type, const char *conversation,
	const char *own)
{
	switch (type) {
	case CHAT_ONE_TO_ONE: client_path(client, out, "chat", "/oneToOne/{}/adhoc/messages", conversation); break;
	case CHAT_GROUP: client_path(client, out, "chat", "/group/{}/messages", conversation); break;
	case CHAT_SMS:
		client_path(client, out, "smsmessaging", "/remoteAddresses/{}/localAddresses/{}/messages", conversation,
			own);
		break;
	}
}

/* The response is valid but too large to be read: in bytes or, which looks like invalid JSON, in values. */
static bool is_too_large(const struct err *err)
{
	return err->status == ST_PROTOCOL && (err->http / 100 == 2 || !strcmp(err->code, HTTP_TOO_LARGE));
}

enum status history_fetch_page(struct client *client, enum chat_type type, const char *conversation, const char *own,
	const char *token, int64_t max, struct client_response *response, struct json_value *messages, char **next,
	struct err *err)
{
	struct err why = ERR_INIT;
	struct buf path;
	enum status st;
	bool found;

	*messages = (struct json_value){ 0 };
	*next = NULL;
	if (type == CHAT_SMS && !own)
		return err_set(err, ST_DATA, "own number of the conversation with '%s' is unknown", conversation);
	buf_init(&path, BUF_NO_MAX);
	do {
		buf_clear(&path);
		history_path(client, &path, type, conversation, own);
		buf_addf(&path, "?max=%lld", (long long)max);
		add_token(&path, "&next=", token);
		st = get(client, &path, max > 1 ? 0 : CLIENT_MESSAGE_MAX, response, &found, &why);
	} while (st && is_too_large(&why) && (max /= 2));
	if (st && !strcmp(why.code, HTTP_TOO_LARGE))
		st = err_set(err, ST_DATA, "message too large (%s); older messages cannot be read", why.text);
	else if (st)
		*err = why;
	else if (found)
		history_decode_page(json_root(&response->json), type, messages, next);
	buf_release(&path);
	return st;
}
