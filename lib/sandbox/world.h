/*
 * world.h - the state of the sandbox: users, logins, channels, subscriptions, conversations, groups, attachments.
 *
 * Everything is in memory (attachments in an unlinked file) and bounded: the oldest entries make room for new ones.
 * There are no sockets here; notifications go to the `deliver` callback. The time is passed in as `now`, so that unit
 * tests control it.
 */
#ifndef KANDY_SANDBOX_WORLD_H
#define KANDY_SANDBOX_WORLD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "sandbox/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHANNELS_PER_USER_MAX = 256,
	SUBSCRIPTIONS_PER_CHANNEL_MAX = 64,
	LOGINS_MAX = 65536,
	CONVERSATIONS_MAX = 65536,
	GROUPS_MAX = 4096,
	PARTICIPANTS_MAX = 256,
	ID_SIZE = 40,
};

/* The structs in a table of the world begin with their node. */
struct user {
	struct hash_node node;
	char *name, *address, *password, *number; /* the address in lower case */
	char id[ID_SIZE]; /* preferred_username, the {userId} of paths */
	struct channel *channels;
	size_t channel_count;
	struct conversation **conversations;
	size_t conversation_count, conversation_cap;
};

/* One login, extended by refresh tokens. */
struct login {
	struct hash_node node;
	struct hash_lru_node order;
	char id[ID_SIZE];
	struct user *user;
	char refresh_id[ID_SIZE]; /* of the only valid refresh token; "": none */
	uint64_t valid_from; /* access tokens with a lower serial are revoked */
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
	struct hash_node node;
	char id[ID_SIZE]; /* "ws-..." */
	char login_id[ID_SIZE]; /* of the login that created it */
	struct user *user;
	int64_t lifetime_s, until; /* until: ms */
	char *correlator;
	bool server_checks; /* x-connCheckRole: server */
	struct subscription *subscriptions;
	size_t subscription_count;
	struct channel *next; /* of the user */
};

/* A message is shared by the conversations of all users who see it. */
struct stored_message {
	char id[ID_SIZE];
	uint64_t seq; /* increases from message to message */
	int64_t time; /* ms */
	char *sender; /* address or number */
	char *content; /* JSON members without braces: "text":"..","attachment":[..] */
	char *excerpt; /* the first bytes of the text, for lists */
	char status[24];
	size_t bytes;
	unsigned refs;
};

enum conversation_kind { CONVERSATION_CHAT, CONVERSATION_GROUP, CONVERSATION_SMS };

/* One user's view of a conversation, oldest message first. */
struct conversation {
	struct hash_node node;
	struct user *owner;
	enum conversation_kind kind;
	char *remote; /* address, group ID, or for SMS "REMOTE-NUMBER/LOCAL-NUMBER" */
	struct stored_message **ring; /* of `cap` places, the oldest at `head` */
	size_t head, count, cap;
	int64_t last_pull; /* ms */
};

struct participant {
	char *address;
	bool admin;
	const char *status; /* "Invited", "Connected" */
};

struct chat_group {
	struct hash_node node;
	char id[ID_SIZE];
	char *name, *subject, *type, *image; /* may be NULL */
	struct participant people[PARTICIPANTS_MAX];
	size_t count;
};

/* An uploaded attachment; its bytes are in world.objects_fd from `slot` times OBJECT_SLOT on. */
struct object {
	struct hash_node node;
	struct hash_lru_node order;
	char id[ID_SIZE];
	struct user *owner;
	char *name, *type;
	char digest[65]; /* SHA-256; also the ETag */
	int64_t size;
	size_t slot;
	unsigned readers; /* current downloads */
	bool dropped; /* the last reader frees it */
};

struct world {
	const struct sandbox_config *config;
	void (*deliver)(void *arg, struct channel *channel, const char *json, size_t len);
	void (*channel_removed)(void *arg, struct channel *channel); /* its sockets must forget it */
	void *arg;

	struct user **user_list;
	size_t user_count, user_cap;
	struct hash_table users, numbers, logins, channels, conversations, groups, objects;
	struct hash_lru login_order, object_order; /* by age */
	uint64_t seq, serial;
	struct stored *stored; /* a ring of all messages by age */
	size_t stored_head, stored_count, stored_cap;
	size_t message_bytes;

	int objects_fd;
	uint8_t *slots; /* in use? */
	int64_t object_bytes;
};

#define OBJECT_SLOT ((int64_t)4 << 30) /* the file is sparse */
enum { OBJECT_SLOTS = 2048 };

enum status world_init(struct world *w, const struct sandbox_config *config, struct err *err) MUST_USE;
void world_release(struct world *w); /* also for a zeroed one with objects_fd -1 */

void *world_find(const struct hash_table *table, const char *key); /* NULL: not found */
struct user *world_number_owner(const struct world *w, const char *number); /* NULL: no user */

/* NAME@sandbox.example, or NAME itself if it is an address. Password NAME-secret. Returns an existing user as it is. */
struct user *world_add_user(struct world *w, const char *name);
struct user *world_user(const struct world *w, const char *address); /* in any case; NULL: unknown */
bool world_add_number(struct world *w, struct user *user, const char *number); /* false: taken */

struct login *world_login_new(struct world *w, struct user *user);

/* NULL: too many */
struct channel *world_channel_new(struct world *w, struct user *user, int64_t lifetime_s, int64_t now);
void world_channel_extend(const struct world *w, struct channel *channel, int64_t lifetime_s, int64_t now);
void world_channel_remove(struct world *w, struct channel *channel);
void world_expire(struct world *w, int64_t now); /* removes expired channels */

struct subscription *world_subscribe(struct channel *channel, enum subscription_kind kind); /* NULL: too many */
struct subscription *world_subscription(const struct user *user, enum subscription_kind kind, const char *id);
void world_unsubscribe(struct subscription *subscription);

/*
 * Delivers to every channel of `user` that has such a subscription (for `number`, if the subscription names one),
 * except those created by the login `except` (NULL: none).
 */
void world_push(struct world *w, struct user *user, enum subscription_kind kind, const char *number, const char *except,
	const char *json, size_t len);

struct chat_group *world_group_new(struct world *w); /* NULL: too many */
void world_group_remove(struct world *w, struct chat_group *group);
struct participant *world_participant(struct chat_group *group, const char *address); /* NULL: not in the group */
/* Adds or updates. NULL: full */
struct participant *world_participant_add(struct chat_group *group, const char *address, bool admin,
	const char *status);
void world_participant_remove(struct chat_group *group, struct participant *participant);

/* ---- conversation.c: messages ----------------------------------------------------------------------------------- */

/* A new message with one reference, the caller's. Takes `content` over. */
struct stored_message *conversation_message_new(struct world *w, const char *sender, char *content, const char *text,
	int64_t now);
void conversation_message_release(struct world *w, struct stored_message *message); /* drops one reference */

/* NULL: missing and `create` is false, or too many. */
struct conversation *conversation_find(struct world *w, struct user *owner, enum conversation_kind kind,
	const char *remote, bool create);
void conversation_append(struct world *w, struct conversation *conversation, struct stored_message *message);
struct stored_message *conversation_at(const struct conversation *conversation, size_t index); /* 0: the oldest */
size_t conversation_older(const struct conversation *conversation, uint64_t seq); /* number of messages before `seq` */
size_t conversation_index(const struct conversation *conversation, const char *id); /* `count`: not found */
void conversation_remove(struct world *w, struct conversation *conversation, size_t index);
void conversation_clear(struct world *w, struct conversation *conversation);
void conversation_free(struct world *w, struct conversation *conversation);

/* ---- object.c: attachments -------------------------------------------------------------------------------------- */

enum status object_store_open(struct world *w, struct err *err) MUST_USE;
void object_store_close(struct world *w);

/* Starts an upload. NULL: no slot is free. Its ID is known once it is published. */
struct object *object_new(struct world *w, struct user *owner);
bool object_write(struct world *w, struct object *object, const char *p, size_t len); /* false: too large, disk full */
void object_publish(struct world *w, struct object *object);
void object_free(struct world *w, struct object *object); /* one that was not published */
void object_hold(struct object *object); /* for a download, until object_release() */
void object_release(struct world *w, struct object *object);

#endif
