/* The parsers of the sandbox: request heads, bodies, multipart, frames; in pieces of any size, valid and invalid. */
#include "sandbox/frame.h"
#include "sandbox/multipart.h"
#include "sandbox/request.h"

#include "../lib/tap.h"

#include <stdlib.h>

/* Parses a head in pieces of `piece` bytes. 0, the status of the error response, or -1: incomplete. */
static int parse(struct sandbox_request *r, const char *text, size_t len, size_t piece)
{
	sandbox_request_clear(r);
	for (size_t at = 0; at < len;) {
		size_t used, n = len - at < piece ? len - at : piece;

		if (sandbox_request_add(r, text + at, n, &used))
			return sandbox_request_parse(r);
		at += n;
	}
	return -1;
}

static void test_head(void)
{
	static const char text[] = "\r\nPOST /a/b%20c/%2F/?x=1&y=a+b%21 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
				   "X-Thing:  two words \t\r\nConnection: close\r\n\r\n";
	struct sandbox_request r;
	struct buf value;

	sandbox_request_init(&r);
	buf_init(&value, 100);
	for (size_t piece = 1; piece < 200; piece += 66) {
		tap_int(parse(&r, text, strlen(text), piece), 0, "a head is parsed in pieces");
		tap_str(r.method, "POST", "method");
		tap_str(r.path, "/a/b%20c/%2F/", "path");
		tap_int((int)r.segment_count, 4, "segments");
		tap_str(r.segments[1], "b c", "a segment is decoded");
		tap_str(r.segments[2], "/", "an encoded slash is decoded");
		tap_int(r.length, 5, "length");
		tap_int(r.keep_alive, 0, "Connection: close");
		tap_str(sandbox_request_header(&r, "x-thing"), "two words", "the value of a header is trimmed");
		tap_ok(!sandbox_request_header(&r, "x-thin"), "a missing header is not found");
		buf_clear(&value);
		tap_ok(sandbox_request_form(r.query, "y", &value) && !strcmp(value.data, "a b!"),
			"a field of the query is decoded");
		tap_ok(!sandbox_request_form(r.query, "z", &value), "a missing field is not found");
	}
	buf_release(&value);
	sandbox_request_release(&r);
}

static void test_bad_heads(void)
{
	static const struct {
		const char *text;
		int status;
	} bad[] = {
		{ "GARBAGE\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505 },
		{ "GET / HTTQ/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nName : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01"
		  "b\r\n\r\n",
			400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\n\r\n", 417 },
		{ "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6 HTTP/1.1\r\nHost: h\r\n\r\n", 404 },
	};
	struct sandbox_request r;
	char *big = malloc(REQUEST_HEAD_MAX + 100);

	sandbox_request_init(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char name[40];

		snprintf(name, sizeof(name), "invalid head %zu is refused", i);
		tap_int(parse(&r, bad[i].text, strlen(bad[i].text), 1000), bad[i].status, name);
	}
	tap_int(parse(&r, "GET / HTTP/1.1\r\nHo\0st: h\r\n\r\n", 28, 1000), 400, "a NUL in a header is refused");
	memset(big, 'a', REQUEST_HEAD_MAX + 100);
	memcpy(big, "GET /", 5);
	tap_int(parse(&r, big, REQUEST_HEAD_MAX + 100, 1000), 414, "an endless request line is refused");
	memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
	tap_int(parse(&r, big, REQUEST_HEAD_MAX + 100, 1000), 431, "an endless header is refused");
	memset(big, 'a', 6 + REQUEST_LINE_MAX);
	memcpy(big, "GET /", 5);
	memcpy(big + 6 + REQUEST_LINE_MAX, " HTTP/1.1\r\nHost: h\r\n\r\n", 23);
	tap_int(parse(&r, big, strlen(big), 1000), 414, "a request line that is too long is refused");
	memset(big, 'a', REQUEST_LINE_MAX);
	memcpy(big, "GET /", 5);
	memcpy(big + REQUEST_LINE_MAX - 9, " HTTP/1.1\r\nHost: h\r\n\r\n", 23);
	tap_int(parse(&r, big, strlen(big), 1000), 0, "a request line of the maximum length is parsed");
	free(big);
	sandbox_request_release(&r);
}

/* The data of a body, in pieces. `*done`: 1 complete, 0 incomplete, -1 invalid. */
static void read_body(struct sandbox_request *r, const char *text, size_t piece, struct buf *out, int *done)
{
	struct request_body body;
	size_t len = strlen(text), at = 0, used, from, n;

	sandbox_request_body_start(&body, r);
	buf_clear(out);
	*done = 0;
	while (at < len && !*done) {
		size_t some = len - at < piece ? len - at : piece;
		enum body_result result = sandbox_request_body(&body, text + at, some, &used, &from, &n);

		buf_add(out, text + at + from, n);
		at += used;
		*done = result == BODY_DONE ? 1 : result == BODY_BAD ? -1 : 0;
	}
}

static void test_bodies(void)
{
	struct sandbox_request r = { .length = 5 };
	struct buf out;
	int done;

	buf_init(&out, 1000);
	for (size_t piece = 1; piece < 40; piece += 9) {
		r.chunked = false;
		read_body(&r, "helloXXX", piece, &out, &done);
		tap_ok(done == 1 && !strcmp(out.data, "hello"), "a body with Content-Length is read");
		r.chunked = true;
		read_body(&r, "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", piece, &out, &done);
		tap_ok(done == 1 && !strcmp(out.data, "abc0123456789"), "a chunked body is read");
		read_body(&r, "3\r\nabc\r\n", piece, &out, &done);
		tap_int(done, 0, "a chunked body without an end is incomplete");
		read_body(&r, "3\r\nabcX", piece, &out, &done);
		tap_int(done, -1, "invalid bytes after a chunk are refused");
		read_body(&r, "x\r\n", piece, &out, &done);
		tap_int(done, -1, "an invalid chunk size is refused");
		read_body(&r, "fffffffffffff\r\n", piece, &out, &done);
		tap_int(done, -1, "a huge chunk size is refused");
	}
	buf_release(&out);
}

/* ---- multipart -------------------------------------------------------------------------------------------------- */

static struct buf seen;

static bool on_begin(void *arg, const struct multipart_part *part)
{
	(void)arg;
	return buf_addf(&seen, "[%s|%s|%s:", part->name, part->filename, part->type);
}

static bool on_data(void *arg, const char *p, size_t len)
{
	(void)arg;
	return buf_add(&seen, p, len);
}

static bool on_end(void *arg)
{
	(void)arg;
	return buf_addc(&seen, ']');
}

static const struct multipart_handler handler = { on_begin, on_data, on_end };

static enum multipart_result parse_multipart(const char *type, const char *text, size_t piece)
{
	struct multipart m;
	enum multipart_result result = MULTIPART_BAD;
	size_t len = strlen(text);

	buf_clear(&seen);
	if (multipart_init(&m, type, &handler, NULL)) {
		result = MULTIPART_MORE;
		for (size_t at = 0; at < len && result == MULTIPART_MORE; at += piece)
			result = multipart_add(&m, text + at, len - at < piece ? len - at : piece);
	}
	multipart_release(&m);
	return result;
}

static void test_multipart(void)
{
	static const char type[] = "multipart/form-data; boundary=xYz";
	static const char text[] =
		"--xYz\r\nContent-Disposition: form-data; name=\"root-fields\"\r\n\r\n{}\r\n--xYz\r\n"
		"content-type: image/png\r\n"
		"Content-Disposition: form-data; name=\"raw\"; filename=\"a %22b\\\"c\xc3\xa9.png\"\r\n\r\n"
		"1\r\n--xY\r\n-\r\n2\r\n--xYz--\r\nepilogue";

	buf_init(&seen, 10000);
	for (size_t piece = 1; piece < 400; piece += piece < 20 ? 1 : 57) {
		tap_int(parse_multipart(type, text, piece), MULTIPART_DONE, "two parts are parsed in pieces");
		tap_str(seen.data, "[root-fields||:{}][raw|a \"b\"c\xc3\xa9.png|image/png:1\r\n--xY\r\n-\r\n2]",
			"the parts are as sent");
	}
	tap_int(parse_multipart("multipart/form-data; boundary=\"xYz\"", text, 1000), MULTIPART_DONE,
		"a quoted boundary is accepted");
	tap_int(parse_multipart("multipart/form-data", text, 1000), MULTIPART_BAD, "a missing boundary is refused");
	tap_int(parse_multipart("text/plain; boundary=xYz", text, 1000), MULTIPART_BAD, "another type is refused");
	tap_int(parse_multipart(type, "--xYz--", 1000), MULTIPART_DONE, "a body without parts is accepted");
	tap_str(seen.data, "", "a body without parts reports none");
	tap_int(parse_multipart(type, "--xYz\r\nContent-Disposition: form-data; name=\"raw\"\r\n\r\nabc", 1000),
		MULTIPART_MORE, "a truncated body is incomplete");
	tap_int(parse_multipart(type, "--xYzzz", 1000), MULTIPART_BAD, "a longer boundary is refused");
	tap_int(parse_multipart(type, "--xYz\r\nContent-Disposition: attachment; name=\"raw\"\r\n\r\nabc\r\n--xYz--",
			1000),
		MULTIPART_BAD, "a part that is not form-data is refused");
	buf_release(&seen);
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

/* A frame of a client, masked with 1 2 3 4. */
static void add_masked(struct buf *out, unsigned first, const char *p, size_t len)
{
	static const unsigned char mask[] = { 1, 2, 3, 4 };

	buf_addc(out, (char)first);
	if (len < 126) {
		buf_addc(out, (char)(0x80 | len));
	} else {
		buf_addc(out, (char)(0x80 | 126));
		buf_addc(out, (char)(len >> 8));
		buf_addc(out, (char)len);
	}
	buf_add(out, mask, 4);
	for (size_t i = 0; i < len; i++)
		buf_addc(out, (char)((unsigned char)p[i] ^ mask[i % 4]));
}

/* The frames that the reader returns, in pieces: "1:hello 9:ping" and so on, or the close code. */
static const char *read_frames(const struct buf *wire, size_t piece)
{
	static char out[1000];
	struct frame_reader reader;
	enum frame_kind kind;
	const char *p;
	size_t len;
	int got = 0;

	*out = '\0';
	frame_reader_init(&reader);
	for (size_t at = 0; at < wire->len && got >= 0; at += piece) {
		frame_reader_add(&reader, wire->data + at, wire->len - at < piece ? wire->len - at : piece);
		while ((got = frame_reader_next(&reader, &kind, &p, &len)) > 0)
			snprintf(out + strlen(out), sizeof(out) - strlen(out), "%d:%.*s ", (int)kind,
				len < 300 ? (int)len : 3, p);
	}
	if (got < 0)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%d", got);
	frame_reader_release(&reader);
	return out;
}

static void test_frames(void)
{
	struct buf wire;
	char long_text[1001];

	buf_init(&wire, 1 << 20);
	memset(long_text, 'x', 1000);
	long_text[1000] = '\0';
	add_masked(&wire, 0x81, "hello", 5);
	add_masked(&wire, 0x01, "one ", 4);
	add_masked(&wire, 0x89, "ping", 4);
	add_masked(&wire, 0x00, "two ", 4);
	add_masked(&wire, 0x80, "three", 5);
	add_masked(&wire, 0x81, long_text, 1000);
	for (size_t piece = 1; piece < 2000; piece += piece < 10 ? 1 : 333)
		tap_str(read_frames(&wire, piece), "1:hello 9:ping 1:one two three 1:xxx ",
			"messages, fragments and a ping between are read");

	buf_clear(&wire);
	buf_add(&wire, "\x81\x01x", 3);
	tap_str(read_frames(&wire, 100), "-1002", "an unmasked frame is refused");
	buf_clear(&wire);
	add_masked(&wire, 0xc1, "x", 1);
	tap_str(read_frames(&wire, 100), "-1002", "a reserved bit is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x80, "x", 1);
	tap_str(read_frames(&wire, 100), "-1002", "a continuation without a message is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x01, "x", 1);
	add_masked(&wire, 0x81, "x", 1);
	tap_str(read_frames(&wire, 100), "-1002", "a message inside another is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x89, long_text, 200);
	tap_str(read_frames(&wire, 100), "-1002", "a long ping is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x09, "x", 1);
	tap_str(read_frames(&wire, 100), "-1002", "a fragmented ping is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x83, "x", 1);
	tap_str(read_frames(&wire, 100), "-1002", "an unknown opcode is refused");
	buf_clear(&wire);
	add_masked(&wire, 0x81, "\xff", 1);
	tap_str(read_frames(&wire, 100), "-1007", "text that is not UTF-8 is refused");
	buf_clear(&wire);
	buf_add(&wire, "\x81\xff\x00\x00\x00\x00\x7f\xff\xff\xff", 10);
	tap_str(read_frames(&wire, 100), "-1009", "a frame of 2 GiB is refused");
	buf_release(&wire);
}

/* The frames of the server, checked byte by byte. */
static void test_writing(void)
{
	struct buf out;
	size_t at = 0, total = 0, frames = 0;
	bool rules = true;

	buf_init(&out, 1 << 20);
	frame_add_text(&out, "hello", 5, 0);
	tap_ok(out.len == 7 && !memcmp(out.data, "\x81\x05hello", 7), "a text message in one frame");
	buf_clear(&out);
	frame_add_close(&out, 1001, "bye");
	tap_ok(out.len == 7 &&
			!memcmp(out.data,
				"\x88\x05\x03\xe9"
				"bye",
				7),
		"a close frame");
	buf_clear(&out);
	frame_add_text(&out, "the quick brown fox jumps over the lazy dog", 43, 5);
	while (at < out.len) {
		unsigned char first = (unsigned char)out.data[at], len = (unsigned char)out.data[at + 1];

		rules = rules && (first & 0x0f) == (frames ? 0 : 1) && len >= 1 && (len <= 5 || (first & 0x80));
		rules = rules && !(first & 0x80) == (at + 2 + len < out.len);
		total += len;
		at += 2 + len;
		frames++;
	}
	tap_ok(rules && at == out.len && total == 43 && frames >= 9, "a text message in fragments of 1 to 5 bytes");
	buf_release(&out);
}

int main(void)
{
	test_head();
	test_bad_heads();
	test_bodies();
	test_multipart();
	test_frames();
	test_writing();
	return tap_done();
}
