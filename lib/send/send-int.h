/*
 * send-int.h - the data of the send queue, for its own files.
 *
 *	entry               a draft and its progress: its uploads, and a delivery for each recipient
 *	delivery            one message to one recipient
 *	conversation_queue  the deliveries to one conversation in order; only the first one may be posted
 *	upload              a file of this run, shared by the entries that carry it
 *	job                 a request in flight and its memory; there are `jobs` of them
 *
 * Calls go one way: queue.c calls post.c and upload.c, and these call job.c. A response is decoded in the callback of
 * its request, which writes the next action into the delivery or upload and marks the job as answered. Only
 * send_queue_step() then acts on the answered jobs, one after the other.
 */
#ifndef KANDY_SEND_SEND_INT_H
#define KANDY_SEND_SEND_INT_H

#include "base/hash.h"
#include "send/lookup.h"
#include "send/queue.h"

enum delivery_state {
	DELIVERY_QUEUED, /* waits for its turn in the conversation, or for its files */
	DELIVERY_READY, /* in the ready list */
	DELIVERY_RUNNING, /* a request is in flight */
	DELIVERY_DELAYED, /* until due_ms */
	DELIVERY_DONE,
};

enum delivery_step { STEP_POST, STEP_LOOKUP };

/* What queue.c does with a delivery after a response. */
enum delivery_action {
	ACTION_SENT, /* `sent` is filled, and its ID recorded */
	ACTION_FAILED, /* `err` */
	ACTION_UNKNOWN, /* `err` */
	ACTION_CONTINUE, /* run `step` as soon as a job is free */
	ACTION_DELAY, /* run `step` after delay_ms */
	ACTION_UPLOAD, /* start again with the uploads */
};

struct delivery {
	struct send_entry *entry;
	size_t index; /* of the recipient */
	struct conversation_queue *conversation;
	struct delivery *next_in_conversation, *next; /* `next`: in the ready, delayed or done list */
	enum delivery_state state;
	enum delivery_step step;
	enum delivery_action action;
	bool uncertain; /* the draft's; until the history has answered */
	int64_t delay_ms, due_ms; /* clock_mono_ms() */
	struct retry retry; /* shared by all posts, whether the client or the queue retries; started by the first */
	int64_t attempts, attempted_ms;
	int64_t first_ms, posted_ms; /* clock_mono_ms() at the first post and at the last one */
	uint64_t first_number, number; /* of its first and last post, see store/sent_ids.h */
	int64_t settled_ms; /* clock_mono_ms() from which on the history shows it if it was accepted */
	bool maybe_sent; /* an attempt may have been received; the history has not been heard yet, or is not asked */
	bool accepted; /* an attempt had a 2xx response, from the service or a proxy: not to be posted again */
	unsigned lookups; /* since the last post */
	struct lookup lookup;
	struct message message;
	enum send_outcome outcome;
	enum send_cause cause;
	struct message_sent sent;
	struct err *err; /* the failure, or why the outcome is unknown; NULL: none */
	bool no_token; /* client_response's, for the failure */
};

struct send_entry {
	struct draft *draft;
	struct send_entry *prev, *next; /* the entries with unreported results, in order */
	uint64_t number; /* from 1, in the order of send_queue_add() */
	struct delivery *deliveries;
	size_t count, reported;
	size_t bytes; /* counted in the window */
	struct send_upload **uploads; /* one for each file; NULL if its object exists already */
	bool complete; /* all files are uploaded, and listed in */
	struct message_file *files; /* whose names are the draft's */
	struct err *err; /* none of its deliveries can be made; */
	bool no_token; /* because there is no token */
};

struct conversation_queue {
	struct hash_node node;
	struct hash_lru_node lru; /* of those without deliveries */
	enum chat_type type;
	char *id;
	uint64_t key; /* sent_ids_conversation() */
	struct delivery *first, *last;
	char *last_sent_id;
	bool blocked;
};

enum upload_state { UPLOAD_QUEUED, UPLOAD_RUNNING, UPLOAD_DONE, UPLOAD_FAILED };

struct send_upload {
	struct hash_node node;
	struct hash_lru_node lru; /* in one of the two lists of upload_cache */
	char *key; /* identifies the file, its version, name and type */
	char *path; /* NULL: `fd` */
	int fd; /* owned by the one entry that carries it; -1: by path */
	char *name, *type;
	enum upload_state state;
	size_t users;
	bool listed; /* in the table, where later entries find it */
	bool racy; /* had just been written when it was opened: later entries do not share it */
	char *xid;
	struct err err;
	bool no_token; /* it failed because there is no token */
};

struct send_job {
	struct send_queue *queue;
	struct send_job *next; /* in the free or the answered list */
	struct client_call call;
	struct buf path, body;
	struct http_part parts[2];
	int fd; /* to close after the upload, or -1 */
	struct delivery *delivery; /* one of the two */
	struct send_upload *upload;
};

struct job_pool {
	struct send_job *jobs;
	int64_t count;
	struct send_job *free, *answered_first, *answered_last;
};

struct upload_cache {
	struct hash_table table;
	struct hash_lru queued, idle; /* to be uploaded; without users */
};

struct conversation_table {
	struct hash_table table;
	struct hash_lru lru;
	size_t blocked_count;
};

/*
 * The service's message clock minus clock_mono_ms(), as the responses to posts show it. After a jump it is not
 * used any more.
 */
struct message_clock {
	bool known, unsteady;
	int64_t least_ms, most_ms, updated_ms, unit_ms;
};

struct send_queue {
	struct send_queue_config config;
	char *user_id, *sender, *correlator;
	struct sent_ids *sent_ids; /* or NULL */
	struct job_pool jobs;
	struct send_entry *first, *last;
	uint64_t added; /* entries */
	size_t recipients, bytes; /* in the window */
	struct delivery *ready_first, *ready_last;
	struct delivery *delayed;
	struct delivery *done_first, *done_last; /* unordered: to be reported */
	struct upload_cache uploads;
	struct conversation_table conversations;
	bool failed; /* with fail_fast: start nothing more */
	bool stopped, aborted;
	struct err abort_reason;
	struct message_clock clock;
};

/* job.c */
void job_pool_init(struct job_pool *pool, struct send_queue *queue, int64_t count);
void job_pool_release(struct job_pool *pool);
struct send_job *job_get(struct job_pool *pool); /* NULL: all are busy */
void job_put(struct job_pool *pool, struct send_job *job);
void job_answered(struct send_job *job); /* called by the callback of its request, or if that could not be started */
struct send_job *job_pop_answered(struct job_pool *pool); /* in the order of the responses; NULL: none */

/* post.c */
void post_start(struct send_queue *queue, struct delivery *delivery, struct send_job *job); /* runs delivery->step */

/* upload.c */
void upload_request(struct send_queue *queue, struct send_entry *entry); /* all files of the entry */
bool upload_settle(struct send_entry *entry); /* true once the entry has all its files, or cannot have them */
void upload_release(struct send_queue *queue, struct send_entry *entry); /* the entry no longer needs its files */
struct send_upload *upload_pop(struct send_queue *queue); /* the next one to start, or NULL */
void upload_start(struct send_queue *queue, struct send_upload *upload, struct send_job *job);
struct send_upload *upload_done(struct send_queue *queue,
	struct send_upload *upload); /* NULL: no entry needs it any more */
void upload_clear_queue(struct send_queue *queue);
void upload_free_all(struct send_queue *queue);

#endif
