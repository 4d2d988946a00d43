/*
 * spool.h - messages that wait on disk until they can be sent.
 *
 * One directory a message, under $XDG_STATE_HOME/kandy/PROFILE.spool/:
 *
 *	tmp/ID     being written; nobody's yet
 *	new/ID     waits
 *	cur/ID     is being posted, or was when its process died: maybe sent
 *	failed/ID  given up, with the reason
 *	trash/ID   done, being removed
 *
 * with `message.json` and the message's own copies of its attachments, `0`, `1` ... A message changes its state by
 * one rename(2), and what is in it is on the disk (fsync) before it is renamed: so a crash at any moment leaves each
 * message in exactly one state, whole. IDs sort by age. Directories are 0700, files 0600.
 *
 * Adding needs no lock. Sending, and what touches cur/, is done under spool_lock() by one process at a time.
 */
#ifndef KANDY_STORE_SPOOL_H
#define KANDY_STORE_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spool_state { SPOOL_NEW = 0, SPOOL_CUR, SPOOL_FAILED };
enum { SPOOL_STATES = 3 };

struct spool_file {
	char *path; /* the copy; NULL: an object that was uploaded elsewhere, by its x-id alone */
	char *name, *type; /* type NULL: by the name */
	char *xid; /* of the last attempt, or NULL */
};

struct spool_message {
	char *id;
	enum spool_state state;
	char *to; /* as a user would type it */
	char *text;
	char *ref; /* JSON, or NULL */
	struct spool_file *files;
	size_t file_count;
	int64_t created_ms; /* wall clock */
	int64_t attempts;
	int64_t attempted_ms; /* when posting began that may have been received; 0: never, or it surely was not */
	int64_t lost_ms; /* and when it ended without an answer; 0: its process died */
	char *error; /* why it is here; NULL: no reason yet */
	/* as whom, and by which service, it is to be sent; NULL: not known */
	char *user_id, *username, *base_url;
};

struct spool;

/* Nothing is made or read yet. `dir` is the spool's own directory. */
struct spool *spool_new(const char *dir);
void spool_free(struct spool *spool); /* NULL is fine */
const char *spool_dir(const struct spool *spool);

/* Where a file that is to be kept comes from. */
struct spool_source {
	const char *path; /* NULL: `fd`, from its start; and -1: no bytes, an x-id */
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

/* The IDs in one state, oldest first; `*ids` is freed by spool_free_ids(). A spool that was never used is empty. */
enum status spool_list(const struct spool *spool, enum spool_state state, char ***ids, size_t *count,
	struct err *err) MUST_USE;
void spool_free_ids(char **ids, size_t count);

/*
 * ST_NOINPUT if it is gone (somebody else was faster), ST_DATA if it cannot be read. `message` zeroed or released
 * before.
 */
enum status spool_load(const struct spool *spool, enum spool_state state, const char *id, struct spool_message *message,
	struct err *err) MUST_USE;
void spool_message_release(struct spool_message *message); /* also for a zeroed struct */

/*
 * What is in message.json, without the file; the copies that it speaks of are those in `dir`. With ST_DATA `message` is
 * filled in part, to be released.
 */
enum status spool_decode(const char *text, size_t len, const char *dir, struct spool_message *message,
	struct err *err) MUST_USE;
void spool_encode(const struct spool_message *message, struct buf *out);

/* Writes down what has changed in `message`, where it is. */
enum status spool_save(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;
/* The same, then moves it to another state. ST_NOINPUT if it is gone. */
enum status spool_move(struct spool *spool, struct spool_message *message, enum spool_state to,
	struct err *err) MUST_USE;
/* Moves one that cannot be read to SPOOL_FAILED, as it is. */
enum status spool_quarantine(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;
enum status spool_remove(struct spool *spool, const struct spool_message *message, struct err *err) MUST_USE;

/* One sender at a time: ST_TEMPFAIL if there is one already. The lock ends with `*fd`. */
enum status spool_lock(struct spool *spool, int *fd, struct err *err) MUST_USE;

/* Removes what crashes have left half written or half removed. Under the lock. */
void spool_clean(struct spool *spool);

#endif
