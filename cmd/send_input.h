/*
 * send_input.h - what `send` reads: one message from options and stdin, lines, or lines of JSON, as drafts of the
 * queue.
 */
#ifndef KANDY_CMD_SEND_INPUT_H
#define KANDY_CMD_SEND_INPUT_H

#include "wire/draft.h"
#include "base/lines.h"
#include "cli/cli.h"

enum send_form { INPUT_ONE, INPUT_LINES, INPUT_JSONL };

/* What the options say of a message; everything is borrowed. */
struct send_args {
	struct str_list to; /* operands included */
	const char *type; /* NULL: by the address */
	const char *message; /* NULL: from stdin */
	bool skip_empty; /* a message of white space is none */
	struct str_list attach;
	const char *name, *mime_type;
};

struct send_input {
	enum send_form form;
	const struct send_args *words;
	struct lines lines;
	struct json_doc doc;
	struct draft *one; /* INPUT_ONE: until it is handed over */
	bool ended; /* INPUT_ONE: also if there is none */
	int64_t size, consumed; /* bytes of stdin: in all (-1: unknown), and read so far */
	bool terminal; /* stdin is one */
	bool cut; /* send_input_remaining() has ended before the end: by a signal, or since stdin cannot be read */
};

/*
 * Gets ready, and reads a message that is to come from stdin whole. Addresses and files of the options are checked
 * here, all of them, so that nothing is sent if one is wrong: ST_USAGE, ST_NOINPUT.
 */
enum status send_input_open(struct send_input *input, enum send_form form, const struct send_args *words,
	struct err *err) MUST_USE;
void send_input_close(struct send_input *input); /* also for a zeroed struct */

/*
 * The next draft in `*draft` (take it), or NULL where there is none now or, with input->ended, none any more. ST_IO if
 * stdin cannot be read.
 */
enum status send_input_next(struct send_input *input, struct draft **draft, struct err *err) MUST_USE;

/* Which part of it has been read, 0 to 1; 0 also where that is not known. */
double send_input_read(const struct send_input *input);

/*
 * The next line as it is, for what is not sent; waits for it, unless stdin is a terminal. False at the end, or with
 * input->cut before it: after a signal, only what is there is read.
 */
bool send_input_remaining(struct send_input *input, const char **line, size_t *len);
bool send_input_remaining_blocks(const struct send_input *input); /* it may keep one waiting for long */

#endif
