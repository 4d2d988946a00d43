#include "client/conversation.h"

#include "client/channel.h"
#include "client/history.h"
#include "wire/message.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX ((size_t)16 * 1024)
#define TYPING_REFRESH "60" /* how long it stays true unless it is said again, in seconds */

static bool same_peer(const struct history_session *session, const struct address *peer)
{
	const char *a = session->conversation, *b = peer->id;

	/* some lists leave the '+' of a number out */
	return !strcmp(a + (*a == '+'), b + (*b == '+'));
}

enum status conversation_own(struct client *client, const struct address *peer, char **own, struct err *err)
{
	struct history_sessions sessions = { 0 };
	enum status st = ST_OK;

	*own = NULL;
	if (peer->type != CHAT_SMS)
		return ST_OK;
	st = history_fetch_sessions(client, CHAT_SMS, &sessions, err);
	for (size_t i = 0; !st && !*own && i < sessions.count; i++) {
		if (same_peer(&sessions.items[i], peer))
			*own = xstrdup_null(sessions.items[i].own);
	}
	history_sessions_release(&sessions);
	return st;
}

/* Of the conversation, or of a message in it. */
static void add_path(const struct client *client, const struct address *peer, const char *own, const char *message_id,
	struct buf *path)
{
	if (peer->type != CHAT_SMS) {
		message_path(path, client_session(client)->user_id, peer);
	} else {
		client_path(client, path, "smsmessaging", "/remoteAddresses/");
		percent_encode_segment(path, peer->id, strlen(peer->id));
		buf_adds(path, "/localAddresses/");
		percent_encode_segment(path, own, strlen(own));
		buf_adds(path, message_id ? "/messages" : "");
	}
	if (message_id) {
		buf_addc(path, '/');
		percent_encode_segment(path, message_id, strlen(message_id));
	}
}

enum status conversation_delete(struct client *client, const struct address *peer, const char *message_id,
	struct err *err)
{
	struct client_call call = { .method = "DELETE" };
	struct err why = ERR_INIT;
	struct buf path;
	enum status st;
	char *own;

	if ((st = conversation_own(client, peer, &own, err)) || (peer->type == CHAT_SMS && !own))
		return st;
	buf_init(&path, PATH_BYTES_MAX);
	add_path(client, peer, own, message_id, &path);
	call.path = path.data;
	if ((st = client_call(client, &call, NULL, &why))) {
		if (channel_is_gone(&why))
			st = ST_OK;
		else
			*err = why;
	}
	buf_release(&path);
	free(own);
	return st;
}

void conversation_encode_typing(struct buf *out, bool active, int64_t now_ms)
{
	json_open(out, '{');
	json_open_key(out, "isComposing", '{');
	json_add_string(out, "contenttype", "text/plain");
	json_add_string(out, "refresh", TYPING_REFRESH);
	json_add_string(out, "state", active ? "active" : "idle");
	json_add_int(out, "lastactive", now_ms);
	json_close(out, '}');
	json_close(out, '}');
}

static enum status put(struct client *client, const char *method, const struct buf *path, const struct buf *body,
	struct err *err)
{
	struct client_call call = {
		.method = method, .path = path->data, .json = body->data, .json_len = body->len, .idempotent = true
	};

	return client_call(client, &call, NULL, err);
}

enum status conversation_typing(struct client *client, const struct address *peer, bool active, struct err *err)
{
	struct buf path, body;
	enum status st;

	if (peer->type == CHAT_SMS)
		return err_set(err, ST_DATA, "'%s': SMS does not tell who is typing", peer->id);
	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BUF_NO_MAX);
	add_path(client, peer, NULL, NULL, &path);
	conversation_encode_typing(&body, active, clock_wall_ms());
	st = put(client, "POST", &path, &body, err);
	buf_release(&path);
	buf_release(&body);
	return st;
}

enum status conversation_read(struct client *client, const struct address *peer, const char *message_id,
	struct err *err)
{
	struct buf path, body;
	enum status st;

	if (peer->type == CHAT_SMS)
		return err_set(err, ST_DATA, "'%s': SMS does not tell who has read it", peer->id);
	buf_init(&path, PATH_BYTES_MAX);
	buf_init(&body, BUF_NO_MAX);
	add_path(client, peer, NULL, message_id, &path);
	buf_adds(&path, "/status");
	json_open(&body, '{');
	json_open_key(&body, "messageStatusReport", '{');
	json_add_string(&body, "status", "Displayed");
	json_close(&body, '}');
	json_close(&body, '}');
	st = put(client, "PUT", &path, &body, err);
	buf_release(&path);
	buf_release(&body);
	return st;
}
