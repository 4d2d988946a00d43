#include "listen/handover.h"

#include "base/mem.h"

#include <stdlib.h>

void handover_init(struct handover *h)
{
	*h = (struct handover){ 0 };
	h->last = &h->first;
}

static void item_free(struct handover_item *item)
{
	free(item->line);
	free(item);
}

/* How many of the conversation are in the queue. */
static size_t *queued(struct handover *h, struct cursor_peer *peer)
{
	return peer ? &peer->queued : &h->without_peer;
}

void handover_release(struct handover *h)
{
	while (h->first) {
		struct handover_item *item = h->first;

		--*queued(h, item->peer);
		h->first = item->next;
		item_free(item);
	}
	handover_init(h);
}

static size_t weight(const struct handover_item *item)
{
	return sizeof(*item) + item->len;
}

static void append(struct handover *h, char *line, size_t len, struct cursor_peer *peer, uint64_t id, int64_t time_ms)
{
	struct handover_item *item = xcalloc(1, sizeof(*item));

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

void handover_add(struct handover *h, const char *line, size_t len, struct cursor_peer *peer, uint64_t id,
	int64_t time_ms)
{
	if (peer && peer->left)
		h->left++;
	else
		append(h, xmemdup0(line, len), len, peer, id, time_ms);
}

void handover_pass(struct handover *h, struct cursor *cursor, struct cursor_peer *peer, uint64_t id, int64_t time_ms)
{
	if (peer->left)
		return;
	if (peer->queued)
		append(h, NULL, 0, peer, id, time_ms);
	else
		cursor_take(cursor, peer, id, time_ms);
}

struct handover_item *handover_begin(struct handover *h, int64_t now, int64_t *due)
{
	for (struct handover_item *item = h->closed ? NULL : h->first; item; item = item->next) {
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

void handover_again(struct handover *h, struct handover_item *item, int64_t at)
{
	item->running = false;
	item->due_ms = at;
	h->running--;
}

/* Takes it out of the queue and frees it. */
static void take_out(struct handover *h, struct handover_item **at)
{
	struct handover_item *item = *at;

	*at = item->next;
	if (h->last == &item->next)
		h->last = at;
	h->running -= item->running;
	h->count--;
	h->bytes -= weight(item);
	--*queued(h, item->peer);
	item_free(item);
}

void handover_finish(struct handover *h, struct cursor *cursor, struct handover_item *item)
{
	struct cursor_peer *peer = item->peer;
	struct handover_item **at = &h->first;

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

void handover_leave(struct handover *h, struct handover_item *item)
{
	struct cursor_peer *peer = item->peer;
	struct handover_item **at = &h->first;

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
