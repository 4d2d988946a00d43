/*
 * queue-int.h - the insides of the queue, for its own files: queue.c (queues, order, results), upload.c
 * (files), post.c (one message, and the look into history).
 *
 *	entry      a draft and what becomes of it: its files, and a delivery for each recipient
 *	delivery    one message to one recipient
 *	conversation        a conversation: the deliveries to it in their order; only the first of them may be posted
 *	upload      a file of this run, shared by the entries that carry it
 *	job         a request under way and the memory that it needs; there are `jobs` of them
 */
#ifndef KANDY_SEND_SEND_INT_H
#define KANDY_SEND_SEND_INT_H

#include "send/lookup.h"
#include "send/queue.h"

#include <sys/types.h>
#include <time.h>

enum delivery_state {
	DELIVERY_QUEUED, /* waits for its turn in the conversation, or for the files */
	DELIVERY_READY, /* in the list of those that can go on */
	DELIVERY_RUNNING, /* a request is under way */
	DELIVERY_DELAYED, /* until due_ms */
	DELIVERY_DONE,
};

enum delivery_step { STEP_POST, STEP_LOOKUP };

struct delivery {
	struct entry *entry;
	size_t index; /* which recipient */
	struct conversation_queue *conversation;
	struct delivery *next_in_conversation, *next; /* `next`: in the ready or the delayed list */
	enum delivery_state state;
	enum delivery_step step;
	bool uncertain; /* the draft's; until history has said no */
	int64_t due_ms; /* clock_mono_ms() */
	struct retry retry; /* of all its posts, whether the client repeats one or we do; begun by the first */
	int64_t attempts, attempted_ms, lost_ms;
	int64_t posted_ms; /* wall clock, of the last post */
	bool reposted; /* what it was answered with was taken by another process, so it was posted once more */
	bool maybe; /* an attempt may have been received, and history has not been heard yet, or not asked */
	bool pending; /* ... and the service may still be at work on it */
	unsigned looks; /* how often history had nothing, since the last post */
	struct lookup lookup;
	struct message message;
	enum send_outcome outcome;
	enum send_cause cause;
	struct message_sent sent;
	struct err *err; /* the failure, or the reason for the doubt; NULL: none */
};

struct entry {
	struct draft *draft;
	struct entry *prev, *next; /* all that is not reported whole yet, in order */
	uint64_t number; /* from 1, in the order of send_queue_add() */
	struct delivery *deliveries;
	size_t count, reported;
	size_t bytes; /* of the window */
	struct upload **uploads; /* for each file, or NULL where it is there already */
	bool complete; /* all files are up, if there are any, and are in */
	struct message_file *files; /* ... whose names are the draft's */
	struct err *err; /* no delivery of it can be made; */
	bool no_token; /* for want of a token */
};

struct conversation_queue {
	struct conversation_queue *next_in_bucket, *lru_prev,
		*lru_next; /* lru_prev, lru_next: among those without deliveries */
	enum chat_type type;
	char *id;
	struct delivery *first, *last;
	char *last_sent_id; /* ID of the last message that was sent here */
	bool blocked, idle;
};

enum upload_state { UPLOAD_NEW, UPLOAD_QUEUED, UPLOAD_RUNNING, UPLOAD_DONE, UPLOAD_FAILED };

struct upload_key {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};

struct upload {
	struct upload *next_in_bucket, *lru_prev, *lru_next,
		*next; /* lru_prev, lru_next: among those that nobody needs; `next`: queued */
	struct upload_key key;
	char *path; /* NULL: `fd` */
	int fd; /* of the one entry that carries it; -1: by path */
	char *name, *type;
	enum upload_state state;
	size_t users;
	bool idle, listed; /* listed: it can be found for the next entry */
	char *xid;
	struct err err;
	bool no_token; /* it failed for want of a token */
};

struct job {
	struct send_queue *queue;
	struct job *next; /* free ones */
	struct client_call call;
	struct buf path, body;
	struct http_part parts[2];
	int fd; /* to close behind the upload, or -1 */
	struct delivery *delivery;
	struct upload *upload;
};

#define SEND_QUEUE_BUCKETS 4096

struct upload_cache {
	struct upload *buckets[SEND_QUEUE_BUCKETS];
	struct upload *lru_first, *lru_last; /* idle */
	size_t idle_count;
	struct upload *queue_first, *queue_last;
};

struct conversation_table {
	struct conversation_queue *buckets[SEND_QUEUE_BUCKETS];
	struct conversation_queue *lru_first, *lru_last; /* idle */
	size_t idle_count, blocked_count;
};

struct send_queue {
	struct send_queue_config config;
	char *user_id, *sender, *correlator;
	struct sent_ids *sent_ids; /* or NULL */
	struct job *jobs, *free_jobs;
	size_t running;
	struct entry *first, *last;
	uint64_t added; /* entries */
	size_t recipients, bytes; /* in the window */
	struct delivery *ready_first, *ready_last;
	struct delivery *delayed;
	struct delivery *done_first, *done_last; /* unordered: to be reported */
	struct upload_cache uploads;
	struct conversation_table conversations;
	bool failed; /* with fail_fast: nothing more is to be begun */
	bool stopped, aborted;
	struct err abort_reason;
	bool skew_known;
	int64_t skew_ms; /* the service's clock less ours */
};

/* queue.c */
void delivery_ready(struct send_queue *queue, struct delivery *delivery); /* it can go on as soon as a job is free */
void delivery_delay(struct send_queue *queue, struct delivery *delivery, int64_t ms);
void delivery_sent(struct send_queue *queue, struct delivery *delivery); /* delivery->sent is filled, and noted */
void delivery_unknown(struct send_queue *queue, struct delivery *delivery, const struct err *err); /* err: copied */
/* `no_token`: client_response's */
void delivery_failed(struct send_queue *queue, struct delivery *delivery, const struct err *err, bool no_token);
void entry_ready(struct send_queue *queue, struct entry *entry); /* its files are up, or it has failed */
void job_put(struct send_queue *queue, struct job *job);

/* upload.c */
void upload_want(struct send_queue *queue,
	struct entry *entry); /* all files of the entry; then entry_ready() sooner or later */
void upload_drop(struct send_queue *queue, struct entry *entry); /* the entry needs them no more */
struct upload *upload_pop(struct send_queue *queue); /* the next one to be begun, or NULL */
void upload_start(struct send_queue *queue, struct upload *upload, struct job *job);
void upload_clear_queue(struct send_queue *queue);
void upload_free_all(struct send_queue *queue);

/* post.c */
void post_start(struct send_queue *queue, struct delivery *delivery, struct job *job);

#endif
