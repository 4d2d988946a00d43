#include "listen/ingest.h"

#include "client/client.h"
#include "wire/service_error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HIGH_WATERMARK ((size_t)1 << 20) /* weight of the queues at which the socket is paused */
#define LOW_WATERMARK ((size_t)256 << 10) /* and at which it is resumed */
#define BUFFERED_MAX ((size_t)256 << 10) /* bytes of live messages that wait for the backfill */
#define KEEPALIVE_MAX 200 /* bytes of a connCheck or connAck */
#define IDS_REMEMBERED 4096 /* notification IDs; the vendor's client remembers 100 */
#define EMITTED_REMEMBERED 16384 /* messages; more than the queues hold, and the cursor knows the others */
#define STALL_MS 30000 /* how long live messages wait for a response from the history */
#define RECHECK_MS 30000 /* between two rechecks of the history */
#define PAGE_FAILURES_MAX 3 /* in a row: then it is not the fault of one conversation */

void ingest_init(struct ingest *in, const struct listen_options *options, const struct listen_io *io, bool baseline)
{
	*in = (struct ingest){ .options = options, .io = *io, .baseline = baseline, .history = true };
	hash_key_random(&in->key);
	hash_recent_init(&in->ids, IDS_REMEMBERED);
	hash_recent_init(&in->emitted, EMITTED_REMEMBERED);
	buf_init(&in->line, BUF_NO_MAX);
	buf_init(&in->filtered, BUF_NO_MAX);
	buf_init(&in->buffered, BUF_NO_MAX);
	backfill_init(&in->backfill, options->temp_dir);
	in->history_backoff = (struct backoff){ .first_ms = 500, .cap_ms = 30000 };
	in->backfill_retry_at = in->history_recheck_at = in->stall_at = LISTEN_NEVER;
}

void ingest_release(struct ingest *in)
{
	hash_recent_release(&in->ids);
	hash_recent_release(&in->emitted);
	notification_decoder_release(&in->decoder);
	json_release(&in->text_doc);
	buf_release(&in->line);
	buf_release(&in->filtered);
	buf_release(&in->buffered);
	backfill_release(&in->backfill);
	free(in->backfilled_until_s);
}

/* ---- effects --------------------------------------------------------------------------------------------------- */

static unsigned take_effects(struct ingest *in)
{
	unsigned effects = in->effects;

	in->effects = 0;
	return effects;
}

static void finish(struct ingest *in, enum status status, const struct err *err, bool drain)
{
	if (in->closed)
		return;
	in->closed = true;
	in->finish = (struct ingest_finish){ .status = status, .err = ERR_INIT, .drain = drain };
	if (err)
		in->finish.err = *err;
	in->effects |= INGEST_FINISH;
}

void ingest_close(struct ingest *in)
{
	in->closed = true;
	in->backfill_retry_at = in->history_recheck_at = in->stall_at = LISTEN_NEVER;
}

static size_t queued_weight(const struct ingest *in)
{
	return output_queue_weight(in->io.output) + (in->io.exec ? in->io.exec->bytes : 0);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void report_filter_failure(struct ingest *in, struct slice line, const struct err *err)
{
	struct json_value root = { 0 };
	char *id, *sender;

	if (!json_parse(&in->text_doc, line.s, line.len, NULL, NULL))
		root = json_root(&in->text_doc);
	if (!json_equals(json_get(root, "event"), "message")) {
		in->io.warn("%s", err->text); /* jq programs for messages usually fail on typing and the like */
		return;
	}
	id = json_dup(json_get(root, "messageId"));
	sender = json_dup(json_get(root, "sender"));
	in->skipped++;
	in->io.error("message '%s' of '%s' skipped: %s", id ? id : "", sender ? sender : "", err->text);
	free(id);
	free(sender);
}

static void add_filtered(struct ingest *in, struct slice line, struct buf *out)
{
	struct err err = ERR_INIT;
	size_t before = out->len;

	if (filter_run(in->options->filter, line.s, line.len, out, &err)) {
		buf_truncate(out, before);
		report_filter_failure(in, line, &err);
	}
}

static void add_text(struct ingest *in, struct slice lines, struct buf *out)
{
	struct err err = ERR_INIT;
	const char *end;

	for (; lines.len && (end = memchr(lines.s, '\n', lines.len));
		lines.len -= (size_t)(end + 1 - lines.s), lines.s = end + 1) {
		if (notification_text(&in->text_doc, lines.s, (size_t)(end - lines.s), in->io.wall_ms(), out, &err))
			in->io.warn("%s", err.text);
	}
}

/* Appends `lines` in the format that the options ask for. */
static void format_lines(struct ingest *in, struct slice lines, bool filter, struct buf *out)
{
	filter = filter && in->options->filter;
	if (filter && in->options->text) {
		buf_clear(&in->filtered);
		add_filtered(in, lines, &in->filtered);
		add_text(in, (struct slice){ in->filtered.data, in->filtered.len }, out);
	} else if (filter) {
		add_filtered(in, lines, out);
	} else if (in->options->text) {
		add_text(in, lines, out);
	} else {
		buf_add(out, lines.s, lines.len);
	}
}

static void print(struct ingest *in, struct slice lines, bool filter)
{
	struct buf *out = &in->io.output->bytes;
	struct buf raw;

	if (!in->options->terminal) {
		format_lines(in, lines, filter, out);
		return;
	}
	buf_init(&raw, BUF_NO_MAX);
	format_lines(in, lines, filter, &raw);
	utf8_escape_controls(out, raw.data, raw.len);
	buf_release(&raw);
}

static void count_line(struct ingest *in)
{
	in->lines++;
	in->effects |= INGEST_ACTIVE;
	if (in->options->count && in->lines >= in->options->count)
		finish(in, ST_OK, NULL, true);
}

/* The cursor advances over the message after everything that is queued before it. */
static void checkpoint(struct ingest *in, const struct line_info *info)
{
	if (!info->conversation)
		return; /* without an ID, the history cannot bring the message again */
	if (in->io.exec)
		exec_queue_skip(in->io.exec, in->io.cursor, info->conversation, info->id, info->time_ms);
	else
		output_queue_checkpoint(in->io.output, in->io.cursor, info->conversation, info->id, info->time_ms);
}

static void print_notification(struct ingest *in, struct slice lines, const struct line_info *info)
{
	size_t before = in->io.output->bytes.len;

	print(in, lines, true);
	checkpoint(in, info);
	if (in->io.output->bytes.len != before)
		count_line(in);
}

static void queue_for_exec(struct ingest *in, struct slice line, const struct line_info *info)
{
	if (in->options->filter) {
		buf_clear(&in->filtered);
		add_filtered(in, line, &in->filtered);
		line = (struct slice){ in->filtered.data, in->filtered.len };
	}
	if (!line.len) {
		checkpoint(in, info);
		return;
	}
	exec_queue_add(in->io.exec, line.s, line.len, info->conversation, info->id, info->time_ms);
	count_line(in);
}

/* The lines of one notification. */
static void emit(struct ingest *in, struct slice lines, const struct line_info *info)
{
	if (info->outbound && !in->options->outbound)
		checkpoint(in, info);
	else if (info->message && in->io.exec)
		queue_for_exec(in, lines, info);
	else if (!in->io.exec || in->options->events)
		print_notification(in, lines, info);
}

void ingest_event(struct ingest *in, const char *status, const char *reason)
{
	struct buf *line = &in->line;

	if (!in->options->events || in->closed)
		return;
	buf_clear(line);
	json_open(line, '{');
	json_add_string(line, "event", "connection");
	json_add_string(line, "status", status);
	if (reason)
		json_add_string(line, "reason", reason);
	json_add_int(line, "timestamp", in->io.wall_ms());
	json_close(line, '}');
	buf_addc(line, '\n');
	print(in, (struct slice){ line->data, line->len }, false);
}

/* ---- live notifications ---------------------------------------------------------------------------------------- */

static struct cursor_conversation *conversation_of(struct ingest *in, const struct notification *n)
{
	struct cursor_conversation *last = in->last_conversation;

	/* usually the same as last time */
	if (last && n->type != CHAT_SMS && strlen(last->name) == n->conversation.len &&
		!memcmp(last->name, n->conversation.s, n->conversation.len) &&
		!strcmp(last->type, address_type_name(n->type)))
		return last;
	in->last_conversation = backfill_conversation(in->io.cursor, n->type, n->conversation, n->own);
	return in->last_conversation;
}

/*
 * A live message that the history has brought already, with so many newer ones that they are not all remembered. A
 * message that is old only by its time is new: the service's clock may have gone back.
 */
static bool is_late(struct ingest *in, int64_t now, const struct line_info *info)
{
	size_t index = info->conversation->index;

	if (index >= in->backfilled_count || info->time_ms / 1000 > in->backfilled_until_s[index])
		return false;
	warn_ratelimited(&in->late_warn, now, in->io.warn,
		"ignoring live messages of '%s' that are older than the backfilled ones", info->conversation->name);
	return true;
}

/* True if the notification is to be emitted; fills `info`. */
static bool is_new(struct ingest *in, int64_t now, const struct notification *n, struct line_info *info)
{
	*info = (struct line_info){ .message = n->kind == NOTIFICATION_MESSAGE, .outbound = n->outbound };
	if (n->id.len && !hash_recent_add(&in->ids, hash_bytes(&in->key, n->id.s, n->id.len)))
		return false;
	if (!info->message || !n->message_id.len || !n->conversation.len)
		return true;
	info->conversation = conversation_of(in, n);
	info->id = cursor_hash(in->io.cursor, n->message_id.s, n->message_id.len);
	info->time_ms = n->timestamp_ms < 0 ? in->io.wall_ms() : n->timestamp_ms;
	if (!hash_recent_add(&in->emitted, backfill_key(info->conversation, info->id)) ||
		cursor_taken(info->conversation, info->id))
		return false;
	return !is_late(in, now, info);
}

/* A notification that cannot be decoded, or whose line is too long. */
static void decode_failed(struct ingest *in, int64_t now, const struct notification *n, const struct err *err)
{
	struct line_info info;

	if (err->status != ST_DATA) {
		in->io.error("%s", err->text);
		/* if it was a message, the history has it, too */
		if (in->history_recheck_at == LISTEN_NEVER)
			in->history_recheck_at = now > in->history_recheck_next ? now : in->history_recheck_next;
		return;
	}
	if (!is_new(in, now, n, &info))
		return;
	in->skipped++;
	in->io.error("message '%.*s' of '%.*s' skipped: %s", (int)n->message_id.len,
		n->message_id.len ? n->message_id.s : "", (int)n->conversation.len,
		n->conversation.len ? n->conversation.s : "", err->text);
	checkpoint(in, &info);
}

static void process(struct ingest *in, int64_t now, const char *text, size_t len)
{
	struct line_info info;
	struct notification n = { 0 };
	struct err err = ERR_INIT;

	buf_clear(&in->line);
	if (notification_decode(&in->decoder, text, len, &in->line, &n, &err)) {
		decode_failed(in, now, &n, &err);
		return;
	}
	if (n.kind == NOTIFICATION_CONN_CHECK) {
		in->server_interval_ms = n.interval_ms;
		in->effects |= INGEST_SEND_ACK | INGEST_SERVER_INTERVAL;
		return;
	}
	if (n.kind == NOTIFICATION_CONN_ACK || !is_new(in, now, &n, &info))
		return;
	emit(in, (struct slice){ in->line.data, in->line.len }, &info);
	if (n.kind == NOTIFICATION_SUBSCRIPTION) {
		if (!(in->effects & INGEST_CANCELLED))
			in->cancelled = 0;
		in->cancelled |= n.service ? channel_service_bit(n.service) : CHANNEL_SERVICES;
		in->effects |= INGEST_CANCELLED;
		ingest_backfill(in, now); /* until it is subscribed again, messages come only by the history */
	}
}

/* By the first key, which names the kind, so that other notifications can be buffered without decoding them. */
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

bool ingest_is_buffering(const struct ingest *in)
{
	return in->backfilling && !in->pass_through;
}

unsigned ingest_notification(struct ingest *in, int64_t now, const char *text, size_t len)
{
	bool keepalive = is_keepalive(text, len);

	if (in->closed)
		return 0;
	if (!keepalive)
		in->effects |= INGEST_GOT_DATA;
	if (keepalive || !ingest_is_buffering(in)) {
		process(in, now, text, len);
	} else {
		buf_add(&in->buffered, &len, sizeof(len));
		buf_add(&in->buffered, text, len);
	}
	if (queued_weight(in) > HIGH_WATERMARK || in->buffered.len > BUFFERED_MAX)
		in->effects |= ingest_advance(in, now);
	return take_effects(in);
}

static void release_buffered(struct ingest *in, int64_t now)
{
	struct buf buffered = in->buffered;

	buf_init(&in->buffered, BUF_NO_MAX);
	for (size_t at = 0; at < buffered.len && !in->closed;) {
		size_t len;

		memcpy(&len, buffered.data + at, sizeof(len));
		process(in, now, buffered.data + at + sizeof(len), len);
		at += sizeof(len) + len;
	}
	buf_release(&buffered);
	in->effects |= INGEST_ACTIVE;
}

/* ---- backfill -------------------------------------------------------------------------------------------------- */

static void note_progress(struct ingest *in, int64_t now)
{
	if (in->stall_at != LISTEN_NEVER && !in->backfill_incomplete)
		in->stall_at = now + STALL_MS;
}

void ingest_backfill(struct ingest *in, int64_t now)
{
	if (!in->history || in->closed)
		return;
	in->backfill_retry_at = LISTEN_NEVER;
	in->backfill_incomplete = false;
	if (in->connected && !in->pass_through)
		in->stall_at = now + STALL_MS;
	if (in->backfilling) {
		/* responses to earlier requests may lack the latest messages */
		in->backfill_rerun = in->backfill.need != BACKFILL_LIST || in->listing;
		return;
	}
	in->backfilling = true;
	in->backfilled_lines = 0;
	backfill_start(&in->backfill);
}

unsigned ingest_connected(struct ingest *in, int64_t now)
{
	in->connected = true;
	ingest_backfill(in, now);
	if (!in->backfilling)
		in->effects |= INGEST_READY;
	return take_effects(in);
}

void ingest_disconnected(struct ingest *in)
{
	in->connected = in->paused = false;
	in->stall_at = LISTEN_NEVER;
	buf_clear(&in->buffered);
}

bool ingest_needs_baseline(const struct ingest *in)
{
	return in->baseline && in->history;
}

bool ingest_request(struct ingest *in, struct job_request *request)
{
	bool ready = in->connected || in->options->once || in->baseline;

	if (!in->backfilling || !ready || in->backfill_retry_at != LISTEN_NEVER)
		return false;
	if (in->backfill.need == BACKFILL_LIST) {
		*request = (struct job_request){ .job = JOB_CONVERSATIONS, .all = in->baseline };
		in->listing = true;
	} else if (in->backfill.need == BACKFILL_PAGE) {
		*request = (struct job_request){ .job = JOB_PAGE };
		request->session = backfill_request(&in->backfill, &request->next);
	} else {
		return false;
	}
	return true;
}

/* The service has no history: goes on without it. */
static void give_up_history(struct ingest *in, const struct err *err)
{
	in->io.error("cannot read the history: %s; missed messages are not backfilled", err->text);
	ingest_event(in, "gap", err->text);
	in->history = false;
	in->history_err = (struct err)ERR_INIT;
	in->backfill.need = BACKFILL_NOTHING;
	if (in->baseline)
		cursor_advance_all(in->io.cursor, in->io.wall_ms() / 1000);
}

/* Part of the history could not be read, and will be retried. */
static void note_failure(struct ingest *in, int64_t now, const struct err *err)
{
	in->history_err = *err;
	if (in->options->once)
		return; /* it is the result of the run */
	if (!in->history_warn.interval_ms)
		ingest_event(in, "waiting", err->text);
	warn_ratelimited(&in->history_warn, now, in->io.warn, "cannot read the history: %s; retrying", err->text);
}

static void retry_later(struct ingest *in, int64_t now)
{
	in->backfill_retry_at = now + backoff_next(&in->history_backoff, in->history_err.retry_after_ms);
}

static bool is_fatal(const struct ingest *in, const struct err *err)
{
	if (job_is_auth_lost(err) || err->status == ST_CONFIG || in->options->once)
		return true;
	return in->baseline && !service_error_is_permanent(err) &&
		(job_is_permanent(err) || !in->options->max_offline_ms);
}

/* Nothing of the history can be read now. */
static void history_failed(struct ingest *in, int64_t now, const struct err *err)
{
	if (is_fatal(in, err)) {
		finish(in, err->status, err, false);
	} else if (service_error_is_permanent(err)) {
		give_up_history(in, err);
	} else {
		note_failure(in, now, err);
		retry_later(in, now);
	}
}

unsigned ingest_conversations(struct ingest *in, int64_t now, struct job_result *result)
{
	const struct err *err = &result->err;

	in->listing = false;
	if (in->backfill.need != BACKFILL_LIST)
		return 0;
	if (result->status && (!result->partial || job_is_auth_lost(err))) {
		history_failed(in, now, err);
		return take_effects(in);
	}
	note_progress(in, now);
	in->page_failures = 0;
	if (!result->status)
		in->history_err = (struct err)ERR_INIT;
	else if (in->options->once || !service_error_is_permanent(err))
		note_failure(in, now, err);
	else if (!in->refusal_reported)
		in->io.error("cannot read part of the history: %s; its missed messages are not backfilled", err->text);
	in->refusal_reported |= service_error_is_permanent(err);
	backfill_list(&in->backfill, in->io.cursor, &result->sessions, in->baseline);
	return take_effects(in);
}

/* One page failed; the other conversations are not affected. */
static void page_failed(struct ingest *in, int64_t now, const struct err *err)
{
	bool lasting = err->http && !err->retryable && !job_is_auth_lost(err) && err->status != ST_CONFIG;
	struct err stack_err = ERR_INIT;
	const char *next;

	if (err->status == ST_DATA) { /* older messages can never be read */
		in->page_failures = 0;
		if (backfill_cut(&in->backfill, in->io.cursor, err->text, &stack_err))
			finish(in, stack_err.status, &stack_err, false);
		return;
	}
	if (lasting) {
		in->skipped++;
		in->io.error("cannot read the history of '%s': %s; its missed messages are skipped",
			backfill_request(&in->backfill, &next)->conversation, err->text);
	} else if (!err->http || err->http == 401 || ++in->page_failures >= PAGE_FAILURES_MAX) {
		history_failed(in, now, err);
		return;
	} else {
		note_failure(in, now, err);
	}
	backfill_skip(&in->backfill, in->io.cursor);
}

unsigned ingest_page(struct ingest *in, int64_t now, struct job_result *result, const char *self)
{
	struct err err = ERR_INIT;

	if (in->backfill.need != BACKFILL_PAGE)
		return 0;
	if (result->status) {
		page_failed(in, now, &result->err);
		return take_effects(in);
	}
	note_progress(in, now);
	in->page_failures = 0;
	if (backfill_page(&in->backfill, in->io.cursor, &in->emitted, result->messages, result->more, self, &err))
		finish(in, err.status, &err, false);
	result->more = NULL;
	return take_effects(in);
}

/* All existing messages are marked as taken; later ones are new. */
static void end_baseline(struct ingest *in)
{
	struct err missing = in->history_err;

	in->baseline = in->backfilling = false;
	in->history_err = (struct err)ERR_INIT;
	if (missing.status) {
		in->io.error("cannot read part of the history: %s; its messages up to now are ignored", missing.text);
		cursor_advance_all(in->io.cursor, in->io.wall_ms() / 1000);
	}
	backoff_reset(&in->history_backoff);
	if (!in->options->once) {
		in->effects |= INGEST_CONNECT;
		return;
	}
	in->effects |= INGEST_READY;
	finish(in, missing.status, &missing, true);
}

/* After a backfill of so many messages that `emitted` does not remember all of them. */
static void remember_times(struct ingest *in)
{
	struct cursor_conversation *conversation;

	if (in->backfilled_lines < EMITTED_REMEMBERED / 2)
		return;
	in->backfilled_count = 0;
	while (cursor_at(in->io.cursor, in->backfilled_count))
		in->backfilled_count++;
	in->backfilled_until_s =
		xreallocarray(in->backfilled_until_s, in->backfilled_count, sizeof(*in->backfilled_until_s));
	for (size_t i = 0; (conversation = cursor_at(in->io.cursor, i)); i++)
		in->backfilled_until_s[i] = conversation->taken_until_s;
}

/* Everything was read, or the service has no history. */
static void end_backfill(struct ingest *in, int64_t now)
{
	in->backfilling = in->pass_through = false;
	in->stall_at = LISTEN_NEVER;
	in->history_warn = (struct warn_limiter){ 0 };
	backoff_reset(&in->history_backoff);
	if (in->history)
		cursor_gap(in->io.cursor, false);
	remember_times(in);
	release_buffered(in, now);
	in->effects |= INGEST_READY;
	if (in->options->once)
		finish(in, ST_OK, NULL, true);
}

/* The failed parts are retried. */
static void end_incomplete(struct ingest *in, int64_t now)
{
	if (in->options->once) {
		in->effects |= INGEST_READY;
		finish(in, in->history_err.status, &in->history_err, true);
		return;
	}
	in->backfill_incomplete = true;
	backfill_start(&in->backfill);
	retry_later(in, now);
}

static void end_round(struct ingest *in, int64_t now)
{
	bool rerun = in->backfill_rerun && in->history;

	in->backfill_rerun = false;
	if (in->baseline)
		end_baseline(in);
	else if (rerun)
		backfill_start(&in->backfill);
	else if (in->history_err.status)
		end_incomplete(in, now);
	else if (in->options->once || in->connected)
		end_backfill(in, now);
	else
		in->backfilling = false; /* the next connection starts a new one */
}

static void emit_backfill_line(struct ingest *in, int64_t now, struct slice text, const struct line_info *info)
{
	if (info->conversation && !hash_recent_add(&in->emitted, backfill_key(info->conversation, info->id)))
		return;
	in->backfilled_lines++;
	note_progress(in, now);
	if (!info->skipped) {
		emit(in, text, info);
		return;
	}
	in->skipped++;
	in->io.error("%.*s", (int)text.len, text.s);
	checkpoint(in, info);
}

/* Emits lines while there is room. */
static void emit_backfill(struct ingest *in, int64_t now)
{
	struct line_info info;
	struct slice text;
	struct err err = ERR_INIT;

	while (!in->closed && in->backfill.need == BACKFILL_DRAIN && queued_weight(in) < HIGH_WATERMARK) {
		if (backfill_next(&in->backfill, in->io.cursor, &text, &info, &err)) {
			finish(in, err.status, &err, false);
			return;
		}
		emit_backfill_line(in, now, text, &info);
	}
}

/* ---- flow control and time ------------------------------------------------------------------------------------- */

static void control_flow(struct ingest *in)
{
	size_t weight = queued_weight(in);

	if (!in->connected || in->closed)
		return;
	if (!in->paused && (weight > HIGH_WATERMARK || in->buffered.len > BUFFERED_MAX)) {
		in->paused = true;
		in->effects |= INGEST_PAUSE;
	} else if (in->paused && weight <= LOW_WATERMARK && in->buffered.len <= BUFFERED_MAX) {
		in->paused = false;
		in->effects |= INGEST_RESUME;
	}
}

unsigned ingest_advance(struct ingest *in, int64_t now)
{
	if (in->backfilling) {
		emit_backfill(in, now);
		if (!in->closed && in->backfill.need == BACKFILL_NOTHING)
			end_round(in, now);
	}
	control_flow(in);
	return take_effects(in);
}

/* The history is late: live messages no longer wait for it. */
static void stop_buffering(struct ingest *in, int64_t now)
{
	const char *why = in->history_err.status ? in->history_err.text : "no response";

	if (!ingest_is_buffering(in))
		return;
	if (in->backfill.need == BACKFILL_DRAIN) { /* the reader is slow, not the history */
		in->stall_at = now + STALL_MS;
		return;
	}
	in->pass_through = true;
	cursor_gap(in->io.cursor, true);
	in->io.error("cannot read the history: %s; live messages are printed without it, missed messages follow later",
		why);
	ingest_event(in, "gap", why);
	release_buffered(in, now);
	in->effects |= INGEST_READY;
}

static bool is_due(int64_t *at, int64_t now)
{
	if (now < *at)
		return false;
	*at = LISTEN_NEVER;
	return true;
}

unsigned ingest_tick(struct ingest *in, int64_t now)
{
	is_due(&in->backfill_retry_at, now); /* then ingest_request() wants a job again */
	if (is_due(&in->stall_at, now))
		stop_buffering(in, now);
	if (is_due(&in->history_recheck_at, now)) {
		in->history_recheck_next = now + RECHECK_MS;
		if (in->connected)
			ingest_backfill(in, now);
	}
	return take_effects(in);
}

int64_t ingest_deadline(const struct ingest *in)
{
	int64_t at = in->backfill_retry_at;

	if (in->stall_at < at)
		at = in->stall_at;
	return in->history_recheck_at < at ? in->history_recheck_at : at;
}
