/*
 * lookup.h - was it sent after all? When the answer to a message got lost, the conversation's history tells. Pure:
 * fed with pages of history, newest first, as protocol.md has them.
 *
 * A message in the history is the one that is looked for if it is one's own, has the same text and the same
 * attachments (x-id by x-id), is none that is known to be another one (store/sent_ids.h), and came while the attempt
 * was under way. That is told in two ways. Where this run has sent to the conversation before, that message is the
 * anchor: what stands above it is newer, whatever any clock says. Otherwise by time: from LOOKUP_TOLERANCE_MS before
 * the attempt until LOOKUP_LATE_MS behind its end. One that fits but for its time may be it all the same, if it is
 * later, or if it is not known by how much the two clocks differ: then the answer is LOOKUP_UNSURE.
 */
#ifndef KANDY_SEND_LOOKUP_H
#define KANDY_SEND_LOOKUP_H

#include "wire/message.h"
#include "store/sent_ids.h"

#define LOOKUP_TOLERANCE_MS INT64_C(3000) /* clocks that are known to the second, and times cut to seconds */
#define LOOKUP_LATE_MS INT64_C(60000) /* the service may finish what nobody waits for any more */
#define LOOKUP_CRASH_MS INT64_C(600000) /* the end of an attempt whose process died, behind its beginning */
#define LOOKUP_PAGE 50 /* messages a page */
#define LOOKUP_PAGES_MAX 20 /* beyond that it cannot be told */

enum lookup_result { LOOKUP_MORE = 0, LOOKUP_FOUND, LOOKUP_ABSENT, LOOKUP_UNSURE };

struct lookup {
	/* what is looked for; borrowed */
	const struct message *message;
	const char *sender; /* one's own address */
	int64_t since_ms, until_ms; /* when the attempt began and ended, by the service's clock as far as it is known */
	bool skew_known; /* it is */
	const char *anchor; /* ID of the message sent before it, or NULL */
	struct sent_ids *others; /* what this profile has sent lately, or NULL */
	const char *origin; /* of this message, see there; or NULL */

	/* state; zero at the start */
	bool clock_suspect;
	unsigned pages;
	struct message_sent found; /* LOOKUP_FOUND, or the clock_suspect one: release with lookup_release() */
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
