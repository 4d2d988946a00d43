/*
 * download.c - the set of files that are being fetched: whose turn it is, and what to wait for.
 */
#include "fetch/download-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum status downloads_new(struct downloads **out, const struct download_config *config, struct err *err)
{
	struct downloads *set = xcalloc(1, sizeof(*set));
	struct epoll_event event = { .events = EPOLLIN };

	set->config = *config;
	set->queue_end = &set->queue;
	set->running = xcalloc((size_t)config->jobs, sizeof(*set->running));
	set->extra_fd = -1;
	set->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (set->wake_fd < 0 || set->poll_fd < 0 || epoll_ctl(set->poll_fd, EPOLL_CTL_ADD, set->wake_fd, &event)) {
		enum status st = err_set(err, ST_TEMPFAIL, "cannot prepare to wait: %s", strerror(errno));

		downloads_free(set);
		return st;
	}
	*out = set;
	return ST_OK;
}

void downloads_free(struct downloads *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->running_count; i++)
		attempt_release(set->running[i]);
	while (set->queue) {
		struct download *next = set->queue->next;

		attempt_release(set->queue);
		set->queue = next;
	}
	if (set->wake_fd >= 0)
		close(set->wake_fd);
	if (set->poll_fd >= 0)
		close(set->poll_fd);
	free(set->running);
	free(set);
}

void downloads_add(struct downloads *set, const char *link, const char *name, int64_t size, download_done *done,
	void *arg)
{
	struct download *d = xcalloc(1, sizeof(*d));

	d->set = set;
	d->link = xstrdup_null(link);
	d->name = xstrdup(name);
	d->size = size;
	d->total = d->whole = -1;
	d->done = done;
	d->arg = arg;
	d->part.fd = -1;
	*set->queue_end = d;
	set->queue_end = &d->next;
	set->active++;
}

size_t downloads_active(const struct downloads *set)
{
	return set->active;
}

int64_t downloads_bytes(const struct downloads *set)
{
	return set->received;
}

static struct download *take_queued(struct downloads *set)
{
	struct download *d = set->queue;

	if (d) {
		set->queue = d->next;
		if (!set->queue)
			set->queue_end = &set->queue;
		d->next = NULL;
	}
	return d;
}

/* Each download as far as it goes without waiting. */
static void advance(struct downloads *set, int64_t now)
{
	for (size_t i = 0; i < set->running_count; i++) {
		struct download *d = set->running[i];

		if (d->state == DOWNLOAD_ANSWERED)
			attempt_answered(d);
		if (d->state == DOWNLOAD_WAITING && d->due_ms <= now)
			attempt_start(d);
		if (d->state == DOWNLOAD_SAVING && saver_done(d->saver))
			attempt_saved(d);
	}
}

/* Hands over what is done. One fsync of the directory serves all files that got their names since the last time. */
static bool deliver(struct downloads *set)
{
	size_t kept = 0, done = 0;
	bool named = false;
	struct download **finished = xcalloc(set->running_count, sizeof(*finished));

	for (size_t i = 0; i < set->running_count; i++) {
		struct download *d = set->running[i];

		if (d->state == DOWNLOAD_DONE)
			finished[done++] = d;
		else
			set->running[kept++] = d;
		named |= d->state == DOWNLOAD_DONE && d->result.path;
	}
	set->running_count = kept;
	set->active -= done;
	if (named)
		inbox_sync(set->config.inbox);
	for (size_t i = 0; i < done; i++) {
		finished[i]->done(finished[i]->arg, &finished[i]->result);
		attempt_release(finished[i]);
	}
	free(finished);
	return done > 0;
}

static void begin_queued(struct downloads *set)
{
	while (set->queue && set->running_count < (size_t)set->config.jobs) {
		struct download *d = take_queued(set);

		set->running[set->running_count++] = d;
		attempt_begin(d);
	}
}

static void watch(struct downloads *set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (fd == set->extra_fd)
		return;
	if (set->extra_fd >= 0 && !set->extra_always)
		epoll_ctl(set->poll_fd, EPOLL_CTL_DEL, set->extra_fd, NULL);
	set->extra_fd = fd;
	set->extra_always = fd >= 0 && epoll_ctl(set->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0;
}

/* How long nothing needs to be done by the clock. */
static int wait_for(const struct downloads *set, int wait_ms, int64_t now)
{
	if (set->extra_always)
		return 0;
	for (size_t i = 0; i < set->running_count; i++) {
		const struct download *d = set->running[i];
		int64_t left = d->due_ms > now ? d->due_ms - now : 0;

		if (d->state != DOWNLOAD_WAITING && d->state != DOWNLOAD_ASKING && d->state != DOWNLOAD_SAVING)
			return 0;
		if (d->state == DOWNLOAD_WAITING && left < wait_ms)
			wait_ms = (int)left;
	}
	return wait_ms;
}

enum status downloads_step(struct downloads *set, int wait_ms, int extra_fd, struct err *err)
{
	enum status st;
	eventfd_t ignored;

	watch(set, extra_fd);
	begin_queued(set);
	st = http_step(client_http(set->config.client), wait_for(set, wait_ms, clock_mono_ms()), set->poll_fd, err);
	(void)eventfd_read(set->wake_fd, &ignored);
	if (st)
		return st;
	advance(set, clock_mono_ms());
	if (deliver(set))
		begin_queued(set);
	return ST_OK;
}

void downloads_stop(struct downloads *set, const struct err *why)
{
	struct download *d;

	for (size_t i = 0; i < set->running_count; i++) {
		if (set->running[i]->state != DOWNLOAD_DONE)
			attempt_fail(set->running[i], why);
	}
	(void)deliver(set);
	while ((d = take_queued(set))) {
		set->active--;
		attempt_fail(d, why);
		d->done(d->arg, &d->result);
		attempt_release(d);
	}
}
