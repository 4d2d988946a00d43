#include "api/backfill.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STACK_MEMORY ((size_t)1 << 20)
#define PAGED_MAX 2048
#define KNOWN_ENOUGH 40 /* so many known ones in a row: what is behind them is known too */
#define PAGES_MAX 1000000
#define BASELINE_S 2 /* of a baseline: what is so much older than the newest one is old by its time */

void backfill_init(struct backfill *b, const char *temp_dir)
{
	*b = (struct backfill){ 0 };
	recent_init(&b->paged, PAGED_MAX);
	stack_init(&b->stack, STACK_MEMORY, temp_dir);
	buf_init(&b->line, BUF_NO_MAX);
}

static void begin_conversation(struct backfill *b)
{
	free(b->next);
	b->next = NULL;
	b->known = 0;
	b->pages = 0;
	b->dated = false;
	b->peer = NULL;
	recent_release(&b->paged);
}

static void clear(struct backfill *b)
{
	const char *dir = b->stack.dir;

	begin_conversation(b);
	history_sessions_release(&b->sessions);
	stack_release(&b->stack);
	stack_init(&b->stack, STACK_MEMORY, dir);
	b->at = 0;
}

void backfill_release(struct backfill *b)
{
	clear(b);
	buf_release(&b->line);
	notification_decoder_release(&b->decoder);
}

void backfill_start(struct backfill *b)
{
	clear(b);
	b->found = 0;
	b->need = BACKFILL_SESSIONS;
}

uint64_t backfill_key(const struct cursor_peer *peer, uint64_t id)
{
	return id ^ ((uint64_t)(uintptr_t)peer * UINT64_C(0x9e3779b97f4a7c15));
}

static struct cursor_peer *peer_of(struct cursor *cursor, const struct history_session *session)
{
	const char *type = chat_type_name(session->type);

	return cursor_peer(cursor, type, strlen(type), session->peer, strlen(session->peer));
}

/* No later message can have its second any more, so the same answer the next time will mean: nothing new. */
static void verified(struct backfill *b)
{
	int64_t last_s = b->sessions.items[b->at].last_ms / 1000;

	if (b->peer && last_s > 0 && last_s + 1 < b->newest_s)
		b->peer->verified_s = last_s;
	b->at++;
}

/* Whether a page of the conversation has to be read. */
static bool is_wanted(const struct backfill *b, struct cursor *cursor, const struct history_session *session)
{
	struct cursor_peer *peer = peer_of(cursor, session);
	int64_t last_s = session->last_ms / 1000;

	if (!b->baseline)
		return session->last_ms < 0 || (last_s > peer->floor_s && last_s != peer->verified_s);
	if (session->last_ms < 0 || last_s + 1 >= b->newest_s)
		return true;
	cursor_raise(cursor, peer, last_s); /* nothing can come of that second any more */
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

/* The message's line, behind what is to be remembered of it, in `b->line`. False: nothing that could be passed on. */
static bool read_message(struct backfill *b, const struct cursor *cursor, struct json_value message,
	const struct history_context *context, struct backfill_line *line)
{
	struct notification n;
	struct err why = ERR_INIT;

	*line = (struct backfill_line){ .peer = b->peer, .message = true };
	buf_clear(&b->line);
	buf_add(&b->line, line, sizeof(*line));
	if (notification_from_history(&b->decoder, message, context, &b->line, &n, &why))
		return false; /* no object */
	if (n.message_id.len)
		line->id = cursor_hash(cursor, n.message_id.s, n.message_id.len);
	else
		line->id = cursor_hash(cursor, b->line.data + sizeof(*line), b->line.len - sizeof(*line));
	line->time_ms = n.timestamp_ms;
	line->outbound = n.outbound;
	memcpy(b->line.data, line, sizeof(*line));
	return true;
}

/* Of a baseline: takes one message down as taken. False where everything behind it is old by its time. */
static bool take_down(struct backfill *b, struct cursor *cursor, const struct backfill_line *line)
{
	if (line->time_ms >= 0) {
		/* they come newest first */
		if (!b->dated)
			cursor_raise(cursor, b->peer, line->time_ms / 1000 - BASELINE_S);
		b->dated = true;
		if (cursor_old(b->peer, line->time_ms))
			return false;
	}
	cursor_take(cursor, b->peer, line->id, line->time_ms);
	return true;
}

/* Puts one message on the pile if it is new. False where everything behind it is old. */
static enum status consider(struct backfill *b, struct cursor *cursor, const struct recent *emitted,
	struct json_value message, const struct history_context *context, bool *go_on, struct err *err)
{
	struct backfill_line line;

	if (!read_message(b, cursor, message, context, &line))
		return ST_OK;
	if (b->baseline) {
		*go_on = take_down(b, cursor, &line);
		return ST_OK;
	}
	if (line.time_ms >= 0 && cursor_old(b->peer, line.time_ms) && !cursor_taken(b->peer, line.id)) {
		*go_on = false;
		return ST_OK;
	}
	if (!recent_add(&b->paged, line.id))
		return ST_OK;
	if (cursor_taken(b->peer, line.id) || recent_has(emitted, backfill_key(b->peer, line.id))) {
		*go_on = ++b->known < KNOWN_ENOUGH;
		return ST_OK;
	}
	b->known = 0;
	return stack_push(&b->stack, b->line.data, b->line.len, err);
}

enum status backfill_page(struct backfill *b, struct cursor *cursor, const struct recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err)
{
	const struct history_session *session = &b->sessions.items[b->at];
	struct history_context context = {
		.type = session->type, .peer = session->peer, .self = session->own ? session->own : self
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
	free(b->next);
	b->next = more;
	if (st)
		return st;
	if (b->baseline && !b->dated)
		go_on = false; /* without times, the newest page's IDs must do */
	if (go_on && more && ++b->pages < PAGES_MAX)
		return ST_OK;
	if (!stack_empty(&b->stack)) {
		b->need = BACKFILL_ROOM;
		return ST_OK;
	}
	if (!b->baseline)
		verified(b);
	else
		b->at++;
	advance(b, cursor);
	return ST_OK;
}

enum status backfill_next(struct backfill *b, struct cursor *cursor, struct buf *out, struct backfill_line *line,
	struct err *err)
{
	enum status st;

	buf_clear(&b->line);
	if ((st = stack_pop(&b->stack, &b->line, err)))
		return st;
	memcpy(line, b->line.data, sizeof(*line));
	buf_add(out, b->line.data + sizeof(*line), b->line.len - sizeof(*line));
	b->found++;
	if (stack_empty(&b->stack)) {
		verified(b);
		advance(b, cursor);
	}
	return ST_OK;
}
