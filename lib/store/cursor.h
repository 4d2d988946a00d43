/*
 * cursor.h - a listener's checkpoint: which messages its reader (stdout or a command) has acknowledged.
 *
 * For each conversation it has marks: hashes of the IDs of the messages taken last, in the order of taking. The
 * position of a message in the history, relative to the marked ones, decides whether it is new, and never its time:
 * the service's clock may jump, and many messages share a second. The history may show a message only after newer
 * ones, so a mark is open until a look at the history, long enough after the message was taken, has found nothing
 * missing beside it (cursor_verify()). Everything older than a message with a verified mark was taken.
 *
 * A conversation without marks has a second instead, `taken_until_s`: messages up to it count as taken. `--since TIME`
 * and quiet conversations begin this way.
 *
 * On disk (PROFILE.cursor, 0600): a header line with the key of the hashes and the boot, a line of JSON for each
 * conversation, then lines of the same form for messages taken since, appended with one write(2) for each batch.
 * Sometimes the file is rewritten. A last line that was cut by a crash is ignored; its messages count as not taken.
 * The times of marks are those of CLOCK_MONOTONIC; after a reboot, open marks count as taken now. In files of version 1
 * all marks are verified.
 *
 * Only the process that holds the listener's lock (PROFILE.listen) may write the file.
 */
#ifndef KANDY_STORE_CURSOR_H
#define KANDY_STORE_CURSOR_H

#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CURSOR_IDS 256 /* verified marks of a conversation */
#define CURSOR_IDS_MAX 32768 /* marks; if more are open, the oldest ones are dropped */

struct cursor;

struct cursor_mark {
	uint64_t id;
	int64_t taken_s; /* CLOCK_MONOTONIC */
};

struct cursor_conversation {
	struct hash_node node; /* in the cursor's table */
	size_t index; /* see cursor_at() and cursor_side_array() */
	char *type; /* "chat-oneToOne", "chat-group", "sms" */
	char *name; /* the other user's address, the group's ID, the phone number */
	int64_t taken_until_s; /* without marks: messages up to this second of the service's clock count as taken */
	struct cursor_mark *marks; /* ring buffer: `count` marks, starting at `first` */
	size_t count, first, cap; /* cap: a power of two */
	size_t open; /* so many of the newest marks are open, the others are verified */
	struct hash_set ids, open_ids; /* of all marks, and of the open ones */
	uint64_t listed; /* hash of its entry in the list of conversations when nothing was missing; 0: unknown */
	uint64_t newest; /* for listen: the newest message emitted, saved if it is not the last mark; */
	int64_t newest_ms; /* and its time, not saved */
	size_t unsaved; /* marks that are not on disk yet */
	bool dirty; /* to be saved */
};

/* `path` as store_path(store, ".cursor") returns it; copied. */
struct cursor *cursor_new(const char *path);
void cursor_free(struct cursor *cursor);

/*
 * Reads the file. `*found` is false if there is none or its header is corrupt. In the second case the file is
 * quarantined, and `*quarantined` (free it) is its new name; otherwise that is NULL. ST_CONFIG if the file mode is
 * unsafe.
 */
enum status cursor_load(struct cursor *cursor, bool *found, char **quarantined, struct err *err) MUST_USE;

/* The parser: returns how many bytes of `text` are valid whole lines; 0 if the header is corrupt. */
size_t cursor_decode(struct cursor *cursor, const char *text, size_t len);

/* Forgets everything; new conversations start with `taken_until_s` (0: all of their messages are new). */
void cursor_reset(struct cursor *cursor, int64_t taken_until_s);

/* The conversation, created if it is unknown. Borrowed; valid until cursor_free() or cursor_reset(). */
struct cursor_conversation *cursor_conversation(struct cursor *cursor, const char *type, size_t type_len,
	const char *name, size_t name_len);
/* NULL: unknown */
struct cursor_conversation *cursor_find(const struct cursor *cursor, const char *type, const char *name);
struct cursor_conversation *cursor_at(const struct cursor *cursor, size_t index); /* NULL after the last one */

/*
 * For data that others keep about conversations: grows `array`, whose elements have `size` bytes, with zeroed elements
 * until array[conversation->index] exists, and returns it. `*cap` is its length. Free with free().
 */
void *cursor_side_array(void *array, size_t *cap, size_t size, const struct cursor_conversation *conversation);

uint64_t cursor_hash(const struct cursor *cursor, const char *id, size_t len);

bool cursor_taken(const struct cursor_conversation *conversation, uint64_t id); /* there is a mark */
bool cursor_verified(const struct cursor_conversation *conversation, uint64_t id); /* there is a verified mark */
/* True if there are no marks, and the message's time says that it counts as taken. */
bool cursor_old(const struct cursor_conversation *conversation, int64_t time_ms);

/* The reader has acknowledged the message. */
void cursor_take(struct cursor *cursor, struct cursor_conversation *conversation, uint64_t id);

/* The history was read and nothing was missing: marks taken before `until_ms` (clock_mono_ms()) are verified. */
void cursor_verify(struct cursor *cursor, struct cursor_conversation *conversation, int64_t until_ms);

/* Nothing was missing when the list of conversations had the entry with this hash. */
void cursor_set_listed(struct cursor *cursor, struct cursor_conversation *conversation, uint64_t listed);

/* All messages up to this second count as taken. Never goes back. */
void cursor_advance(struct cursor *cursor, struct cursor_conversation *conversation, int64_t second);
void cursor_advance_all(struct cursor *cursor, int64_t second); /* also for conversations to come */

/* Writes the changes, if there are any. With `durable`, also syncs the file. ST_IO or ST_CANTCREATE. */
enum status cursor_save(struct cursor *cursor, bool durable, struct err *err) MUST_USE;

#endif
