/*
 * attachment.h - the attachments that a message line names, and the line with what became of them. Pure.
 *
 * A line may be any JSON object: one that comes from `listen`, or anything that has `parts` of the type "file"
 * (design: "JSON lines"). What is not ours to change stays as it is, byte for byte: only the file parts are written
 * anew, with their own members in their own order (white space left out, lone surrogates as U+FFFD), and at their end
 *
 *	"url":"file:///...","path":"/...","bytes":N,"sha256":"..."      and "skipped":true if it was there already, or
 *	"url":null,"error":{"kind":"...","message":"...",...}
 *
 * and, where thumbnails were asked for, "thumbnail":{ the same keys }.
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
#define ATTACHMENT_PARTS_MAX ((size_t)1000) /* file parts of one line that are fetched; further ones share an error */

struct attachment {
	char *name; /* clean (base/filename.h); NULL, as the rest but for `at` and `len`, beyond ATTACHMENT_PARTS_MAX */
	char *link; /* rawURL; NULL: none, or none that could be one */
	char *thumbnail; /* thumbnailURL; NULL: none */
	int64_t size; /* as the message says; -1: it does not (a 0 counts as that) */
	size_t at, len; /* where the part stands in the line */
};

struct attachment_line {
	char *text; /* valid UTF-8 */
	size_t len;
	char *message_id; /* messageId, else id; NULL: none */
	struct attachment *items;
	size_t count;
};

/* What became of one attachment. */
struct attachment_result {
	struct err err; /* ST_OK: it is there */
	char *path; /* absolute */
	int64_t bytes;
	char sha256[65];
	bool skipped;
};

/* Reads a line. ST_DATA if it is no JSON object, or over a limit. Bytes that are not UTF-8 become U+FFFD. */
enum status attachment_read(struct attachment_line *line, const char *text, size_t len, struct err *err) MUST_USE;

/* A line of our own for a bare link: {"event":"file","parts":[{"type":"file","name":NAME,"rawURL":LINK,"url":null}]} */
void attachment_line_for_link(struct attachment_line *line, const char *link);

void attachment_line_release(struct attachment_line *line); /* also for a zeroed struct */

/* How many results a line has: one for each part, and one for all beyond ATTACHMENT_PARTS_MAX. */
size_t attachment_results(const struct attachment_line *line);

/*
 * Appends the line with the results, without a newline. `thumbnails` may be NULL; its elements count where there is a
 * thumbnail.
 */
void attachment_write(struct buf *out, const struct attachment_line *line, const struct attachment_result *files,
	const struct attachment_result *thumbnails);

/* {"event":"error","line":N,"command":"fetch-links","status":"failed","error":{...}} */
void attachment_write_error(struct buf *out, int64_t number, const struct err *err);

void attachment_result_release(struct attachment_result *fetched); /* also for a zeroed struct */

#endif
