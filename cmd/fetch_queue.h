/*
 * fetch_queue.h - the lines of `kandy fetch-links` on their way: each waits until its files are there, and is printed
 * in its turn.
 *
 * The owner fills in the settings and what is borrowed, then calls fetch_queue_init(). Lines are added as they are
 * read; what cannot be used becomes an error line. fetch_queue_print() prints what is ready.
 */
#ifndef KANDY_CMD_FETCH_QUEUE_H
#define KANDY_CMD_FETCH_QUEUE_H

#include "fetch/download.h"
#include "fetch/download_dir.h"
#include "fetch/manifest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch_item; /* a line */

struct fetch_queue {
	/* borrowed */
	struct download_set *downloads;
	const struct download_dir *dir;
	struct manifest *manifest; /* gets an entry for each file; NULL: none */
	/* settings */
	bool unordered; /* print what is ready, whatever came before it */
	bool thumbnails; /* fetch them, too */
	bool skip_existing; /* what the manifest has, and the inbox still has, is not fetched */
	bool silent; /* failures are not logged: there is one, and it is the command's own */

	size_t files_done, failures;
	struct err last_failure;
	enum status manifest_status; /* of the first entry that could not be written, which was logged */

	struct fetch_item *items, **items_end;
	size_t waiting_lines, waiting_bytes, waiting_parts;
};

void fetch_queue_init(struct fetch_queue *q);
void fetch_queue_release(struct fetch_queue *q); /* its downloads must have ended */

bool fetch_queue_full(const struct fetch_queue *q); /* enough waits: read no more for now */

/* Line NUMBER of the input; a blank one is passed over. */
void fetch_queue_add_line(struct fetch_queue *q, const char *text, size_t len, int64_t number);
void fetch_queue_add_bad_line(struct fetch_queue *q, int64_t number, struct err *err); /* *err gets its prefix */
void fetch_queue_add_link(struct fetch_queue *q, const char *link);

/* Prints what is complete, up to the first line that is not; with `unordered` also behind it. */
enum status fetch_queue_print(struct fetch_queue *q, struct err *err) MUST_USE;

#endif
