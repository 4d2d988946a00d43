/*
 * manifest.h - a file with one JSON line for each attachment that was fetched; by it a later run knows what it has.
 *
 *	{"event":"fetched","messageId":"...","rawURL":"...","path":"/...","bytes":N,"sha256":"...","timestamp":MS}
 *
 * Lines are appended whole, so several runs may share one. Lines that cannot be read are passed over.
 */
#ifndef KANDY_FETCH_MANIFEST_H
#define KANDY_FETCH_MANIFEST_H

#include "base/err.h"
#include "json/json.h"

#include <stdbool.h>
#include <stdint.h>

struct manifest;

struct manifest_entry {
	const char *message_id; /* "" where there is none */
	const char *link;
	const char *path; /* absolute */
	int64_t bytes;
	const char *sha256;
};

/*
 * Opens `name` (in the directory `dir_fd` unless it is absolute; AT_FDCWD is fine), which is made if it is missing
 * (0600). With `index`, what it says is read and kept in memory; ST_CONFIG where it belongs to another user or others
 * may change it. ST_CANTCREATE, ST_IO.
 */
enum status manifest_open(struct manifest **out, int dir_fd, const char *name, bool index, struct err *err) MUST_USE;
void manifest_free(struct manifest *manifest); /* NULL is fine */

enum status manifest_add(struct manifest *manifest, const struct manifest_entry *entry, struct err *err) MUST_USE;

/*
 * The same without a file: an empty one in memory, what a line of the file (without its newline) adds to it, and the
 * line of an entry, newline and all. `doc` is the reader's, kept from one line to the next.
 */
struct manifest *manifest_new(const char *name, bool index);
void manifest_take_line(struct manifest *manifest, struct json_doc *doc, const char *line, size_t len);
void manifest_encode(const struct manifest_entry *entry, int64_t now_ms, struct buf *out);

/* The newest entry of this link in this message, or NULL. Borrowed until the next manifest_add(). */
const struct manifest_entry *manifest_find(const struct manifest *manifest, const char *message_id, const char *link);

#endif
