#include "base/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct loop_watch *find_watch(struct loop *loop, int fd)
{
	for (size_t i = 0; i < loop->count; i++) {
		if (loop->watches[i].fd == fd)
			return &loop->watches[i];
	}
	return NULL;
}

enum status loop_init(struct loop *loop, struct err *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return err_set(err, ST_INTERNAL, "cannot create the event loop: %s", strerror(errno));
	*loop = (struct loop){ .epoll = fd };
	return ST_OK;
}

void loop_release(struct loop *loop)
{
	if (loop->epoll > 0)
		close(loop->epoll);
	free(loop->watches);
	*loop = (struct loop){ 0 };
}

bool loop_watch(struct loop *loop, int fd, uint32_t events, void (*ready)(void *arg, int fd, uint32_t events),
	void *arg)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	struct loop_watch *watch = find_watch(loop, fd);

	if (epoll_ctl(loop->epoll, watch ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		return false;
	if (!watch) {
		loop->watches = xgrow(loop->watches, loop->count, &loop->cap, sizeof(*loop->watches));
		watch = &loop->watches[loop->count++];
	}
	*watch = (struct loop_watch){ .fd = fd, .ready = ready, .arg = arg };
	return true;
}

void loop_unwatch(struct loop *loop, int fd)
{
	struct loop_watch *watch = find_watch(loop, fd);

	if (!watch)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	*watch = loop->watches[--loop->count];
}

void loop_timer_add(struct loop *loop, struct loop_timer *timer)
{
	timer->next = loop->timers;
	loop->timers = timer;
}

void loop_timer_remove(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **at = &loop->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = timer->next;
}

static int64_t next_expiry(const struct loop *loop)
{
	int64_t at = LOOP_NEVER;

	for (const struct loop_timer *timer = loop->timers; timer; timer = timer->next)
		at = timer->at_ms < at ? timer->at_ms : at;
	return at;
}

/* For epoll_wait(2). */
static int timeout_ms(int64_t at)
{
	int64_t wait;

	if (at <= 0 || at == LOOP_NEVER)
		return at <= 0 ? 0 : -1;
	wait = at - clock_mono_ms();
	return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

static void run_timers(struct loop *loop)
{
	int64_t at = next_expiry(loop), now;

	if (at == LOOP_NEVER)
		return;
	now = at <= 0 ? 0 : clock_mono_ms();
	for (struct loop_timer *timer = loop->timers; timer; timer = timer->next) {
		if (timer->at_ms > now)
			continue;
		timer->at_ms = LOOP_NEVER;
		if (timer->expired)
			timer->expired(timer->arg);
	}
}

void loop_step(struct loop *loop)
{
	struct epoll_event events[16];
	int n = epoll_wait(loop->epoll, events, 16, timeout_ms(next_expiry(loop)));

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;
		/* looked up for each event: an earlier handler may have removed it */
		const struct loop_watch *watch = find_watch(loop, fd);

		if (watch)
			watch->ready(watch->arg, fd, events[i].events);
	}
	run_timers(loop);
}
