/* The event loop: descriptors, timers, and handlers that remove each other. */
#include "base/loop.h"

#include "base/clock.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct loop loop;
static int calls, fired;

/* Two pipes are ready in one step: the handler of the first removes the second. */
static void on_ready(void *arg, int fd, uint32_t events)
{
	const int *fds = arg;

	(void)events;
	calls++;
	loop_unwatch(&loop, fd == fds[0] ? fds[1] : fds[0]);
}

static void on_expired(void *arg)
{
	fired += *(int *)arg;
}

int main(void)
{
	int a[2], b[2], fds[2], one = 1, file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct loop_timer now = { .at_ms = 0, .expired = on_expired, .arg = &one }, off = now, wake = now;
	int64_t start;

	off.at_ms = LOOP_NEVER;
	tap_int(loop_init(&loop, NULL), ST_OK, "a loop is created");
	if (pipe(a) || pipe(b) || file < 0)
		return 1;
	tap_ok(!loop_watch(&loop, file, EPOLLIN, on_ready, NULL), "a regular file cannot be watched");
	loop_timer_add(&loop, &now);
	loop_timer_add(&loop, &off);
	loop_step(&loop);
	tap_int(fired, 1, "a timer at 0 expires in the next step, one that is off does not");
	tap_ok(now.at_ms == LOOP_NEVER, "an expired timer is off");

	wake = (struct loop_timer){ .at_ms = (start = clock_mono_ms()) + 20 };
	loop_timer_add(&loop, &wake);
	loop_step(&loop);
	tap_ok(clock_mono_ms() - start >= 20 && fired == 1, "a timer without a handler ends the step when it is due");
	loop_timer_remove(&loop, &off);
	off.at_ms = 0;
	wake.at_ms = 0;
	loop_step(&loop);
	tap_int(fired, 1, "a removed timer does not expire");

	fds[0] = a[0];
	fds[1] = b[0];
	loop_watch(&loop, a[0], EPOLLIN, on_ready, fds);
	loop_watch(&loop, b[0], EPOLLIN, on_ready, fds);
	if (write(a[1], "x", 1) != 1 || write(b[1], "x", 1) != 1)
		return 1;
	loop_step(&loop);
	tap_int(calls, 1, "a handler can remove another descriptor that is ready");
	loop_unwatch(&loop, a[0]);
	loop_unwatch(&loop, b[0]);
	calls = 0;
	wake.at_ms = 0;
	loop_step(&loop);
	tap_int(calls, 0, "a descriptor that is not watched is not reported");
	loop_watch(&loop, a[0], EPOLLOUT, on_ready, fds);
	loop_watch(&loop, a[0], EPOLLIN, on_ready, fds);
	loop_step(&loop);
	tap_int(calls, 1, "a second loop_watch() replaces the events");
	loop_release(&loop);
	return tap_done();
}
