/*
 * output_queue.h - lines on their way to stdout, and the checkpoints between them. Pure.
 *
 * Bytes are added at the end and consumed from the front, in pieces that need not end at a line. A checkpoint follows
 * the message's line (or takes its place if a filter dropped it); when everything before it has been consumed, the
 * cursor advances over the message.
 */
#ifndef KANDY_LISTEN_OUTPUT_QUEUE_H
#define KANDY_LISTEN_OUTPUT_QUEUE_H

#include "base/buf.h"
#include "store/cursor.h"

/*
 * What a checkpoint adds to the weight: its own memory, and the memory that remembers the message until the cursor
 * does. If a filter drops everything, there are only checkpoints.
 */
#define OUTPUT_CHECKPOINT_WEIGHT 128

struct output_checkpoint {
	uint64_t end; /* byte position, counted from the first byte ever added */
	struct cursor_conversation *conversation;
	uint64_t id;
	int64_t time_ms;
};

struct output_queue {
	struct buf bytes; /* whole lines are added with the buf_ functions */
	size_t head; /* bytes at the front that have been consumed */
	uint64_t consumed; /* bytes, in total */
	bool mid_line; /* the last byte consumed was not the end of a line */
	struct output_checkpoint *checkpoints;
	size_t checkpoint_head, checkpoint_count, checkpoint_cap;
};

void output_queue_init(struct output_queue *queue);
void output_queue_release(struct output_queue *queue);

size_t output_queue_len(const struct output_queue *queue); /* bytes */
size_t output_queue_weight(const struct output_queue *queue); /* bytes, plus the weight of the checkpoints */
const char *output_queue_peek(const struct output_queue *queue, size_t *len); /* what to write next */

/* Adds a checkpoint at the end; if the queue is empty, the cursor advances at once. */
void output_queue_checkpoint(struct output_queue *queue, struct cursor *cursor,
	struct cursor_conversation *conversation, uint64_t id, int64_t time_ms);

/* `len` bytes were written. True if the cursor advanced. */
bool output_queue_consumed(struct output_queue *queue, struct cursor *cursor, size_t len);

/* Drops all lines except the rest of one that was partly written. */
void output_queue_truncate(struct output_queue *queue);

#endif
