/*
 * frame.h - encodes and decodes WebSocket frames of a client (RFC 6455, 5 to 8). Pure.
 *
 * The reader accepts bytes in pieces of any size and returns complete messages and control frames. A message in one
 * frame within one piece, as nearly all are, is a slice of that piece; others are copied to a buffer with a limit.
 *
 *	for (const char *at = bytes; ws_frame_next(&reader, &at, bytes + len, &frame);)
 *		switch (frame.kind) ...
 *
 * A protocol error (a reserved bit, a masked frame, an overlong length, an invalid close code, invalid UTF-8, ...) is
 * returned as FRAME_BROKEN with the code to close with. No extension is supported.
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
	FRAME_BROKEN = 16, /* not an opcode: protocol error of the peer */
};

/* Close codes. */
enum {
	CLOSE_NORMAL = 1000,
	CLOSE_PROTOCOL = 1002,
	CLOSE_NONE = 1005, /* never sent: the close frame has no code */
	CLOSE_NOT_UTF8 = 1007,
	CLOSE_TOO_LONG = 1009,
};

struct ws_frame {
	enum ws_frame_kind kind;
	const char *p; /* the payload, or the reason of a close frame; borrowed until the next call */
	size_t len;
	int code; /* FRAME_CLOSE: the peer's code; FRAME_BROKEN: the code to close with */
	const char *why; /* FRAME_BROKEN: the error; a constant */
};

#define FRAME_HEAD_MAX 10 /* header of an unmasked frame */
#define FRAME_CONTROL_MAX 125 /* payload of a control frame */

struct ws_frame_reader {
	struct buf message; /* a message that is incomplete or came in several pieces */
	int message_opcode; /* of the current message; 0: none */
	unsigned char head[FRAME_HEAD_MAX];
	size_t head_len;
	bool in_payload;
	size_t left; /* missing bytes of the payload */
	char control[FRAME_CONTROL_MAX];
	size_t control_len;
	bool returned; /* `message` was returned by the last call */
	bool over; /* a close frame or an error was received: ignore the rest */
};

/* A message of more than `max_message` bytes is FRAME_BROKEN with 1009 as soon as its length is known. */
void ws_frame_reader_init(struct ws_frame_reader *reader, size_t max_message);
void ws_frame_reader_release(struct ws_frame_reader *reader);

/* Returns the next message or frame in *at .. end and advances *at; false: all bytes are used, more are needed. */
bool ws_frame_next(struct ws_frame_reader *reader, const char **at, const char *end, struct ws_frame *frame);

/* Appends a final frame, masked with a random key. */
void ws_frame_write(struct buf *out, enum ws_frame_kind kind, const void *p, size_t len);
void ws_frame_write_close(struct buf *out, int code); /* CLOSE_NONE: no code */

#endif
