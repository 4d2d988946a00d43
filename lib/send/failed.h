/*
 * failed.h - the file of --failed: the input lines that were not sent, for resubmission.
 */
#ifndef KANDY_SEND_FAILED_H
#define KANDY_SEND_FAILED_H

#include "send/queue.h"

struct failed_file;

/* Truncates the file, or creates it with mode 0600. ST_USAGE if it is the file that `input_fd` reads. */
enum status failed_open(struct failed_file **out, const char *path, int input_fd, struct err *err) MUST_USE;

/*
 * Records a result. After the last recipient of the draft, its line is written for those who did not get it. Does
 * nothing if `failed` is NULL.
 */
enum status failed_add_result(struct failed_file *failed, struct draft *draft, const struct send_result *result,
	struct err *err) MUST_USE;
enum status failed_add_line(struct failed_file *failed, const char *line, size_t len, struct err *err) MUST_USE;
const char *failed_path(const struct failed_file *failed);

/* Writes the buffered lines and frees it. ST_IO. NULL is fine. */
enum status failed_close(struct failed_file *failed, struct err *err) MUST_USE;

#endif
