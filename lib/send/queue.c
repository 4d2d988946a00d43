/*
 * queue.c - the queues, their order, and the results. Only the first delivery of a conversation may be posted, and
 * only the first one is ever finished. So an entry whose results are known has left all conversations and can be freed.
 * The caller's callback is called from report() only, when all state is consistent: it may call send_queue_stop().
 */
#include "send/send-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- conversations --------------------------------------------------------------------------------------------- */

static size_t conversation_bucket(enum chat_type type, const char *id)
{
	size_t hash = 14695981039346656037U + (size_t)type; /* FNV-1a */

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 1099511628211U;
	return (hash ^ hash >> 32) % SEND_QUEUE_BUCKETS;
}

static void conversation_lru_remove(struct conversation_table *table, struct conversation_queue *conversation)
{
	if (!conversation->idle)
		return;
	*(conversation->lru_prev ? &conversation->lru_prev->lru_next : &table->lru_first) = conversation->lru_next;
	*(conversation->lru_next ? &conversation->lru_next->lru_prev : &table->lru_last) = conversation->lru_prev;
	conversation->lru_prev = conversation->lru_next = NULL;
	conversation->idle = false;
	table->idle_count--;
}

static void conversation_release(struct conversation_queue *conversation)
{
	free(conversation->id);
	free(conversation->last_sent_id);
	free(conversation);
}

static void conversation_free(struct conversation_table *table, struct conversation_queue *conversation)
{
	struct conversation_queue **at = &table->buckets[conversation_bucket(conversation->type, conversation->id)];

	conversation_lru_remove(table, conversation);
	while (*at != conversation)
		at = &(*at)->next_in_bucket;
	*at = conversation->next_in_bucket;
	conversation_release(conversation);
}

static struct conversation_queue *conversation_get(struct conversation_table *table, const struct address *to)
{
	struct conversation_queue **bucket = &table->buckets[conversation_bucket(to->type, to->id)];
	struct conversation_queue *conversation;

	for (conversation = *bucket; conversation; conversation = conversation->next_in_bucket) {
		if (conversation->type == to->type && !strcmp(conversation->id, to->id)) {
			conversation_lru_remove(table, conversation);
			return conversation;
		}
	}
	conversation = xcalloc(1, sizeof(*conversation));
	conversation->type = to->type;
	conversation->id = xstrdup(to->id);
	conversation->next_in_bucket = *bucket;
	*bucket = conversation;
	return conversation;
}

static bool all_blocked(const struct conversation_table *table)
{
	return table->blocked_count >= SEND_QUEUE_BLOCKED_MAX;
}

/* What comes behind in this conversation is not tried. */
static void conversation_block(struct conversation_table *table, struct conversation_queue *conversation)
{
	table->blocked_count += !conversation->blocked;
	conversation->blocked = true;
}

/* Nobody waits in it: it is kept for what it knows, as long as there are not too many such. */
static void conversation_idle(struct conversation_table *table, struct conversation_queue *conversation)
{
	if ((conversation->blocked && !all_blocked(table)) || conversation->idle)
		return;
	if (!conversation->last_sent_id) {
		conversation_free(table, conversation);
		return;
	}
	conversation->idle = true;
	conversation->lru_prev = table->lru_last;
	*(table->lru_last ? &table->lru_last->lru_next : &table->lru_first) = conversation;
	table->lru_last = conversation;
	if (++table->idle_count > SEND_QUEUE_LAST_IDS_KEPT)
		conversation_free(table, table->lru_first);
}

static void finish(struct send_queue *queue, struct delivery *delivery, enum send_outcome outcome,
	const struct err *err)
{
	delivery->state = DELIVERY_DONE;
	delivery->outcome = outcome;
	delivery->next = NULL;
	if (queue->config.fail_fast)
		queue->failed |= queue->config.block ? outcome == OUTCOME_FAILED && delivery->cause == CAUSE_MESSAGE
						     : outcome == OUTCOME_FAILED || outcome == OUTCOME_UNKNOWN;
	if (queue->config.unordered) {
		*(queue->done_last ? &queue->done_last->next : &queue->done_first) = delivery;
		queue->done_last = delivery;
	}
	if (err && err != delivery->err) {
		if (!delivery->err)
			delivery->err = xmalloc(sizeof(*delivery->err));
		*delivery->err = *err;
	}
	lookup_release(&delivery->lookup);
}

static void finish_blocked(struct send_queue *queue, struct delivery *delivery)
{
	struct err err = ERR_INIT;

	if (queue->stopped)
		err_set(&err, ST_TEMPFAIL, "not tried: the run was ended before its turn came");
	else if (!delivery->conversation->blocked)
		err_set(&err, ST_TEMPFAIL, "not tried: messages to %d others are waiting", SEND_QUEUE_BLOCKED_MAX);
	else
		err_set(&err, ST_TEMPFAIL, "not tried: an earlier message to '%s' is waiting",
			delivery->conversation->id);
	finish(queue, delivery, OUTCOME_BLOCKED, &err);
}

static enum send_cause cause_of(const struct err *err, bool no_token)
{
	switch (err->status) {
	case ST_SIGHUP:
	case ST_SIGINT:
	case ST_SIGTERM: return CAUSE_INTERRUPTED;
	case ST_UNAVAILABLE:
	case ST_TEMPFAIL: return no_token ? CAUSE_LOGIN : CAUSE_TEMPORARY;
	case ST_AUTH: return no_token ? CAUSE_LOGIN : CAUSE_MESSAGE;
	case ST_IO:
	case ST_CANTCREATE:
	case ST_INTERNAL:
	case ST_CONFIG: return CAUSE_ENVIRONMENT;
	case ST_PROTOCOL:
		/* a page instead of an answer; but one that finds the request too large is about the request */
		return err->http == 413 || err->http == 414 || err->http == 431 ? CAUSE_MESSAGE : CAUSE_ENVIRONMENT;
	default: break;
	}
	return CAUSE_MESSAGE;
}

static void conversation_advance(struct send_queue *queue, struct conversation_queue *conversation)
{
	struct delivery *first;

	while ((first = conversation->first)) {
		if (first->state == DELIVERY_DONE) {
			conversation->first = first->next_in_conversation;
			if (!conversation->first)
				conversation->last = NULL;
		} else if (first->state != DELIVERY_QUEUED) {
			return;
		} else if (queue->stopped || conversation->blocked || all_blocked(&queue->conversations)) {
			finish_blocked(queue, first);
		} else if (first->entry->err) {
			first->cause = cause_of(first->entry->err, first->entry->no_token);
			if (queue->config.block && first->cause != CAUSE_MESSAGE)
				conversation_block(&queue->conversations, conversation);
			finish(queue, first, OUTCOME_FAILED, first->entry->err);
		} else {
			if (first->entry->complete)
				delivery_ready(queue, first);
			return;
		}
	}
	conversation_idle(&queue->conversations, conversation);
}

/* ---- what can go on -------------------------------------------------------------------------------------------- */

static bool is_before(const struct delivery *a, const struct delivery *b)
{
	return a->entry->number < b->entry->number || (a->entry == b->entry && a->index < b->index);
}

/* In the order of the input, in which the results are wanted: most come last anyway. */
void delivery_ready(struct send_queue *queue, struct delivery *delivery)
{
	struct delivery **at = &queue->ready_first;

	delivery->state = DELIVERY_READY;
	if (queue->ready_last && !is_before(delivery, queue->ready_last))
		at = &queue->ready_last->next;
	while (*at && is_before(*at, delivery))
		at = &(*at)->next;
	delivery->next = *at;
	*at = delivery;
	if (!delivery->next)
		queue->ready_last = delivery;
}

static struct delivery *pop_ready(struct send_queue *queue)
{
	struct delivery *delivery = queue->ready_first;

	if (!delivery)
		return NULL;
	queue->ready_first = delivery->next;
	if (!queue->ready_first)
		queue->ready_last = NULL;
	delivery->state = DELIVERY_RUNNING;
	return delivery;
}

void delivery_delay(struct send_queue *queue, struct delivery *delivery, int64_t ms)
{
	delivery->state = DELIVERY_DELAYED;
	delivery->due_ms = clock_mono_ms() + ms;
	delivery->next = queue->delayed;
	queue->delayed = delivery;
}

/* Moves what is due to the ready list; returns how long until the next one is, at most `wait_ms`. */
static int wake_delayed(struct send_queue *queue, int wait_ms)
{
	struct delivery **at = &queue->delayed, *delivery;
	int64_t now = queue->delayed ? clock_mono_ms() : 0;

	while ((delivery = *at)) {
		if (delivery->due_ms <= now) {
			*at = delivery->next;
			delivery_ready(queue, delivery);
		} else {
			if (wait_ms < 0 || delivery->due_ms - now < wait_ms)
				wait_ms = (int)(delivery->due_ms - now);
			at = &delivery->next;
		}
	}
	return wait_ms;
}

void delivery_sent(struct send_queue *queue, struct delivery *delivery)
{
	struct conversation_queue *conversation = delivery->conversation;

	finish(queue, delivery, OUTCOME_SENT, NULL);
	if (delivery->sent.id) {
		free(conversation->last_sent_id);
		conversation->last_sent_id = xstrdup(delivery->sent.id);
	}
	conversation_advance(queue, conversation);
}

void delivery_unknown(struct send_queue *queue, struct delivery *delivery, const struct err *err)
{
	struct conversation_queue *conversation = delivery->conversation;

	finish(queue, delivery, OUTCOME_UNKNOWN, err);
	/* of an SMS, nobody will ever know more: waiting for that would be for ever */
	if (queue->config.block && conversation->type != CHAT_SMS)
		conversation_block(&queue->conversations, conversation);
	conversation_advance(queue, conversation);
}

void delivery_failed(struct send_queue *queue, struct delivery *delivery, const struct err *err, bool no_token)
{
	struct conversation_queue *conversation = delivery->conversation;

	delivery->cause = cause_of(err, no_token);
	finish(queue, delivery, OUTCOME_FAILED, err);
	if (queue->config.block && delivery->cause != CAUSE_MESSAGE)
		conversation_block(&queue->conversations, conversation);
	conversation_advance(queue, conversation);
}

void entry_ready(struct send_queue *queue, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct delivery *delivery = &entry->deliveries[i];

		if (delivery->state == DELIVERY_QUEUED && delivery->conversation &&
			delivery->conversation->first == delivery)
			conversation_advance(queue, delivery->conversation);
	}
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

/* NULL: all are busy */
static struct job *job_get(struct send_queue *queue)
{
	struct job *job = queue->free_jobs;

	if (job) {
		queue->free_jobs = job->next;
		queue->running++;
	}
	return job;
}

void job_put(struct send_queue *queue, struct job *job)
{
	buf_clear(&job->path);
	if (job->body.cap > 256 * 1024) /* one huge text is no reason to keep its room for ever */
		buf_release(&job->body);
	buf_clear(&job->body);
	job->delivery = NULL;
	job->upload = NULL;
	job->next = queue->free_jobs;
	queue->free_jobs = job;
	queue->running--;
}

/* Messages before uploads: they make room in the window. */
static void start_work(struct send_queue *queue)
{
	struct job *job;

	if (queue->failed)
		send_queue_stop(queue);
	while ((job = job_get(queue))) {
		struct delivery *delivery = pop_ready(queue);
		struct upload *upload = delivery ? NULL : upload_pop(queue);

		if (delivery) {
			post_start(queue, delivery, job);
		} else if (upload) {
			upload_start(queue, upload, job);
		} else {
			job_put(queue, job);
			return;
		}
	}
}

/* ---- entries and results --------------------------------------------------------------------------------------- */

static void delivery_release(struct delivery *delivery)
{
	lookup_release(&delivery->lookup);
	message_sent_release(&delivery->sent);
	free(delivery->err);
}

static void entry_free(struct send_queue *queue, struct entry *entry)
{
	*(entry->prev ? &entry->prev->next : &queue->first) = entry->next;
	*(entry->next ? &entry->next->prev : &queue->last) = entry->prev;
	queue->recipients -= entry->count;
	queue->bytes -= entry->bytes;
	upload_drop(queue, entry);
	for (size_t i = 0; i < entry->count; i++)
		delivery_release(&entry->deliveries[i]);
	free(entry->deliveries);
	free(entry->files);
	free(entry->err);
	draft_free(entry->draft);
	free(entry);
}

static void report_one(struct send_queue *queue, struct delivery *delivery)
{
	struct entry *entry = delivery->entry;
	struct send_result result = { .outcome = delivery->outcome,
		.cause = delivery->cause,
		.sent = delivery->sent,
		.attempts = delivery->attempts,
		.attempted_ms = delivery->attempted_ms,
		.lost_ms = delivery->lost_ms,
		.files = entry->files };

	if (entry->draft->to_count)
		result.to = &entry->draft->to[delivery->index];
	if (delivery->err && delivery->outcome != OUTCOME_SENT)
		result.err = *delivery->err;
	entry->reported++;
	queue->config.result(queue->config.arg, entry->draft, &result);
}

/* The head of the line, as far as it is known. */
static bool report_ordered(struct send_queue *queue)
{
	bool any = false;

	for (struct entry *entry; (entry = queue->first);) {
		while (entry->reported < entry->count) {
			struct delivery *delivery = &entry->deliveries[entry->reported];

			if (delivery->state != DELIVERY_DONE)
				return any;
			report_one(queue, delivery);
			any = true;
		}
		entry_free(queue, entry);
	}
	return any;
}

static bool report_unordered(struct send_queue *queue)
{
	bool any = false;

	for (struct delivery *delivery; (delivery = queue->done_first);) {
		struct entry *entry = delivery->entry;

		queue->done_first = delivery->next;
		if (!queue->done_first)
			queue->done_last = NULL;
		report_one(queue, delivery);
		if (entry->reported == entry->count)
			entry_free(queue, entry);
		any = true;
	}
	return any;
}

/* True if there was something. */
static bool report(struct send_queue *queue)
{
	return queue->config.unordered ? report_unordered(queue) : report_ordered(queue);
}

bool send_queue_has_room(const struct send_queue *queue)
{
	return !queue->recipients || (queue->recipients < SEND_QUEUE_WINDOW && queue->bytes < SEND_QUEUE_WINDOW_BYTES);
}

size_t send_queue_pending(const struct send_queue *queue)
{
	return queue->recipients;
}

bool send_queue_is_empty(const struct send_queue *queue)
{
	return !queue->first;
}

/* The files of an earlier attempt, as they were named in it. */
static void recall_files(struct entry *entry)
{
	const struct draft *draft = entry->draft;

	entry->complete = true;
	if (draft->file_count)
		entry->files = xcalloc(draft->file_count, sizeof(*entry->files));
	for (size_t i = 0; i < draft->file_count; i++)
		entry->files[i] = (struct message_file){ .name = draft->files[i].name, .xid = draft->files[i].xid };
}

static struct entry *entry_new(struct send_queue *queue, struct draft *draft)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));

	entry->draft = draft;
	entry->number = ++queue->added;
	draft->entry = entry;
	entry->count = draft->to_count ? draft->to_count : 1;
	entry->deliveries = xcalloc(entry->count, sizeof(*entry->deliveries));
	entry->bytes = strlen(draft->text) + draft->source_len;
	for (size_t i = 0; i < entry->count; i++) {
		struct delivery *delivery = &entry->deliveries[i];

		delivery->entry = entry;
		delivery->index = i;
		delivery->uncertain = draft->uncertain;
		delivery->maybe = draft->uncertain;
		delivery->attempted_ms = draft->uncertain ? draft->attempted_ms : 0;
		delivery->lost_ms = draft->uncertain ? draft->lost_ms : 0;
		delivery->step = draft->uncertain ? STEP_LOOKUP : STEP_POST;
	}
	entry->prev = queue->last;
	*(queue->last ? &queue->last->next : &queue->first) = entry;
	queue->last = entry;
	queue->recipients += entry->count;
	queue->bytes += entry->bytes;
	return entry;
}

void send_queue_add(struct send_queue *queue, struct draft *draft)
{
	struct entry *entry = entry_new(queue, draft);

	if (draft->bad.status || !draft->to_count) {
		for (size_t i = 0; i < entry->count; i++)
			finish(queue, &entry->deliveries[i], OUTCOME_FAILED, &draft->bad);
		return;
	}
	for (size_t i = 0; i < entry->count; i++) {
		struct delivery *delivery = &entry->deliveries[i];
		struct conversation_queue *conversation = conversation_get(&queue->conversations, &draft->to[i]);

		delivery->conversation = conversation;
		*(conversation->last ? &conversation->last->next_in_conversation : &conversation->first) = delivery;
		conversation->last = delivery;
	}
	if (draft->uncertain) {
		recall_files(entry);
		entry_ready(queue, entry);
	} else if (queue->stopped) {
		entry_ready(queue, entry);
	} else {
		upload_want(queue, entry);
	}
}

enum status send_queue_step(struct send_queue *queue, int wait_ms, int extra_fd, struct err *err)
{
	enum status st;

	wait_ms = wake_delayed(queue, wait_ms);
	start_work(queue);
	if (report(queue))
		wait_ms = 0; /* there is room again: the caller may have more */
	if (send_queue_is_empty(queue) && extra_fd < 0)
		return ST_OK;
	st = queue->config.transport.step(queue->config.transport.client, wait_ms, extra_fd, err);
	if (st)
		return st;
	wake_delayed(queue, 0);
	start_work(queue);
	report(queue);
	return ST_OK;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

void send_queue_stop(struct send_queue *queue)
{
	struct delivery *delivery, *ready = queue->ready_first;

	if (queue->stopped)
		return;
	queue->stopped = true;
	upload_clear_queue(queue);
	/* what has been posted once is brought to its end */
	queue->ready_first = queue->ready_last = NULL;
	while ((delivery = ready)) {
		ready = delivery->next;
		if (delivery->attempts)
			delivery_ready(queue, delivery);
		else
			delivery->state = DELIVERY_QUEUED;
	}
	for (struct entry *entry = queue->first; entry; entry = entry->next)
		entry_ready(queue, entry);
}

/* A delivery that has begun, and is not brought to its end. */
static void abandon(struct send_queue *queue, struct delivery *delivery)
{
	const struct err *why = &queue->abort_reason;
	struct err err = *why;

	/* waiting to be posted again, after it was surely not received */
	if (delivery->state == DELIVERY_DELAYED && delivery->step == STEP_POST && !delivery->maybe) {
		delivery_failed(queue, delivery, why, false);
		return;
	}
	err_prefix(&err, "it is not known whether the message arrived");
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false;
	delivery_unknown(queue, delivery, &err);
}

void send_queue_abort(struct send_queue *queue, const struct err *reason)
{
	send_queue_stop(queue);
	queue->aborted = true;
	queue->abort_reason = *reason;
	queue->ready_first = queue->ready_last = queue->delayed = NULL;
	for (struct entry *entry = queue->first; entry; entry = entry->next) {
		for (size_t i = 0; i < entry->count; i++) {
			struct delivery *delivery = &entry->deliveries[i];

			/* those behind it in its conversation are then held */
			if (delivery->state != DELIVERY_DONE && delivery->state != DELIVERY_QUEUED)
				abandon(queue, delivery);
		}
	}
	report(queue);
}

struct send_queue *send_queue_new(const struct send_queue_config *config)
{
	struct send_queue *queue = xcalloc(1, sizeof(*queue));

	queue->config = *config;
	queue->user_id = xstrdup(config->user_id);
	queue->sender = xstrdup_null(config->sender);
	queue->correlator = xstrdup_null(config->correlator);
	queue->sent_ids = config->sent_ids ? sent_ids_new(config->sent_ids) : NULL;
	queue->jobs = xcalloc((size_t)config->jobs, sizeof(*queue->jobs));
	for (int64_t i = 0; i < config->jobs; i++) {
		struct job *job = &queue->jobs[i];

		job->queue = queue;
		job->fd = -1;
		buf_init(&job->path, BUF_NO_MAX);
		buf_init(&job->body, BUF_NO_MAX);
		job->next = queue->free_jobs;
		queue->free_jobs = job;
	}
	return queue;
}

void send_queue_free(struct send_queue *queue)
{
	if (!queue)
		return;
	while (queue->first)
		entry_free(queue, queue->first);
	upload_free_all(queue);
	for (size_t i = 0; i < SEND_QUEUE_BUCKETS; i++) {
		for (struct conversation_queue *conversation = queue->conversations.buckets[i], *next; conversation;
			conversation = next) {
			next = conversation->next_in_bucket;
			conversation_release(conversation);
		}
	}
	for (int64_t i = 0; i < queue->config.jobs; i++) {
		if (queue->jobs[i].fd >= 0)
			close(queue->jobs[i].fd);
		buf_release(&queue->jobs[i].path);
		buf_release(&queue->jobs[i].body);
	}
	free(queue->jobs);
	free(queue->user_id);
	free(queue->sender);
	free(queue->correlator);
	sent_ids_free(queue->sent_ids);
	free(queue);
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

struct send_transport send_transport_client(struct client *client)
{
	return (struct send_transport){ .start = by_client_start, .step = by_client_step, .client = client };
}
