/*
 * proxy.c - selects the proxy for a host by libcurl's rules, for the WebSocket and for error messages.
 *
 * Follows lib/url.c (detect_proxy) and lib/noproxy.c of curl 7.88. HTTP_PROXY in upper case is ignored: in a CGI
 * program, a client can set it with a "Proxy:" header.
 */
#include "http/http-int.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *first_set(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value && value[0])
			return value;
	}
	return NULL;
}

/* True if `host` is in the network `token`, ADDRESS[/BITS]; 0 bits means all. */
static bool address_matches(int family, const char *host, const char *token)
{
	unsigned char a[16], b[16];
	size_t size = family == AF_INET ? 4 : 16, whole;
	char network[INET6_ADDRSTRLEN];
	size_t len = strcspn(token, "/");
	int64_t bits = 0;

	if (len >= sizeof(network) || (token[len] && !str_parse_int64(token + len + 1, &bits)))
		return false;
	memcpy(network, token, len);
	network[len] = '\0';
	if (inet_pton(family, host, a) != 1 || inet_pton(family, network, b) != 1)
		return false;
	if (!bits)
		bits = (int64_t)size * 8;
	if (bits < 0 || bits > (int64_t)size * 8)
		return false;
	whole = (size_t)bits / 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return !(bits % 8) || !((a[whole] ^ b[whole]) & (0xff << (8 - bits % 8)));
}

/* "example.com" and ".example.com" both match the domain and its subdomains. */
static bool name_matches(const char *host, const char *token)
{
	size_t host_len = strlen(host), len;

	token += token[0] == '.';
	len = strlen(token);
	if (len && token[len - 1] == '.')
		len--;
	if (host_len && host[host_len - 1] == '.')
		host_len--;
	if (!len || len > host_len || strncasecmp(host + host_len - len, token, len) != 0)
		return false;
	return len == host_len || host[host_len - len - 1] == '.';
}

static bool is_excepted(const char *host, const char *list)
{
	unsigned char address[16];
	int family = inet_pton(AF_INET, host, address) == 1 ? AF_INET
		: inet_pton(AF_INET6, host, address) == 1   ? AF_INET6
							    : 0;
	char *copy, *rest, *token;
	bool match = false;

	if (!strcmp(list, "*"))
		return true;
	copy = xstrdup(list);
	for (token = strtok_r(copy, ", \t", &rest); token && !match; token = strtok_r(NULL, ", \t", &rest))
		match = family ? address_matches(family, host, token) : name_matches(host, token);
	free(copy);
	return match;
}

/* Splits "HOST[:PORT]" or "[ADDRESS][:PORT]"; the port may be empty. False if malformed. */
static bool split_host(const char *s, size_t len, size_t *host_len, const char **port, size_t *port_len)
{
	const char *close = *s == '[' ? memchr(s, ']', len) : s;

	if (!close)
		return false;
	*host_len = (size_t)(close - s) + strcspn(close, ":");
	if (*host_len > len)
		*host_len = len;
	*port = s + *host_len + (*host_len < len);
	*port_len = (size_t)(s + len - *port);
	return *host_len && (*s != '[' || s[*host_len - 1] == ']');
}

/*
 * SCHEME://[USER:PASSWORD@]HOST:PORT with curl's defaults (http, 1080); NULL if malformed. Does not use libcurl, which
 * a listener does not load.
 */
static char *normalise(const char *proxy)
{
	const char *colon = strstr(proxy, "://"), *at, *host, *port;
	size_t scheme_len = colon ? (size_t)(colon - proxy) : 0, len, user_len = 0, host_len, port_len;
	const char *scheme = colon ? proxy : "http";
	char digits[8] = "", *out;
	int64_t number;

	if (!colon)
		scheme_len = strlen(scheme);
	host = colon ? colon + 3 : proxy;
	len = strcspn(host, "/?#");
	if ((at = memrchr(host, '@', len)))
		user_len = (size_t)(at + 1 - host);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)host[i] <= ' ' || host[i] == 0x7f)
			return NULL;
	}
	if (!scheme_len || !split_host(host + user_len, len - user_len, &host_len, &port, &port_len) ||
		port_len >= sizeof(digits))
		return NULL;
	number = scheme_len == 5 && !strncasecmp(scheme, "https", 5) ? 443 : 1080;
	memcpy(digits, port, port_len);
	if (port_len && (strspn(digits, "0123456789") != port_len || !str_parse_int64(digits, &number)))
		return NULL;
	if (number < 1 || number > 65535)
		return NULL;
	out = xasprintf("%.*s://%.*s:%d", (int)scheme_len, scheme, (int)(user_len + host_len), host, (int)number);
	for (size_t i = 0; i < scheme_len; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	return out;
}

static const char *const for_tls[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
static const char *const for_plain[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };

void proxy_redact(const char *proxy_option)
{
	static const char *const *const all[] = { for_tls, for_plain };

	if (proxy_option)
		url_redact(proxy_option);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		for (const char *const *name = all[i]; *name; name++) {
			if (getenv(*name))
				url_redact(getenv(*name));
		}
	}
}

bool proxy_is_possible(const char *proxy_option)
{
	if (proxy_option)
		return proxy_option[0];
	return first_set(for_tls) || first_set(for_plain);
}

char *http_proxy_for(const char *proxy_option, bool tls, const char *host)
{
	static const char *const exceptions[] = { "no_proxy", "NO_PROXY", NULL };
	const char *proxy = proxy_option ? proxy_option : first_set(tls ? for_tls : for_plain);
	const char *except = first_set(exceptions);

	if (!proxy || !proxy[0] || (except && is_excepted(host, except)))
		return NULL;
	return normalise(proxy);
}
