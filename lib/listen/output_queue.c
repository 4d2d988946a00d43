#include "listen/output_queue.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)256 * 1024) /* then what was taken is closed up */

void output_queue_init(struct output_queue *o)
{
	*o = (struct output_queue){ 0 };
	buf_init(&o->bytes, BUF_NO_MAX);
}

void output_queue_release(struct output_queue *o)
{
	buf_release(&o->bytes);
	free(o->receipts);
	output_queue_init(o);
}

size_t output_queue_len(const struct output_queue *o)
{
	return o->bytes.len - o->head;
}

size_t output_queue_weight(const struct output_queue *o)
{
	return output_queue_len(o) + (o->receipt_count - o->receipt_head) * OUTPUT_CHECKPOINT_WEIGHT;
}

const char *output_queue_peek(const struct output_queue *o, size_t *len)
{
	*len = output_queue_len(o);
	return o->bytes.data + o->head;
}

void output_queue_checkpoint(struct output_queue *o, struct cursor *cursor, struct cursor_conversation *peer,
	uint64_t id, int64_t time_ms)
{
	if (!output_queue_len(o)) {
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
	o->receipts[o->receipt_count++] = (struct output_checkpoint){
		.end = o->taken + output_queue_len(o), .peer = peer, .id = id, .time_ms = time_ms
	};
}

bool output_queue_consumed(struct output_queue *o, struct cursor *cursor, size_t len)
{
	bool moved = false;

	if (len)
		o->inside = o->bytes.data[o->head + len - 1] != '\n';
	o->head += len;
	o->taken += len;
	while (o->receipt_head < o->receipt_count && o->receipts[o->receipt_head].end <= o->taken) {
		const struct output_checkpoint *r = &o->receipts[o->receipt_head++];

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

void output_queue_truncate(struct output_queue *o)
{
	const char *end = o->inside ? memchr(o->bytes.data + o->head, '\n', output_queue_len(o)) : NULL;
	size_t keep = end ? (size_t)(end + 1 - o->bytes.data) : o->head;
	uint64_t last = o->taken + (keep - o->head);

	buf_truncate(&o->bytes, keep);
	while (o->receipt_count > o->receipt_head && o->receipts[o->receipt_count - 1].end > last)
		o->receipt_count--;
}
