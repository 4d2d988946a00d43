/*
 * post.c - one message: post it; if the response is lost, look it up in the history; if it is certainly not there,
 * post it again.
 */
#include "send/send-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUPS 3U /* without a result until the message is certainly absent */
#define LOOKUPS_PENDING 6U /* the same if the service may still be processing it */
#define SKEW_FROM_RESPONSE_MS INT64_C(2000) /* a slower response says too little about the service's clock */

static void keep_err(struct delivery *delivery, const struct err *err)
{
	if (!delivery->err)
		delivery->err = xmalloc(sizeof(*delivery->err));
	*delivery->err = *err;
}

static void set_failed(struct delivery *delivery, const struct err *err, bool no_token)
{
	keep_err(delivery, err);
	delivery->no_token = no_token;
	delivery->action = ACTION_FAILED;
}

static void set_unknown(struct delivery *delivery, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_TEMPFAIL, "delivery unknown: %s; %s",
		delivery->err ? delivery->err->text : "an earlier attempt was cut off", why);
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false; /* not without checking first */
	err.http = delivery->err ? delivery->err->http : 0;
	keep_err(delivery, &err);
	delivery->action = ACTION_UNKNOWN;
}

/* `delivery->err` says why the last attempt was lost. */
static void repost(struct delivery *delivery)
{
	struct err err = ERR_INIT;

	lookup_release(&delivery->lookup);
	delivery->lookups = 0;
	delivery->step = STEP_POST;
	if (delivery->uncertain) {
		/* the uploads of an earlier process may be gone */
		delivery->uncertain = false;
		delivery->action = ACTION_UPLOAD;
		return;
	}
	err = *delivery->err;
	err.outcome = ERR_NOT_SENT;
	err.retryable = true;
	delivery->action = ACTION_DELAY;
	delivery->delay_ms = retry_delay(&delivery->retry, &err, false, clock_mono_ms());
	if (delivery->delay_ms >= 0)
		return;
	if (delivery->maybe_sent)
		set_unknown(delivery, "history not checked");
	else
		set_failed(delivery, &err, false);
}

static void response_lost(const struct send_queue *queue, struct delivery *delivery, const struct err *err)
{
	keep_err(delivery, err);
	delivery->maybe_sent = true;
	delivery->pending |= err->pending;
	delivery->lost_ms = clock_wall_ms();
	if (queue->config.on_unknown == ON_UNKNOWN_RESEND) {
		repost(delivery);
	} else if (queue->config.on_unknown == ON_UNKNOWN_FAIL) {
		set_unknown(delivery, "history not checked (--on-unknown fail)");
	} else if (delivery->message.to->type == CHAT_SMS) {
		set_unknown(delivery, "an SMS has no history to check");
	} else {
		delivery->step = STEP_LOOKUP;
		delivery->action = ACTION_CONTINUE;
	}
}

/*
 * True if another process, whose own response was lost, found this message in the history before the response arrived
 * here, and took it for its own: one of the two messages is missing. Only a lookup during this very post counts, and
 * only once: a service that responds with the same ID again treats the two as one.
 */
static bool id_claimed(const struct send_queue *queue, const struct delivery *delivery)
{
	const char *id = delivery->sent.id;

	return id && !delivery->reposted &&
		sent_ids_found(queue->sent_ids, id, delivery->entry->draft->origin, delivery->posted_ms);
}

static void repost_claimed(struct delivery *delivery)
{
	delivery->reposted = true;
	free(delivery->conversation->last_sent_id);
	delivery->conversation->last_sent_id = delivery->sent.id;
	delivery->sent.id = NULL;
	message_sent_release(&delivery->sent);
	delivery->attempted_ms = clock_wall_ms();
	delivery->lost_ms = 0;
	delivery->action = ACTION_CONTINUE;
}

static void posted(struct send_queue *queue, struct delivery *delivery, int64_t now)
{
	const struct message_sent *sent = &delivery->sent;

	if (sent->timed && now - delivery->attempted_ms < SKEW_FROM_RESPONSE_MS) {
		queue->skew_ms = sent->timestamp_ms - now;
		queue->skew_known = true;
	}
	if (id_claimed(queue, delivery)) {
		repost_claimed(delivery);
		return;
	}
	if (sent->id)
		sent_ids_note(queue->sent_ids, sent->id, delivery->entry->draft->origin);
	delivery->action = ACTION_SENT;
}

static void on_posted(void *arg, enum status status, struct client_response *response, const struct err *failure)
{
	struct send_job *job = arg;
	struct send_queue *queue = job->queue;
	struct delivery *delivery = job->delivery;
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;

	if (queue->aborted)
		return;
	delivery->attempts += response ? response->attempts : 0;
	if (status)
		err = *failure;
	else
		status = message_decode_sent(json_root(&response->json), delivery->message.to->type, now,
			&delivery->sent, &err);
	if (!status) {
		posted(queue, delivery, now);
	} else if (err.outcome == ERR_MAYBE_SENT) {
		response_lost(queue, delivery, &err);
	} else if (delivery->maybe_sent) { /* an earlier attempt, with --on-unknown resend */
		keep_err(delivery, &err);
		set_unknown(delivery, "the response to an earlier attempt was lost");
	} else {
		set_failed(delivery, &err, response && response->no_token);
	}
	job_answered(job);
}

/* ---- lookup ---------------------------------------------------------------------------------------------------- */

/* Check again later, unless it is certainly absent by now. */
static void not_found(const struct send_queue *queue, struct delivery *delivery)
{
	unsigned shift = delivery->lookups < 3 ? delivery->lookups : 3;

	if (++delivery->lookups < (delivery->pending ? LOOKUPS_PENDING : LOOKUPS)) {
		lookup_release(&delivery->lookup);
		delivery->action = ACTION_DELAY;
		delivery->delay_ms = queue->config.lookup_delay_ms << shift;
		return;
	}
	delivery->maybe_sent = delivery->pending = false;
	repost(delivery);
}

static void found(struct send_queue *queue, struct delivery *delivery)
{
	delivery->sent = delivery->lookup.found;
	delivery->lookup.found = (struct message_sent){ 0 };
	if (delivery->sent.id)
		sent_ids_find(queue->sent_ids, delivery->sent.id, delivery->entry->draft->origin, clock_wall_ms());
	delivery->action = ACTION_SENT;
}

/* The Date header of the response is the best source for the difference between the two clocks. */
static void update_skew(struct send_queue *queue, const struct client_response *response)
{
	if (response->date_ms < 0)
		return;
	queue->skew_ms = response->date_ms + 500 - clock_wall_ms(); /* it is truncated to the second */
	queue->skew_known = true;
}

static void set_time(const struct send_queue *queue, struct delivery *delivery)
{
	struct lookup *lookup = &delivery->lookup;
	int64_t skew = queue->skew_known ? queue->skew_ms : 0;

	lookup->skew_known = queue->skew_known;
	lookup->since_ms = delivery->attempted_ms + skew;
	lookup->until_ms = (delivery->lost_ms ? delivery->lost_ms : delivery->attempted_ms + LOOKUP_CRASH_MS) + skew;
}

static void on_lookup(void *arg, enum status status, struct client_response *response, const struct err *failure)
{
	struct send_job *job = arg;
	struct send_queue *queue = job->queue;
	struct delivery *delivery = job->delivery;
	char why[sizeof(failure->text) + 64];

	if (queue->aborted)
		return;
	job_answered(job);
	if (status) {
		snprintf(why, sizeof(why), "cannot read the history: %s", failure->text);
		set_unknown(delivery, why);
		return;
	}
	update_skew(queue, response);
	set_time(queue, delivery);
	switch (lookup_page(&delivery->lookup, json_root(&response->json))) {
	case LOOKUP_MORE: delivery->action = ACTION_CONTINUE; break;
	case LOOKUP_FOUND: found(queue, delivery); break;
	case LOOKUP_INCONCLUSIVE: set_unknown(delivery, "the history is inconclusive"); break;
	case LOOKUP_NOT_FOUND: not_found(queue, delivery); break;
	}
}

static enum status start_lookup(struct send_queue *queue, struct delivery *delivery, struct send_job *job,
	struct err *err)
{
	struct lookup *lookup = &delivery->lookup;

	lookup->message = &delivery->message;
	lookup->sender = queue->sender ? queue->sender : "";
	lookup->last_sent_id = delivery->conversation->last_sent_id;
	lookup->others = queue->sent_ids;
	lookup->origin = delivery->entry->draft->origin;
	if (!lookup_path(lookup, &job->path, queue->user_id))
		return err_set(err, ST_DATA, "an SMS has no history to check");
	job->call = (struct client_call){ .method = "GET", .path = job->path.data, .dated = true };
	return queue->config.transport.start(queue->config.transport.client, &job->call, on_lookup, job, err);
}

static enum status start_post(struct send_queue *queue, struct delivery *delivery, struct send_job *job,
	struct err *err)
{
	struct send_entry *entry = delivery->entry;
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

void post_start(struct send_queue *queue, struct delivery *delivery, struct send_job *job)
{
	struct send_entry *entry = delivery->entry;
	struct err err = ERR_INIT;

	job->delivery = delivery;
	delivery->message = (struct message){ .to = &entry->draft->to[delivery->index],
		.text = entry->draft->text,
		.files = entry->files,
		.file_count = entry->draft->file_count };
	if (delivery->step == STEP_LOOKUP && start_lookup(queue, delivery, job, &err)) {
		set_unknown(delivery, err.text);
		job_answered(job);
	} else if (delivery->step == STEP_POST && start_post(queue, delivery, job, &err)) {
		set_failed(delivery, &err, false);
		job_answered(job);
	}
}
