/*
 * proxy.c - which proxy a host is reached through: libcurl's rules, for the WebSocket and for error sentences.
 *
 * Told after lib/url.c (detect_proxy) and lib/noproxy.c of curl 7.88. HTTP_PROXY in capitals is not read: in a CGI
 * program, a stranger sets it by a "Proxy:" header.
 */
#include "http/http-int.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
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

/* True if the first `bits` bits (0: all) of two addresses are the same. `token` reads ADDRESS[/BITS]. */
static bool address_matches(int family, const char *host, const char *token)
{
	unsigned char a[16], b[16];
	size_t size = family == AF_INET ? 4 : 16, whole;
	char network[INET6_ADDRSTRLEN];
	size_t len = strcspn(token, "/");
	int64_t bits = 0;

	if (len >= sizeof(network) || (token[len] && !parse_int64(token + len + 1, &bits)))
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

/* "example.com" and ".example.com" both stand for the domain and everything under it. */
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

static bool excepted(const char *host, const char *list)
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

/* SCHEME://[USER:PASSWORD@]HOST:PORT with curl's defaults (http, 1080); NULL if it cannot be read. */
static char *normalise(const char *proxy)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *text = NULL, *out = NULL;

	if (!parts || curl_url_set(parts, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME))
		goto out;
	/* a guess by the name ("ftp.example") is not wanted: http it is, unless something else was said */
	if (!strstr(proxy, "://"))
		curl_url_set(parts, CURLUPART_SCHEME, "http", 0);
	curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	if (curl_url_get(parts, CURLUPART_PORT, &text, 0))
		curl_url_set(parts, CURLUPART_PORT, scheme && !strcmp(scheme, "https") ? "443" : "1080", 0);
	curl_free(text);
	text = NULL;
	curl_url_set(parts, CURLUPART_PATH, NULL, 0);
	curl_url_set(parts, CURLUPART_QUERY, NULL, 0);
	curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
	if (!curl_url_get(parts, CURLUPART_URL, &text, CURLU_NON_SUPPORT_SCHEME)) {
		out = xstrdup(text);
		if (ends_with(out, "/"))
			out[strlen(out) - 1] = '\0';
		explicit_bzero(text, strlen(text));
	}
out:
	curl_free(scheme);
	curl_free(text);
	curl_url_cleanup(parts);
	return out;
}

static const char *const for_tls[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
static const char *const for_plain[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };

bool proxy_is_possible(const char *proxy_option)
{
	if (proxy_option)
		return proxy_option[0];
	return first_set(for_tls) || first_set(for_plain);
}

char *http_proxy_for(const char *proxy_option, bool tls, const char *host, uint16_t port)
{
	static const char *const exceptions[] = { "no_proxy", "NO_PROXY", NULL };
	const char *proxy = proxy_option ? proxy_option : first_set(tls ? for_tls : for_plain);
	const char *except = first_set(exceptions);

	(void)port; /* no rule of curl's looks at it */
	if (!proxy || !proxy[0] || (except && excepted(host, except)) || http_load(NULL) != ST_OK)
		return NULL;
	return normalise(proxy);
}
