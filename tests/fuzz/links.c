/*
 * Which links may be downloaded, and which with the token; the second line is a redirect from the first one. Also
 * Content-Range.
 */
#include "wire/link.h"

#include "wire/range.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

static struct link_rules rules;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const hosts[] = { "files.example.com", "127.0.0.1:81" };
	struct url base;
	struct err err;

	(void)argc;
	(void)argv;
	MUST(!url_parse_base(&base, "https://cpaas.example.com:8443", &err));
	MUST(!link_rules_init(&rules, &base, hosts, 2, &err));
	return 0;
}

static bool begins_with_origin(const char *url, const char *origin)
{
	size_t len = strlen(origin);

	return !strncasecmp(url, origin, len) && (!url[len] || strchr("/?#", url[len]));
}

static void check(const char *from, const char *link, char **url)
{
	bool own = false;
	struct err err;
	char *shown;

	*url = NULL;
	if (link_check(&rules, from, link, url, &own, &err)) {
		MUST(err.text[0]);
		return;
	}
	if (own)
		MUST(begins_with_origin(*url, "https://cpaas.example.com:8443"));
	else
		MUST(begins_with_origin(*url, "https://files.example.com") ||
			begins_with_origin(*url, "https://files.example.com:443") ||
			begins_with_origin(*url, "https://127.0.0.1:81"));
	shown = link_shown(*url);
	MUST(!strpbrk(shown, "?#"));
	free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *second = strchr(text, '\n'), *url, *other = NULL;
	struct content_range range;

	if (second)
		*second++ = '\0';
	check(NULL, text, &url);
	if (url && second)
		check(url, second, &other);
	if (range_parse(text, &range))
		MUST(range.first <= range.last && (range.total == -1 || range.last < range.total));
	free(other);
	free(url);
	free(text);
	return 0;
}
