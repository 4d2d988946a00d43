/*
 * handover.h - messages on their way to a command (--exec): one at a time for each conversation, several
 * conversations at once. Pure.
 *
 * A message is waiting, running, or due again later; it leaves when it was taken (the cursor moves) or given up. The
 * cursor moves over the messages of a conversation in their order alone, also over those that no command is run for:
 * it would else look as if all that is older had been taken, too.
 */
#ifndef KANDY_LISTEN_HANDOVER_H
#define KANDY_LISTEN_HANDOVER_H

#include "base/backoff.h"
#include "store/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handover_item {
	struct handover_item *next;
	struct cursor_peer *peer; /* NULL: none; such items keep their order among themselves */
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

struct handover {
	struct handover_item *first, **last; /* in the order of arrival */
	size_t count;
	size_t bytes; /* of memory, about */
	size_t without_peer; /* items */
	size_t left; /* messages that were left for another run */
	size_t running;
	bool closed; /* nothing more is begun */
};

void handover_init(struct handover *handover);
void handover_release(struct handover *handover); /* what is in it is dropped */

void handover_add(struct handover *handover, const char *line, size_t len, struct cursor_peer *peer, uint64_t id,
	int64_t time_ms);

/*
 * A message that no command is run for: the cursor moves over it as soon as it has over those of its conversation that
 * are in the queue, which may be now.
 */
void handover_pass(struct handover *handover, struct cursor *cursor, struct cursor_peer *peer, uint64_t id,
	int64_t time_ms);

/*
 * The next message that may begin now, marked as running; NULL where there is none. `*due` is lowered to when one
 * will be.
 */
struct handover_item *handover_begin(struct handover *handover, int64_t now, int64_t *due);

/* Back into the queue, not before `at`. */
void handover_again(struct handover *handover, struct handover_item *item, int64_t at);

/* It was taken, or put aside: the cursor moves over it. Frees it. */
void handover_finish(struct handover *handover, struct cursor *cursor, struct handover_item *item);

/*
 * It is for another run, and so are all of its conversation that come behind it, now or later: the cursor stays before
 * them. Frees it.
 */
void handover_leave(struct handover *handover, struct handover_item *item);

#endif
