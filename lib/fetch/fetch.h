/*
 * fetch.h - downloads the attachments of message lines: the gate of this room.
 *
 * Lines are queued until their files are complete and then printed, in input order unless `unordered`. Each attachment
 * becomes a download (download.h): partial file, resume, redirects under the rules of wire/link.h, limits, digest, and
 * a name in the output directory (download_dir.h) that cannot leave the directory or overwrite a file. The manifest
 * (manifest.h) records complete files, so that a later run can skip them. Failures end up in the printed lines; they
 * never stop the queue. The caller reads the input and decides when to stop.
 *
 *	fetch_queue_new(&queue, &config, &err);
 *	while (!done) {
 *		fetch_queue_add_line(queue, text, len, number);
 *		fetch_queue_print(queue, &err);
 *		fetch_queue_step(queue, wait_ms, input_fd, &err);
 *	}
 *	fetch_queue_result(queue, &err);
 *	client_free(client);
 *	fetch_queue_free(queue);
 */
#ifndef KANDY_FETCH_FETCH_H
#define KANDY_FETCH_FETCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_MANIFEST_DEFAULT ".kandy-fetched.jsonl" /* in the output directory; no attachment can have this name */

struct client;

struct fetch_config {
	struct client *client; /* borrowed */
	const char *output_dir; /* created if it is missing */
	const char *manifest; /* NULL: none, or the default one with `skip_existing` */
	const char *const *allow_hosts; /* HOST[:PORT] besides the configured origin */
	size_t allow_host_count;
	int64_t jobs; /* parallel downloads */
	bool unordered; /* print each line as soon as it is complete */
	bool thumbnails; /* download thumbnails, too */
	bool skip_existing; /* skip files that the manifest lists and that still exist */
	bool clobber; /* overwrite files of the same name */
	bool single; /* one link: its failure is not logged but returned by fetch_queue_result() */
	int64_t max_filesize, max_total; /* bytes; 0: no limit */
	int64_t max_time_ms; /* of one attempt; 0: no limit */
	/* an attempt slower than speed_limit bytes/s on average over speed_time_ms is aborted; 0: no limit */
	int64_t speed_limit, speed_time_ms;
	enum status (*print)(const char *line, size_t len,
		struct err *err); /* prints a line, which ends in a newline */
};

struct fetch_progress {
	size_t done, active; /* files */
	int64_t bytes;
};

struct fetch_queue;

/* Logs in if necessary and opens the directory and the manifest. ST_USAGE for an invalid host; ST_CANTCREATE. */
enum status fetch_queue_new(struct fetch_queue **out, const struct fetch_config *config, struct err *err) MUST_USE;
void fetch_queue_free(struct fetch_queue *queue); /* NULL is fine; after the client, which may still run transfers */

bool fetch_queue_is_full(const struct fetch_queue *queue); /* read no more input for now */
bool fetch_queue_is_empty(const struct fetch_queue *queue);

/* Adds line NUMBER of the input; a blank line is ignored, an invalid one becomes an error line. */
void fetch_queue_add_line(struct fetch_queue *queue, const char *text, size_t len, int64_t number);
void fetch_queue_add_bad_line(struct fetch_queue *queue, int64_t number, struct err *err); /* prefixes *err */
void fetch_queue_add_link(struct fetch_queue *queue, const char *link);

/* Advances the downloads; waits for at most `wait_ms`, or until `extra_fd` (-1: none) is readable. */
enum status fetch_queue_step(struct fetch_queue *queue, int wait_ms, int extra_fd, struct err *err) MUST_USE;
void fetch_queue_stop(struct fetch_queue *queue, const struct err *why); /* fails all that is not complete */

/* Prints complete lines up to the first incomplete one; with `unordered`, all complete lines. */
enum status fetch_queue_print(struct fetch_queue *queue, struct err *err) MUST_USE;

struct fetch_progress fetch_queue_progress(const struct fetch_queue *queue);

/* The status of the run: ST_PARTIAL if a download failed, or that of the first failure to write the manifest. */
enum status fetch_queue_result(const struct fetch_queue *queue, struct err *err) MUST_USE;

#endif
