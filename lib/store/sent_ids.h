/*
 * sent_ids.h - which message IDs a profile's posts are accounted for, and which posts are in doubt, for all of its
 * processes: the evidence of send/lookup.h.
 *
 * PROFILE.sent is a memory-mapped file of fixed size, written without locks: by atomic operations, with no fsync. It
 * has a counter that orders all entries, so no clock is compared with another one:
 *
 *  - A post takes a number when it begins (sent_ids_begin) and is in doubt until it is settled. A post whose process
 *    died, or whose delivery stayed unknown, remains in doubt.
 *  - The ID of an accepted message takes a number when the response or the lookup has it (sent_ids_note). An ID noted
 *    before a post began is of an older message.
 *  - Newer IDs replace the oldest in their bucket. The table remembers the number of the newest ID that it has
 *    forgotten there (sent_ids_forgotten), so a caller can tell "never sent" from "may be forgotten".
 *
 * A conversation is part of each key: some services number messages for each conversation.
 */
#ifndef KANDY_STORE_SENT_IDS_H
#define KANDY_STORE_SENT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sent_ids;

/* `path` as store_path(store, ".sent") gives it; copied. Opened when first used. */
struct sent_ids *sent_ids_new(const char *path);
void sent_ids_free(struct sent_ids *ids); /* NULL, as in all functions here: no other process sends, nothing is kept */

uint64_t sent_ids_conversation(const char *type, const char *id); /* the key of a conversation; case-insensitive */

struct sent_id {
	bool known;
	bool same_origin; /* noted for this very message (its ID in the spool), by an earlier process */
	uint64_t number, begun; /* when it was noted, and when its post began */
};

/*
 * Stores the ID of an accepted message and the number of its post. `origin`: of a message that another process may send
 * again; or NULL.
 */
void sent_ids_note(struct sent_ids *ids, uint64_t conversation, const char *id, uint64_t post, const char *origin);
struct sent_id sent_ids_get(struct sent_ids *ids, uint64_t conversation, const char *id, const char *origin);
/* The number of the newest ID that was forgotten where this one would be; 0: none was. */
uint64_t sent_ids_forgotten(struct sent_ids *ids, uint64_t conversation, const char *id);

/* A post of a text with this fingerprint (send/lookup.h) begins. Its number, never 0 unless `ids` is not usable. */
uint64_t sent_ids_begin(struct sent_ids *ids, uint64_t conversation, uint64_t fingerprint);
/* It is accounted for: its ID is noted, or it was certainly not accepted. */
void sent_ids_settle(struct sent_ids *ids, uint64_t number);
/* Its delivery stays unknown: it remains in doubt, but is not accepted any more from now on. */
void sent_ids_close(struct sent_ids *ids, uint64_t number);
/*
 * How many other posts of the conversation are in doubt that could have made a message with this fingerprint above the
 * floor, whose post has the number `floor`? Open ones count whenever they began: an old request can be accepted late.
 */
size_t sent_ids_doubts(struct sent_ids *ids, uint64_t conversation, uint64_t fingerprint, uint64_t number,
	uint64_t floor);

#endif
