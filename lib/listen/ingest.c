/*
 * What comes in and goes out: duplicates, the history in front of what the socket delivered meanwhile, filters, and
 * flow control.
 */
#include "listen/machine-int.h"

#include "client/client.h"
#include "wire/service_error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ingest_init(struct machine *l)
{
	hash_key_random(&l->key);
	hash_recent_init(&l->ids, IDS_REMEMBERED);
	hash_recent_init(&l->emitted, EMITTED_REMEMBERED);
	buf_init(&l->line, BUF_NO_MAX);
	buf_init(&l->filtered, BUF_NO_MAX);
	buf_init(&l->buffered, BUF_NO_MAX);
	backfill_init(&l->backfill, l->config.temp_dir);
	l->baseline = l->config.baseline;
}

void ingest_release(struct machine *l)
{
	hash_recent_release(&l->ids);
	hash_recent_release(&l->emitted);
	notification_decoder_release(&l->decoder);
	json_release(&l->text_doc);
	buf_release(&l->line);
	buf_release(&l->filtered);
	buf_release(&l->buffered);
	backfill_release(&l->backfill);
}

#define STALL_MS 30000 /* so long, what the socket delivers is held for want of an answer from the history */
#define REREAD_MS 30000 /* between two looks at the history for the sake of what could not be read on the socket */
#define PAGE_FAILURES_MAX 3 /* in a row: then it is not the one conversation */

static void warn(struct machine *l, const char *text)
{
	if (l->config.warn)
		l->config.warn(text);
}

static void say_error(struct machine *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void lost(struct machine *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void vsay_error(struct machine *l, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void vsay_error(struct machine *l, const char *format, va_list args)
{
	char text[1200];

	vsnprintf(text, sizeof(text), format, args);
	if (l->config.error)
		l->config.error(text);
}

/* Messages may be lost, or come in another order. */
static void say_error(struct machine *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay_error(l, format, args);
	va_end(args);
}

/* A message that nobody will get any more. */
static void lost(struct machine *l, const char *format, ...)
{
	va_list args;

	l->lost++;
	va_start(args, format);
	vsay_error(l, format, args);
	va_end(args);
}

static bool ended(const struct machine *l)
{
	return l->state >= STATE_DRAINING;
}

/* What waits for the reader and the command, as memory. */
static size_t waiting(const struct machine *l)
{
	return output_queue_weight(l->config.output) + (l->config.exec_queue ? l->config.exec_queue->bytes : 0);
}

/* ---- out ------------------------------------------------------------------------------------------------------- */

/* What the filter made of l->line before it failed is not handed on. */
static void filter_failed(struct machine *l, const struct err *err)
{
	struct json_value line = { 0 };
	char *id, *sender;

	if (!json_parse(&l->text_doc, l->line.data, l->line.len, NULL, NULL))
		line = json_root(&l->text_doc);
	if (!json_equals(json_get(line, "event"), "message")) {
		warn(l, err->text); /* programs that are made for messages fail on typing and the like */
		return;
	}
	id = json_dup(json_get(line, "messageId"));
	sender = json_dup(json_get(line, "sender"));
	lost(l, "message '%s' of '%s' is lost: %s", id ? id : "", sender ? sender : "", err->text);
	free(id);
	free(sender);
}

static void filter(struct machine *l, struct buf *out)
{
	struct err err = ERR_INIT;
	size_t before = out->len;

	if (filter_run(l->config.filter, l->line.data, l->line.len, out, &err)) {
		buf_truncate(out, before);
		filter_failed(l, &err);
	}
}

/* Each line for people. */
static void to_text(struct machine *l, const char *lines, size_t len, struct buf *out)
{
	struct err err = ERR_INIT;
	const char *end;

	for (; len && (end = memchr(lines, '\n', len)); len -= (size_t)(end + 1 - lines), lines = end + 1) {
		if (notification_text(&l->text_doc, lines, (size_t)(end - lines), l->config.wall_ms(), out, &err))
			warn(l, err.text);
	}
}

/* What the format makes of l->line. */
static void shape_unfiltered(struct machine *l, struct buf *out)
{
	if (l->config.text)
		to_text(l, l->line.data, l->line.len, out);
	else
		buf_add(out, l->line.data, l->line.len);
}

/* What the filter and the format make of it. */
static void shape(struct machine *l, struct buf *out)
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
static void print(struct machine *l, void (*make)(struct machine *l, struct buf *out))
{
	struct buf *out = &l->config.output->bytes;
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

static void count_line(struct machine *l, int64_t now)
{
	l->lines++;
	machine_begin_idle(l, now);
	if (l->config.count && l->lines >= l->config.count)
		machine_finish(l, now, ST_OK, NULL, LISTEN_NEVER);
}

/* The cursor moves over the message as soon as all before it has been taken. */
static void receipt(struct machine *l, const struct backfill_line *at)
{
	if (!at->peer)
		return; /* it has no ID: the history cannot bring it again */
	if (l->config.exec_queue)
		exec_queue_skip(l->config.exec_queue, l->config.cursor, at->peer, at->id, at->time_ms);
	else
		output_queue_checkpoint(l->config.output, l->config.cursor, at->peer, at->id, at->time_ms);
}

static void print_notification(struct machine *l, int64_t now, const struct backfill_line *at)
{
	size_t before = l->config.output->bytes.len;

	print(l, shape);
	receipt(l, at);
	if (l->config.output->bytes.len != before)
		count_line(l, now);
}

static void hand_over(struct machine *l, int64_t now, const struct backfill_line *at)
{
	buf_clear(&l->filtered);
	shape(l, &l->filtered);
	if (!l->filtered.len) {
		receipt(l, at);
		return;
	}
	exec_queue_add(l->config.exec_queue, l->filtered.data, l->filtered.len, at->peer, at->id, at->time_ms);
	count_line(l, now);
}

/* Lines of one notification that stand in l->line. */
static void emit(struct machine *l, int64_t now, const struct backfill_line *at)
{
	if (at->outbound && !l->config.outbound)
		receipt(l, at); /* not wanted, and no less dealt with */
	else if (at->message && l->config.exec_queue)
		hand_over(l, now, at);
	else if (!l->config.exec_queue || l->config.events)
		print_notification(l, now, at);
}

void ingest_event(struct machine *l, const char *status, const char *reason)
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

static struct cursor_conversation *peer_of(struct machine *l, const struct notification *n)
{
	const char *type = address_type_name(n->type);
	struct cursor_conversation *last = l->last_peer;

	/* mostly it is the one of the message before */
	if (last && n->type != CHAT_SMS && strlen(last->name) == n->conversation.len &&
		!memcmp(last->name, n->conversation.s, n->conversation.len) && !strcmp(last->type, type))
		return last;
	l->last_peer = backfill_conversation(l->config.cursor, n->type, n->conversation, n->own);
	return l->last_peer;
}

/* What comes until it is subscribed again is lost to the socket; what comes after that waits for it. */
static void on_cancelled(struct machine *l, int64_t now, const struct notification *n)
{
	l->cancelled |= n->service ? channel_service_bit(n->service) : CHANNEL_SERVICES;
	ingest_begin(l, now);
}

/*
 * What comes late on the socket, after the history had it and more that is newer than is remembered message by message.
 * A message whose time alone is old is new all the same: the service's clock may have gone back.
 */
static bool is_late(struct machine *l, int64_t now, const struct backfill_line *at)
{
	if (at->time_ms / 1000 > at->peer->backfilled_until_s)
		return false;
	machine_warn_ratelimited(l, &l->late_warn, now,
		"the socket brings messages of '%s' that are older than what the history has brought; they are passed over",
		at->peer->name);
	return true;
}

/* True for what is to be passed on, with `at` filled for a message. */
static bool is_new(struct machine *l, int64_t now, const struct notification *n, struct backfill_line *at)
{
	*at = (struct backfill_line){ .message = n->kind == NOTIFICATION_MESSAGE, .outbound = n->outbound };
	if (n->id.len && !hash_recent_add(&l->ids, hash_bytes(&l->key, n->id.s, n->id.len)))
		return false;
	if (!at->message || !n->message_id.len || !n->conversation.len)
		return true;
	at->peer = peer_of(l, n);
	at->id = cursor_hash(l->config.cursor, n->message_id.s, n->message_id.len);
	at->time_ms = n->timestamp_ms < 0 ? l->config.wall_ms() : n->timestamp_ms;
	if (!hash_recent_add(&l->emitted, backfill_key(at->peer, at->id)) || cursor_taken(at->peer, at->id))
		return false;
	return !is_late(l, now, at);
}

/* One that makes no line: not to be read, or too long. */
static void unreadable(struct machine *l, int64_t now, const struct notification *n, const struct err *err)
{
	struct backfill_line at;

	if (err->status != ST_DATA) {
		say_error(l, "%s", err->text);
		/* if it was a message, the history has it, too */
		if (l->history_recheck_at == LISTEN_NEVER)
			l->history_recheck_at = now > l->history_recheck_next ? now : l->history_recheck_next;
		return;
	}
	if (!is_new(l, now, n, &at))
		return;
	lost(l, "message '%.*s' of '%.*s' cannot be handed on: %s", (int)n->message_id.len,
		n->message_id.len ? n->message_id.s : "", (int)n->conversation.len,
		n->conversation.len ? n->conversation.s : "", err->text);
	receipt(l, &at);
}

/* One message that is neither held nor a keep-alive. */
static void take(struct machine *l, int64_t now, const char *text, size_t len)
{
	struct backfill_line at;
	struct notification n = { 0 };
	struct err err = ERR_INIT;

	buf_clear(&l->line);
	if (notification_decode(&l->decoder, text, len, &l->line, &n, &err)) {
		unreadable(l, now, &n, &err);
		return;
	}
	if (n.kind == NOTIFICATION_CONN_CHECK) {
		machine_send(l, "{\"connAck\":{}}");
		machine_server_interval(l, n.interval_ms);
		return;
	}
	if (n.kind == NOTIFICATION_CONN_ACK || !is_new(l, now, &n, &at))
		return;
	emit(l, now, &at);
	if (n.kind == NOTIFICATION_SUBSCRIPTION)
		on_cancelled(l, now, &n);
}

/* By its first key, which names the kind; whatever is larger cannot be one, and is not looked at before its time. */
static bool is_keepalive(const char *text, size_t len)
{
	static const char *const keys[] = { "\"connCheck\"", "\"connAck\"" };
	const char *p = text, *end = text + len;

	if (len > KEEPALIVE_MAX)
		return false;
	while (p < end && (*p == '{' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t key = strlen(keys[i]);

		if ((size_t)(end - p) > key && !strncasecmp(p, keys[i], key))
			return true;
	}
	return false;
}

bool ingest_is_buffering(const struct machine *l)
{
	return l->backfilling && !l->pass_through;
}

void ingest_message(struct machine *l, int64_t now, const char *text, size_t len)
{
	bool keepalive = is_keepalive(text, len);

	if (ended(l))
		return;
	l->got_data |= !keepalive;
	if (keepalive || !ingest_is_buffering(l)) {
		take(l, now, text, len);
	} else {
		buf_add(&l->buffered, &len, sizeof(len));
		buf_add(&l->buffered, text, len);
	}
	if (waiting(l) > HIGH_WATERMARK || l->buffered.len > BUFFERED_MAX)
		ingest_advance(l, now);
}

static void release_buffered(struct machine *l, int64_t now)
{
	struct buf held = l->buffered;

	buf_init(&l->buffered, BUF_NO_MAX);
	for (size_t at = 0; at < held.len && !ended(l);) {
		size_t len;

		memcpy(&len, held.data + at, sizeof(len));
		take(l, now, held.data + at + sizeof(len), len);
		at += sizeof(len) + len;
	}
	buf_release(&held);
	machine_begin_idle(l, now);
}

/* ---- history --------------------------------------------------------------------------------------------------- */

/* Something of it has come, or is on its way to the reader. */
static void progress(struct machine *l, int64_t now)
{
	if (l->stall_at != LISTEN_NEVER && !l->backfill_incomplete)
		l->stall_at = now + STALL_MS;
}

void ingest_begin(struct machine *l, int64_t now)
{
	if (!l->config.history)
		return;
	l->backfill_retry_at = LISTEN_NEVER;
	l->backfill_incomplete = false;
	if (l->state == STATE_OPEN && !l->pass_through)
		l->stall_at = now + STALL_MS;
	if (l->backfilling) {
		/* what is being read was asked for before this connection */
		l->backfill_rerun = l->backfill.need != BACKFILL_SESSIONS || l->busy == JOB_CONVERSATIONS;
		return;
	}
	l->backfilling = true;
	l->backfilled_lines = 0;
	backfill_start(&l->backfill);
}

void ingest_abandon(struct machine *l)
{
	buf_clear(&l->buffered);
	l->paused = false;
}

void ingest_recheck(struct machine *l, int64_t now)
{
	l->history_recheck_next = now + REREAD_MS;
	if (l->state == STATE_OPEN)
		ingest_begin(l, now);
}

bool ingest_request(struct machine *l, struct job_request *request)
{
	bool ready = l->state == STATE_OPEN || l->config.once || l->baseline;

	if (!l->backfilling || !ready || l->backfill_retry_at != LISTEN_NEVER)
		return false;
	if (l->backfill.need == BACKFILL_SESSIONS) {
		*request = (struct job_request){ .job = JOB_CONVERSATIONS, .all = l->baseline };
	} else if (l->backfill.need == BACKFILL_PAGE) {
		*request = (struct job_request){ .job = JOB_PAGE };
		request->session = backfill_request(&l->backfill, &request->next);
	} else {
		return false;
	}
	return true;
}

/* Goes on without: what is held is let through. */
static void give_history_up(struct machine *l, const struct err *err)
{
	say_error(l, "the history cannot be read, what came while nobody listened is not fetched: %s", err->text);
	ingest_event(l, "gap", err->text);
	l->config.history = false;
	l->history_err = (struct err)ERR_INIT;
	l->backfill.need = BACKFILL_NOTHING;
	if (l->baseline)
		cursor_advance_all(l->config.cursor, l->config.wall_ms() / 1000);
}

/* Some of it could not be read, and will be asked for again. */
static void note_failure(struct machine *l, int64_t now, const struct err *err)
{
	l->history_err = *err;
	if (l->config.once)
		return; /* that is what it will end with */
	if (!l->history_warn.interval_ms)
		ingest_event(l, "waiting", err->text);
	machine_warn_ratelimited(l, &l->history_warn, now, "the history cannot be read yet: %s; trying again",
		err->text);
}

static void ask_later(struct machine *l, int64_t now)
{
	l->backfill_retry_at = now + backoff_next(&l->history_backoff, l->history_err.retry_after_ms);
}

/* Without that, there is no use in going on. */
static bool is_fatal(const struct machine *l, const struct err *err)
{
	if (job_is_auth_lost(err) || err->status == ST_CONFIG || l->config.once)
		return true;
	return l->baseline && !service_error_is_permanent(err) && machine_is_permanent(l, err);
}

/* None of it can be had now: later, and what the socket delivers is held meanwhile. */
static void history_failed(struct machine *l, int64_t now, const struct err *err)
{
	if (is_fatal(l, err)) {
		machine_finish(l, now, err->status, err, 0);
	} else if (service_error_is_permanent(err)) {
		give_history_up(l, err);
	} else {
		note_failure(l, now, err);
		ask_later(l, now);
	}
}

void ingest_sessions(struct machine *l, int64_t now, struct job_result *result)
{
	if (l->backfill.need != BACKFILL_SESSIONS)
		return;
	if (result->status && (!result->partial || job_is_auth_lost(&result->err))) {
		history_failed(l, now, &result->err);
		return;
	}
	progress(l, now);
	l->page_failures = 0;
	if (!result->status)
		l->history_err = (struct err)ERR_INIT;
	else if (l->config.once || !service_error_is_permanent(&result->err))
		note_failure(l, now, &result->err);
	else if (!l->refusal_said)
		say_error(l,
			"some of the history cannot be read, what came of it while nobody listened is not fetched: %s",
			result->err.text);
	l->refusal_said |= service_error_is_permanent(&result->err);
	backfill_sessions(&l->backfill, l->config.cursor, &result->sessions, l->baseline);
}

/* What is older can never be had; what is newer was read already. */
static void cut(struct machine *l, int64_t now, const struct err *why)
{
	struct err err = ERR_INIT;

	l->page_failures = 0;
	if (backfill_cut(&l->backfill, l->config.cursor, why->text, &err))
		machine_finish(l, now, err.status, &err, 0);
}

/* One conversation cannot be read: the others are no worse for that. */
static void page_failed(struct machine *l, int64_t now, const struct err *err)
{
	bool lasting = err->http && !err->retryable && !job_is_auth_lost(err) && err->status != ST_CONFIG;
	const char *next;
	const struct history_session *session = backfill_request(&l->backfill, &next);

	if (err->status == ST_DATA) {
		cut(l, now, err);
		return;
	}
	if (lasting) {
		lost(l, "the history of '%s' cannot be read: %s", session->conversation, err->text);
	} else if (!err->http || err->http == 401 || ++l->page_failures >= PAGE_FAILURES_MAX) {
		history_failed(l, now, err);
		return;
	} else {
		note_failure(l, now, err);
	}
	backfill_skip(&l->backfill, l->config.cursor);
}

void ingest_page(struct machine *l, int64_t now, struct job_result *result)
{
	struct err err = ERR_INIT;

	if (l->backfill.need != BACKFILL_PAGE)
		return;
	if (result->status) {
		page_failed(l, now, &result->err);
		return;
	}
	progress(l, now);
	l->page_failures = 0;
	if (backfill_page(&l->backfill, l->config.cursor, &l->emitted, result->messages, result->more, l->self, &err))
		machine_finish(l, now, err.status, &err, 0);
	result->more = NULL;
}

/* What is there counts as taken, and is known by now: what comes from here on is new. */
static void end_baseline(struct machine *l, int64_t now)
{
	struct err missing = l->history_err;

	l->baseline = l->backfilling = false;
	l->history_err = (struct err)ERR_INIT;
	if (missing.status) {
		say_error(l, "some of the history cannot be read, and counts as taken up to now: %s", missing.text);
		cursor_advance_all(l->config.cursor, l->config.wall_ms() / 1000);
	}
	backoff_reset(&l->history_backoff);
	if (!l->config.once) {
		machine_connect(l, now);
		return;
	}
	machine_ready(l, now);
	machine_finish(l, now, missing.status, &missing, LISTEN_NEVER);
}

/* So much has come that not all of it is remembered message by message. */
static void remember_times(struct machine *l)
{
	struct cursor_conversation *peer;

	if (l->backfilled_lines < EMITTED_REMEMBERED / 2)
		return;
	for (size_t i = 0; (peer = cursor_at(l->config.cursor, i)); i++)
		peer->backfilled_until_s = peer->taken_until_s;
}

/* All of it has been read, or none can be. */
static void end_backfill(struct machine *l, int64_t now)
{
	l->backfilling = l->pass_through = false;
	l->stall_at = LISTEN_NEVER;
	l->history_warn = (struct warn_limiter){ 0 };
	backoff_reset(&l->history_backoff);
	if (l->config.history)
		cursor_gap(l->config.cursor, false);
	remember_times(l);
	release_buffered(l, now);
	machine_ready(l, now);
	if (!ended(l) && l->config.once)
		machine_finish(l, now, ST_OK, NULL, LISTEN_NEVER);
}

/* What could be read was; the rest is asked for again. */
static void end_incomplete(struct machine *l, int64_t now)
{
	if (l->config.once) {
		machine_ready(l, now);
		machine_finish(l, now, l->history_err.status, &l->history_err, LISTEN_NEVER);
		return;
	}
	l->backfill_incomplete = true;
	backfill_start(&l->backfill);
	ask_later(l, now);
}

static void end_round(struct machine *l, int64_t now)
{
	bool again = l->backfill_rerun && l->config.history;

	l->backfill_rerun = false;
	if (l->baseline)
		end_baseline(l, now);
	else if (again)
		backfill_start(&l->backfill);
	else if (l->history_err.status)
		end_incomplete(l, now);
	else if (l->config.once || l->state == STATE_OPEN)
		end_backfill(l, now);
	else
		l->backfilling = false; /* the next connection begins anew */
}

void ingest_stalled(struct machine *l, int64_t now)
{
	const char *why = l->history_err.status ? l->history_err.text : "there is no answer";

	if (!ingest_is_buffering(l))
		return;
	if (l->backfill.need == BACKFILL_ROOM) { /* it is the reader that is waited for */
		l->stall_at = now + STALL_MS;
		return;
	}
	l->pass_through = true;
	cursor_gap(l->config.cursor, true);
	say_error(l,
		"the history cannot be read (%s): what comes now is handed on without it, and what is missing when it can",
		why);
	ingest_event(l, "gap", why);
	release_buffered(l, now);
	machine_ready(l, now);
}

static void emit_backfill_line(struct machine *l, int64_t now, const struct backfill_line *at)
{
	if (at->peer && !hash_recent_add(&l->emitted, backfill_key(at->peer, at->id)))
		return;
	l->backfilled_lines++;
	progress(l, now);
	if (!at->lost) {
		emit(l, now, at);
		return;
	}
	lost(l, "%s", l->line.data);
	receipt(l, at);
}

/* The lines of the history that there is room for. */
static void emit_backfill(struct machine *l, int64_t now)
{
	struct backfill_line at;
	struct err err = ERR_INIT;

	while (!ended(l) && l->backfill.need == BACKFILL_ROOM && waiting(l) < HIGH_WATERMARK) {
		buf_clear(&l->line);
		if (backfill_next(&l->backfill, l->config.cursor, &l->line, &at, &err)) {
			machine_finish(l, now, err.status, &err, 0);
			return;
		}
		emit_backfill_line(l, now, &at);
	}
}

static void control_flow(struct machine *l, int64_t now)
{
	size_t weight = waiting(l);

	if (!l->socket || l->state != STATE_OPEN)
		return;
	if (!l->paused && (weight > HIGH_WATERMARK || l->buffered.len > BUFFERED_MAX)) {
		l->paused = true;
		machine_push(l, MACHINE_ACT_PAUSE);
	} else if (l->paused && weight <= LOW_WATERMARK && l->buffered.len <= BUFFERED_MAX) {
		l->paused = false;
		l->last_activity = now; /* silence was our doing */
		machine_push(l, MACHINE_ACT_RESUME);
	}
}

void ingest_advance(struct machine *l, int64_t now)
{
	if (l->backfilling) {
		emit_backfill(l, now);
		if (!ended(l) && l->backfill.need == BACKFILL_NOTHING)
			end_round(l, now);
	}
	control_flow(l, now);
}
