#include "listen/output_queue.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)256 * 1024) /* consumed bytes that are kept before the rest is moved to the front */

void output_queue_init(struct output_queue *q)
{
	*q = (struct output_queue){ 0 };
	buf_init(&q->bytes, BUF_NO_MAX);
}

void output_queue_release(struct output_queue *q)
{
	buf_release(&q->bytes);
	free(q->checkpoints);
	output_queue_init(q);
}

size_t output_queue_len(const struct output_queue *q)
{
	return q->bytes.len - q->head;
}

size_t output_queue_weight(const struct output_queue *q)
{
	return output_queue_len(q) + (q->checkpoint_count - q->checkpoint_head) * OUTPUT_CHECKPOINT_WEIGHT;
}

const char *output_queue_peek(const struct output_queue *q, size_t *len)
{
	*len = output_queue_len(q);
	return q->bytes.data + q->head;
}

void output_queue_checkpoint(struct output_queue *q, struct cursor *cursor, struct cursor_conversation *conversation,
	uint64_t id, int64_t time_ms)
{
	if (!output_queue_len(q)) {
		cursor_take(cursor, conversation, id, time_ms);
		return;
	}
	if (q->checkpoint_count == q->checkpoint_cap && q->checkpoint_head > q->checkpoint_cap / 2) {
		memmove(q->checkpoints, q->checkpoints + q->checkpoint_head,
			(q->checkpoint_count - q->checkpoint_head) * sizeof(*q->checkpoints));
		q->checkpoint_count -= q->checkpoint_head;
		q->checkpoint_head = 0;
	}
	q->checkpoints = xgrow(q->checkpoints, q->checkpoint_count, &q->checkpoint_cap, sizeof(*q->checkpoints));
	q->checkpoints[q->checkpoint_count++] = (struct output_checkpoint){
		.end = q->consumed + output_queue_len(q), .conversation = conversation, .id = id, .time_ms = time_ms
	};
}

bool output_queue_consumed(struct output_queue *q, struct cursor *cursor, size_t len)
{
	bool advanced = false;

	if (len)
		q->mid_line = q->bytes.data[q->head + len - 1] != '\n';
	q->head += len;
	q->consumed += len;
	while (q->checkpoint_head < q->checkpoint_count && q->checkpoints[q->checkpoint_head].end <= q->consumed) {
		const struct output_checkpoint *c = &q->checkpoints[q->checkpoint_head++];

		cursor_take(cursor, c->conversation, c->id, c->time_ms);
		advanced = true;
	}
	if (q->checkpoint_head == q->checkpoint_count)
		q->checkpoint_head = q->checkpoint_count = 0;
	if (q->head == q->bytes.len) {
		buf_clear(&q->bytes);
		q->head = 0;
	} else if (q->head > HEAD_MAX) {
		buf_consume(&q->bytes, q->head);
		q->head = 0;
	}
	return advanced;
}

void output_queue_truncate(struct output_queue *q)
{
	const char *end = q->mid_line ? memchr(q->bytes.data + q->head, '\n', output_queue_len(q)) : NULL;
	size_t keep = end ? (size_t)(end + 1 - q->bytes.data) : q->head;
	uint64_t last = q->consumed + (keep - q->head);

	buf_truncate(&q->bytes, keep);
	while (q->checkpoint_count > q->checkpoint_head && q->checkpoints[q->checkpoint_count - 1].end > last)
		q->checkpoint_count--;
}
