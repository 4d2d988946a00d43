/*
 * sent_ids.h - the IDs of the messages that a profile sent recently, so that a lookup after a lost response
 * (send/lookup.h) does not take one of them for another message with the same text. A message that may be posted by
 * several processes has an origin: its ID in the spool. IDs recorded for that origin belong to the message itself.
 *
 * A lookup may also find the message of another process whose response is still on its way, so that its ID is not
 * recorded yet. The lookup therefore records that it claimed the ID (sent_ids_find), and a process that receives the
 * ID as the response to a post checks for such a claim (sent_ids_found): if there is one, one of the two messages is
 * missing, and that process posts its message again.
 *
 * This is a cache: PROFILE.sent is a table of 96 KiB in which new IDs replace old ones, written by all processes of the
 * profile without locks and without fsync. Without it, or if an ID has been replaced, lookups are less certain.
 */
#ifndef KANDY_STORE_SENT_IDS_H
#define KANDY_STORE_SENT_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct sent_ids;

/* `path`: store_path(store, ".sent"); copied. The file is opened when it is first needed. */
struct sent_ids *sent_ids_new(const char *path);
void sent_ids_free(struct sent_ids *ids); /* NULL is fine, also for the other functions */

/* `origin` may be NULL. note: the ID is from the response to a post; find: a lookup claimed it at that wall clock. */
void sent_ids_note(struct sent_ids *ids, const char *id, const char *origin);
void sent_ids_find(struct sent_ids *ids, const char *id, const char *origin, int64_t now_ms);
/* True if a lookup claimed it at `since_ms` or later, for another message than that of `origin`. */
bool sent_ids_found(struct sent_ids *ids, const char *id, const char *origin, int64_t since_ms);
bool sent_ids_other(struct sent_ids *ids, const char *id, const char *origin); /* recorded for another message */

#endif
