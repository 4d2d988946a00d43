/*
 * draft.h - a message as the input gives it: to whom, what text, which files; and a line of JSON read as one.
 *
 * The input of `send --jsonl` (design: one object a line), in either form:
 *
 *	{"to":"bob@acme.example.com" | [...], "text":"..", "files":["a.pdf", {"path":"b","name":"c.pdf","mimeType":".."}], "type":"..", "ref":<anything>}
 *	{"destination":[...], "parts":[{"type":"text","text":".."},{"type":"file","path":".." | "x-id":"..","name":".."}], "type":"..", "ref":..}
 *
 * the second being what `listen` and `fetch-links` print. "address" counts where there is neither "to" nor
 * "destination". A file part with a path is uploaded from there; one with an x-id alone is named again. Several text
 * parts are joined by newlines. Unknown keys are ignored. A path is relative to the working directory.
 */
#ifndef KANDY_WIRE_DRAFT_H
#define KANDY_WIRE_DRAFT_H

#include "wire/address.h"
#include "json/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRAFT_RECIPIENTS_MAX 1000
#define DRAFT_FILES_MAX 100
#define DRAFT_TEXT_MAX ((size_t)4 << 20) /* bytes of a text, and of an input line */

/* An attachment. */
struct draft_file {
	char *path; /* NULL: it is in `fd`, or known by `xid` alone */
	int fd; /* an open file (stdin's copy), or -1; closed with the draft */
	char *name; /* as the recipient will see it */
	char *type; /* MIME type; NULL: by the name */
	char *xid; /* an object that is there already, or NULL */
};

struct draft {
	int64_t line; /* of the input, from 1; 0: none */
	char *ref; /* compact JSON, or NULL */
	struct address *to; /* each once */
	size_t to_count;
	char *text; /* clean (message.h); never NULL */
	struct draft_file *files;
	size_t file_count;
	struct err bad; /* status not ST_OK: it could not be read, and fails so */
	char *source; /* the input line, or NULL */
	size_t source_len;
	/*
	 * an earlier process may have posted it, from `attempted_ms` until `lost_ms` (0: until it died), with its
	 * files' x-ids: look first
	 */
	bool uncertain;
	int64_t attempted_ms, lost_ms;
	char *origin; /* store/sent_ids.h; or NULL */
	void *user; /* the caller's */
};

struct draft *draft_new(void);
void draft_free(struct draft *draft); /* NULL is fine */

/* Adds a recipient, unless it is there already. ST_DATA for a bad address or one too many. */
enum status draft_add_to(struct draft *draft, const char *address, const char *type, struct err *err) MUST_USE;

/* Adds an attachment by path; `name` and `type` may be NULL. ST_DATA for one too many. */
enum status draft_add_path(struct draft *draft, const char *path, const char *name, const char *type,
	struct err *err) MUST_USE;
void draft_set_text(struct draft *draft, const char *text, size_t len); /* made clean */

/* Where a line leaves something open. */
struct draft_defaults {
	const char *const *to; /* recipients of a line that names none */
	size_t to_count;
	const char *type; /* NULL: by the address */
};

/*
 * Reads one line. Never fails as a whole: what is wrong with it goes to draft->bad, with the recipients as they were
 * given, so that the line can be reported in its place. `doc` is memory kept from one line to the next.
 */
struct draft *draft_from_json(struct json_doc *doc, const char *line, size_t len,
	const struct draft_defaults *defaults);

/*
 * The line again, with those recipients alone whose numbers are marked in `wanted` (of draft->to_count), to be fed in
 * again. The source must be the draft's own. Appended to `out` without a newline.
 */
void draft_write_line(const struct draft *draft, struct json_doc *doc, const bool *wanted, struct buf *out);

/* Can it be sent to all of its recipients? ST_DATA says why not: an SMS carries no files. */
enum status draft_check(const struct draft *draft, struct err *err) MUST_USE;

#endif
