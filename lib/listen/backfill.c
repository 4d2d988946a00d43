#include "listen/backfill.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STACK_MEMORY ((size_t)1 << 20)
#define SEEN_MAX 2048
#define KNOWN_ENOUGH 40 /* taken messages in a row: all older ones were taken, too */
#define OLD_ENOUGH 40 /* the same for messages that are old by their time */
#define PAGES_MAX 10000 /* of one conversation: half a million messages */

void backfill_init(struct backfill *b, const char *temp_dir)
{
	*b = (struct backfill){ 0 };
	hash_recent_init(&b->seen, SEEN_MAX);
	spill_stack_init(&b->stack, STACK_MEMORY, temp_dir);
	buf_init(&b->line, BUF_NO_MAX);
}

static void reset_conversation(struct backfill *b)
{
	free(b->next);
	b->next = NULL;
	b->known = 0;
	b->pages = 0;
	b->conversation = NULL;
	hash_recent_release(&b->seen);
	b->pushed = b->tentative = b->baseline_count = 0;
	b->known_seen = b->verified_seen = b->newest_seen = b->late = b->cut = b->uncertain = false;
	b->asked_ms = clock_mono_ms();
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
	notification_decoder_release(&b->decoder);
	free(b->baseline_ids);
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

/* A hash of the conversation's entry in the list: if it is the same again, no message has come. */
static uint64_t hash_entry(const struct cursor *cursor, const struct history_session *session)
{
	char *text = xasprintf("%lld %s", (long long)session->last_ms, session->last_text ? session->last_text : "");
	uint64_t hash = cursor_hash(cursor, text, strlen(text));

	free(text);
	return hash ? hash : 1;
}

static bool needs_page(struct backfill *b, struct cursor *cursor, const struct history_session *session)
{
	struct cursor_conversation *conversation = conversation_of(cursor, session);
	int64_t last_s = session->last_ms / 1000;

	if (session->last_ms < 0)
		return true;
	if (!b->baseline)
		return conversation->open || hash_entry(cursor, session) != conversation->listed;
	if (last_s + 1 >= b->newest_s)
		return true;
	/* no other message can come in that second, so its newest message is a boundary */
	cursor_advance(cursor, conversation, last_s);
	cursor_set_listed(cursor, conversation, hash_entry(cursor, session));
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

/* Verifies the marks, unless a message was missing between them, whose own mark is yet to come. */
static void verify(struct backfill *b, struct cursor *cursor)
{
	const struct history_session *session = &b->sessions.items[b->current];

	if (!b->conversation || b->baseline || b->cut || b->late)
		return;
	cursor_verify(cursor, b->conversation, b->asked_ms - b->settle_ms);
	if (!b->pushed && !b->conversation->open && session->last_ms >= 0)
		cursor_set_listed(cursor, b->conversation, hash_entry(cursor, session));
}

static void end_conversation(struct backfill *b, struct cursor *cursor)
{
	verify(b, cursor);
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

	*info = (struct line_info){ .conversation = b->conversation, .message = true, .late = b->known_seen };
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

/* The messages of the newest page, and with them all older ones, count as taken. */
static void end_baseline(struct backfill *b, struct cursor *cursor, bool more)
{
	for (size_t i = b->baseline_count; i--;) {
		cursor_take(cursor, b->conversation, b->baseline_ids[i]);
		if (more && i + 1 == b->baseline_count)
			cursor_verify(cursor, b->conversation, INT64_MAX);
	}
	b->baseline_count = 0;
}

/* No known message was found below these, so they are old. */
static enum status drop_tentative(struct backfill *b, struct err *err)
{
	enum status st = ST_OK;

	for (; !st && b->tentative; b->tentative--, b->pushed--) {
		buf_clear(&b->line);
		st = spill_stack_pop(&b->stack, &b->line, err);
	}
	return st;
}

static bool has_verified(const struct cursor_conversation *conversation)
{
	return conversation->count > conversation->open;
}

/* A known message: all messages above it are new. False if nothing below it can be missing. */
static bool pass_known(struct backfill *b, uint64_t id)
{
	b->newest_seen |= id == b->conversation->newest;
	b->tentative = 0;
	b->known++;
	b->known_seen = true;
	b->verified_seen |= cursor_verified(b->conversation, id);
	return !b->verified_seen || b->known < KNOWN_ENOUGH;
}

/*
 * An unknown message. If the conversation has verified marks, it is new if a known message is below it; otherwise if it,
 * or one below it, is not old by its time. `*go_on` becomes false if everything below it is old.
 */
static enum status pass_unknown(struct backfill *b, const struct line_info *info, bool *go_on, struct err *err)
{
	bool old = info->time_ms >= 0 && cursor_old(b->conversation, info->time_ms);
	enum status st;

	b->known = 0;
	if (old && info->time_ms / 1000 == b->conversation->taken_until_s) {
		/* the newest message when the conversation was first seen */
		b->tentative = 0;
		*go_on = false;
		return ST_OK;
	}
	if (!old && !has_verified(b->conversation))
		b->tentative = 0;
	b->late |= b->known_seen;
	b->pushed++;
	b->page_pushed++;
	if ((st = spill_stack_push(&b->stack, b->line.data, b->line.len, err)))
		return st;
	if (old || has_verified(b->conversation))
		b->tentative++;
	*go_on = !old || b->tentative < OLD_ENOUGH;
	return ST_OK;
}

/* Pushes the message on the stack if it is or may be new. `*go_on` becomes false if no older one can be new. */
static enum status add_message(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value message, const struct history_context *context, bool *go_on, struct err *err)
{
	struct line_info info;

	if (!read_message(b, cursor, message, context, &info))
		return ST_OK;
	if (!hash_recent_add(&b->seen, info.id)) {
		/* new messages shift the next page, so it begins with known ones; otherwise the pages do not fit together */
		b->uncertain |= b->page_pushed > 0;
		return ST_OK;
	}
	if (b->baseline) {
		b->baseline_ids = xgrow(b->baseline_ids, b->baseline_count, &b->baseline_cap, sizeof(*b->baseline_ids));
		b->baseline_ids[b->baseline_count++] = info.id;
		return ST_OK;
	}
	if (!cursor_taken(b->conversation, info.id) &&
		!hash_recent_has(emitted, backfill_key(b->conversation, info.id)))
		return pass_unknown(b, &info, go_on, err);
	*go_on = pass_known(b, info.id);
	return ST_OK;
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
	b->uncertain |= b->conversation && b->conversation->newest && !b->newest_seen;
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
	bool go_on = true, at_end;

	if (!b->conversation)
		b->conversation = conversation_of(cursor, session);
	b->page_pushed = 0;
	if (json_type(messages) == JSON_OBJECT)
		st = add_message(b, cursor, emitted, messages, &context, &go_on, err);
	else
		for (struct json_iter it = json_first(messages); !st && go_on && json_more(it); it = json_next(it))
			st = add_message(b, cursor, emitted, it.value, &context, &go_on, err);
	at_end = go_on && !more;
	if (b->baseline)
		end_baseline(b, cursor, more != NULL);
	go_on = go_on && more && !st && !b->baseline && !b->verified_seen;
	if (go_on && b->next && !strcmp(more, b->next)) {
		st = push_error(b, "the server returns the same page again", err);
		go_on = false;
	} else if (go_on && ++b->pages >= PAGES_MAX) {
		st = push_error(b, "too many pages", err);
		go_on = false;
	}
	free(b->next);
	b->next = more;
	if (st || go_on)
		return st;
	/* if the whole history shows none of the marked messages, it is another one, and new */
	if (!at_end || !has_verified(b->conversation) || b->known_seen)
		st = drop_tentative(b, err);
	if (!st)
		end_pages(b, cursor);
	return st;
}

enum status backfill_cut(struct backfill *b, struct cursor *cursor, const char *why, struct err *err)
{
	enum status st = ST_OK;

	/* if a newer message was taken, that run has reported it */
	b->cut = true;
	if (!b->known_seen)
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
	/* the history does not show the message emitted last, or its pages do not fit together */
	info->late |= b->uncertain && info->conversation;
	if (info->late && !info->skipped) {
		buf_truncate(&b->line, b->line.len - strlen("}\n"));
		buf_adds(&b->line, ",\"late\":true}\n");
	}
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
