#include "listen/lock.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".listen"
#define WAIT_MS 15000

static int64_t holder_pid(struct store *store)
{
	char *path = store_path(store, SUFFIX);
	struct buf text;
	int64_t pid = 0;

	buf_init(&text, 64);
	if (!file_read(path, &text, NULL)) {
		buf_truncate(&text, strcspn(text.data, "\n"));
		if (!str_parse_int64(text.data, &pid) || pid < 2)
			pid = 0;
	}
	buf_release(&text);
	free(path);
	return pid;
}

static enum status write_pid(int fd, struct err *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%lld\n", (long long)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len)
		return err_set(err, ST_IO, "cannot write the listener's lock file: %s", strerror(errno));
	return ST_OK;
}

/* Children of a killed process keep its lock until they execute their program. */
static bool is_dead(int64_t pid)
{
	return pid && kill((pid_t)pid, 0) && errno == ESRCH;
}

enum status listen_lock(struct store *store, bool takeover, int *fd, struct err *err)
{
	enum status st = store_lock(store, SUFFIX, 0, fd, err);
	int64_t pid = 0;

	if (st == ST_TEMPFAIL) {
		pid = holder_pid(store);
		if (is_dead(pid))
			st = store_lock(store, SUFFIX, WAIT_MS, fd, err);
	}
	if (st == ST_TEMPFAIL) {
		if (!takeover)
			return err_set(err, ST_TEMPFAIL,
				"another listener of profile '%s' is running (process %lld); --takeover stops it",
				store_profile(store), (long long)pid);
		if (pid && !kill((pid_t)pid, SIGTERM))
			log_note("took over from process %lld", (long long)pid);
		st = store_lock(store, SUFFIX, WAIT_MS, fd, err);
	}
	if (st)
		return st;
	if ((st = write_pid(*fd, err))) {
		close(*fd);
		*fd = -1;
	}
	return st;
}
