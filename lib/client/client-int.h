/*
 * client-int.h - what the files of the client share: client.c (its parts), renewal.c (tokens),
 * call.c (calls and their repetition).
 */
#ifndef KANDY_CLIENT_CLIENT_INT_H
#define KANDY_CLIENT_CLIENT_INT_H

#include "client/client.h"

struct task; /* call.c: a call of client_start() */

struct client {
	struct client_config config; /* its strings are ours */
	struct url base;
	struct store *store;
	struct session session;
	bool usable; /* the session's tokens belong to the settings */
	struct http *http;
	/* clock_mono_ms() before which a renewal that can wait is not tried again */
	int64_t renewal_pause_ms;
	struct task *tasks;
	size_t task_count;
};

/*
 * client.c: the first setting that the session of the cache was not made for, by its name ("base-url"), with both values;
 * NULL: there is none. None of the values is a secret; all are borrowed.
 */
const char *client_mismatch(const struct client *client, const char **session_value, const char **setting);

void call_free_tasks(struct client *client);

/* tokens.c: with the renewal lock held */

client_secret_source *tokens_secret_source(const struct client *client); /* NULL where none is configured */

/*
 * Who would log in: fills `session` (released by the caller) without its tokens. ST_CONFIG names
 * what is not known.
 */
enum status tokens_login_session(const struct client *client, struct session *session, bool *project,
	struct err *err) MUST_USE;

/*
 * Logs in and saves. `secret` may have been got already; else the source, which must be there, is
 * asked now; the caller releases it. `patient`: by the retry policy; else one attempt. `*got` tells
 * a failure to save, after which the client has the tokens all the same, from a failure to log in.
 */
enum status tokens_login(struct client *client, struct secret *secret, bool patient, bool *got,
	struct err *err) MUST_USE;

/*
 * The same with the refresh token, in one attempt; one that the server does not take (invalid_grant) is dropped
 * from the cache.
 */
enum status tokens_refresh(struct client *client, bool *got, struct err *err) MUST_USE;

#endif
