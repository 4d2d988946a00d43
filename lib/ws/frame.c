#include "ws/frame.h"

#include "base/random.h"
#include "base/utf8.h"

#include <string.h>

#define CONTINUATION 0
#define KEEP_MAX ((size_t)16 * 1024) /* a larger buffer is freed after its message */

void ws_frame_reader_init(struct ws_frame_reader *r, size_t max_message)
{
	*r = (struct ws_frame_reader){ 0 };
	buf_init(&r->message, max_message);
}

void ws_frame_reader_release(struct ws_frame_reader *r)
{
	buf_release(&r->message);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static bool broken(struct ws_frame_reader *r, struct ws_frame *frame, int code, const char *why)
{
	r->over = true;
	*frame = (struct ws_frame){ .kind = FRAME_BROKEN, .code = code, .why = why };
	return false;
}

static int opcode_of(const struct ws_frame_reader *r)
{
	return r->head[0] & 0x0f;
}

static bool is_final(const struct ws_frame_reader *r)
{
	return r->head[0] & 0x80;
}

static bool is_control(int opcode)
{
	return opcode & 8;
}

/* The first two bytes of a header. */
static bool check_start(struct ws_frame_reader *r, struct ws_frame *frame)
{
	int opcode = opcode_of(r);

	if (r->head[0] & 0x70)
		return broken(r, frame, CLOSE_PROTOCOL, "frame with a reserved bit set");
	if (r->head[1] & 0x80)
		return broken(r, frame, CLOSE_PROTOCOL, "masked frame");
	if (opcode > FRAME_PONG || (opcode > FRAME_BINARY && opcode < FRAME_CLOSE))
		return broken(r, frame, CLOSE_PROTOCOL, "unknown opcode");
	if (is_control(opcode)) {
		if (!is_final(r))
			return broken(r, frame, CLOSE_PROTOCOL, "fragmented control frame");
		if (r->head[1] > FRAME_CONTROL_MAX)
			return broken(r, frame, CLOSE_PROTOCOL, "control frame too long");
	} else if (opcode == CONTINUATION && !r->message_opcode) {
		return broken(r, frame, CLOSE_PROTOCOL, "continuation frame without a message");
	} else if (opcode != CONTINUATION && r->message_opcode) {
		return broken(r, frame, CLOSE_PROTOCOL, "new message inside a fragmented one");
	}
	return true;
}

static size_t head_size(const struct ws_frame_reader *r)
{
	if (r->head_len < 2 || r->head[1] < 126)
		return 2;
	return r->head[1] == 126 ? 4 : 10;
}

/* The header is complete. */
static bool begin_payload(struct ws_frame_reader *r, struct ws_frame *frame)
{
	uint64_t len = 0;

	for (size_t i = 2; i < r->head_len; i++)
		len = len << 8 | r->head[i];
	if (r->head_len == 2)
		len = r->head[1];
	else if (len < (r->head_len == 4 ? 126 : 65536))
		return broken(r, frame, CLOSE_PROTOCOL, "length not minimally encoded");
	else if (len >> 63)
		return broken(r, frame, CLOSE_PROTOCOL, "invalid length");
	if (!is_control(opcode_of(r))) {
		if (len > r->message.max - r->message.len)
			return broken(r, frame, CLOSE_TOO_LONG, "message too long");
		if (opcode_of(r) != CONTINUATION)
			r->message_opcode = opcode_of(r);
	}
	r->left = (size_t)len;
	r->control_len = 0;
	r->in_payload = true;
	return true;
}

/* True once the header of a frame is complete. */
static bool read_head(struct ws_frame_reader *r, const char **at, const char *end, struct ws_frame *frame)
{
	while (*at < end) {
		r->head[r->head_len++] = (unsigned char)*(*at)++;
		if (r->head_len == 2 && !check_start(r, frame))
			return false;
		if (r->head_len >= 2 && r->head_len == head_size(r))
			return begin_payload(r, frame);
	}
	return false;
}

static bool end_close(struct ws_frame_reader *r, const char *p, size_t len, struct ws_frame *frame)
{
	int code = len < 2 ? CLOSE_NONE : (unsigned char)p[0] << 8 | (unsigned char)p[1];

	if (len == 1)
		return broken(r, frame, CLOSE_PROTOCOL, "close frame with an incomplete code");
	/* the codes that RFC 6455 (7.4) and the IANA registry allow */
	if (len && !(code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) &&
		!(code >= 3000 && code <= 4999))
		return broken(r, frame, CLOSE_PROTOCOL, "invalid close code");
	if (len && !utf8_valid(p + 2, len - 2))
		return broken(r, frame, CLOSE_NOT_UTF8, "close reason is not UTF-8");
	r->over = true;
	*frame = (struct ws_frame){
		.kind = FRAME_CLOSE, .p = p + (len ? 2 : 0), .len = len ? len - 2 : 0, .code = code
	};
	return true;
}

/* True once a control frame is complete. */
static bool read_control(struct ws_frame_reader *r, const char **at, size_t n, struct ws_frame *frame)
{
	const char *p = *at;

	if (n < r->left || r->control_len) {
		memcpy(r->control + r->control_len, *at, n);
		r->control_len += n;
		p = r->control;
	}
	*at += n;
	r->left -= n;
	if (r->left)
		return false;
	r->in_payload = false;
	r->head_len = 0;
	if (r->control_len)
		n = r->control_len;
	if (opcode_of(r) == FRAME_CLOSE)
		return end_close(r, p, n, frame);
	*frame = (struct ws_frame){ .kind = (enum ws_frame_kind)opcode_of(r), .p = p, .len = n };
	return true;
}

/* True once a message is complete. */
static bool read_data(struct ws_frame_reader *r, const char **at, size_t n, struct ws_frame *frame)
{
	const char *p = *at;
	bool ends = n == r->left && is_final(r);

	if (!ends || r->message.len) {
		buf_add(&r->message, p, n); /* begin_payload() has checked the limit */
		p = r->message.data;
	}
	*at += n;
	r->left -= n;
	if (r->left)
		return false;
	r->in_payload = false;
	r->head_len = 0;
	if (!ends)
		return false;
	if (r->message.len) {
		n = r->message.len;
		r->returned = true;
	}
	*frame = (struct ws_frame){ .kind = (enum ws_frame_kind)r->message_opcode, .p = p, .len = n };
	r->message_opcode = 0;
	return frame->kind != FRAME_TEXT || utf8_valid(p, n) || broken(r, frame, CLOSE_NOT_UTF8, "text is not UTF-8");
}

static void clear_message(struct ws_frame_reader *r)
{
	if (r->message.cap > KEEP_MAX)
		buf_release(&r->message);
	else
		buf_clear(&r->message);
	r->returned = false;
}

bool ws_frame_next(struct ws_frame_reader *r, const char **at, const char *end, struct ws_frame *frame)
{
	if (r->returned)
		clear_message(r);
	if (r->over)
		*at = end;
	frame->kind = FRAME_PONG; /* anything except FRAME_BROKEN */
	while (!r->over && (r->in_payload || read_head(r, at, end, frame))) {
		size_t n = (size_t)(end - *at) < r->left ? (size_t)(end - *at) : r->left;

		if (is_control(opcode_of(r)) ? read_control(r, at, n, frame) : read_data(r, at, n, frame))
			return true;
		if (r->in_payload)
			return false; /* incomplete */
	}
	return frame->kind == FRAME_BROKEN;
}

/* ---- encoding ---------------------------------------------------------------------------------------------------- */

void ws_frame_write(struct buf *out, enum ws_frame_kind kind, const void *p, size_t len)
{
	unsigned char head[14] = { (unsigned char)(0x80 | kind) };
	unsigned char mask[4];
	size_t head_len = 2, digits = len < 126 ? 0 : len < 65536 ? 2 : 8, start;

	head[1] = (unsigned char)(0x80 | (digits == 0 ? len : digits == 2 ? 126 : 127));
	for (size_t i = digits; i > 0; i--)
		head[head_len++] = (unsigned char)((uint64_t)len >> 8 * (i - 1));
	random_bytes(mask, sizeof(mask));
	memcpy(head + head_len, mask, sizeof(mask));
	head_len += sizeof(mask);
	if (!buf_reserve(out, head_len + len))
		return;
	buf_add(out, head, head_len);
	start = out->len;
	buf_add(out, p, len);
	for (size_t i = 0; i < len; i++)
		out->data[start + i] = (char)((unsigned char)out->data[start + i] ^ mask[i % 4]);
}

void ws_frame_write_close(struct buf *out, int code)
{
	const unsigned char payload[2] = { (unsigned char)(code >> 8), (unsigned char)code };

	ws_frame_write(out, FRAME_CLOSE, payload, code == CLOSE_NONE ? 0 : sizeof(payload));
}
