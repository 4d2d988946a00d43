/* Redaction of headers in the trace. */
#include "http/http-int.h"

#include "../lib/tap.h"

#include <stdlib.h>

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
	header("Authorization: Bearer s3cret", false, "Authorization: Bearer ***");
	header("authorization: Bearer s3cret more", false, "authorization: Bearer ***");
	header("AUTHORIZATION:s3cret", false, "AUTHORIZATION:***");
	header("Authorization: s3cret ", false, "Authorization: ***");
	header("Authorization: s3cret more", false, "Authorization: ***");
	header("Proxy-Authorization: Basic s3cret", false, "Proxy-Authorization: Basic ***");
	header("Cookie: id=s3cret; other=s3cret", false, "Cookie: ***");
	header("set-cookie: id=s3cret; Path=/", false, "set-cookie: ***");
	header("Location: https://h/p?token=s3cret", false, "Location: https://h/p?token=***");
	header("Set-Cookie2: id=s3cret", false, "Set-Cookie2: ***");
	header("X-Auth-Token: s3cret", false, "X-Auth-Token: ***");
	header("x-subject-token : s3cret", false, "x-subject-token : ***");
	header("Authentication-Info: nextnonce=\"s3cret\"", false, "Authentication-Info: ***");
	header("Proxy-Authentication-Info: s3cret", false, "Proxy-Authentication-Info: ***");
	header("X-Api-Key: s3cret", false, "X-Api-Key: ***");
	header("X-Session-Id: s3cret", false, "X-Session-Id: ***");
	header(" s3cret, folded", false, " ***");
	header("\ts3cret: folded", false, " ***");
	header("Refresh: 5; url=https://h/p?t=s3cret&u=s3cret", false, "Refresh: 5; url=https://h/p?t=***&u=***");
	header("Link: <https://h/p?page=2&t=s3c;r,et>; rel=\"next\", </q#t=s3cret>", false,
		"Link: <https://h/p?page=***&t=***>; rel=\"next\", </q#t=***>");
	header("Content-Location: /p?t=s3cret", false, "Content-Location: /p?t=***");
	header("Location: https://user:s3cret@h/p;access_token=s3cret", false,
		"Location: https://***@h/p;access_token=***");
	header("Link: <https://user:s3cret@h/p>", false, "Link: <https://***@h/p>");
	header("X-Debug: grant_type=password; Password=s3, cret", false, "X-Debug: grant_type=password; Password=***");
	header("X-Debug: {\"refresh_token\": \"s3cret\", \"n\": 1}", false,
		"X-Debug: {\"refresh_token\": \"***\", \"n\": 1}");
	header("?password=s3cret: x", false, "?password=***: ***");
	header("HTTP/1.1 401 id_token=s3cret", false, "HTTP/1.1 401 id_token=***");
	header("WWW-Authenticate: Bearer realm=\"h\", error=\"invalid_token\"", false,
		"WWW-Authenticate: Bearer realm=\"h\", error=\"invalid_token\"");
	header("Content-Type: text/plain; charset=utf-8", false, "Content-Type: text/plain; charset=utf-8");
	header("Cache-Control: max-age=5", false, "Cache-Control: max-age=5");
	header("X-Odd: a?b c=d e#f", false, "X-Odd: a?b c=d e#f");
	header("Content-Length: 77", false, "Content-Length: 77");
	header("Content-Length: 77", true, "Content-Length: ***");
	header("X-Other: value", true, "X-Other: value");
	header("HTTP/1.1 200 OK", false, "HTTP/1.1 200 OK");
	header("X-Empty:", false, "X-Empty:");
	return tap_done();
}
