/*
 * sandbox-int.h - what the files of this room share.
 */
#ifndef KANDY_SANDBOX_INT_H
#define KANDY_SANDBOX_INT_H

#include "json/json.h"
#include "sandbox/faults.h"
#include "sandbox/frame.h"
#include "sandbox/multipart.h"
#include "sandbox/net.h"
#include "sandbox/request.h"
#include "sandbox/sandbox.h"
#include "sandbox/world.h"

enum {
	BODY_MAX = 1024 * 1024, /* of anything but an upload */
	NOTIFICATION_MAX = 4 * 1024 * 1024,
	FORM_PARTS_MAX = 8,
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
	struct net_timer *sweep; /* once a second: what has expired */
	struct net_timer *drops;
	int64_t dropped;
	struct socket *sockets; /* all that are open */
	struct burst *bursts;
	struct buf frame; /* work space */
	bool mute; /* these can be changed while it runs */
	int64_t fragment, duplicate, reorder;
	int64_t message_time_ms; /* of all messages; 0: the clock's */
	int64_t ahead_ms; /* what the clock that it shows (of messages, and Date) is ahead of the machine's */
};

int64_t sandbox_time(const struct sandbox *s); /* what its clock shows, ms */
int64_t sandbox_message_time(const struct sandbox *s); /* that a message sent now has, ms */

/* ---- answers: answer.c ---------------------------------------------------------------------------------------- */

struct answer {
	int status; /* 0: not decided yet */
	const char *type; /* Content-Type; NULL: no body */
	struct buf headers; /* more header lines, each with its CR LF */
	struct buf body;
	struct object *object; /* the body is `left` bytes of this from `from`, instead */
	int64_t from, left;
	int64_t delay_ms; /* it goes out so much later */
};

void answer_init(struct answer *a);
void answer_release(struct sandbox *s, struct answer *a);
void answer_header(struct answer *a, const char *name, const char *value);

/* A requestError: `kind` is "service" or "policy"; `variable` NULL: none. */
void answer_error(struct answer *a, int status, const char *id, const char *text, const char *variable);
void answer_oauth_error(struct answer *a, int status, const char *error, const char *description);
void answer_not_found(struct answer *a, const char *what);
void answer_missing(struct answer *a, const char *field); /* 400: a needed part of the body is not there */
struct buf *answer_json(struct answer *a, int status); /* the buf to write the JSON into */

/* The head of the response, with CORS for `origin` (NULL: no browser). */
void answer_head(const struct answer *a, const char *origin, bool keep_alive, int64_t now_ms, struct buf *out);
/* Appends an HTTP date (RFC 9110, 5.6.7). */
void answer_date(struct buf *out, int64_t ms);
const char *status_text(int status);

/* ---- one request in the hands of its handler ------------------------------------------------------------------ */

/* What came in a multipart body. */
struct form_part {
	char *name, *filename, *type;
	int64_t bytes;
	char digest[65];
};

/* The last access token on a connection, whose signature was right. */
struct auth {
	struct buf token;
	char session_id[ID_SIZE];
	int64_t until, serial;
};

struct call {
	struct sandbox *s;
	const struct request *request;
	const char *body; /* NUL-terminated */
	size_t body_len;
	struct json_doc doc; /* of the body, where it is JSON */
	struct auth *auth;
	struct user *user; /* NULL where no token is asked for */
	struct session *session;
	const char *args[4]; /* what the route's ":" segments stand for, without the user's */
	int64_t now; /* ms */
	struct answer answer;
};

/* routes.c: finds the handler, checks the token and the user of the path, parses the body, calls it. */
void call_route(struct call *call);
struct json_value call_json(const struct call *call, const char *key); /* the object under the body's one key */
bool call_query(const struct call *call, const char *name, struct buf *out);
bool call_query_int(const struct call *call, const char *name, int64_t *value);

/* tokens.c. `last` is what the connection showed before: the same token need not be taken apart again. */
bool token_check(struct sandbox *s, struct auth *last, const char *token, int64_t now, struct user **user,
	struct session **session);
bool call_authorize(struct call *call); /* by the Authorization header; false: the answer says why */
/* Every access token that is out is worth nothing now, and with `refresh` no refresh token is, either. */
void tokens_expire(struct sandbox *s, bool refresh);
void handle_token(struct call *call);

/* channels.c, chat.c, history.c, groups.c, sms.c, attachments.c, control.c */
void handle_channel_create(struct call *call);
void handle_channel_list(struct call *call);
void handle_channel_get(struct call *call);
void handle_channel_extend(struct call *call);
void handle_channel_delete(struct call *call);
void handle_subscribe_chat(struct call *call);
void handle_subscribe_sms(struct call *call);
void handle_subscribe_receipts(struct call *call);
void handle_subscriptions_chat(struct call *call);
void handle_subscriptions_sms(struct call *call);
void handle_subscriptions_receipts(struct call *call);
void handle_unsubscribe_chat(struct call *call);
void handle_unsubscribe_sms(struct call *call);
void handle_unsubscribe_receipts(struct call *call);
void handle_chat_send(struct call *call);
void handle_chat_history(struct call *call);
void handle_chat_get(struct call *call);
void handle_chat_delete(struct call *call);
void handle_chat_clear(struct call *call);
void handle_chat_status_get(struct call *call);
void handle_chat_status_put(struct call *call);
void handle_chat_sessions(struct call *call);
void handle_group_create(struct call *call);
void handle_group_list(struct call *call);
void handle_group_get(struct call *call);
void handle_group_delete(struct call *call);
void handle_group_sessions(struct call *call);
void handle_group_send(struct call *call);
void handle_group_history(struct call *call);
void handle_group_message_get(struct call *call);
void handle_group_message_delete(struct call *call);
void handle_group_clear(struct call *call);
void handle_group_status_get(struct call *call);
void handle_group_status_put(struct call *call);
void handle_participant_add(struct call *call);
void handle_participant_remove(struct call *call);
void handle_participant_status(struct call *call);
void handle_sms_send(struct call *call);
void handle_sms_threads(struct call *call);
void handle_sms_history(struct call *call);
void handle_sms_delete(struct call *call);
void handle_sms_clear(struct call *call);
void handle_object_get(struct call *call);
void handle_control(struct call *call);

/* ---- conversations -------------------------------------------------------------------------------------------- */

/*
 * chat.c: what `sender` said, stored and pushed as the server does it. Takes `content` over. Give the message back
 * with chat_done().
 */
struct message *chat_say(struct sandbox *s, struct user *sender, struct user *receiver, const char *except,
	char *content, const char *text);
void chat_done(struct sandbox *s, struct message *message);
void group_push_message(struct sandbox *s, struct user *sender, struct group *group, const char *except,
	const struct message *message);
/* "text" and "attachment" of a message in a request, as the members that are kept. False: the answer says why. */
bool chat_content(struct call *call, struct json_value message, struct buf *content, struct buf *text);
void chat_message_url(struct buf *out, const struct user *user, enum thread_kind kind, const char *peer,
	const char *id);
void chat_message_json(const struct sandbox *s, struct buf *out, const char *key, const struct thread *thread,
	const struct message *message);
/* that the caller is writing: to one of those who see it in the conversation with `peer`; and the answer */
void chat_push_composing(struct call *call, struct user *to, enum thread_kind kind, const char *peer,
	const char *destination, struct json_value composing);
void chat_answer_composing(struct call *call, struct json_value composing);
void notification_id(struct buf *out); /* "id":"..." */
void link_json(struct buf *out, const char *rel, const char *href); /* "link":[{...}] */
/* as REST answers write times: seconds, unless told otherwise */
int64_t rest_time(const struct sandbox *s, int64_t ms);

/* history.c: messages of one thread (which may be NULL) by max, next and lastMessageTime. */
void history_page(struct call *call, struct thread *thread, const char *list_key, const char *key);
void history_message(struct call *call, struct thread *thread, const char *id);
void history_delete(struct call *call, struct thread *thread, const char *id);
void history_clear(struct call *call, struct thread *thread);
void history_status(struct call *call, struct thread *thread, const char *id, bool put);
void history_sessions(struct call *call, enum thread_kind kind);

/* attachments.c: an upload under way. */
struct upload;
struct upload *upload_new(struct sandbox *s, struct user *user, const char *content_type);
/* false: it is refused, and the rest not looked at */
bool upload_take(struct upload *upload, const char *p, size_t len);
void upload_finish(struct upload *upload, struct answer *answer, int64_t now);
size_t upload_parts(const struct upload *upload, const struct form_part **parts);
void upload_free(struct upload *upload); /* NULL is fine */
void attachment_json(const struct sandbox *s, struct buf *out, const char *key, const struct object *object,
	const char *name);

/* ---- WebSockets: socket.c ------------------------------------------------------------------------------------- */

struct socket;

/*
 * The upgrade of a GET on a channel's URL. The socket, with the 101 queued on `conn`; or NULL, and the answer says why.
 */
struct socket *socket_open(struct call *call, struct conn *conn);
void socket_input(struct socket *socket, const char *p, size_t len);
void socket_closed(struct socket *socket);

/* to every socket of a channel */
void socket_deliver(void *arg, struct channel *channel, const char *json, size_t len);
/* the channel has gone: its sockets are closed, or, where that is how it is to be, left open and hear nothing more */
void sockets_of_channel_leave(void *arg, struct channel *channel);
size_t sockets_drop(struct sandbox *s, enum conn_end how, const struct user *user); /* NULL: all; how many there were */
size_t sockets_freeze(struct sandbox *s, const struct user *user);
size_t sockets_count(const struct sandbox *s);
/* of the slowest; false: none is open */
bool sockets_queued(const struct sandbox *s, const struct user *user, size_t *most);
/* now: in a write of its own */
void sockets_write(struct sandbox *s, const struct user *user, const struct buf *frame, bool now);
void socket_drained(struct socket *socket);
/* any text, as a message */
size_t sockets_raw(struct sandbox *s, const struct user *user, const char *text, size_t len);

/* ---- load: burst.c ------------------------------------------------------------------------------------------- */

enum { BURST_CONVERSATIONS_MAX = 1000, BURST_SIZE_MAX = 64 * 1024 };

enum burst_mode {
	BURST_REAL, /* stored and pushed */
	BURST_BLAST, /* pushed, many a write */
	BURST_SINGLE, /* pushed, one a write */
};

struct burst_order {
	struct user *from, *to;
	/* size: bytes of text; rate: messages a second, 0: as many as can be */
	int64_t count, conversations, size, rate;
	enum burst_mode mode;
	bool hold; /* wait for a slow reader, and do not let its queue overflow */
	char *label; /* NULL: "burst" */
};

void burst_start(struct sandbox *s, const struct burst_order *order); /* label is copied */
void bursts_drained(struct sandbox *s, const struct user *user);
size_t bursts_count(const struct sandbox *s);
void bursts_free(struct sandbox *s);

/* ---- the record: record.c ------------------------------------------------------------------------------------- */

enum status record_new(struct record **out, const char *path, struct err *err) MUST_USE;
void record_free(struct record *record); /* NULL is fine */

struct record_entry {
	uint64_t connection, number; /* the number of the request on its connection */
	const struct request *request;
	const struct user *user;
	const char *body;
	size_t body_len;
	int64_t bytes; /* of the body as it came */
	const struct form_part *parts;
	size_t part_count;
	int status; /* 0: no answer */
	const struct fault *fault;
};

/* All of these do nothing for a NULL record. */
void record_request(struct record *record, const struct record_entry *entry);
void record_frame(struct record *record, uint64_t connection, const struct channel *channel, bool in,
	enum frame_kind kind, const char *p, size_t len);
void record_event(struct record *record, const char *event, uint64_t connection, const char *detail);

/* ---- connections: server.c ------------------------------------------------------------------------------------ */

extern const struct net_handler server_handler;

#endif
