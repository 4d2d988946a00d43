#include "listen/backfill.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STACK_MEMORY ((size_t)1 << 20)
#define PAGED_MAX 2048
#define KNOWN_ENOUGH 40 /* so many known ones in a row: what is behind them is known too */
#define OLD_ENOUGH 40 /* the same of those that are old by their time */
#define DOUBTFUL_MAX ((size_t)1 << 20) /* bytes of these */
#define PAGES_MAX 10000 /* of one conversation: half a million messages */
#define BASELINE_S 2 /* of a baseline: what is so much older than the newest one is old by its time */

void backfill_init(struct backfill *b, const char *temp_dir)
{
	*b = (struct backfill){ 0 };
	hash_recent_init(&b->paged, PAGED_MAX);
	spill_stack_init(&b->stack, STACK_MEMORY, temp_dir);
	buf_init(&b->line, BUF_NO_MAX);
	buf_init(&b->clock_suspect, BUF_NO_MAX);
}

static void disbelieve(struct backfill *b)
{
	buf_clear(&b->clock_suspect);
	b->doubtful_count = 0;
}

static void begin_conversation(struct backfill *b)
{
	free(b->next);
	b->next = NULL;
	b->known = 0;
	b->pages = 0;
	b->dated = false;
	b->peer = NULL;
	hash_recent_release(&b->paged);
	disbelieve(b);
}

static void clear(struct backfill *b)
{
	const char *dir = b->stack.dir;

	begin_conversation(b);
	history_sessions_release(&b->sessions);
	spill_stack_release(&b->stack);
	spill_stack_init(&b->stack, STACK_MEMORY, dir);
	b->at = 0;
}

void backfill_release(struct backfill *b)
{
	clear(b);
	buf_release(&b->line);
	buf_release(&b->clock_suspect);
	notification_decoder_release(&b->decoder);
}

void backfill_start(struct backfill *b)
{
	clear(b);
	b->need = BACKFILL_SESSIONS;
}

uint64_t backfill_key(const struct cursor_conversation *peer, uint64_t id)
{
	return id ^ ((uint64_t)(uintptr_t)peer * UINT64_C(0x9e3779b97f4a7c15));
}

static struct slice slice_of(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

/* "+15550001 16135550100": the own number by its digits, since a server may write it in more ways than one. */
static void add_key(struct buf *key, struct slice peer, struct slice own)
{
	size_t before;

	buf_add(key, peer.s, peer.len);
	buf_addc(key, ' ');
	before = key->len;
	for (size_t i = 0; i < own.len; i++) {
		if (own.s[i] >= '0' && own.s[i] <= '9')
			buf_addc(key, own.s[i]);
	}
	if (key->len == before)
		buf_add(key, own.s, own.len);
}

/* Some conversation with the number, whichever the own one is. */
static struct cursor_conversation *any_with(const struct cursor *cursor, const char *type, struct slice number)
{
	struct cursor_conversation *peer;

	for (size_t i = 0; (peer = cursor_at(cursor, i)); i++) {
		if (!strcmp(peer->type, type) && strlen(peer->name) > number.len && peer->name[number.len] == ' ' &&
			!memcmp(peer->name, number.s, number.len))
			return peer;
	}
	return NULL;
}

/*
 * A server may not say on the socket which of the own numbers a message is for. That must not make two conversations of
 * one, of which the other one is the history's.
 */
static struct cursor_conversation *sms_peer(struct cursor *cursor, struct slice number, struct slice own)
{
	const char *type = address_type_name(CHAT_SMS);
	char *plain = xmemdup0(number.s, number.len);
	struct cursor_conversation *peer = NULL;
	struct buf key;

	buf_init(&key, BUF_NO_MAX);
	add_key(&key, number, own);
	if (own.len)
		peer = cursor_find(cursor, type, key.data);
	if (!peer)
		peer = cursor_find(cursor, type, plain);
	if (!peer && !own.len)
		peer = any_with(cursor, type, number);
	if (!peer)
		peer = cursor_conversation(cursor, type, strlen(type), own.len ? key.data : plain,
			own.len ? key.len : number.len);
	buf_release(&key);
	free(plain);
	return peer;
}

struct cursor_conversation *backfill_conversation(struct cursor *cursor, enum chat_type type, struct slice peer,
	struct slice own)
{
	const char *name = address_type_name(type);

	/* names are C strings there */
	peer.len = strnlen(peer.s, peer.len);
	own.len = own.s ? strnlen(own.s, own.len) : 0;
	if (type == CHAT_SMS)
		return sms_peer(cursor, peer, own);
	return cursor_conversation(cursor, name, strlen(name), peer.s, peer.len);
}

static struct cursor_conversation *peer_of(struct cursor *cursor, const struct history_session *session)
{
	return backfill_conversation(cursor, session->type, slice_of(session->conversation), slice_of(session->own));
}

/* No later message can have its second any more, so the same answer the next time will mean: nothing new. */
static void verified(struct backfill *b)
{
	int64_t last_s = b->sessions.items[b->at].last_ms / 1000;

	if (b->peer && last_s > 0 && last_s + 1 < b->newest_s)
		b->peer->synced_until_s = last_s;
}

/* Its newest message is not the one that was taken last, and yet old by its time. */
static bool has_gone_back(const struct cursor_conversation *peer, int64_t last_s)
{
	return cursor_last(peer) >= 0 && last_s != cursor_last(peer);
}

/* Whether a page of the conversation has to be read. */
static bool is_wanted(const struct backfill *b, struct cursor *cursor, const struct history_session *session)
{
	struct cursor_conversation *peer = peer_of(cursor, session);
	int64_t last_s = session->last_ms / 1000;

	if (!b->baseline)
		return session->last_ms < 0 ||
			(last_s != peer->synced_until_s &&
				(last_s > peer->taken_until_s || has_gone_back(peer, last_s)));
	if (session->last_ms < 0 || last_s + 1 >= b->newest_s)
		return true;
	cursor_advance(cursor, peer, last_s); /* nothing can come of that second any more */
	return false;
}

/* The next conversation in which something may be new. */
static void advance(struct backfill *b, struct cursor *cursor)
{
	begin_conversation(b);
	for (; b->at < b->sessions.count; b->at++) {
		if (is_wanted(b, cursor, &b->sessions.items[b->at])) {
			b->need = BACKFILL_PAGE;
			return;
		}
	}
	clear(b);
	b->need = BACKFILL_NOTHING;
}

void backfill_sessions(struct backfill *b, struct cursor *cursor, struct history_sessions *sessions, bool baseline)
{
	clear(b);
	b->baseline = baseline;
	b->sessions = *sessions;
	*sessions = (struct history_sessions){ 0 };
	b->newest_s = 0;
	for (size_t i = 0; i < b->sessions.count; i++) {
		peer_of(cursor, &b->sessions.items[i]);
		if (b->sessions.items[i].last_ms / 1000 > b->newest_s)
			b->newest_s = b->sessions.items[i].last_ms / 1000;
	}
	advance(b, cursor);
}

const struct history_session *backfill_request(const struct backfill *b, const char **next)
{
	*next = b->next;
	return &b->sessions.items[b->at];
}

/*
 * The message's line, or why there can be none, behind what is to be remembered of it, in `b->line`. False: it is no
 * message at all.
 */
static bool read_message(struct backfill *b, const struct cursor *cursor, struct json_value message,
	const struct history_context *context, struct backfill_line *line)
{
	struct notification n;
	struct err why = ERR_INIT;
	enum status st;

	*line = (struct backfill_line){ .peer = b->peer, .message = true };
	buf_clear(&b->line);
	buf_add(&b->line, line, sizeof(*line));
	st = notification_from_history(&b->decoder, message, context, &b->line, &n, &why);
	if (st == ST_PROTOCOL)
		return false;
	line->time_ms = n.timestamp_ms;
	line->outbound = n.outbound;
	line->lost = st != ST_OK;
	if (line->lost)
		buf_addf(&b->line, "message '%.*s' of '%s' cannot be handed on: %s", (int)n.message_id.len,
			n.message_id.len ? n.message_id.s : "", context->conversation, why.text);
	if (n.message_id.len)
		line->id = cursor_hash(cursor, n.message_id.s, n.message_id.len);
	else
		line->id = cursor_hash(cursor, b->line.data + sizeof(*line), b->line.len - sizeof(*line));
	memcpy(b->line.data, line, sizeof(*line));
	return true;
}

/* Of a baseline: takes one message down as taken. False where everything behind it is old by its time. */
static bool take_down(struct backfill *b, struct cursor *cursor, const struct backfill_line *line)
{
	if (line->time_ms >= 0) {
		/* they come newest first */
		if (!b->dated)
			cursor_advance(cursor, b->peer, line->time_ms / 1000 - BASELINE_S);
		b->dated = true;
		if (cursor_old(b->peer, line->time_ms))
			return false;
	}
	cursor_take(cursor, b->peer, line->id, line->time_ms);
	return true;
}

/* What is old by its time stands before something that is not: so the times are wrong, and it is new. */
static enum status believe(struct backfill *b, struct err *err)
{
	enum status st = ST_OK;

	for (size_t at = 0, len; !st && at < b->clock_suspect.len; at += sizeof(len) + len) {
		memcpy(&len, b->clock_suspect.data + at, sizeof(len));
		st = spill_stack_push(&b->stack, b->clock_suspect.data + at + sizeof(len), len, err);
	}
	disbelieve(b);
	return st;
}

/* False where so many were old that what is behind them is old, too. */
static bool doubt(struct backfill *b)
{
	if (b->clock_suspect.len + b->line.len > DOUBTFUL_MAX)
		return false;
	buf_add(&b->clock_suspect, &b->line.len, sizeof(b->line.len));
	buf_add(&b->clock_suspect, b->line.data, b->line.len);
	return ++b->doubtful_count < OLD_ENOUGH;
}

/* Puts one message on the pile if it is new. False where everything behind it is old. */
static enum status consider(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value message, const struct history_context *context, bool *go_on, struct err *err)
{
	struct backfill_line line;
	enum status st = ST_OK;
	bool old;

	if (!read_message(b, cursor, message, context, &line))
		return ST_OK;
	if (b->baseline) {
		*go_on = take_down(b, cursor, &line);
		return ST_OK;
	}
	if (!hash_recent_add(&b->paged, line.id))
		return ST_OK;
	old = line.time_ms >= 0 && cursor_old(b->peer, line.time_ms);
	if (!old && line.time_ms >= 0 && (st = believe(b, err)))
		return st;
	if (cursor_taken(b->peer, line.id) || hash_recent_has(emitted, backfill_key(b->peer, line.id))) {
		/* in a gap, what is missing stands behind what was taken */
		*go_on = ++b->known < KNOWN_ENOUGH || cursor_has_gap(cursor);
	} else if (old) {
		*go_on = doubt(b);
	} else {
		b->known = 0;
		st = spill_stack_push(&b->stack, b->line.data, b->line.len, err);
	}
	return st;
}

/* What is behind the pages that were read is not: they are handed on, with a word about the rest. */
static enum status cut_off(struct backfill *b, const char *why, struct err *err)
{
	struct backfill_line line = { .lost = true };

	if (b->baseline)
		return ST_OK; /* no message of it was wanted */
	buf_clear(&b->line);
	buf_add(&b->line, &line, sizeof(line));
	buf_addf(&b->line, "the history of '%s' %s", b->sessions.items[b->at].conversation, why);
	return spill_stack_push(&b->stack, b->line.data, b->line.len, err);
}

static void end_conversation(struct backfill *b, struct cursor *cursor)
{
	if (!b->baseline)
		verified(b);
	b->at++;
	advance(b, cursor);
}

/* All pages that there are have been read. */
static void hand_on(struct backfill *b, struct cursor *cursor)
{
	if (spill_stack_empty(&b->stack))
		end_conversation(b, cursor);
	else
		b->need = BACKFILL_ROOM;
}

enum status backfill_page(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err)
{
	const struct history_session *session = &b->sessions.items[b->at];
	struct history_context context = {
		.type = session->type, .conversation = session->conversation, .self = session->own ? session->own : self
	};
	enum status st = ST_OK;
	bool go_on = true;

	if (!b->peer)
		b->peer = peer_of(cursor, session);
	if (json_type(messages) == JSON_OBJECT)
		st = consider(b, cursor, emitted, messages, &context, &go_on, err);
	else
		for (struct json_iter it = json_first(messages); !st && go_on && json_more(it); it = json_next(it))
			st = consider(b, cursor, emitted, it.value, &context, &go_on, err);
	if (b->baseline && !b->dated)
		go_on = false; /* without times, the newest page's IDs must do */
	go_on = go_on && more && !st;
	if (go_on && b->next && !strcmp(more, b->next)) {
		st = cut_off(b, "comes in pages that repeat themselves; what is older is left out", err);
		go_on = false;
	} else if (go_on && ++b->pages >= PAGES_MAX) {
		st = cut_off(b, "has too many pages; what is older is left out", err);
		go_on = false;
	}
	free(b->next);
	b->next = more;
	if (!st && !go_on)
		hand_on(b, cursor);
	return st;
}

enum status backfill_cut(struct backfill *b, struct cursor *cursor, const char *why, struct err *err)
{
	enum status st = ST_OK;
	char *text;

	/* behind what was taken, it was said when that was */
	if (!b->known || cursor_has_gap(cursor)) {
		text = xasprintf("cannot be read to its end: %s", why);
		st = cut_off(b, text, err);
		free(text);
	}
	if (!st)
		hand_on(b, cursor);
	return st;
}

enum status backfill_next(struct backfill *b, struct cursor *cursor, struct buf *out, struct backfill_line *line,
	struct err *err)
{
	enum status st;

	buf_clear(&b->line);
	if ((st = spill_stack_pop(&b->stack, &b->line, err)))
		return st;
	memcpy(line, b->line.data, sizeof(*line));
	buf_add(out, b->line.data + sizeof(*line), b->line.len - sizeof(*line));
	if (spill_stack_empty(&b->stack))
		end_conversation(b, cursor);
	return ST_OK;
}

void backfill_skip(struct backfill *b, struct cursor *cursor)
{
	const char *dir = b->stack.dir;

	spill_stack_release(&b->stack);
	spill_stack_init(&b->stack, STACK_MEMORY, dir);
	b->at++;
	advance(b, cursor);
}
