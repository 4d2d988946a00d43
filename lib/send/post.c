/*
 * post.c - one message: post it; if the response is lost, look it up in the history; if it is certainly not there,
 * post it again. After a response with a 2xx status that cannot be used, it is looked up, but never posted again.
 */
#include "send/send-int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define PENDING_FACTOR 6 /* after a gateway timeout, the service may still accept the message for a while */
#define FIRST_CHECK_SHARE 16 /* of the settling time; each later check waits twice as long */
#define CLOCK_SLACK_MS 500
#define DATE_SLACK_MS 2000 /* the Date header and the message clock may be of two machines */
#define DRIFT_PER_MILLE 1 /* of two clocks, at most */

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

static void set_unknown(const struct send_queue *queue, struct delivery *delivery, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_TEMPFAIL, "delivery unknown: %s; %s",
		delivery->err ? delivery->err->text : "an earlier attempt was cut off", why);
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false; /* not without checking first */
	err.http = delivery->err ? delivery->err->http : 0;
	keep_err(delivery, &err);
	sent_ids_close(queue->sent_ids, delivery->number);
	delivery->action = ACTION_UNKNOWN;
}

/* `delivery->err` says why the last attempt was lost. */
static void repost(const struct send_queue *queue, struct delivery *delivery)
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
		set_unknown(queue, delivery, "history not checked");
	else
		set_failed(delivery, &err, false);
}

static void response_lost(const struct send_queue *queue, struct delivery *delivery, const struct err *err)
{
	keep_err(delivery, err);
	delivery->maybe_sent = true;
	delivery->accepted |= err->http / 100 == 2;
	delivery->settled_ms = clock_mono_ms() + queue->config.settle_ms * (err->pending ? PENDING_FACTOR : 1);
	if (queue->config.on_unknown == ON_UNKNOWN_RESEND && !delivery->accepted) {
		repost(queue, delivery);
	} else if (queue->config.on_unknown == ON_UNKNOWN_FAIL) {
		set_unknown(queue, delivery, "history not checked (--on-unknown fail)");
	} else if (delivery->message.to->type == CHAT_SMS) {
		set_unknown(queue, delivery, "an SMS has no history to check");
	} else {
		delivery->step = STEP_LOOKUP;
		delivery->action = ACTION_CONTINUE;
	}
}

static int64_t drift_since(int64_t then_ms, int64_t now_ms)
{
	return (now_ms - then_ms) * DRIFT_PER_MILLE / 1000;
}

/* The message was accepted between the post and now: that narrows down the difference of the clocks. */
static void observe_clock(struct message_clock *clock, const struct delivery *delivery)
{
	int64_t now = clock_mono_ms(), stamp = delivery->sent.timestamp_ms, unit = stamp % 1000 ? 1 : 1000;
	int64_t least = stamp - now, most = stamp + unit - delivery->posted_ms,
		drift = drift_since(clock->updated_ms, now);

	if (clock->known) {
		if (clock->least_ms - drift > least)
			least = clock->least_ms - drift;
		if (clock->most_ms + drift < most)
			most = clock->most_ms + drift;
	}
	if (least > most) {
		clock->unsteady = true;
		return;
	}
	*clock = (struct message_clock){ true, clock->unsteady, least, most, now,
		unit > clock->unit_ms ? unit : clock->unit_ms };
}

static void sent(struct send_queue *queue, struct delivery *delivery)
{
	if (delivery->sent.id)
		sent_ids_note(queue->sent_ids, delivery->conversation->key, delivery->sent.id, delivery->first_number,
			delivery->entry->draft->origin);
	sent_ids_settle(queue->sent_ids, delivery->number);
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
	if (status) {
		err = *failure;
	} else {
		status = message_decode_sent(json_root(&response->json), delivery->message.to->type, now,
			&delivery->sent, &err);
		err.http = response->http;
	}
	if (!status) {
		if (delivery->sent.timed)
			observe_clock(&queue->clock, delivery);
		sent(queue, delivery);
	} else if (err.outcome == ERR_MAYBE_SENT) {
		response_lost(queue, delivery, &err);
	} else if (delivery->maybe_sent) { /* an earlier attempt, with --on-unknown resend */
		keep_err(delivery, &err);
		set_unknown(queue, delivery, "the response to an earlier attempt was lost");
	} else {
		sent_ids_settle(queue->sent_ids, delivery->number);
		set_failed(delivery, &err, response && response->no_token);
	}
	job_answered(job);
}

/* ---- lookup ---------------------------------------------------------------------------------------------------- */

/* Check again until the settling time is over. False: it is. */
static bool check_again(const struct send_queue *queue, struct delivery *delivery)
{
	int64_t now = clock_mono_ms();
	unsigned shift = delivery->lookups < 8 ? delivery->lookups : 8;

	if (now >= delivery->settled_ms)
		return false;
	if (!delivery->lookups++)
		log_progress("response lost; checking the history for %lld s",
			(long long)(delivery->settled_ms - now + 999) / 1000);
	delivery->action = ACTION_DELAY;
	delivery->delay_ms = (queue->config.settle_ms / FIRST_CHECK_SHARE + 1) << shift;
	if (delivery->delay_ms > delivery->settled_ms - now)
		delivery->delay_ms = delivery->settled_ms - now;
	lookup_release(&delivery->lookup);
	return true;
}

static void not_found(struct send_queue *queue, struct delivery *delivery)
{
	if (check_again(queue, delivery))
		return;
	if (delivery->accepted) {
		set_unknown(queue, delivery, "the history does not show the message");
		return;
	}
	sent_ids_settle(queue->sent_ids, delivery->number);
	delivery->maybe_sent = false;
	repost(queue, delivery);
}

static void found(struct send_queue *queue, struct delivery *delivery)
{
	delivery->sent = delivery->lookup.found;
	delivery->lookup.found = (struct message_sent){ 0 };
	sent(queue, delivery);
}

/* When the request was posted, by the service's clock. */
static void set_window(const struct send_queue *queue, struct delivery *delivery,
	const struct client_response *response)
{
	const struct message_clock *clock = &queue->clock;
	struct lookup *lookup = &delivery->lookup;
	int64_t now = clock_mono_ms(), age = now - delivery->first_ms, slack;

	lookup->window = (struct lookup_window){ 0 };
	lookup->oldest_ms = response->date_ms >= 0 ? response->date_ms - age : 0;
	if (clock->unsteady)
		return;
	if (clock->known) {
		slack = drift_since(clock->updated_ms, now) + CLOCK_SLACK_MS;
		lookup->window = (struct lookup_window){ true,
			delivery->first_ms + clock->least_ms - slack - clock->unit_ms, now + clock->most_ms + slack };
	} else if (response->date_ms >= 0) {
		/* both times are truncated to the second */
		lookup->window = (struct lookup_window){ true, response->date_ms - age - 1000 - DATE_SLACK_MS,
			response->date_ms + 1000 + DATE_SLACK_MS };
	}
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
		if (check_again(queue, delivery))
			return;
		snprintf(why, sizeof(why), "cannot read the history: %s", failure->text);
		set_unknown(queue, delivery, why);
		return;
	}
	set_window(queue, delivery, response);
	switch (lookup_page(&delivery->lookup, json_root(&response->json))) {
	case LOOKUP_MORE: delivery->action = ACTION_CONTINUE; break;
	case LOOKUP_PRESENT: found(queue, delivery); break;
	case LOOKUP_INCONCLUSIVE:
		if (!check_again(queue, delivery))
			set_unknown(queue, delivery, delivery->lookup.reason);
		break;
	case LOOKUP_NOT_FOUND: not_found(queue, delivery); break;
	}
}

static enum status start_lookup(struct send_queue *queue, struct delivery *delivery, struct send_job *job,
	struct err *err)
{
	struct lookup *lookup = &delivery->lookup;

	lookup->message = &delivery->message;
	lookup->sender = queue->sender ? queue->sender : "";
	lookup->user_id = queue->user_id;
	lookup->last_sent_id = delivery->conversation->last_sent_id;
	lookup->ids = queue->sent_ids;
	lookup->conversation = delivery->conversation->key;
	lookup->first = delivery->first_number;
	lookup->last = delivery->number;
	lookup->origin = delivery->entry->draft->origin;
	if (!lookup_path(lookup, &job->path))
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

	delivery->posted_ms = clock_mono_ms();
	delivery->number =
		sent_ids_begin(queue->sent_ids, delivery->conversation->key, lookup_fingerprint(entry->draft->text));
	if (!delivery->attempted_ms)
		delivery->attempted_ms = now;
	if (!delivery->first_number) {
		delivery->first_number = delivery->number;
		delivery->first_ms = delivery->posted_ms;
	}
	entry->draft->post_number = delivery->first_number;
	if (!delivery->attempts && queue->config.before_post &&
		(st = queue->config.before_post(queue->config.arg, entry->draft, &delivery->message, now, err))) {
		sent_ids_settle(queue->sent_ids, delivery->number);
		return st;
	}
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
		set_unknown(queue, delivery, err.text);
		job_answered(job);
	} else if (delivery->step == STEP_POST && start_post(queue, delivery, job, &err)) {
		set_failed(delivery, &err, false);
		job_answered(job);
	}
}
