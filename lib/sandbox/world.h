/*
 * world.h - what the sandbox knows: users, sessions, channels, subscriptions, conversations, groups, attachments.
 *
 * All of it in memory (attachments in an unlinked file), all of it bounded: what is oldest gives way. No sockets here;
 * what is to be pushed goes to the `deliver` function that the owner gave. Time comes in as `now`, so tests turn it.
 */
#ifndef KANDY_SANDBOX_WORLD_H
#define KANDY_SANDBOX_WORLD_H

#include "base/buf.h"
#include "base/err.h"
#include "sandbox/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHANNELS_PER_USER_MAX = 256,
	SUBSCRIPTIONS_PER_CHANNEL_MAX = 64,
	SESSIONS_MAX = 65536,
	THREADS_MAX = 65536,
	GROUPS_MAX = 4096,
	PARTICIPANTS_MAX = 256,
	ID_SIZE = 40,
};

struct user {
	char *name, *address, *password, *number; /* the address in lower case */
	char **more_numbers;
	size_t more_number_count, more_number_cap;
	char id[ID_SIZE]; /* preferred_username, the {userId} of paths */
	struct channel *channels;
	size_t channel_count;
	struct thread **threads;
	size_t thread_count, thread_cap;
};

/* One login, kept up by refresh tokens. */
struct session {
	char id[ID_SIZE];
	struct user *user;
	char refresh_id[ID_SIZE]; /* of the one refresh token that is good now */
	int64_t refresh_until; /* ms */
	uint64_t valid_from; /* access tokens with a lower serial have been revoked */
};

enum subscription_kind { SUBSCRIBED_CHAT, SUBSCRIBED_SMS, SUBSCRIBED_RECEIPTS };

struct subscription {
	char id[ID_SIZE];
	enum subscription_kind kind;
	char *correlator, *number; /* may be NULL */
	struct channel *channel;
	struct subscription *next;
};

struct channel {
	char id[ID_SIZE]; /* "ws-..." */
	char session_id[ID_SIZE]; /* of the login that made it */
	struct user *user;
	int64_t lifetime_s, until; /* until: ms */
	char *correlator;
	bool server_checks; /* x-connCheckRole: server */
	struct subscription *subscriptions;
	size_t subscription_count;
	void *sockets; /* the owner's */
	struct channel *next; /* of the user */
};

/* A message stands in one thread for each user who sees it. */
struct message {
	char id[ID_SIZE];
	uint64_t seq; /* grows from message to message */
	int64_t time; /* ms */
	char *sender; /* address or number */
	char *content; /* JSON members without braces: "text":"..","attachment":[..] */
	char *text; /* the beginning of it, for lists */
	char status[24];
	size_t bytes;
	unsigned refs;
};

enum thread_kind { THREAD_CHAT, THREAD_GROUP, THREAD_SMS };

/* One user's view of a conversation, oldest message first. */
struct thread {
	struct user *owner;
	enum thread_kind kind;
	char *peer; /* address, group ID or number */
	char *key; /* in world.threads */
	struct message **ring; /* of `cap` places, the oldest at `head` */
	size_t head, count, cap;
	int64_t last_pull; /* ms */
	size_t pulls;
};

struct participant {
	char *address;
	bool admin;
	const char *status; /* "Invited", "Connected" */
};

struct group {
	char id[ID_SIZE];
	char *name, *subject, *type, *image; /* may be NULL */
	struct participant people[PARTICIPANTS_MAX];
	size_t count;
};

/* An uploaded attachment; its bytes are world.objects_fd at `slot` times OBJECT_SLOT. */
struct object {
	char id[ID_SIZE];
	struct user *owner;
	char *name, *type;
	char digest[65]; /* SHA-256; also the ETag */
	int64_t size, time;
	size_t slot;
	unsigned readers; /* downloads under way; kept while there are any */
	bool dropped; /* to be freed by the last reader */
	struct object *newer;
};

struct world_limits {
	size_t messages_per_thread, messages, message_bytes;
	int64_t object_bytes; /* of all attachments; also the largest one */
	int64_t channel_life_s; /* what is granted at most */
};

struct world {
	struct world_limits limits;
	void (*deliver)(void *arg, struct channel *channel, const char *json, size_t len);
	void (*channel_gone)(void *arg, struct channel *channel); /* its sockets are to let go of it */
	void *arg;

	struct user **users;
	size_t user_count, user_cap;
	struct table users_by_address, users_by_id, users_by_number, sessions, channels, threads, groups, objects;
	struct session **session_ring; /* SESSIONS_MAX places, used round and round */
	size_t session_next;
	uint64_t seq, serial;
	struct stored *stored; /* what is oldest of all messages */
	size_t stored_head, stored_count, stored_cap;
	size_t message_bytes;

	int objects_fd;
	uint8_t *slots; /* in use? */
	struct object *oldest, *newest;
	int64_t object_bytes;
};

#define OBJECT_SLOT ((int64_t)4 << 30) /* the file is sparse */
enum { OBJECT_SLOTS = 2048 };

/* `dir`: where the unlinked file for attachments lies. */
enum status world_init(struct world *w, const struct world_limits *limits, const char *dir, struct err *err) MUST_USE;
void world_release(struct world *w);

/* NAME@sandbox.example, or NAME itself where it is an address. Password NAME-secret. */
struct user *world_add_user(struct world *w, const char *name);
struct user *world_user(const struct world *w, const char *address); /* any case; NULL: unknown */
bool world_add_number(struct world *w, struct user *user, const char *number); /* one more; false: it is somebody's */

struct session *world_session_new(struct world *w, struct user *user);

/* NULL: too many */
struct channel *world_channel_new(struct world *w, struct user *user, int64_t lifetime_s, int64_t now);
void world_channel_extend(const struct world *w, struct channel *channel, int64_t lifetime_s, int64_t now);
void world_channel_remove(struct world *w, struct channel *channel);
void world_expire(struct world *w, int64_t now); /* channels whose time has come */

struct subscription *world_subscribe(struct channel *channel, enum subscription_kind kind);
struct subscription *world_subscription(const struct user *user, enum subscription_kind kind, const char *id);
void world_unsubscribe(struct subscription *subscription);

/*
 * Pushes to every channel of `user` that has such a subscription (with this number, where it names one), but to none
 * that was made by the session `except` (NULL: to all).
 */
void world_push(struct world *w, struct user *user, enum subscription_kind kind, const char *number, const char *except,
	const char *json, size_t len);

/* A new message; it lives while it stands in a thread. Takes `content` over. */
struct message *world_message_new(struct world *w, const char *sender, char *content, const char *text, int64_t now);
void world_message_drop(struct world *w, struct message *message); /* frees it if it stands in no thread */

/* NULL: there is none and `create` was not asked for, or there are too many. */
struct thread *world_thread(struct world *w, struct user *owner, enum thread_kind kind, const char *peer, bool create);
void thread_append(struct world *w, struct thread *thread, struct message *message);
struct message *thread_at(const struct thread *thread, size_t index); /* 0: the oldest */
size_t thread_before(const struct thread *thread, uint64_t seq); /* how many stand before the message `seq` */
size_t thread_find(const struct thread *thread, const char *id); /* `count`: not there */
void thread_remove(struct world *w, struct thread *thread, size_t index);
void thread_clear(struct world *w, struct thread *thread);

struct group *world_group_new(struct world *w); /* NULL: too many */
struct participant *group_find(struct group *group, const char *address);
/* NULL: full */
struct participant *group_add(struct group *group, const char *address, bool admin, const char *status);
void group_remove(struct group *group, struct participant *participant);
void world_group_remove(struct world *w, struct group *group);

/*
 * An upload begins: NULL where there is no room. It is found by its ID once it is published; the oldest ones make
 * room then.
 */
struct object *world_object_new(struct world *w, struct user *owner);
/* false: too large, disk full */
bool world_object_write(struct world *w, struct object *object, const char *p, size_t len);
void world_object_publish(struct world *w, struct object *object, int64_t now);
void world_object_free(struct world *w, struct object *object); /* one that was not published */
void world_object_hold(struct object *object);
void world_object_let_go(struct world *w, struct object *object);

/* objects.c, for world.c */
enum status world_objects_init(struct world *w, const char *dir, struct err *err) MUST_USE;
void world_objects_release(struct world *w);

#endif
