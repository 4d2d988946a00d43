/* Selection of the proxy by curl's rules. */
#include "http/http.h"

#include "../lib/tap.h"

#include <stdlib.h>

static const char *const variables[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
	"ALL_PROXY", "no_proxy", "NO_PROXY" };

struct proxy_case {
	const char *environment[2][2]; /* name, value */
	const char *option;
	bool tls;
	const char *host;
	const char *wanted;
};

#define P "http://p:3128"

static const struct proxy_case cases[] = {
	{ { { NULL } }, NULL, true, "h.example", NULL }, { { { NULL } }, "", true, "h.example", NULL },
	{ { { NULL } }, "http://p:3128", true, "h.example", P },
	{ { { NULL } }, "http://p:3128/", true, "h.example", P }, { { { NULL } }, "p:3128", true, "h.example", P },
	{ { { NULL } }, "p", true, "h.example", "http://p:1080" },
	{ { { NULL } }, "http://p", true, "h.example", "http://p:1080" },
	{ { { NULL } }, "https://p", true, "h.example", "https://p:443" },
	{ { { NULL } }, "ftp.p:3128", true, "h.example", "http://ftp.p:3128" },
	{ { { NULL } }, "socks5h://p:1081", true, "h.example", "socks5h://p:1081" },
	{ { { NULL } }, "http://[::1]:3128", true, "h.example", "http://[::1]:3128" },
	{ { { NULL } }, "http://u:pw@p:3128", true, "h.example", "http://u:pw@p:3128" },
	{ { { NULL } }, "http://p:99999", true, "h.example", NULL },
	{ { { NULL } }, "http://p:0", true, "h.example", NULL },
	{ { { NULL } }, "http://p:12x", true, "h.example", NULL },
	{ { { NULL } }, "http://p:", true, "h.example", "http://p:1080" },
	{ { { NULL } }, "http://:3128", true, "h.example", NULL }, { { { NULL } }, "http://", true, "h.example", NULL },
	{ { { NULL } }, "://p", true, "h.example", NULL }, { { { NULL } }, "http://[::1", true, "h.example", NULL },
	{ { { NULL } }, "http://[::1]x:1", true, "h.example", NULL },
	{ { { NULL } }, "[::1]", true, "h.example", "http://[::1]:1080" },
	{ { { NULL } }, "http://a b:1", true, "h.example", NULL },
	{ { { NULL } }, "http://u:p@w@p:1/path?query", true, "h.example", "http://u:p@w@p:1" },
	{ { { NULL } }, "HTTP://p:3128", true, "h.example", P },
	{ { { NULL } }, "http://p:3128#x", true, "h.example", P },

	{ { { "https_proxy", P } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P } }, "", true, "h.example", NULL },
	{ { { "https_proxy", P } }, "http://q:1", true, "h.example", "http://q:1" },
	{ { { "https_proxy", P } }, NULL, false, "h.example", NULL },
	{ { { "HTTPS_PROXY", P } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "HTTPS_PROXY", "http://q:1" } }, NULL, true, "h.example", P },
	{ { { "http_proxy", P } }, NULL, false, "h.example", P },
	{ { { "HTTP_PROXY", P } }, NULL, false, "h.example", NULL }, /* set by a client in a CGI program */
	{ { { "http_proxy", P } }, NULL, true, "h.example", NULL },
	{ { { "all_proxy", P } }, NULL, true, "h.example", P }, { { { "ALL_PROXY", P } }, NULL, false, "h.example", P },
	{ { { "all_proxy", "http://q:1" }, { "https_proxy", P } }, NULL, true, "h.example", P },

	{ { { "https_proxy", P }, { "no_proxy", "*" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "h.example" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "NO_PROXY", "h.example" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "" } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "no_proxy", "example" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", ".example" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "EXAMPLE." } }, NULL, true, "h.example.", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "xample" } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "no_proxy", "sub.h.example" } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "no_proxy", "a, b,h.example ,c" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "a b\th.example" } }, NULL, true, "h.example", NULL },
	{ { { "https_proxy", P }, { "no_proxy", ",,," } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "no_proxy", "." } }, NULL, true, "h.example", P },
	{ { { "https_proxy", P }, { "no_proxy", "localhost" } }, NULL, true, "localhost", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "localhost" } }, NULL, true, "127.0.0.1", P },
	{ { { "https_proxy", P }, { "no_proxy", "127.0.0.1" } }, NULL, true, "127.0.0.1", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "127.0.0.0/8" } }, NULL, true, "127.1.2.3", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "127.0.0.0/8" } }, NULL, true, "128.0.0.1", P },
	{ { { "https_proxy", P }, { "no_proxy", "10.1.128.0/17" } }, NULL, true, "10.1.200.1", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "10.1.128.0/17" } }, NULL, true, "10.1.100.1", P },
	{ { { "https_proxy", P }, { "no_proxy", "10.0.0.0/33" } }, NULL, true, "10.0.0.0", P },
	{ { { "https_proxy", P }, { "no_proxy", "10.0.0.0/x" } }, NULL, true, "10.0.0.0", P },
	{ { { "https_proxy", P }, { "no_proxy", "::1" } }, NULL, true, "::1", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "0:0::1" } }, NULL, true, "::1", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "2001:db8::/32" } }, NULL, true, "2001:db8:1::1", NULL },
	{ { { "https_proxy", P }, { "no_proxy", "2001:db8::/32" } }, NULL, true, "2001:db9::1", P },
	{ { { "no_proxy", "h.example" } }, P, true, "h.example", NULL }, /* also against --proxy */
};

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct proxy_case *c = &cases[i];
		char what[160], *proxy;

		for (size_t v = 0; v < sizeof(variables) / sizeof(variables[0]); v++)
			unsetenv(variables[v]);
		for (size_t e = 0; e < 2 && c->environment[e][0]; e++)
			setenv(c->environment[e][0], c->environment[e][1], 1);
		snprintf(what, sizeof(what), "%s=%s %s=%s, --proxy %s, %s",
			c->environment[0][0] ? c->environment[0][0] : "",
			c->environment[0][1] ? c->environment[0][1] : "",
			c->environment[1][0] ? c->environment[1][0] : "",
			c->environment[1][1] ? c->environment[1][1] : "", c->option ? c->option : "-", c->host);
		proxy = http_proxy_for(c->option, c->tls, c->host);
		tap_str(proxy, c->wanted, what);
		free(proxy);
	}
	return tap_done();
}
