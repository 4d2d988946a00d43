#include "sandbox/world.h"

#include "base/mem.h"
#include "base/random.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- users and logins ------------------------------------------------------------------------------------------- */

static void make_id(char out[ID_SIZE], const char *prefix)
{
	char hex[33];

	random_id(hex);
	snprintf(out, ID_SIZE, "%s%s", prefix, hex);
}

static void make_uuid(char out[ID_SIZE])
{
	char h[33];

	random_id(h);
	snprintf(out, ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

static uint64_t hash(const char *key)
{
	return hash_local(key, strlen(key));
}

void *world_find(const struct hash_table *table, const char *key)
{
	return hash_table_find(table, hash(key));
}

struct number {
	struct hash_node node;
	struct user *user;
};

struct user *world_number_owner(const struct world *w, const char *number)
{
	const struct number *found = world_find(&w->numbers, number);

	return found ? found->user : NULL;
}

bool world_add_number(struct world *w, struct user *user, const char *number)
{
	struct number *added;

	if (world_find(&w->numbers, number))
		return false;
	added = xcalloc(1, sizeof(*added));
	added->user = user;
	hash_table_add(&w->numbers, &added->node, hash(number));
	return true;
}

struct user *world_add_user(struct world *w, const char *name)
{
	size_t len = strcspn(name, "@");
	char *address = name[len] ? xstrdup(name) : xasprintf("%s@sandbox.example", name);
	struct user *user = world_user(w, address);

	if (user) {
		free(address);
		return user;
	}
	lower(address);
	user = xcalloc(1, sizeof(*user));
	user->name = xmemdup0(name, len);
	user->address = address;
	user->password = xasprintf("%s-secret", user->name);
	user->number = xasprintf("+1613555%04zu", w->user_count + 100);
	make_uuid(user->id);
	w->user_list = xgrow(w->user_list, w->user_count, &w->user_cap, sizeof(*w->user_list));
	w->user_list[w->user_count++] = user;
	hash_table_add(&w->users, &user->node, hash(user->address));
	world_add_number(w, user, user->number);
	return user;
}

struct user *world_user(const struct world *w, const char *address)
{
	char *key = xstrdup(address);
	struct user *user;

	lower(key);
	user = world_find(&w->users, key);
	free(key);
	return user;
}

static void login_free(struct world *w, struct login *login)
{
	hash_lru_remove(&w->login_order, &login->order);
	hash_table_remove(&w->logins, &login->node);
	free(login);
}

struct login *world_login_new(struct world *w, struct user *user)
{
	struct login *login = xcalloc(1, sizeof(*login));

	if (w->login_order.count == LOGINS_MAX)
		login_free(w, HASH_STRUCT(w->login_order.oldest, struct login, order));
	login->user = user;
	make_uuid(login->id);
	hash_table_add(&w->logins, &login->node, hash(login->id));
	hash_lru_add(&w->login_order, &login->order);
	return login;
}

/* ---- channels and subscriptions --------------------------------------------------------------------------------- */

void world_channel_extend(const struct world *w, struct channel *channel, int64_t lifetime_s, int64_t now)
{
	int64_t longest = (w->config->channel_life_ms + 999) / 1000;

	if (lifetime_s <= 0 || lifetime_s > longest)
		lifetime_s = longest;
	channel->lifetime_s = lifetime_s;
	channel->until = now + lifetime_s * 1000;
}

struct channel *world_channel_new(struct world *w, struct user *user, int64_t lifetime_s, int64_t now)
{
	struct channel *channel;

	if (user->channel_count >= CHANNELS_PER_USER_MAX)
		return NULL;
	channel = xcalloc(1, sizeof(*channel));
	make_id(channel->id, "ws-");
	channel->user = user;
	world_channel_extend(w, channel, lifetime_s, now);
	channel->next = user->channels;
	user->channels = channel;
	user->channel_count++;
	hash_table_add(&w->channels, &channel->node, hash(channel->id));
	return channel;
}

static void subscription_free(struct subscription *subscription)
{
	free(subscription->correlator);
	free(subscription->number);
	free(subscription);
}

void world_channel_remove(struct world *w, struct channel *channel)
{
	struct channel **at = &channel->user->channels;
	struct subscription *subscription;

	while (*at != channel)
		at = &(*at)->next;
	*at = channel->next;
	channel->user->channel_count--;
	hash_table_remove(&w->channels, &channel->node);
	if (w->channel_removed)
		w->channel_removed(w->arg, channel);
	while ((subscription = channel->subscriptions)) {
		channel->subscriptions = subscription->next;
		subscription_free(subscription);
	}
	free(channel->correlator);
	free(channel);
}

void world_expire(struct world *w, int64_t now)
{
	for (size_t i = 0; i < w->user_count; i++)
		for (struct channel *channel = w->user_list[i]->channels, *next; channel; channel = next) {
			next = channel->next;
			if (channel->until <= now)
				world_channel_remove(w, channel);
		}
}

struct subscription *world_subscribe(struct channel *channel, enum subscription_kind kind)
{
	struct subscription *subscription;

	if (channel->subscription_count >= SUBSCRIPTIONS_PER_CHANNEL_MAX)
		return NULL;
	subscription = xcalloc(1, sizeof(*subscription));
	make_id(subscription->id, "");
	subscription->kind = kind;
	subscription->channel = channel;
	subscription->next = channel->subscriptions;
	channel->subscriptions = subscription;
	channel->subscription_count++;
	return subscription;
}

struct subscription *world_subscription(const struct user *user, enum subscription_kind kind, const char *id)
{
	for (struct channel *channel = user->channels; channel; channel = channel->next)
		for (struct subscription *s = channel->subscriptions; s; s = s->next)
			if (s->kind == kind && !strcmp(s->id, id))
				return s;
	return NULL;
}

void world_unsubscribe(struct subscription *subscription)
{
	struct subscription **at = &subscription->channel->subscriptions;

	while (*at != subscription)
		at = &(*at)->next;
	*at = subscription->next;
	subscription->channel->subscription_count--;
	subscription_free(subscription);
}

static bool wants(const struct channel *channel, enum subscription_kind kind, const char *number)
{
	for (const struct subscription *s = channel->subscriptions; s; s = s->next)
		if (s->kind == kind && (!s->number || !number || !strcmp(s->number, number)))
			return true;
	return false;
}

void world_push(struct world *w, struct user *user, enum subscription_kind kind, const char *number, const char *except,
	const char *json, size_t len)
{
	for (struct channel *channel = user->channels; channel; channel = channel->next)
		if (wants(channel, kind, number) && !(except && !strcmp(channel->login_id, except)))
			w->deliver(w->arg, channel, json, len);
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

struct chat_group *world_group_new(struct world *w)
{
	struct chat_group *group;

	if (w->groups.count >= GROUPS_MAX)
		return NULL;
	group = xcalloc(1, sizeof(*group));
	make_id(group->id, "");
	hash_table_add(&w->groups, &group->node, hash(group->id));
	return group;
}

struct participant *world_participant(struct chat_group *group, const char *address)
{
	for (size_t i = 0; i < group->count; i++)
		if (!strcasecmp(group->people[i].address, address))
			return &group->people[i];
	return NULL;
}

struct participant *world_participant_add(struct chat_group *group, const char *address, bool admin, const char *status)
{
	struct participant *participant = world_participant(group, address);

	if (!participant) {
		if (group->count == PARTICIPANTS_MAX)
			return NULL;
		participant = &group->people[group->count++];
		participant->address = xstrdup(address);
		lower(participant->address);
	}
	participant->admin = admin;
	participant->status = status;
	return participant;
}

void world_participant_remove(struct chat_group *group, struct participant *participant)
{
	free(participant->address);
	memmove(participant, participant + 1,
		(size_t)(&group->people[group->count] - (participant + 1)) * sizeof(*participant));
	group->count--;
}

void world_group_remove(struct world *w, struct chat_group *group)
{
	hash_table_remove(&w->groups, &group->node);
	while (group->count)
		world_participant_remove(group, &group->people[group->count - 1]);
	free(group->name);
	free(group->subject);
	free(group->type);
	free(group->image);
	free(group);
}

/* ---- setup and release ------------------------------------------------------------------------------------------ */

enum status world_init(struct world *w, const struct sandbox_config *config, struct err *err)
{
	static const char *const names[] = { "alice", "bob", "carol", "dave" };
	enum status status;

	*w = (struct world){ .config = config, .objects_fd = -1 };
	status = object_store_open(w, err);
	if (status)
		return status;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		world_add_user(w, names[i]);
	for (size_t i = 0; i < config->user_count; i++)
		world_add_user(w, config->users[i]);
	return ST_OK;
}

static void user_free(struct world *w, struct user *user)
{
	while (user->channels)
		world_channel_remove(w, user->channels);
	for (size_t i = 0; i < user->conversation_count; i++)
		conversation_free(w, user->conversations[i]);
	free(user->conversations);
	free(user->name);
	free(user->address);
	free(user->password);
	free(user->number);
	free(user);
}

void world_release(struct world *w)
{
	struct hash_node *node;

	for (size_t i = 0; i < w->user_count; i++)
		user_free(w, w->user_list[i]);
	free(w->user_list);
	while ((node = hash_table_any(&w->logins)))
		login_free(w, (struct login *)node);
	while ((node = hash_table_any(&w->groups)))
		world_group_remove(w, (struct chat_group *)node);
	while ((node = hash_table_any(&w->numbers))) {
		hash_table_remove(&w->numbers, node);
		free(node);
	}
	object_store_close(w);
	free(w->stored);
	hash_table_release(&w->users);
	hash_table_release(&w->numbers);
	hash_table_release(&w->logins);
	hash_table_release(&w->channels);
	hash_table_release(&w->conversations);
	hash_table_release(&w->groups);
	hash_table_release(&w->objects);
	*w = (struct world){ .objects_fd = -1 };
}
