/*
 * spool.h - the queue on disk: messages that could not be delivered.
 *
 * Each message is a directory under $XDG_STATE_HOME/kandy/PROFILE.spool/:
 *
 *	tmp/ID     being written
 *	new/ID     queued
 *	cur/ID     being posted, or was when its process died: it may have been sent
 *	failed/ID  failed, with the error
 *	trash/ID   being removed
 *
 * It contains `message.json` and copies of the attachments, `0`, `1` ... A message changes its state by one rename(2),
 * after its contents have been synced to disk. So a crash at any moment leaves each message complete and in exactly
 * one state. IDs sort by age. Directories have mode 0700, files 0600.
 *
 * Adding a message needs no lock. Delivering, and everything that touches cur/, requires spool_lock().
 */
#ifndef KANDY_STORE_SPOOL_H
#define KANDY_STORE_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum spool_state { SPOOL_NEW = 0, SPOOL_CUR, SPOOL_FAILED };
enum { SPOOL_STATES = 3 };

struct spool_file {
	char *path; /* the copy; NULL: an object that exists already, by its x-id */
	char *name, *type; /* type NULL: by the name */
	char *xid; /* of the last attempt, or NULL */
};

struct spool_message {
	char *id;
	enum spool_state state;
	char *to; /* the address as a user would type it */
	char *text;
	char *ref; /* JSON, or NULL */
	struct spool_file *files;
	size_t file_count;
	int64_t created_ms; /* wall clock */
	int64_t attempts;
	int64_t attempted_ms; /* start of the attempt that may have been received; 0: none */
	uint64_t post_number; /* of that attempt, see sent_ids.h; 0: unknown */
	char *error; /* the last error; NULL: none yet */
	/* the account and service that have to deliver it; NULL: not known */
	char *user_id, *username, *base_url;
};

struct spool;

/* Creates and reads nothing yet. */
struct spool *spool_new(const char *dir);
void spool_free(struct spool *spool); /* NULL is fine */
const char *spool_dir(const struct spool *spool);

/* A file to copy. */
struct spool_source {
	const char *path; /* NULL: `fd`, from its start; -1: none, only an x-id */
	int fd;
};

/*
 * Stores the message and makes its `id`; `state` is where it starts: SPOOL_NEW, or SPOOL_CUR if it may have been sent.
 * `sources` has one element for each file. `shared_copy` is the ID of a message that was just added with the same
 * files, or NULL; its copies are then shared by hard links. Errors: ST_CANTCREATE, ST_IO (disk full), ST_NOINPUT. If
 * it fails, nothing is left on disk.
 */
enum status spool_add(struct spool *spool, struct spool_message *message, const struct spool_source *sources,
	const char *shared_copy, struct err *err) MUST_USE;

/* The IDs in one state, oldest first; `*ids` is freed by spool_free_ids(). An unused spool is empty. */
enum status spool_list(const struct spool *spool, enum spool_state state, char ***ids, size_t *count,
	struct err *err) MUST_USE;
void spool_free_ids(char **ids, size_t count);

/* ST_NOINPUT if it does not exist any more, ST_DATA if it is corrupt. Release `message` in any case. */
enum status spool_load(const struct spool *spool, enum spool_state state, const char *id, struct spool_message *message,
	struct err *err) MUST_USE;
void spool_message_release(struct spool_message *message); /* also for a zeroed struct */

/*
 * The contents of message.json; the copies of the attachments are in `dir`. With ST_DATA `message` is filled in part;
 * release it.
 */
enum status spool_decode(const char *text, size_t len, const char *dir, struct spool_message *message,
	struct err *err) MUST_USE;
void spool_encode(const struct spool_message *message, struct buf *out);

/* Writes `message`, without moving it. ST_NOINPUT if it does not exist any more. */
enum status spool_save(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;
/* The same, then moves it to another state. */
enum status spool_move(struct spool *spool, struct spool_message *message, enum spool_state to,
	struct err *err) MUST_USE;
/* Moves a corrupt message to SPOOL_FAILED, unchanged. */
enum status spool_quarantine(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;
enum status spool_remove(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;

/* ST_TEMPFAIL if another process has the lock. Close `*fd` to release it. */
enum status spool_lock(struct spool *spool, int *fd, struct err *err) MUST_USE;

/* Removes what crashes have left half written or half removed. Requires the lock. */
void spool_clean(struct spool *spool);

#endif
