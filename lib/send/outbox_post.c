/*
 * outbox_post.c - one message: post it; if the answer got lost, look into history whether it arrived; if it surely
 * did not, post it again.
 */
#include "send/outbox-int.h"

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

static void unknown(struct outbox *outbox, struct delivery *delivery, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ST_TEMPFAIL, "it is not known whether the message arrived: %s, and %s",
		delivery->err ? delivery->err->text : "an earlier attempt was cut off", why);
	err.outcome = ERR_MAYBE_SENT;
	err.retryable = false; /* not without looking first */
	err.http = delivery->err ? delivery->err->http : 0;
	outbox_unknown(outbox, delivery, &err);
}

/* `delivery->err` says why the last attempt was lost. */
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
	err = *delivery->err;
	err.outcome = ERR_NOT_SENT;
	err.retryable = true;
	delay = retry_delay(&delivery->retry, &err, false, clock_mono_ms());
	if (delay >= 0)
		outbox_delay(outbox, delivery, delay);
	else if (delivery->maybe)
		unknown(outbox, delivery, "history was not asked");
	else
		outbox_failed(outbox, delivery, &err, false);
}

static void maybe_sent(struct outbox *outbox, struct delivery *delivery, const struct err *err)
{
	keep_err(delivery, err);
	delivery->maybe = true;
	delivery->pending |= err->pending;
	delivery->lost_ms = clock_wall_ms();
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

/*
 * The message is there, but somebody whose own was lost has found it in history before this answer came, and took it
 * for his: one of the two is missing. Only a look that was made during this very post counts, and only once: a service
 * that answers with the same ID again knows the two to be one.
 */
static bool was_taken(struct outbox *outbox, struct delivery *delivery)
{
	const char *id = delivery->sent.id;

	return id && !delivery->replaced &&
		sent_ids_found(outbox->sent_ids, id, delivery->parcel->item->origin, delivery->posted_ms);
}

static void replace(struct outbox *outbox, struct delivery *delivery)
{
	delivery->replaced = true;
	free(delivery->lane->anchor);
	delivery->lane->anchor = delivery->sent.id;
	delivery->sent.id = NULL;
	message_sent_release(&delivery->sent);
	delivery->attempted_ms = clock_wall_ms();
	delivery->lost_ms = 0;
	outbox_ready(outbox, delivery);
}

static void on_posted(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct outbox *outbox = job->outbox;
	struct delivery *delivery = job->delivery;
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;

	outbox_give_job(outbox, job);
	if (outbox->abandoned)
		return;
	delivery->attempts += answer ? answer->attempts : 0;
	if (status)
		err = *failure;
	else
		status = message_decode_sent(json_root(&answer->json), delivery->message.to->type, now, &delivery->sent,
			&err);
	if (!status) {
		if (delivery->sent.timed && now - delivery->attempted_ms < CLOCK_MS) {
			outbox->skew_ms = delivery->sent.timestamp_ms - now;
			outbox->skew_known = true;
		}
		if (was_taken(outbox, delivery)) {
			replace(outbox, delivery);
			return;
		}
		if (delivery->sent.id)
			sent_ids_note(outbox->sent_ids, delivery->sent.id, delivery->parcel->item->origin);
		outbox_sent(outbox, delivery);
	} else if (err.outcome == ERR_MAYBE_SENT) {
		maybe_sent(outbox, delivery, &err);
	} else if (delivery->maybe) { /* an attempt before this one, see --on-unknown resend */
		keep_err(delivery, &err);
		unknown(outbox, delivery, "an answer before that was lost");
	} else {
		outbox_failed(outbox, delivery, &err, answer && answer->no_token);
	}
}

/* History has it not: later, or surely not. */
static void absent(struct outbox *outbox, struct delivery *delivery)
{
	unsigned shift = delivery->looks < 3 ? delivery->looks : 3;

	if (++delivery->looks < (delivery->pending ? LOOKS_PENDING : LOOKS)) {
		lookup_release(&delivery->lookup);
		outbox_delay(outbox, delivery, outbox->config.look_again_ms << shift);
		return;
	}
	delivery->maybe = delivery->pending = false;
	post_again(outbox, delivery);
}

/* The best there is to tell how far the two clocks are apart: the service's, as it says, when it answered. */
static void take_clock(struct outbox *outbox, const struct client_response *answer)
{
	if (answer->date_ms < 0)
		return;
	outbox->skew_ms = answer->date_ms + 500 - clock_wall_ms(); /* it is cut to the second */
	outbox->skew_known = true;
}

static void set_time(struct outbox *outbox, struct delivery *delivery)
{
	struct lookup *lookup = &delivery->lookup;
	int64_t skew = outbox->skew_known ? outbox->skew_ms : 0;

	lookup->skew_known = outbox->skew_known;
	lookup->since_ms = delivery->attempted_ms + skew;
	lookup->until_ms = (delivery->lost_ms ? delivery->lost_ms : delivery->attempted_ms + LOOKUP_CRASH_MS) + skew;
}

static void on_looked(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct outbox *outbox = job->outbox;
	struct delivery *delivery = job->delivery;
	char why[sizeof(failure->text) + 64];

	outbox_give_job(outbox, job);
	if (outbox->abandoned)
		return;
	if (status) {
		snprintf(why, sizeof(why), "its history cannot be read: %s", failure->text);
		unknown(outbox, delivery, why);
		return;
	}
	take_clock(outbox, answer);
	set_time(outbox, delivery);
	switch (lookup_page(&delivery->lookup, json_root(&answer->json))) {
	case LOOKUP_MORE: outbox_ready(outbox, delivery); break;
	case LOOKUP_FOUND:
		delivery->sent = delivery->lookup.found;
		delivery->lookup.found = (struct message_sent){ 0 };
		if (delivery->sent.id)
			sent_ids_find(outbox->sent_ids, delivery->sent.id, delivery->parcel->item->origin,
				clock_wall_ms());
		outbox_sent(outbox, delivery);
		break;
	case LOOKUP_UNSURE: unknown(outbox, delivery, "its history does not tell"); break;
	case LOOKUP_ABSENT: absent(outbox, delivery); break;
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
	delivery->posted_ms = now;
	if (!delivery->attempted_ms)
		delivery->attempted_ms = now;
	if (!delivery->retry.policy)
		retry_start(&delivery->retry, &outbox->config.retry, clock_mono_ms());
	message_path(&job->path, outbox->user_id, delivery->message.to);
	message_encode(&job->body, &delivery->message, outbox->correlator);
	job->call = (struct client_call){
		.method = "POST",
		.path = job->path.data,
		.json = job->body.data,
		.json_len = job->body.len,
		.max_body = CLIENT_MESSAGE_MAX,
		.retry = &delivery->retry,
	};
	return outbox->config.transport.start(outbox->config.transport.client, &job->call, on_posted, job, err);
}

static enum status begin_look(struct outbox *outbox, struct delivery *delivery, struct job *job, struct err *err)
{
	struct lookup *lookup = &delivery->lookup;

	lookup->message = &delivery->message;
	lookup->sender = outbox->sender ? outbox->sender : "";
	lookup->anchor = delivery->lane->anchor;
	lookup->others = outbox->sent_ids;
	lookup->origin = delivery->parcel->item->origin;
	if (!lookup_path(lookup, &job->path, outbox->user_id))
		return err_set(err, ST_DATA, "an SMS cannot be looked up");
	job->call = (struct client_call){ .method = "GET", .path = job->path.data, .dated = true };
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
		if (begin_look(outbox, delivery, job, &err)) {
			outbox_give_job(outbox, job);
			unknown(outbox, delivery, err.text);
		}
	} else if (begin_post(outbox, delivery, job, &err)) {
		outbox_give_job(outbox, job);
		outbox_failed(outbox, delivery, &err, false);
	}
}
