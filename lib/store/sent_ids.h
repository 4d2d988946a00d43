/*
 * sent_ids.h - the IDs of messages that a profile has sent lately: so that one of them is not taken for another one of
 * the same text, whose answer got lost (api/lookup.h). A message that may come up again, in another process, has an
 * origin: its ID in the spool. What was noted for that origin is the message itself.
 *
 * A look into history may find the message of another process, whose answer is still on its way, so that it has not
 * noted the ID yet. It says then, by sent_ids_find(), that it took it; and who gets the ID as the answer to a post,
 * asks sent_ids_found(): one of two messages is missing, and the one who knows that is to send once more.
 *
 * A memory, and no ledger: PROFILE.sent is a table of 96 KiB in which newer IDs take the places of older ones, written
 * without a lock and without fsync by all of the profile's processes. Whoever cannot write it, or finds that it has
 * forgotten something, is a little less sure, no more.
 */
#ifndef KANDY_STORE_SENT_IDS_H
#define KANDY_STORE_SENT_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct sent_ids;

/* `path` as store_path(store, ".sent") gives it; copied. Opened when it is first needed. */
struct sent_ids *sent_ids_new(const char *path);
void sent_ids_free(struct sent_ids *ids); /* NULL is fine, as it is for the others */

/* `origin` may be NULL. _note: a post was answered with it; _find: a look into history took it, at that wall clock. */
void sent_ids_note(struct sent_ids *ids, const char *id, const char *origin);
void sent_ids_find(struct sent_ids *ids, const char *id, const char *origin, int64_t now_ms);
/* A look took it at `since_ms` or later, for another message than that of `origin`. */
bool sent_ids_found(struct sent_ids *ids, const char *id, const char *origin, int64_t since_ms);
bool sent_ids_other(struct sent_ids *ids, const char *id, const char *origin); /* it is that of another message */

#endif
