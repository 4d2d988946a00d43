/*
 * input.h - reads drafts from the input of `send`: one message from its arguments and stdin, a message a line, or a
 * JSON object a line.
 */
#ifndef KANDY_SEND_INPUT_H
#define KANDY_SEND_INPUT_H

#include "base/lines.h"
#include "wire/draft.h"

enum input_form { INPUT_ONE, INPUT_LINES, INPUT_JSONL };

struct send_attachment {
	const char *path; /* NULL: the input is the attachment; once at most */
	const char *name, *mime_type; /* NULL: by the path; by the name */
};

/* A message as the command line describes it; everything is borrowed. */
struct send_args {
	const char *const *to;
	size_t to_count;
	const char *type; /* NULL: by the address */
	const char *message; /* NULL: the text is read from the input */
	bool skip_empty; /* a blank message without attachments is not sent */
	struct send_attachment *attachments;
	size_t attachment_count;
	const char *temp_dir; /* for an attachment that is read from the input */
};

struct send_input {
	enum input_form form;
	const struct send_args *args;
	int fd;
	struct lines lines;
	struct json_doc doc;
	struct draft *one; /* INPUT_ONE: until it is taken */
	bool ended; /* INPUT_ONE: also if there is nothing to send */
	int64_t size, consumed; /* bytes of the input: in total (-1: unknown), and read so far */
	bool terminal; /* the input is one */
	bool incomplete; /* send_input_remaining() has stopped early: a signal, or a read error */
};

/*
 * Prepares the input, and reads a single message completely. Checks all addresses and files of the arguments, so that
 * nothing is sent if one is wrong: ST_USAGE, ST_NOINPUT.
 */
enum status send_input_open(struct send_input *input, enum input_form form, const struct send_args *args, int fd,
	struct err *err) MUST_USE;
void send_input_close(struct send_input *input); /* also for a zeroed struct */

/*
 * The next draft in `*draft` (take it), or NULL if there is none yet, or, with input->ended, none any more. ST_IO if
 * the input cannot be read.
 */
enum status send_input_next(struct send_input *input, struct draft **draft, struct err *err) MUST_USE;

/* The part of the input that has been read, from 0 to 1; 0 also if that is unknown. */
double send_input_fraction(const struct send_input *input);

/* Waits for input or a signal: at most `wait_ms` (-1: no limit). */
enum status send_input_wait(int fd, int wait_ms, struct err *err) MUST_USE;

/*
 * The next line as it is; waits for it unless the input is a terminal. False at the end, or, with input->incomplete,
 * before it: after a signal, it reads only available input.
 */
bool send_input_remaining(struct send_input *input, const char **line, size_t *len);
bool send_input_remaining_blocks(const struct send_input *input); /* reading it may take long */

#endif
