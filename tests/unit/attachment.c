/* Attachments of message lines, and the lines with results. */
#include "wire/attachment.h"

#include "base/mem.h"
#include "tests/lib/tap.h"

#include <stdlib.h>

static struct err err = ERR_INIT;

/* The line with every file part downloaded as /in/NAME, or failed if it has no link. */
static char *through(const char *text, size_t len)
{
	struct attachment_line line;
	struct attachment_result *files;
	struct buf out;

	err = (struct err)ERR_INIT;
	if (attachment_read(&line, text, len, &err))
		return NULL;
	files = xcalloc(line.count, sizeof(*files));
	for (size_t i = 0; i < line.count; i++) {
		if (!line.items[i].link) {
			err_set(&files[i].err, ST_DATA, "the part names no link");
			continue;
		}
		files[i].path = xasprintf("/in/%s", line.items[i].name);
		files[i].bytes = line.items[i].size;
		strcpy(files[i].sha256, "e3b0");
	}
	buf_init(&out, BUF_NO_MAX);
	attachment_write(&out, &line, files, NULL);
	for (size_t i = 0; i < line.count; i++)
		attachment_result_release(&files[i]);
	free(files);
	attachment_line_release(&line);
	return buf_take(&out);
}

#define FILE_PART(members) "{\"parts\":[{\"type\":\"file\"" members "}]}"
#define DONE(name, bytes) \
	",\"url\":\"file:///in/" name "\",\"path\":\"/in/" name "\",\"bytes\":" bytes ",\"sha256\":\"e3b0\"}]}"
#define NO_LINK \
	",\"url\":null,\"error\":{\"kind\":\"data\",\"code\":null,\"http\":null,\"message\":\"the part names no link\",\"retryable\":false}}]}"

static const struct {
	const char *what, *line;
} unchanged[] = {
	{ "an object without parts", "{\"event\":\"typing\"}" },
	{ "spaces and numbers stay", " { \"a\" : 1.10 , \"b\":[10000000000000000001, 1e1000] }\t" },
	{ "an empty object", "{}" },
	{ "text parts alone", "{\"parts\":[{\"type\":\"text\",\"text\":\"a\\/b\\u0000\"}]}" },
	{ "parts that is no array", "{\"parts\":{\"type\":\"file\"}}" },
	{ "parts of other kinds", "{\"parts\":[1,null,\"file\",[],{\"type\":1},{}]}" },
	{ "the same key twice", "{\"a\":1,\"a\":2}" },
};

static void check(const char *what, const char *in, const char *wanted)
{
	char *out = through(in, strlen(in));

	tap_str(out, wanted, what);
	free(out);
}

static void tables(void)
{
	for (size_t i = 0; i < sizeof(unchanged) / sizeof(*unchanged); i++)
		check(unchanged[i].what, unchanged[i].line, unchanged[i].line);

	check("a file part is filled in",
		FILE_PART(",\"name\":\"a.txt\",\"size\":7,\"rawURL\":\"https://h/x\",\"url\":null"),
		"{\"parts\":[{\"type\":\"file\",\"name\":\"a.txt\",\"size\":7,\"rawURL\":\"https://h/x\"" DONE("a.txt",
			"7"));
	check("what an earlier run said goes",
		FILE_PART(
			",\"name\":\"a\",\"rawURL\":\"/x\",\"size\":\"3\",\"url\":\"file:///old\",\"path\":\"/old\",\"bytes\":1,"
			"\"sha256\":\"f\",\"skipped\":true,\"error\":{},\"x-id\":\"7\""),
		"{\"parts\":[{\"type\":\"file\",\"name\":\"a\",\"rawURL\":\"/x\",\"size\":\"3\",\"x-id\":\"7\"" DONE(
			"a", "3"));
	check("its surroundings stay as they are",
		"{ \"n\" : 1e1, \"parts\" : [ {\"type\":\"text\"} , { \"type\" : \"file\",\"x\" : [ 1 ],\"rawURL\":\"/a/b\" } ] , \"z\":0}",
		"{ \"n\" : 1e1, \"parts\" : [ {\"type\":\"text\"} , {\"type\":\"file\",\"x\":[1],\"rawURL\":\"/a/b\",\"url\":\"file:///in/b\","
		"\"path\":\"/in/b\",\"bytes\":-1,\"sha256\":\"e3b0\"} ] , \"z\":0}");
	check("a name is cleaned, encoded in the URL and kept in the part",
		FILE_PART(",\"name\":\"../\\u00e9 \\u0000%.txt\",\"rawURL\":\"/x\",\"size\":1"),
		"{\"parts\":[{\"type\":\"file\",\"name\":\"../\\u00e9 \\u0000%.txt\",\"rawURL\":\"/x\",\"size\":1,"
		"\"url\":\"file:///in/%C3%A9%20%25.txt\",\"path\":\"/in/\xc3\xa9 %.txt\",\"bytes\":1,\"sha256\":\"e3b0\"}]}");
	check("a lone surrogate in a part is mended", FILE_PART(",\"x\":\"\\ud800\""),
		"{\"parts\":[{\"type\":\"file\",\"x\":\"\xef\xbf\xbd\"" NO_LINK);
	check("no link", FILE_PART(",\"name\":\"a\""), "{\"parts\":[{\"type\":\"file\",\"name\":\"a\"" NO_LINK);
	check("a link that is a number", FILE_PART(",\"rawURL\":7"),
		"{\"parts\":[{\"type\":\"file\",\"rawURL\":7" NO_LINK);
	check("a link with a NUL", FILE_PART(",\"rawURL\":\"/a\\u0000b\""),
		"{\"parts\":[{\"type\":\"file\",\"rawURL\":\"/a\\u0000b\"" NO_LINK);
	check("bytes that are not UTF-8", "{\"a\":\"\xff\"}", "{\"a\":\"\xef\xbf\xbd\"}");
}

static void refused(void)
{
	static const char *const bad[] = { "", "x", "[1]", "7", "null", "\"s\"", "{", "{\"a\":}", "{} {}", "{'a':1}",
		"{\"a\":01}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *out = through(bad[i], strlen(bad[i]));

		tap_ok(!out && err.status == ST_DATA, bad[i][0] ? bad[i] : "an empty line");
		free(out);
	}
}

/* {"a":[[[...]]]} of this depth in all */
static char *nested(unsigned depth)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_adds(&b, "{\"a\":");
	for (unsigned i = 1; i < depth; i++)
		buf_addc(&b, '[');
	for (unsigned i = 1; i < depth; i++)
		buf_addc(&b, ']');
	buf_addc(&b, '}');
	return buf_take(&b);
}

static char *sized(size_t len)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_adds(&b, "{\"a\":\"");
	while (b.len < len - 2)
		buf_addc(&b, 'x');
	buf_adds(&b, "\"}");
	return buf_take(&b);
}

static void limit(char *text, bool allowed, const char *what)
{
	char *out = through(text, strlen(text));

	if (allowed)
		tap_ok(out && !strcmp(out, text), what);
	else
		tap_ok(!out && err.status == ST_DATA, what);
	free(out);
	free(text);
}

static void limits(void)
{
	limit(nested(ATTACHMENT_DEPTH_MAX - 1), true, "depth below the limit");
	limit(nested(ATTACHMENT_DEPTH_MAX), true, "depth at the limit");
	limit(nested(ATTACHMENT_DEPTH_MAX + 1), false, "depth above the limit");
	limit(sized(ATTACHMENT_LINE_MAX - 1), true, "a line below the limit");
	limit(sized(ATTACHMENT_LINE_MAX), true, "a line at the limit");
	limit(sized(ATTACHMENT_LINE_MAX + 1), false, "a line above the limit");
}

static void links(void)
{
	struct attachment_line line;

	attachment_line_for_link(&line, "https://h/a%20b/c\"d?x=1");
	tap_int((intmax_t)line.count, 1, "a bare link is a line with one part");
	tap_str(line.items[0].link, "https://h/a%20b/c\"d?x=1", "the link of the line");
	tap_str(line.items[0].name, "c_d", "the name from the link");
	attachment_line_release(&line);
	attachment_line_for_link(&line, "/\xff");
	tap_str(line.items[0].link, "/\xef\xbf\xbd", "also one that is not UTF-8");
	attachment_line_release(&line);
}

static void error_line(void)
{
	struct buf out;

	buf_init(&out, 4096);
	err_set(&err, ST_DATA, "not JSON: '%s'", "\"\x1b");
	attachment_write_error(&out, 3, &err);
	tap_str(out.data,
		"{\"event\":\"error\",\"line\":3,\"command\":\"fetch-links\",\"status\":\"failed\","
		"\"error\":{\"kind\":\"data\",\"code\":null,\"http\":null,\"message\":\"not JSON: '\\\"\\u001b'\",\"retryable\":false}}",
		"an error line");
	buf_release(&out);
}

int main(void)
{
	tables();
	refused();
	limits();
	links();
	error_line();
	return tap_done();
}
