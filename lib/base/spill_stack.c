#include "base/spill_stack.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void spill_stack_init(struct spill_stack *stack, size_t memory, const char *dir)
{
	*stack = (struct spill_stack){ .memory = memory, .dir = dir, .fd = -1 };
	buf_init(&stack->top, BUF_NO_MAX);
}

void spill_stack_release(struct spill_stack *stack)
{
	buf_release(&stack->top);
	if (stack->fd >= 0)
		close(stack->fd);
	stack->fd = -1;
	stack->below = 0;
}

bool spill_stack_empty(const struct spill_stack *stack)
{
	return !stack->top.len && !stack->below;
}

static enum status open_file(struct spill_stack *stack, struct err *err)
{
	if (stack->fd >= 0)
		return ST_OK;
	stack->fd = file_open_temp(stack->dir);
	if (stack->fd < 0)
		return err_set(err, ST_IO, "cannot create a temporary file in '%s': %s", stack->dir, strerror(errno));
	return ST_OK;
}

/* Moves everything in memory to the file. */
static enum status spill(struct spill_stack *stack, struct err *err)
{
	enum status st;

	if ((st = open_file(stack, err)))
		return st;
	if (lseek(stack->fd, stack->below, SEEK_SET) < 0 || !file_write_all(stack->fd, stack->top.data, stack->top.len))
		return err_set(err, ST_IO, "cannot write a temporary file in '%s': %s", stack->dir, strerror(errno));
	stack->below += (off_t)stack->top.len;
	buf_clear(&stack->top);
	return ST_OK;
}

enum status spill_stack_push(struct spill_stack *stack, const void *p, size_t len, struct err *err)
{
	enum status st;

	if (stack->top.len && stack->top.len + len > stack->memory && (st = spill(stack, err)))
		return st;
	buf_add(&stack->top, p, len);
	buf_add(&stack->top, &len, sizeof(len));
	return ST_OK;
}

static bool read_at(int fd, void *p, size_t len, off_t at)
{
	char *to = p;

	while (len) {
		ssize_t n = pread(fd, to, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads the newest records of the file back into memory: as many as fit, but at least one. */
static enum status unspill(struct spill_stack *stack, struct err *err)
{
	size_t len, start = 0;
	off_t from;

	if (!read_at(stack->fd, &len, sizeof(len), stack->below - (off_t)sizeof(len)))
		goto failed;
	len += sizeof(len);
	if (len < stack->memory)
		len = stack->below < (off_t)stack->memory ? (size_t)stack->below : stack->memory;
	from = stack->below - (off_t)len;
	buf_reserve(&stack->top, len);
	if (!read_at(stack->fd, stack->top.data, len, from))
		goto failed;
	buf_commit(&stack->top, len);
	/* find the start of the first whole record */
	for (size_t end = len; end > sizeof(len);) {
		size_t record;

		memcpy(&record, stack->top.data + end - sizeof(record), sizeof(record));
		if (record + sizeof(record) > end) {
			start = end;
			break;
		}
		end -= record + sizeof(record);
		start = end;
	}
	buf_consume(&stack->top, start);
	stack->below = from + (off_t)start;
	return ST_OK;
failed:
	return err_set(err, ST_IO, "cannot read a temporary file: %s", strerror(errno));
}

enum status spill_stack_pop(struct spill_stack *stack, struct buf *out, struct err *err)
{
	enum status st;
	size_t len;

	if (!stack->top.len && (st = unspill(stack, err)))
		return st;
	memcpy(&len, stack->top.data + stack->top.len - sizeof(len), sizeof(len));
	buf_truncate(&stack->top, stack->top.len - sizeof(len));
	buf_add(out, stack->top.data + stack->top.len - len, len);
	buf_truncate(&stack->top, stack->top.len - len);
	return ST_OK;
}
