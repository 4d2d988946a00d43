#include "base/interrupt.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int event_fd = -1;
static int peer = -1; /* interrupt_by_peer() */
static volatile sig_atomic_t first;

static void on_signal(int number)
{
	int saved = errno;
	unsigned long long one = 1;

	if (!first)
		first = number;
	if (event_fd >= 0 && write(event_fd, &one, sizeof(one)) < 0) {
		/* EAGAIN: it is readable already */
	}
	errno = saved;
}

void interrupt_install(void)
{
	/* SA_RESETHAND: the next signal of this kind kills */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction now;

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* shells start background jobs with SIGINT ignored, nohup(1) its command with SIGHUP: keep that */
	if (!sigaction(SIGINT, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
	if (!sigaction(SIGHUP, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* write(2) fails with EFBIG instead */
}

int interrupt_fd(void)
{
	return peer >= 0 ? peer : event_fd;
}

static bool peer_gone(void)
{
	char byte;
	ssize_t n = recv(peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

enum status interrupt_status(void)
{
	if (peer >= 0 && !first && peer_gone())
		first = SIGTERM;
	if (first == SIGINT)
		return ST_SIGINT;
	if (first == SIGHUP)
		return ST_SIGHUP;
	return first ? ST_SIGTERM : ST_OK;
}

void interrupt_sleep_ms(int64_t ms)
{
	struct pollfd ready = { .fd = interrupt_fd(), .events = POLLIN };
	int64_t end = clock_mono_ms() + ms, left;

	while (!interrupt_status() && (left = end - clock_mono_ms()) > 0)
		poll(&ready, 1, left < 1000 ? (int)left : 1000);
}

ssize_t interrupt_read(int fd, void *p, size_t len)
{
	struct pollfd ready[] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };
	ssize_t n;

	for (;;) {
		if (interrupt_status()) {
			errno = EINTR;
			return -1;
		}
		if (poll(ready, 2, -1) < 0 || !ready[0].revents)
			continue;
		n = read(fd, p, len);
		if (n >= 0 || errno != EINTR)
			return n;
	}
}

void interrupt_by_peer(int fd)
{
	sigset_t blocked;

	event_fd = -1; /* it is shared with the parent, which it would wake */
	peer = fd;
	first = 0;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}

void interrupt_child(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigaction(SIGPIPE, &plain, NULL);
	sigaction(SIGXFSZ, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
