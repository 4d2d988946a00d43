/*
 * outbox.c - queues, order, results. Only the first delivery of a lane may be posted, and only the first of a lane is
 * ever finished, so that a parcel whose results are known has left all lanes and can be freed. The caller's callback
 * is called from report() alone, at a moment when nothing here is half done: it may call outbox_stop().
 */
#include "send/outbox-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- lanes ----------------------------------------------------------------------------------------------------- */

static size_t lane_bucket(enum chat_type type, const char *id)
{
	size_t hash = 14695981039346656037U + (size_t)type; /* FNV-1a */

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 1099511628211U;
	return (hash ^ hash >> 32) % OUTBOX_BUCKETS;
}

static void lane_unidle(struct lane_table *table, struct lane *lane)
{
	if (!lane->idle)
		return;
	*(lane->older ? &lane->older->newer : &table->oldest) = lane->newer;
	*(lane->newer ? &lane->newer->older : &table->newest) = lane->older;
	lane->older = lane->newer = NULL;
	lane->idle = false;
	table->idle_count--;
}

static void lane_release(struct lane *lane)
{
	free(lane->id);
	free(lane->anchor);
	free(lane);
}

static void lane_free(struct lane_table *table, struct lane *lane)
{
	struct lane **at = &table->buckets[lane_bucket(lane->type, lane->id)];

	lane_unidle(table, lane);
	while (*at != lane)
		at = &(*at)->next_in_bucket;
	*at = lane->next_in_bucket;
	lane_release(lane);
}

static struct lane *lane_get(struct lane_table *table, const struct address *to)
{
	struct lane **bucket = &table->buckets[lane_bucket(to->type, to->id)];
	struct lane *lane;

	for (lane = *bucket; lane; lane = lane->next_in_bucket) {
		if (lane->type == to->type && !strcmp(lane->id, to->id)) {
			lane_unidle(table, lane);
			return lane;
		}
	}
	lane = xcalloc(1, sizeof(*lane));
	lane->type = to->type;
	lane->id = xstrdup(to->id);
	lane->next_in_bucket = *bucket;
	*bucket = lane;
	return lane;
}

static bool all_held(const struct lane_table *table)
{
	return table->held_count >= OUTBOX_HELD_MAX;
}

/* What comes behind in this conversation is not tried. */
static void lane_hold(struct lane_table *table, struct lane *lane)
{
	table->held_count += !lane->held;
	lane->held = true;
}

/* Nobody waits in it: it is kept for what it knows, as long as there are not too many such. */
static void lane_rest(struct lane_table *table, struct lane *lane)
{
	if ((lane->held && !all_held(table)) || lane->idle)
		return;
	if (!lane->anchor) {
		lane_free(table, lane);
		return;
	}
	lane->idle = true;
	lane->older = table->newest;
	*(table->newest ? &table->newest->newer : &table->oldest) = lane;
	table->newest = lane;
	if (++table->idle_count > OUTBOX_ANCHORS_KEPT)
		lane_free(table, table->oldest);
}

static void finish(struct outbox *outbox, struct delivery *delivery, enum outbox_state outcome, const struct err *err)
{
	delivery->state = DELIVERY_DONE;
	delivery->outcome = outcome;
	delivery->next = NULL;
	if (outbox->config.fail_fast)
		outbox->failed |= outbox->config.hold ? outcome == OUTBOX_FAILED && delivery->cause == OUTBOX_ITSELF
						      : outcome == OUTBOX_FAILED || outcome == OUTBOX_UNKNOWN;
	if (outbox->config.unordered) {
		*(outbox->done_last ? &outbox->done_last->next : &outbox->done_first) = delivery;
		outbox->done_last = delivery;
	}
	if (err && err != delivery->err) {
		if (!delivery->err)
			delivery->err = xmalloc(sizeof(*delivery->err));
		*delivery->err = *err;
	}
	lookup_release(&delivery->lookup);
}

static void finish_held(struct outbox *outbox, struct delivery *delivery)
{
	struct err err = ERR_INIT;

	if (outbox->stopped)
		err_set(&err, ST_TEMPFAIL, "not tried: the run was ended before its turn came");
	else if (!delivery->lane->held)
		err_set(&err, ST_TEMPFAIL, "not tried: messages to %d others are waiting", OUTBOX_HELD_MAX);
	else
		err_set(&err, ST_TEMPFAIL, "not tried: an earlier message to '%s' is waiting", delivery->lane->id);
	finish(outbox, delivery, OUTBOX_HELD, &err);
}

static enum outbox_cause cause_of(const struct err *err, bool no_token)
{
	switch (err->status) {
	case ST_SIGHUP:
	case ST_SIGINT:
	case ST_SIGTERM: return OUTBOX_END;
	case ST_UNAVAILABLE:
	case ST_TEMPFAIL: return no_token ? OUTBOX_LOGIN : OUTBOX_NOW;
	case ST_AUTH: return no_token ? OUTBOX_LOGIN : OUTBOX_ITSELF;
	case ST_IO:
	case ST_CANTCREATE:
	case ST_INTERNAL:
	case ST_CONFIG: return OUTBOX_WAY;
	case ST_PROTOCOL:
		/* a page instead of an answer; but one that finds the request too large is about the request */
		return err->http == 413 || err->http == 414 || err->http == 431 ? OUTBOX_ITSELF : OUTBOX_WAY;
	default: break;
	}
	return OUTBOX_ITSELF;
}

static void lane_advance(struct outbox *outbox, struct lane *lane)
{
	struct delivery *first;

	while ((first = lane->first)) {
		if (first->state == DELIVERY_DONE) {
			lane->first = first->next_in_lane;
			if (!lane->first)
				lane->last = NULL;
		} else if (first->state != DELIVERY_QUEUED) {
			return;
		} else if (outbox->stopped || lane->held || all_held(&outbox->lanes)) {
			finish_held(outbox, first);
		} else if (first->parcel->err) {
			first->cause = cause_of(first->parcel->err, first->parcel->no_token);
			if (outbox->config.hold && first->cause != OUTBOX_ITSELF)
				lane_hold(&outbox->lanes, lane);
			finish(outbox, first, OUTBOX_FAILED, first->parcel->err);
		} else {
			if (first->parcel->complete)
				outbox_ready(outbox, first);
			return;
		}
	}
	lane_rest(&outbox->lanes, lane);
}

/* ---- what can go on -------------------------------------------------------------------------------------------- */

static bool is_before(const struct delivery *a, const struct delivery *b)
{
	return a->parcel->number < b->parcel->number || (a->parcel == b->parcel && a->index < b->index);
}

/* In the order of the input, in which the results are wanted: most come last anyway. */
void outbox_ready(struct outbox *outbox, struct delivery *delivery)
{
	struct delivery **at = &outbox->ready_first;

	delivery->state = DELIVERY_READY;
	if (outbox->ready_last && !is_before(delivery, outbox->ready_last))
		at = &outbox->ready_last->next;
	while (*at && is_before(*at, delivery))
		at = &(*at)->next;
	delivery->next = *at;
	*at = delivery;
	if (!delivery->next)
		outbox->ready_last = delivery;
}

static struct delivery *pop_ready(struct outbox *outbox)
{
	struct delivery *delivery = outbox->ready_first;

	if (!delivery)
		return NULL;
	outbox->ready_first = delivery->next;
	if (!outbox->ready_first)
		outbox->ready_last = NULL;
	delivery->state = DELIVERY_RUNNING;
	return delivery;
}

void outbox_delay(struct outbox *outbox, struct delivery *delivery, int64_t ms)
{
	delivery->state = DELIVERY_DELAYED;
	delivery->due_ms = clock_mono_ms() + ms;
	delivery->next = outbox->delayed;
	outbox->delayed = delivery;
}

/* Moves what is due to the ready list; returns how long until the next one is, at most `wait_ms`. */
static int wake_delayed(struct outbox *outbox, int wait_ms)
{
	struct delivery **at = &outbox->delayed, *delivery;
	int64_t now = outbox->delayed ? clock_mono_ms() : 0;

	while ((delivery = *at)) {
		if (delivery->due_ms <= now) {
			*at = delivery->next;
			outbox_ready(outbox, delivery);
		} else {
			if (wait_ms < 0 || delivery->due_ms - now < wait_ms)
				wait_ms = (int)(delivery->due_ms - now);
			at = &delivery->next;
		}
	}
	return wait_ms;
}

void outbox_sent(struct outbox *outbox, struct delivery *delivery)
{
	struct lane *lane = delivery->lane;

	finish(outbox, delivery, OUTBOX_SENT, NULL);
	if (delivery->sent.id) {
		free(lane->anchor);
		lane->anchor = xstrdup(delivery->sent.id);
	}
	lane_advance(outbox, lane);
}

void outbox_unknown(struct outbox *outbox, struct delivery *delivery, const struct err *err)
{
	struct lane *lane = delivery->lane;

	finish(outbox, delivery, OUTBOX_UNKNOWN, err);
	/* of an SMS, nobody will ever know more: waiting for that would be for ever */
	if (outbox->config.hold && lane->type != CHAT_SMS)
		lane_hold(&outbox->lanes, lane);
	lane_advance(outbox, lane);
}

void outbox_failed(struct outbox *outbox, struct delivery *delivery, const struct err *err, bool no_token)
{
	struct lane *lane = delivery->lane;

	delivery->cause = cause_of(err, no_token);
	finish(outbox, delivery, OUTBOX_FAILED, err);
	if (outbox->config.hold && delivery->cause != OUTBOX_ITSELF)
		lane_hold(&outbox->lanes, lane);
	lane_advance(outbox, lane);
}

void outbox_parcel_ready(struct outbox *outbox, struct parcel *parcel)
{
	for (size_t i = 0; i < parcel->count; i++) {
		struct delivery *delivery = &parcel->deliveries[i];

		if (delivery->state == DELIVERY_QUEUED && delivery->lane && delivery->lane->first == delivery)
			lane_advance(outbox, delivery->lane);
	}
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

/* NULL: all are busy */
static struct job *take_job(struct outbox *outbox)
{
	struct job *job = outbox->free_jobs;

	if (job) {
		outbox->free_jobs = job->next;
		outbox->running++;
	}
	return job;
}

void outbox_give_job(struct outbox *outbox, struct job *job)
{
	buf_clear(&job->path);
	if (job->body.cap > 256 * 1024) /* one huge text is no reason to keep its room for ever */
		buf_release(&job->body);
	buf_clear(&job->body);
	job->delivery = NULL;
	job->upload = NULL;
	job->next = outbox->free_jobs;
	outbox->free_jobs = job;
	outbox->running--;
}

/* Messages before uploads: they make room in the window. */
static void start_work(struct outbox *outbox)
{
	struct job *job;

	if (outbox->failed)
		outbox_stop(outbox);
	while ((job = take_job(outbox))) {
		struct delivery *delivery = pop_ready(outbox);
		struct upload *upload = delivery ? NULL : upload_pop(outbox);

		if (delivery) {
			post_begin(outbox, delivery, job);
		} else if (upload) {
			upload_begin(outbox, upload, job);
		} else {
			outbox_give_job(outbox, job);
			return;
		}
	}
}

/* ---- parcels and results --------------------------------------------------------------------------------------- */

static void delivery_release(struct delivery *delivery)
{
	lookup_release(&delivery->lookup);
	message_sent_release(&delivery->sent);
	free(delivery->err);
}

static void parcel_free(struct outbox *outbox, struct parcel *parcel)
{
	*(parcel->before ? &parcel->before->behind : &outbox->first) = parcel->behind;
	*(parcel->behind ? &parcel->behind->before : &outbox->last) = parcel->before;
	outbox->recipients -= parcel->count;
	outbox->bytes -= parcel->bytes;
	upload_drop(outbox, parcel);
	for (size_t i = 0; i < parcel->count; i++)
		delivery_release(&parcel->deliveries[i]);
	free(parcel->deliveries);
	free(parcel->files);
	free(parcel->err);
	item_free(parcel->item);
	free(parcel);
}

static void report_one(struct outbox *outbox, struct delivery *delivery)
{
	struct parcel *parcel = delivery->parcel;
	struct outbox_result result = { .state = delivery->outcome,
		.cause = delivery->cause,
		.sent = delivery->sent,
		.attempts = delivery->attempts,
		.attempted_ms = delivery->attempted_ms,
		.lost_ms = delivery->lost_ms,
		.files = parcel->files };

	if (parcel->item->to_count)
		result.to = &parcel->item->to[delivery->index];
	if (delivery->err && delivery->outcome != OUTBOX_SENT)
		result.err = *delivery->err;
	parcel->reported++;
	outbox->config.result(outbox->config.arg, parcel->item, &result);
}

/* The head of the line, as far as it is known. */
static bool report_ordered(struct outbox *outbox)
{
	bool any = false;

	for (struct parcel *parcel; (parcel = outbox->first);) {
		while (parcel->reported < parcel->count) {
			struct delivery *delivery = &parcel->deliveries[parcel->reported];

			if (delivery->state != DELIVERY_DONE)
				return any;
			report_one(outbox, delivery);
			any = true;
		}
		parcel_free(outbox, parcel);
	}
	return any;
}

static bool report_unordered(struct outbox *outbox)
{
	bool any = false;

	for (struct delivery *delivery; (delivery = outbox->done_first);) {
		struct parcel *parcel = delivery->parcel;

		outbox->done_first = delivery->next;
		if (!outbox->done_first)
			outbox->done_last = NULL;
		report_one(outbox, delivery);
		if (parcel->reported == parcel->count)
			parcel_free(outbox, parcel);
		any = true;
	}
	return any;
}

/* True if there was something. */
static bool report(struct outbox *outbox)
{
	return outbox->config.unordered ? report_unordered(outbox) : report_ordered(outbox);
}

bool outbox_room(const struct outbox *outbox)
{
	return !outbox->recipients || (outbox->recipients < OUTBOX_WINDOW && outbox->bytes < OUTBOX_WINDOW_BYTES);
}

size_t outbox_waiting(const struct outbox *outbox)
{
	return outbox->recipients;
}

bool outbox_idle(const struct outbox *outbox)
{
	return !outbox->first;
}

/* The files of an earlier attempt, as they were named in it. */
static void recall_files(struct parcel *parcel)
{
	const struct outbox_item *item = parcel->item;

	parcel->complete = true;
	if (item->file_count)
		parcel->files = xcalloc(item->file_count, sizeof(*parcel->files));
	for (size_t i = 0; i < item->file_count; i++)
		parcel->files[i] = (struct message_file){ .name = item->files[i].name, .xid = item->files[i].xid };
}

static struct parcel *parcel_new(struct outbox *outbox, struct outbox_item *item)
{
	struct parcel *parcel = xcalloc(1, sizeof(*parcel));

	parcel->item = item;
	parcel->number = ++outbox->added;
	item->parcel = parcel;
	parcel->count = item->to_count ? item->to_count : 1;
	parcel->deliveries = xcalloc(parcel->count, sizeof(*parcel->deliveries));
	parcel->bytes = strlen(item->text) + item->source_len;
	for (size_t i = 0; i < parcel->count; i++) {
		struct delivery *delivery = &parcel->deliveries[i];

		delivery->parcel = parcel;
		delivery->index = i;
		delivery->uncertain = item->uncertain;
		delivery->maybe = item->uncertain;
		delivery->attempted_ms = item->uncertain ? item->attempted_ms : 0;
		delivery->lost_ms = item->uncertain ? item->lost_ms : 0;
		delivery->step = item->uncertain ? STEP_LOOK : STEP_POST;
	}
	parcel->before = outbox->last;
	*(outbox->last ? &outbox->last->behind : &outbox->first) = parcel;
	outbox->last = parcel;
	outbox->recipients += parcel->count;
	outbox->bytes += parcel->bytes;
	return parcel;
}

void outbox_add(struct outbox *outbox, struct outbox_item *item)
{
	struct parcel *parcel = parcel_new(outbox, item);

	if (item->bad.status || !item->to_count) {
		for (size_t i = 0; i < parcel->count; i++)
			finish(outbox, &parcel->deliveries[i], OUTBOX_FAILED, &item->bad);
		return;
	}
	for (size_t i = 0; i < parcel->count; i++) {
		struct delivery *delivery = &parcel->deliveries[i];
		struct lane *lane = lane_get(&outbox->lanes, &item->to[i]);

		delivery->lane = lane;
		*(lane->last ? &lane->last->next_in_lane : &lane->first) = delivery;
		lane->last = delivery;
	}
	if (item->uncertain) {
		recall_files(parcel);
		outbox_parcel_ready(outbox, parcel);
	} else if (outbox->stopped) {
		outbox_parcel_ready(outbox, parcel);
	} else {
		upload_want(outbox, parcel);
	}
}

enum status outbox_step(struct outbox *outbox, int wait_ms, int extra_fd, struct err *err)
{
	enum status st;

	wait_ms = wake_delayed(outbox, wait_ms);
	start_work(outbox);
	if (report(outbox))
		wait_ms = 0; /* there is room again: the caller may have more */
	if (outbox_idle(outbox) && extra_fd < 0)
		return ST_OK;
	st = outbox->config.transport.step(outbox->config.transport.client, wait_ms, extra_fd, err);
	if (st)
		return st;
	wake_delayed(outbox, 0);
	start_work(outbox);
	report(outbox);
	return ST_OK;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

void outbox_stop(struct outbox *outbox)
{
	struct delivery *delivery, *ready = outbox->ready_first;

	if (outbox->stopped)
		return;
	outbox->stopped = true;
	upload_clear_queue(outbox);
	/* what has been posted once is brought to its end */
	outbox->ready_first = outbox->ready_last = NULL;
	while ((delivery = ready)) {
		ready = delivery->next;
		if (delivery->attempts)
			outbox_ready(outbox, delivery);
		else
			delivery->state = DELIVERY_QUEUED;
	}
	for (struct parcel *parcel = outbox->first; parcel; parcel = parcel->behind)
		outbox_parcel_ready(outbox, parcel);
}

/* A delivery that has begun, and is not brought to its end. */
static void abandon(struct outbox *outbox, struct delivery *delivery)
{
	const struct err *why = &outbox->why_abandoned;
	struct err err = *why;

	/* waiting to be posted again, after it was surely not received */
	if (delivery->state == DELIVERY_DELAYED && delivery->step == STEP_POST && !delivery->maybe) {
		outbox_failed(outbox, delivery, why, false);
		return;
	}
	err_prefix(&err, "it is not known whether the message arrived");
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false;
	outbox_unknown(outbox, delivery, &err);
}

void outbox_abandon(struct outbox *outbox, const struct err *reason)
{
	outbox_stop(outbox);
	outbox->abandoned = true;
	outbox->why_abandoned = *reason;
	outbox->ready_first = outbox->ready_last = outbox->delayed = NULL;
	for (struct parcel *parcel = outbox->first; parcel; parcel = parcel->behind) {
		for (size_t i = 0; i < parcel->count; i++) {
			struct delivery *delivery = &parcel->deliveries[i];

			/* those behind it in its lane are then held */
			if (delivery->state != DELIVERY_DONE && delivery->state != DELIVERY_QUEUED)
				abandon(outbox, delivery);
		}
	}
	report(outbox);
}

struct outbox *outbox_new(const struct outbox_config *config)
{
	struct outbox *outbox = xcalloc(1, sizeof(*outbox));

	outbox->config = *config;
	outbox->user_id = xstrdup(config->user_id);
	outbox->sender = xstrdup_null(config->sender);
	outbox->correlator = xstrdup_null(config->correlator);
	outbox->sent_ids = config->sent_ids ? sent_ids_new(config->sent_ids) : NULL;
	outbox->jobs = xcalloc((size_t)config->jobs, sizeof(*outbox->jobs));
	for (int64_t i = 0; i < config->jobs; i++) {
		struct job *job = &outbox->jobs[i];

		job->outbox = outbox;
		job->fd = -1;
		buf_init(&job->path, BUF_NO_MAX);
		buf_init(&job->body, BUF_NO_MAX);
		job->next = outbox->free_jobs;
		outbox->free_jobs = job;
	}
	return outbox;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	while (outbox->first)
		parcel_free(outbox, outbox->first);
	upload_free_all(outbox);
	for (size_t i = 0; i < OUTBOX_BUCKETS; i++) {
		for (struct lane *lane = outbox->lanes.buckets[i], *next; lane; lane = next) {
			next = lane->next_in_bucket;
			lane_release(lane);
		}
	}
	for (int64_t i = 0; i < outbox->config.jobs; i++) {
		if (outbox->jobs[i].fd >= 0)
			close(outbox->jobs[i].fd);
		buf_release(&outbox->jobs[i].path);
		buf_release(&outbox->jobs[i].body);
	}
	free(outbox->jobs);
	free(outbox->user_id);
	free(outbox->sender);
	free(outbox->correlator);
	sent_ids_free(outbox->sent_ids);
	free(outbox);
}

/* ---- over a client --------------------------------------------------------------------------------------------- */

static enum status by_client_start(void *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err)
{
	return client_start(client, call, done, arg, err);
}

static enum status by_client_step(void *client, int wait_ms, int extra_fd, struct err *err)
{
	return client_step(client, wait_ms, extra_fd, err);
}

struct outbox_transport outbox_client(struct client *client)
{
	return (struct outbox_transport){ .start = by_client_start, .step = by_client_step, .client = client };
}
