/*
 * spill_stack.h - a stack of byte records in bounded memory.
 *
 * For history, which the service returns newest first and kandy prints oldest first. Records that do not fit into
 * memory go to a temporary file without a name, so nothing is left behind after a crash.
 */
#ifndef KANDY_BASE_SPILL_STACK_H
#define KANDY_BASE_SPILL_STACK_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spill_stack {
	size_t memory; /* the approximate maximum of bytes in memory */
	const char *dir; /* for the temporary file */
	struct buf top; /* the newest records, each followed by its length */
	int fd; /* the file with older records, in the same form; -1: none */
	off_t below; /* bytes in the file */
};

void spill_stack_init(struct spill_stack *stack, size_t memory, const char *dir); /* `dir` is borrowed */
void spill_stack_release(struct spill_stack *stack);
bool spill_stack_empty(const struct spill_stack *stack);

/* ST_IO if the temporary file cannot be created or written; the record is then not on the stack. */
enum status spill_stack_push(struct spill_stack *stack, const void *p, size_t len, struct err *err) MUST_USE;

/* Removes the newest record and appends it to `out`. The stack must not be empty. */
enum status spill_stack_pop(struct spill_stack *stack, struct buf *out, struct err *err) MUST_USE;

#endif
