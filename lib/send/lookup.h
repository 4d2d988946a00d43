/*
 * lookup.h - finds out from the conversation's history whether a message was sent when the response to it was lost.
 * Pure: the caller feeds it pages of history, newest first (protocol.md).
 *
 * An entry of the history is the message if it is our own, has the same text and the same attachments (x-id by x-id),
 * is not known to be another message (store/sent_ids.h), and was sent during the attempt. There are two ways to tell
 * the last. If this run has sent to the conversation before, everything above that message (last_sent_id) is newer,
 * whatever the clocks say. Otherwise the entry's time must lie between LOOKUP_TOLERANCE_MS before the attempt and
 * LOOKUP_LATE_MS after its end. An entry that matches except for its time, because it is later or because the
 * difference of the two clocks is not known, makes the result LOOKUP_INCONCLUSIVE.
 */
#ifndef KANDY_SEND_LOOKUP_H
#define KANDY_SEND_LOOKUP_H

#include "wire/message.h"
#include "store/sent_ids.h"

#define LOOKUP_TOLERANCE_MS INT64_C(3000) /* clocks that are known to the second, and times cut to seconds */
#define LOOKUP_LATE_MS INT64_C(60000) /* the service may finish what nobody waits for any more */
#define LOOKUP_CRASH_MS INT64_C(600000) /* the end of an attempt whose process died, behind its beginning */
#define LOOKUP_PAGE 50 /* messages a page */
#define LOOKUP_PAGES_MAX 20 /* beyond that it cannot be reported */

enum lookup_result { LOOKUP_MORE = 0, LOOKUP_FOUND, LOOKUP_NOT_FOUND, LOOKUP_INCONCLUSIVE };

struct lookup {
	/* what is looked for; borrowed */
	const struct message *message;
	const char *sender; /* one's own address */
	int64_t since_ms, until_ms; /* when the attempt began and ended, by the service's clock as far as it is known */
	bool skew_known; /* it is */
	const char *last_sent_id; /* ID of the message sent before it, or NULL */
	struct sent_ids *others; /* what this profile has sent lately, or NULL */
	const char *origin; /* of this message, see there; or NULL */

	/* state; zero at the start */
	bool doubtful;
	unsigned pages;
	struct message_sent found; /* LOOKUP_FOUND, or the doubtful one: release with lookup_release() */
	char *next; /* LOOKUP_MORE: the token of the page to ask for */
};

/*
 * Appends the path of the page to ask for first, or next. False where a history of that kind cannot be asked for
 * (SMS).
 */
bool lookup_path(const struct lookup *lookup, struct buf *out, const char *user_id);

/* Looks through one page. */
enum lookup_result lookup_page(struct lookup *lookup, struct json_value answer);

void lookup_release(struct lookup *lookup); /* leaves it as at the start */

#endif
