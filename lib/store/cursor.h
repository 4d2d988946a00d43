/*
 * cursor.h - a listener's checkpoint: which messages its reader (stdout or a command) has acknowledged.
 *
 * For each conversation it has the hashes of the messages taken last (marks), and a second up to which all messages
 * count as taken. A single "last time" would not do: the service's times are whole seconds, which many messages share,
 * and messages that were delivered out of order would be missed. So "was this message taken?" is answered exactly for
 * at least the last CURSOR_IDS messages of a conversation and all of its last two seconds (up to CURSOR_IDS_MAX), and
 * by time for older ones.
 *
 * During a gap (cursor_gap()), while the history cannot be read and live messages are taken without it, taken messages
 * do not imply that older ones were taken. So no `taken_until_s` advances and no mark is dropped, and the missing
 * messages are found exactly when the history can be read again.
 *
 * On disk (PROFILE.cursor, 0600): a header line with the key of the hashes and the gap, a line of JSON for each
 * conversation, then lines of the same form for messages taken since, appended with one write(2) for each batch.
 * Sometimes the file is rewritten. A last line that was cut by a crash is ignored; its messages count as not taken.
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

#define CURSOR_IDS 256
#define CURSOR_IDS_MAX 32768 /* 1 MiB; if two seconds have more, messages may come twice after a restart */

struct cursor;

struct cursor_mark {
	uint64_t id;
	int64_t second; /* of the service's clock */
};

struct cursor_conversation {
	struct hash_node node; /* in the cursor's table */
	size_t index; /* see cursor_at() and cursor_side_array() */
	char *type; /* "chat-oneToOne", "chat-group", "sms" */
	char *name; /* the other user's address, the group's ID, the phone number */
	int64_t taken_until_s; /* messages up to this second count as taken, marked or not */
	struct cursor_mark *marks; /* ring buffer: `count` marks, starting at `first` */
	size_t count, first, cap; /* cap: a power of two */
	struct hash_set ids; /* of the marks */
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
/* True if the message's time alone says that it was taken. */
bool cursor_old(const struct cursor_conversation *conversation, int64_t time_ms);
int64_t cursor_last(const struct cursor_conversation *conversation); /* second of the newest mark; -1: no mark */

/* The reader has acknowledged the message. */
void cursor_take(struct cursor *cursor, struct cursor_conversation *conversation, uint64_t id, int64_t time_ms);

/* All messages up to this second count as taken. Never goes back. */
void cursor_advance(struct cursor *cursor, struct cursor_conversation *conversation, int64_t second);
void cursor_advance_all(struct cursor *cursor, int64_t second); /* also for conversations to come */

/* True while live messages are taken although the history cannot be read. */
void cursor_gap(struct cursor *cursor, bool gap);
bool cursor_has_gap(const struct cursor *cursor);

/* Writes the changes, if there are any. With `durable`, also syncs the file. ST_IO or ST_CANTCREATE. */
enum status cursor_save(struct cursor *cursor, bool durable, struct err *err) MUST_USE;

#endif
