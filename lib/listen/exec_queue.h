/*
 * exec_queue.h - messages that wait for the command hook (--exec): one at a time for each conversation, several
 * conversations in parallel. Pure.
 *
 * An entry is waiting, running, or due for a retry. It leaves when the command has acknowledged the message or the
 * message was dead-lettered (the cursor advances), or when it is deferred to the next run (the cursor stays). Messages
 * that a filter dropped have entries, too, so that the cursor advances strictly in the order of the conversation;
 * otherwise older messages would count as acknowledged.
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
	struct cursor_conversation *conversation; /* NULL: none; such entries form a conversation of their own */
	uint64_t id;
	int64_t time_ms;
	char *line; /* with its newline; NULL: dropped by a filter, no command is run */
	size_t len;
	bool first; /* of its conversation; never set without a line */
	bool running;
	int64_t failures; /* count against --exec-retries */
	int64_t deferrals; /* the command asked for a retry later; do not count */
	int64_t due_ms; /* do not start before this time */
	struct backoff backoff;
};

struct exec_queue {
	struct exec_entry *first, **last; /* in order of arrival */
	size_t count;
	size_t bytes; /* of memory, roughly */
	struct exec_queue_state {
		size_t queued; /* entries of the conversation */
		bool deferred; /* to the next run, with all that follow */
	} * states, no_conversation; /* `states` by the conversation's index */
	size_t state_cap;
	size_t deferred; /* messages, in total */
	size_t running;
	bool closed; /* start no more commands */
};

void exec_queue_init(struct exec_queue *queue);
void exec_queue_release(struct exec_queue *queue); /* entries that are left are dropped */

void exec_queue_add(struct exec_queue *queue, const char *line, size_t len, struct cursor_conversation *conversation,
	uint64_t id, int64_t time_ms);

/* A message for which no command is run: the cursor advances over it after its predecessors, perhaps at once. */
void exec_queue_skip(struct exec_queue *queue, struct cursor *cursor, struct cursor_conversation *conversation,
	uint64_t id, int64_t time_ms);

/* The next message to start, now marked as running, or NULL. `*due` is lowered to when the next one can start. */
struct exec_entry *exec_queue_begin(struct exec_queue *queue, int64_t now, int64_t *due);

/* The running entry is to be started again, at `at` or later. */
void exec_queue_retry(struct exec_queue *queue, struct exec_entry *entry, int64_t at);

/* The message was acknowledged or dead-lettered: the cursor advances over it. Frees the entry. */
void exec_queue_finish(struct exec_queue *queue, struct cursor *cursor, struct exec_entry *entry);

/* Defers the message, and all later ones of its conversation, to the next run: the cursor stays. Frees the entry. */
void exec_queue_defer(struct exec_queue *queue, struct exec_entry *entry);

#endif
