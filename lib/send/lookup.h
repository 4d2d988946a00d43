/*
 * lookup.h - was a message whose response was lost accepted after all? A pure function of evidence: pages of the
 * conversation's history, newest first (lib/wire/PROTOCOL.md, "Chat"), and the IDs that are accounted for
 * (store/sent_ids.h).
 *
 * Nothing is concluded from an exact text, from clocks of different machines, or from a history that may lag:
 *
 *  - The history is read from the top down to the floor: the newest message that is known to be older than the
 *    request, because its ID was noted before the post began. Position decides, not time.
 *  - A candidate is one of the user's own messages above the floor that is not accounted for and could be the request
 *    after any normalisation of text, attachments and sender.
 *  - PRESENT: there is exactly one candidate, and no other post in doubt could have made it. Without a floor, the
 *    message's time must fit, too.
 *  - NOT_FOUND: there is no candidate, nor another own message that is unaccounted for, and the history shows the last
 *    message that was sent before. It becomes "absent" only when the settling time is over.
 *  - INCONCLUSIVE: everything else. Another look may tell more; if none does, the delivery is unknown.
 */
#ifndef KANDY_SEND_LOOKUP_H
#define KANDY_SEND_LOOKUP_H

#include "wire/message.h"
#include "store/sent_ids.h"

#define LOOKUP_PAGE 50 /* messages a page */
#define LOOKUP_PAGES_MAX 20 /* a history that needs more is inconclusive */

enum lookup_result { LOOKUP_MORE = 0, LOOKUP_PRESENT, LOOKUP_NOT_FOUND, LOOKUP_INCONCLUSIVE };

/* Time by the service's message clock, ms. Only used without a floor, and never for NOT_FOUND. */
struct lookup_window {
	bool known;
	int64_t from_ms, until_ms; /* the request's time lies between them */
};

struct lookup {
	/* the request; borrowed */
	const struct message *message;
	const char *sender, *user_id; /* the user's address and ID */
	const char *origin; /* see sent_ids.h; or NULL */
	const char *last_sent_id; /* ID of the message sent before it to the conversation in this run, or NULL */
	struct sent_ids *ids; /* or NULL */
	uint64_t conversation; /* sent_ids_conversation() */
	uint64_t first, last; /* numbers of its first and last post, see sent_ids_begin(); 0: not known */
	struct lookup_window window;
	int64_t oldest_ms; /* older by a day or more is older than the request, whatever clock is wrong; 0: unknown */

	/* state; zero at the start of a look */
	unsigned pages, candidates, strangers;
	bool shows_last; /* the history shows `last_sent_id` */
	bool misfits; /* the time of a candidate is not in the window */
	uint64_t floor, floor_begun; /* the floor's numbers, see sent_ids.h */
	uint64_t forgotten; /* the newest ID that was forgotten where the candidate's would be */
	const char *reason; /* LOOKUP_INCONCLUSIVE: why */
	struct message_sent found; /* the candidate; LOOKUP_PRESENT: release with lookup_release() */
	char *next; /* LOOKUP_MORE: the token of the page to ask for */
};

/* The path of the first or next page, appended. False for SMS, which has no such history. */
bool lookup_path(const struct lookup *lookup, struct buf *out);

enum lookup_result lookup_page(struct lookup *lookup, struct json_value response);
void lookup_release(struct lookup *lookup); /* leaves it as at the start of a look */

/*
 * What normalisations leave of a text, in a number: posts with different ones cannot be taken for each other, unless
 * one is 0 (nothing is left of it).
 */
uint64_t lookup_fingerprint(const char *text);

#endif
