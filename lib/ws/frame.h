/*
 * frame.h - WebSocket frames (RFC 6455, 5 to 8) as a client sees them: bytes in, messages out, and the other way
 * round. Pure.
 *
 * The reader takes the bytes as they come, in pieces of any size, and hands out whole messages and control frames. A
 * message that came in one frame within one piece, as nearly all do, is a slice of that piece: nothing is copied. The
 * rest is gathered in a buffer with a limit.
 *
 *	for (const char *at = bytes; ws_frame_next(&reader, &at, bytes + len, &frame);)
 *		switch (frame.kind) ...
 *
 * What breaks the protocol (a bit that nobody agreed on, a masked frame, a length in too many bytes, a close code that
 * may not be sent, text that is not UTF-8, ...) comes out as FRAME_BROKEN with the code to close with. No extension is
 * known here.
 */
#ifndef KANDY_WS_FRAME_H
#define KANDY_WS_FRAME_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are RFC 6455's opcodes. */
enum ws_frame_kind {
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10,
	FRAME_BROKEN = 16, /* no opcode: the peer has broken the protocol */
};

/* Codes of a close frame that this room sends or names. */
enum {
	CLOSE_NORMAL = 1000,
	CLOSE_PROTOCOL = 1002,
	CLOSE_NONE = 1005, /* never sent: the peer's close frame had no code */
	CLOSE_NOT_UTF8 = 1007,
	CLOSE_TOO_LONG = 1009,
};

struct ws_frame {
	enum ws_frame_kind kind;
	const char *p; /* what it carries; of a close, the reason. Borrowed until the next call */
	size_t len;
	int code; /* FRAME_CLOSE: the peer's code; FRAME_BROKEN: the code to close with */
	const char *why; /* FRAME_BROKEN: what is wrong, as the end of a sentence; a constant */
};

#define FRAME_HEAD_MAX 10 /* bytes before the payload, without a mask */
#define FRAME_CONTROL_MAX 125 /* bytes that a control frame can carry */

struct ws_frame_reader {
	struct buf message; /* what has come of a message that is not whole, or not in one piece */
	int message_opcode; /* of the message that is under way; 0: none */
	unsigned char head[FRAME_HEAD_MAX];
	size_t head_len;
	bool in_payload;
	size_t left; /* bytes of the payload that are still to come */
	char control[FRAME_CONTROL_MAX];
	size_t control_len;
	bool handed_out; /* `message` was, by the last call */
	bool over; /* a close frame, or broken: what follows is nobody's business */
};

/* A message of more than `max_message` bytes is FRAME_BROKEN with 1009, as soon as its length is known. */
void ws_frame_reader_init(struct ws_frame_reader *reader, size_t max_message);
void ws_frame_reader_release(struct ws_frame_reader *reader);

/* The next thing in *at .. end, with *at moved behind what was used; false: all was used, and more is needed. */
bool ws_frame_next(struct ws_frame_reader *reader, const char **at, const char *end, struct ws_frame *frame);

/* Appends a frame of a client: final, and masked with a key of its own. */
void ws_frame_write(struct buf *out, enum ws_frame_kind kind, const void *p, size_t len);
void ws_frame_write_close(struct buf *out, int code); /* CLOSE_NONE: without a code */

#endif
