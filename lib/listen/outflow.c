#include "listen/outflow.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)256 * 1024) /* then what was taken is closed up */

void outflow_init(struct outflow *o)
{
	*o = (struct outflow){ 0 };
	buf_init(&o->bytes, BUF_NO_MAX);
}

void outflow_release(struct outflow *o)
{
	buf_release(&o->bytes);
	free(o->receipts);
	outflow_init(o);
}

size_t outflow_waiting(const struct outflow *o)
{
	return o->bytes.len - o->head;
}

size_t outflow_weight(const struct outflow *o)
{
	return outflow_waiting(o) + (o->receipt_count - o->receipt_head) * OUTFLOW_RECEIPT_WEIGHT;
}

const char *outflow_peek(const struct outflow *o, size_t *len)
{
	*len = outflow_waiting(o);
	return o->bytes.data + o->head;
}

void outflow_receipt(struct outflow *o, struct cursor *cursor, struct cursor_peer *peer, uint64_t id, int64_t time_ms)
{
	if (!outflow_waiting(o)) {
		cursor_take(cursor, peer, id, time_ms);
		return;
	}
	if (o->receipt_count == o->receipt_cap && o->receipt_head > o->receipt_cap / 2) {
		memmove(o->receipts, o->receipts + o->receipt_head,
			(o->receipt_count - o->receipt_head) * sizeof(*o->receipts));
		o->receipt_count -= o->receipt_head;
		o->receipt_head = 0;
	}
	o->receipts = xgrow(o->receipts, o->receipt_count, &o->receipt_cap, sizeof(*o->receipts));
	o->receipts[o->receipt_count++] = (struct outflow_receipt){
		.end = o->taken + outflow_waiting(o), .peer = peer, .id = id, .time_ms = time_ms
	};
}

bool outflow_took(struct outflow *o, struct cursor *cursor, size_t len)
{
	bool moved = false;

	if (len)
		o->inside = o->bytes.data[o->head + len - 1] != '\n';
	o->head += len;
	o->taken += len;
	while (o->receipt_head < o->receipt_count && o->receipts[o->receipt_head].end <= o->taken) {
		const struct outflow_receipt *r = &o->receipts[o->receipt_head++];

		cursor_take(cursor, r->peer, r->id, r->time_ms);
		moved = true;
	}
	if (o->receipt_head == o->receipt_count)
		o->receipt_head = o->receipt_count = 0;
	if (o->head == o->bytes.len) {
		buf_clear(&o->bytes);
		o->head = 0;
	} else if (o->head > HEAD_MAX) {
		buf_consume(&o->bytes, o->head);
		o->head = 0;
	}
	return moved;
}

void outflow_cut(struct outflow *o)
{
	const char *end = o->inside ? memchr(o->bytes.data + o->head, '\n', outflow_waiting(o)) : NULL;
	size_t keep = end ? (size_t)(end + 1 - o->bytes.data) : o->head;
	uint64_t last = o->taken + (keep - o->head);

	buf_truncate(&o->bytes, keep);
	while (o->receipt_count > o->receipt_head && o->receipts[o->receipt_count - 1].end > last)
		o->receipt_count--;
}
