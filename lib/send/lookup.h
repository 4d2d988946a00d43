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

#define LOOKUP_TOLERANCE_MS INT64_C(3000) /* clocks are known to the second, and times are truncated to seconds */
#define LOOKUP_LATE_MS INT64_C(60000) /* the service may finish a request after the client has gone */
#define LOOKUP_CRASH_MS INT64_C(600000) /* the assumed duration of an attempt whose process died */
#define LOOKUP_PAGE 50 /* messages per page */
#define LOOKUP_PAGES_MAX 20 /* more are LOOKUP_INCONCLUSIVE */

enum lookup_result { LOOKUP_MORE = 0, LOOKUP_FOUND, LOOKUP_NOT_FOUND, LOOKUP_INCONCLUSIVE };

struct lookup {
	/* the message to find; borrowed */
	const struct message *message;
	const char *sender; /* our own address */
	int64_t since_ms, until_ms; /* start and end of the attempt, by the service's clock if skew_known */
	bool skew_known; /* the difference of the clocks is known */
	const char *last_sent_id; /* ID of the previous message to the conversation, or NULL */
	struct sent_ids *others; /* the recent messages of this profile, or NULL */
	const char *origin; /* of this message, see sent_ids.h; or NULL */

	/* state; starts zeroed */
	bool has_candidate; /* `found` matches except for its time */
	unsigned pages;
	struct message_sent found; /* LOOKUP_FOUND, or the candidate; release with lookup_release() */
	char *next; /* LOOKUP_MORE: the token of the next page */
};

/* Appends the path of the first or next page. False if the conversation has no history (SMS). */
bool lookup_path(const struct lookup *lookup, struct buf *out, const char *user_id);

/* Reads one page. */
enum lookup_result lookup_page(struct lookup *lookup, struct json_value answer);

void lookup_release(struct lookup *lookup); /* resets the state */

#endif
