#include "cli/term.h"

#include "base/buf.h"
#include "base/interrupt.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum {
	ANSWER_MAX = 4096, /* the longest line in canonical mode */
	WIDTH_MAX = 1000,
};

unsigned term_width(int fd)
{
	const char *set = getenv("COLUMNS");
	struct winsize size;
	int64_t columns;

	if (set && str_parse_int64(set, &columns) && columns > 0 && columns <= WIDTH_MAX)
		return (unsigned)columns;
	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return 80;
}

bool term_interactive(void)
{
	int fd;

	if (!isatty(STDERR_FILENO))
		return false;
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Reads up to the newline; a signal interrupts it. */
static enum status read_answer(int fd, struct buf *answer, struct err *err)
{
	struct pollfd ready[] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt_fd(), .events = POLLIN } };

	for (;;) {
		ssize_t n;

		if (poll(ready, 2, -1) < 0 && errno != EINTR)
			return err_set(err, ST_IO, "cannot wait for the terminal: %s", strerror(errno));
		if (interrupt_status())
			return err_set(err, interrupt_status(), "interrupted while asking for the password");
		if (!ready[0].revents)
			continue;
		if (!buf_reserve(answer, 1))
			return err_set(err, ST_DATA, "the answer is longer than %d bytes", ANSWER_MAX);
		n = read(fd, answer->data + answer->len, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return err_set(err, ST_AUTH, "the terminal gave no answer");
		if (answer->data[answer->len] == '\n')
			return ST_OK;
		buf_commit(answer, 1);
	}
}

static bool say(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

enum status term_prompt_secret(const char *question, struct secret *out, struct err *err)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios before, silent;
	struct buf answer;
	enum status st;

	if (fd < 0)
		return err_set(err, ST_AUTH, "there is no terminal to ask for the password");
	if (tcgetattr(fd, &before)) {
		close(fd);
		return err_set(err, ST_AUTH, "there is no terminal to ask for the password");
	}
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	buf_init_secret(&answer, ANSWER_MAX);
	/* TCSAFLUSH drops input typed before the question */
	if (tcsetattr(fd, TCSAFLUSH, &silent) || !say(fd, question)) {
		st = err_set(err, ST_IO, "cannot use the terminal: %s", strerror(errno));
	} else if (!(st = read_answer(fd, &answer, err))) {
		/* read() left a newline after the answer */
		answer.data[answer.len] = '\0';
		secret_set(out, answer.data, answer.len);
	}
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	(void)say(fd, "\n");
	buf_release(&answer);
	close(fd);
	return st;
}
