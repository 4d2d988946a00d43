/* What a trace says of URLs and headers, and what it leaves out. */
#include "http/http-int.h"

#include "../lib/tap.h"

#include <stdlib.h>

static void url(const char *text, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	trace_add_url(&out, text, strlen(text));
	tap_str(out.data, wanted, text);
	buf_release(&out);
}

static void header(const char *line, bool hide_length, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	trace_add_header(&out, line, strlen(line), hide_length);
	tap_str(out.data, wanted, line);
	buf_release(&out);
}

int main(void)
{
	url("https://h/p", "https://h/p");
	url("https://h/p?access_token=s3cret", "https://h/p?access_token=***");
	url("/p?max=5&access_token=s3cret&x", "/p?max=***&access_token=***&x");
	url("/p?a=b=c#access_token=s3cret", "/p?a=***#access_token=***");
	url("/p#t=s3cret&u=1", "/p#t=***&u=***");
	url("/p#t=s3cret?u=1", "/p#t=***");
	url("/p?t=s3cret?u=s3cret", "/p?t=***");
	url("/p?", "/p?");
	url("/p?=s3cret", "/p?=***");
	url("/p?&&=", "/p?&&=***");

	header("Authorization: Bearer s3cret", false, "Authorization: Bearer ***");
	header("authorization: Bearer s3cret more", false, "authorization: Bearer ***");
	header("AUTHORIZATION:s3cret", false, "AUTHORIZATION:***");
	header("Authorization: s3cret ", false, "Authorization: ***");
	header("Authorization: s3cret more", false, "Authorization: ***");
	header("Proxy-Authorization: Basic s3cret", false, "Proxy-Authorization: Basic ***");
	header("Cookie: id=s3cret; other=s3cret", false, "Cookie: ***");
	header("set-cookie: id=s3cret; Path=/", false, "set-cookie: ***");
	header("Location: https://h/p?token=s3cret", false, "Location: https://h/p?token=***");
	header("Content-Length: 77", false, "Content-Length: 77");
	header("Content-Length: 77", true, "Content-Length: ***");
	header("X-Other: value", true, "X-Other: value");
	header("HTTP/1.1 200 OK", false, "HTTP/1.1 200 OK");
	header("X-Empty:", false, "X-Empty:");
	return tap_done();
}
