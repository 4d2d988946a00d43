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

/* ---- conversations --------------------------------------------------------------------------------------------- */

static void conversation_free(struct conversation_table *table, struct conversation_queue *conversation)
{
	hash_lru_remove(&table->lru, &conversation->lru);
	hash_table_remove(&table->table, &conversation->node);
	free(conversation->id);
	free(conversation->last_sent_id);
	free(conversation);
}

static struct conversation_queue *conversation_get(struct conversation_table *table, const struct address *to)
{
	uint64_t hash = hash_local(to->id, strlen(to->id));
	struct conversation_queue *conversation;

	HASH_EACH (node, &table->table, hash) {
		conversation = HASH_STRUCT(node, struct conversation_queue, node);
		if (conversation->type == to->type && !strcmp(conversation->id, to->id)) {
			hash_lru_remove(&table->lru, &conversation->lru);
			return conversation;
		}
	}
	conversation = xcalloc(1, sizeof(*conversation));
	conversation->type = to->type;
	conversation->id = xstrdup(to->id);
	conversation->key = sent_ids_conversation(address_type_name(to->type), to->id);
	hash_table_add(&table->table, &conversation->node, hash);
	return conversation;
}

static bool all_blocked(const struct conversation_table *table)
{
	return table->blocked_count >= SEND_QUEUE_BLOCKED_MAX;
}

/* From now on, the deliveries of this conversation are not tried. */
static void conversation_block(struct conversation_table *table, struct conversation_queue *conversation)
{
	table->blocked_count += !conversation->blocked;
	conversation->blocked = true;
}

/* It has no deliveries: it is kept for its last_sent_id, up to a limit. */
static void conversation_idle(struct conversation_table *table, struct conversation_queue *conversation)
{
	if ((conversation->blocked && !all_blocked(table)) || conversation->lru.listed)
		return;
	if (!conversation->last_sent_id) {
		conversation_free(table, conversation);
		return;
	}
	hash_lru_add(&table->lru, &conversation->lru);
	if (table->lru.count > SEND_QUEUE_LAST_IDS_KEPT)
		conversation_free(table, HASH_STRUCT(table->lru.oldest, struct conversation_queue, lru));
}

/* ---- the ready and the delayed list ------------------------------------------------------------------------------ */

static bool is_before(const struct delivery *a, const struct delivery *b)
{
	return a->entry->number < b->entry->number || (a->entry == b->entry && a->index < b->index);
}

/* Sorted by input order, because the results are wanted in it. Most deliveries come last anyway. */
static void delivery_ready(struct send_queue *queue, struct delivery *delivery)
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

static void delivery_delay(struct send_queue *queue, struct delivery *delivery, int64_t ms)
{
	delivery->state = DELIVERY_DELAYED;
	delivery->due_ms = clock_mono_ms() + ms;
	delivery->next = queue->delayed;
	queue->delayed = delivery;
}

/* Moves due deliveries to the ready list. Returns the time until the next one is due, at most `wait_ms`. */
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

/* ---- deliveries -------------------------------------------------------------------------------------------------- */

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
		/* a page from a proxy; but "too large" is about the message */
		return err->http == 413 || err->http == 414 || err->http == 431 ? CAUSE_MESSAGE : CAUSE_ENVIRONMENT;
	default: break;
	}
	return CAUSE_MESSAGE;
}

/* True if the message can be sent later, so that those after it have to wait. */
static bool blocks(const struct delivery *delivery)
{
	/* the outcome of an SMS can never be found out: waiting for it would block for ever */
	return delivery->outcome == OUTCOME_UNKNOWN
		? delivery->conversation->type != CHAT_SMS
		: delivery->outcome == OUTCOME_FAILED && delivery->cause != CAUSE_MESSAGE;
}

/* `err`: NULL if delivery->err is set, or not needed */
static void finish(struct send_queue *queue, struct delivery *delivery, enum send_outcome outcome,
	const struct err *err)
{
	struct conversation_queue *conversation = delivery->conversation;

	delivery->state = DELIVERY_DONE;
	delivery->outcome = outcome;
	delivery->next = NULL;
	if (err) {
		if (!delivery->err)
			delivery->err = xmalloc(sizeof(*delivery->err));
		*delivery->err = *err;
	}
	if (outcome == OUTCOME_FAILED)
		delivery->cause = cause_of(delivery->err, delivery->no_token);
	if (queue->config.fail_fast)
		queue->failed |= queue->config.block ? outcome == OUTCOME_FAILED && delivery->cause == CAUSE_MESSAGE
						     : outcome == OUTCOME_FAILED || outcome == OUTCOME_UNKNOWN;
	if (queue->config.unordered) {
		*(queue->done_last ? &queue->done_last->next : &queue->done_first) = delivery;
		queue->done_last = delivery;
	}
	lookup_release(&delivery->lookup);
	if (conversation && queue->config.block && blocks(delivery))
		conversation_block(&queue->conversations, conversation);
	if (conversation && outcome == OUTCOME_SENT && delivery->sent.id) {
		free(conversation->last_sent_id);
		conversation->last_sent_id = xstrdup(delivery->sent.id);
	}
}

static void finish_blocked(struct send_queue *queue, struct delivery *delivery)
{
	struct err err = ERR_INIT;

	if (queue->stopped)
		err_set(&err, ST_TEMPFAIL, "not tried: the run ended first");
	else if (!delivery->conversation->blocked)
		err_set(&err, ST_TEMPFAIL, "not tried: %d conversations are blocked", SEND_QUEUE_BLOCKED_MAX);
	else
		err_set(&err, ST_TEMPFAIL, "not tried: an earlier message to '%s' was not delivered",
			delivery->conversation->id);
	finish(queue, delivery, OUTCOME_BLOCKED, &err);
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
			first->no_token = first->entry->no_token;
			finish(queue, first, OUTCOME_FAILED, first->entry->err);
		} else {
			if (first->entry->complete)
				delivery_ready(queue, first);
			return;
		}
	}
	conversation_idle(&queue->conversations, conversation);
}

static void complete(struct send_queue *queue, struct delivery *delivery, enum send_outcome outcome,
	const struct err *err)
{
	finish(queue, delivery, outcome, err);
	conversation_advance(queue, delivery->conversation);
}

/* The files of the entry are uploaded, or it has failed. */
static void entry_ready(struct send_queue *queue, struct send_entry *entry)
{
	for (size_t i = 0; i < entry->count; i++) {
		struct delivery *delivery = &entry->deliveries[i];

		if (delivery->state == DELIVERY_QUEUED && delivery->conversation &&
			delivery->conversation->first == delivery)
			conversation_advance(queue, delivery->conversation);
	}
}

static void entry_upload(struct send_queue *queue, struct send_entry *entry)
{
	upload_request(queue, entry);
	if (upload_settle(entry))
		entry_ready(queue, entry);
}

/* ---- responses ------------------------------------------------------------------------------------------------- */

static void act(struct send_queue *queue, struct delivery *delivery)
{
	switch (delivery->action) {
	case ACTION_SENT: complete(queue, delivery, OUTCOME_SENT, NULL); break;
	case ACTION_FAILED: complete(queue, delivery, OUTCOME_FAILED, NULL); break;
	case ACTION_UNKNOWN: complete(queue, delivery, OUTCOME_UNKNOWN, NULL); break;
	case ACTION_CONTINUE: delivery_ready(queue, delivery); break;
	case ACTION_DELAY: delivery_delay(queue, delivery, delivery->delay_ms); break;
	case ACTION_UPLOAD:
		delivery->state = DELIVERY_QUEUED;
		free(delivery->entry->files);
		delivery->entry->files = NULL;
		delivery->entry->complete = false;
		entry_upload(queue, delivery->entry);
		break;
	}
}

static bool carries(const struct send_entry *entry, const struct send_upload *upload)
{
	for (size_t i = 0; entry->uploads && i < entry->draft->file_count; i++) {
		if (entry->uploads[i] == upload)
			return true;
	}
	return false;
}

static void act_on_upload(struct send_queue *queue, struct send_upload *upload)
{
	if (!(upload = upload_done(queue, upload)))
		return;
	for (struct send_entry *entry = queue->first; entry; entry = entry->next) {
		if (carries(entry, upload) && upload_settle(entry))
			entry_ready(queue, entry);
	}
}

/* True if there was a response. */
static bool act_on_responses(struct send_queue *queue)
{
	struct send_job *job;
	bool any = false;

	while ((job = job_pop_answered(&queue->jobs))) {
		struct delivery *delivery = job->delivery;
		struct send_upload *upload = job->upload;

		job_put(&queue->jobs, job);
		if (delivery)
			act(queue, delivery);
		else
			act_on_upload(queue, upload);
		any = true;
	}
	return any;
}

/* Messages go before uploads: they make room in the window. */
static void start_jobs(struct send_queue *queue)
{
	struct send_job *job;

	while ((job = job_get(&queue->jobs))) {
		struct delivery *delivery = pop_ready(queue);
		struct send_upload *upload = delivery ? NULL : upload_pop(queue);

		if (delivery) {
			post_start(queue, delivery, job);
		} else if (upload) {
			upload_start(queue, upload, job);
		} else {
			job_put(&queue->jobs, job);
			return;
		}
	}
}

static void work(struct send_queue *queue)
{
	do {
		if (queue->failed)
			send_queue_stop(queue);
		start_jobs(queue);
	} while (act_on_responses(queue)); /* some could not be started */
}

/* ---- entries and results --------------------------------------------------------------------------------------- */

static void delivery_release(struct delivery *delivery)
{
	lookup_release(&delivery->lookup);
	message_sent_release(&delivery->sent);
	free(delivery->err);
}

static void entry_free(struct send_queue *queue, struct send_entry *entry)
{
	*(entry->prev ? &entry->prev->next : &queue->first) = entry->next;
	*(entry->next ? &entry->next->prev : &queue->last) = entry->prev;
	queue->recipients -= entry->count;
	queue->bytes -= entry->bytes;
	upload_release(queue, entry);
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
	struct send_entry *entry = delivery->entry;
	struct send_result result = { .outcome = delivery->outcome,
		.cause = delivery->cause,
		.sent = delivery->sent,
		.attempts = delivery->attempts,
		.attempted_ms = delivery->attempted_ms,
		.post_number = delivery->first_number,
		.files = entry->files };

	if (entry->draft->to_count)
		result.to = &entry->draft->to[delivery->index];
	if (delivery->err && delivery->outcome != OUTCOME_SENT)
		result.err = *delivery->err;
	entry->reported++;
	queue->config.result(queue->config.arg, entry->draft, &result);
}

/* All results up to the first one that is not known yet. */
static bool report_ordered(struct send_queue *queue)
{
	bool any = false;

	for (struct send_entry *entry; (entry = queue->first);) {
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
		struct send_entry *entry = delivery->entry;

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

/* The files of an earlier process' attempt, to recognise the message in the history. */
static void recall_files(struct send_entry *entry)
{
	const struct draft *draft = entry->draft;

	entry->complete = true;
	if (draft->file_count)
		entry->files = xcalloc(draft->file_count, sizeof(*entry->files));
	for (size_t i = 0; i < draft->file_count; i++)
		entry->files[i] = (struct message_file){ .name = draft->files[i].name, .xid = draft->files[i].xid };
}

/*
 * The attempt of an earlier process. Only the time that has passed is taken from the wall clock, which may have been
 * wrong: a history that contradicts it is inconclusive.
 */
static void recall_post(const struct send_queue *queue, struct delivery *delivery, const struct draft *draft)
{
	int64_t now = clock_mono_ms(), age = clock_wall_ms() - draft->attempted_ms;

	delivery->step = STEP_LOOKUP;
	delivery->uncertain = delivery->maybe_sent = true;
	delivery->attempted_ms = draft->attempted_ms;
	delivery->first_ms = delivery->posted_ms = now - (age > 0 ? age : 0);
	delivery->first_number = delivery->number = draft->post_number;
	delivery->settled_ms = now + queue->config.settle_ms;
}

static struct send_entry *entry_new(struct send_queue *queue, struct draft *draft)
{
	struct send_entry *entry = xcalloc(1, sizeof(*entry));

	entry->draft = draft;
	entry->number = ++queue->added;
	entry->count = draft->to_count ? draft->to_count : 1;
	entry->deliveries = xcalloc(entry->count, sizeof(*entry->deliveries));
	entry->bytes = strlen(draft->text) + draft->source_len;
	for (size_t i = 0; i < entry->count; i++) {
		struct delivery *delivery = &entry->deliveries[i];

		delivery->entry = entry;
		delivery->index = i;
		if (draft->uncertain)
			recall_post(queue, delivery, draft);
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
	struct send_entry *entry = entry_new(queue, draft);

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
	if (draft->uncertain)
		recall_files(entry);
	if (draft->uncertain || queue->stopped)
		entry_ready(queue, entry);
	else
		entry_upload(queue, entry);
}

enum status send_queue_step(struct send_queue *queue, int wait_ms, int extra_fd, struct err *err)
{
	enum status st;

	wait_ms = wake_delayed(queue, wait_ms);
	work(queue);
	if (report(queue))
		wait_ms = 0; /* there is room again, and the caller may have more */
	if (send_queue_is_empty(queue) && extra_fd < 0)
		return ST_OK;
	st = queue->config.transport.step(queue->config.transport.client, wait_ms, extra_fd, err);
	act_on_responses(queue);
	if (st)
		return st;
	wake_delayed(queue, 0);
	work(queue);
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
	/* messages that were posted once are completed */
	queue->ready_first = queue->ready_last = NULL;
	while ((delivery = ready)) {
		ready = delivery->next;
		if (delivery->attempts)
			delivery_ready(queue, delivery);
		else
			delivery->state = DELIVERY_QUEUED;
	}
	for (struct send_entry *entry = queue->first; entry; entry = entry->next)
		entry_ready(queue, entry);
}

/* A delivery that has started and is not completed. */
static void abandon(struct send_queue *queue, struct delivery *delivery)
{
	const struct err *why = &queue->abort_reason;
	struct err err = *why;

	/* it was certainly not received, and waits for the next attempt */
	if (delivery->state == DELIVERY_DELAYED && delivery->step == STEP_POST && !delivery->maybe_sent) {
		complete(queue, delivery, OUTCOME_FAILED, why);
		return;
	}
	err_prefix(&err, "delivery unknown");
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false;
	complete(queue, delivery, OUTCOME_UNKNOWN, &err);
}

void send_queue_abort(struct send_queue *queue, const struct err *reason)
{
	send_queue_stop(queue);
	queue->aborted = true;
	queue->abort_reason = *reason;
	queue->ready_first = queue->ready_last = queue->delayed = NULL;
	for (struct send_entry *entry = queue->first; entry; entry = entry->next) {
		for (size_t i = 0; i < entry->count; i++) {
			struct delivery *delivery = &entry->deliveries[i];

			/* the later ones of its conversation become blocked */
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
	job_pool_init(&queue->jobs, queue, config->jobs);
	return queue;
}

void send_queue_free(struct send_queue *queue)
{
	struct hash_node *node;

	if (!queue)
		return;
	while (queue->first)
		entry_free(queue, queue->first);
	upload_free_all(queue);
	while ((node = hash_table_any(&queue->conversations.table)))
		conversation_free(&queue->conversations, HASH_STRUCT(node, struct conversation_queue, node));
	hash_table_release(&queue->conversations.table);
	job_pool_release(&queue->jobs);
	free(queue->user_id);
	free(queue->sender);
	free(queue->correlator);
	sent_ids_free(queue->sent_ids);
	free(queue);
}

char *send_queue_use_client(struct send_queue_config *config, struct client *client)
{
	const struct session *session = client_session(client);
	char *sent_ids = store_path(client_store(client), ".sent");

	config->transport = (struct send_transport){ client_start, client_step, client };
	config->retry = client_settings(client)->retry;
	config->user_id = session->user_id;
	config->sender = session->address;
	config->correlator = session->correlator;
	config->sent_ids = sent_ids;
	return sent_ids;
}
