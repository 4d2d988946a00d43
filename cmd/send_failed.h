/*
 * send_failed.h - the file of --failed: input lines that were not sent, as they can be fed in again.
 */
#ifndef KANDY_CMD_SEND_FAILED_H
#define KANDY_CMD_SEND_FAILED_H

#include "send/queue.h"

struct send_failed;

/* Empties the file (0600 if it is new). ST_USAGE if it is what stdin reads from. */
enum status send_failed_open(struct send_failed **out, const char *path, struct err *err) MUST_USE;

/*
 * Notes a result; after the last recipient of the draft, its line is written for those who did not get it. NULL
 * `failed`: nothing.
 */
enum status send_failed_note(struct send_failed *failed, const struct draft *draft, const struct send_result *result,
	struct err *err) MUST_USE;
enum status send_failed_line(struct send_failed *failed, const char *line, size_t len, struct err *err) MUST_USE;

/* Writes what is left; frees. ST_IO. NULL `failed`: nothing. */
enum status send_failed_close(struct send_failed *failed, struct err *err) MUST_USE;

#endif
