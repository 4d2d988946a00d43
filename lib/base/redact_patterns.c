/*
 * Values after the names of secrets in texts from outside: JSON, forms, queries of URLs. For secrets that redact.c does
 * not know, or that are too short for it.
 */
#include "base/redact.h"

#include "base/buf.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* '_' matches '_', '-' or nothing: accessToken, client-secret. */
static const char *const secret_names[] = { "access_token", "refresh_token", "id_token", "auth_token", "session_token",
	"client_secret", "password", "authorization", "api_key", NULL };
/* These also occur in sentences, so '=' must follow directly. */
static const char *const plain_names[] = { "token", "secret", "passwd", "passphrase", NULL };

/* The length of `name` at the start of `p`; 0 if it does not match. */
static size_t name_len(const char *p, size_t len, const char *name)
{
	size_t i = 0;

	for (; *name; name++) {
		if (*name == '_') {
			i += i < len && (p[i] == '_' || p[i] == '-');
		} else {
			if (i == len || tolower((unsigned char)p[i]) != *name)
				return 0;
			i++;
		}
	}
	return i;
}

static size_t any_name_len(const char *p, size_t len, const char *const *names)
{
	size_t n = 0;

	while (*names && !n)
		n = name_len(p, len, *names++);
	return n;
}

/* '=' or %3D. */
static size_t equals_len(const char *p, size_t len)
{
	if (len >= 3 && !strncasecmp(p, "%3d", 3))
		return 3;
	return len && *p == '=';
}

static size_t quotes_len(const char *p, size_t len)
{
	size_t i = 0;

	while (i < len && memchr("\\\"' \t", p[i], 5))
		i++;
	return i;
}

/* The length of the separator of name and value: quotes, white space, and one '=' or ':'. 0: no value follows. */
static size_t separator_len(const char *p, size_t len)
{
	size_t i = quotes_len(p, len), n = equals_len(p + i, len - i);

	if (!n && i < len && p[i] == ':')
		n = 1;
	return n ? i + n + quotes_len(p + i + n, len - i - n) : 0;
}

/* The length of a name with its separator; `*field` is set for the field of a form. 0: none. */
static size_t secret_len(const char *p, size_t len, bool *field)
{
	size_t name = any_name_len(p, len, secret_names), n = name ? separator_len(p + name, len - name) : 0;

	if (!n && (name = any_name_len(p, len, plain_names)))
		n = equals_len(p + name, len - name);
	*field = n && n == equals_len(p + name, len - name);
	return n ? name + n : 0;
}

/*
 * The length of a value. A space does not end it: "Authorization: Bearer TOKEN". After a bare '=', only the end of a form
 * field ends it, because a password may contain any other character. If the name of another secret follows, the value
 * extends to the end of that one's.
 */
static size_t value_len(const char *p, size_t len, bool field)
{
	size_t i = 0;

	while (i < len) {
		bool also;
		size_t n = secret_len(p + i, len - i, &also);

		if (n) {
			i += n;
			field = field || also;
		} else if (memchr(field ? "&\"'#<>\\\r\n" : "&\"'#<>\\\r\n\t,;(){}[]", p[i], field ? 9 : 18)) {
			break;
		} else {
			i++;
		}
	}
	return i;
}

/* If `p` starts with "://", the length of the USER:PASSWORD that follows; 0: none. */
static size_t user_len(const char *p, size_t len)
{
	size_t user = 0;

	if (len < 3 || memcmp(p, "://", 3) != 0)
		return 0;
	for (size_t i = 3; i < len && !memchr("/?#\"'<>\\ \t\r\n", p[i], 12); i++) {
		if (p[i] == '@')
			user = i - 3;
	}
	return user;
}

void redact_patterns(struct buf *out, const char *p, size_t len)
{
	size_t from = 0, at = 0;

	while (at < len) {
		size_t user = user_len(p + at, len - at), secret;
		bool field;

		if (user) {
			at += 3;
		} else if ((secret = secret_len(p + at, len - at, &field))) {
			at += secret;
		} else {
			at++;
			continue;
		}
		buf_add(out, p + from, at - from);
		buf_adds(out, "***");
		at += user ? user : value_len(p + at, len - at, field);
		from = at;
	}
	buf_add(out, p + from, len - from);
}
