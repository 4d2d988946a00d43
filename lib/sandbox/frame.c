#include "sandbox/frame.h"

#include "base/random.h"
#include "base/utf8.h"

#include <string.h>

void frame_reader_init(struct frame_reader *reader)
{
	*reader = (struct frame_reader){ 0 };
	buf_init(&reader->in, BUF_NO_MAX);
	buf_init(&reader->message, FRAME_MESSAGE_MAX);
}

void frame_reader_release(struct frame_reader *reader)
{
	buf_release(&reader->in);
	buf_release(&reader->message);
}

void frame_reader_add(struct frame_reader *reader, const char *p, size_t len)
{
	buf_add(&reader->in, p, len);
}

struct frame {
	unsigned kind;
	bool final;
	char *payload;
	size_t len, size; /* of the payload, of the whole frame */
};

/* The frame at the start of `in`, unmasked in place: 1, 0 (incomplete) or a negated close code. */
static int read_frame(struct buf *in, struct frame *frame)
{
	unsigned char *p = (unsigned char *)in->data, *mask;
	uint64_t len;
	size_t head = 2;

	if (in->len < 2)
		return 0;
	frame->final = p[0] & 0x80;
	frame->kind = p[0] & 0x0f;
	len = p[1] & 0x7f;
	if ((p[0] & 0x70) || !(p[1] & 0x80))
		return -1002; /* a reserved bit, or not masked */
	if (frame->kind >= FRAME_CLOSE && (!frame->final || len > 125))
		return -1002;
	if (len >= 126) {
		size_t bytes = len == 126 ? 2 : 8;

		if (in->len < 2 + bytes)
			return 0;
		len = 0;
		for (size_t i = 0; i < bytes; i++)
			len = len << 8 | p[2 + i];
		head += bytes;
	}
	if (len > FRAME_MESSAGE_MAX)
		return -1009;
	if (in->len < head + 4 + len)
		return 0;
	mask = p + head;
	frame->payload = in->data + head + 4;
	frame->len = (size_t)len;
	frame->size = head + 4 + (size_t)len;
	for (size_t i = 0; i < frame->len; i++)
		frame->payload[i] = (char)((unsigned char)frame->payload[i] ^ mask[i % 4]);
	return 1;
}

/* Adds a data frame to the open message; 1: the message is complete. */
static int join(struct frame_reader *reader, const struct frame *frame)
{
	bool first = frame->kind != FRAME_CONTINUED;

	if (first == (reader->message_kind != FRAME_CONTINUED))
		return -1002; /* a new message inside another one, or a continuation without one */
	if (first) {
		buf_clear(&reader->message);
		reader->message_kind = frame->kind == FRAME_TEXT ? FRAME_TEXT : FRAME_BINARY;
	}
	if (!buf_add(&reader->message, frame->payload, frame->len))
		return -1009;
	return frame->final;
}

int frame_reader_next(struct frame_reader *reader, enum frame_kind *kind, const char **p, size_t *len)
{
	struct frame frame;
	int got;

	for (;;) {
		buf_consume(&reader->in, reader->consumed);
		reader->consumed = 0;
		got = read_frame(&reader->in, &frame);
		if (got <= 0)
			return got;
		reader->consumed = frame.size;
		if (frame.kind >= FRAME_CLOSE) {
			if (frame.kind > FRAME_PONG)
				return -1002;
			*kind = (enum frame_kind)frame.kind;
			*p = frame.payload;
			*len = frame.len;
			return 1;
		}
		if (frame.kind > FRAME_BINARY)
			return -1002;
		got = join(reader, &frame);
		if (got < 0)
			return got;
		if (got) {
			*kind = reader->message_kind;
			*p = reader->message.data;
			*len = reader->message.len;
			reader->message_kind = FRAME_CONTINUED;
			return *kind == FRAME_TEXT && !utf8_valid(*p, *len) ? -1007 : 1;
		}
	}
}

void frame_add(struct buf *out, enum frame_kind kind, bool more, const char *p, size_t len)
{
	unsigned char head[10] = { (unsigned char)((more ? 0 : 0x80) | (unsigned)kind) };
	size_t n = 2;

	if (len < 126) {
		head[1] = (unsigned char)len;
	} else {
		size_t bytes = len < 65536 ? 2 : 8;

		head[1] = bytes == 2 ? 126 : 127;
		for (size_t i = 0; i < bytes; i++)
			head[n++] = (unsigned char)((uint64_t)len >> (8 * (bytes - 1 - i)));
	}
	buf_add(out, head, n);
	buf_add(out, p, len);
}

void frame_add_text(struct buf *out, const char *p, size_t len, size_t fragment)
{
	enum frame_kind kind = FRAME_TEXT;

	while (fragment && len > 1) {
		size_t n = 1 + (size_t)random_below((int64_t)fragment);

		if (n >= len)
			break;
		frame_add(out, kind, true, p, n);
		kind = FRAME_CONTINUED;
		p += n;
		len -= n;
	}
	frame_add(out, kind, false, p, len);
}

void frame_add_close(struct buf *out, int code, const char *reason)
{
	char payload[125] = { (char)(code >> 8), (char)(code & 0xff) };
	size_t len = strnlen(reason, sizeof(payload) - 2);

	memcpy(payload + 2, reason, len);
	frame_add(out, FRAME_CLOSE, false, payload, code ? len + 2 : 0);
}
