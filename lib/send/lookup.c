#include "send/lookup.h"

#include "wire/notification.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/percent.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FINGERPRINT_LEN 4 /* a service that cuts texts shorter than this makes lookups wrong */
#define DAY_MS INT64_C(86400000)

bool lookup_path(const struct lookup *lookup, struct buf *out)
{
	if (lookup->message->to->type == CHAT_SMS)
		return false;
	message_path(out, lookup->user_id, lookup->message->to);
	buf_addf(out, "?max=%d", LOOKUP_PAGE);
	if (lookup->next) {
		buf_adds(out, "&next=");
		percent_encode(out, lookup->next, strlen(lookup->next));
	}
	return true;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* The length of an HTML character reference at `s`, and the ASCII character that it stands for (0: another one). */
static size_t html_reference(const char *s, char *c)
{
	static const struct {
		const char *name;
		char c;
	} names[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' } };
	char *end;
	long code;

	*c = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strncmp(s, names[i].name, strlen(names[i].name))) {
			*c = names[i].c;
			return strlen(names[i].name);
		}
	}
	if (s[0] != '&' || s[1] != '#')
		return 0;
	code = s[2] == 'x' || s[2] == 'X' ? strtol(s + 3, &end, 16) : strtol(s + 2, &end, 10);
	if (*end != ';')
		return 0;
	if (code > 0 && code < 128)
		*c = (char)code;
	return (size_t)(end + 1 - s);
}

/* ":smile:", which some services write for an emoji. */
static size_t emoji_name(const char *s)
{
	size_t len = 1;

	if (*s != ':')
		return 0;
	while (isalnum((unsigned char)s[len]) || s[len] == '_' || s[len] == '+' || s[len] == '-')
		len++;
	return len > 1 && s[len] == ':' ? len + 1 : 0;
}

static bool is_combining(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	return u[0] == 0xcc || (u[0] == 0xcd && u[1] <= 0xaf); /* U+0300 to U+036F */
}

/*
 * What no normalisation changes, up to `most` characters: ASCII letters, digits and punctuation in lower case. White
 * space, '?', control characters, emoji and everything else beyond ASCII are left out, a letter with a combining mark,
 * too.
 */
static void reduce(struct buf *out, const char *text, size_t most)
{
	while (*text && out->len < most) {
		char c = 0;
		size_t len = html_reference(text, &c);

		if (!len && !(len = emoji_name(text))) {
			len = 1;
			c = *text;
		}
		text += len;
		if (c > 0x20 && c < 0x7f && c != '?' && !is_combining(text))
			buf_addc(out, (char)tolower((unsigned char)c));
	}
	buf_addc(out, '\0');
}

uint64_t lookup_fingerprint(const char *text)
{
	struct buf reduced;
	uint64_t value = *text ? 0 : 1;

	buf_init(&reduced, BUF_NO_MAX);
	reduce(&reduced, text, FINGERPRINT_LEN);
	for (size_t i = 0; reduced.data[i]; i++)
		value = value << 8 | (unsigned char)reduced.data[i];
	buf_release(&reduced);
	return value;
}

/* Could `stored` be what a service made of `posted`? */
static bool could_be_text(const char *stored, const char *posted)
{
	struct buf a, b;
	size_t cut;
	bool result;

	if (!strcmp(stored, posted))
		return true;
	buf_init(&a, BUF_NO_MAX);
	buf_init(&b, BUF_NO_MAX);
	reduce(&a, stored, SIZE_MAX);
	reduce(&b, posted, SIZE_MAX);
	cut = strlen(a.data);
	/* a text may be cut, with or without dots at its end; of one that is nothing but emoji, anything may be left */
	while (cut && a.data[cut - 1] == '.')
		cut--;
	result = *posted && (!*b.data || (cut && !strncmp(a.data, b.data, cut)));
	buf_release(&a);
	buf_release(&b);
	return result;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static const char *without_scheme(const char *address)
{
	return !strncasecmp(address, "sip:", 4) ? address + 4 : address;
}

/* By the direction, else by the sender in any of its forms. If neither tells, the message counts as own. */
static bool is_own(const struct lookup *lookup, struct json_value entry)
{
	struct json_value type = json_get(entry, "x-type");
	char *sender;
	bool result = true;

	if (json_equals_nocase(type, "inbound"))
		return false;
	if (json_equals_nocase(type, "outbound"))
		return true;
	sender = json_dup(json_get(entry, "senderAddress"));
	if (sender && *sender) {
		const char *plain = without_scheme(sender);

		if (!strcasecmp(plain, lookup->sender) || !strcmp(plain, lookup->user_id))
			result = true;
		else
			/* in a group, a foreign address is another member's; an opaque ID may be anyone's */
			result = lookup->message->to->type == CHAT_ONE_TO_ONE
				? strcasecmp(plain, lookup->message->to->id) != 0
				: !strchr(plain, '@');
	}
	free(sender);
	return result;
}

static bool could_be_files(struct json_value list, const struct message *message)
{
	size_t count = json_type(list) == JSON_OBJECT ? 1 : json_count(list);

	return !count == !message->file_count && count <= message->file_count;
}

static bool could_be(const struct lookup *lookup, struct json_value entry)
{
	char *text = json_dup(json_get(entry, "text"));
	bool result = could_be_files(json_get(entry, "attachment"), lookup->message) &&
		could_be_text(text ? text : "", lookup->message->text);

	free(text);
	return result;
}

static enum lookup_result inconclusive(struct lookup *lookup, const char *reason)
{
	lookup->reason = reason;
	return LOOKUP_INCONCLUSIVE;
}

static enum lookup_result conclude_absence(struct lookup *lookup)
{
	if (lookup->last_sent_id && !lookup->shows_last)
		return inconclusive(lookup, "the history does not show the message before it either");
	if (lookup->floor && lookup->strangers)
		return inconclusive(lookup, "the history shows a message of this user that cannot be explained");
	return LOOKUP_NOT_FOUND;
}

static enum lookup_result conclude(struct lookup *lookup)
{
	if (!lookup->candidates)
		return conclude_absence(lookup);
	if (lookup->candidates > 1)
		return inconclusive(lookup, "the history shows several messages that it could be");
	if (lookup->forgotten && lookup->forgotten > lookup->floor)
		return inconclusive(lookup, "the message in the history may be an older one");
	if (lookup->window.known ? lookup->misfits : !lookup->floor)
		return inconclusive(lookup, "the time of the message in the history does not fit");
	if (sent_ids_doubts(lookup->ids, lookup->conversation, lookup_fingerprint(lookup->message->text), lookup->last,
		    lookup->floor_begun))
		return inconclusive(lookup, "the message in the history may be another one whose response was lost");
	/* after that: an ID is noted before its post is settled */
	if (lookup->found.id && sent_ids_get(lookup->ids, lookup->conversation, lookup->found.id, lookup->origin).known)
		return inconclusive(lookup, "the message in the history is another process's");
	return LOOKUP_PRESENT;
}

struct entry {
	struct json_value json;
	char *id;
	int64_t time_ms; /* -1: none */
	struct sent_id known;
};

static void keep_found(struct lookup *lookup, struct entry *entry)
{
	message_sent_release(&lookup->found);
	lookup->found = (struct message_sent){ .id = entry->id, .timestamp_ms = entry->time_ms };
	entry->id = NULL;
	lookup->found.status = json_dup(json_get(entry->json, "status"));
	if (!lookup->found.status)
		lookup->found.status = xstrdup("Sent");
}

/* Older than the request: its ID was noted before the post began, or no clock is that wrong. */
static bool is_floor(struct lookup *lookup, const struct entry *entry)
{
	const struct sent_id *known = &entry->known;
	bool is_last = entry->id && lookup->last_sent_id && !strcmp(entry->id, lookup->last_sent_id);
	struct sent_id last;

	if (is_last || (known->known && known->number < lookup->first)) {
		lookup->floor = known->known ? known->number : 1;
		lookup->floor_begun = known->begun;
	} else if (entry->time_ms < 0 || lookup->last_sent_id || entry->time_ms >= lookup->oldest_ms - DAY_MS) {
		return false;
	}
	lookup->shows_last = !lookup->last_sent_id || is_last;
	if (!lookup->shows_last) {
		last = sent_ids_get(lookup->ids, lookup->conversation, lookup->last_sent_id, NULL);
		lookup->shows_last = last.known && last.number <= lookup->floor;
	}
	return true;
}

/* Messages that arrive while pages are read shift some from one page to the next. */
static bool is_repeated(const struct lookup *lookup, const char *id)
{
	return id && lookup->found.id && !strcmp(id, lookup->found.id);
}

static void add_candidate(struct lookup *lookup, struct entry *entry)
{
	uint64_t forgotten = entry->id ? sent_ids_forgotten(lookup->ids, lookup->conversation, entry->id) : 0;

	if (forgotten > lookup->forgotten)
		lookup->forgotten = forgotten;
	lookup->misfits |= entry->time_ms < lookup->window.from_ms || entry->time_ms > lookup->window.until_ms;
	lookup->candidates++;
	keep_found(lookup, entry);
}

/* An own message that cannot be the request. If no other post in doubt explains it either, it is a stranger. */
static void add_stranger(struct lookup *lookup, const struct entry *entry)
{
	char *text = json_dup(json_get(entry->json, "text"));

	if (!sent_ids_doubts(lookup->ids, lookup->conversation, lookup_fingerprint(text ? text : ""), lookup->last, 0))
		lookup->strangers++;
	free(text);
}

/* LOOKUP_MORE: the next entry is needed. */
static enum lookup_result consider(struct lookup *lookup, struct json_value json)
{
	struct entry entry = {
		.json = json, .id = notification_message_id(json_get(json, "resourceURL")), .time_ms = -1
	};
	enum lookup_result result = LOOKUP_MORE;
	int64_t time;

	if (json_int(json_get(json, "dateTime"), &time) && time > 0)
		entry.time_ms = clock_server_ms(time);
	if (entry.id)
		entry.known = sent_ids_get(lookup->ids, lookup->conversation, entry.id, lookup->origin);
	if (entry.known.same_origin) {
		keep_found(lookup, &entry);
		result = LOOKUP_PRESENT;
	} else if (is_floor(lookup, &entry)) {
		result = conclude(lookup);
	} else if (!entry.known.known && is_own(lookup, json) && !is_repeated(lookup, entry.id)) {
		if (could_be(lookup, json))
			add_candidate(lookup, &entry);
		else
			add_stranger(lookup, &entry);
	}
	free(entry.id);
	return result;
}

enum lookup_result lookup_page(struct lookup *lookup, struct json_value response)
{
	struct json_value list = json_get(response, "chatMessageList");
	struct json_value entries = json_get(list, "chatMessage");
	enum lookup_result result = LOOKUP_MORE;

	if (json_type(list) != JSON_OBJECT)
		return inconclusive(lookup, "the response is not a history");
	for (struct json_iter it = json_items(entries); !result && json_more(it); it = json_next(it))
		result = consider(lookup, it.value);
	if (result)
		return result;
	free(lookup->next);
	lookup->next = json_dup(json_get(list, "next"));
	if (!lookup->next || !*lookup->next)
		return conclude(lookup);
	if (++lookup->pages >= LOOKUP_PAGES_MAX)
		return inconclusive(lookup, "the history has too many new messages");
	return LOOKUP_MORE;
}

void lookup_release(struct lookup *lookup)
{
	message_sent_release(&lookup->found);
	free(lookup->next);
	lookup->next = NULL;
	lookup->pages = lookup->candidates = lookup->strangers = 0;
	lookup->shows_last = lookup->misfits = false;
	lookup->floor = lookup->floor_begun = lookup->forgotten = 0;
}
