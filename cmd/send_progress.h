/*
 * send_progress.h - how far it is, on a terminal: one line on stderr that is redrawn.
 */
#ifndef KANDY_CMD_SEND_PROGRESS_H
#define KANDY_CMD_SEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define SEND_PROGRESS_AFTER_MS 1000 /* what is done sooner needs no line */

struct send_progress {
	bool on, shown;
	int64_t began_ms, drawn_ms; /* clock_mono_ms() */
	int64_t upload_began_ms; /* 0: none is under way */
};

void send_progress_init(struct send_progress *progress, bool quiet);
bool send_progress_shown(const struct send_progress *progress);

/* An upload; total < 0: it has ended. */
void send_progress_upload(struct send_progress *progress, const char *name, int64_t sent, int64_t total);

/*
 * A batch: done, failed, rate; and how long it will take, where it is known which part of the input has been `read` (0
 * to 1; else 0). `waiting` are those that were read and are not done.
 */
void send_progress_batch(struct send_progress *progress, int64_t sent, int64_t lost, int64_t waiting, double read);

#endif
