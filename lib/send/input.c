#include "send/input.h"

#include "send/queue.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one message ----------------------------------------------------------------------------------------------- */

/*
 * The whole input as text. The newline that ends the last line is not part of the text (`echo hello | kandy send`
 * sends "hello"); earlier ones are.
 */
static enum status read_text(int fd, struct draft *draft, struct err *err)
{
	struct buf text;
	enum status st;

	buf_init(&text, DRAFT_TEXT_MAX);
	st = file_read_stream(fd, "the text on stdin", &text, err);
	if (!st) {
		if (text.len && text.data[text.len - 1] == '\n')
			buf_truncate(&text, text.len - 1);
		if (text.len && text.data[text.len - 1] == '\r')
			buf_truncate(&text, text.len - 1);
		draft_set_text(draft, text.data, text.len);
	}
	buf_release(&text);
	return st;
}

static enum status copy_input(int from, int to, struct err *err)
{
	char block[64 * 1024];

	for (;;) {
		ssize_t n = interrupt_read(from, block, sizeof(block));

		if (n == 0)
			return ST_OK;
		if (n < 0 && interrupt_status())
			return err_set(err, interrupt_status(), "interrupted");
		if (n < 0)
			return err_set(err, ST_IO, "cannot read stdin: %s", strerror(errno));
		if (!file_write_all(to, block, (size_t)n))
			return err_set(err, ST_IO, "cannot write the temporary copy of stdin: %s", strerror(errno));
	}
}

/* The size of an upload must be known, and it must be repeatable: a stream is copied to an unnamed file first. */
static enum status copy_stream(int from, const char *dir, int *out, struct err *err)
{
	int fd = file_open_temp(dir);
	enum status st;

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot create a temporary file in '%s': %s", dir, strerror(errno));
	if ((st = copy_input(from, fd, err))) {
		close(fd);
		return st;
	}
	*out = fd;
	return ST_OK;
}

/* All files are checked before the input is read and before anything is sent. */
static enum status add_files(struct draft *draft, const struct send_args *args, int fd, struct err *err)
{
	enum status st = ST_OK;
	struct stat info;

	for (size_t i = 0; !st && i < args->attachment_count; i++) {
		const struct send_attachment *file = &args->attachments[i];

		st = draft_add_path(draft, file->path ? file->path : "-", file->name, file->mime_type, err);
		if (!st && fd >= 0 && file->path)
			st = send_check_file(&draft->files[i], &info, err);
	}
	for (size_t i = 0; !st && i < args->attachment_count; i++) {
		if (args->attachments[i].path)
			continue;
		free(draft->files[i].path);
		draft->files[i].path = NULL;
		st = copy_stream(fd, args->temp_dir, &draft->files[i].fd, err);
	}
	return st;
}

static enum status add_recipients(struct draft *draft, const struct send_args *args, struct err *err)
{
	for (size_t i = 0; i < args->to_count; i++) {
		if (draft_add_to(draft, args->to[i], args->type, err)) {
			err->status = ST_USAGE;
			return ST_USAGE;
		}
	}
	return ST_OK;
}

static bool attaches_input(const struct send_args *args)
{
	for (size_t i = 0; i < args->attachment_count; i++) {
		if (!args->attachments[i].path)
			return true;
	}
	return false;
}

static enum status make_one(struct send_input *input, struct err *err)
{
	const struct send_args *args = input->args;
	struct draft *draft = input->one = draft_new();
	bool terminal = isatty(input->fd);
	enum status st;

	if ((st = add_recipients(draft, args, err)) || (st = add_files(draft, args, input->fd, err)) ||
		(st = draft_check(draft, err)))
		return st;
	if (args->message) {
		draft_set_text(draft, args->message, strlen(args->message));
	} else if (!attaches_input(args) && !(terminal && draft->file_count)) {
		if (terminal)
			log_note("reading the text from the terminal; press ^D to end it");
		if ((st = read_text(input->fd, draft, err)))
			return st;
	}
	input->ended = args->skip_empty && !draft->file_count && !draft->text[strspn(draft->text, " \t\r\n")];
	if (*draft->text || draft->file_count || input->ended)
		return ST_OK;
	return err_set(err, ST_USAGE, "nothing to send; use -m TEXT or -a FILE, or write the text to stdin");
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* Addresses and files of the arguments are the same for every line: they are checked before the first one. */
static enum status check_args(const struct send_input *input, struct err *err)
{
	struct draft *draft = draft_new();
	enum status st = add_recipients(draft, input->args, err);

	if (!st)
		st = add_files(draft, input->args, input->fd, err);
	if (!st && input->form == INPUT_LINES)
		st = draft_check(draft, err);
	draft_free(draft);
	return st;
}

static struct draft *from_line(const struct send_input *input, const char *line, size_t len)
{
	struct draft *draft = draft_new();
	size_t text = len && line[len - 1] == '\r' ? len - 1 : len;

	draft->bad.status = add_recipients(draft, input->args, &draft->bad);
	if (!draft->bad.status)
		draft->bad.status = add_files(draft, input->args, -1, &draft->bad);
	draft_set_text(draft, line, text);
	draft->source = xmemdup0(line, len);
	draft->source_len = len;
	return draft;
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(" \t\r", line[i]) || !line[i])
			return false;
	}
	return true;
}

static struct draft *too_long(void)
{
	struct draft *draft = draft_new();

	err_set(&draft->bad, ST_DATA, "the line is longer than %zu bytes", DRAFT_TEXT_MAX);
	return draft;
}

enum status send_input_next(struct send_input *input, struct draft **draft, struct err *err)
{
	struct draft_defaults defaults = {
		.to = input->args->to, .to_count = input->args->to_count, .type = input->args->type
	};
	char *line;
	size_t len;

	*draft = NULL;
	if (input->form == INPUT_ONE) {
		*draft = input->one;
		input->one = NULL;
		input->ended = true;
		return ST_OK;
	}
	while (!input->ended && !*draft) {
		switch (lines_next(&input->lines, &line, &len)) {
		case LINES_LINE:
			input->consumed += (int64_t)len + 1;
			if (is_blank(line, len))
				continue;
			*draft = input->form == INPUT_JSONL ? draft_from_json(&input->doc, line, len, &defaults)
							    : from_line(input, line, len);
			break;
		case LINES_TOO_LONG: *draft = too_long(); break;
		case LINES_AGAIN: return ST_OK;
		case LINES_END: input->ended = true; return ST_OK;
		case LINES_ERROR: return err_set(err, ST_IO, "cannot read stdin: %s", strerror(errno));
		}
	}
	if (*draft)
		(*draft)->line = input->lines.number;
	return ST_OK;
}

double send_input_fraction(const struct send_input *input)
{
	if (input->ended)
		return 1;
	return input->size > 0 ? (double)input->consumed / (double)input->size : 0;
}

enum status send_input_wait(int fd, int wait_ms, struct err *err)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };
	enum status st;

	(void)poll(fds, 2, wait_ms);
	st = interrupt_status();
	return st ? err_set(err, st, "interrupted") : ST_OK;
}

bool send_input_remaining_blocks(const struct send_input *input)
{
	return input->form != INPUT_ONE && !input->ended && !input->terminal && input->size < 0 && !interrupt_status();
}

bool send_input_remaining(struct send_input *input, const char **line, size_t *len)
{
	struct lines *lines = &input->lines;
	enum lines_result result;
	char *at;

	if (input->form == INPUT_ONE || input->ended)
		return false;
	do {
		/* block until a signal arrives; after it, read only available input */
		lines->polled = input->terminal || interrupt_status();
		lines->read = lines->polled ? read : interrupt_read;
		result = lines_next(lines, &at, len);
	} while (result == LINES_TOO_LONG || (result == LINES_AGAIN && !lines->polled));
	input->incomplete = result == LINES_ERROR || (result == LINES_AGAIN && !input->terminal);
	*line = at;
	input->ended = result != LINES_LINE;
	return !input->ended;
}

enum status send_input_open(struct send_input *input, enum input_form form, const struct send_args *args, int fd,
	struct err *err)
{
	struct stat info;
	enum status st;

	*input = (struct send_input){ .form = form, .args = args, .fd = fd, .size = -1 };
	if (form == INPUT_ONE)
		return make_one(input, err);
	if ((st = check_args(input, err)))
		return st;
	lines_init(&input->lines, fd, DRAFT_TEXT_MAX);
	input->lines.polled = true;
	if (!fstat(fd, &info) && S_ISREG(info.st_mode))
		input->size = info.st_size;
	else if ((input->terminal = isatty(fd)))
		log_note("reading lines from the terminal; press ^D to end them");
	return ST_OK;
}

void send_input_close(struct send_input *input)
{
	draft_free(input->one);
	if (input->lines.max)
		lines_release(&input->lines);
	json_release(&input->doc);
	*input = (struct send_input){ 0 };
}
