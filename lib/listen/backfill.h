/*
 * backfill.h - what came while nobody listened, from the history: oldest first for each conversation, exactly what
 * the cursor has not.
 *
 * A pure machine: it says which request it needs next, is given the answer, and then hands out lines one by one for
 * as long as its owner has room for them. The service pages newest first; a conversation's new messages are piled up
 * (base/spill_stack.h), page by page, until a page reaches known messages, and then taken off in the right order. So
 * memory does not grow with the history, and messages that arrive while it pages (they shift the pages, and some come
 * twice) do no harm.
 *
 * The first time, what is there counts as taken (a baseline), and exactly that: the service's times are seconds, and
 * a message may still come in the second of the newest one. So of a conversation that is still moving, the messages of
 * the last seconds are taken down one by one, and only what is older is old by its time.
 *
 * The service's clock may go back. So what is old by its time is new all the same where it stands before something that
 * is not old.
 */
#ifndef KANDY_LISTEN_BACKFILL_H
#define KANDY_LISTEN_BACKFILL_H

#include "client/client.h"
#include "wire/notification.h"
#include "base/hash.h"
#include "base/spill_stack.h"
#include "store/cursor.h"

enum backfill_need {
	BACKFILL_NOTHING, /* done, or not begun */
	BACKFILL_SESSIONS, /* wants the list of conversations */
	BACKFILL_PAGE, /* wants a page: backfill_request() */
	BACKFILL_ROOM, /* has lines: backfill_next() */
};

struct backfill {
	enum backfill_need need;
	struct history_sessions sessions;
	size_t at; /* the conversation under way */
	int64_t newest_s; /* of all conversations: the service's clock was there already */
	bool baseline; /* what is there counts as taken */
	struct cursor_conversation *peer;
	char *next; /* token of the page that is wanted, or NULL */
	unsigned known; /* messages in a row that were known */
	unsigned doubtful_count; /* messages in a row that are old by their time, */
	struct buf clock_suspect; /* each with its length before it, newest first */
	int64_t pages; /* read of this conversation */
	bool dated; /* of a baseline: its newest message was seen, and the conversation's floor set by it */
	struct hash_recent paged; /* IDs of the pages before: growth shifts messages from one page to the next */
	struct spill_stack stack;
	struct notification_decoder decoder;
	struct buf line;
};

struct backfill_line {
	struct cursor_conversation *peer; /* NULL: it has none, or no ID to be known by */
	uint64_t id;
	int64_t time_ms;
	bool message; /* and no typing, receipt or the like, which are live alone and have no peer */
	bool outbound; /* sent by this user */
	bool lost; /* it cannot be handed on; instead of a line there is a sentence that says why */
};

void backfill_init(struct backfill *b, const char *temp_dir); /* `temp_dir` is borrowed */
void backfill_release(struct backfill *b);

void backfill_start(struct backfill *b); /* from the beginning, whatever was under way */

/*
 * Takes the list over (empties `sessions`). With `baseline`, all that is there counts as taken: pages of it may be
 * wanted all the same, but no lines will come.
 */
void backfill_sessions(struct backfill *b, struct cursor *cursor, struct history_sessions *sessions, bool baseline);

/* The page that is wanted: a conversation, and the token in `*next`. Borrowed. */
const struct history_session *backfill_request(const struct backfill *b, const char **next);

/*
 * A page of it. `more` is the token of the page behind it (taken over), NULL at the end. `emitted` holds what is on
 * its way to the reader (hashes of backfill_key()). ST_IO if the pile cannot be kept.
 */
enum status backfill_page(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err) MUST_USE;

/*
 * The next line, with its newline, appended to `out`; after the last one of a conversation, `need` says how it goes
 * on.
 */
enum status backfill_next(struct backfill *b, struct cursor *cursor, struct buf *out, struct backfill_line *line,
	struct err *err) MUST_USE;

/*
 * The page that is wanted, and what is behind it, can never be had, and `why` says why: a sentence about it comes
 * with the lines of the pages before, unless some message of them was taken in an earlier run, which has said it.
 * ST_IO.
 */
enum status backfill_cut(struct backfill *b, struct cursor *cursor, const char *why, struct err *err) MUST_USE;

/* Leaves the conversation of which a page was wanted, without a line of it, and goes on with the next. */
void backfill_skip(struct backfill *b, struct cursor *cursor);

/*
 * Where the cursor keeps a conversation. Of SMS it is one for each own number (`own`; a length of 0: unknown), since
 * each has a thread, and so an order, of its own.
 */
struct cursor_conversation *backfill_conversation(struct cursor *cursor, enum chat_type type, struct slice peer,
	struct slice own);

/* One number for a message of a conversation. */
uint64_t backfill_key(const struct cursor_conversation *peer, uint64_t id);

#endif
