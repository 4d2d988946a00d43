/*
 * sandbox-int.h - shared by the files of this room only.
 */
#ifndef KANDY_SANDBOX_INT_H
#define KANDY_SANDBOX_INT_H

#include "json/json.h"
#include "sandbox/faults.h"
#include "sandbox/frame.h"
#include "sandbox/net.h"
#include "sandbox/request.h"
#include "sandbox/sandbox.h"
#include "sandbox/world.h"

enum {
	BODY_MAX = 1024 * 1024, /* except uploads */
	NOTIFICATION_MAX = 4 * 1024 * 1024,
	URL_PATH_MAX = 4096,
	FORM_PARTS_MAX = 8,
	ROUTE_ARGS_MAX = 4,
};

struct record;

struct sandbox {
	const struct sandbox_config *config;
	struct net *net;
	struct world world;
	struct faults faults;
	struct record *record;
	struct buf cert, key;
	char base_url[64];
	unsigned char token_key[32];
	struct net_timer *expiry, *drops;
	int64_t dropped;
	struct socket *sockets; /* all open ones */
	struct burst *bursts;
	struct buf frame; /* scratch space */

	/* set through the control interface */
	bool no_conn_ack, no_outbound;
	int64_t fragment; /* split notifications into fragments of 1 to `fragment` bytes; 0: never */
	int64_t duplicate, reorder; /* every Nth notification comes twice, or after its successor; 0: never */
	int64_t message_time_ms; /* of all new messages; 0: now */
	int64_t ahead_ms; /* offset of the clock that clients see (messages, Date) */
};

/* ---- time.c ----------------------------------------------------------------------------------------------------- */

int64_t sandbox_time(const struct sandbox *s); /* the clock that clients see, ms */
int64_t sandbox_message_time(const struct sandbox *s); /* the time of a message sent now, ms */
int64_t sandbox_rest_time(const struct sandbox *s, int64_t ms); /* as REST responses write it: seconds, or ms */

/*
 * jsonf.c: appends JSON by a template, in which ' stands for ". Conversions: %s a string with its quotes (NULL: null),
 * %jd a number, %d true or false. A comma is put before the template where one is needed:
 *
 *	jsonf(out, "{'event':%s,'to':[", event);  for (...) jsonf(out, "%s", address[i]);  jsonf(out, "],'ok':%d}", ok);
 */
void jsonf(struct buf *out, const char *template, ...) __attribute__((format(printf, 2, 3)));
void jsonf_optional(struct buf *out, const char *key, const char *s); /* a member; NULL: none */

/* ---- response.c ------------------------------------------------------------------------------------------------- */

struct response {
	int status; /* 0: not decided yet */
	const char *type; /* Content-Type; NULL: no body */
	struct buf headers; /* more header lines, each with its CR LF */
	struct buf body;
	struct object *object; /* the body is `left` bytes of this from `from` on, instead */
	int64_t from, left;
	int64_t delay_ms; /* before it is sent */
};

void response_init(struct response *r);
void response_release(struct sandbox *s, struct response *r);
void response_header(struct response *r, const char *name, const char *value);
struct buf *response_json(struct response *r, int status); /* the buffer to write the JSON into */

/* A requestError: the text of `id` (SVC0001, SVC0002, SVC0004 or POL0001) with `variable` for %1. */
void response_error(struct response *r, int status, const char *id, const char *variable);
void response_invalid(struct response *r, const char *part); /* 400 */
void response_not_found(struct response *r, const char *part); /* 404 */
void response_forbidden(struct response *r, const char *why); /* 403 */

/* The head of the response, with CORS headers for `origin` (NULL: no browser). */
void response_head(const struct response *r, const char *origin, bool keep_alive, int64_t now_ms, struct buf *out);
void response_date(struct buf *out, int64_t ms); /* appends an HTTP date (RFC 9110, 5.6.7) */

/* ---- call.c: one request and its handler ------------------------------------------------------------------------ */

/* One part of a multipart body. */
struct form_part {
	char *name, *filename, *type;
	int64_t bytes;
	char digest[65];
};

struct call {
	struct sandbox *s;
	const struct sandbox_request *request;
	const char *body; /* NUL-terminated */
	size_t body_len;
	struct json_doc doc; /* of a JSON body */
	struct user *user; /* NULL: the route needs no token */
	struct login *login;
	const char *args[ROUTE_ARGS_MAX]; /* the segments that match ":" in the route */
	int kind; /* of the route */
	int64_t now; /* ms */
	struct response response;
	struct conn *conn;
	struct socket *socket; /* of a successful upgrade */
};

struct json_value call_json(const struct call *call, const char *key); /* a member of the body */
int64_t call_int(const struct call *call, const char *key, int64_t fallback);
bool call_flag(const struct call *call, const char *key, bool fallback);
/* The user in the member `key`; NULL if it is missing and not needed. False: the response is an error. */
bool call_user(struct call *call, const char *key, bool needed, struct user **user);
bool call_query(const struct call *call, const char *name, struct buf *out);
bool call_query_int(const struct call *call, const char *name, int64_t *value);

/* A 200 that reads {LIST_KEY:{KEY:[...],"resourceURL":...}}: append the elements between the two. */
struct buf *call_list_begin(struct call *call, const char *list_key, const char *key);
void call_list_end(struct call *call, const char *next); /* `next` NULL: no such member */

/* ---- routes.c --------------------------------------------------------------------------------------------------- */

enum {
	ROUTE_OPEN = 1, /* needs no token */
	ROUTE_FORM = 2, /* the body is not JSON */
};

/* In `path`, ":user" must be the caller's ID, and ":" matches any segment. */
struct route {
	const char *method, *path;
	void (*handle)(struct call *call);
	int kind; /* for handlers that serve several routes */
	unsigned flags;
};

/* Each ends with a zeroed route. */
extern const struct route token_routes[], control_routes[], channel_routes[], chat_routes[], history_routes[],
	group_routes[], sms_routes[], attachment_routes[], socket_routes[];

/* The segments that match ":" go to `args`, the one that matches ":user" to `*user`. */
bool routes_match(const struct sandbox_request *r, const char *path, const char *args[static ROUTE_ARGS_MAX],
	const char **user);

/* Finds the handler, checks the token and the user in the path, parses the body, and calls it. */
void routes_call(struct call *call);

/* ---- token.c ---------------------------------------------------------------------------------------------------- */

bool token_check(struct call *call, const char *token); /* of the caller */
bool token_authorize(struct call *call); /* by the Authorization header; false: the response is an error */
void token_revoke_all(struct sandbox *s, bool refresh); /* all access tokens, and with `refresh` all refresh tokens */

/* ---- push.c: one notification to the channels of a user --------------------------------------------------------- */

void push_begin(struct buf *out, const char *key); /* {KEY:{"id":"...": append members */
void push_link(struct buf *out, const char *rel, const char *href); /* the member "link" */
void push_end(struct buf *out);
/* Ends it, delivers it as world_push() does, and releases `out`. */
void push_send(struct sandbox *s, struct buf *out, struct user *to, enum subscription_kind kind, const char *number,
	const char *except);

/* ---- chat.c: messages ------------------------------------------------------------------------------------------- */

/*
 * Stores a message and pushes it to all devices but those of the login `except`. Takes `content` over. Release the
 * message with conversation_message_release().
 */
struct stored_message *chat_post(struct sandbox *s, struct user *sender, struct user *receiver, const char *except,
	char *content, const char *text);
struct stored_message *chat_post_to_group(struct sandbox *s, struct user *sender, struct chat_group *group,
	const char *except, char *content, const char *text);
void chat_message_url(struct buf *out, const struct user *user, enum conversation_kind kind, const char *remote,
	const char *id); /* `id` NULL: of the conversation */
void chat_message_json(const struct sandbox *s, struct buf *out, const struct conversation *conversation,
	const struct stored_message *message);

/* ---- attachment.c, upload.c ------------------------------------------------------------------------------------- */

char *attachment_link(const struct sandbox *s, const struct object *object); /* free it */

/* The multipart body of an upload. */
struct form_upload;
struct form_upload *upload_new(struct sandbox *s, struct user *user, const char *content_type);
bool upload_add(struct form_upload *upload, const char *p, size_t len); /* false: refused; the rest is ignored */
void upload_finish(struct form_upload *upload, struct response *response);
size_t upload_parts(const struct form_upload *upload, const struct form_part **parts);
void upload_free(struct form_upload *upload); /* NULL is fine */

/* ---- socket.c: WebSockets --------------------------------------------------------------------------------------- */

struct socket;

void socket_input(struct socket *socket, const char *p, size_t len);
void socket_closed(struct socket *socket);
const struct user *socket_user(const struct socket *socket); /* NULL: its channel is gone */

/* Callbacks of the world: to every socket of a channel; the end of a channel. */
void socket_deliver(void *arg, struct channel *channel, const char *json, size_t len);
void socket_leave_channel(void *arg, struct channel *channel);

/* On all open sockets of a user (NULL: of all users); the number of sockets is returned. */
size_t socket_drop_all(struct sandbox *s, enum conn_end how, const struct user *user);
size_t socket_freeze_all(struct sandbox *s, const struct user *user);
size_t socket_send_all(struct sandbox *s, const struct user *user, const char *text, size_t len);
size_t socket_queued(const struct sandbox *s, const struct user *user); /* bytes, of the slowest reader */
size_t socket_count(const struct sandbox *s);

/* ---- burst.c: load generator ------------------------------------------------------------------------------------ */

bool burst_start(struct call *call); /* as the request says; false: it is invalid */
void burst_drained(struct sandbox *s, const struct user *user); /* a socket of `user` has an empty queue */
size_t burst_count(const struct sandbox *s);
void burst_free_all(struct sandbox *s);

/* ---- record.c: the log of requests and frames -------------------------------------------------------------------- */

enum status record_new(struct record **out, const char *path, struct err *err) MUST_USE;
void record_free(struct record *record); /* NULL is fine */

struct record_entry {
	uint64_t connection, number; /* number: of the request on its connection */
	const struct sandbox_request *request;
	const struct user *user;
	const char *body;
	size_t body_len;
	int64_t bytes; /* of the body as received */
	const struct form_part *parts;
	size_t part_count;
	int status; /* 0: no response */
	const struct fault *fault;
};

/* Both do nothing for a NULL record. */
void record_request(struct record *record, const struct record_entry *entry);
void record_frame(struct record *record, uint64_t connection, const struct channel *channel, bool in,
	enum frame_kind kind, const char *p, size_t len);

/* ---- server.c --------------------------------------------------------------------------------------------------- */

extern const struct net_handler server_handler;

#endif
