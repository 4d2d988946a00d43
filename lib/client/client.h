/*
 * client.h - calls to the service on behalf of one profile.
 *
 * A client knows the base URL, the session of its profile and the ways to log in. api calls carry
 * the bearer token, which is renewed once half of its lifetime is over or when a call is answered
 * 401 (once a call); where a renewal is not possible, it logs in again if a source of the password
 * or client secret is configured. Of any number of processes, one renews and the others take over
 * the result.
 *
 * Failures that are known not to have been processed are repeated by the retry policy; one whose
 * answer was lost comes back as ERR_MAYBE_SENT unless the call is idempotent. The service's error
 * bodies become struct err (protocol.md, "Errors").
 *
 * A client is used by one thread at a time. Strings of the config are copied; `store` and `trust`
 * are borrowed for its life.
 */
#ifndef KANDY_CLIENT_CLIENT_H
#define KANDY_CLIENT_CLIENT_H

#include "base/backoff.h"
#include "base/url.h"
#include "http/http.h"
#include "json/json.h"
#include "store/session.h"

struct client;

/*
 * Gets the password or client secret at the moment when it is needed; it is wiped once the login has
 * worked or is given up.
 */
typedef enum status client_secret_source(void *arg, struct secret *out, struct err *err);

struct client_config {
	const char *base_url; /* NULL: the session's; ST_CONFIG if there is none either */
	const char *client_id; /* NULL: the session's */
	const char *username; /* NULL: the session's; a project has none */
	bool project; /* client credentials instead of a password */
	/* the latter for a project; NULL: none is configured */
	client_secret_source *password, *client_secret;
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

/*
 * The session as it was last read or changed; what it points to is good until the next call that
 * takes a client.
 */
const struct session *client_session(const struct client *client);
const struct url *client_base(const struct client *client);
struct http *client_http(struct client *client);
struct store *client_store(struct client *client);
const struct client_config *client_settings(const struct client *client);

/* Logs in anew, whatever is cached. */
enum status client_login(struct client *client, struct err *err) MUST_USE;

/*
 * Drops the tokens, and, as far as the server can be reached, the channel and the subscriptions
 * there.
 */
enum status client_logout(struct client *client, struct err *err) MUST_USE;

/*
 * Makes sure that the session has a token worth sending. `stale` is a token that was refused (NULL:
 * none): one that is no longer the cached one is not renewed again. ST_AUTH tells what to do ("not
 * logged in; run 'kandy login'").
 */
enum status client_authenticate(struct client *client, const struct secret *stale, struct err *err) MUST_USE;

/* Re-reads the session file; changes it (store_update()) and re-reads. */
enum status client_reload(struct client *client, struct err *err) MUST_USE;
enum status client_update(struct client *client,
	enum status (*change)(struct session *session, void *arg, struct err *err), void *arg,
	struct err *err) MUST_USE;

/*
 * "/cpaas/chat/v1/{userId}" + `rest` into `out`, the user ID percent-encoded; `rest` is taken as it
 * is. `service` is "chat", "smsmessaging", "notificationchannel", or with its version inside where
 * the path is another: "nms/v1/chat". To be asked after client_authenticate(), which is what makes
 * sure that there is a user ID.
 */
void client_path(const struct client *client, struct buf *out, const char *service, const char *rest);

struct client_call {
	const char *method;
	/*
	 * begins with '/'; or an absolute URL of the configured origin (checked; ST_PROTOCOL else)
	 */
	const char *path;
	const char *json; /* body, or NULL */
	size_t json_len;
	const struct http_part *parts; /* multipart body, or NULL */
	size_t part_count;
	/* may be repeated although it may have been sent (GET, PUT, DELETE are so by themselves) */
	bool idempotent;
	bool dated; /* client_response.date_ms is wanted */
	/*
	 * What is left of --retry and --retry-max-time, begun by the caller and shared by the calls that are made for
	 * one thing; it lives as long as the call. NULL: the call has all of the settings' for itself.
	 */
	struct retry *retry;
	int64_t timeout_ms; /* 0: the settings' */
	int64_t low_speed_time_ms;
	size_t max_body; /* bytes of the answer; 0: http.h's */
	void (*progress)(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive);
	void *arg;
};

/* For an answer with one message in it: the longest text that is sent (draft.h), as the service may write it. */
#define CLIENT_MESSAGE_MAX ((size_t)16 << 20)

/*
 * One call and its answer. `answer` (zeroed, or used before) gets the body, parsed; it owns its
 * text. NULL where no body is wanted. An empty body gives an empty document. Anything but 2xx is an
 * error with http, code and the service's own sentence; a body that is no JSON is ST_PROTOCOL with
 * status, content type and where.
 */
struct client_response {
	int http;
	int64_t attempts; /* requests made for the call */
	bool no_token; /* the call was not made, or not repeated, for want of a token: nothing is wrong with itself */
	int64_t date_ms; /* the service's clock when it answered, to the second; -1: not known, or not wanted */
	struct buf text;
	struct json_doc json;
};
enum status client_call(struct client *client, const struct client_call *call, struct client_response *answer,
	struct err *err) MUST_USE;
void client_response_release(struct client_response *answer); /* also for a zeroed struct */

/*
 * The same without waiting, for batches; what `call` points to must live until `done`, which is
 * called from client_step(). Retries and renewals happen in between. After a signal, client_step() ends all of them:
 * a call that was waiting for its next attempt is ERR_NOT_SENT.
 */
typedef void client_done(void *arg, enum status status, struct client_response *answer, const struct err *err);
enum status client_start(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err) MUST_USE;
enum status client_step(struct client *client, int wait_ms, int extra_fd, struct err *err) MUST_USE;

/*
 * A required string of an answer: dup'ed into `*out`; ST_PROTOCOL names the field and `where` if it
 * is missing.
 */
enum status client_need(struct json_value object, const char *field, const char *where, char **out,
	struct err *err) MUST_USE;

#endif
