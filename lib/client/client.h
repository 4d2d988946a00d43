/*
 * client.h - the gate of this room: the service as a caller sees it, on behalf of one profile.
 *
 * A client knows the base URL, the session of its profile and how to log in. It makes single requests with their token
 * (client_call(), client_start()), and whole transactions by them: the notification channel and its subscriptions,
 * conversations, the history, groups, logout. The token is renewed after half of its lifetime, or once a call after a
 * 401; if it cannot be renewed, the client logs in again, provided that a source of the password or client secret is
 * configured. Only one process of a profile renews; the others use the result.
 *
 * Failures that were certainly not processed are retried by the retry policy. If the response was lost, the call fails
 * with ERR_MAYBE_SENT unless it is idempotent. The service's error bodies become struct err (PROTOCOL.md, "Errors").
 *
 * A client is used by one thread at a time. Strings of the config are copied; `store` and `trust` are borrowed for its
 * lifetime.
 */
#ifndef KANDY_CLIENT_CLIENT_H
#define KANDY_CLIENT_CLIENT_H

#include "base/retry.h"
#include "base/url.h"
#include "client/channel.h"
#include "client/conversation.h"
#include "client/group.h"
#include "client/history.h"
#include "http/http.h"
#include "json/json.h"
#include "store/session.h"

struct client;

/* Gets the password or client secret when it is needed. It is wiped after the login. */
typedef enum status client_secret_source(void *arg, struct secret *out, struct err *err);

struct client_config {
	const char *base_url; /* NULL: the session's; ST_CONFIG if there is none either */
	const char *client_id; /* NULL: the session's */
	const char *username; /* NULL: the session's; a project has none */
	bool project; /* client credentials instead of a password */
	client_secret_source *password, *client_secret; /* NULL if not configured; client_secret is for a project */
	void *secret_arg;
	struct tls_trust trust; /* borrowed */
	const char *proxy;
	int64_t connect_timeout_ms, timeout_ms;
	long max_connections;
	struct retry_policy retry;
};

enum status client_new(struct client **out, const struct client_config *config, struct store *store,
	struct err *err) MUST_USE;
void client_free(struct client *client);

/* The session as last read or changed. What it points to is valid until the next call that changes the client. */
const struct session *client_session(const struct client *client);
const struct url *client_base(const struct client *client);
struct http *client_http(struct client *client);
struct store *client_store(struct client *client);
const struct client_config *client_settings(const struct client *client);

/* Logs in, whatever is cached. */
enum status client_login(struct client *client, struct err *err) MUST_USE;

/* Deletes the tokens, and the channel and its subscriptions if the server can be reached. */
enum status client_logout(struct client *client, struct err *err) MUST_USE;

/*
 * Makes sure that the session has a valid token. `stale` is a token that was refused, or NULL; if it is not the cached
 * one any more, no other is requested. ST_AUTH says what to do ("not logged in; run 'kandy login'").
 */
enum status client_authenticate(struct client *client, const struct secret *stale, struct err *err) MUST_USE;

/* Reads the session file again; client_update() changes it before (store_update()). */
enum status client_reload(struct client *client, struct err *err) MUST_USE;
enum status client_update(struct client *client,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg,
	struct err *err) MUST_USE;

struct client_call {
	const char *method;
	const char *path; /* begins with '/', or is an absolute URL of the configured origin (else ST_PROTOCOL) */
	const char *json; /* body, or NULL */
	size_t json_len;
	const struct http_part *parts; /* multipart body, or NULL */
	size_t part_count;
	bool idempotent; /* may be retried after a lost response; GET, PUT and DELETE always may */
	bool dated; /* client_response.date_ms is needed */
	/* The rest of --retry and --retry-max-time, shared by calls for one purpose. NULL: all of it for this call. */
	struct retry *retry;
	int64_t timeout_ms; /* 0: the settings' */
	int64_t low_speed_time_ms;
	size_t max_body; /* bytes of the response; 0: the default of http.h */
	void (*progress)(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive);
	void *arg;
};

/* max_body of a response with one message: the longest text (draft.h), escaped in any way. */
#define CLIENT_MESSAGE_MAX ((size_t)16 << 20)

struct client_response {
	int http;
	int64_t attempts; /* requests made for the call */
	bool no_token; /* no request was made, or retried, because there was no token */
	int64_t date_ms; /* the service's clock, to the second; -1: unknown, or not needed */
	struct buf text;
	struct json_doc json; /* of `text`; an empty document for an empty body */
};

/*
 * Makes a call and waits for its response, which may be zeroed or used before, or NULL. Any status but 2xx is an error
 * with http, code and the service's message; a body that is not JSON is ST_PROTOCOL.
 */
enum status client_call(struct client *client, const struct client_call *call, struct client_response *response,
	struct err *err) MUST_USE;
void client_response_release(struct client_response *response); /* also for a zeroed struct */

/*
 * Makes a call in the background, with its retries and renewals. `call` and what it points to must live until `done`,
 * which is called from client_step(). After a signal, client_step() completes all calls; one that was waiting for its
 * next attempt fails with ERR_NOT_SENT.
 */
typedef void client_done(void *arg, enum status status, struct client_response *response, const struct err *err);
enum status client_start(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err) MUST_USE;
enum status client_step(struct client *client, int wait_ms, int extra_fd, struct err *err) MUST_USE;

#endif
