#include "ws/handshake.h"

#include "base/base64.h"
#include "base/http_date.h"
#include "base/percent.h"
#include "base/random.h"
#include "base/str.h"
#include "base/url.h"
#include "crypto/crypto.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_SENT 8000

/* ---- requests ---------------------------------------------------------------------------------------------------- */

enum status handshake_init(struct handshake *h, struct err *err)
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
	unsigned char nonce[16], digest[20];
	struct buf text;
	enum status st;

	buf_init(&text, 128);
	random_bytes(nonce, sizeof(nonce));
	base64_encode(&text, nonce, sizeof(nonce));
	memcpy(h->key, text.data, sizeof(h->key));
	buf_adds(&text, magic);
	if (!(st = crypto_sha1(text.data, text.len, digest, err))) {
		buf_clear(&text);
		base64_encode(&text, digest, sizeof(digest));
		memcpy(h->accept, text.data, sizeof(h->accept));
	}
	buf_release(&text);
	return st;
}

/* "host[:port]" of the origin. */
static const char *authority(const struct url *url)
{
	return strstr(url->origin, "://") + 3;
}

/* True if the token can be sent in a header. */
static bool is_visible(const struct secret *token)
{
	for (size_t i = 0; i < token->len; i++) {
		if (token->s[i] <= ' ' || token->s[i] > '~')
			return false;
	}
	return true;
}

void handshake_request(const struct handshake *h, const struct url *origin, const char *path,
	const struct secret *token, struct buf *out)
{
	size_t start = out->len, behind_path;

	buf_addf(out, "GET %s", path);
	behind_path = out->len;
	buf_adds(out, strchr(path, '?') ? "&access_token=" : "?access_token=");
	percent_encode(out, token->s, token->len);
	buf_adds(out, " HTTP/1.1\r\n");
	if (out->len - start > LINE_MAX_SENT && is_visible(token)) {
		buf_truncate(out, behind_path);
		buf_adds(out, " HTTP/1.1\r\nAuthorization: Bearer ");
		buf_add(out, token->s, token->len);
		buf_adds(out, "\r\n");
	}
	buf_addf(out,
		"Host: %s\r\nOrigin: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
		authority(origin), origin->origin, h->key);
}

static enum status invalid_proxy(struct err *err)
{
	return err_set(err, ST_CONFIG, "invalid proxy: expected http://[USER:PASSWORD@]HOST:PORT");
}

/* They are percent-encoded in the URL, but not in the header (RFC 7617). */
static enum status set_credentials(struct handshake_proxy *proxy, const char *s, size_t len, struct err *err)
{
	struct buf plain, encoded;
	bool ok;

	buf_init_secret(&plain, 4096);
	buf_init_secret(&encoded, 8192);
	ok = percent_decode(&plain, s, len);
	if (ok && !memchr(s, ':', len))
		buf_addc(&plain, ':');
	ok = ok && base64_encode(&encoded, plain.data, plain.len);
	if (ok)
		secret_set(&proxy->credentials, encoded.data, encoded.len);
	buf_release(&encoded);
	buf_release(&plain);
	return ok ? ST_OK : invalid_proxy(err);
}

enum status handshake_proxy_parse(struct handshake_proxy *proxy, const char *text, struct err *err)
{
	const char *host = strstr(text, "://"), *at;
	char plain[sizeof(proxy->url.origin)];
	enum status st;

	*proxy = (struct handshake_proxy){ 0 };
	if (!host || !str_starts_with(text, "http://"))
		return invalid_proxy(err);
	host += 3;
	if ((at = strrchr(host, '@'))) {
		if ((st = set_credentials(proxy, host, (size_t)(at - host), err)))
			return st;
		host = at + 1;
	}
	if ((size_t)snprintf(plain, sizeof(plain), "http://%s", host) >= sizeof(plain) ||
		url_parse_base(&proxy->url, plain, NULL)) {
		handshake_proxy_release(proxy);
		return invalid_proxy(err);
	}
	snprintf(proxy->name, sizeof(proxy->name), proxy->url.ipv6 ? "[%s]:%u" : "%s:%u", proxy->url.host,
		proxy->url.port);
	return ST_OK;
}

void handshake_proxy_release(struct handshake_proxy *proxy)
{
	secret_release(&proxy->credentials);
}

void handshake_connect(const struct handshake_proxy *proxy, const struct url *origin, struct buf *out)
{
	for (int i = 0; i < 2; i++) {
		buf_adds(out, i ? "Host: " : "CONNECT ");
		buf_addf(out, origin->ipv6 ? "[%s]:%u" : "%s:%u", origin->host, origin->port);
		buf_adds(out, i ? "\r\n" : " HTTP/1.1\r\n");
	}
	if (proxy->credentials.s) {
		buf_adds(out, "Proxy-Authorization: Basic ");
		buf_add(out, proxy->credentials.s, proxy->credentials.len);
		buf_adds(out, "\r\n");
	}
	buf_adds(out, "\r\n");
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

struct text {
	const char *s;
	size_t len;
};

/* The relevant headers. */
struct head {
	int upgrades, accepts; /* number of each */
	struct text upgrade, accept, retry_after;
	bool connection_upgrade;
	bool unwanted; /* an extension or a subprotocol; none was requested */
};

static bool same_text(struct text text, const char *word)
{
	return str_is_word(text.s, text.len, word);
}

static struct text trimmed(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct text){ s, (size_t)(end - s) };
}

/* True if `word` is one of a comma-separated list. */
static bool lists(struct text list, const char *word)
{
	const char *s = list.s, *end = list.s + list.len;

	while (s < end) {
		const char *comma = memchr(s, ',', (size_t)(end - s));

		if (same_text(trimmed(s, comma ? comma : end), word))
			return true;
		s = comma ? comma + 1 : end;
	}
	return false;
}

static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum((unsigned char)text.s[i]) &&
			(!text.s[i] || !strchr("!#$%&'*+-.^_`|~", text.s[i]))) /* RFC 9110, 5.6.2 */
			return false;
	}
	return text.len > 0;
}

static bool has_control(struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* "HTTP/1.x NNN[ reason]": the status, or 0. */
static int status_of(struct text line)
{
	const char *s = line.s;
	int status;

	if (line.len < 12 || memcmp(s, "HTTP/1.", 7) || !isdigit((unsigned char)s[7]) || s[8] != ' ' ||
		has_control(line))
		return 0;
	if (!isdigit((unsigned char)s[9]) || !isdigit((unsigned char)s[10]) || !isdigit((unsigned char)s[11]) ||
		(line.len > 12 && s[12] != ' '))
		return 0;
	status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	return status >= 100 ? status : 0;
}

static bool add_header(struct head *head, struct text line)
{
	const char *colon = memchr(line.s, ':', line.len);
	struct text name, value;

	if (!colon || has_control(line))
		return false;
	name = (struct text){ line.s, (size_t)(colon - line.s) };
	value = trimmed(colon + 1, line.s + line.len);
	if (!is_token(name))
		return false;
	if (same_text(name, "upgrade")) {
		head->upgrades++;
		head->upgrade = value;
	} else if (same_text(name, "connection")) {
		head->connection_upgrade |= lists(value, "upgrade");
	} else if (same_text(name, "sec-websocket-accept")) {
		head->accepts++;
		head->accept = value;
	} else if (same_text(name, "sec-websocket-extensions") || same_text(name, "sec-websocket-protocol")) {
		head->unwanted |= value.len > 0;
	} else if (same_text(name, "retry-after")) {
		head->retry_after = value;
	}
	return true;
}

static int64_t read_retry_after(struct text value, int64_t now_ms)
{
	char copy[64]; /* fits a date */

	if (value.len >= sizeof(copy))
		return -1;
	memcpy(copy, value.len ? value.s : "", value.len);
	copy[value.len] = '\0';
	return http_date_retry_after_ms(copy, now_ms);
}

/* Returns the next line without its ending (CRLF or LF, RFC 9112, 2.2) and advances *at. False: incomplete. */
static bool next_line(const char **at, const char *end, struct text *line)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));

	if (!newline)
		return false;
	*line = (struct text){ *at, (size_t)(newline - *at) };
	if (line->len && line->s[line->len - 1] == '\r')
		line->len--;
	*at = newline + 1;
	return true;
}

static enum handshake_result bad(struct handshake_response *response, const char *why)
{
	response->why = why;
	return HANDSHAKE_INVALID;
}

static enum handshake_result check_upgrade(const struct handshake *h, const struct head *head,
	struct handshake_response *response)
{
	if (head->upgrades != 1 || !same_text(head->upgrade, "websocket") || !head->connection_upgrade)
		return bad(response, "unexpected protocol in the upgrade response");
	if (head->accepts != 1 || head->accept.len != strlen(h->accept) ||
		memcmp(head->accept.s, h->accept, head->accept.len) != 0)
		return bad(response, "invalid Sec-WebSocket-Accept");
	if (head->unwanted)
		return bad(response, "unexpected extension or subprotocol");
	return HANDSHAKE_DONE;
}

/* Reads one header section; an interim response has status 1xx. */
static enum handshake_result read_head(const char **at, const char *end, struct head *head,
	struct handshake_response *response)
{
	struct text line;

	if (!next_line(at, end, &line)) {
		/* detect other protocols, which may not have lines */
		size_t n = (size_t)(end - *at) < 5 ? (size_t)(end - *at) : 5;

		return memcmp(*at, "HTTP/", n) ? bad(response, "invalid HTTP response") : HANDSHAKE_MORE;
	}
	if (!(response->status = status_of(line)))
		return bad(response, "invalid HTTP response");
	while (next_line(at, end, &line)) {
		if (!line.len)
			return HANDSHAKE_DONE;
		if (!add_header(head, line))
			return bad(response, "malformed response header");
	}
	return HANDSHAKE_MORE;
}

enum handshake_result handshake_read(const struct handshake *h, const char *bytes, size_t len, int64_t now_ms,
	struct handshake_response *response)
{
	const char *at = bytes, *end = bytes + len;
	enum handshake_result result;
	struct head head;

	*response = (struct handshake_response){ .retry_after_ms = -1 };
	do {
		head = (struct head){ 0 };
		result = read_head(&at, end, &head, response);
	} while (result == HANDSHAKE_DONE && response->status < 200 && response->status != 101);
	response->len = (size_t)(at - bytes);
	if (result != HANDSHAKE_INVALID && (result == HANDSHAKE_MORE ? len : response->len) > HANDSHAKE_HEAD_MAX)
		return bad(response, "response headers too long");
	if (result != HANDSHAKE_DONE)
		return result;
	response->retry_after_ms = read_retry_after(head.retry_after, now_ms);
	if (h && response->status == 101)
		return check_upgrade(h, &head, response);
	return !h && response->status / 100 == 2 ? HANDSHAKE_DONE : HANDSHAKE_REFUSED;
}
