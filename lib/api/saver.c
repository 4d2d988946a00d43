/*
 * Two blocks: the caller fills one while the thread writes and digests the other. They change hands under the lock: a
 * block belongs to the thread while `job` is not JOB_NONE, and the caller waits for that before it hands over the next.
 */
#include "api/saver.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BLOCK ((size_t)256 * 1024)

/*
 * So much is written before the disk is asked to begin with it: at the end there is little left for fsync(2) to wait
 * for.
 */
#define FLUSH ((int64_t)8 << 20)

enum job { JOB_NONE, JOB_FOUND, JOB_WRITE, JOB_RESTART, JOB_FINISH, JOB_QUIT };

struct saver {
	/* the caller's */
	char *filling;
	size_t filled;
	int64_t size;

	/* both sides', under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum job job;
	bool done;
	enum status status;
	struct err err;

	/* the thread's */
	pthread_t thread;
	int fd, wake_fd;
	char *name;
	char *writing;
	size_t to_write;
	int64_t found;
	int64_t written, flushed; /* bytes in the file; and of them on their way to the disk */
	struct sha256 *digest;
	char hex[65];
};

static enum status fail(struct saver *s, const char *what, struct err *err)
{
	return err_set(err, ST_IO, "cannot %s '%s': %s", what, s->name, strerror(errno));
}

static enum status digest_found(struct saver *s, struct err *err)
{
	int64_t at = 0;

	while (at < s->found) {
		size_t want = s->found - at < (int64_t)BLOCK ? (size_t)(s->found - at) : BLOCK;
		ssize_t n = pread(s->fd, s->writing, want, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(s, "read", err);
		if (!n)
			return err_set(err, ST_IO, "'%s' became shorter while it was read", s->name);
		sha256_update(s->digest, s->writing, (size_t)n);
		at += n;
	}
	if (lseek(s->fd, s->found, SEEK_SET) < 0)
		return fail(s, "write", err);
	s->written = s->flushed = s->found;
	return ST_OK;
}

static enum status restart(struct saver *s, struct err *err)
{
	sha256_free(s->digest);
	s->digest = NULL;
	if (lseek(s->fd, 0, SEEK_SET) < 0 || ftruncate(s->fd, 0))
		return fail(s, "write", err);
	s->written = s->flushed = 0;
	return sha256_new(&s->digest, err);
}

static enum status write_block(struct saver *s, struct err *err)
{
	if (!write_full(s->fd, s->writing, s->to_write))
		return fail(s, "write", err);
	s->written += (int64_t)s->to_write;
	if (s->written - s->flushed >= FLUSH) { /* a hint: where it fails, fsync(2) says what is the matter */
		(void)sync_file_range(s->fd, (off_t)s->flushed, (off_t)(s->written - s->flushed),
			SYNC_FILE_RANGE_WRITE);
		s->flushed = s->written;
	}
	sha256_update(s->digest, s->writing, s->to_write);
	return ST_OK;
}

static enum status finish(struct saver *s, struct err *err)
{
	if (fsync(s->fd))
		return fail(s, "write", err);
	sha256_finish(s->digest, s->hex);
	s->digest = NULL;
	return ST_OK;
}

static enum status work(struct saver *s, enum job job, struct err *err)
{
	switch (job) {
	case JOB_FOUND: return digest_found(s, err);
	case JOB_RESTART: return restart(s, err);
	case JOB_FINISH: return finish(s, err);
	case JOB_WRITE: return write_block(s, err);
	case JOB_NONE:
	case JOB_QUIT: break;
	}
	return ST_OK;
}

static void *run(void *arg)
{
	struct saver *s = arg;
	enum job job;

	pthread_mutex_lock(&s->lock);
	do {
		enum status st = s->status;
		struct err err = ERR_INIT;

		while (s->job == JOB_NONE)
			pthread_cond_wait(&s->changed, &s->lock);
		job = s->job;
		pthread_mutex_unlock(&s->lock);
		if (!st)
			st = work(s, job, &err);
		pthread_mutex_lock(&s->lock);
		if (st && !s->status) {
			s->status = st;
			s->err = err;
		}
		s->job = JOB_NONE;
		s->done = job == JOB_FINISH;
		pthread_cond_broadcast(&s->changed);
		if (s->done)
			(void)eventfd_write(s->wake_fd, 1);
	} while (job != JOB_QUIT);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Hands the thread its next job, when it has done the last one. */
static enum status hand_over(struct saver *s, enum job job, struct err *err)
{
	enum status st;

	pthread_mutex_lock(&s->lock);
	while (s->job != JOB_NONE)
		pthread_cond_wait(&s->changed, &s->lock);
	st = s->status;
	if (st && err)
		*err = s->err;
	if (job == JOB_WRITE) {
		char *block = s->writing;

		s->writing = s->filling;
		s->to_write = s->filled;
		s->filling = block;
		s->filled = 0;
	}
	s->job = job;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return st;
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
	pthread_cond_destroy(&s->changed);
	sha256_free(s->digest);
	free(s->filling);
	free(s->writing);
	free(s->name);
	free(s);
}

enum status saver_new(struct saver **out, int fd, const char *name, int64_t found, int wake_fd, struct err *err)
{
	struct saver *s = xcalloc(1, sizeof(*s));
	enum status st;
	int rc;

	s->filling = xmalloc(BLOCK);
	s->writing = xmalloc(BLOCK);
	s->name = xstrdup(name);
	s->fd = fd;
	s->wake_fd = wake_fd;
	s->size = s->found = found;
	s->job = found ? JOB_FOUND : JOB_NONE;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
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
	(void)hand_over(s, JOB_QUIT, NULL);
	pthread_join(s->thread, NULL);
	release(s);
}

enum status saver_add(struct saver *s, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	enum status st = ST_OK;

	while (len && !st) {
		size_t n = BLOCK - s->filled < len ? BLOCK - s->filled : len;

		memcpy(s->filling + s->filled, p, n);
		s->filled += n;
		s->size += (int64_t)n;
		p += n;
		len -= n;
		if (s->filled == BLOCK)
			st = hand_over(s, JOB_WRITE, err);
	}
	return st;
}

int64_t saver_size(const struct saver *s)
{
	return s->size;
}

enum status saver_sync(struct saver *s, struct err *err)
{
	enum status st = s->filled ? hand_over(s, JOB_WRITE, err) : ST_OK;

	pthread_mutex_lock(&s->lock);
	while (s->job != JOB_NONE)
		pthread_cond_wait(&s->changed, &s->lock);
	if (!st && s->status) {
		st = s->status;
		*err = s->err;
	}
	pthread_mutex_unlock(&s->lock);
	return st;
}

enum status saver_restart(struct saver *s, struct err *err)
{
	enum status st;

	s->filled = 0;
	s->size = 0;
	st = hand_over(s, JOB_RESTART, err);
	return st ? st : saver_sync(s, err);
}

void saver_finish(struct saver *s)
{
	if (s->filled)
		(void)hand_over(s, JOB_WRITE, NULL);
	(void)hand_over(s, JOB_FINISH, NULL);
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
