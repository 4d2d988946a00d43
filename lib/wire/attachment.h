/*
 * attachment.h - the attachments of a message line, and the line with the results of their downloads. Pure.
 *
 * A line may be any JSON object with `parts` of type "file", usually from `listen`. Everything but the file parts is
 * copied byte for byte. A file part keeps its members in their order (without white space; lone surrogates become
 * U+FFFD), followed by
 *
 *	"url":"file:///...","path":"/...","bytes":N,"sha256":"..."      and "skipped":true if the file existed, or
 *	"url":null,"error":{"kind":"...","message":"...",...}
 *
 * and, if thumbnails were requested, "thumbnail":{ the same keys }.
 */
#ifndef KANDY_WIRE_ATTACHMENT_H
#define KANDY_WIRE_ATTACHMENT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ATTACHMENT_LINE_MAX ((size_t)16 << 20) /* bytes of a message line */
#define ATTACHMENT_DEPTH_MAX 64U /* of JSON in it */
#define ATTACHMENT_PARTS_MAX ((size_t)1000) /* file parts of one line that are downloaded; the others share an error */

struct attachment {
	/* beyond ATTACHMENT_PARTS_MAX, only `at` and `len` are set */
	char *name; /* a safe file name (base/filename.h) */
	char *link; /* rawURL; NULL: none, or not a string */
	char *thumbnail; /* thumbnailURL; NULL: none */
	int64_t size; /* from the message; -1: unknown, or 0 there */
	size_t at, len; /* the part's position in the line */
};

struct attachment_line {
	char *text; /* valid UTF-8 */
	size_t len;
	char *message_id; /* messageId, else id; NULL: none */
	struct attachment *items;
	size_t count;
};

/* The result of one download. */
struct attachment_result {
	struct err err; /* ST_OK: success */
	char *path; /* absolute */
	int64_t bytes;
	char sha256[65];
	bool skipped;
};

/* Reads a line. ST_DATA if it is not a JSON object, or exceeds a limit. Invalid UTF-8 becomes U+FFFD. */
enum status attachment_read(struct attachment_line *line, const char *text, size_t len, struct err *err) MUST_USE;

/* The line of a link alone: {"event":"file","parts":[{"type":"file","name":NAME,"rawURL":LINK,"url":null}]} */
void attachment_line_for_link(struct attachment_line *line, const char *link);

void attachment_line_release(struct attachment_line *line); /* also for a zeroed struct */

/* The number of results of a line: one for each part, and one for all beyond ATTACHMENT_PARTS_MAX. */
size_t attachment_results(const struct attachment_line *line);

/* Appends the line with the results, without a newline. `thumbnails` (or NULL) is for the parts with a thumbnail. */
void attachment_write(struct buf *out, const struct attachment_line *line, const struct attachment_result *files,
	const struct attachment_result *thumbnails);

/* {"event":"error","line":N,"command":"fetch-links","status":"failed","error":{...}} */
void attachment_write_error(struct buf *out, int64_t number, const struct err *err);

void attachment_result_release(struct attachment_result *fetched); /* also for a zeroed struct */

#endif
