#include "send/failed.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_BYTES ((size_t)64 * 1024)

struct failed_file {
	char *path;
	int fd;
	struct buf out;
	struct json_doc doc;
};

enum status failed_open(struct failed_file **out, const char *path, int input_fd, struct err *err)
{
	struct failed_file *failed;
	struct stat mine, input;
	enum status st;
	int fd;

	if ((st = file_open_output(path, 0, &fd, err)))
		return st;
	if (fstat(fd, &mine)) {
		st = err_set(err, ST_CANTCREATE, "cannot open '%s': %s", path, strerror(errno));
		close(fd);
		return st;
	}
	if (!fstat(input_fd, &input) && S_ISREG(input.st_mode) && input.st_dev == mine.st_dev &&
		input.st_ino == mine.st_ino) {
		close(fd);
		return err_set(err, ST_USAGE, "invalid --failed '%s': it is the input file", path);
	}
	if (S_ISREG(mine.st_mode) && ftruncate(fd, 0)) {
		err_set(err, ST_IO, "cannot truncate '%s': %s", path, strerror(errno));
		close(fd);
		return ST_IO;
	}
	failed = xcalloc(1, sizeof(*failed));
	failed->path = xstrdup(path);
	failed->fd = fd;
	buf_init(&failed->out, BUF_NO_MAX);
	*out = failed;
	return ST_OK;
}

static enum status flush(struct failed_file *failed, size_t least, struct err *err)
{
	bool ok = failed->out.len < least || file_write_all(failed->fd, failed->out.data, failed->out.len);

	if (failed->out.len >= least)
		buf_clear(&failed->out);
	return ok ? ST_OK : err_set(err, ST_IO, "cannot write '%s': %s", failed->path, strerror(errno));
}

enum status failed_add_line(struct failed_file *failed, const char *line, size_t len, struct err *err)
{
	buf_add(&failed->out, line, len);
	buf_addc(&failed->out, '\n');
	return flush(failed, BATCH_BYTES, err);
}

enum status failed_add_result(struct failed_file *failed, struct draft *draft, const struct send_result *result,
	struct err *err)
{
	size_t count = draft->to_count ? draft->to_count : 1;

	if (!failed || !draft->source)
		return ST_OK;
	if (result->outcome == OUTCOME_FAILED || result->outcome == OUTCOME_BLOCKED) {
		if (!draft->unsent)
			draft->unsent = xcalloc(count, sizeof(*draft->unsent));
		draft->unsent[result->to ? result->to - draft->to : 0] = true;
	}
	if (++draft->results < count || !draft->unsent)
		return ST_OK;
	draft_write_line(draft, &failed->doc, draft->unsent, &failed->out);
	buf_addc(&failed->out, '\n');
	return flush(failed, BATCH_BYTES, err);
}

const char *failed_path(const struct failed_file *failed)
{
	return failed->path;
}

enum status failed_close(struct failed_file *failed, struct err *err)
{
	enum status st;

	if (!failed)
		return ST_OK;
	st = flush(failed, 1, err);
	if (close(failed->fd) && !st)
		st = err_set(err, ST_IO, "cannot write '%s': %s", failed->path, strerror(errno));
	buf_release(&failed->out);
	json_release(&failed->doc);
	free(failed->path);
	free(failed);
	return st;
}
