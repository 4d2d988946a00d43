/*
 * spill_stack.h - a pile of byte records, last in, first out, in bounded memory.
 *
 * For history, which the service gives newest first and which is wanted oldest first: what does not fit into memory
 * goes to a temporary file that has no name, so that nothing of it is left behind whatever happens.
 */
#ifndef KANDY_BASE_SPILL_STACK_H
#define KANDY_BASE_SPILL_STACK_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spill_stack {
	size_t memory; /* keep at most about so many bytes in memory */
	const char *dir; /* where the file is made */
	struct buf top; /* the newest records, each followed by its length */
	int fd; /* the older ones, in the same form; -1: none */
	off_t below; /* bytes in the file */
};

void spill_stack_init(struct spill_stack *stack, size_t memory, const char *dir); /* `dir` is borrowed */
void spill_stack_release(struct spill_stack *stack);
bool spill_stack_empty(const struct spill_stack *stack);

/* ST_IO where the temporary file cannot be made or written; the record is not on the stack then. */
enum status spill_stack_push(struct spill_stack *stack, const void *p, size_t len, struct err *err) MUST_USE;

/* Appends the newest record to `out` and takes it off. The stack must not be empty. */
enum status spill_stack_pop(struct spill_stack *stack, struct buf *out, struct err *err) MUST_USE;

#endif
