/*
 * What comes in and goes out: duplicates, the history in front of what the socket delivered meanwhile, filters, and
 * flow control.
 */
#include "api/listener-int.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

void flow_init(struct listener *l)
{
	hash_key_random(&l->key);
	recent_init(&l->ids, IDS_REMEMBERED);
	recent_init(&l->emitted, EMITTED_REMEMBERED);
	buf_init(&l->line, BUF_NO_MAX);
	buf_init(&l->filtered, BUF_NO_MAX);
	buf_init(&l->held, BUF_NO_MAX);
	backfill_init(&l->backfill, l->config.temp_dir);
	l->baseline = l->config.baseline;
}

void flow_release(struct listener *l)
{
	recent_release(&l->ids);
	recent_release(&l->emitted);
	notification_decoder_release(&l->decoder);
	json_release(&l->text_doc);
	buf_release(&l->line);
	buf_release(&l->filtered);
	buf_release(&l->held);
	backfill_release(&l->backfill);
}

#define HISTORY_TRIES 6 /* for what makes no sense, but may be better the next time */

static void warn(struct listener *l, const char *text)
{
	if (l->config.warn)
		l->config.warn(text);
}

/* A message that nobody will get any more. */
static void lost(struct listener *l, const char *text)
{
	l->lost++;
	if (l->config.error)
		l->config.error(text);
}

static bool ended(const struct listener *l)
{
	return l->state >= STATE_DRAINING;
}

/* What waits for the reader and the command, as memory. */
static size_t waiting(const struct listener *l)
{
	return outflow_weight(l->config.outflow) + (l->config.handover ? l->config.handover->bytes : 0);
}

/* ---- out ------------------------------------------------------------------------------------------------------- */

/* Whose message it is that stands in l->line, for a complaint. */
static void describe(struct json_value line, struct buf *out)
{
	buf_adds(out, "message '");
	json_string(json_get(line, "messageId"), out);
	buf_adds(out, "' of '");
	json_string(json_get(line, "sender"), out);
	buf_addc(out, '\'');
}

/* What the filter made of l->line before it failed is not handed on. */
static void filter_failed(struct listener *l, const struct err *err)
{
	struct json_value line = { 0 };
	struct buf text;

	if (!json_parse(&l->text_doc, l->line.data, l->line.len, NULL, NULL))
		line = json_root(&l->text_doc);
	if (!json_equals(json_get(line, "event"), "message")) {
		warn(l, err->text); /* programs that are made for messages fail on typing and the like */
		return;
	}
	buf_init(&text, BUF_NO_MAX);
	describe(line, &text);
	buf_addf(&text, " is lost: %s", err->text);
	lost(l, text.data);
	buf_release(&text);
}

static void filter(struct listener *l, struct buf *out)
{
	struct err err = ERR_INIT;
	size_t before = out->len;

	if (filter_run(l->config.filter, l->line.data, l->line.len, out, &err)) {
		buf_truncate(out, before);
		filter_failed(l, &err);
	}
}

/* Each line for people. */
static void to_text(struct listener *l, const char *lines, size_t len, struct buf *out)
{
	struct err err = ERR_INIT;
	const char *end;

	for (; len && (end = memchr(lines, '\n', len)); len -= (size_t)(end + 1 - lines), lines = end + 1) {
		if (notification_text(&l->text_doc, lines, (size_t)(end - lines), l->config.wall_ms(), out, &err))
			warn(l, err.text);
	}
}

/* What the format makes of l->line. */
static void shape_unfiltered(struct listener *l, struct buf *out)
{
	if (l->config.text)
		to_text(l, l->line.data, l->line.len, out);
	else
		buf_add(out, l->line.data, l->line.len);
}

/* What the filter and the format make of it. */
static void shape(struct listener *l, struct buf *out)
{
	if (l->config.filter && l->config.text) {
		buf_clear(&l->filtered);
		filter(l, &l->filtered);
		to_text(l, l->filtered.data, l->filtered.len, out);
	} else if (l->config.filter) {
		filter(l, out);
	} else {
		shape_unfiltered(l, out);
	}
}

/* For the reader of the output. */
static void print(struct listener *l, void (*make)(struct listener *l, struct buf *out))
{
	struct buf *out = &l->config.outflow->bytes;
	struct buf made;

	if (!l->config.terminal) {
		make(l, out);
		return;
	}
	buf_init(&made, BUF_NO_MAX);
	make(l, &made);
	utf8_escape_controls(out, made.data, made.len);
	buf_release(&made);
}

static void count_line(struct listener *l, int64_t now)
{
	l->lines++;
	if (l->config.idle_ms)
		l->idle_at = now + l->config.idle_ms;
	if (l->config.count && l->lines >= l->config.count)
		listener_finish(l, now, ST_OK, NULL, LISTENER_NEVER);
}

/* The cursor moves over the message as soon as all before it has been taken. */
static void receipt(struct listener *l, const struct backfill_line *at)
{
	if (!at->peer)
		return; /* it has no ID: the history cannot bring it again */
	if (l->config.handover)
		handover_pass(l->config.handover, l->config.cursor, at->peer, at->id, at->time_ms);
	else
		outflow_receipt(l->config.outflow, l->config.cursor, at->peer, at->id, at->time_ms);
}

static void print_notification(struct listener *l, int64_t now, const struct backfill_line *at)
{
	size_t before = l->config.outflow->bytes.len;

	print(l, shape);
	receipt(l, at);
	if (l->config.outflow->bytes.len != before)
		count_line(l, now);
}

static void hand_over(struct listener *l, int64_t now, const struct backfill_line *at)
{
	buf_clear(&l->filtered);
	shape(l, &l->filtered);
	if (!l->filtered.len) {
		receipt(l, at);
		return;
	}
	handover_add(l->config.handover, l->filtered.data, l->filtered.len, at->peer, at->id, at->time_ms);
	count_line(l, now);
}

/* Lines of one notification that stand in l->line. */
static void emit(struct listener *l, int64_t now, const struct backfill_line *at)
{
	if (at->outbound && !l->config.outbound)
		receipt(l, at); /* not wanted, and no less dealt with */
	else if (at->message && l->config.handover)
		hand_over(l, now, at);
	else if (!l->config.handover || l->config.events)
		print_notification(l, now, at);
}

void flow_event(struct listener *l, const char *status, const char *reason)
{
	struct buf *out = &l->line;

	if (!l->config.events || ended(l))
		return;
	buf_clear(out);
	json_open(out, '{');
	json_add_string(out, "event", "connection");
	json_add_string(out, "status", status);
	if (reason)
		json_add_string(out, "reason", reason);
	json_add_int(out, "timestamp", l->config.wall_ms());
	json_close(out, '}');
	buf_addc(out, '\n');
	/* not through the filter: it is about the listener, and not about what was asked for; and not counted */
	print(l, shape_unfiltered);
}

/* ---- in -------------------------------------------------------------------------------------------------------- */

static struct cursor_peer *peer_of(struct listener *l, const struct notification *n)
{
	const char *type = chat_type_name(n->type);
	struct cursor_peer *last = l->last_peer;

	/* mostly it is the one of the message before */
	if (last && n->type != CHAT_SMS && strlen(last->name) == n->conversation.len &&
		!memcmp(last->name, n->conversation.s, n->conversation.len) && !strcmp(last->type, type))
		return last;
	l->last_peer = backfill_peer(l->config.cursor, n->type, n->conversation, n->own);
	return l->last_peer;
}

static void on_cancelled(struct listener *l, const struct notification *n)
{
	l->want_resubscribe = true;
	l->cancelled = n->service;
}

/*
 * What comes late on the socket, after the history had it and more that is newer than is remembered message by message.
 * A message whose time alone is old is new all the same: the service's clock may have gone back.
 */
static bool is_late(struct listener *l, const struct backfill_line *at)
{
	if (at->time_ms / 1000 > at->peer->passed_s)
		return false;
	warn(l, "the socket brings what is older than what the history has brought; it is passed over");
	return true;
}

/* True for what is to be passed on, with `at` filled for a message. */
static bool is_new(struct listener *l, const struct notification *n, struct backfill_line *at)
{
	*at = (struct backfill_line){ .message = n->kind == NOTIFICATION_MESSAGE, .outbound = n->outbound };
	if (n->id.len && !recent_add(&l->ids, hash_bytes(&l->key, n->id.s, n->id.len)))
		return false;
	if (!at->message || !n->message_id.len || !n->conversation.len)
		return true;
	at->peer = peer_of(l, n);
	at->id = cursor_hash(l->config.cursor, n->message_id.s, n->message_id.len);
	at->time_ms = n->timestamp_ms < 0 ? l->config.wall_ms() : n->timestamp_ms;
	if (!recent_add(&l->emitted, backfill_key(at->peer, at->id)) || cursor_taken(at->peer, at->id))
		return false;
	return !is_late(l, at);
}

/* One that makes no line: not to be read, or too long. */
static void unreadable(struct listener *l, const struct notification *n, const struct err *err)
{
	struct backfill_line at;
	struct buf text;

	if (err->status != ST_DATA) {
		/* whatever it was; a message would be in the history, too */
		if (l->config.error)
			l->config.error(err->text);
		return;
	}
	if (!is_new(l, n, &at))
		return;
	buf_init(&text, BUF_NO_MAX);
	buf_addf(&text, "message '%.*s' of '%.*s' cannot be handed on: %s", (int)n->message_id.len,
		n->message_id.len ? n->message_id.s : "", (int)n->conversation.len,
		n->conversation.len ? n->conversation.s : "", err->text);
	lost(l, text.data);
	buf_release(&text);
	receipt(l, &at);
}

/* One message that is neither held nor a keep-alive. */
static void take(struct listener *l, int64_t now, const char *text, size_t len)
{
	struct backfill_line at;
	struct notification n = { 0 };
	struct err err = ERR_INIT;

	buf_clear(&l->line);
	if (notification_decode(&l->decoder, text, len, &l->line, &n, &err)) {
		unreadable(l, &n, &err);
		return;
	}
	if (n.kind == NOTIFICATION_CONN_CHECK) {
		listener_send(l, "{\"connAck\":{}}");
		if (l->server_role && n.interval_ms > 0)
			l->keepalive_ms = n.interval_ms;
		return;
	}
	if (n.kind == NOTIFICATION_CONN_ACK || !is_new(l, &n, &at))
		return;
	if (n.kind == NOTIFICATION_SUBSCRIPTION)
		on_cancelled(l, &n);
	emit(l, now, &at);
}

/* Keep-alives are small; whatever is larger cannot be one, and is not looked at before its time. */
static bool maybe_keepalive(const char *text, size_t len)
{
	return len < 200 && (memmem(text, len, "conn", 4) || memmem(text, len, "Conn", 4));
}

void flow_message(struct listener *l, int64_t now, const char *text, size_t len)
{
	if (ended(l))
		return;
	if (!l->filling || maybe_keepalive(text, len)) {
		take(l, now, text, len);
	} else {
		buf_add(&l->held, &len, sizeof(len));
		buf_add(&l->held, text, len);
	}
	if (waiting(l) > WAITING_HIGH || l->held.len > HELD_HIGH)
		flow_advance(l, now);
}

/* ---- history --------------------------------------------------------------------------------------------------- */

void flow_begin(struct listener *l)
{
	if (!l->config.history)
		return;
	l->refill_at = LISTENER_NEVER;
	if (l->filling) {
		/* what is being read was asked for before this connection */
		l->refill = l->backfill.need != BACKFILL_SESSIONS || l->busy == LISTENER_SESSIONS;
		return;
	}
	l->filling = true;
	l->poured = 0;
	backfill_start(&l->backfill);
}

void flow_abandon(struct listener *l)
{
	buf_clear(&l->held);
	l->paused = false;
}

bool flow_request(struct listener *l, struct listener_request *request)
{
	bool ready = l->state == STATE_OPEN || l->config.once || l->baseline;

	if (!l->filling || !ready || l->refill_at != LISTENER_NEVER)
		return false;
	if (l->backfill.need == BACKFILL_SESSIONS) {
		*request = (struct listener_request){ .job = LISTENER_SESSIONS };
	} else if (l->backfill.need == BACKFILL_PAGE) {
		*request = (struct listener_request){ .job = LISTENER_PAGE };
		request->session = backfill_request(&l->backfill, &request->next);
	} else {
		return false;
	}
	return true;
}

/* True for an answer that the next attempt will get, too: the service has no history for us. */
static bool no_history(const struct err *err)
{
	return err->http >= 400 && err->http < 500 && err->http != 408 && err->http != 429;
}

/* Goes on without: what is held is let through. */
static void give_history_up(struct listener *l, const struct err *err)
{
	char text[1200];

	snprintf(text, sizeof(text), "the history cannot be read, what came while nobody listened is not fetched: %s",
		err->text);
	warn(l, text);
	flow_event(l, "gap", err->text);
	l->config.history = !no_history(err);
	l->backfill.need = BACKFILL_NOTHING;
}

/* It cannot be had now: later, as long as that makes sense, and what the socket delivers is held meanwhile. */
static void history_failed(struct listener *l, int64_t now, const struct err *err)
{
	bool lasting = !err->retryable && (no_history(err) || l->history_backoff.tries >= HISTORY_TRIES);

	if (err->status == ST_AUTH || err->status == ST_CONFIG ||
		(l->config.once && (lasting || l->history_backoff.tries >= HISTORY_TRIES))) {
		listener_finish(l, now, err->status, err, 0);
	} else if (lasting) {
		give_history_up(l, err);
	} else {
		if (l->config.max_offline_ms && l->offline_at == LISTENER_NEVER)
			l->offline_at = now + l->config.max_offline_ms;
		l->refill_at = now + backoff_next(&l->history_backoff, err->retry_after_ms);
	}
}

/* What is there counts as taken, and is known by now: what comes from here on is new. */
static void end_baseline(struct listener *l, int64_t now)
{
	l->baseline = false;
	if (l->config.once) {
		listener_push(l, LISTENER_ACT_READY);
		listener_finish(l, now, ST_OK, NULL, LISTENER_NEVER);
		return;
	}
	l->filling = false;
	backoff_reset(&l->history_backoff);
	listener_connect(l, now);
}

/* So much has come that not all of it is remembered message by message. */
static void remember_times(struct listener *l)
{
	struct cursor_peer *peer;

	if (l->poured < EMITTED_REMEMBERED / 2)
		return;
	for (size_t i = 0; (peer = cursor_at(l->config.cursor, i)); i++)
		peer->passed_s = peer->floor_s;
}

static void end_filling(struct listener *l, int64_t now)
{
	struct buf held = l->held;

	l->filling = false;
	l->offline_at = LISTENER_NEVER;
	backoff_reset(&l->history_backoff);
	remember_times(l);
	buf_init(&l->held, BUF_NO_MAX);
	for (size_t at = 0; at < held.len && !ended(l);) {
		size_t len;

		memcpy(&len, held.data + at, sizeof(len));
		take(l, now, held.data + at + sizeof(len), len);
		at += sizeof(len) + len;
	}
	buf_release(&held);
	if (!ended(l) && l->config.once)
		listener_finish(l, now, ST_OK, NULL, LISTENER_NEVER);
	if (!l->ready) {
		l->ready = true;
		listener_push(l, LISTENER_ACT_READY);
	}
}

void flow_sessions(struct listener *l, int64_t now, struct listener_result *result)
{
	if (l->backfill.need != BACKFILL_SESSIONS)
		return;
	if (result->status)
		history_failed(l, now, &result->err);
	else
		backfill_sessions(&l->backfill, l->config.cursor, &result->sessions, l->baseline);
}

void flow_page(struct listener *l, int64_t now, struct listener_result *result)
{
	struct err err = ERR_INIT;

	if (l->backfill.need != BACKFILL_PAGE)
		return;
	if (result->status) {
		history_failed(l, now, &result->err);
		return;
	}
	backoff_reset(&l->history_backoff);
	if (backfill_page(&l->backfill, l->config.cursor, &l->emitted, result->messages, result->more, l->self, &err))
		listener_finish(l, now, err.status, &err, 0);
	result->more = NULL;
}

static void pour_one(struct listener *l, int64_t now, const struct backfill_line *at)
{
	if (at->peer && !recent_add(&l->emitted, backfill_key(at->peer, at->id)))
		return;
	l->poured++;
	if (!at->lost) {
		emit(l, now, at);
		return;
	}
	lost(l, l->line.data);
	receipt(l, at);
}

/* The lines of the history that there is room for. */
static void pour(struct listener *l, int64_t now)
{
	struct backfill_line at;
	struct err err = ERR_INIT;

	while (!ended(l) && l->backfill.need == BACKFILL_ROOM && waiting(l) < WAITING_HIGH) {
		buf_clear(&l->line);
		if (backfill_next(&l->backfill, l->config.cursor, &l->line, &at, &err)) {
			listener_finish(l, now, err.status, &err, 0);
			return;
		}
		pour_one(l, now, &at);
	}
}

static void control_flow(struct listener *l, int64_t now)
{
	size_t weight = waiting(l);

	if (!l->socket || l->state != STATE_OPEN)
		return;
	if (!l->paused && (weight > WAITING_HIGH || l->held.len > HELD_HIGH)) {
		l->paused = true;
		listener_push(l, LISTENER_ACT_PAUSE);
	} else if (l->paused && weight <= WAITING_LOW && l->held.len <= HELD_HIGH) {
		l->paused = false;
		l->last_sign = now; /* silence was our doing */
		listener_push(l, LISTENER_ACT_RESUME);
	}
}

void flow_advance(struct listener *l, int64_t now)
{
	if (l->filling) {
		pour(l, now);
		if (!ended(l) && l->backfill.need == BACKFILL_NOTHING) {
			if (l->baseline)
				end_baseline(l, now);
			else if (l->refill && l->config.history)
				backfill_start(&l->backfill);
			else if (l->config.once || l->state == STATE_OPEN)
				end_filling(l, now);
			else
				l->filling = false; /* the next connection begins anew */
			l->refill = false;
		}
	}
	control_flow(l, now);
}
