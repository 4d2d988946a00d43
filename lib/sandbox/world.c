#include "sandbox/world.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One message in one thread, in the order of arrival; the thread may have lost it since. */
struct stored {
	struct thread *thread;
	uint64_t seq;
};

/* ---- users and sessions --------------------------------------------------------------------------------------- */

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
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

struct user *world_add_user(struct world *w, const char *name)
{
	struct user *user = xcalloc(1, sizeof(*user));
	size_t len = strcspn(name, "@");

	user->name = xmemdup0(name, len);
	user->address = name[len] ? xstrdup(name) : xasprintf("%s@sandbox.example", name);
	lower(user->address);
	if (world_user(w, user->address)) {
		struct user *old = world_user(w, user->address);

		free(user->name);
		free(user->address);
		free(user);
		return old;
	}
	user->password = xasprintf("%s-secret", user->name);
	user->number = xasprintf("+1613555%04zu", w->user_count + 100);
	make_uuid(user->id);
	w->users = xgrow(w->users, w->user_count, &w->user_cap, sizeof(*w->users));
	w->users[w->user_count++] = user;
	table_put(&w->users_by_address, user->address, user);
	table_put(&w->users_by_id, user->id, user);
	table_put(&w->users_by_number, user->number, user);
	return user;
}

struct user *world_user(const struct world *w, const char *address)
{
	char *key = xstrdup(address);
	struct user *user;

	lower(key);
	user = table_get(&w->users_by_address, key);
	free(key);
	return user;
}

bool world_add_number(struct world *w, struct user *user, const char *number)
{
	char *copy;

	if (table_get(&w->users_by_number, number))
		return false;
	copy = xstrdup(number);
	user->more_numbers =
		xgrow(user->more_numbers, user->more_number_count, &user->more_number_cap, sizeof(*user->more_numbers));
	user->more_numbers[user->more_number_count++] = copy;
	table_put(&w->users_by_number, copy, user);
	return true;
}

struct session *world_session_new(struct world *w, struct user *user)
{
	struct session *session = xcalloc(1, sizeof(*session)), **place = &w->session_ring[w->session_next];

	if (*place) {
		table_remove(&w->sessions, (*place)->id);
		free(*place);
	}
	w->session_next = (w->session_next + 1) % SESSIONS_MAX;
	session->user = user;
	make_uuid(session->id);
	*place = session;
	table_put(&w->sessions, session->id, session);
	return session;
}

/* ---- channels and subscriptions ------------------------------------------------------------------------------- */

void world_channel_extend(const struct world *w, struct channel *channel, int64_t lifetime_s, int64_t now)
{
	if (lifetime_s <= 0 || lifetime_s > w->limits.channel_life_s)
		lifetime_s = w->limits.channel_life_s;
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
	table_put(&w->channels, channel->id, channel);
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
	table_remove(&w->channels, channel->id);
	if (w->channel_gone)
		w->channel_gone(w->arg, channel);
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
		for (struct channel *channel = w->users[i]->channels, *next; channel; channel = next) {
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
		if (wants(channel, kind, number) && !(except && !strcmp(channel->session_id, except)))
			w->deliver(w->arg, channel, json, len);
}

/* ---- conversations -------------------------------------------------------------------------------------------- */

struct message *world_message_new(struct world *w, const char *sender, char *content, const char *text, int64_t now)
{
	struct message *message = xcalloc(1, sizeof(*message));
	char random[33];
	size_t len = strlen(text);

	message->seq = ++w->seq;
	random_id(random);
	snprintf(message->id, sizeof(message->id), "%.16s%016llx", random, (unsigned long long)message->seq);
	message->time = now;
	message->sender = xstrdup(sender);
	message->content = content;
	message->text = xmemdup0(text, utf8_cut(text, len, 100));
	snprintf(message->status, sizeof(message->status), "Sent");
	message->bytes =
		sizeof(*message) + strlen(sender) + strlen(content) + strlen(message->text) + 3 + 2 * sizeof(void *);
	w->message_bytes += message->bytes;
	return message;
}

void world_message_drop(struct world *w, struct message *message)
{
	if (message->refs)
		return;
	w->message_bytes -= message->bytes;
	free(message->sender);
	free(message->content);
	free(message->text);
	free(message);
}

struct thread *world_thread(struct world *w, struct user *owner, enum thread_kind kind, const char *peer, bool create)
{
	char *key = xasprintf("%s %d %s", owner->id, (int)kind, peer);
	struct thread *thread;

	lower(key);
	thread = table_get(&w->threads, key);
	if (thread || !create || w->threads.count >= THREADS_MAX) {
		free(key);
		return thread;
	}
	thread = xcalloc(1, sizeof(*thread));
	thread->owner = owner;
	thread->kind = kind;
	thread->peer = xstrdup(peer);
	thread->key = key;
	table_put(&w->threads, key, thread);
	owner->threads = xgrow(owner->threads, owner->thread_count, &owner->thread_cap, sizeof(*owner->threads));
	owner->threads[owner->thread_count++] = thread;
	return thread;
}

struct message *thread_at(const struct thread *thread, size_t index)
{
	return thread->ring[(thread->head + index) % thread->cap];
}

size_t thread_before(const struct thread *thread, uint64_t seq)
{
	size_t low = 0, high = thread->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (thread_at(thread, middle)->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t thread_find(const struct thread *thread, const char *id)
{
	size_t at;

	if (strlen(id) != 32)
		return thread->count;
	at = thread_before(thread, strtoull(id + 16, NULL, 16)); /* the ID ends in the sequence number */
	return at < thread->count && !strcmp(thread_at(thread, at)->id, id) ? at : thread->count;
}

void thread_remove(struct world *w, struct thread *thread, size_t index)
{
	struct message *message = thread_at(thread, index);

	if (!index) {
		thread->head = (thread->head + 1) % thread->cap;
	} else {
		for (size_t i = index; i + 1 < thread->count; i++)
			thread->ring[(thread->head + i) % thread->cap] = thread_at(thread, i + 1);
	}
	thread->count--;
	message->refs--;
	world_message_drop(w, message);
}

void thread_clear(struct world *w, struct thread *thread)
{
	while (thread->count)
		thread_remove(w, thread, 0);
}

/* The oldest message of all is forgotten (or was already). */
static void forget_oldest(struct world *w)
{
	struct stored oldest = w->stored[w->stored_head];

	w->stored_head = (w->stored_head + 1) % w->stored_cap;
	w->stored_count--;
	if (oldest.thread->count && thread_at(oldest.thread, 0)->seq == oldest.seq)
		thread_remove(w, oldest.thread, 0);
}

static void remember(struct world *w, struct thread *thread, uint64_t seq)
{
	if (w->stored_count == w->stored_cap) {
		size_t cap = w->stored_cap ? w->stored_cap * 2 : 256;
		struct stored *bigger = xcalloc(cap, sizeof(*bigger));

		for (size_t i = 0; i < w->stored_count; i++)
			bigger[i] = w->stored[(w->stored_head + i) % w->stored_cap];
		free(w->stored);
		w->stored = bigger;
		w->stored_head = 0;
		w->stored_cap = cap;
	}
	w->stored[(w->stored_head + w->stored_count++) % w->stored_cap] = (struct stored){ thread, seq };
}

void thread_append(struct world *w, struct thread *thread, struct message *message)
{
	if (thread->count == thread->cap) {
		size_t cap = thread->cap ? thread->cap * 2 : 16;
		struct message **bigger = xcalloc(cap, sizeof(*bigger));

		for (size_t i = 0; i < thread->count; i++)
			bigger[i] = thread_at(thread, i);
		free(thread->ring);
		thread->ring = bigger;
		thread->head = 0;
		thread->cap = cap;
	}
	thread->ring[(thread->head + thread->count++) % thread->cap] = message;
	message->refs++;
	remember(w, thread, message->seq);
	if (thread->count > w->limits.messages_per_thread)
		thread_remove(w, thread, 0);
	while (w->stored_count > 1 &&
		(w->stored_count > w->limits.messages || w->message_bytes > w->limits.message_bytes))
		forget_oldest(w);
}

/* ---- groups --------------------------------------------------------------------------------------------------- */

struct group *world_group_new(struct world *w)
{
	struct group *group;

	if (w->groups.count >= GROUPS_MAX)
		return NULL;
	group = xcalloc(1, sizeof(*group));
	make_id(group->id, "");
	table_put(&w->groups, group->id, group);
	return group;
}

struct participant *group_find(struct group *group, const char *address)
{
	for (size_t i = 0; i < group->count; i++)
		if (!strcasecmp(group->people[i].address, address))
			return &group->people[i];
	return NULL;
}

struct participant *group_add(struct group *group, const char *address, bool admin, const char *status)
{
	struct participant *participant = group_find(group, address);

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

void group_remove(struct group *group, struct participant *participant)
{
	free(participant->address);
	memmove(participant, participant + 1,
		(size_t)(&group->people[group->count] - (participant + 1)) * sizeof(*participant));
	group->count--;
}

static void group_free(struct group *group)
{
	while (group->count)
		group_remove(group, &group->people[group->count - 1]);
	free(group->name);
	free(group->subject);
	free(group->type);
	free(group->image);
	free(group);
}

void world_group_remove(struct world *w, struct group *group)
{
	table_remove(&w->groups, group->id);
	group_free(group);
}

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

enum status world_init(struct world *w, const struct world_limits *limits, const char *dir, struct err *err)
{
	static const char *const names[] = { "alice", "bob", "carol", "dave" };
	enum status status;

	*w = (struct world){ .limits = *limits, .objects_fd = -1 };
	status = world_objects_init(w, dir, err);
	if (status)
		return status;
	w->session_ring = xcalloc(SESSIONS_MAX, sizeof(*w->session_ring));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		world_add_user(w, names[i]);
	return ST_OK;
}

static void user_free(struct world *w, struct user *user)
{
	while (user->channels)
		world_channel_remove(w, user->channels);
	for (size_t i = 0; i < user->thread_count; i++) {
		thread_clear(w, user->threads[i]);
		free(user->threads[i]->peer);
		free(user->threads[i]->key);
		free(user->threads[i]->ring);
		free(user->threads[i]);
	}
	free(user->threads);
	free(user->name);
	free(user->address);
	free(user->password);
	free(user->number);
	for (size_t i = 0; i < user->more_number_count; i++)
		free(user->more_numbers[i]);
	free(user->more_numbers);
	free(user);
}

void world_release(struct world *w)
{
	for (size_t i = 0; i < w->user_count; i++)
		user_free(w, w->users[i]);
	free(w->users);
	for (size_t i = 0; w->session_ring && i < SESSIONS_MAX; i++)
		free(w->session_ring[i]);
	free(w->session_ring);
	for (size_t i = 0; i < w->groups.cap; i++)
		if (w->groups.slots[i].key)
			group_free(w->groups.slots[i].value);
	world_objects_release(w);
	free(w->stored);
	table_release(&w->users_by_address);
	table_release(&w->users_by_id);
	table_release(&w->users_by_number);
	table_release(&w->sessions);
	table_release(&w->channels);
	table_release(&w->threads);
	table_release(&w->groups);
	table_release(&w->objects);
	*w = (struct world){ .objects_fd = -1 };
}
