/* Links from messages: their absolute URL and whether it is on the same origin. */
#include "http/http.h"

#include "../lib/tap.h"

#include <stdlib.h>

#define BASE "https://base.example"

struct link_case {
	const char *base, *link;
	const char *url; /* NULL: refused */
	bool same;
};

static const struct link_case cases[] = {
	/* the plain forms */
	{ BASE, "https://base.example/cpaas/x", "https://base.example/cpaas/x", true },
	{ BASE, "https://base.example", "https://base.example/", true },
	{ BASE, "/cpaas/x?a=b&c=%2F", "https://base.example/cpaas/x?a=b&c=%2F", true },
	{ BASE, "cpaas/x", "https://base.example/cpaas/x", true },
	{ BASE, "?q=1", "https://base.example/?q=1", true },
	{ BASE, "https://base.example/x#fragment", "https://base.example/x", true },
	{ BASE, "#only", "https://base.example/", true },
	{ "https://base.example:8443", "/x", "https://base.example:8443/x", true },
	{ "https://base.example:8443", "https://base.example:8443/x", "https://base.example:8443/x", true },
	{ "http://127.0.0.1:8080", "/x", "http://127.0.0.1:8080/x", true },

	/* the path cannot leave the root */
	{ BASE, "/../../../x/y", "https://base.example/x/y", true },
	{ BASE, "../../../x", "https://base.example/x", true },
	{ BASE, "/a/./b/../c", "https://base.example/a/c", true },
	{ BASE, "/x/%2e%2e/y", "https://base.example/x/%2e%2e/y", true },
	{ BASE, "/x@evil.example/", "https://base.example/x@evil.example/", true },
	{ BASE, "/https://evil.example/", "https://base.example/https://evil.example/", true },
	{ BASE, "/x:80/", "https://base.example/x:80/", true },

	/* another host, port or scheme */
	{ BASE, "https://evil.example/x", "https://evil.example/x", false },
	{ BASE, "https://base.example.evil.example/", "https://base.example.evil.example/", false },
	{ BASE, "https://evilbase.example/", "https://evilbase.example/", false },
	{ BASE, "https://sub.base.example/", "https://sub.base.example/", false },
	{ BASE, "https://example/", "https://example/", false },
	{ BASE, "https://base.example:8443/x", "https://base.example:8443/x", false },
	{ BASE, "https://base.example:80/x", "https://base.example:80/x", false },
	{ BASE, "http://base.example/x", "http://base.example/x", false },
	{ BASE, "http://base.example:443/x", "http://base.example:443/x", false },
	{ "http://base.example", "https://base.example/x", "https://base.example/x", false },
	{ "http://base.example", "https://base.example:80/x", "https://base.example:80/x", false },
	{ "https://base.example:8443", "https://base.example/x", "https://base.example/x", false },
	{ BASE, "//evil.example/x", "https://evil.example/x", false },
	{ BASE, "//evil.example:443/x", "https://evil.example/x", false },
	{ BASE, "//base.example/x", "https://base.example/x", true },

	/* other spellings of the same host */
	{ BASE, "https://base.example:443/x", "https://base.example/x", true },
	{ BASE, "https://base.example:0443/x", "https://base.example/x", true },
	{ BASE, "https://base.example:/x", "https://base.example/x", true },
	{ BASE, "HTTPS://BASE.Example/x", "https://base.example/x", true },
	{ "https://BASE.example", "https://base.EXAMPLE/x", "https://base.example/x", true },
	{ BASE, "https://base.example./x", "https://base.example/x", true },
	{ "https://base.example.", "https://base.example/x", "https://base.example/x", true },
	{ BASE, "https://%62ase.example/x", "https://base.example/x", true },
	{ BASE, "https://base%2Eexample/x", "https://base.example/x", true },
	{ BASE, "https://base.example../x", NULL, false },

	/* user information */
	{ BASE, "https://base.example@evil.example/", NULL, false },
	{ BASE, "https://user:pw@base.example/", NULL, false },
	{ BASE, "https://@evil.example/", NULL, false },
	{ BASE, "https://:@base.example/", NULL, false },
	{ BASE, "https://a@b@evil.example/", NULL, false },
	{ BASE, "//base.example@evil.example/", NULL, false },
	{ BASE, "https://base.example%40evil.example/", NULL, false },
	{ BASE, "https://base.example%2F@evil.example/", NULL, false },
	{ BASE, "https://evil.example%2Fbase.example/", NULL, false },
	{ BASE, "https://evil.example%23.base.example/", NULL, false },
	{ BASE, "https://base.example%00.evil.example/", NULL, false },
	{ BASE, "https://base.example%0d%0aX:y/", NULL, false },
	{ BASE, "https://base.example#@evil.example/", "https://base.example/", true },
	{ BASE, "https://base.example?@evil.example/", "https://base.example/?@evil.example/", true },
	{ BASE, "https://evil.example#@base.example/", "https://evil.example/", false },
	{ BASE, "https://evil.example?@base.example/", "https://evil.example/?@base.example/", false },

	/* links that parsers disagree about */
	{ BASE, "https://base.example\\@evil.example/", NULL, false },
	{ BASE, "https:\\\\evil.example/", NULL, false },
	{ BASE, "/\\evil.example/", NULL, false },
	{ BASE, "\\\\evil.example\\x", NULL, false },
	{ BASE, "https:///evil.example/", NULL, false },
	{ BASE, "https:/evil.example/", NULL, false },
	{ BASE, "https:evil.example/", NULL, false },
	{ BASE, "https:", NULL, false },
	{ BASE, "https://", NULL, false },
	{ BASE, "https:///", NULL, false },
	{ BASE, "https://:443/", NULL, false },
	{ BASE, "///evil.example/x", NULL, false },
	{ BASE, "////evil.example/x", NULL, false },
	{ BASE, "//", NULL, false },
	{ BASE, "", NULL, false },
	{ BASE, " https://base.example/", NULL, false },
	{ BASE, "https://base.example/ x", NULL, false },
	{ BASE, "https://base .example/", NULL, false },
	{ BASE, "ht\ttps://evil.example/", NULL, false },
	{ BASE, "https://base.example/\r\nX-Evil: 1", NULL, false },
	{ BASE, "https://base.example/\x7f", NULL, false },
	{ BASE, "https://base.example/\x01", NULL, false },
	{ BASE, "https://base.example:99999/", NULL, false },
	{ BASE, "https://base.example:0/", NULL, false },
	{ BASE, "https://base.example:-1/", NULL, false },
	{ BASE, "https://base.example:443x/", NULL, false },
	{ BASE, "https://base.example:443:443/", NULL, false },
	{ BASE, "https://base.example|x/", NULL, false },
	{ BASE, "https://base.example;x/", NULL, false },
	{ BASE, "https://base.example,evil.example/", NULL, false },
	{ BASE, "https://*.example/", NULL, false },
	{ BASE, "https://a_b-c.example/", "https://a_b-c.example/", false },

	/* other schemes */
	{ BASE, "file:///etc/passwd", NULL, false },
	{ BASE, "FILE:///etc/passwd", NULL, false },
	{ BASE, "file:/etc/passwd", NULL, false },
	{ BASE, "file://base.example/x", NULL, false },
	{ BASE, "ftp://base.example/x", NULL, false },
	{ BASE, "gopher://base.example:443/x", NULL, false },
	{ BASE, "scp://base.example/x", NULL, false },
	{ BASE, "dict://base.example:11211/stats", NULL, false },
	{ BASE, "wss://base.example/x", NULL, false },
	{ BASE, "data:text/plain,x", NULL, false },
	{ BASE, "javascript:alert(1)", NULL, false },
	{ BASE, "mailto:bob@base.example", NULL, false },
	{ BASE, "httpx://base.example/", NULL, false },
	{ BASE, "x:y", NULL, false },

	/* numeric addresses: one form for all */
	{ "https://127.0.0.1", "https://127.0.0.1/x", "https://127.0.0.1/x", true },
	{ "https://127.0.0.1", "https://2130706433/x", "https://127.0.0.1/x", true },
	{ "https://127.0.0.1", "https://0x7f.1/x", "https://127.0.0.1/x", true },
	{ "https://127.0.0.1", "https://127.1/x", "https://127.0.0.1/x", true },
	{ "https://127.0.0.1", "https://0177.0.0.1/x", "https://127.0.0.1/x", true },
	{ "https://127.0.0.1", "https://127.0.0.2/x", "https://127.0.0.2/x", false },
	{ "https://127.0.0.1", "https://localhost/x", "https://localhost/x", false },
	{ "https://[::1]", "https://[::1]/x", "https://[::1]/x", true },
	{ "https://[::1]", "https://[0:0:0:0:0:0:0:1]/x", "https://[::1]/x", true },
	{ "https://[::1]:8443", "https://[0::1]:8443/x", "https://[::1]:8443/x", true },
	{ "https://[2001:db8::a]", "https://[2001:DB8:0::A]/x", "https://[2001:db8::a]/x", true },
	{ "https://[::1]", "https://[::2]/x", "https://[::2]/x", false },
	{ "https://127.0.0.1", "https://[::ffff:127.0.0.1]/x", "https://[::ffff:127.0.0.1]/x", false },
	{ "https://[::1]", "https://[::1%25lo]/x", NULL, false },
	{ "https://[fe80::1]", "https://[fe80::1%25eth0]/x", NULL, false },
	{ "https://[::1]", "https://[::1/x", NULL, false },
	{ "https://[::1]", "https://[::1]evil.example/x", NULL, false },
	{ "https://[::1]", "https://::1/x", NULL, false },
	{ BASE, "https://[base.example]/x", NULL, false },

	/* international names: only in ASCII form */
	{ "https://xn--bcher-kva.example", "https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x", true },
	{ "https://xn--bcher-kva.example", "https://XN--BCHER-KVA.example/x", "https://xn--bcher-kva.example/x", true },
	{ BASE, "https://b\xc3\xa4se.example/x", NULL, false },
	{ BASE,
		"https://base\xe3\x80\x82"
		"example/x",
		NULL, false }, /* an ideographic full stop */
	{ BASE,
		"https://\xef\xbd\x82"
		"ase.example/x",
		NULL, false }, /* a full-width b */
	{ BASE, "https://base.example\xff/x", NULL, false },
	{ BASE, "https://base.example%C3%A4/x", NULL, false },
};

static void check(const struct link_case *c)
{
	struct err err = ERR_INIT;
	char *url = NULL;
	bool same = false;
	enum status status = http_resolve(c->base, c->link, &url, &same, &err);
	char what[512];

	snprintf(what, sizeof(what), "%s + '%s'", c->base, c->link);
	for (char *p = what; *p; p++) {
		if (*p == '\r' || *p == '\n')
			*p = ' ';
	}
	if (!c->url) {
		if (!tap_ok(status == ST_DATA && !url && err.text[0], what))
			printf("# status %d, %s\n", status, url ? url : err.text);
	} else if (!tap_ok(status == ST_OK && url && !strcmp(url, c->url) && same == c->same, what)) {
		printf("# status %d, %s, %s origin; %s\n", status, url ? url : "-", same ? "same" : "other", err.text);
	}
	free(url);
}

static void check_lengths(void)
{
	char link[HTTP_URL_MAX + 2];
	char *url = NULL;
	bool same;
	struct err err;

	memset(link, 'a', sizeof(link));
	link[0] = '/';
	link[HTTP_URL_MAX + 1] = '\0';
	tap_int(http_resolve(BASE, link, &url, &same, &err), ST_DATA, "a link that is one too long");
	link[HTTP_URL_MAX] = '\0';
	tap_int(http_resolve(BASE, link, &url, &same, &err), ST_OK, "one at the limit");
	free(url);
}

static void check_sentence(const char *link, const char *wanted)
{
	struct err err = ERR_INIT;
	char *url = NULL;
	bool same;

	tap_int(http_resolve(BASE, link, &url, &same, &err), ST_DATA, link);
	tap_str(err.text, wanted, "the error has no secret");
}

int main(void)
{
	size_t refused = 0, count = sizeof(cases) / sizeof(cases[0]);

	for (size_t i = 0; i < count; i++) {
		check(&cases[i]);
		refused += !cases[i].url;
	}
	check_lengths();
	check_sentence("ftp://h/?access_token=s3cret",
		"invalid link 'ftp://h/?access_token=***': expected https or http");
	check_sentence("https:/h?token=s3cret", "invalid link 'https:/h?token=***': missing host");
	check_sentence("/x?token=s3 cret#y", "invalid link '/x?token=***#y': it contains an invalid character");
	check_sentence("https://user:s3cret@h/?a=b", "invalid link 'https://***@h/?a=***': it contains a user name");
	printf("# %zu links: %zu refused\n", count, refused);
	tap_cases("origins");
	return tap_done();
}
