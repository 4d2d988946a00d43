/*
 * exec_queue.h - messages on their way to a command (--exec): one at a time for each conversation, several
 * conversations at once. Pure.
 *
 * A message is waiting, running, or due again later; it leaves when it was taken (the cursor moves) or given up. The
 * cursor moves over the messages of a conversation in their order alone, also over those that no command is run for:
 * it would else look as if all that is older had been taken, too.
 */
#ifndef KANDY_LISTEN_EXEC_QUEUE_H
#define KANDY_LISTEN_EXEC_QUEUE_H

#include "base/backoff.h"
#include "store/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_entry {
	struct exec_entry *next;
	struct cursor_conversation *peer; /* NULL: none; such items keep their order among themselves */
	uint64_t id;
	int64_t time_ms;
	char *line; /* with its newline; NULL: no command is run for it, it only waits for its turn */
	size_t len;
	bool first; /* of its conversation; one without a line never is */
	bool running;
	int64_t failures; /* that count against the retries */
	int64_t deferrals; /* that do not: the command asked for another time */
	int64_t due_ms; /* not before */
	struct backoff backoff;
};

struct exec_queue {
	struct exec_entry *first, **last; /* in the order of arrival */
	size_t count;
	size_t bytes; /* of memory, about */
	size_t without_peer; /* items */
	size_t left; /* messages that were left for another run */
	size_t running;
	bool closed; /* nothing more is begun */
};

void exec_queue_init(struct exec_queue *exec_queue);
void exec_queue_release(struct exec_queue *exec_queue); /* what is in it is dropped */

void exec_queue_add(struct exec_queue *exec_queue, const char *line, size_t len, struct cursor_conversation *peer,
	uint64_t id, int64_t time_ms);

/*
 * A message that no command is run for: the cursor moves over it as soon as it has over those of its conversation that
 * are in the queue, which may be now.
 */
void exec_queue_skip(struct exec_queue *exec_queue, struct cursor *cursor, struct cursor_conversation *peer,
	uint64_t id, int64_t time_ms);

/*
 * The next message that may begin now, marked as running; NULL where there is none. `*due` is lowered to when one
 * will be.
 */
struct exec_entry *exec_queue_begin(struct exec_queue *exec_queue, int64_t now, int64_t *due);

/* Back into the queue, not before `at`. */
void exec_queue_retry(struct exec_queue *exec_queue, struct exec_entry *item, int64_t at);

/* It was taken, or put aside: the cursor moves over it. Frees it. */
void exec_queue_finish(struct exec_queue *exec_queue, struct cursor *cursor, struct exec_entry *item);

/*
 * It is for another run, and so are all of its conversation that come behind it, now or later: the cursor stays before
 * them. Frees it.
 */
void exec_queue_defer(struct exec_queue *exec_queue, struct exec_entry *item);

#endif
