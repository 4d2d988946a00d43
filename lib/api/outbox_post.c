/*
 * outbox_post.c - one message: post it; if the answer got lost, look into history whether it arrived; if it surely
 * did not, post it again.
 */
#include "api/outbox-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unknown(struct outbox *outbox, struct delivery *delivery, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_TEMPFAIL, "it is not known whether the message arrived: %s, and %s",
		delivery->err ? delivery->err->text : "an earlier attempt was cut off", why);
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false; /* not without looking first */
	err.http = delivery->err ? delivery->err->http : 0;
	outbox_done(outbox, delivery, OUTBOX_UNKNOWN, &err);
}

/* What the message was is surely not there. `delivery->err` says why it was lost. */
static void post_again(struct outbox *outbox, struct delivery *delivery)
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
		free(delivery->parcel->files);
		delivery->parcel->files = NULL;
		delivery->parcel->complete = false;
		upload_want(outbox, delivery->parcel);
		return;
	}
	if (!delivery->retrying) {
		retry_start(&delivery->retry, &outbox->config.retry, clock_mono_ms());
		delivery->retrying = true;
	}
	delivery->retry.attempts = delivery->attempts;
	err = *delivery->err;
	err.outcome = ERR_NOT_SENT;
	err.retryable = true;
	delay = retry_delay(&delivery->retry, &err, false, clock_mono_ms());
	if (delay < 0)
		outbox_done(outbox, delivery, OUTBOX_FAILED, &err);
	else
		outbox_delay(outbox, delivery, delay);
}

static void maybe_sent(struct outbox *outbox, struct delivery *delivery)
{
	switch (outbox->config.on_unknown) {
	case ON_UNKNOWN_RESEND: post_again(outbox, delivery); return;
	case ON_UNKNOWN_FAIL: unknown(outbox, delivery, "history was not asked"); return;
	case ON_UNKNOWN_CHECK: break;
	}
	if (delivery->message.to->type == CHAT_SMS) {
		unknown(outbox, delivery, "an SMS cannot be looked up");
		return;
	}
	delivery->step = STEP_LOOK;
	outbox_ready(outbox, delivery);
}

static void keep_err(struct delivery *delivery, const struct err *err)
{
	if (!delivery->err)
		delivery->err = xmalloc(sizeof(*delivery->err));
	*delivery->err = *err;
}

static void on_posted(void *arg, enum status status, struct client_answer *answer, const struct err *failure)
{
	struct job *job = arg;
	struct outbox *outbox = job->outbox;
	struct delivery *delivery = job->delivery;
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;

	outbox_give_job(outbox, job);
	if (outbox->abandoned)
		return;
	delivery->attempts += answer && answer->attempts > 0 ? answer->attempts : 1;
	if (status)
		err = *failure;
	else
		status = message_decode_sent(json_root(&answer->json), delivery->message.to->type, now, &delivery->sent,
			&err);
	if (!status) {
		if (delivery->sent.timed) {
			outbox->skew_ms = delivery->sent.timestamp_ms - now;
			outbox->skew_known = true;
		}
		outbox_done(outbox, delivery, OUTBOX_SENT, NULL);
	} else if (err.outcome == ERR_MAYBE_SENT) {
		keep_err(delivery, &err);
		maybe_sent(outbox, delivery);
	} else {
		outbox_done(outbox, delivery, OUTBOX_FAILED, &err);
	}
}

static void on_looked(void *arg, enum status status, struct client_answer *answer, const struct err *failure)
{
	struct job *job = arg;
	struct outbox *outbox = job->outbox;
	struct delivery *delivery = job->delivery;
	enum lookup_result result;
	char why[sizeof(failure->text) + 64];

	outbox_give_job(outbox, job);
	if (outbox->abandoned)
		return;
	if (status) {
		snprintf(why, sizeof(why), "its history cannot be read: %s", failure->text);
		unknown(outbox, delivery, why);
		return;
	}
	result = lookup_page(&delivery->lookup, json_root(&answer->json));
	if (result == LOOKUP_MORE) {
		outbox_ready(outbox, delivery);
	} else if (result == LOOKUP_FOUND) {
		delivery->sent = delivery->lookup.found;
		delivery->lookup.found = (struct sent){ 0 };
		outbox_done(outbox, delivery, OUTBOX_SENT, NULL);
	} else if (result == LOOKUP_UNSURE) {
		unknown(outbox, delivery, "its history does not tell");
	} else if (++delivery->looks < 2) {
		lookup_release(&delivery->lookup);
		outbox_delay(outbox, delivery, outbox->config.look_again_ms);
	} else {
		post_again(outbox, delivery);
	}
}

static enum status begin_post(struct outbox *outbox, struct delivery *delivery, struct job *job, struct err *err)
{
	struct parcel *parcel = delivery->parcel;
	int64_t now = clock_wall_ms();
	enum status st;

	if (!delivery->attempts && outbox->config.before &&
		(st = outbox->config.before(outbox->config.arg, parcel->item, &delivery->message, now, err)))
		return st;
	if (!delivery->attempted_ms)
		delivery->attempted_ms = now;
	message_path(&job->path, outbox->user_id, delivery->message.to);
	message_encode(&job->body, &delivery->message, outbox->correlator);
	job->call = (struct client_call){
		.method = "POST", .path = job->path.data, .json = job->body.data, .json_len = job->body.len
	};
	return outbox->config.transport.start(outbox->config.transport.client, &job->call, on_posted, job, err);
}

static enum status begin_look(struct outbox *outbox, struct delivery *delivery, struct job *job, struct err *err)
{
	struct lookup *lookup = &delivery->lookup;

	lookup->message = &delivery->message;
	lookup->sender = outbox->sender ? outbox->sender : "";
	lookup->since_ms = delivery->attempted_ms + (outbox->skew_known ? outbox->skew_ms : 0);
	lookup->anchor = delivery->lane->anchor;
	if (!lookup_path(lookup, &job->path, outbox->user_id))
		return err_set(err, ST_DATA, "an SMS cannot be looked up");
	job->call = (struct client_call){ .method = "GET", .path = job->path.data };
	return outbox->config.transport.start(outbox->config.transport.client, &job->call, on_looked, job, err);
}

void post_begin(struct outbox *outbox, struct delivery *delivery, struct job *job)
{
	struct parcel *parcel = delivery->parcel;
	struct err err = ERR_INIT;

	job->delivery = delivery;
	delivery->message = (struct message){ .to = &parcel->item->to[delivery->index],
		.text = parcel->item->text,
		.files = parcel->files,
		.file_count = parcel->item->file_count };
	if (delivery->step == STEP_LOOK) {
		if (begin_look(outbox, delivery, job, &err))
			on_looked(job, err.status, NULL, &err);
	} else if (begin_post(outbox, delivery, job, &err)) {
		outbox_give_job(outbox, job);
		outbox_done(outbox, delivery, OUTBOX_FAILED, &err);
	}
}
