/*
 * A ring of blocks: the caller fills one while the thread writes and digests those that were handed over before, so
 * that neither stops as long as the other is only a little late. A block is the caller's again when it is written.
 */
#include "fetch/saver.h"

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

#define DIGEST_BLOCK ((size_t)64 * 1024) /* of what is there already */

/*
 * So much is written before it is flushed to the disk, while the next comes in: at the end there is little left for
 * fsync(2) to wait for. There is one flush at a time: where the disk is slower than the network, nothing is won by
 * bytes that pile up in memory, and a signal would wait for them all.
 */
#define FLUSH ((int64_t)32 << 20)

/* What the thread does beside blocks: JOB_FOUND before all of them, the others when all are written. */
enum job { JOB_NONE, JOB_FOUND, JOB_RESTART, JOB_FINISH, JOB_QUIT };

struct saver {
	char *ring;

	/* the caller's */
	size_t filled; /* of the block behind those that were handed over */
	int64_t size;

	/* both sides', under the lock */
	pthread_mutex_t lock;
	pthread_cond_t to_do, progress;
	size_t lengths[BLOCKS];
	size_t handed, written; /* blocks so far; those between are the thread's */
	enum job job;
	bool done;
	enum status status;
	struct err err;

	/* the thread's */
	pthread_t thread;
	int fd, wake_fd;
	char *name;
	int64_t found;
	int64_t at, flushed; /* bytes in the file; and of them on their way to the disk */
	struct aiocb flush;
	bool flushing;
	struct sha256 *digest;
	char hex[65];
};

static enum status fail(struct saver *s, const char *what, struct err *err)
{
	return err_set(err, ST_IO, "cannot %s '%s': %s", what, s->name, strerror(errno));
}

static enum status digest_found(struct saver *s, struct err *err)
{
	char block[DIGEST_BLOCK];
	int64_t at = 0;

	while (at < s->found) {
		size_t want = s->found - at < (int64_t)sizeof(block) ? (size_t)(s->found - at) : sizeof(block);
		ssize_t n = pread(s->fd, block, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(s, "read", err);
		if (!n)
			return err_set(err, ST_IO, "'%s' became shorter while it was read", s->name);
		sha256_update(s->digest, block, (size_t)n);
		at += n;
	}
	if (lseek(s->fd, s->found, SEEK_SET) < 0)
		return fail(s, "write", err);
	s->at = s->flushed = s->found;
	return ST_OK;
}

static enum status restart(struct saver *s, struct err *err)
{
	sha256_free(s->digest);
	s->digest = NULL;
	if (lseek(s->fd, 0, SEEK_SET) < 0 || ftruncate(s->fd, 0))
		return fail(s, "write", err);
	s->at = s->flushed = 0;
	return sha256_new(&s->digest, err);
}

/* Its errors count: Linux names the failure of a write once, and fsync(2) would not have it any more. */
static enum status end_flush(struct saver *s, struct err *err)
{
	const struct aiocb *const list[] = { &s->flush };
	int rc;

	if (!s->flushing)
		return ST_OK;
	while ((rc = aio_error(&s->flush)) == EINPROGRESS)
		(void)aio_suspend(list, 1, NULL);
	(void)aio_return(&s->flush);
	s->flushing = false;
	errno = rc;
	return rc ? fail(s, "write", err) : ST_OK;
}

static enum status begin_flush(struct saver *s, struct err *err)
{
	enum status st = end_flush(s, err);

	s->flush = (struct aiocb){ .aio_fildes = s->fd, .aio_sigevent.sigev_notify = SIGEV_NONE };
	s->flushing = !st && !aio_fsync(O_DSYNC, &s->flush); /* if it cannot be had, fsync(2) has more to do */
	s->flushed = s->at;
	return st;
}

static enum status write_block(struct saver *s, const char *block, size_t len, struct err *err)
{
	if (!write_full(s->fd, block, len))
		return fail(s, "write", err);
	s->at += (int64_t)len;
	sha256_update(s->digest, block, len);
	return s->at - s->flushed >= FLUSH ? begin_flush(s, err) : ST_OK;
}

static enum status finish(struct saver *s, struct err *err)
{
	enum status st = end_flush(s, err);

	if (st)
		return st;
	if (fsync(s->fd))
		return fail(s, "write", err);
	sha256_finish(s->digest, s->hex);
	s->digest = NULL;
	return ST_OK;
}

static enum status do_job(struct saver *s, enum job job, struct err *err)
{
	switch (job) {
	case JOB_FOUND: return digest_found(s, err);
	case JOB_RESTART: return restart(s, err);
	case JOB_FINISH: return finish(s, err);
	case JOB_NONE:
	case JOB_QUIT: break;
	}
	return ST_OK;
}

static char *block_at(const struct saver *s, size_t number)
{
	return s->ring + number % BLOCKS * BLOCK;
}

/* After a failure what comes is only taken. */
static void *run(void *arg)
{
	struct saver *s = arg;
	struct err unheard = ERR_INIT;
	enum job job;

	pthread_mutex_lock(&s->lock);
	do {
		enum status st = s->status;
		struct err err = ERR_INIT;
		bool is_block;

		while (s->job == JOB_NONE && s->written == s->handed)
			pthread_cond_wait(&s->to_do, &s->lock);
		job = s->job;
		is_block = s->written != s->handed && job != JOB_FOUND;
		pthread_mutex_unlock(&s->lock);
		if (!st && is_block)
			st = write_block(s, block_at(s, s->written), s->lengths[s->written % BLOCKS], &err);
		else if (!st)
			st = do_job(s, job, &err);
		pthread_mutex_lock(&s->lock);
		if (st && !s->status) {
			s->status = st;
			s->err = err;
		}
		if (is_block) {
			job = JOB_NONE;
			s->written++;
		} else {
			s->job = JOB_NONE;
			s->done = job == JOB_FINISH;
		}
		pthread_cond_signal(&s->progress);
		if (s->done)
			(void)eventfd_write(s->wake_fd, 1);
	} while (job != JOB_QUIT);
	pthread_mutex_unlock(&s->lock);
	(void)end_flush(s, &unheard);
	return NULL;
}

/* Hands over what is in the block, and waits until there is another. */
static enum status hand_over(struct saver *s, struct err *err)
{
	enum status st;

	if (!s->filled)
		return ST_OK;
	pthread_mutex_lock(&s->lock);
	s->lengths[s->handed % BLOCKS] = s->filled;
	s->handed++;
	s->filled = 0;
	pthread_cond_signal(&s->to_do);
	while (s->handed - s->written == BLOCKS)
		pthread_cond_wait(&s->progress, &s->lock);
	st = s->status;
	if (st && err)
		*err = s->err;
	pthread_mutex_unlock(&s->lock);
	return st;
}

static void ask_for(struct saver *s, enum job job)
{
	pthread_mutex_lock(&s->lock);
	while (s->job != JOB_NONE)
		pthread_cond_wait(&s->progress, &s->lock);
	s->job = job;
	pthread_cond_signal(&s->to_do);
	pthread_mutex_unlock(&s->lock);
}

/* The thread is for bytes: signals go to the others. */
static int start_thread(struct saver *s)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void release(struct saver *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->to_do);
	pthread_cond_destroy(&s->progress);
	sha256_free(s->digest);
	free(s->ring);
	free(s->name);
	free(s);
}

enum status saver_new(struct saver **out, int fd, const char *name, int64_t found, int wake_fd, struct err *err)
{
	struct saver *s = xcalloc(1, sizeof(*s));
	enum status st;
	int rc;

	s->ring = xmalloc(BLOCKS * BLOCK);
	s->name = xstrdup(name);
	s->fd = fd;
	s->wake_fd = wake_fd;
	s->size = s->found = found;
	s->job = found ? JOB_FOUND : JOB_NONE;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->to_do, NULL);
	pthread_cond_init(&s->progress, NULL);
	st = sha256_new(&s->digest, err);
	if (!st && (rc = start_thread(s)) != 0)
		st = err_set(err, ST_TEMPFAIL, "cannot start a thread: %s", strerror(rc));
	if (st)
		release(s);
	else
		*out = s;
	return st;
}

void saver_free(struct saver *s)
{
	if (!s)
		return;
	ask_for(s, JOB_QUIT);
	pthread_join(s->thread, NULL);
	release(s);
}

enum status saver_add(struct saver *s, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	enum status st = ST_OK;

	while (len && !st) {
		size_t n = BLOCK - s->filled < len ? BLOCK - s->filled : len;

		memcpy(block_at(s, s->handed) + s->filled, p, n);
		s->filled += n;
		s->size += (int64_t)n;
		p += n;
		len -= n;
		if (s->filled == BLOCK)
			st = hand_over(s, err);
	}
	return st;
}

int64_t saver_size(const struct saver *s)
{
	return s->size;
}

enum status saver_sync(struct saver *s, struct err *err)
{
	enum status st = hand_over(s, err);

	pthread_mutex_lock(&s->lock);
	while (s->job != JOB_NONE || s->written != s->handed)
		pthread_cond_wait(&s->progress, &s->lock);
	if (!st && s->status) {
		st = s->status;
		*err = s->err;
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

enum status saver_restart(struct saver *s, struct err *err)
{
	s->filled = 0;
	s->size = 0;
	ask_for(s, JOB_RESTART);
	return saver_sync(s, err);
}

void saver_finish(struct saver *s)
{
	(void)hand_over(s, NULL);
	ask_for(s, JOB_FINISH);
}

bool saver_done(struct saver *s)
{
	bool done;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	pthread_mutex_unlock(&s->lock);
	return done;
}

enum status saver_result(struct saver *s, char hex[static 65], struct err *err)
{
	enum status st;

	pthread_mutex_lock(&s->lock);
	st = s->status;
	if (st)
		*err = s->err;
	else
		memcpy(hex, s->hex, sizeof(s->hex));
	pthread_mutex_unlock(&s->lock);
	return st;
}
