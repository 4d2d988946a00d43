#include "wire/link.h"

#include "base/mem.h"
#include "http/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum status link_rules_init(struct link_rules *rules, const struct url *base, const char *const *hosts, size_t count,
	struct err *err)
{
	*rules = (struct link_rules){ .base = *base, .allowed = xcalloc(2 * count, sizeof(char *)) };
	for (size_t i = 0; i < count; i++) {
		for (int tls = 1; tls >= (base->tls ? 1 : 0); tls--) {
			char *text = xasprintf("%s://%s", tls ? "https" : "http", hosts[i]);
			enum status st = hosts[i][strcspn(hosts[i], "/@")] ? ST_USAGE : ST_OK;
			struct url url;

			if (!st)
				st = url_parse_base(&url, text, NULL);
			free(text);
			if (st) {
				link_rules_release(rules);
				return err_set(err, ST_USAGE, "invalid --allow-host '%s': expected HOST or HOST:PORT",
					hosts[i]);
			}
			rules->allowed[rules->allowed_count++] = xstrdup(url.origin);
		}
	}
	return ST_OK;
}

void link_rules_release(struct link_rules *rules)
{
	for (size_t i = 0; i < rules->allowed_count; i++)
		free(rules->allowed[i]);
	free(rules->allowed);
	*rules = (struct link_rules){ 0 };
}

char *link_shown(const char *url)
{
	return xmemdup0(url, strcspn(url, "?#"));
}

/* Compares by the parser of the HTTP library, which will also fetch the URL. */
static bool is_allowed(const struct link_rules *rules, const char *url)
{
	for (size_t i = 0; i < rules->allowed_count; i++) {
		struct err ignored = ERR_INIT;
		bool same = false;
		char *again = NULL;

		if (!http_resolve(rules->allowed[i], url, &again, &same, &ignored)) {
			free(again);
			if (same)
				return true;
		}
	}
	return false;
}

static enum status refuse(const char *url, const char *why, struct err *err)
{
	char *shown = link_shown(url);
	enum status st = err_set(err, ST_DATA, "'%s' %s", shown, why);

	free(shown);
	return st;
}

enum status link_check(const struct link_rules *rules, const char *from, const char *link, char **url, bool *own,
	struct err *err)
{
	char *first = NULL, *again = NULL;
	bool ignored;
	enum status st;

	if ((st = http_resolve(from ? from : rules->base.origin, link, &first, &ignored, err)))
		return st;
	/* resolve it once more: the checked URL must be the one that will be fetched */
	if ((st = http_resolve(rules->base.origin, first, &again, own, err)))
		goto out;
	if (rules->base.tls && !strncasecmp(again, "http:", 5))
		st = refuse(again, "uses plain http, but the service uses https", err);
	else if (!*own && !is_allowed(rules, again))
		st = refuse(again, "is not on the service's host; use --allow-host if you trust that host", err);
out:
	free(first);
	if (st)
		free(again);
	else
		*url = again;
	return st;
}
