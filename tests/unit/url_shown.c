/* URLs as they may be shown. */
#include "base/url.h"

#include "base/buf.h"
#include "base/redact.h"
#include "tests/lib/tap.h"

static void url(const char *text, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	url_add_shown(&out, text, strlen(text));
	tap_str(out.data, wanted, text);
	buf_release(&out);
}

static void setting(const char *text, bool password, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	url_add_setting(&out, text);
	tap_str(out.data, wanted, text);
	tap_int(url_has_password(text), password, "its password");
	buf_release(&out);
}

/* What the log makes of `line`, once it knows the URL. */
static void redacted(const char *text, const char *line, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	buf_adds(&out, line);
	url_redact(text);
	redact_known(&out);
	tap_str(out.data, wanted, text);
	buf_release(&out);
	redact_clear();
}

int main(void)
{
	url("https://h/p", "https://h/p");
	url("https://h/p?access_token=s3cret", "https://h/p?access_token=***");
	url("/p?max=5&access_token=s3cret&x", "/p?max=***&access_token=***&x");
	url("/p?a=b=c#access_token=s3cret", "/p?a=***#access_token=***");
	url("/p#t=s3cret&u=1", "/p#t=***&u=***");
	url("/p#t=s3cret?u=1", "/p#t=***");
	url("https://h/a;jsessionid=s3cret/b;c=d;e;f=/g=h", "https://h/a;jsessionid=***/b;c=***;e;f=***/g=h");
	url("/p;v=s3cret?x=1", "/p;v=***?x=***");
	url("/p?t=s3cret?u=s3cret", "/p?t=***");
	url("/p?", "/p?");
	url("/p?=s3cret", "/p?=***");
	url("/p?&&=", "/p?&&=***");
	url("https://user:pw@h:1/p?q=1", "https://***@h:1/p?q=***");
	url("https://h/v1/alice@h.example/x", "https://h/v1/alice@h.example/x");
	url("/v1/alice@h.example/x", "/v1/alice@h.example/x");
	url("https://a@b@h", "https://***@h");
	url("", "");

	setting("http://h:1", false, "http://h:1");
	setting("http://user:pw@h:1", true, "http://***@h:1");
	setting("htp://user:p w@h:99999", true, "htp://***@h:99999");
	setting("user:pw@h", true, "***@h");
	setting("http://user@h", false, "http://***@h");
	setting("http://user:p/w?x@y#z@h/p?q=1", true, "http://***@h/p?q=***");
	setting("user:p://w@h", true, "***@h");
	setting("https://user:pw@h.example", true, "https://***@h.example");
	setting("@", false, "***@");
	setting("", false, "");

	redacted("http://user:topsecretpw@h:1", "user topsecretpw dXNlcjp0b3BzZWNyZXRwdw==", "user *** ***");
	redacted("http://user:top%40secret%2Fpw@h:1", "top%40secret%2Fpw top@secret/pw top%40secret%2fpw",
		"*** *** ***");
	redacted("http://user:100%secret@h:1", "100%secret", "***");
	redacted("http://a-token-of-mine@h:1", "a-token-of-mine", "***");
	redacted("http://user:short@h:1", "short dXNlcjpzaG9ydA==", "short ***");
	redacted("http://h:1", "http://h:1", "http://h:1");
	return tap_done();
}
