/*
 * cursor.h - how far a listener has come: which messages its reader has taken.
 *
 * Kept for each conversation: the hashes of the messages taken last, and a second before which all counts as taken.
 * Not a single "last time", because the service's times are seconds (many messages share one), and because what was
 * delivered out of order would slip through. So the question "was this one taken?" has an exact answer for at least
 * the last CURSOR_IDS messages of a conversation, and for all of its last two seconds up to CURSOR_IDS_MAX; and an
 * answer by time for what is older.
 *
 * While there is a gap (cursor_gap()), which is as long as the history could not be read, what was taken is not all
 * that came before it. No second counts as dealt with then that did not before, and all that is taken keeps its mark,
 * so that a later look at the history finds exactly what is missing.
 *
 * On disk (PROFILE.cursor, 0600): a line of JSON for each conversation, and behind them lines of the same kind for
 * what was taken since, appended by one write(2) for a whole burst; folded into a new file now and then. A last line
 * that was cut by a crash is left out: what it would have said counts as not taken. The IDs are stored as keyed
 * hashes, the key in the file's first line, beside the gap.
 *
 * Only the process that holds the listener's lock (PROFILE.listen) may write it.
 */
#ifndef KANDY_STORE_CURSOR_H
#define KANDY_STORE_CURSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CURSOR_IDS 256
#define CURSOR_IDS_MAX 32768 /* in two seconds, 1 MiB; beyond that, messages may come twice after a restart */

struct cursor;

struct cursor_mark {
	uint64_t id;
	int64_t second; /* of the service's clock */
};

struct cursor_conversation { /* one conversation */
	char *type; /* "chat-oneToOne", "chat-group", "sms" */
	char *name; /* the other user's address, the group's ID, the number */
	int64_t taken_until_s; /* what is not later than this second, and not among the marks, is old */
	struct cursor_mark *marks; /* ring of the last ones taken, `count` of them from `first` on */
	size_t count, first, cap; /* cap: a power of two */
	struct hash_set ids; /* the same, to be looked up */
	size_t unsaved; /* of the newest marks */
	bool dirty; /* in the cursor's list of what is to be saved */
	/* not saved */
	size_t queued; /* exec_queue.c has so many of it */
	bool left; /* exec_queue.c leaves it for another run */
	int64_t backfilled_until_s; /* ingest: all up to this second came by backfill */
	int64_t synced_until_s; /* backfill: has seen all up to this second */
};

/* `path` as store_path(store, ".cursor") gives it; copied. */
struct cursor *cursor_new(const char *path);
void cursor_free(struct cursor *cursor);

/*
 * Reads the file. `*found` false where there is none, or where it is damaged from the start: then it is set aside, and
 * `*aside` (free it) is where it is now; else that is NULL. ST_CONFIG if others may read or write it.
 */
enum status cursor_load(struct cursor *cursor, bool *found, char **aside, struct err *err) MUST_USE;

/*
 * What is in the file, without the file: how many bytes of `text` were understood (whole lines; 0: it is damaged from
 * the start), and the whole of the cursor, appended to `out`.
 */
size_t cursor_decode(struct cursor *cursor, const char *text, size_t len);
void cursor_encode(const struct cursor *cursor, struct buf *out);

/* Forgets everything; conversations that are not known start with `taken_until_s` (0: all that they hold is new). */
void cursor_reset(struct cursor *cursor, int64_t taken_until_s);

/* The conversation, made if it is not known yet. Borrowed, and stays where it is as long as the cursor lives. */
struct cursor_conversation *cursor_conversation(struct cursor *cursor, const char *type, size_t type_len,
	const char *name, size_t name_len);
struct cursor_conversation *cursor_find(const struct cursor *cursor, const char *type,
	const char *name); /* NULL: not known */
struct cursor_conversation *cursor_at(const struct cursor *cursor,
	size_t i); /* all, one by one; NULL behind the last */

uint64_t cursor_hash(const struct cursor *cursor, const char *id, size_t len);

/* Was taken, as far as the marks tell. */
bool cursor_taken(const struct cursor_conversation *peer, uint64_t id);
/* The second of the message that was taken last; -1: no mark says. */
int64_t cursor_last(const struct cursor_conversation *peer);
/* So old that it counts as taken where no mark says so. */
bool cursor_old(const struct cursor_conversation *peer, int64_t time_ms);

/* The reader has taken it. */
void cursor_take(struct cursor *cursor, struct cursor_conversation *peer, uint64_t id, int64_t time_ms);

/* All of the conversation up to this second counts as taken. Never goes back. */
void cursor_advance(struct cursor *cursor, struct cursor_conversation *peer, int64_t second);
void cursor_advance_all(struct cursor *cursor, int64_t second); /* of those to come, too */

/* The history cannot be read, and what comes is taken all the same; or has been read at last. */
void cursor_gap(struct cursor *cursor, bool gap);
bool cursor_has_gap(const struct cursor *cursor);

/*
 * Writes what has changed since the last time; nothing if nothing did. With `durable`, also fsync. ST_IO or
 * ST_CANTCREATE.
 */
enum status cursor_save(struct cursor *cursor, bool durable, struct err *err) MUST_USE;

#endif
