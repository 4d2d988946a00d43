/*
 * The first line is a proxy, the second the value of no_proxy, the third a host. The result has a scheme, a host and a
 * port, and nothing after it.
 */
#include "http/http.h"
#include "tests/fuzz/fuzz.h"
#include "ws/handshake.h"

enum { PLACE = 8, VALUE_MAX = 4096 };

/* The environment uses these bytes: setenv() would leak a copy of each value. */
static char except[PLACE + 1 + VALUE_MAX + 1] = "no_proxy=";

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return putenv(except);
}

/* The next line of `*text`; "" after the last. */
static char *line(char **text)
{
	char *start = *text;
	char *end = strchr(start, '\n');

	*text = end ? end + 1 : start + strlen(start);
	if (end)
		*end = '\0';
	return start;
}

static void check(const char *found)
{
	const char *scheme = strstr(found, "://");
	const char *host, *port;

	MUST(scheme && scheme > found);
	host = strrchr(scheme + 3, '@');
	host = host ? host + 1 : scheme + 3;
	port = strrchr(host, ':');
	MUST(port && port > host && port[1] && strspn(port + 1, "0123456789") == strlen(port + 1));
	MUST(!strpbrk(host, "/?# \r\n"));
}

/* A CONNECT request has only the lines that we write, whatever the proxy contains. */
static void check_request(const char *proxy)
{
	struct handshake_proxy parsed = { 0 };
	struct err err = ERR_INIT;
	struct url origin;
	struct buf out;
	size_t lines = 0;

	if (!handshake_proxy_parse(&parsed, proxy, &err)) {
		MUST(!url_parse_base(&origin, "https://service.example", &err));
		buf_init(&out, BUF_NO_MAX);
		handshake_connect(&parsed, &origin, &out);
		for (size_t i = 0; i < out.len; i++) {
			MUST((unsigned char)out.data[i] >= ' ' || out.data[i] == '\r' || out.data[i] == '\n');
			lines += out.data[i] == '\n';
		}
		MUST(lines == 3 + (parsed.credentials.s != NULL) && !strcmp(out.data + out.len - 4, "\r\n\r\n"));
		buf_release(&out);
	} else {
		MUST(err.text[0]);
	}
	handshake_proxy_release(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *rest = text;
	const char *proxy = line(&rest), *list = line(&rest), *host = line(&rest);
	char *found;

	snprintf(except + PLACE + 1, VALUE_MAX, "%s", list);
	found = http_proxy_for(proxy, host[0] % 2, host);
	if (found) {
		check(found);
		check_request(found);
	}
	check_request(proxy);
	MUST(!found || (proxy[0] && strcmp(list, "*") != 0));
	free(found);
	free(text);
	return 0;
}
