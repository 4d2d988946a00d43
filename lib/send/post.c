/*
 * post.c - one message: post it; if the answer got lost, look into history whether it arrived; if it surely
 * did not, post it again.
 */
#include "send/send-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 3U /* before what history does not show is surely not there */
#define CLOCK_MS INT64_C(2000) /* an answer that took longer tells too little of the service's clock */
#define LOOKS_PENDING 6U /* the same where the service may still be at work on it */

static void keep_err(struct delivery *delivery, const struct err *err)
{
	if (!delivery->err)
		delivery->err = xmalloc(sizeof(*delivery->err));
	*delivery->err = *err;
}

static void unknown(struct send_queue *queue, struct delivery *delivery, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_TEMPFAIL, "it is not known whether the message arrived: %s, and %s",
		delivery->err ? delivery->err->text : "an earlier attempt was cut off", why);
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false; /* not without looking first */
	err.http = delivery->err ? delivery->err->http : 0;
	delivery_unknown(queue, delivery, &err);
}

/* `delivery->err` says why the last attempt was lost. */
static void post_again(struct send_queue *queue, struct delivery *delivery)
{
	struct err err = ERR_INIT;
	int64_t delay;

	lookup_release(&delivery->lookup);
	delivery->looks = 0;
	delivery->step = STEP_POST;
	if (delivery->uncertain) {
		/* an earlier process' attempt: its uploads may be gone, so everything is done anew */
		delivery->uncertain = false;
		delivery->state = DELIVERY_QUEUED;
		free(delivery->entry->files);
		delivery->entry->files = NULL;
		delivery->entry->complete = false;
		upload_want(queue, delivery->entry);
		return;
	}
	err = *delivery->err;
	err.outcome = ERR_NOT_SENT;
	err.retryable = true;
	delay = retry_delay(&delivery->retry, &err, false, clock_mono_ms());
	if (delay >= 0)
		delivery_delay(queue, delivery, delay);
	else if (delivery->maybe)
		unknown(queue, delivery, "history was not asked");
	else
		delivery_failed(queue, delivery, &err, false);
}

static void maybe_sent(struct send_queue *queue, struct delivery *delivery, const struct err *err)
{
	keep_err(delivery, err);
	delivery->maybe = true;
	delivery->pending |= err->pending;
	delivery->lost_ms = clock_wall_ms();
	switch (queue->config.on_unknown) {
	case ON_UNKNOWN_RESEND: post_again(queue, delivery); return;
	case ON_UNKNOWN_FAIL: unknown(queue, delivery, "history was not asked"); return;
	case ON_UNKNOWN_CHECK: break;
	}
	if (delivery->message.to->type == CHAT_SMS) {
		unknown(queue, delivery, "an SMS cannot be looked up");
		return;
	}
	delivery->step = STEP_LOOKUP;
	delivery_ready(queue, delivery);
}

/*
 * The message is there, but somebody whose own was lost has found it in history before this answer came, and took it
 * for his: one of the two is missing. Only a look that was made during this very post counts, and only once: a service
 * that answers with the same ID again knows the two to be one.
 */
static bool id_claimed(struct send_queue *queue, struct delivery *delivery)
{
	const char *id = delivery->sent.id;

	return id && !delivery->reposted &&
		sent_ids_found(queue->sent_ids, id, delivery->entry->draft->origin, delivery->posted_ms);
}

static void replace(struct send_queue *queue, struct delivery *delivery)
{
	delivery->reposted = true;
	free(delivery->conversation->last_sent_id);
	delivery->conversation->last_sent_id = delivery->sent.id;
	delivery->sent.id = NULL;
	message_sent_release(&delivery->sent);
	delivery->attempted_ms = clock_wall_ms();
	delivery->lost_ms = 0;
	delivery_ready(queue, delivery);
}

static void on_posted(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct send_queue *queue = job->queue;
	struct delivery *delivery = job->delivery;
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;

	job_put(queue, job);
	if (queue->aborted)
		return;
	delivery->attempts += answer ? answer->attempts : 0;
	if (status)
		err = *failure;
	else
		status = message_decode_sent(json_root(&answer->json), delivery->message.to->type, now, &delivery->sent,
			&err);
	if (!status) {
		if (delivery->sent.timed && now - delivery->attempted_ms < CLOCK_MS) {
			queue->skew_ms = delivery->sent.timestamp_ms - now;
			queue->skew_known = true;
		}
		if (id_claimed(queue, delivery)) {
			replace(queue, delivery);
			return;
		}
		if (delivery->sent.id)
			sent_ids_note(queue->sent_ids, delivery->sent.id, delivery->entry->draft->origin);
		delivery_sent(queue, delivery);
	} else if (err.outcome == ERR_MAYBE_SENT) {
		maybe_sent(queue, delivery, &err);
	} else if (delivery->maybe) { /* an attempt before this one, see --on-unknown resend */
		keep_err(delivery, &err);
		unknown(queue, delivery, "an answer before that was lost");
	} else {
		delivery_failed(queue, delivery, &err, answer && answer->no_token);
	}
}

/* History has it not: later, or surely not. */
static void absent(struct send_queue *queue, struct delivery *delivery)
{
	unsigned shift = delivery->looks < 3 ? delivery->looks : 3;

	if (++delivery->looks < (delivery->pending ? LOOKS_PENDING : LOOKS)) {
		lookup_release(&delivery->lookup);
		delivery_delay(queue, delivery, queue->config.lookup_delay_ms << shift);
		return;
	}
	delivery->maybe = delivery->pending = false;
	post_again(queue, delivery);
}

/* The best there is to tell how far the two clocks are apart: the service's, as it says, when it answered. */
static void take_clock(struct send_queue *queue, const struct client_response *answer)
{
	if (answer->date_ms < 0)
		return;
	queue->skew_ms = answer->date_ms + 500 - clock_wall_ms(); /* it is cut to the second */
	queue->skew_known = true;
}

static void set_time(struct send_queue *queue, struct delivery *delivery)
{
	struct lookup *lookup = &delivery->lookup;
	int64_t skew = queue->skew_known ? queue->skew_ms : 0;

	lookup->skew_known = queue->skew_known;
	lookup->since_ms = delivery->attempted_ms + skew;
	lookup->until_ms = (delivery->lost_ms ? delivery->lost_ms : delivery->attempted_ms + LOOKUP_CRASH_MS) + skew;
}

static void on_lookup(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct send_queue *queue = job->queue;
	struct delivery *delivery = job->delivery;
	char why[sizeof(failure->text) + 64];

	job_put(queue, job);
	if (queue->aborted)
		return;
	if (status) {
		snprintf(why, sizeof(why), "its history cannot be read: %s", failure->text);
		unknown(queue, delivery, why);
		return;
	}
	take_clock(queue, answer);
	set_time(queue, delivery);
	switch (lookup_page(&delivery->lookup, json_root(&answer->json))) {
	case LOOKUP_MORE: delivery_ready(queue, delivery); break;
	case LOOKUP_FOUND:
		delivery->sent = delivery->lookup.found;
		delivery->lookup.found = (struct message_sent){ 0 };
		if (delivery->sent.id)
			sent_ids_find(queue->sent_ids, delivery->sent.id, delivery->entry->draft->origin,
				clock_wall_ms());
		delivery_sent(queue, delivery);
		break;
	case LOOKUP_INCONCLUSIVE: unknown(queue, delivery, "its history does not tell"); break;
	case LOOKUP_NOT_FOUND: absent(queue, delivery); break;
	}
}

static enum status start_post(struct send_queue *queue, struct delivery *delivery, struct job *job, struct err *err)
{
	struct entry *entry = delivery->entry;
	int64_t now = clock_wall_ms();
	enum status st;

	if (!delivery->attempts && queue->config.before_post &&
		(st = queue->config.before_post(queue->config.arg, entry->draft, &delivery->message, now, err)))
		return st;
	delivery->posted_ms = now;
	if (!delivery->attempted_ms)
		delivery->attempted_ms = now;
	if (!delivery->retry.policy)
		retry_start(&delivery->retry, &queue->config.retry, clock_mono_ms());
	message_path(&job->path, queue->user_id, delivery->message.to);
	message_encode(&job->body, &delivery->message, queue->correlator);
	job->call = (struct client_call){
		.method = "POST",
		.path = job->path.data,
		.json = job->body.data,
		.json_len = job->body.len,
		.max_body = CLIENT_MESSAGE_MAX,
		.retry = &delivery->retry,
	};
	return queue->config.transport.start(queue->config.transport.client, &job->call, on_posted, job, err);
}

static enum status start_lookup(struct send_queue *queue, struct delivery *delivery, struct job *job, struct err *err)
{
	struct lookup *lookup = &delivery->lookup;

	lookup->message = &delivery->message;
	lookup->sender = queue->sender ? queue->sender : "";
	lookup->last_sent_id = delivery->conversation->last_sent_id;
	lookup->others = queue->sent_ids;
	lookup->origin = delivery->entry->draft->origin;
	if (!lookup_path(lookup, &job->path, queue->user_id))
		return err_set(err, ST_DATA, "an SMS cannot be looked up");
	job->call = (struct client_call){ .method = "GET", .path = job->path.data, .dated = true };
	return queue->config.transport.start(queue->config.transport.client, &job->call, on_lookup, job, err);
}

void post_start(struct send_queue *queue, struct delivery *delivery, struct job *job)
{
	struct entry *entry = delivery->entry;
	struct err err = ERR_INIT;

	job->delivery = delivery;
	delivery->message = (struct message){ .to = &entry->draft->to[delivery->index],
		.text = entry->draft->text,
		.files = entry->files,
		.file_count = entry->draft->file_count };
	if (delivery->step == STEP_LOOKUP) {
		if (start_lookup(queue, delivery, job, &err)) {
			job_put(queue, job);
			unknown(queue, delivery, err.text);
		}
	} else if (start_post(queue, delivery, job, &err)) {
		job_put(queue, job);
		delivery_failed(queue, delivery, &err, false);
	}
}
