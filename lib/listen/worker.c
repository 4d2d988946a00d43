#include "listen/worker.h"

#include "listen/listen.h"
#include "listen/worker_msg.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)
#define EXIT_MS 3000 /* how long the child may take to exit; resolving a name cannot be aborted */

struct worker {
	struct worker_config config;
	pid_t pid; /* of the child; 0: none */
	int fd; /* our end of the socket pair; -1: none */
	bool leaving; /* the child was told to exit */
	enum job_kind busy; /* the job in progress */
	struct buf in; /* the part of the result that was received */
	struct job_result result; /* JOB_NONE: none */
	int64_t idle_at;
	struct secret token; /* from the last result */
	uint64_t attempt; /* addresses used so far */
};

/* ---- the child ------------------------------------------------------------------------------------------------- */

/* The other descriptors are the listener's: its socket, its locks, its epoll. */
static void close_others(int fd)
{
	int trace = log_trace_fd(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int low = trace >= 0 && trace < fd ? trace : fd, high = trace > fd ? trace : fd;

	/* the reader of stdout waits for the end of the listener, not of the child */
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

/* Reads one message; false at the end of the connection. */
static bool receive(int fd, struct buf *in)
{
	size_t wanted;

	buf_clear(in);
	while (!(wanted = worker_msg_length(in->data, in->len)) || in->len < wanted) {
		ssize_t n;

		if (wanted > WORKER_MSG_MAX)
			return false;
		buf_reserve(in, READ_SIZE);
		n = recv(fd, in->data + in->len, READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf_commit(in, (size_t)n);
	}
	return true;
}

static bool transmit(int fd, const struct buf *out)
{
	size_t at = 0;

	while (at < out->len) {
		ssize_t n = send(fd, out->data + at, out->len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void perform(struct job_context *jobs, const struct worker_request *msg, bool *loaded, struct job_result *r)
{
	struct err err = ERR_INIT;
	enum status st = ST_OK;

	jobs->token = &msg->token;
	jobs->attempt = msg->attempt;
	/* the listener has the session of its start; earlier children have changed the file */
	if (!*loaded)
		st = client_reload(jobs->client, &err);
	*loaded = !st;
	if (!st) {
		job_perform(jobs, &msg->request, r);
		return;
	}
	*r = job_result_init(msg->request.job);
	r->status = st;
	r->err = err;
}

/* Performs requests until the listener closes the connection. */
static void serve(const struct worker_config *config, int fd)
{
	struct job_context jobs = { .client = config->client, .host = config->host };
	struct job_result result;
	struct worker_request msg;
	struct buf in, out;
	bool loaded = false;

	close_others(fd);
	interrupt_by_peer(fd);
	buf_init_secret(&in, BUF_NO_MAX);
	buf_init_secret(&out, BUF_NO_MAX);
	while (receive(fd, &in) && worker_msg_get_request(in.data, in.len, &msg)) {
		perform(&jobs, &msg, &loaded, &result);
		buf_clear(&out);
		worker_msg_put_result(&out, &result);
		job_result_release(&result);
		worker_msg_release_request(&msg);
		if (!transmit(fd, &out))
			break;
	}
	buf_release(&in);
	buf_release(&out);
	close(fd);
}

/* ---- the listener --------------------------------------------------------------------------------------------- */

struct worker *worker_new(const struct worker_config *config)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->config = *config;
	w->fd = -1;
	w->idle_at = LISTEN_NEVER;
	buf_init_secret(&w->in, BUF_NO_MAX); /* see WORKER_MSG_MAX */
	return w;
}

static enum status start_child(struct worker *w, struct err *err)
{
	sigset_t all, before;
	int fds[2], failure;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err_set(err, ST_TEMPFAIL, "cannot create a socket pair: %s", strerror(errno));
	/* until the child has its own handlers, a signal would be recorded for the listener */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	w->pid = fork();
	failure = errno;
	if (!w->pid) {
		serve(&w->config, fds[1]);
		exit(EXIT_SUCCESS); /* not _exit(2), which would hide the child from sanitizers and coverage */
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	if (w->pid < 0) {
		w->pid = 0;
		close(fds[0]);
		return err_set(err, ST_TEMPFAIL, "cannot start the request process: %s", strerror(failure));
	}
	w->fd = fds[0];
	w->config.watch(w->config.arg, w->fd);
	return ST_OK;
}

/* Waits for the child, which is exiting, and returns its status. */
static int reap(struct worker *w)
{
	int status = 0;

	w->config.unwatch(w->config.arg, w->fd);
	close(w->fd);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
	w->fd = -1;
	w->leaving = false;
	w->idle_at = LISTEN_NEVER;
	buf_release(&w->in);
	return status;
}

static void fail(struct worker *w, const struct err *err)
{
	w->result = job_result_init(w->busy);
	w->result.status = err->status;
	w->result.err = *err;
	w->result.err.retryable = true;
	w->busy = JOB_NONE;
}

/* The child has died, or has sent an invalid message. */
static void child_lost(struct worker *w)
{
	struct err err = ERR_INIT;
	int status;

	kill(w->pid, SIGKILL);
	status = reap(w);
	if (WIFSIGNALED(status))
		err_set(&err, ST_TEMPFAIL, "the request process was killed by signal %d", WTERMSIG(status));
	else
		err_set(&err, ST_TEMPFAIL, "the request process exited with status %d", WEXITSTATUS(status));
	log_warn("%s", err.text);
	if (w->busy)
		fail(w, &err);
}

/* Tells the child to exit, and waits a limited time for it. What it still sends is discarded. */
static void dismiss(struct worker *w)
{
	struct pollfd ready = { .fd = w->fd, .events = POLLIN };
	int64_t end = clock_mono_ms() + EXIT_MS, left;
	ssize_t n = 1;

	shutdown(w->fd, SHUT_WR);
	while (n > 0 && (left = end - clock_mono_ms()) > 0) {
		if (poll(&ready, 1, (int)left) < 1)
			continue;
		buf_clear(&w->in);
		buf_reserve(&w->in, READ_SIZE);
		n = recv(w->fd, w->in.data, READ_SIZE, MSG_DONTWAIT);
	}
	if (n > 0)
		kill(w->pid, SIGKILL);
	reap(w);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->pid)
		dismiss(w);
	job_result_release(&w->result);
	secret_release(&w->token);
	buf_release(&w->in);
	free(w);
}

void worker_start(struct worker *w, const struct job_request *request)
{
	struct err err = ERR_INIT;
	struct buf out;

	w->busy = request->job;
	w->idle_at = LISTEN_NEVER;
	if (w->leaving) {
		kill(w->pid, SIGKILL); /* it has no request */
		reap(w);
	}
	buf_init_secret(&out, BUF_NO_MAX);
	worker_msg_put_request(&out, request, &w->token, w->attempt);
	if (!w->pid && start_child(w, &err))
		fail(w, &err);
	else if (!transmit(w->fd, &out))
		child_lost(w);
	buf_release(&out);
}

/* The message is complete. False if it is not a result of the job. */
static bool accept_result(struct worker *w, int64_t now)
{
	struct job_result *r = &w->result;

	if (!worker_msg_get_result(w->in.data, w->in.len, r))
		return false;
	if (r->job != w->busy) {
		job_result_release(r);
		return false;
	}
	if (r->token.s)
		secret_copy(&w->token, &r->token);
	w->attempt += r->address != NULL;
	w->busy = JOB_NONE;
	w->idle_at = now + WORKER_IDLE_MS;
	buf_release(&w->in);
	return true;
}

void worker_ready(struct worker *w, int64_t now)
{
	size_t wanted;
	ssize_t n;

	if (w->fd < 0)
		return;
	buf_reserve(&w->in, READ_SIZE);
	n = recv(w->fd, w->in.data + w->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && w->leaving) {
		reap(w);
		return;
	}
	if (n > 0)
		buf_commit(&w->in, (size_t)n);
	wanted = worker_msg_length(w->in.data, w->in.len);
	if (n <= 0 || !w->busy || wanted > WORKER_MSG_MAX || (wanted && w->in.len > wanted) ||
		(wanted && w->in.len == wanted && !accept_result(w, now)))
		child_lost(w);
}

bool worker_take(struct worker *w, struct job_result *result)
{
	if (!w->result.job)
		return false;
	*result = w->result;
	if (result->messages.doc)
		result->messages.doc = &result->page.json;
	w->result = (struct job_result){ 0 };
	return true;
}

int64_t worker_deadline(const struct worker *w)
{
	return w->idle_at;
}

void worker_tick(struct worker *w, int64_t now)
{
	if (now < w->idle_at)
		return;
	w->idle_at = LISTEN_NEVER;
	w->leaving = true;
	shutdown(w->fd, SHUT_WR); /* worker_ready() sees the end of the connection */
}
