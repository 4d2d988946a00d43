/*
 * The driver of the state machine: passes events to it and does its actions. One thread serves the socket, stdout and
 * the commands; requests are made by the worker process.
 *
 * Other processes may share stdout, so it is never made non-blocking: a write of at most PIPE_BUF bytes follows a
 * poll(2), because a writable pipe has room for so many.
 */
#include "listen/listen.h"

#include "listen/lock.h"
#include "listen/worker.h"
#include "listen/machine.h"
#include "listen/exec.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/time_arg.h"
#include "base/notify.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX ((size_t)1 << 20)
#define SAVE_MS 2 /* between two writes of the cursor; a SIGKILL can repeat the messages of this time */
#define SYNC_MS 5000 /* between two syncs of the cursor file */

struct driver {
	const struct listen_options *options;
	struct client *client;
	struct machine *machine;
	struct loop loop;
	struct loop_timer timer; /* ends a step, so that run_loop() checks the deadlines */
	struct ws *ws;
	struct worker *worker;
	struct cursor *cursor;
	struct output_queue output;
	struct exec_queue exec_queue;
	struct exec exec;
	char *proxy;
	int lock;
	bool gone; /* the reader of stdout has closed it */
	bool broken; /* stdout cannot be written */
	bool plain_file; /* stdout never blocks, and epoll(7) does not accept it */
	bool blocked; /* stdout is full, and watched */
	bool cursor_valid; /* before that, a save would make all existing messages new, or old */
	bool cursor_changed;
	bool cursor_lost; /* the file was corrupt */
	bool save_failed; /* and was reported */
	struct err save_err;
	bool stopped; /* by a signal */
	bool filter_started, filter_checked;
	bool done;
	int64_t saved_at, save_at, sync_at, watchdog_at, exec_at;
	enum status status;
	struct err err;
};

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- monitoring ------------------------------------------------------------------------------------------------ */

static void notify(struct driver *d, const char *text)
{
	if (d->options->notify_socket && !notify_send(d->options->notify_socket, text))
		log_verbose("cannot notify systemd: %s", strerror(errno));
}

static void touch_heartbeat(const struct driver *d)
{
	const char *path = d->options->heartbeat;
	int fd;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (fd < 0 || futimens(fd, NULL))
		log_warn("cannot touch '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* ---- the cursor ------------------------------------------------------------------------------------------------ */

static void save_cursor(struct driver *d, bool durable)
{
	struct err err = ERR_INIT;
	int64_t now;

	if (!d->cursor_changed && !(durable && d->cursor_valid))
		return;
	now = clock_mono_ms();
	if (!durable && now < d->saved_at + SAVE_MS) {
		d->save_at = d->saved_at + SAVE_MS;
		return;
	}
	d->saved_at = now;
	d->save_at = LISTEN_NEVER;
	if (!cursor_save(d->cursor, durable, &err)) {
		if (d->cursor_changed && d->sync_at == LISTEN_NEVER && !durable)
			d->sync_at = now + SYNC_MS;
		d->cursor_changed = d->save_failed = false;
		d->cursor_valid = true;
		return;
	}
	d->cursor_changed = true;
	if (!d->save_failed)
		log_warn("%s; messages may be repeated after a restart", err.text);
	d->save_failed = true;
	d->save_err = err;
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void on_out(void *arg, int fd, uint32_t events);

static void reader_gone(struct driver *d)
{
	d->gone = true;
	if (!d->plain_file)
		loop_unwatch(&d->loop, d->options->out);
	machine_reader_gone(d->machine, clock_mono_ms());
}

static void write_failed(struct driver *d, int error)
{
	struct err err = ERR_INIT;

	if (error == EPIPE) {
		reader_gone(d);
		return;
	}
	d->broken = true;
	err_set(&err, ST_IO, "cannot write to stdout: %s", strerror(error));
	output_queue_truncate(&d->output);
	output_queue_consumed(&d->output, d->cursor, 0);
	machine_fail(d->machine, clock_mono_ms(), &err);
}

/* True if a write of up to PIPE_BUF bytes does not block. */
static bool is_writable(struct driver *d)
{
	struct pollfd out = { .fd = d->options->out, .events = POLLOUT };

	if (d->plain_file)
		return true;
	if (poll(&out, 1, 0) < 1)
		return false;
	return true; /* also for an error, which write(2) returns */
}

static void watch_stdout(struct driver *d, bool wait)
{
	if (d->plain_file || d->gone || d->blocked == wait)
		return;
	d->blocked = wait;
	loop_watch(&d->loop, d->options->out, wait ? EPOLLOUT : 0, on_out, d);
}

static void flush(struct driver *d)
{
	bool wrote = false;
	size_t len;

	while (output_queue_len(&d->output) && !d->gone) {
		const char *p = output_queue_peek(&d->output, &len);
		ssize_t n;

		if (!is_writable(d))
			break;
		n = write(d->options->out, p, d->plain_file || len < PIPE_BUF ? len : PIPE_BUF);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			write_failed(d, errno);
			return;
		}
		d->cursor_changed |= output_queue_consumed(&d->output, d->cursor, (size_t)n);
		wrote = true;
	}
	watch_stdout(d, output_queue_len(&d->output) > 0 && !d->gone);
	if (wrote)
		machine_output_drained(d->machine, clock_mono_ms());
}

static void on_out(void *arg, int fd, uint32_t events)
{
	struct driver *d = arg;

	(void)fd;
	if (events & (EPOLLERR | EPOLLHUP))
		reader_gone(d);
	/* the main loop flushes after each step */
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static void on_child(void *arg, int fd, uint32_t events)
{
	struct driver *d = arg;
	int64_t now = clock_mono_ms();
	struct err err = ERR_INIT;

	(void)events;
	loop_unwatch(&d->loop, fd);
	if (exec_child_ended(&d->exec, fd, now, &err))
		machine_fail(d->machine, now, &err);
	d->cursor_changed = true;
	machine_output_drained(d->machine, now);
}

static void watch_child(void *arg, int fd)
{
	struct driver *d = arg;

	loop_watch(&d->loop, fd, EPOLLIN, on_child, d);
}

static void start_children(struct driver *d)
{
	struct err err = ERR_INIT;

	d->exec_at = LISTEN_NEVER;
	if (!d->options->exec || !d->exec_queue.count)
		return;
	if (exec_start(&d->exec, clock_mono_ms(), &d->exec_at, watch_child, d, &err))
		machine_fail(d->machine, clock_mono_ms(), &err);
}

/* ---- events from the socket, the worker, signals --------------------------------------------------------------- */

static void on_opened(void *arg)
{
	machine_opened(((struct driver *)arg)->machine, clock_mono_ms());
}

static void on_message(void *arg, const char *text, size_t len)
{
	log_body_trace("websocket < text", text, len);
	machine_message(((struct driver *)arg)->machine, clock_mono_ms(), text, len);
}

static void on_closed(void *arg, const struct ws_closed *why)
{
	machine_closed(((struct driver *)arg)->machine, clock_mono_ms(), why);
}

static void on_worker(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	worker_ready(((struct driver *)arg)->worker, clock_mono_ms()); /* the main loop takes the result */
}

static void watch_worker(void *arg, int fd)
{
	loop_watch(&((struct driver *)arg)->loop, fd, EPOLLIN, on_worker, arg);
}

static void unwatch_worker(void *arg, int fd)
{
	loop_unwatch(&((struct driver *)arg)->loop, fd);
}

static void on_interrupt(void *arg, int fd, uint32_t events)
{
	struct driver *d = arg;

	(void)events;
	loop_unwatch(&d->loop, fd); /* it stays readable */
	if (d->stopped)
		return;
	d->stopped = true;
	machine_stop(d->machine, clock_mono_ms(), interrupt_status());
}

/* ---- actions --------------------------------------------------------------------------------------------------- */

/* Reports an invalid jq program at the start, not at the first message. By now the compiling thread is nearly done. */
static void check_filter(struct driver *d)
{
	struct err err = ERR_INIT;

	if (!d->filter_started || d->filter_checked)
		return;
	d->filter_checked = true;
	if (filter_ready(d->options->filter, &err))
		machine_fail(d->machine, clock_mono_ms(), &err);
}

/*
 * The filter is compiled by a thread during the first request. The thread is started after the worker was forked, and
 * joined before the next fork.
 */
static void start_job(struct driver *d, const struct job_request *request)
{
	check_filter(d);
	worker_start(d->worker, request);
	if (d->options->filter && !d->filter_started) {
		d->filter_started = true;
		filter_start(d->options->filter);
	}
}

static void act(struct driver *d, const struct machine_action *action)
{
	switch (action->kind) {
	case MACHINE_ACT_JOB: start_job(d, &action->request); break;
	case MACHINE_ACT_CONNECT:
		d->cursor_changed = true; /* the baseline is complete */
		ws_connect(d->ws, action->path, action->token, action->address);
		check_filter(d);
		break;
	case MACHINE_ACT_SEND:
		log_body_trace("websocket > text", action->text, strlen(action->text));
		ws_send(d->ws, action->text, strlen(action->text));
		break;
	case MACHINE_ACT_PAUSE: ws_pause(d->ws, true); break;
	case MACHINE_ACT_RESUME: ws_pause(d->ws, false); break;
	case MACHINE_ACT_CLOSE: ws_close(d->ws); break;
	case MACHINE_ACT_DROP: ws_drop(d->ws); break;
	case MACHINE_ACT_HEARTBEAT: touch_heartbeat(d); break;
	case MACHINE_ACT_READY:
		d->cursor_changed = true; /* also with --once */
		notify(d, "READY=1");
		break;
	case MACHINE_ACT_EXIT:
		d->done = true;
		d->status = action->status;
		d->err = action->err;
		break;
	}
}

static bool take_result(struct driver *d)
{
	struct job_result result;

	if (!worker_take(d->worker, &result))
		return false;
	machine_job_done(d->machine, clock_mono_ms(), &result);
	job_result_release(&result);
	return true;
}

static void act_all(struct driver *d)
{
	struct machine_action action;

	do {
		while (!d->done && machine_next(d->machine, &action))
			act(d, &action);
	} while (!d->done && take_result(d));
}

static void run_timers(struct driver *d)
{
	int64_t now = clock_mono_ms();

	if (now >= machine_deadline(d->machine))
		machine_tick(d->machine, now);
	worker_tick(d->worker, now);
	if (now >= d->sync_at) {
		d->sync_at = LISTEN_NEVER;
		save_cursor(d, true);
	}
	if (now >= d->watchdog_at) {
		d->watchdog_at = now + d->options->watchdog_ms / 2;
		notify(d, "WATCHDOG=1");
	}
}

static void set_timer(struct driver *d)
{
	int64_t at = earlier(machine_deadline(d->machine), d->exec_at);

	at = earlier(at, earlier(earlier(d->save_at, d->sync_at), d->watchdog_at));
	at = earlier(at, worker_deadline(d->worker));
	/* flush() made room, which was filled again */
	if (output_queue_len(&d->output) && !d->blocked && !d->gone && !d->broken)
		at = 0;
	d->timer.at_ms = at;
}

static void run_loop(struct driver *d)
{
	machine_start(d->machine, clock_mono_ms());
	for (;;) {
		act_all(d);
		if (d->done)
			break;
		flush(d);
		start_children(d);
		save_cursor(d, false);
		run_timers(d);
		act_all(d);
		if (d->done)
			break;
		set_timer(d);
		loop_step(&d->loop);
	}
}

/* ---- setup ----------------------------------------------------------------------------------------------------- */

/* Loads the cursor. `*baseline`: existing messages count as taken. */
static enum status open_cursor(struct driver *d, bool *baseline, struct err *err)
{
	const char *since = d->options->since ? d->options->since : "last";
	char *path = store_path(client_store(d->client), ".cursor");
	enum status st = ST_OK;
	int64_t since_ms;
	bool found = false;
	char *quarantined;

	d->cursor = cursor_new(path);
	free(path);
	*baseline = false;
	if (!strcmp(since, "last")) {
		if (!(st = cursor_load(d->cursor, &found, &quarantined, err)))
			*baseline = !found;
		d->cursor_valid = found;
		d->cursor_lost = quarantined != NULL;
		if (quarantined)
			log_error("checkpoint is corrupt (saved as '%s'); cannot resume, starting from now; "
				  "use --since TIME to start earlier",
				quarantined);
		free(quarantined);
	} else if (!strcmp(since, "none")) {
		*baseline = true;
	} else if (strcmp(since, "all") != 0) {
		if (!time_arg_parse(since, clock_wall_ms(), &since_ms))
			return err_set(err, ST_USAGE,
				"invalid --since '%s': expected last, none, all, or a time: " TIME_ARG_FORMS, since);
		/* everything before that second; in the future: up to now */
		cursor_reset(d->cursor, earlier(since_ms / 1000 - 1, clock_wall_ms() / 1000));
	}
	return st;
}

static struct machine *make_machine(struct driver *d, bool baseline)
{
	struct listen_io io = {
		.cursor = d->cursor,
		.output = &d->output,
		.exec = d->options->exec ? &d->exec_queue : NULL,
		.warn = log_warn,
		.error = log_error,
		.wall_ms = clock_wall_ms,
	};

	return machine_new(d->options, &io, baseline);
}

static enum status make_socket(struct driver *d, struct err *err)
{
	const struct client_config *settings = client_settings(d->client);
	const struct url *origin = client_base(d->client);
	struct ws_config config = {
		.loop = &d->loop,
		.origin = origin,
		.trust = &settings->trust,
		.connect_timeout_ms = settings->connect_timeout_ms > 0 ? settings->connect_timeout_ms : 30000,
		.max_message = MESSAGE_MAX,
		.handlers = { .opened = on_opened, .message = on_message, .closed = on_closed },
		.arg = d,
	};

	d->proxy = http_proxy_for(settings->proxy, origin->tls, origin->host);
	if (d->proxy && !str_starts_with(d->proxy, "http://"))
		return err_set(err, ST_CONFIG, "unsupported proxy '%.*s://' for the WebSocket: expected http://",
			(int)strcspn(d->proxy, ":"), d->proxy);
	config.proxy = d->proxy;
	return ws_new(&d->ws, &config, err);
}

static void make_worker(struct driver *d)
{
	struct worker_config config = {
		.client = d->client, .host = ws_host(d->ws), .watch = watch_worker, .unwatch = unwatch_worker, .arg = d
	};

	d->worker = worker_new(&config);
}

static void watch_all(struct driver *d)
{
	struct stat out;

	/* epoll(7) refuses regular files and directories, which never block */
	d->plain_file = fstat(d->options->out, &out) || S_ISREG(out.st_mode);
	if (!d->plain_file && !loop_watch(&d->loop, d->options->out, 0, on_out, d))
		d->plain_file = true;
	if (interrupt_fd() >= 0)
		loop_watch(&d->loop, interrupt_fd(), EPOLLIN, on_interrupt, d);
	d->save_at = d->sync_at = d->watchdog_at = d->exec_at = LISTEN_NEVER;
	if (d->options->notify_socket && d->options->watchdog_ms > 0)
		d->watchdog_at = clock_mono_ms() + d->options->watchdog_ms / 2;
}

static enum status set_up(struct driver *d, struct err *err)
{
	enum status st;
	bool baseline;

	if ((st = listen_lock(client_store(d->client), d->options->takeover, &d->lock, err)))
		return st;
	if ((st = open_cursor(d, &baseline, err)))
		return st;
	if ((st = loop_init(&d->loop, err)))
		return st;
	d->timer = (struct loop_timer){ .at_ms = LOOP_NEVER };
	loop_timer_add(&d->loop, &d->timer);
	if ((st = make_socket(d, err)))
		return st;
	if (d->options->exec && (st = exec_init(&d->exec, d->options, &d->exec_queue, d->cursor, err)))
		return st;
	make_worker(d);
	d->machine = make_machine(d, baseline);
	watch_all(d);
	return ST_OK;
}

static void tear_down(struct driver *d)
{
	worker_free(d->worker);
	machine_free(d->machine);
	ws_free(d->ws);
	loop_release(&d->loop);
	exec_release(&d->exec);
	exec_queue_release(&d->exec_queue);
	output_queue_release(&d->output);
	cursor_free(d->cursor);
	free(d->proxy);
	if (d->lock >= 0)
		close(d->lock);
}

enum status listen_run(struct client *client, const struct listen_options *options, struct err *err)
{
	struct driver d = { .options = options, .client = client, .lock = -1, .err = ERR_INIT };
	enum status st;

	mem_return_large();
	output_queue_init(&d.output);
	exec_queue_init(&d.exec_queue);
	if (!(st = set_up(&d, err))) {
		run_loop(&d);
		notify(&d, "STOPPING=1");
		save_cursor(&d, true);
		st = d.status;
		if (!st && d.save_failed) {
			d.err = d.save_err;
			st = d.err.status;
		}
		if (!st && d.cursor_lost && options->once)
			st = err_set(&d.err, ST_DATA, "nothing was backfilled: the checkpoint is corrupt");
		if (!st && d.exec.dead_lettered)
			st = err_set(&d.err, ST_PARTIAL, "%lld message%s %s", (long long)d.exec.dead_lettered,
				str_plural(d.exec.dead_lettered), options->dead_letter ? "dead-lettered" : "dropped");
		if (!st && d.exec_queue.deferred)
			st = err_set(&d.err, ST_TEMPFAIL, "%zu message%s deferred to the next run",
				d.exec_queue.deferred, str_plural((int64_t)d.exec_queue.deferred));
		if (st)
			*err = d.err;
	}
	tear_down(&d);
	return st;
}
