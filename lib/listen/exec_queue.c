#include "listen/exec_queue.h"

#include "base/mem.h"

#include <stdlib.h>

void exec_queue_init(struct exec_queue *q)
{
	*q = (struct exec_queue){ 0 };
	q->last = &q->first;
}

static void entry_free(struct exec_entry *entry)
{
	free(entry->line);
	free(entry);
}

static struct exec_queue_state *state_of(struct exec_queue *q, const struct cursor_conversation *conversation)
{
	if (!conversation)
		return &q->no_conversation;
	q->states = cursor_side_array(q->states, &q->state_cap, sizeof(*q->states), conversation);
	return &q->states[conversation->index];
}

void exec_queue_release(struct exec_queue *q)
{
	while (q->first) {
		struct exec_entry *entry = q->first;

		q->first = entry->next;
		entry_free(entry);
	}
	free(q->states);
	exec_queue_init(q);
}

static size_t weight(const struct exec_entry *entry)
{
	return sizeof(*entry) + entry->len;
}

static void append(struct exec_queue *q, char *line, size_t len, struct cursor_conversation *conversation, uint64_t id,
	int64_t time_ms)
{
	struct exec_entry *entry = xcalloc(1, sizeof(*entry));

	entry->conversation = conversation;
	entry->id = id;
	entry->time_ms = time_ms;
	entry->line = line;
	entry->len = len;
	entry->backoff = (struct backoff){ .first_ms = 1000, .cap_ms = 300000 };
	entry->first = !state_of(q, conversation)->queued++;
	*q->last = entry;
	q->last = &entry->next;
	q->count++;
	q->bytes += weight(entry);
}

void exec_queue_add(struct exec_queue *q, const char *line, size_t len, struct cursor_conversation *conversation,
	uint64_t id, int64_t time_ms)
{
	if (state_of(q, conversation)->deferred)
		q->deferred++;
	else
		append(q, xmemdup0(line, len), len, conversation, id, time_ms);
}

void exec_queue_skip(struct exec_queue *q, struct cursor *cursor, struct cursor_conversation *conversation, uint64_t id,
	int64_t time_ms)
{
	const struct exec_queue_state *state = state_of(q, conversation);

	if (state->deferred)
		return;
	if (state->queued)
		append(q, NULL, 0, conversation, id, time_ms);
	else
		cursor_take(cursor, conversation, id, time_ms);
}

struct exec_entry *exec_queue_begin(struct exec_queue *q, int64_t now, int64_t *due)
{
	for (struct exec_entry *entry = q->closed ? NULL : q->first; entry; entry = entry->next) {
		if (!entry->first || entry->running)
			continue;
		if (entry->due_ms > now) {
			if (entry->due_ms < *due)
				*due = entry->due_ms;
			continue;
		}
		entry->running = true;
		q->running++;
		return entry;
	}
	return NULL;
}

void exec_queue_retry(struct exec_queue *q, struct exec_entry *entry, int64_t at)
{
	entry->running = false;
	entry->due_ms = at;
	q->running--;
}

/* Removes the entry from the list and frees it. */
static void remove_entry(struct exec_queue *q, struct exec_entry **at)
{
	struct exec_entry *entry = *at;

	*at = entry->next;
	if (q->last == &entry->next)
		q->last = at;
	q->running -= entry->running;
	q->count--;
	q->bytes -= weight(entry);
	state_of(q, entry->conversation)->queued--;
	entry_free(entry);
}

void exec_queue_finish(struct exec_queue *q, struct cursor *cursor, struct exec_entry *entry)
{
	struct cursor_conversation *conversation = entry->conversation;
	struct exec_entry **at = &q->first;

	while (*at != entry)
		at = &(*at)->next;
	/* the entry, and those without a command that directly follow it in the conversation */
	do {
		if (conversation)
			cursor_take(cursor, conversation, (*at)->id, (*at)->time_ms);
		remove_entry(q, at);
		while (*at && (*at)->conversation != conversation)
			at = &(*at)->next;
	} while (*at && !(*at)->line);
	if (*at)
		(*at)->first = true;
}

void exec_queue_defer(struct exec_queue *q, struct exec_entry *entry)
{
	struct cursor_conversation *conversation = entry->conversation;
	struct exec_entry **at = &q->first;

	while (*at != entry)
		at = &(*at)->next;
	if (!conversation) { /* the history cannot bring it back, so later ones are still run */
		remove_entry(q, at);
		q->deferred++;
		while (*at && (*at)->conversation)
			at = &(*at)->next;
		if (*at)
			(*at)->first = true;
		return;
	}
	state_of(q, conversation)->deferred = true;
	while (*at) {
		if ((*at)->conversation != conversation) {
			at = &(*at)->next;
			continue;
		}
		q->deferred += (*at)->line != NULL;
		remove_entry(q, at);
	}
}
