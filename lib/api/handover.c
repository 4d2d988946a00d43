#include "api/handover.h"

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

void handover_release(struct handover *h)
{
	while (h->first) {
		struct handover_item *item = h->first;

		h->first = item->next;
		item_free(item);
	}
	handover_init(h);
}

void handover_add(struct handover *h, const char *line, size_t len, struct cursor_peer *peer, uint64_t id,
	int64_t time_ms)
{
	struct handover_item *item = xcalloc(1, sizeof(*item));

	item->peer = peer;
	item->id = id;
	item->time_ms = time_ms;
	item->line = xmemdup0(line, len);
	item->len = len;
	item->backoff = (struct backoff){ .first_ms = 1000, .cap_ms = 300000 };
	*h->last = item;
	h->last = &item->next;
	h->count++;
	h->bytes += len;
}

/* True if an earlier message of the same conversation is still in the queue. */
static bool behind_another(const struct handover *h, const struct handover_item *item)
{
	for (const struct handover_item *at = h->first; at != item; at = at->next) {
		if (at->peer == item->peer)
			return true;
	}
	return false;
}

struct handover_item *handover_begin(struct handover *h, int64_t now, int64_t *due)
{
	for (struct handover_item *item = h->closed ? NULL : h->first; item; item = item->next) {
		if (item->running || behind_another(h, item))
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

void handover_finish(struct handover *h, struct cursor *cursor, struct handover_item *item)
{
	struct handover_item **at = &h->first;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	if (h->last == &item->next)
		h->last = at;
	h->running -= item->running;
	h->count--;
	h->bytes -= item->len;
	if (item->peer)
		cursor_take(cursor, item->peer, item->id, item->time_ms);
	item_free(item);
}
