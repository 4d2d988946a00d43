/*
 * outbox-int.h - the insides of the outbox, for its own files: outbox.c (queues, order, results), outbox_upload.c
 * (files), outbox_post.c (one message, and the look into history).
 *
 *	parcel      an item and what becomes of it: its files, and a delivery for each recipient
 *	delivery    one message to one recipient
 *	lane        a conversation: the deliveries to it in their order; only the first of them may be posted
 *	upload      a file of this run, shared by the parcels that carry it
 *	job         a request under way and the memory that it needs; there are `jobs` of them
 */
#ifndef KANDY_SEND_OUTBOX_INT_H
#define KANDY_SEND_OUTBOX_INT_H

#include "send/lookup.h"
#include "send/outbox.h"

#include <sys/types.h>
#include <time.h>

enum delivery_state {
	DELIVERY_QUEUED, /* waits for its turn in the lane, or for the files */
	DELIVERY_READY, /* in the list of those that can go on */
	DELIVERY_RUNNING, /* a request is under way */
	DELIVERY_DELAYED, /* until due_ms */
	DELIVERY_DONE,
};

enum delivery_step { STEP_POST, STEP_LOOK };

struct delivery {
	struct parcel *parcel;
	size_t index; /* which recipient */
	struct lane *lane;
	struct delivery *next_in_lane, *next; /* `next`: in the ready or the delayed list */
	enum delivery_state state;
	enum delivery_step step;
	bool uncertain; /* the item's; until history has said no */
	int64_t due_ms; /* clock_mono_ms() */
	struct retry retry; /* of all its posts, whether the client repeats one or we do; begun by the first */
	int64_t attempts, attempted_ms, lost_ms;
	int64_t posted_ms; /* wall clock, of the last post */
	bool replaced; /* what it was answered with was taken by another process, so it was posted once more */
	bool maybe; /* an attempt may have been received, and history has not been heard yet, or not asked */
	bool pending; /* ... and the service may still be at work on it */
	unsigned looks; /* how often history had nothing, since the last post */
	struct lookup lookup;
	struct message message;
	enum outbox_state outcome;
	enum outbox_cause cause;
	struct message_sent sent;
	struct err *err; /* the failure, or the reason for the doubt; NULL: none */
};

struct parcel {
	struct outbox_item *item;
	struct parcel *before, *behind; /* all that is not reported whole yet, in order */
	uint64_t number; /* from 1, in the order of outbox_add() */
	struct delivery *deliveries;
	size_t count, reported;
	size_t bytes; /* of the window */
	struct upload **uploads; /* for each file, or NULL where it is there already */
	bool complete; /* all files are up, if there are any, and are in */
	struct message_file *files; /* ... whose names are the item's */
	struct err *err; /* no delivery of it can be made; */
	bool no_token; /* for want of a token */
};

struct lane {
	struct lane *next_in_bucket, *older, *newer; /* older, newer: among those without deliveries */
	enum chat_type type;
	char *id;
	struct delivery *first, *last;
	char *anchor; /* ID of the last message that was sent here */
	bool held, idle;
};

enum upload_state { UPLOAD_NEW, UPLOAD_QUEUED, UPLOAD_RUNNING, UPLOAD_DONE, UPLOAD_FAILED };

struct upload_key {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};

struct upload {
	struct upload *next_in_bucket, *older, *newer,
		*next; /* older, newer: among those that nobody needs; `next`: queued */
	struct upload_key key;
	char *path; /* NULL: `fd` */
	int fd; /* of the one parcel that carries it; -1: by path */
	char *name, *type;
	enum upload_state state;
	size_t users;
	bool idle, listed; /* listed: it can be found for the next parcel */
	char *xid;
	struct err err;
	bool no_token; /* it failed for want of a token */
};

struct job {
	struct outbox *outbox;
	struct job *next; /* free ones */
	struct client_call call;
	struct buf path, body;
	struct http_part parts[2];
	int fd; /* to close behind the upload, or -1 */
	struct delivery *delivery;
	struct upload *upload;
};

#define OUTBOX_BUCKETS 4096

struct upload_cache {
	struct upload *buckets[OUTBOX_BUCKETS];
	struct upload *oldest, *newest; /* idle */
	size_t idle_count;
	struct upload *queue_first, *queue_last;
};

struct lane_table {
	struct lane *buckets[OUTBOX_BUCKETS];
	struct lane *oldest, *newest; /* idle */
	size_t idle_count, held_count;
};

struct outbox {
	struct outbox_config config;
	char *user_id, *sender, *correlator;
	struct sent_ids *sent_ids; /* or NULL */
	struct job *jobs, *free_jobs;
	size_t running;
	struct parcel *first, *last;
	uint64_t added; /* parcels */
	size_t recipients, bytes; /* in the window */
	struct delivery *ready_first, *ready_last;
	struct delivery *delayed;
	struct delivery *done_first, *done_last; /* unordered: to be reported */
	struct upload_cache uploads;
	struct lane_table lanes;
	bool failed; /* with fail_fast: nothing more is to be begun */
	bool stopped, abandoned;
	struct err why_abandoned;
	bool skew_known;
	int64_t skew_ms; /* the service's clock less ours */
};

/* outbox.c */
void outbox_ready(struct outbox *outbox, struct delivery *delivery); /* it can go on as soon as a job is free */
void outbox_delay(struct outbox *outbox, struct delivery *delivery, int64_t ms);
void outbox_sent(struct outbox *outbox, struct delivery *delivery); /* delivery->sent is filled, and noted */
void outbox_unknown(struct outbox *outbox, struct delivery *delivery, const struct err *err); /* err: copied */
/* `no_token`: client_response's */
void outbox_failed(struct outbox *outbox, struct delivery *delivery, const struct err *err, bool no_token);
void outbox_parcel_ready(struct outbox *outbox, struct parcel *parcel); /* its files are up, or it has failed */
void outbox_give_job(struct outbox *outbox, struct job *job);

/* outbox_upload.c */
void upload_want(struct outbox *outbox,
	struct parcel *parcel); /* all files of the parcel; then outbox_parcel_ready() sooner or later */
void upload_drop(struct outbox *outbox, struct parcel *parcel); /* the parcel needs them no more */
struct upload *upload_pop(struct outbox *outbox); /* the next one to be begun, or NULL */
void upload_begin(struct outbox *outbox, struct upload *upload, struct job *job);
void upload_clear_queue(struct outbox *outbox);
void upload_free_all(struct outbox *outbox);

/* outbox_post.c */
void post_begin(struct outbox *outbox, struct delivery *delivery, struct job *job);

#endif
