#include "client/client-int.h"

#include "wire/message.h"
#include "wire/path.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_with(const struct history_session *session, const struct address *recipient)
{
	const char *a = session->conversation, *b = recipient->id;

	/* some lists leave the '+' of a number out */
	return !strcmp(a + (*a == '+'), b + (*b == '+'));
}

enum status conversation_own(struct client *client, const struct address *recipient, char **own, struct err *err)
{
	struct history_sessions sessions = { 0 };
	enum status st = ST_OK;

	*own = NULL;
	if (recipient->type != CHAT_SMS)
		return ST_OK;
	st = history_fetch_sessions(client, CHAT_SMS, &sessions, err);
	for (size_t i = 0; !st && !*own && i < sessions.count; i++) {
		if (is_with(&sessions.items[i], recipient))
			*own = xstrdup_null(sessions.items[i].own);
	}
	history_sessions_release(&sessions);
	return st;
}

enum status conversation_delete(struct client *client, const struct address *recipient, const char *message_id,
	struct err *err)
{
	struct buf path;
	enum status st;
	char *own;

	if ((st = conversation_own(client, recipient, &own, err)) || (recipient->type == CHAT_SMS && !own))
		return st;
	buf_init(&path, BUF_NO_MAX);
	history_path(client, &path, recipient->type, recipient->id, own);
	if (message_id)
		path_add(&path, "/{}", message_id);
	else if (recipient->type == CHAT_SMS)
		buf_truncate(&path, path.len - strlen("/messages"));
	st = client_delete(client, path.data, err);
	buf_release(&path);
	free(own);
	return st;
}

enum status conversation_typing(struct client *client, const struct address *recipient, bool active, struct err *err)
{
	struct client_call call = { .method = "POST", .idempotent = true };
	struct buf path, body;
	enum status st;

	if (recipient->type == CHAT_SMS)
		return err_set(err, ST_DATA, "'%s': SMS has no typing indicator", recipient->id);
	buf_init(&path, BUF_NO_MAX);
	buf_init(&body, BUF_NO_MAX);
	history_path(client, &path, recipient->type, recipient->id, NULL);
	message_encode_typing(&body, active, clock_wall_ms());
	call.path = path.data;
	call.json = body.data;
	call.json_len = body.len;
	st = client_call(client, &call, NULL, err);
	buf_release(&path);
	buf_release(&body);
	return st;
}

enum status conversation_read(struct client *client, const struct address *recipient, const char *message_id,
	struct err *err)
{
	struct buf path, body;

	if (recipient->type == CHAT_SMS)
		return err_set(err, ST_DATA, "'%s': SMS messages cannot be marked as read", recipient->id);
	buf_init(&path, BUF_NO_MAX);
	history_path(client, &path, recipient->type, recipient->id, NULL);
	path_add(&path, "/{}/status", message_id);
	buf_init(&body, BUF_NO_MAX);
	buf_adds(&body, MESSAGE_DISPLAYED_BODY);
	return client_request(client, "PUT", buf_take(&path), &body, NULL, err);
}
