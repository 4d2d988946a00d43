/*
 * backfill.h - messages from the history that arrived while no listener ran: oldest first for each conversation, and
 * only those that the cursor has not marked as taken.
 *
 * A pure state machine: `need` says what it needs next (the list of conversations, or one page); then it returns lines
 * one by one, as fast as its owner can take them. The service pages newest first, so the new messages of a conversation
 * are pushed on a stack (base/spill_stack.h), page by page, until a page reaches known messages, and then popped in the
 * right order. So memory does not grow with the history, and messages that arrive meanwhile, which shift the pages so
 * that some come twice, do no harm.
 *
 * The first run takes a baseline: existing messages count as taken, and nothing else. Because the service's times are
 * seconds, another message may still come in the second of the newest one. So the last seconds of an active
 * conversation are marked message by message, and only older messages are old by their time.
 *
 * The service's clock may go back. So a message that is old by its time is new all the same if it is newer, in the
 * history's order, than one that is not old.
 */
#ifndef KANDY_LISTEN_BACKFILL_H
#define KANDY_LISTEN_BACKFILL_H

#include "client/client.h"
#include "wire/notification.h"
#include "base/hash.h"
#include "base/spill_stack.h"
#include "store/cursor.h"

enum backfill_need {
	BACKFILL_NOTHING, /* done, or not started */
	BACKFILL_LIST, /* backfill_list() with the conversations */
	BACKFILL_PAGE, /* the page of backfill_request(): backfill_page(), backfill_cut() or backfill_skip() */
	BACKFILL_DRAIN, /* there are lines: backfill_next() */
};

struct backfill {
	enum backfill_need need;
	struct history_sessions sessions;
	size_t current; /* index in `sessions` */
	int64_t newest_s; /* of all conversations: the service's clock has passed this second */
	bool baseline;
	struct cursor_conversation *conversation; /* of `current` */
	char *next; /* token of the page to read, or NULL */
	unsigned known; /* taken messages in a row */
	unsigned old_count; /* messages in a row that are old by their time, */
	struct buf old; /* each with its length in front, newest first */
	int64_t pages; /* read of this conversation */
	bool dated; /* baseline: the conversation has a message with a time */
	struct hash_recent seen; /* IDs of earlier pages, which come again if new messages shift the pages */
	struct spill_stack stack;
	struct notification_decoder decoder;
	struct buf line;
	int64_t *synced_until_s; /* by conversation: everything up to its message of this second was read */
	size_t synced_cap;
};

/* What a message line belongs to. */
struct line_info {
	struct cursor_conversation *conversation; /* NULL: unknown, or the message has no ID */
	uint64_t id;
	int64_t time_ms;
	bool message; /* not typing, a receipt and the like, which come only live and have no conversation */
	bool outbound; /* sent by this user */
	bool skipped; /* the message cannot be printed; instead of a line there is an error message */
};

void backfill_init(struct backfill *b, const char *temp_dir); /* `temp_dir` is borrowed */
void backfill_release(struct backfill *b);

void backfill_start(struct backfill *b); /* from the beginning; drops the backfill in progress */

/*
 * Takes ownership of the list (empties `sessions`). With `baseline`, existing messages count as taken; pages may be
 * needed all the same, but no lines will come.
 */
void backfill_list(struct backfill *b, struct cursor *cursor, struct history_sessions *sessions, bool baseline);

/* The page to read: a conversation, and the page token in `*next`. Borrowed. */
const struct history_session *backfill_request(const struct backfill *b, const char **next);

/*
 * The page. `more` is the token of the page after it (ownership is taken), NULL at the end. `emitted` has the messages
 * in the queues (backfill_key()). ST_IO if the stack cannot be stored.
 */
enum status backfill_page(struct backfill *b, struct cursor *cursor, const struct hash_recent *emitted,
	struct json_value messages, char *more, const char *self, struct err *err) MUST_USE;

/*
 * The next line, with its newline, in `*text`, which is valid until the next call. After the last line of a
 * conversation, `need` says what follows.
 */
enum status backfill_next(struct backfill *b, struct cursor *cursor, struct slice *text, struct line_info *info,
	struct err *err) MUST_USE;

/*
 * The page and everything older can never be read, because of `why`. Lines of the pages before it will come, preceded
 * by an error message, unless some message of them was taken in an earlier run, which has reported it. ST_IO.
 */
enum status backfill_cut(struct backfill *b, struct cursor *cursor, const char *why, struct err *err) MUST_USE;

/* Skips the conversation of the page: no line of it will come. */
void backfill_skip(struct backfill *b, struct cursor *cursor);

/*
 * The cursor's conversation of a message. An SMS conversation belongs to one of the user's own numbers (`own`; length
 * 0: unknown), because each number has a thread, and so an order, of its own.
 */
struct cursor_conversation *backfill_conversation(struct cursor *cursor, enum chat_type type, struct slice name,
	struct slice own);

/* A hash that identifies a message among those of all conversations. */
uint64_t backfill_key(const struct cursor_conversation *conversation, uint64_t id);

#endif
