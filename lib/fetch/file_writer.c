/* A ring buffer of blocks: the caller fills one block while the thread writes and hashes the queued ones. */
#include "fetch/file_writer.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BLOCK ((size_t)256 * 1024)
#define BLOCKS 8

#define READ_BLOCK ((size_t)64 * 1024)

/*
 * After this many bytes a flush to disk is started in the background, so that little is left for the final fsync(2).
 * Only one flush runs at a time: if the disk is slower than the network, dirty pages must not pile up, because a
 * signal would have to wait for them.
 */
#define FLUSH ((int64_t)32 << 20)

/* Jobs of the thread besides blocks: JOB_HASH_FOUND runs before all blocks, the others after the queued ones. */
enum job { JOB_NONE, JOB_HASH_FOUND, JOB_TRUNCATE, JOB_FINISH, JOB_QUIT };

struct file_writer {
	char *ring;

	/* used by the caller only */
	size_t filled; /* bytes in the block after the queued ones */
	int64_t size;

	/* shared, protected by the lock */
	pthread_mutex_t lock;
	pthread_cond_t work_ready, progress;
	size_t lengths[BLOCKS];
	size_t queued, written; /* block counts */
	enum job job;
	bool done;
	enum status status;
	struct err err;
	bool full; /* the failure: no more space, but all bytes in the file are good */

	/* used by the thread only, apart from `hex` */
	pthread_t thread;
	int fd, wake_fd;
	char *name;
	int64_t found;
	int64_t at, flushed; /* bytes written, and bytes whose flush has been started */
	struct aiocb flush;
	bool flushing;
	struct sha256 *digest;
	char hex[65];
};

static enum status fail(struct file_writer *w, const char *what, struct err *err)
{
	return err_set(err, ST_IO, "cannot %s '%s': %s", what, w->name, strerror(errno));
}

static enum status hash_found(struct file_writer *w, struct err *err)
{
	char block[READ_BLOCK];
	int64_t at = 0;

	while (at < w->found) {
		size_t want = w->found - at < (int64_t)sizeof(block) ? (size_t)(w->found - at) : sizeof(block);
		ssize_t n = pread(w->fd, block, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(w, "read", err);
		if (!n)
			return err_set(err, ST_IO, "cannot read '%s': the file was truncated meanwhile", w->name);
		crypto_sha256_update(w->digest, block, (size_t)n);
		at += n;
	}
	if (lseek(w->fd, w->found, SEEK_SET) < 0)
		return fail(w, "write", err);
	w->at = w->flushed = w->found;
	return ST_OK;
}

static enum status truncate_file(struct file_writer *w, struct err *err)
{
	crypto_sha256_free(w->digest);
	w->digest = NULL;
	if (lseek(w->fd, 0, SEEK_SET) < 0 || ftruncate(w->fd, 0))
		return fail(w, "write", err);
	w->at = w->flushed = 0;
	return crypto_sha256_new(&w->digest, err);
}

/* Its errors must be checked: Linux reports a failed write only once, and fsync(2) would not see it. */
static enum status end_flush(struct file_writer *w, struct err *err)
{
	const struct aiocb *const list[] = { &w->flush };
	int rc;

	if (!w->flushing)
		return ST_OK;
	while ((rc = aio_error(&w->flush)) == EINPROGRESS)
		(void)aio_suspend(list, 1, NULL);
	(void)aio_return(&w->flush);
	w->flushing = false;
	errno = rc;
	return rc ? fail(w, "write", err) : ST_OK;
}

static enum status begin_flush(struct file_writer *w, struct err *err)
{
	enum status st = end_flush(w, err);

	w->flush = (struct aiocb){ .aio_fildes = w->fd, .aio_sigevent.sigev_notify = SIGEV_NONE };
	w->flushing = !st && !aio_fsync(O_DSYNC, &w->flush); /* on failure, fsync(2) has more to do */
	w->flushed = w->at;
	return st;
}

static enum status write_block(struct file_writer *w, const char *block, size_t len, struct err *err)
{
	if (!file_write_all(w->fd, block, len)) {
		bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
		enum status st = fail(w, "write", err);
		struct err ignored = ERR_INIT;

		w->full = full && !end_flush(w, &ignored);
		return st;
	}
	w->at += (int64_t)len;
	crypto_sha256_update(w->digest, block, len);
	return w->at - w->flushed >= FLUSH ? begin_flush(w, err) : ST_OK;
}

static enum status finish(struct file_writer *w, struct err *err)
{
	enum status st = end_flush(w, err);

	if (st)
		return st;
	if (fsync(w->fd))
		return fail(w, "write", err);
	crypto_sha256_finish(w->digest, w->hex);
	w->digest = NULL;
	return ST_OK;
}

static enum status do_job(struct file_writer *w, enum job job, struct err *err)
{
	switch (job) {
	case JOB_HASH_FOUND: return hash_found(w, err);
	case JOB_TRUNCATE: return truncate_file(w, err);
	case JOB_FINISH: return finish(w, err);
	case JOB_NONE:
	case JOB_QUIT: break;
	}
	return ST_OK;
}

static char *block_at(const struct file_writer *w, size_t number)
{
	return w->ring + number % BLOCKS * BLOCK;
}

/* After a failure, blocks are only removed from the queue. */
static void *run(void *arg)
{
	struct file_writer *w = arg;
	struct err ignored = ERR_INIT;
	enum job job;

	pthread_mutex_lock(&w->lock);
	do {
		enum status st = w->status;
		struct err err = ERR_INIT;
		bool is_block;

		while (w->job == JOB_NONE && w->written == w->queued)
			pthread_cond_wait(&w->work_ready, &w->lock);
		job = w->job;
		is_block = w->written != w->queued && job != JOB_HASH_FOUND;
		pthread_mutex_unlock(&w->lock);
		if (!st && is_block)
			st = write_block(w, block_at(w, w->written), w->lengths[w->written % BLOCKS], &err);
		else if (!st)
			st = do_job(w, job, &err);
		pthread_mutex_lock(&w->lock);
		if (st && !w->status) {
			w->status = st;
			w->err = err;
		}
		if (is_block) {
			job = JOB_NONE;
			w->written++;
		} else {
			w->job = JOB_NONE;
			w->done = job == JOB_FINISH;
		}
		pthread_cond_signal(&w->progress);
		if (w->done)
			(void)eventfd_write(w->wake_fd, 1);
	} while (job != JOB_QUIT);
	pthread_mutex_unlock(&w->lock);
	(void)end_flush(w, &ignored);
	return NULL;
}

/* Queues the current block and waits for a free one. */
static enum status queue_block(struct file_writer *w, struct err *err)
{
	enum status st;

	if (!w->filled)
		return ST_OK;
	pthread_mutex_lock(&w->lock);
	w->lengths[w->queued % BLOCKS] = w->filled;
	w->queued++;
	w->filled = 0;
	pthread_cond_signal(&w->work_ready);
	while (w->queued - w->written == BLOCKS)
		pthread_cond_wait(&w->progress, &w->lock);
	st = w->status;
	if (st && err)
		*err = w->err;
	pthread_mutex_unlock(&w->lock);
	return st;
}

static void set_job(struct file_writer *w, enum job job)
{
	pthread_mutex_lock(&w->lock);
	while (w->job != JOB_NONE)
		pthread_cond_wait(&w->progress, &w->lock);
	w->job = job;
	pthread_cond_signal(&w->work_ready);
	pthread_mutex_unlock(&w->lock);
}

/* Signals are left to the other threads. */
static int start_thread(struct file_writer *w)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void release(struct file_writer *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work_ready);
	pthread_cond_destroy(&w->progress);
	crypto_sha256_free(w->digest);
	free(w->ring);
	free(w->name);
	free(w);
}

enum status file_writer_new(struct file_writer **out, int fd, const char *name, int64_t found, int wake_fd,
	struct err *err)
{
	struct file_writer *w = xcalloc(1, sizeof(*w));
	enum status st;
	int rc;

	w->ring = xmalloc(BLOCKS * BLOCK);
	w->name = xstrdup(name);
	w->fd = fd;
	w->wake_fd = wake_fd;
	w->size = w->found = found;
	w->job = found ? JOB_HASH_FOUND : JOB_NONE;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work_ready, NULL);
	pthread_cond_init(&w->progress, NULL);
	st = crypto_sha256_new(&w->digest, err);
	if (!st && (rc = start_thread(w)) != 0)
		st = err_set(err, ST_TEMPFAIL, "cannot start a thread: %s", strerror(rc));
	if (st)
		release(w);
	else
		*out = w;
	return st;
}

void file_writer_free(struct file_writer *w)
{
	if (!w)
		return;
	set_job(w, JOB_QUIT);
	pthread_join(w->thread, NULL);
	release(w);
}

enum status file_writer_add(struct file_writer *w, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	enum status st = ST_OK;

	while (len && !st) {
		size_t n = BLOCK - w->filled < len ? BLOCK - w->filled : len;

		memcpy(block_at(w, w->queued) + w->filled, p, n);
		w->filled += n;
		w->size += (int64_t)n;
		p += n;
		len -= n;
		if (w->filled == BLOCK)
			st = queue_block(w, err);
	}
	return st;
}

int64_t file_writer_size(const struct file_writer *w)
{
	return w->size;
}

enum status file_writer_drain(struct file_writer *w, struct err *err)
{
	enum status st = queue_block(w, err);

	pthread_mutex_lock(&w->lock);
	while (w->job != JOB_NONE || w->written != w->queued)
		pthread_cond_wait(&w->progress, &w->lock);
	if (!st && w->status) {
		st = w->status;
		*err = w->err;
	}
	pthread_mutex_unlock(&w->lock);
	return st;
}

enum status file_writer_truncate(struct file_writer *w, struct err *err)
{
	w->filled = 0;
	w->size = 0;
	set_job(w, JOB_TRUNCATE);
	return file_writer_drain(w, err);
}

bool file_writer_settle(struct file_writer *w)
{
	struct err ignored = ERR_INIT;

	return !file_writer_drain(w, &ignored) || w->full;
}

void file_writer_finish(struct file_writer *w)
{
	(void)queue_block(w, NULL);
	set_job(w, JOB_FINISH);
}

bool file_writer_is_done(struct file_writer *w)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = w->done;
	pthread_mutex_unlock(&w->lock);
	return done;
}

enum status file_writer_result(struct file_writer *w, char hex[static 65], struct err *err)
{
	enum status st;

	pthread_mutex_lock(&w->lock);
	st = w->status;
	if (st)
		*err = w->err;
	else
		memcpy(hex, w->hex, sizeof(w->hex));
	pthread_mutex_unlock(&w->lock);
	return st;
}
