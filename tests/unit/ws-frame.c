/* Decoding frames, in pieces of every size, protocol errors, and encoding frames. */
#include "ws/frame.h"

#include "../lib/tap.h"

#include <stdlib.h>

#define MAX_MESSAGE 70000

/* The result of decoding some bytes, such as "text:hello ping:x close:1000:bye broken:1002". */
static char *events(const void *bytes, size_t len, size_t piece)
{
	struct ws_frame_reader reader;
	struct ws_frame frame;
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	ws_frame_reader_init(&reader, MAX_MESSAGE);
	for (size_t done = 0; done < len; done += piece) {
		size_t n = len - done < piece ? len - done : piece;
		char *copy = malloc(n); /* of exactly this size, so that sanitizers detect an overrun */
		const char *at = copy;

		memcpy(copy, (const char *)bytes + done, n);
		while (ws_frame_next(&reader, &at, copy + n, &frame)) {
			if (out.len)
				buf_addc(&out, ' ');
			switch (frame.kind) {
			case FRAME_TEXT: buf_adds(&out, "text:"); break;
			case FRAME_BINARY: buf_adds(&out, "binary:"); break;
			case FRAME_CLOSE: buf_addf(&out, "close:%d:", frame.code); break;
			case FRAME_PING: buf_adds(&out, "ping:"); break;
			case FRAME_PONG: buf_adds(&out, "pong:"); break;
			case FRAME_BROKEN: buf_addf(&out, "broken:%d%s", frame.code, frame.why ? "" : ":?"); continue;
			}
			if (frame.len > 40)
				buf_addf(&out, "%zu", frame.len);
			else
				buf_add(&out, frame.p, frame.len);
		}
		if (at != copy + n)
			buf_adds(&out, " LEFT");
		free(copy);
	}
	ws_frame_reader_release(&reader);
	return buf_take(&out);
}

static void check(const void *bytes, size_t len, const char *wanted, const char *what)
{
	static const size_t pieces[] = { BUF_NO_MAX, 1, 2, 3, 7, 127, 4096 };
	bool same = true;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *got = events(bytes, len, pieces[i]);

		if (strcmp(got, wanted) != 0) {
			same = false;
			printf("# in pieces of %zu:\n#    got: %s\n# wanted: %s\n", pieces[i], got, wanted);
		}
		free(got);
	}
	tap_ok(same, what);
}

#define CHECK(literal, wanted, what) check(literal, sizeof(literal) - 1, wanted, what)

static void test_whole(void)
{
	CHECK("\x81\x05hello", "text:hello", "a text");
	CHECK("\x81\x00", "text:", "an empty text");
	CHECK("\x82\x02\xff\x00", "binary:\xff", "bytes");
	CHECK("\x81\x01"
	      "a\x81\x01"
	      "b\x89\x01p\x8a\x00\x81\x01"
	      "c",
		"text:a text:b ping:p pong: text:c", "several");
	CHECK("\x81\x06\xce\xbb\xf0\x9f\x98", "", "an incomplete text");
	CHECK("\x81\x06\xce\xbb\xf0\x9f\x98\x80", "text:\xce\xbb\xf0\x9f\x98\x80", "UTF-8");
	CHECK("", "", "nothing");
}

static void test_fragments(void)
{
	CHECK("\x01\x03hel\x80\x02lo", "text:hello", "a text in two frames");
	CHECK("\x01\x01h\x00\x01"
	      "e\x00\x00\x00\x01y\x80\x00",
		"text:hey", "a text in five frames, two of them empty");
	CHECK("\x01\x00\x80\x02hi", "text:hi", "a text in two frames, the first one empty");
	CHECK("\x02\x01x\x80\x01y", "binary:xy", "bytes in two frames");
	CHECK("\x01\x03hel\x89\x03you\x80\x02lo", "ping:you text:hello", "a ping inside a fragmented text");
	CHECK("\x01\x03hel\x89\x03you\x8a\x00\x00\x01l\x8a\x02me\x80\x01o", "ping:you pong: pong:me text:hello",
		"several");
	CHECK("\x01\x03hel\x88\x02\x03\xe8\x80\x02lo", "close:1000:", "a close in between ends it");
	CHECK("\x01\x01\xce\x80\x01\xbb", "text:\xce\xbb", "a character in two frames");
	CHECK("\x01\x01"
	      "a\x80\x01"
	      "b\x01\x01"
	      "c\x80\x01"
	      "d\x81\x01"
	      "e",
		"text:ab text:cd text:e", "three fragmented texts");
}

/* A frame of `len` bytes 'x' with the length in `digits` bytes. */
static void sized(size_t len, int digits, const char *wanted, const char *what)
{
	struct buf bytes;

	buf_init(&bytes, BUF_NO_MAX);
	buf_addc(&bytes, (char)0x81);
	buf_addc(&bytes, (char)(digits == 2 ? 126 : digits == 8 ? 127 : (int)len));
	for (int i = digits; i > 0; i--)
		buf_addc(&bytes, i > 4 ? 0 : (char)(len >> 8 * (i - 1)));
	for (size_t i = 0; i < len && i < 100000; i++)
		buf_addc(&bytes, 'x');
	buf_adds(&bytes, "\x81\x02ok");
	check(bytes.data, bytes.len, wanted, what);
	buf_release(&bytes);
}

static void test_lengths(void)
{
	sized(125, 0, "text:125 text:ok", "125 bytes");
	sized(126, 2, "text:126 text:ok", "126 bytes");
	sized(65535, 2, "text:65535 text:ok", "65535 bytes");
	sized(65536, 8, "text:65536 text:ok", "65536 bytes");
	sized(MAX_MESSAGE, 8, "text:70000 text:ok", "a text at the limit");
	sized(MAX_MESSAGE + 1, 8, "broken:1009", "a text above the limit");
	sized((size_t)1 << 31, 8, "broken:1009", "a text far above the limit");
	sized(125, 2, "broken:1002", "125 in two bytes");
	sized(65535, 8, "broken:1002", "65535 in eight");
	CHECK("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x01x", "broken:1002", "a length above 2^63");
	CHECK("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "broken:1009", "the maximum length");
	CHECK("\x01\x7f\x00\x00\x00\x00\x00\x01\x11\x70", "", "the first fragment at the limit");
}

static void test_limit_of_fragments(void)
{
	struct buf bytes;

	buf_init(&bytes, BUF_NO_MAX);
	for (int i = 0; i < 7; i++) {
		buf_add(&bytes, i ? "\x00\x7e\x27\x10" : "\x01\x7e\x27\x10", 4); /* 10,000 each */
		for (int k = 0; k < 10000; k++)
			buf_addc(&bytes, 'y');
	}
	buf_add(&bytes, "\x80\x00", 2);
	check(bytes.data, bytes.len, "text:70000", "fragments up to the limit");
	buf_truncate(&bytes, bytes.len - 2);
	buf_add(&bytes, "\x80\x01z", 3);
	check(bytes.data, bytes.len, "broken:1009", "fragments one byte above the limit");
	buf_release(&bytes);
}

static void test_broken(void)
{
	CHECK("\xc1\x01x", "broken:1002", "RSV1");
	CHECK("\xa1\x01x", "broken:1002", "RSV2");
	CHECK("\x91\x01x", "broken:1002", "RSV3");
	CHECK("\xc9\x00", "broken:1002", "RSV1 of a ping");
	CHECK("\x81\x81\x00\x00\x00\x00x", "broken:1002", "a masked frame");
	CHECK("\x83\x00", "broken:1002", "opcode 3");
	CHECK("\x87\x00", "broken:1002", "opcode 7");
	CHECK("\x8b\x00", "broken:1002", "opcode 11");
	CHECK("\x8f\x00", "broken:1002", "opcode 15");
	CHECK("\x09\x00", "broken:1002", "a fragmented ping");
	CHECK("\x08\x00", "broken:1002", "a fragmented close");
	CHECK("\x89\x7e\x00\x7e", "broken:1002", "a ping of 126 bytes");
	CHECK("\x80\x01x", "broken:1002", "a continuation without a message");
	CHECK("\x81\x01x\x80\x01y", "text:x broken:1002", "a continuation after a final frame");
	CHECK("\x01\x01x\x81\x01y", "broken:1002", "a text within a text");
	CHECK("\x01\x01x\x02\x01y", "broken:1002", "bytes within a text");
	CHECK("\x81\x02\xc3\x28", "broken:1007", "a text that is not UTF-8");
	CHECK("\x81\x03\xed\xa0\x80", "broken:1007", "a surrogate");
	CHECK("\x81\x01\xce\x81\x01\xbb", "broken:1007", "a character in two messages");
	CHECK("\x01\x01\xce\x80\x01x", "broken:1007", "an incomplete character in a fragment");
	CHECK("\x81\x01x\xc1\x01y\x81\x01z", "text:x broken:1002", "nothing is read after it");
}

static void test_close(void)
{
	static const int good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
		4000, 4999 };
	static const int bad[] = { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 };
	char wanted[32];

	CHECK("\x88\x00", "close:1005:", "a close without a code");
	CHECK("\x88\x05\x03\xe9"
	      "bye",
		"close:1001:bye", "a close with a reason");
	CHECK("\x88\x02\x03\xe8\x81\x01x\x88\x00", "close:1000:", "nothing is read after it");
	CHECK("\x88\x01\x03", "broken:1002", "a close with one byte");
	CHECK("\x88\x04\x03\xe8\xc3\x28", "broken:1007", "a reason that is not UTF-8");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char bytes[] = { (char)0x88, 2, (char)(good[i] >> 8), (char)good[i] };

		snprintf(wanted, sizeof(wanted), "close:%d:", good[i]);
		check(bytes, sizeof(bytes), wanted, wanted);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char bytes[] = { (char)0x88, 2, (char)(bad[i] >> 8), (char)bad[i] };

		snprintf(wanted, sizeof(wanted), "%d may not be sent", bad[i]);
		check(bytes, sizeof(bytes), "broken:1002", wanted);
	}
}

static void test_no_copy(void)
{
	static const char bytes[] = "\x81\x02hi\x89\x01p";
	const char *at = bytes, *end = bytes + sizeof(bytes) - 1;
	struct ws_frame_reader reader;
	struct ws_frame frame;

	ws_frame_reader_init(&reader, 10);
	tap_ok(ws_frame_next(&reader, &at, end, &frame) && frame.p == bytes + 2,
		"a message in one piece is not copied");
	tap_ok(ws_frame_next(&reader, &at, end, &frame) && frame.p == bytes + 6, "a ping in one piece is not copied");
	tap_ok(!ws_frame_next(&reader, &at, end, &frame) && at == end, "all bytes are used");
	ws_frame_reader_release(&reader);
}

/* Encodes one frame, unmasks it and compares the payload. */
static void written(enum ws_frame_kind kind, size_t len, size_t head_len, const char *what)
{
	char *payload = malloc(len + 1);
	const unsigned char *bytes;
	struct buf out;
	bool same = true;

	for (size_t i = 0; i < len; i++)
		payload[i] = (char)('a' + i % 26);
	buf_init(&out, BUF_NO_MAX);
	ws_frame_write(&out, kind, payload, len);
	bytes = (const unsigned char *)out.data;
	tap_int((intmax_t)out.len, (intmax_t)(head_len + 4 + len), what);
	tap_ok(bytes[0] == (0x80 | kind) && bytes[1] & 0x80, "final and masked");
	tap_int(bytes[1] & 0x7f, head_len == 2 ? (int)len : head_len == 4 ? 126 : 127, "the length");
	if (head_len == 4)
		tap_int(bytes[2] << 8 | bytes[3], (intmax_t)len, "the length in two bytes");
	if (head_len == 10)
		tap_int((intmax_t)bytes[6] << 24 | bytes[7] << 16 | bytes[8] << 8 | bytes[9], (intmax_t)len,
			"the length in eight bytes");
	for (size_t i = 0; i < len; i++)
		same &= payload[i] == (char)(bytes[head_len + 4 + i] ^ bytes[head_len + i % 4]);
	tap_ok(same, "the payload");
	buf_release(&out);
	free(payload);
}

static void test_write(void)
{
	struct buf out;

	written(FRAME_TEXT, 0, 2, "an empty text");
	written(FRAME_TEXT, 125, 2, "125 bytes");
	written(FRAME_PONG, 5, 2, "a pong");
	written(FRAME_TEXT, 126, 4, "126 bytes");
	written(FRAME_TEXT, 65535, 4, "65535 bytes");
	written(FRAME_TEXT, 65536, 10, "65536 bytes");
	buf_init(&out, 100);
	ws_frame_write_close(&out, CLOSE_NORMAL);
	tap_int((intmax_t)out.len, 8, "a close with a code");
	tap_int((out.data[6] ^ out.data[2]) << 8 | ((out.data[7] ^ out.data[3]) & 0xff), 1000, "the code");
	ws_frame_write_close(&out, CLOSE_NONE);
	tap_int((intmax_t)out.len, 14, "a close without a code");
	ws_frame_write(&out, FRAME_TEXT, "0123", 4);
	ws_frame_write(&out, FRAME_TEXT, "0123", 4);
	tap_ok(memcmp(out.data + 16, out.data + 26, 4) != 0, "each frame has its own mask");
	buf_release(&out);
}

int main(void)
{
	test_whole();
	test_fragments();
	test_lengths();
	test_limit_of_fragments();
	test_broken();
	test_close();
	test_no_copy();
	test_write();
	return tap_done();
}
