/*
 * frame.h - WebSocket frames (RFC 6455) of the server. Pure.
 */
#ifndef KANDY_SANDBOX_FRAME_H
#define KANDY_SANDBOX_FRAME_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
	FRAME_CONTINUED = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10
};

enum { FRAME_MESSAGE_MAX = 256 * 1024 };

struct frame_reader {
	struct buf in; /* incomplete frames */
	struct buf message; /* the fragments so far */
	enum frame_kind message_kind; /* FRAME_CONTINUED: no message is open */
	size_t consumed; /* bytes at the start of `in` that were returned */
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_release(struct frame_reader *reader);
void frame_reader_add(struct frame_reader *reader, const char *p, size_t len);

/*
 * The next whole message (reassembled) or control frame, unmasked, valid until the next call. Returns 1, 0 if more
 * input is needed, or a negated close code for a protocol error (-1002, -1007, -1009).
 */
int frame_reader_next(struct frame_reader *reader, enum frame_kind *kind, const char **p, size_t *len);

/* Appends an unmasked frame. `more`: fragments follow. */
void frame_add(struct buf *out, enum frame_kind kind, bool more, const char *p, size_t len);

/* A text message in one frame, or in fragments of 1 to `fragment` bytes (0: one frame). */
void frame_add_text(struct buf *out, const char *p, size_t len, size_t fragment);

void frame_add_close(struct buf *out, int code, const char *reason); /* code 0: none */

#endif
