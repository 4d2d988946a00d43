/*
 * send_progress.h - the progress line on stderr, if that is a terminal.
 */
#ifndef KANDY_CMD_SEND_PROGRESS_H
#define KANDY_CMD_SEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#define SEND_PROGRESS_AFTER_MS 1000 /* shorter work shows nothing */

struct send_progress {
	bool on, shown;
	int64_t began_ms, drawn_ms; /* clock_mono_ms() */
	int64_t upload_began_ms; /* 0: none */
};

void send_progress_init(struct send_progress *progress, bool quiet);
bool send_progress_shown(const struct send_progress *progress);

/* An upload; total < 0: it ended. */
void send_progress_upload(struct send_progress *progress, const char *name, int64_t sent, int64_t total);

/*
 * A batch: sent, failed, rate, and the remaining time if the fraction of the input that was `read` is known (else 0).
 * `pending` messages were read and have no result yet.
 */
void send_progress_batch(struct send_progress *progress, int64_t sent, int64_t lost, int64_t pending, double read);

#endif
