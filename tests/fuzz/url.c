/*
 * The base URL, and links resolved against it: whatever the link says, the token may go along only if
 * libcurl's own parser finds our host, port and scheme in the result.
 */
#include "base/url.h"

#include "http/http.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

static const char base[] = "https://cpaas.example.com:8443";

static void check_base(const char *text)
{
	struct url url, again;
	struct err err;

	if (url_parse_base(&url, text, &err))
		return;
	MUST(url.host[0] && url.port);
	MUST(!url_parse_base(&again, url.origin, &err));
	MUST(!strcmp(again.origin, url.origin) && again.port == url.port && again.tls == url.tls);
	url_is_loopback(&url);
}

static void check_link(const char *link)
{
	bool same = false;
	char *url = NULL;
	struct err err;

	if (http_resolve(base, link, &url, &same, &err))
		return;
	MUST(!strncasecmp(url, "https://", 8) || !strncasecmp(url, "http://", 7));
	if (same) {
		size_t len = sizeof(base) - 1;

		MUST(!strncmp(url, base, len) && (!url[len] || strchr("/?#", url[len])));
	}
	for (const char *p = url; *p; p++)
		MUST((unsigned char)*p > ' ' && *p != 0x7f && *p != '\\');
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_base(text);
	check_link(text);
	free(text);
	return 0;
}
