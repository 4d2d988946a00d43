/*
 * A server may echo a secret in any encoding: percent-encoded (any set of characters), with '+' for a space, as a JSON
 * string, or several of these nested. So the text is decoded, layer by layer, with the origin of each byte recorded,
 * and searched for the plain secrets; a secret has too many encodings to search for each of them.
 */
#include "base/redact.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	KNOWN_MAX = 64,
	LEAST = 6, /* bytes of a secret */
	LAYERS = 4, /* nested encodings that are decoded */
};

struct known {
	char *s;
	size_t len;
};

struct known_list {
	struct known items[KNOWN_MAX]; /* in the order in which they were added last */
	size_t count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct known_list permanent, transient;

/* ---- known secrets --------------------------------------------------------------------------------------------- */

static void forget(struct known *known)
{
	explicit_bzero(known->s, known->len);
	free(known->s);
}

/* Adds an item at the end, or moves it there. If the list is full, the first item is dropped. */
static void add(struct known_list *list, const char *secret, size_t len)
{
	struct known it = { NULL, len };
	size_t at = 0;

	while (at < list->count && (list->items[at].len != len || memcmp(list->items[at].s, secret, len) != 0))
		at++;
	if (at < list->count) {
		it = list->items[at];
	} else {
		it.s = xmemdup0(secret, len);
		at = 0;
		if (list->count == KNOWN_MAX)
			forget(&list->items[0]);
		else
			at = list->count++;
	}
	memmove(list->items + at, list->items + at + 1, (list->count - at - 1) * sizeof(it));
	list->items[list->count - 1] = it;
}

static void redact(struct known_list *list, const char *secret, size_t len)
{
	if (!secret || len < LEAST)
		return;
	pthread_mutex_lock(&lock);
	add(list, secret, len);
	pthread_mutex_unlock(&lock);
}

void redact_add(const char *secret, size_t len)
{
	redact(&permanent, secret, len);
}

void redact_add_token(const char *token, size_t len)
{
	redact(&transient, token, len);
}

static void forget_all(struct known_list *list)
{
	while (list->count)
		forget(&list->items[--list->count]);
}

void redact_clear(void)
{
	pthread_mutex_lock(&lock);
	forget_all(&permanent);
	forget_all(&transient);
	pthread_mutex_unlock(&lock);
}

/* ---- a text, decoded -------------------------------------------------------------------------------------------- */

/* Decoded bytes, and the offset of each in the original text; at[len] is the end of that. */
struct view {
	struct buf bytes;
	size_t *at;
};

static void view_init(struct view *view, size_t max)
{
	buf_init_secret(&view->bytes, BUF_NO_MAX);
	view->at = xreallocarray(NULL, max + 1, sizeof(*view->at));
}

static void view_release(struct view *view)
{
	buf_release(&view->bytes);
	free(view->at);
}

/* The value of `digits` hex digits; -1 if there are fewer. */
static int32_t hex_number(const char *p, size_t len, size_t digits)
{
	int32_t number = 0;

	if (len < digits)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		int digit = str_hex_digit(p[i]);

		if (digit < 0)
			return -1;
		number = number * 16 + digit;
	}
	return number;
}

/* Decodes \uXXXX or a surrogate pair. Returns the length, or 0 if it is neither. */
static size_t decode_unicode(struct buf *out, const char *p, size_t len)
{
	int32_t high = p[1] == 'u' ? hex_number(p + 2, len - 2, 4) : -1, low = -1;

	if (high < 0)
		return 0;
	if (high >= 0xd800 && high < 0xdc00 && len >= 12 && p[6] == '\\' && p[7] == 'u')
		low = hex_number(p + 8, len - 8, 4);
	if (low >= 0xdc00 && low < 0xe000) {
		utf8_encode(out, (uint32_t)(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
		return 12;
	}
	utf8_encode(out, (uint32_t)high);
	return 6;
}

/* Decodes the sequence at `p`. Returns its length, or 0 for a plain byte. */
static size_t decode_one(struct buf *out, const char *p, size_t len)
{
	static const char escaped[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	int32_t byte;
	const char *at;

	if (*p == '%' && (byte = hex_number(p + 1, len - 1, 2)) >= 0) {
		buf_addc(out, (char)byte);
		return 3;
	}
	if (*p != '\\' || len < 2)
		return 0;
	if (p[1] && (at = strchr(escaped, p[1]))) {
		buf_addc(out, meant[at - escaped]);
		return 2;
	}
	return decode_unicode(out, p, len);
}

/* Removes one layer of encoding. False if there was none. */
static bool decode(struct view *to, const struct view *from)
{
	const char *p = from->bytes.data;
	size_t len = from->bytes.len, i = 0;
	bool any = false;

	buf_clear(&to->bytes);
	while (i < len) {
		size_t start = to->bytes.len, n = decode_one(&to->bytes, p + i, len - i);

		any |= n > 0;
		if (!n) {
			buf_addc(&to->bytes, p[i]);
			n = 1;
		}
		while (start < to->bytes.len)
			to->at[start++] = from->at[i];
		i += n;
	}
	to->at[to->bytes.len] = from->at[len];
	return any;
}

/* ---- searching -------------------------------------------------------------------------------------------------- */

struct search {
	char *marks; /* a byte for each byte of the text, 1: part of a secret; NULL: none found */
	size_t len; /* of the text */
};

static void find(struct search *search, const struct view *view, const struct known_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct known *known = &list->items[i];
		const char *data = view->bytes.data, *p = data;

		while ((p = memmem(p, view->bytes.len - (size_t)(p - data), known->s, known->len))) {
			size_t from = view->at[p - data], to = view->at[(size_t)(p - data) + known->len];

			if (!search->marks)
				search->marks = xcalloc(search->len, 1);
			memset(search->marks + from, 1, to - from);
			p++;
		}
	}
}

static void find_all(struct search *search, struct view *view)
{
	char *plus = view->bytes.data;

	find(search, view, &permanent);
	find(search, view, &transient);
	/* a form has '+' for a space; tokens have no spaces */
	if (!memchr(plus, '+', view->bytes.len))
		return;
	plus = xmemdup0(view->bytes.data, view->bytes.len);
	for (size_t i = 0; i < view->bytes.len; i++) {
		if (plus[i] == '+')
			view->bytes.data[i] = ' ';
	}
	find(search, view, &permanent);
	memcpy(view->bytes.data, plus, view->bytes.len);
	explicit_bzero(plus, view->bytes.len);
	free(plus);
}

static void find_layers(struct search *search, const struct buf *text)
{
	struct view views[2];

	view_init(&views[0], text->len);
	buf_add(&views[0].bytes, text->data, text->len);
	for (size_t i = 0; i <= text->len; i++)
		views[0].at[i] = i;
	view_init(&views[1], text->len);
	find_all(search, &views[0]);
	for (int i = 0; i < LAYERS && decode(&views[(i + 1) % 2], &views[i % 2]); i++)
		find_all(search, &views[(i + 1) % 2]);
	view_release(&views[0]);
	view_release(&views[1]);
}

/* In place, because "***" is shorter than any secret. All are marked before, because they may overlap. */
static void replace(struct buf *text, const char *marks)
{
	size_t to = 0;

	for (size_t from = 0; from < text->len; from++) {
		if (!marks[from]) {
			text->data[to++] = text->data[from];
		} else if (!from || !marks[from - 1]) {
			memcpy(text->data + to, "***", 3);
			to += 3;
		}
	}
	buf_truncate(text, to);
}

void redact_known(struct buf *text)
{
	struct search search = { .len = text->len };

	pthread_mutex_lock(&lock);
	if (text->len && permanent.count + transient.count)
		find_layers(&search, text);
	pthread_mutex_unlock(&lock);
	if (search.marks)
		replace(text, search.marks);
	free(search.marks);
}
