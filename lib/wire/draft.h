/*
 * draft.h - a message as the user gave it: recipients, text, files; and the JSON lines of `send --jsonl`.
 *
 * A JSON line has one of two forms:
 *
 *	{"to":"bob@acme.example.com" | [...], "text":"..", "files":["a.pdf", {"path":"b","name":"c.pdf","mimeType":".."}], "type":"..", "ref":<anything>}
 *	{"destination":[...], "parts":[{"type":"text","text":".."},{"type":"file","path":".." | "x-id":"..","name":".."}], "type":"..", "ref":..}
 *
 * The second one is what `listen` and `fetch-links` print. "address" is used if there is neither "to" nor
 * "destination". A file with a path is uploaded; one with only an x-id refers to an object that exists already. Text
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
#define DRAFT_TEXT_MAX ((size_t)4 << 20) /* of a text, and of an input line */

/* An attachment. */
struct draft_file {
	char *path; /* NULL: `fd`, or only `xid` */
	int fd; /* an open file (the copy of stdin), or -1; closed with the draft */
	char *name; /* that the recipient sees */
	char *type; /* MIME type; NULL: by the name */
	char *xid; /* an object that exists already, or NULL */
};

struct draft {
	int64_t line; /* input line, from 1; 0: none */
	char *ref; /* compact JSON, or NULL */
	struct address *to; /* without duplicates */
	size_t to_count;
	char *text; /* cleaned (message.h); never NULL */
	struct draft_file *files;
	size_t file_count;
	struct err bad; /* status not ST_OK: why it is invalid */
	char *source; /* the input line, or NULL */
	size_t source_len;
	/* an earlier process may have posted it, with the x-ids of `files`: check the history first */
	bool uncertain;
	int64_t attempted_ms; /* uncertain: when */
	uint64_t post_number; /* of its first attempt, see store/sent_ids.h; 0: unknown */
	char *origin; /* see store/sent_ids.h; or NULL */
	void *user; /* the caller's */
	bool *unsent; /* send/failed.c: the recipients without the message; NULL: none */
	size_t results; /* send/failed.c: how many are known */
};

struct draft *draft_new(void);
void draft_free(struct draft *draft); /* NULL is fine */

/* Adds a recipient unless it is a duplicate. ST_DATA: invalid, or too many. */
enum status draft_add_to(struct draft *draft, const char *address, const char *type, struct err *err) MUST_USE;

/* Adds an attachment; `name` and `type` may be NULL. ST_DATA: too many. */
enum status draft_add_path(struct draft *draft, const char *path, const char *name, const char *type,
	struct err *err) MUST_USE;
void draft_set_text(struct draft *draft, const char *text, size_t len); /* cleaned */

/* For keys that a line does not have. */
struct draft_defaults {
	const char *const *to; /* recipients */
	size_t to_count;
	const char *type; /* NULL: by the address */
};

/*
 * Reads one line. If it is invalid, draft->bad says why, and the recipients are as they were given, for the report.
 * `doc` is memory that is reused for the next line.
 */
struct draft *draft_from_json(struct json_doc *doc, const char *line, size_t len,
	const struct draft_defaults *defaults);

/*
 * Appends the input line, with only the recipients that are marked in `wanted` (draft->to_count elements), for
 * resubmission. No newline.
 */
void draft_write_line(const struct draft *draft, struct json_doc *doc, const bool *wanted, struct buf *out);

/* ST_DATA if it cannot be sent to all of its recipients: an SMS has no attachments. */
enum status draft_check(const struct draft *draft, struct err *err) MUST_USE;

#endif
