/*
 * output_queue.h - lines on their way to a reader, and what is to be noted when it has taken them. Pure.
 *
 * Bytes go in at the end and are taken from the front, in pieces that need not end at a line. A receipt stands behind
 * a line (or where a line would be, for a message that a filter left out): when all before it has been taken, the
 * cursor moves over it.
 */
#ifndef KANDY_LISTEN_OUTPUT_QUEUE_H
#define KANDY_LISTEN_OUTPUT_QUEUE_H

#include "base/buf.h"
#include "store/cursor.h"

/*
 * What a receipt counts for beside the bytes of lines: its own memory, and that of what has to remember the message as
 * long as the cursor does not. A filter that leaves everything out makes receipts alone.
 */
#define OUTPUT_CHECKPOINT_WEIGHT 128

struct output_checkpoint {
	uint64_t end; /* counted from the first byte that ever was put in */
	struct cursor_conversation *peer;
	uint64_t id;
	int64_t time_ms;
};

struct output_queue {
	struct buf bytes; /* add whole lines with the buf_ functions */
	size_t head; /* of bytes: taken already */
	uint64_t taken; /* bytes, in all */
	bool inside; /* the byte taken last was not the end of a line */
	struct output_checkpoint *receipts;
	size_t receipt_head, receipt_count, receipt_cap;
};

void output_queue_init(struct output_queue *output);
void output_queue_release(struct output_queue *output);

size_t output_queue_len(const struct output_queue *output); /* bytes */
size_t output_queue_weight(const struct output_queue *output); /* the same, and what the receipts count for */
const char *output_queue_peek(const struct output_queue *output, size_t *len); /* what is to be written next */

/* Puts a receipt behind what is there now. `cursor` notes it at once if nothing waits. */
void output_queue_checkpoint(struct output_queue *output, struct cursor *cursor, struct cursor_conversation *peer,
	uint64_t id, int64_t time_ms);

/* The reader has taken so many bytes. True if the cursor moved. */
bool output_queue_consumed(struct output_queue *output, struct cursor *cursor, size_t len);

/* Drops what has not been begun: only the rest of a line that was begun stays. */
void output_queue_truncate(struct output_queue *output);

#endif
