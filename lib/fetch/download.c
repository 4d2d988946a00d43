/*
 * download.c - the set of downloads: the queue, the running ones and the waiting.
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

enum status download_set_new(struct download_set **out, const struct fetch_config *config,
	const struct download_dir *dir, const struct link_rules *rules, struct err *err)
{
	struct download_set *set = xcalloc(1, sizeof(*set));
	struct epoll_event event = { .events = EPOLLIN };

	set->config = config;
	set->dir = dir;
	set->rules = rules;
	set->queue_end = &set->queue;
	set->running = xcalloc((size_t)config->jobs, sizeof(*set->running));
	set->extra_fd = -1;
	set->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (set->wake_fd < 0 || set->poll_fd < 0 || epoll_ctl(set->poll_fd, EPOLL_CTL_ADD, set->wake_fd, &event)) {
		enum status st = err_set(err, ST_TEMPFAIL, "cannot set up the event loop: %s", strerror(errno));

		download_set_free(set);
		return st;
	}
	*out = set;
	return ST_OK;
}

void download_set_free(struct download_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->running_count; i++)
		download_attempt_free(set->running[i]);
	while (set->queue) {
		struct download *next = set->queue->next;

		download_attempt_free(set->queue);
		set->queue = next;
	}
	if (set->wake_fd >= 0)
		close(set->wake_fd);
	if (set->poll_fd >= 0)
		close(set->poll_fd);
	free(set->running);
	free(set);
}

void download_set_add(struct download_set *set, const char *link, const char *name, int64_t size, download_done *done,
	void *arg)
{
	struct download *d = xcalloc(1, sizeof(*d));

	d->set = set;
	d->link = xstrdup_null(link);
	d->name = xstrdup(name);
	d->size = size;
	d->total = d->object_size = -1;
	d->done = done;
	d->arg = arg;
	d->partial.fd = -1;
	*set->queue_end = d;
	set->queue_end = &d->next;
	set->active++;
}

size_t download_set_active(const struct download_set *set)
{
	return set->active;
}

int64_t download_set_bytes(const struct download_set *set)
{
	return set->received;
}

static struct download *take_queued(struct download_set *set)
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

/* Advances each download as far as possible without waiting. */
static void advance(struct download_set *set, int64_t now)
{
	for (size_t i = 0; i < set->running_count; i++) {
		struct download *d = set->running[i];

		if (d->state == DOWNLOAD_RESPONDED)
			download_attempt_on_response(d);
		if (d->state == DOWNLOAD_RETRY_WAIT && d->due_ms <= now)
			download_attempt_start(d);
		if (d->state == DOWNLOAD_WRITING && file_writer_is_done(d->writer))
			download_attempt_on_written(d);
	}
}

/* Reports finished downloads. One fsync of the directory covers all files renamed since the last call. */
static bool report_done(struct download_set *set)
{
	size_t kept = 0, done = 0;
	bool renamed = false;
	struct download **finished = xcalloc(set->running_count, sizeof(*finished));

	for (size_t i = 0; i < set->running_count; i++) {
		struct download *d = set->running[i];

		if (d->state == DOWNLOAD_DONE)
			finished[done++] = d;
		else
			set->running[kept++] = d;
		renamed |= d->state == DOWNLOAD_DONE && d->result.path;
	}
	set->running_count = kept;
	set->active -= done;
	if (renamed)
		download_dir_sync(set->dir);
	for (size_t i = 0; i < done; i++) {
		finished[i]->done(finished[i]->arg, &finished[i]->result);
		download_attempt_free(finished[i]);
	}
	free(finished);
	return done > 0;
}

static void begin_queued(struct download_set *set)
{
	while (set->queue && set->running_count < (size_t)set->config->jobs) {
		struct download *d = take_queued(set);

		set->running[set->running_count++] = d;
		download_attempt_begin(d);
	}
}

static void watch(struct download_set *set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (fd == set->extra_fd)
		return;
	if (set->extra_fd >= 0 && !set->extra_always)
		epoll_ctl(set->poll_fd, EPOLL_CTL_DEL, set->extra_fd, NULL);
	set->extra_fd = fd;
	set->extra_always = fd >= 0 && epoll_ctl(set->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0;
}

/* The time until the next retry, at most `wait_ms`. */
static int wait_time(const struct download_set *set, int wait_ms, int64_t now)
{
	if (set->extra_always)
		return 0;
	for (size_t i = 0; i < set->running_count; i++) {
		const struct download *d = set->running[i];
		int64_t left = d->due_ms > now ? d->due_ms - now : 0;

		if (d->state != DOWNLOAD_RETRY_WAIT && d->state != DOWNLOAD_REQUESTING && d->state != DOWNLOAD_WRITING)
			return 0;
		if (d->state == DOWNLOAD_RETRY_WAIT && left < wait_ms)
			wait_ms = (int)left;
	}
	return wait_ms;
}

enum status download_set_step(struct download_set *set, int wait_ms, int extra_fd, struct err *err)
{
	enum status st;
	eventfd_t ignored;

	watch(set, extra_fd);
	begin_queued(set);
	st = http_step(client_http(set->config->client), wait_time(set, wait_ms, clock_mono_ms()), set->poll_fd, err);
	(void)eventfd_read(set->wake_fd, &ignored);
	if (st)
		return st;
	advance(set, clock_mono_ms());
	if (report_done(set))
		begin_queued(set);
	return ST_OK;
}

void download_set_stop(struct download_set *set, const struct err *why)
{
	struct download *d;

	for (size_t i = 0; i < set->running_count; i++) {
		if (set->running[i]->state != DOWNLOAD_DONE)
			download_attempt_fail(set->running[i], why);
	}
	(void)report_done(set);
	while ((d = take_queued(set))) {
		set->active--;
		download_attempt_fail(d, why);
		d->done(d->arg, &d->result);
		download_attempt_free(d);
	}
}
