#include "api/backfill.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STACK_MEMORY ((size_t)1 << 20)
#define PAGED_MAX 2048
#define KNOWN_ENOUGH 40 /* so many known ones in a row: what is behind them is known too */
#define PAGES_MAX 1000000

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

/* The next conversation in which something may be new. */
static void advance(struct backfill *b, const struct cursor *cursor)
{
	begin_conversation(b);
	for (; b->at < b->sessions.count; b->at++) {
		const struct history_session *session = &b->sessions.items[b->at];
		const struct cursor_peer *peer = cursor_find(cursor, chat_type_name(session->type), session->peer);

		if (session->last_ms < 0 || !peer ||
			(session->last_ms / 1000 > peer->floor_s && session->last_ms / 1000 != peer->verified_s)) {
			b->need = BACKFILL_PAGE;
			return;
		}
	}
	clear(b);
	b->need = BACKFILL_NOTHING;
}

void backfill_sessions(struct backfill *b, struct cursor *cursor, struct history_sessions *sessions, bool baseline,
	int64_t wall_ms)
{
	clear(b);
	if (baseline) {
		for (size_t i = 0; i < sessions->count; i++) {
			const struct history_session *session = &sessions->items[i];

			cursor_raise(cursor, peer_of(cursor, session),
				(session->last_ms < 0 ? wall_ms : session->last_ms) / 1000);
		}
		history_sessions_release(sessions);
	}
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

/* Puts one message on the pile if it is new. False where everything behind it is old. */
static enum status consider(struct backfill *b, const struct cursor *cursor, const struct recent *emitted,
	struct json_value message, const struct history_context *context, bool *go_on, struct err *err)
{
	struct backfill_line line = { .peer = b->peer };
	struct notification n;
	struct err why = ERR_INIT;
	enum status st;

	buf_clear(&b->line);
	buf_add(&b->line, &line, sizeof(line));
	if (notification_from_history(&b->decoder, message, context, &b->line, &n, &why))
		return ST_OK; /* no object: nothing that could be passed on */
	if (n.message_id.len)
		line.id = cursor_hash(cursor, n.message_id.s, n.message_id.len);
	else
		line.id = cursor_hash(cursor, b->line.data + sizeof(line), b->line.len - sizeof(line));
	line.time_ms = n.timestamp_ms;
	line.outbound = n.outbound;
	memcpy(b->line.data, &line, sizeof(line));
	if (n.timestamp_ms >= 0 && n.timestamp_ms / 1000 <= b->peer->floor_s && !cursor_taken(b->peer, line.id)) {
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
	st = stack_push(&b->stack, b->line.data, b->line.len, err);
	return st;
}

enum status backfill_page(struct backfill *b, const struct cursor *cursor, const struct recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err)
{
	const struct history_session *session = &b->sessions.items[b->at];
	struct history_context context = {
		.type = session->type, .peer = session->peer, .self = session->own ? session->own : self
	};
	enum status st = ST_OK;
	bool go_on = true;

	if (!b->peer)
		b->peer = (struct cursor_peer *)cursor_find(cursor, chat_type_name(session->type), session->peer);
	if (json_type(messages) == JSON_OBJECT)
		st = consider(b, cursor, emitted, messages, &context, &go_on, err);
	else
		for (struct json_iter it = json_first(messages); !st && go_on && json_more(it); it = json_next(it))
			st = consider(b, cursor, emitted, it.value, &context, &go_on, err);
	free(b->next);
	b->next = more;
	if (st)
		return st;
	if (go_on && more && ++b->pages < PAGES_MAX)
		return ST_OK;
	if (!stack_empty(&b->stack)) {
		b->need = BACKFILL_ROOM;
		return ST_OK;
	}
	verified(b);
	advance(b, cursor);
	return ST_OK;
}

enum status backfill_next(struct backfill *b, const struct cursor *cursor, struct buf *out, struct backfill_line *line,
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
