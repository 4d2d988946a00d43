/*
 * Messages and conversations. Each conversation has a ring of messages, and the world has one of all (conversation,
 * message) pairs by age, so that the oldest message can be dropped when a limit is reached.
 */
#include "sandbox/world.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One message in one conversation, which may have lost it since. */
struct stored {
	struct conversation *conversation;
	uint64_t seq;
};

struct stored_message *conversation_message_new(struct world *w, const char *sender, char *content, const char *text,
	int64_t now)
{
	struct stored_message *message = xcalloc(1, sizeof(*message));
	char random[33];

	random_id(random);
	message->seq = ++w->seq;
	snprintf(message->id, sizeof(message->id), "%.16s%016llx", random, (unsigned long long)message->seq);
	message->time = now;
	message->sender = xstrdup(sender);
	message->content = content;
	message->excerpt = xmemdup0(text, utf8_cut(text, strlen(text), 100));
	snprintf(message->status, sizeof(message->status), "Sent");
	message->refs = 1;
	message->bytes =
		sizeof(*message) + strlen(sender) + strlen(content) + strlen(message->excerpt) + 3 + 2 * sizeof(void *);
	w->message_bytes += message->bytes;
	return message;
}

void conversation_message_release(struct world *w, struct stored_message *message)
{
	if (--message->refs)
		return;
	w->message_bytes -= message->bytes;
	free(message->sender);
	free(message->content);
	free(message->excerpt);
	free(message);
}

struct conversation *conversation_find(struct world *w, struct user *owner, enum conversation_kind kind,
	const char *remote, bool create)
{
	char *key = xasprintf("%s %d %s", owner->id, (int)kind, remote);
	struct conversation *conversation;
	uint64_t hash;

	for (char *c = key; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	hash = hash_local(key, strlen(key));
	free(key);
	conversation = (struct conversation *)hash_table_find(&w->conversations, hash);
	if (conversation || !create || w->conversations.count >= CONVERSATIONS_MAX)
		return conversation;
	conversation = xcalloc(1, sizeof(*conversation));
	conversation->owner = owner;
	conversation->kind = kind;
	conversation->remote = xstrdup(remote);
	hash_table_add(&w->conversations, &conversation->node, hash);
	owner->conversations = xgrow(owner->conversations, owner->conversation_count, &owner->conversation_cap,
		sizeof(*owner->conversations));
	owner->conversations[owner->conversation_count++] = conversation;
	return conversation;
}

struct stored_message *conversation_at(const struct conversation *conversation, size_t index)
{
	return conversation->ring[(conversation->head + index) % conversation->cap];
}

size_t conversation_older(const struct conversation *conversation, uint64_t seq)
{
	size_t low = 0, high = conversation->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (conversation_at(conversation, middle)->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t conversation_index(const struct conversation *conversation, const char *id)
{
	size_t at;

	if (strlen(id) != 32)
		return conversation->count;
	at = conversation_older(conversation, strtoull(id + 16, NULL, 16)); /* the ID ends in the sequence number */
	return at < conversation->count && !strcmp(conversation_at(conversation, at)->id, id) ? at
											      : conversation->count;
}

void conversation_remove(struct world *w, struct conversation *conversation, size_t index)
{
	struct stored_message *message = conversation_at(conversation, index);

	if (!index)
		conversation->head = (conversation->head + 1) % conversation->cap;
	else
		for (size_t i = index; i + 1 < conversation->count; i++)
			conversation->ring[(conversation->head + i) % conversation->cap] =
				conversation_at(conversation, i + 1);
	conversation->count--;
	conversation_message_release(w, message);
}

void conversation_clear(struct world *w, struct conversation *conversation)
{
	while (conversation->count)
		conversation_remove(w, conversation, 0);
}

void conversation_free(struct world *w, struct conversation *conversation)
{
	conversation_clear(w, conversation);
	free(conversation->remote);
	free(conversation->ring);
	free(conversation);
}

/* Makes room for one more item in a ring; returns the ring, perhaps moved. */
static void *ring_grow(void *ring, size_t size, size_t *head, size_t count, size_t *cap)
{
	size_t bigger_cap = *cap ? *cap * 2 : 16;
	char *bigger;

	if (count < *cap)
		return ring;
	bigger = xcalloc(bigger_cap, size);
	if (ring) {
		memcpy(bigger, (char *)ring + *head * size, (*cap - *head) * size);
		memcpy(bigger + (*cap - *head) * size, ring, *head * size);
	}
	free(ring);
	*head = 0;
	*cap = bigger_cap;
	return bigger;
}

/* Drops the oldest message of the world, unless its conversation has dropped it already. */
static void drop_oldest(struct world *w)
{
	struct stored oldest = w->stored[w->stored_head];

	w->stored_head = (w->stored_head + 1) % w->stored_cap;
	w->stored_count--;
	if (oldest.conversation->count && conversation_at(oldest.conversation, 0)->seq == oldest.seq)
		conversation_remove(w, oldest.conversation, 0);
}

void conversation_append(struct world *w, struct conversation *conversation, struct stored_message *message)
{
	conversation->ring = ring_grow(conversation->ring, sizeof(*conversation->ring), &conversation->head,
		conversation->count, &conversation->cap);
	conversation->ring[(conversation->head + conversation->count++) % conversation->cap] = message;
	message->refs++;
	w->stored = ring_grow(w->stored, sizeof(*w->stored), &w->stored_head, w->stored_count, &w->stored_cap);
	w->stored[(w->stored_head + w->stored_count++) % w->stored_cap] = (struct stored){ conversation, message->seq };
	if (conversation->count > (size_t)w->config->keep_per_conversation)
		conversation_remove(w, conversation, 0);
	while (w->stored_count > 1 &&
		(w->stored_count > (size_t)w->config->keep_messages ||
			w->message_bytes > (size_t)w->config->keep_bytes))
		drop_oldest(w);
}
