/*
 * client-int.h - what the files of this room share. They call each other in one direction only:
 *
 *	logout -> conversation, group -> channel, history -> call -> renewal -> tokens -> state
 *
 * and client.c, which creates and frees a client, calls them all.
 */
#ifndef KANDY_CLIENT_CLIENT_INT_H
#define KANDY_CLIENT_CLIENT_INT_H

#include "client/client.h"

struct client_task; /* call.c: a call made by client_start() */

struct client {
	struct client_config config; /* owns its strings */
	struct url base;
	struct store *store;
	struct session session;
	bool session_matches; /* the session's tokens belong to the configured account and service */
	struct http *http;
	int64_t renewal_pause_ms; /* no renewal that is merely due is tried before this, clock_mono_ms() */
	struct client_task *tasks;
	size_t task_count;
};

/*
 * state.c: the first setting that differs from the cached session, by name ("base-url"), with both values; NULL if
 * they agree. None of the values is a secret; all are borrowed.
 */
const char *client_mismatch(const struct client *client, const char **session_value, const char **setting);
void client_check_session(struct client *client); /* sets session_matches */

/*
 * state.c: "/cpaas/SERVICE/v1/{userId}" and the rest, a template of path.h; free it. A version in `service` replaces
 * v1: "nms/v1/chat". There is a user ID after client_authenticate().
 */
char *client_path(const struct client *client, const char *service, const char *template, ...);

/* call.c */
void client_free_calls(struct client *client);
/* A call with `body`, which may be NULL; releases it, and frees `path`. `response` as for client_call(). */
enum status client_request(struct client *client, const char *method, char *path, struct buf *body,
	struct client_response *response, struct err *err) MUST_USE;
enum status client_delete(struct client *client, const char *path, struct err *err) MUST_USE; /* 404, 410: success */

/* history.c: the path of a conversation's messages; `own` as for history_fetch_page() */
void history_path(const struct client *client, struct buf *out, enum chat_type type, const char *conversation,
	const char *own);

/* tokens.c: to be called with the renewal lock held */

client_secret_source *tokens_secret_source(const struct client *client); /* NULL if none is configured */

/*
 * The account that a login is for: fills `session` (released by the caller) except for its tokens. ST_CONFIG names a
 * missing setting.
 */
enum status tokens_login_session(const struct client *client, struct session *session, bool *project,
	struct err *err) MUST_USE;

/*
 * Logs in and saves the tokens. An empty `secret` is read from the source, which must exist; the caller releases it.
 * `retry`: by the retry policy, else one attempt. `*got` is true if only saving failed: this client has the tokens
 * then.
 */
enum status tokens_login(struct client *client, struct secret *secret, bool retry, bool *got, struct err *err) MUST_USE;

/* The same with the refresh token, in one attempt. If the server rejects it (invalid_grant), it is deleted. */
enum status tokens_refresh(struct client *client, bool *got, struct err *err) MUST_USE;

/* Waits until the next attempt. False: no more attempts; after a signal, that is the error. */
bool tokens_wait_for_retry(struct retry *retry, enum status *status, struct err *err);

#endif
