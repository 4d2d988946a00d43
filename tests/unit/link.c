/* Which links may be downloaded, and which with the token. */
#include "wire/link.h"

#include "tests/lib/tap.h"

#include <stdlib.h>

enum verdict { OWN, FOREIGN, REFUSED };

struct origin_case {
	const char *from; /* NULL: the link of a message; else a redirect from there */
	const char *link;
	enum verdict verdict;
};

#define BASE "https://api.example.com"

/* Without --allow-host. */
static const struct origin_case strict[] = {
	/* the same origin, written in different ways */
	{ NULL, "/cpaas/nms/x/payload", OWN },
	{ NULL, "cpaas/x", OWN },
	{ NULL, "?x=1", OWN },
	{ NULL, BASE "/x", OWN },
	{ NULL, BASE ":443/x", OWN },
	{ NULL, "HTTPS://API.EXAMPLE.COM/x", OWN },
	{ NULL, "https://api.example.com./x", OWN },
	{ NULL, BASE "/x?to=https://evil.example/", OWN },
	{ NULL, BASE "/x#@evil.example", OWN },
	{ NULL, BASE "/@evil.example/", OWN },
	{ NULL, BASE "/a/../../b", OWN },
	{ NULL, "https://api%2eexample.com/x", OWN },
	{ BASE "/a/b", "../c", OWN },
	{ BASE "/a/b", "/c", OWN },
	{ BASE "/a", "//api.example.com/x", OWN },
	/* other hosts */
	{ NULL, "https://evil.example/x", REFUSED },
	{ NULL, "https://api.example.com.evil.example/x", REFUSED },
	{ NULL, "https://api.example.co/x", REFUSED },
	{ NULL, "https://example.com/x", REFUSED },
	{ NULL, "https://xapi.example.com/x", REFUSED },
	{ NULL, "https://api.example.com%00.evil.example/x", REFUSED },
	{ NULL, "https://api.example.com%2f.evil.example/x", REFUSED },
	{ NULL, "//evil.example/x", REFUSED },
	{ NULL, "https://127.0.0.1/x", REFUSED },
	{ NULL, "https://[::1]/x", REFUSED },
	{ NULL, "https://[::ffff:127.0.0.1]/x", REFUSED },
	{ NULL, "https://2130706433/x", REFUSED },
	{ NULL, "https://0x7f.1/x", REFUSED },
	{ NULL, "https://localhost/x", REFUSED },
	{ NULL,
		"https://api.example.com\xe3\x80\x82"
		"evil.example/x",
		REFUSED },
	{ NULL, "https://\xd0\xb0pi.example.com/x", REFUSED }, /* Cyrillic a */
	{ NULL, "https://xn--pi-7kc.example.com/x", REFUSED },
	{ NULL, "https://api.example.com\xc2\xad/x", REFUSED }, /* a soft hyphen, which IDN removes */
	/* other ports, other schemes */
	{ NULL, BASE ":444/x", REFUSED },
	{ NULL, BASE ":80/x", REFUSED },
	{ NULL, BASE ":0/x", REFUSED },
	{ NULL, BASE ":99999/x", REFUSED },
	{ NULL, BASE ":-443/x", REFUSED },
	{ NULL, "http://api.example.com/x", REFUSED },
	{ NULL, "http://api.example.com:443/x", REFUSED },
	{ NULL, "ftp://api.example.com/x", REFUSED },
	{ NULL, "file:///etc/passwd", REFUSED },
	{ NULL, "FILE:/etc/passwd", REFUSED },
	{ NULL, "gopher://api.example.com/x", REFUSED },
	{ NULL, "data:text/plain,x", REFUSED },
	{ NULL, "javascript:alert(1)", REFUSED },
	{ NULL, "ws://api.example.com/x", REFUSED },
	{ NULL, "wss://api.example.com/x", REFUSED },
	{ NULL, "dict://api.example.com:11211/x", REFUSED },
	{ NULL, "unix:/run/x", REFUSED },
	/* user information */
	{ NULL, "https://api.example.com@evil.example/x", REFUSED },
	{ NULL, "https://user:pass@api.example.com/x", REFUSED },
	{ NULL, "https://@api.example.com/x", REFUSED },
	{ NULL, "https://api.example.com:443@evil.example/x", REFUSED },
	{ NULL, "https://evil.example@api.example.com/x", REFUSED },
	{ NULL, "https://api.example.com%40evil.example/x", REFUSED },
	/* URLs that parsers disagree on */
	{ NULL, "https://api.example.com\\@evil.example/x", REFUSED },
	{ NULL, "https:\\\\evil.example\\x", REFUSED },
	{ NULL, "\\\\evil.example\\x", REFUSED },
	{ NULL, "/\\evil.example/x", REFUSED },
	{ NULL, "https:evil.example/x", REFUSED },
	{ NULL, "https:/evil.example/x", REFUSED },
	{ NULL, "https:///evil.example/x", REFUSED },
	{ NULL, "https:////evil.example/x", REFUSED },
	{ NULL, "///evil.example/x", REFUSED },
	{ NULL, " https://evil.example/x", REFUSED },
	{ NULL, "https://api.example.com /x", REFUSED },
	{ NULL, "https://api.example.com\t.evil.example/x", REFUSED },
	{ NULL, "https://api.example.com/x\r\nHost: evil.example", REFUSED },
	{ NULL, "ht\ntps://api.example.com/x", REFUSED },
	{ NULL, "https://evil.example#@api.example.com/x", REFUSED },
	{ NULL, "https://evil.example?@api.example.com/x", REFUSED },
	{ NULL, "https://evil.example;@api.example.com/x", REFUSED },
	{ NULL, "https://", REFUSED },
	{ NULL, "", REFUSED },
	{ NULL, "https://.../x", REFUSED },
	{ NULL, "https://[::1/x", REFUSED },
	{ NULL, "https://[fe80::1%25eth0]/x", REFUSED },
	/* redirects: the target counts, not the source */
	{ BASE "/x", "https://evil.example/x", REFUSED },
	{ BASE "/x", "http://api.example.com/x", REFUSED },
	{ BASE "/x", "//evil.example", REFUSED },
	{ BASE "/x", "https://api.example.com:8443/", REFUSED },
	{ BASE "/x", "file:///etc/passwd", REFUSED },
	{ "https://evil.example/x", "/y", REFUSED },
};

/* --allow-host files.example.com, cdn.example.net:8443, [2001:db8::1] */
static const struct origin_case allowed[] = {
	{ NULL, "https://files.example.com/x", FOREIGN },
	{ NULL, "https://FILES.example.com.:443/x", FOREIGN },
	{ NULL, "https://files.example.com:444/x", REFUSED },
	{ NULL, "http://files.example.com/x", REFUSED },
	{ NULL, "https://sub.files.example.com/x", REFUSED },
	{ NULL, "https://files.example.com@evil.example/x", REFUSED },
	{ NULL, "https://evil.example/files.example.com", REFUSED },
	{ NULL, "https://cdn.example.net:8443/x", FOREIGN },
	{ NULL, "https://cdn.example.net/x", REFUSED },
	{ NULL, "https://[2001:db8::1]/x", FOREIGN },
	{ NULL, "https://[2001:DB8:0:0::1]:443/x", FOREIGN },
	{ NULL, "https://[2001:db8::2]/x", REFUSED },
	{ NULL, BASE "/x", OWN },
	{ BASE "/x", "https://files.example.com/x", FOREIGN },
	{ "https://files.example.com/x", "/y", FOREIGN },
	{ "https://files.example.com/x", BASE "/y", OWN },
	{ "https://files.example.com/x", "https://evil.example/", REFUSED },
};

/* The same with a service on plain http, as the sandbox may be: http://127.0.0.1:8080 */
static const struct origin_case plain[] = {
	{ NULL, "/x", OWN },
	{ NULL, "http://127.0.0.1:8080/x", OWN },
	{ NULL, "http://0x7f.0.0.1:8080/x", OWN },
	{ NULL, "http://127.1:8080/x", OWN },
	{ NULL, "http://localhost:8080/x", REFUSED },
	{ NULL, "http://127.0.0.1/x", REFUSED },
	{ NULL, "https://127.0.0.1:8080/x", REFUSED },
	{ NULL, "http://files.example.com/x", FOREIGN },
	{ NULL, "https://files.example.com/x", FOREIGN },
	{ NULL, "http://cdn.example.net:8443/x", FOREIGN },
	{ NULL, "http://[::ffff:127.0.0.1]:8080/x", REFUSED },
};

static const char *const hosts[] = { "files.example.com", "cdn.example.net:8443", "[2001:db8::1]" };

static enum verdict judge(const struct link_rules *rules, const struct origin_case *c)
{
	struct err err = ERR_INIT;
	enum status st;
	char *url = NULL;
	bool own = false;

	st = link_check(rules, c->from, c->link, &url, &own, &err);
	free(url);
	if (st && (st != ST_DATA || !err.text[0]))
		tap_ok(false, "a refusal is bad data with a reason");
	if (st)
		return REFUSED;
	return own ? OWN : FOREIGN;
}

static void table(const char *name, const char *base, const struct origin_case *cases, size_t count, size_t host_count)
{
	static const char *const verdicts[] = { "own", "foreign", "refused" };
	struct link_rules rules;
	struct err err = ERR_INIT;
	struct url url;

	if (url_parse_base(&url, base, &err) || link_rules_init(&rules, &url, hosts, host_count, &err)) {
		tap_ok(false, err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char what[200];

		snprintf(what, sizeof(what), "%s: %s%s%.100s", name, cases[i].from ? cases[i].from : "",
			cases[i].from ? " -> " : "", cases[i].link);
		what[strcspn(what, "\r\n")] = '\0';
		tap_str(verdicts[judge(&rules, &cases[i])], verdicts[cases[i].verdict], what);
	}
	printf("# origins, %s: %zu cases\n", name, count);
	link_rules_release(&rules);
}

static void bad_hosts(void)
{
	static const char *const bad[] = { "", "http://x", "x/", "x/y", "u@x", "x:0", "x:y", "-x", "a b", "[::1" };
	struct link_rules rules;
	struct err err = ERR_INIT;
	struct url url;
	size_t refused = 0;

	if (url_parse_base(&url, BASE, &err))
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused += link_rules_init(&rules, &url, &bad[i], 1, &err) == ST_USAGE;
	tap_int((intmax_t)refused, sizeof(bad) / sizeof(*bad), "hosts to allow that are none");
}

static void shown(void)
{
	char *s = link_shown("https://h/x?access_token=secret#y");

	tap_str(s, "https://h/x", "a query is not shown");
	free(s);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

int main(void)
{
	table("strict", BASE, strict, COUNT(strict), 0);
	table("allowed", BASE, allowed, COUNT(allowed), COUNT(hosts));
	table("plain", "http://127.0.0.1:8080", plain, COUNT(plain), COUNT(hosts));
	bad_hosts();
	shown();
	tap_cases("origins");
	return tap_done();
}
