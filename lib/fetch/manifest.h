/*
 * manifest.h - a file with one JSON line for each downloaded attachment, so that a later run can skip it.
 *
 *	{"event":"fetched","messageId":"...","rawURL":"...","path":"/...","bytes":N,"sha256":"...","timestamp":MS}
 *
 * Lines are appended with one write(2), so several runs may share a manifest. Invalid lines are ignored.
 */
#ifndef KANDY_FETCH_MANIFEST_H
#define KANDY_FETCH_MANIFEST_H

#include "base/err.h"
#include "json/json.h"

#include <stdbool.h>
#include <stdint.h>

struct manifest;

struct manifest_entry {
	const char *message_id; /* "" if the message has none */
	const char *link;
	const char *path; /* absolute */
	int64_t bytes;
	const char *sha256;
};

/*
 * Opens `name`, relative to `dir_fd` (or AT_FDCWD); a missing file is created (0600). With `index`, its entries are
 * kept in memory, and a file of another user or writable by others is ST_CONFIG. ST_CANTCREATE, ST_IO.
 */
enum status manifest_open(struct manifest **out, int dir_fd, const char *name, bool index, struct err *err) MUST_USE;
void manifest_free(struct manifest *manifest); /* NULL is fine */

enum status manifest_add(struct manifest *manifest, const struct manifest_entry *entry, struct err *err) MUST_USE;

/*
 * Without a file: creates an empty manifest in memory, adds a line without its newline (`doc` is reused from line to
 * line), and encodes an entry as a line with its newline.
 */
struct manifest *manifest_new(const char *name, bool index);
void manifest_add_line(struct manifest *manifest, struct json_doc *doc, const char *line, size_t len);
void manifest_encode(const struct manifest_entry *entry, int64_t now_ms, struct buf *out);

/* The newest entry of this link in this message, or NULL. Borrowed until the next manifest_add(). */
const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *message_id, const char *link);

#endif
