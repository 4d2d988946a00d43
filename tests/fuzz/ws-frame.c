/*
 * Frames of a server: the result does not depend on the pieces, obeys the limits and is valid UTF-8 where required. The
 * first byte is the size of the pieces.
 */
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "ws/frame.h"

#define MAX_MESSAGE 300

/* A hash of all results (FNV-1a). */
struct seen {
	uint64_t hash;
	size_t count;
	bool over;
};

static void add(struct seen *seen, const void *p, size_t len)
{
	const unsigned char *s = p;

	for (size_t i = 0; i < len; i++)
		seen->hash = (seen->hash ^ s[i]) * UINT64_C(1099511628211);
}

static void look(struct seen *seen, const struct ws_frame *frame)
{
	MUST(!seen->over);
	seen->count++;
	add(seen, &frame->kind, sizeof(frame->kind));
	add(seen, &frame->code, sizeof(frame->code));
	switch (frame->kind) {
	case FRAME_TEXT:
		MUST(utf8_valid(frame->p, frame->len));
		/* fall through */
	case FRAME_BINARY: MUST(frame->len <= MAX_MESSAGE); break;
	case FRAME_PING:
	case FRAME_PONG: MUST(frame->len <= FRAME_CONTROL_MAX); break;
	case FRAME_CLOSE:
		MUST(frame->len + 2 <= FRAME_CONTROL_MAX && utf8_valid(frame->p, frame->len));
		MUST(frame->code >= 1000 && frame->code <= 4999 && frame->code != 1006);
		seen->over = true;
		break;
	case FRAME_BROKEN:
		MUST(frame->code == CLOSE_PROTOCOL || frame->code == CLOSE_NOT_UTF8 || frame->code == CLOSE_TOO_LONG);
		MUST(frame->why && !frame->len);
		seen->over = true;
		break;
	}
	add(seen, frame->p, frame->len);
}

static struct seen read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct seen seen = { .hash = UINT64_C(14695981039346656037) };
	struct ws_frame_reader reader;
	struct ws_frame frame;
	char *bytes = malloc(piece);

	ws_frame_reader_init(&reader, MAX_MESSAGE);
	MUST(bytes);
	for (size_t done = 0; done < size; done += piece) {
		size_t n = size - done < piece ? size - done : piece;
		const char *end = bytes + piece, *at = end - n; /* at the end, so that sanitizers detect an overrun */

		memcpy(bytes + piece - n, data + done, n);
		while (ws_frame_next(&reader, &at, end, &frame)) {
			MUST(at <= end);
			look(&seen, &frame);
		}
		MUST(at == end);
	}
	free(bytes);
	MUST(reader.message.len <= MAX_MESSAGE);
	ws_frame_reader_release(&reader);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, pieces;

	if (!size)
		return 0;
	whole = read_all(data + 1, size - 1, size);
	pieces = read_all(data + 1, size - 1, (size_t)data[0] % 16 + 1);
	MUST(whole.hash == pieces.hash && whole.count == pieces.count && whole.over == pieces.over);
	return 0;
}
