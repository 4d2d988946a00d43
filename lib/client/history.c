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

static char *sessions_path(struct client *client, enum chat_type type)
{
	switch (type) {
	case CHAT_ONE_TO_ONE: return client_path(client, "chat", "/oneToOne/sessions");
	case CHAT_GROUP: return client_path(client, "chat", "/group/sessions");
	case CHAT_SMS: break;
	}
	return client_path(client, "smsmessaging", "/remoteAddresses");
}

/* Reads the page with the token `*next`, and sets that of the next one. */
static enum status sessions_page(struct client *client, enum chat_type type, struct history_sessions *sessions,
	char **next, struct err *err)
{
	struct client_response response = { 0 };
	char *base = sessions_path(client, type);
	struct buf path;
	enum status st;
	bool found;

	buf_init(&path, BUF_NO_MAX);
	buf_adds(&path, base);
	free(base);
	add_token(&path, "?next=", *next);
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
	char *path = NULL;

	switch (type) {
	case CHAT_ONE_TO_ONE: path = client_path(client, "chat", "/oneToOne/{}/adhoc/messages", conversation); break;
	case CHAT_GROUP: path = client_path(client, "chat", "/group/{}/messages", conversation); break;
	case CHAT_SMS:
		path = client_path(client, "smsmessaging", "/remoteAddresses/{}/localAddresses/{}/messages",
			conversation, own);
		break;
	}
	buf_adds(out, path);
	free(path);
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
