/*
 * url.c - resolves links from messages, with the parser that will be used for the request.
 */
#include "http/http-int.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define FLAGS (CURLU_DISALLOW_USER | CURLU_DEFAULT_PORT)

struct url_origin {
	char *scheme, *host, *port; /* libcurl's memory */
};

static void origin_release(struct url_origin *origin)
{
	curl_free(origin->scheme);
	curl_free(origin->host);
	curl_free(origin->port);
}

/* A query may hold a token: "invalid link 'https://h/p?t=***': WHY". */
static enum status refuse(const char *link, const char *why, struct err *err)
{
	struct buf shown;
	enum status status;

	buf_init(&shown, BUF_NO_MAX);
	url_add_shown(&shown, link, strlen(link));
	status = err_set(err, ST_DATA, "invalid link '%s': %s", shown.data, why);
	buf_release(&shown);
	return status;
}

/*
 * Rejects links that parsers disagree about: white space and control characters (ignored by browsers), backslashes
 * (slashes in browsers), a scheme without exactly two slashes after it.
 */
static enum status check_link(const char *link, struct err *err)
{
	size_t scheme = strspn(link, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	const char *p;

	if (!link[0])
		return err_set(err, ST_DATA, "empty link");
	if (strlen(link) > HTTP_URL_MAX)
		return err_set(err, ST_DATA, "link is longer than %zu characters", HTTP_URL_MAX);
	for (p = link; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\')
			return refuse(link, "it contains an invalid character", err);
	}
	p = link;
	if (link[scheme] != ':') {
		if (!str_starts_with(link, "//"))
			return ST_OK; /* relative to the base */
	} else if (!(scheme == 5 && !strncasecmp(link, "https", 5)) &&
		!(scheme == 4 && !strncasecmp(link, "http", 4))) {
		return refuse(link, "expected https or http", err);
	} else {
		p = link + scheme + 1;
	}
	if (!str_starts_with(p, "//") || p[2] == '/')
		return refuse(link, "missing host", err);
	return ST_OK;
}

/*
 * Normalises the host: lower-case, no trailing dot; libcurl has decoded it and normalised addresses. International
 * names must be in ASCII form ("xn--..."), as in the base URL. False if it is missing or invalid.
 */
static bool normalise_host(CURLU *url)
{
	static const char *const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	char *host = NULL;
	size_t len;
	bool good;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0))
		return false;
	len = strlen(host);
	if (len && host[len - 1] == '.')
		host[--len] = '\0';
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	/* libcurl has parsed an address in brackets */
	good = len && host[len - 1] != '.' && (host[0] == '[' || strspn(host, allowed) == len) &&
		!curl_url_set(url, CURLUPART_HOST, host, 0);
	curl_free(host);
	return good;
}

static bool origin_get(CURLU *url, struct url_origin *origin)
{
	char *extra = NULL;
	bool clean;

	/* Checked again in spite of the parser's flags. A zone ("[fe80::1%25eth0]") is meaningless to others. */
	clean = curl_url_get(url, CURLUPART_USER, &extra, 0) != CURLUE_OK;
	clean = clean && curl_url_get(url, CURLUPART_PASSWORD, &extra, 0) != CURLUE_OK;
	clean = clean && curl_url_get(url, CURLUPART_ZONEID, &extra, 0) != CURLUE_OK;
	curl_free(extra);
	return clean && normalise_host(url) && !curl_url_get(url, CURLUPART_SCHEME, &origin->scheme, 0) &&
		!curl_url_get(url, CURLUPART_HOST, &origin->host, 0) &&
		!curl_url_get(url, CURLUPART_PORT, &origin->port, CURLU_DEFAULT_PORT) &&
		strcmp(origin->port, "0") != 0 && (!strcmp(origin->scheme, "https") || !strcmp(origin->scheme, "http"));
}

enum status http_resolve(const char *base, const char *link, char **url, bool *same_origin, struct err *err)
{
	enum status status = http_load(err);
	struct url_origin ours = { 0 }, theirs = { 0 };
	CURLU *parts = NULL;
	char *text = NULL;
	CURLUcode code;

	if (status == ST_OK)
		status = check_link(link, err);
	if (status != ST_OK)
		return status;
	parts = curl_url();
	if (!parts) {
		status = err_set(err, ST_INTERNAL, "out of memory");
		goto out;
	}
	if (curl_url_set(parts, CURLUPART_URL, base, FLAGS) || !origin_get(parts, &ours)) {
		status = err_set(err, ST_CONFIG, "invalid base URL '%s'", base);
		goto out;
	}
	code = curl_url_set(parts, CURLUPART_URL, link, FLAGS);
	if (code || !origin_get(parts, &theirs) || curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) ||
		curl_url_get(parts, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT)) {
		status = refuse(link, code == CURLUE_USER_NOT_ALLOWED ? "it contains a user name" : "malformed URL",
			err);
		goto out;
	}
	*same_origin = !strcmp(ours.scheme, theirs.scheme) && !strcmp(ours.host, theirs.host) &&
		!strcmp(ours.port, theirs.port);
	*url = xstrdup(text);
out:
	curl_free(text);
	origin_release(&ours);
	origin_release(&theirs);
	curl_url_cleanup(parts);
	return status;
}
