#include "cmd/send_input.h"

#include "send/queue.h"
#include "wire/message.h"
#include "wire/mime.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTHING "there is nothing to send; give -m TEXT, -a FILE, or the text on stdin"

/* ---- one message ----------------------------------------------------------------------------------------------- */

/*
 * The whole of stdin as text. One newline at the end is taken off, since it ends the last line and is no part of what
 * was said (`echo hello | kandy send` sends "hello"); those before it stay.
 */
static enum status read_text(struct draft *draft, struct err *err)
{
	struct buf text;
	enum status st;

	buf_init(&text, DRAFT_TEXT_MAX);
	st = file_read_stream(STDIN_FILENO, "the text on stdin", &text, err);
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

static enum status copy_stdin(int fd, struct err *err)
{
	char block[64 * 1024];

	for (;;) {
		ssize_t n = interrupt_read(STDIN_FILENO, block, sizeof(block));

		if (n == 0)
			return ST_OK;
		if (n < 0 && interrupt_status())
			return err_set(err, interrupt_status(), "interrupted");
		if (n < 0)
			return err_set(err, ST_IO, "cannot read stdin: %s", strerror(errno));
		if (!file_write_all(fd, block, (size_t)n))
			return err_set(err, ST_IO, "cannot keep what stdin brings in a temporary file: %s",
				strerror(errno));
	}
}

/* An upload must know its size, and be repeatable: a stream is kept in a file without a name first. */
static enum status open_stream(int *out, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	enum status st;
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp"; /* where large files may be: /tmp is memory on many systems */
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) { /* a file system without O_TMPFILE */
		char *path = xasprintf("%s/kandy.XXXXXX", dir);

		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
		free(path);
	}
	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot create a temporary file in '%s': %s", dir, strerror(errno));
	if ((st = copy_stdin(fd, err))) {
		close(fd);
		return st;
	}
	*out = fd;
	return ST_OK;
}

static bool is_stream(const char *path)
{
	return !strcmp(path, "-");
}

static enum status check_names(const struct send_args *words, size_t *named, struct err *err)
{
	size_t streams = 0;

	*named = 0;
	for (size_t i = 0; i < words->attach.count; i++) {
		if (is_stream(words->attach.items[i])) {
			streams++;
			*named = i;
		}
	}
	if (streams > 1)
		return err_set(err, ST_USAGE, "stdin can be attached once");
	if (streams && !words->name)
		return err_set(err, ST_USAGE, "'-a -' needs --name NAME: what is the attachment to be called?");
	if ((words->name || words->mime_type) && !streams && words->attach.count != 1)
		return err_set(err, ST_USAGE, "%s goes with one attachment, or with '-a -'",
			words->name ? "--name" : "--mime-type");
	if (words->name && (!*words->name || strchr(words->name, '/')))
		return err_set(err, ST_USAGE, "--name '%s' is no file name", words->name);
	if (words->mime_type && !mime_valid(words->mime_type))
		return err_set(err, ST_USAGE, "--mime-type '%s' is none; it reads type/subtype", words->mime_type);
	return ST_OK;
}

/* All files are looked at before stdin is read, and before anything is sent. */
static enum status add_files(struct draft *draft, const struct send_args *words, struct err *err)
{
	struct stat info;
	size_t named;
	enum status st = check_names(words, &named, err);

	for (size_t i = 0; !st && i < words->attach.count; i++) {
		bool mine = i == named;

		st = draft_add_path(draft, words->attach.items[i], mine ? words->name : NULL,
			mine ? words->mime_type : NULL, err);
		if (!st && !is_stream(words->attach.items[i]))
			st = send_check_file(&draft->files[i], &info, err);
	}
	for (size_t i = 0; !st && i < draft->file_count; i++) {
		struct draft_file *file = &draft->files[i];

		if (!is_stream(file->path))
			continue;
		free(file->path);
		file->path = NULL;
		st = open_stream(&file->fd, err);
	}
	return st;
}

static enum status add_recipients(struct draft *draft, const struct send_args *words, struct err *err)
{
	for (size_t i = 0; i < words->to.count; i++) {
		if (draft_add_to(draft, words->to.items[i], words->type, err)) {
			err->status = ST_USAGE;
			return ST_USAGE;
		}
	}
	if (!draft->to_count)
		return err_set(err, ST_USAGE, "nobody to send to; give -t ADDRESS");
	return ST_OK;
}

static bool attaches_stdin(const struct send_args *words)
{
	for (size_t i = 0; i < words->attach.count; i++) {
		if (is_stream(words->attach.items[i]))
			return true;
	}
	return false;
}

static enum status make_one(struct send_input *input, const struct send_args *words, struct err *err)
{
	struct draft *draft = input->one;
	bool terminal = isatty(STDIN_FILENO);
	enum status st;

	if ((st = add_recipients(draft, words, err)) || (st = add_files(draft, words, err)) ||
		(st = draft_check(draft, err)))
		return st;
	if (words->message) {
		draft_set_text(draft, words->message, strlen(words->message));
	} else if (!attaches_stdin(words) && !(terminal && draft->file_count)) {
		if (terminal)
			log_note("reading the text from the terminal; ^D ends it");
		if ((st = read_text(draft, err)))
			return st;
	}
	input->ended = words->skip_empty && !draft->file_count && !draft->text[strspn(draft->text, " \t\r\n")];
	return *draft->text || draft->file_count || input->ended ? ST_OK : err_set(err, ST_USAGE, NOTHING);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* Addresses and files are the same for every line: wrong ones are found before the first. */
static enum status check_lines(const struct send_args *words, struct err *err)
{
	struct draft *draft = draft_new();
	enum status st = add_recipients(draft, words, err);

	if (!st && attaches_stdin(words))
		st = err_set(err, ST_USAGE, "stdin cannot bring the lines and an attachment at once");
	if (!st)
		st = add_files(draft, words, err);
	if (!st)
		st = draft_check(draft, err);
	draft_free(draft);
	return st;
}

static enum status check_jsonl(const struct send_args *words, struct err *err)
{
	struct draft *draft = draft_new();
	enum status st = words->to.count ? add_recipients(draft, words, err) : ST_OK;

	draft_free(draft);
	if (!st && (words->attach.count || words->name || words->mime_type))
		return err_set(err, ST_USAGE, "with --jsonl, each line names its own files");
	return st;
}

static struct draft *from_line(const struct send_input *input, const char *line, size_t len)
{
	struct draft *draft = draft_new();
	size_t text = len && line[len - 1] == '\r' ? len - 1 : len;

	draft->bad.status = add_recipients(draft, input->words, &draft->bad);
	if (!draft->bad.status)
		draft->bad.status = add_files(draft, input->words, &draft->bad);
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

	err_set(&draft->bad, ST_DATA, "it is longer than %zu bytes", DRAFT_TEXT_MAX);
	return draft;
}

enum status send_input_next(struct send_input *input, struct draft **draft, struct err *err)
{
	struct draft_defaults defaults = {
		.to = input->words->to.items, .to_count = input->words->to.count, .type = input->words->type
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

double send_input_read(const struct send_input *input)
{
	if (input->ended)
		return 1;
	return input->size > 0 ? (double)input->consumed / (double)input->size : 0;
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
		/* nobody else wants the time, but a signal does; what is there is read all the same */
		lines->polled = input->terminal || interrupt_status();
		lines->read = lines->polled ? read : interrupt_read;
		result = lines_next(lines, &at, len);
	} while (result == LINES_TOO_LONG || (result == LINES_AGAIN && !lines->polled));
	input->cut = result == LINES_ERROR || (result == LINES_AGAIN && !input->terminal);
	*line = at;
	input->ended = result != LINES_LINE;
	return !input->ended;
}

enum status send_input_open(struct send_input *input, enum send_form form, const struct send_args *words,
	struct err *err)
{
	struct stat st;
	enum status status;

	*input = (struct send_input){ .form = form, .words = words, .size = -1 };
	if (form == INPUT_ONE) {
		input->one = draft_new();
		return make_one(input, words, err);
	}
	if ((status = form == INPUT_LINES ? check_lines(words, err) : check_jsonl(words, err)))
		return status;
	lines_init(&input->lines, STDIN_FILENO, DRAFT_TEXT_MAX);
	input->lines.polled = true;
	if (!fstat(STDIN_FILENO, &st) && S_ISREG(st.st_mode))
		input->size = st.st_size;
	else if ((input->terminal = isatty(STDIN_FILENO)))
		log_note("reading lines from the terminal; ^D ends them");
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
