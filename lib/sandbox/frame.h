/*
 * frame.h - WebSocket frames (RFC 6455) on the server's side. Pure.
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
	struct buf in; /* a frame that is not complete yet */
	struct buf message; /* the fragments so far */
	enum frame_kind message_kind; /* FRAME_CONTINUED: none is open */
	size_t last; /* bytes at the front of `in` that the caller has seen */
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_release(struct frame_reader *reader);
void frame_reader_add(struct frame_reader *reader, const char *p, size_t len);

/*
 * The next whole message (fragments put together) or control frame, unmasked, good until the next call:
 * 1, 0 if there is none yet, or a negated close code for a peer that breaks the rules (-1002, -1007, -1009).
 */
int frame_reader_next(struct frame_reader *reader, enum frame_kind *kind, const char **p, size_t *len);

/* Appends a frame of the server: never masked. `more`: fragments follow. */
void frame_add(struct buf *out, enum frame_kind kind, bool more, const char *p, size_t len);

/* A whole text message in one frame, or cut into fragments of 1 to `fragment` bytes each (0: not cut). */
void frame_add_text(struct buf *out, const char *p, size_t len, size_t fragment);

void frame_add_close(struct buf *out, int code, const char *reason); /* code 0: none */

#endif
