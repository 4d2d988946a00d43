#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int event_fd = -1;
static volatile sig_atomic_t first;

static void on_signal(int number)
{
	int saved = errno;
	unsigned long long one = 1;

	if (!first)
		first = number;
	if (event_fd >= 0 && write(event_fd, &one, sizeof(one)) < 0) {
		/* full means readable, which is all that is wanted */
	}
	errno = saved;
}

void interrupt_install(void)
{
	/* SA_RESETHAND: the next one of its kind kills */
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction now;

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* a shell starts a background job with SIGINT ignored: that stays so */
	if (!sigaction(SIGINT, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

int interrupt_fd(void)
{
	return event_fd;
}

enum status interrupt_status(void)
{
	if (first == SIGINT)
		return ST_SIGINT;
	return first ? ST_SIGTERM : ST_OK;
}

void interrupt_raise(int number)
{
	on_signal(number);
}

void interrupt_child(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigaction(SIGPIPE, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
