#include "listen/exec_queue.h"

#include "base/mem.h"

#include <stdlib.h>

void exec_queue_init(struct exec_queue *h)
{
	*h = (struct exec_queue){ 0 };
	h->last = &h->first;
}

static void item_free(struct exec_entry *item)
{
	free(item->line);
	free(item);
}

/* How many of the conversation are in the queue. */
static size_t *queued(struct exec_queue *h, struct cursor_conversation *peer)
{
	return peer ? &peer->queued : &h->without_peer;
}

void exec_queue_release(struct exec_queue *h)
{
	while (h->first) {
		struct exec_entry *item = h->first;

		--*queued(h, item->peer);
		h->first = item->next;
		item_free(item);
	}
	exec_queue_init(h);
}

static size_t weight(const struct exec_entry *item)
{
	return sizeof(*item) + item->len;
}

static void append(struct exec_queue *h, char *line, size_t len, struct cursor_conversation *peer, uint64_t id,
	int64_t time_ms)
{
	struct exec_entry *item = xcalloc(1, sizeof(*item));

	item->peer = peer;
	item->id = id;
	item->time_ms = time_ms;
	item->line = line;
	item->len = len;
	item->backoff = (struct backoff){ .first_ms = 1000, .cap_ms = 300000 };
	item->first = !(*queued(h, peer))++;
	*h->last = item;
	h->last = &item->next;
	h->count++;
	h->bytes += weight(item);
}

void exec_queue_add(struct exec_queue *h, const char *line, size_t len, struct cursor_conversation *peer, uint64_t id,
	int64_t time_ms)
{
	if (peer && peer->left)
		h->left++;
	else
		append(h, xmemdup0(line, len), len, peer, id, time_ms);
}

void exec_queue_skip(struct exec_queue *h, struct cursor *cursor, struct cursor_conversation *peer, uint64_t id,
	int64_t time_ms)
{
	if (peer->left)
		return;
	if (peer->queued)
		append(h, NULL, 0, peer, id, time_ms);
	else
		cursor_take(cursor, peer, id, time_ms);
}

struct exec_entry *exec_queue_begin(struct exec_queue *h, int64_t now, int64_t *due)
{
	for (struct exec_entry *item = h->closed ? NULL : h->first; item; item = item->next) {
		if (!item->first || item->running)
			continue;
		if (item->due_ms > now) {
			if (item->due_ms < *due)
				*due = item->due_ms;
			continue;
		}
		item->running = true;
		h->running++;
		return item;
	}
	return NULL;
}

void exec_queue_retry(struct exec_queue *h, struct exec_entry *item, int64_t at)
{
	item->running = false;
	item->due_ms = at;
	h->running--;
}

/* Takes it out of the queue and frees it. */
static void take_out(struct exec_queue *h, struct exec_entry **at)
{
	struct exec_entry *item = *at;

	*at = item->next;
	if (h->last == &item->next)
		h->last = at;
	h->running -= item->running;
	h->count--;
	h->bytes -= weight(item);
	--*queued(h, item->peer);
	item_free(item);
}

void exec_queue_finish(struct exec_queue *h, struct cursor *cursor, struct exec_entry *item)
{
	struct cursor_conversation *peer = item->peer;
	struct exec_entry **at = &h->first;

	while (*at != item)
		at = &(*at)->next;
	/* it, and those behind it that only waited for their turn */
	do {
		if (peer)
			cursor_take(cursor, peer, (*at)->id, (*at)->time_ms);
		take_out(h, at);
		while (*at && (*at)->peer != peer)
			at = &(*at)->next;
	} while (*at && !(*at)->line);
	if (*at)
		(*at)->first = true;
}

void exec_queue_defer(struct exec_queue *h, struct exec_entry *item)
{
	struct cursor_conversation *peer = item->peer;
	struct exec_entry **at = &h->first;

	while (*at != item)
		at = &(*at)->next;
	if (!peer) { /* no run can bring it again: so it is not lost before this one ends */
		take_out(h, at);
		h->left++;
		return;
	}
	peer->left = true;
	while (*at) {
		if ((*at)->peer != peer) {
			at = &(*at)->next;
			continue;
		}
		h->left += (*at)->line != NULL;
		take_out(h, at);
	}
}
