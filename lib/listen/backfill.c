#include "listen/backfill.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STACK_MEMORY ((size_t)1 << 20)
#define SEEN_MAX 2048
#define KNOWN_ENOUGH 40 /* taken messages in a row: all older ones were taken, too */
#define OLD_ENOUGH 40 /* the same for messages that are old by their time */
#define OLD_MAX ((size_t)1 << 20) /* bytes of these */
#define PAGES_MAX 10000 /* of one conversation: half a million messages */
#define BASELINE_S 2 /* baseline: messages so much older than the newest one are old by their time */

void backfill_init(struct backfill *b, const char *temp_dir)
{
	*b = (struct backfill){ 0 };
	hash_recent_init(&b->seen, SEEN_MAX);
	spill_stack_init(&b->stack, STACK_MEMORY, temp_dir);
	buf_init(&b->line, BUF_NO_MAX);
	buf_init(&b->old, BUF_NO_MAX);
}

static void drop_old(struct backfill *b)
{
	buf_clear(&b->old);
	b->old_count = 0;
}

static void reset_conversation(struct backfill *b)
{
	free(b->next);
	b->next = NULL;
	b->known = 0;
	b->pages = 0;
	b->dated = false;
	b->conversation = NULL;
	hash_recent_release(&b->seen);
	drop_old(b);
}

static void reset_stack(struct backfill *b)
{
	const char *dir = b->stack.dir;

	spill_stack_release(&b->stack);
	spill_stack_init(&b->stack, STACK_MEMORY, dir);
}

static void reset(struct backfill *b)
{
	reset_conversation(b);
	history_sessions_release(&b->sessions);
	reset_stack(b);
	b->current = 0;
}

void backfill_release(struct backfill *b)
{
	reset(b);
	buf_release(&b->line);
	buf_release(&b->old);
	notification_decoder_release(&b->decoder);
	free(b->synced_until_s);
}

void backfill_start(struct backfill *b)
{
	reset(b);
	b->need = BACKFILL_LIST;
}

uint64_t backfill_key(const struct cursor_conversation *conversation, uint64_t id)
{
	return id ^ ((uint64_t)(uintptr_t)conversation * UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- conversations --------------------------------------------------------------------------------------------- */

static struct slice slice_of(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

/* "+15550001 16135550100": of the own number only the digits, because servers write it in different ways. */
static void add_key(struct buf *key, struct slice number, struct slice own)
{
	size_t before;

	buf_add(key, number.s, number.len);
	buf_addc(key, ' ');
	before = key->len;
	for (size_t i = 0; i < own.len; i++) {
		if (own.s[i] >= '0' && own.s[i] <= '9')
			buf_addc(key, own.s[i]);
	}
	if (key->len == before)
		buf_add(key, own.s, own.len);
}

/* The first conversation with the number, for any own number. */
static struct cursor_conversation *find_number(const struct cursor *cursor, const char *type, struct slice number)
{
	struct cursor_conversation *c;

	for (size_t i = 0; (c = cursor_at(cursor, i)); i++) {
		if (!strcmp(c->type, type) && strlen(c->name) > number.len && c->name[number.len] == ' ' &&
			!memcmp(c->name, number.s, number.len))
			return c;
	}
	return NULL;
}

/*
 * On the socket, a server may omit which of the own numbers a message is for. Such a message must not create a second
 * conversation beside the history's.
 */
static struct cursor_conversation *sms_conversation(struct cursor *cursor, struct slice number, struct slice own)
{
	const char *type = address_type_name(CHAT_SMS);
	char *plain = xmemdup0(number.s, number.len);
	struct cursor_conversation *c = NULL;
	struct buf key;

	buf_init(&key, BUF_NO_MAX);
	add_key(&key, number, own);
	if (own.len)
		c = cursor_find(cursor, type, key.data);
	if (!c)
		c = cursor_find(cursor, type, plain);
	if (!c && !own.len)
		c = find_number(cursor, type, number);
	if (!c)
		c = cursor_conversation(cursor, type, strlen(type), own.len ? key.data : plain,
			own.len ? key.len : number.len);
	buf_release(&key);
	free(plain);
	return c;
}

struct cursor_conversation *backfill_conversation(struct cursor *cursor, enum chat_type type, struct slice name,
	struct slice own)
{
	const char *type_name = address_type_name(type);

	/* the cursor's names are C strings */
	name.len = strnlen(name.s, name.len);
	own.len = own.s ? strnlen(own.s, own.len) : 0;
	if (type == CHAT_SMS)
		return sms_conversation(cursor, name, own);
	return cursor_conversation(cursor, type_name, strlen(type_name), name.s, name.len);
}

static struct cursor_conversation *conversation_of(struct cursor *cursor, const struct history_session *session)
{
	return backfill_conversation(cursor, session->type, slice_of(session->conversation), slice_of(session->own));
}

static int64_t *synced_until(struct backfill *b, const struct cursor_conversation *conversation)
{
	b->synced_until_s =
		cursor_side_array(b->synced_until_s, &b->synced_cap, sizeof(*b->synced_until_s), conversation);
	return &b->synced_until_s[conversation->index];
}

/* No later message can have this second any more, so if the list shows it again, there is nothing new. */
static void mark_synced(struct backfill *b)
{
	int64_t last_s = b->sessions.items[b->current].last_ms / 1000;

	if (b->conversation && last_s > 0 && last_s + 1 < b->newest_s)
		*synced_until(b, b->conversation) = last_s;
}

/* The conversation's newest message, which is old by its time, is not the one that was taken last. */
static bool clock_went_back(const struct cursor_conversation *conversation, int64_t last_s)
{
	return cursor_last(conversation) >= 0 && last_s != cursor_last(conversation);
}

static bool needs_page(struct backfill *b, struct cursor *cursor, const struct history_session *session)
{
	struct cursor_conversation *conversation = conversation_of(cursor, session);
	int64_t last_s = session->last_ms / 1000;

	if (!b->baseline)
		return session->last_ms < 0 ||
			(last_s != *synced_until(b, conversation) &&
				(last_s > conversation->taken_until_s || clock_went_back(conversation, last_s)));
	if (session->last_ms < 0 || last_s + 1 >= b->newest_s)
		return true;
	cursor_advance(cursor, conversation, last_s); /* no other message can come in that second */
	return false;
}

/* Goes to the next conversation that may have new messages. */
static void advance(struct backfill *b, struct cursor *cursor)
{
	reset_conversation(b);
	for (; b->current < b->sessions.count; b->current++) {
		if (needs_page(b, cursor, &b->sessions.items[b->current])) {
			b->need = BACKFILL_PAGE;
			return;
		}
	}
	reset(b);
	b->need = BACKFILL_NOTHING;
}

static void end_conversation(struct backfill *b, struct cursor *cursor)
{
	if (!b->baseline)
		mark_synced(b);
	b->current++;
	advance(b, cursor);
}

void backfill_list(struct backfill *b, struct cursor *cursor, struct history_sessions *sessions, bool baseline)
{
	reset(b);
	b->baseline = baseline;
	b->sessions = *sessions;
	*sessions = (struct history_sessions){ 0 };
	b->newest_s = 0;
	for (size_t i = 0; i < b->sessions.count; i++) {
		conversation_of(cursor, &b->sessions.items[i]);
		if (b->sessions.items[i].last_ms / 1000 > b->newest_s)
			b->newest_s = b->sessions.items[i].last_ms / 1000;
	}
	advance(b, cursor);
}

const struct history_session *backfill_request(const struct backfill *b, const char **next)
{
	*next = b->next;
	return &b->sessions.items[b->current];
}

/* ---- pages ----------------------------------------------------------------------------------------------------- */

/* Fills `b->line` with `info`, followed by the message's line or an error message. False: not a message. */
static bool read_message(struct backfill *b, const struct cursor *cursor, struct json_value message,
	const struct history_context *context, struct line_info *info)
{
	struct notification n;
	struct err why = ERR_INIT;
	enum status st;

	*info = (struct line_info){ .conversation = b->conversation, .message = true };
	buf_clear(&b->line);
	buf_add(&b->line, info, sizeof(*info));
	st = notification_from_history(&b->decoder, message, context, &b->line, &n, &why);
	if (st == ST_PROTOCOL)
		return false;
	info->time_ms = n.timestamp_ms;
	info->outbound = n.outbound;
	info->skipped = st != ST_OK;
	if (info->skipped)
		buf_addf(&b->line, "message '%.*s' of '%s' skipped: %s", (int)n.message_id.len,
			n.message_id.len ? n.message_id.s : "", context->conversation, why.text);
	if (n.message_id.len)
		info->id = cursor_hash(cursor, n.message_id.s, n.message_id.len);
	else
		info->id = cursor_hash(cursor, b->line.data + sizeof(*info), b->line.len - sizeof(*info));
	memcpy(b->line.data, info, sizeof(*info));
	return true;
}

/* Marks a message as taken. False if all older ones are old by their time. */
static bool add_to_baseline(struct backfill *b, struct cursor *cursor, const struct line_info *info)
{
	if (info->time_ms >= 0) {
		/* the newest message comes first */
		if (!b->dated)
			cursor_advance(cursor, b->conversation, info->time_ms / 1000 - BASELINE_S);
		b->dated = true;
		if (cursor_old(b->conversation, info->time_ms))
			return false;
	}
	cursor_take(cursor, b->conversation, info->id, info->time_ms);
	return true;
}

/* An older message is not old by its time, so these times are wrong, and their messages are new. */
static enum status push_old(struct backfill *b, struct err *err)
{
	enum status st = ST_OK;

	for (size_t at = 0, len; !st && at < b->old.len; at += sizeof(len) + len) {
		memcpy(&len, b->old.data + at, sizeof(len));
		st = spill_stack_push(&b->stack, b->old.data + at + sizeof(len), len, err);
	}
	drop_old(b);
	return st;
}

/* Keeps a message that is old by its time. False if there were enough: all older ones are old, too. */
static bool hold_old(struct backfill *b)
{
	if (b->old.len + b->line.len > OLD_MAX)
		return false;
	buf_add(&b->old, &b->line.len, sizeof(b->line.len));
	buf_add(&b->old, b->line.data, b->line.len);
	return ++b->old_count < OLD_ENOUGH;
}

/* Pushes the message on the stack if it is new. `*go_on` becomes false if all older ones are known. */
static enum status add_message(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value message, const struct history_context *context, bool *go_on, struct err *err)
{
	struct line_info info;
	enum status st = ST_OK;
	bool old;

	if (!read_message(b, cursor, message, context, &info))
		return ST_OK;
	if (b->baseline) {
		*go_on = add_to_baseline(b, cursor, &info);
		return ST_OK;
	}
	if (!hash_recent_add(&b->seen, info.id))
		return ST_OK;
	old = info.time_ms >= 0 && cursor_old(b->conversation, info.time_ms);
	if (!old && info.time_ms >= 0 && (st = push_old(b, err)))
		return st;
	if (cursor_taken(b->conversation, info.id) ||
		hash_recent_has(emitted, backfill_key(b->conversation, info.id))) {
		/* in a gap, missing messages may be older than taken ones */
		*go_on = ++b->known < KNOWN_ENOUGH || cursor_has_gap(cursor);
	} else if (old) {
		*go_on = hold_old(b);
	} else {
		b->known = 0;
		st = spill_stack_push(&b->stack, b->line.data, b->line.len, err);
	}
	return st;
}

/* Older messages cannot be read: an error message comes before the lines that were read. */
static enum status push_error(struct backfill *b, const char *why, struct err *err)
{
	struct line_info info = { .skipped = true };

	if (b->baseline)
		return ST_OK; /* no line will come */
	buf_clear(&b->line);
	buf_add(&b->line, &info, sizeof(info));
	buf_addf(&b->line, "the history of '%s' is incomplete, older messages are skipped: %s",
		b->sessions.items[b->current].conversation, why);
	return spill_stack_push(&b->stack, b->line.data, b->line.len, err);
}

static void end_pages(struct backfill *b, struct cursor *cursor)
{
	if (spill_stack_empty(&b->stack))
		end_conversation(b, cursor);
	else
		b->need = BACKFILL_DRAIN;
}

enum status backfill_page(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err)
{
	const struct history_session *session = &b->sessions.items[b->current];
	struct history_context context = {
		.type = session->type, .conversation = session->conversation, .self = session->own ? session->own : self
	};
	enum status st = ST_OK;
	bool go_on = true;

	if (!b->conversation)
		b->conversation = conversation_of(cursor, session);
	if (json_type(messages) == JSON_OBJECT)
		st = add_message(b, cursor, emitted, messages, &context, &go_on, err);
	else
		for (struct json_iter it = json_first(messages); !st && go_on && json_more(it); it = json_next(it))
			st = add_message(b, cursor, emitted, it.value, &context, &go_on, err);
	if (b->baseline && !b->dated)
		go_on = false; /* without times, the IDs of the newest page must do */
	go_on = go_on && more && !st;
	if (go_on && b->next && !strcmp(more, b->next)) {
		st = push_error(b, "the server returns the same page again", err);
		go_on = false;
	} else if (go_on && ++b->pages >= PAGES_MAX) {
		st = push_error(b, "too many pages", err);
		go_on = false;
	}
	free(b->next);
	b->next = more;
	if (!st && !go_on)
		end_pages(b, cursor);
	return st;
}

enum status backfill_cut(struct backfill *b, struct cursor *cursor, const char *why, struct err *err)
{
	enum status st = ST_OK;

	/* if a newer message was taken, that run has reported it */
	if (!b->known || cursor_has_gap(cursor))
		st = push_error(b, why, err);
	if (!st)
		end_pages(b, cursor);
	return st;
}

enum status backfill_next(struct backfill *b, struct cursor *cursor, struct slice *text, struct line_info *info,
	struct err *err)
{
	enum status st;

	buf_clear(&b->line);
	if ((st = spill_stack_pop(&b->stack, &b->line, err)))
		return st;
	memcpy(info, b->line.data, sizeof(*info));
	*text = (struct slice){ b->line.data + sizeof(*info), b->line.len - sizeof(*info) };
	if (spill_stack_empty(&b->stack))
		end_conversation(b, cursor);
	return ST_OK;
}

void backfill_skip(struct backfill *b, struct cursor *cursor)
{
	reset_stack(b);
	b->current++;
	advance(b, cursor);
}
