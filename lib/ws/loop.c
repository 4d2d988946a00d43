/*
 * The loop: one epoll descriptor for the connection and whatever else the owner watches. (Nothing sets O_NONBLOCK on a
 * watched descriptor, which stdout shares with whoever else has it open.)
 */
#include "ws/ws-int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct ws_watch *find_watch(struct ws *ws, int fd)
{
	for (size_t i = 0; i < ws->watch_count; i++) {
		if (ws->watches[i].fd == fd)
			return &ws->watches[i];
	}
	return NULL;
}

bool ws_watch(struct ws *ws, int fd, uint32_t events, void (*ready)(void *arg, int fd, uint32_t events), void *arg)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	struct ws_watch *watch = find_watch(ws, fd);

	if (epoll_ctl(ws->epoll, watch ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		return false;
	if (!watch) {
		ws->watches = xgrow(ws->watches, ws->watch_count, &ws->watch_cap, sizeof(*ws->watches));
		watch = &ws->watches[ws->watch_count++];
	}
	*watch = (struct ws_watch){ .fd = fd, .ready = ready, .arg = arg };
	return true;
}

void ws_unwatch(struct ws *ws, int fd)
{
	struct ws_watch *watch = find_watch(ws, fd);

	if (!watch)
		return;
	epoll_ctl(ws->epoll, EPOLL_CTL_DEL, fd, NULL);
	*watch = ws->watches[--ws->watch_count];
}

void ws_timer(struct ws *ws, int64_t at_ms)
{
	ws->timer_at = at_ms;
}

/* For epoll_wait(2): how long nothing needs to be done but what a descriptor says. */
static int patience(const struct ws *ws)
{
	const struct ws_socket *s = ws->socket;
	int64_t at = s && s->deadline < ws->timer_at ? s->deadline : ws->timer_at;
	int64_t wait;

	if (s && s->more && !s->paused)
		return 0;
	if (at == INT64_MAX)
		return -1;
	wait = at - clock_mono_ms();
	return wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : (int)wait;
}

/* The socket's turn comes last, so that what it brings is not waited for by the rest. */
static bool dispatch(struct ws *ws, const struct epoll_event *events, int n)
{
	bool socket_ready = false;

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;
		/* looked up anew for each: the handler before may have taken it out */
		const struct ws_watch *watch = find_watch(ws, fd);

		if (watch)
			watch->ready(watch->arg, fd, events[i].events);
		else
			socket_ready = true;
	}
	return socket_ready;
}

static void look_at_the_clock(struct ws *ws)
{
	int64_t now;

	if (ws->timer_at == INT64_MAX && !(ws->socket && ws->socket->deadline != INT64_MAX))
		return;
	now = clock_mono_ms();
	if (ws->socket && now >= ws->socket->deadline)
		ws_socket_late(ws);
	if (now >= ws->timer_at) {
		ws->timer_at = INT64_MAX;
		ws->config.handlers.timer(ws->config.arg);
	}
}

void ws_step(struct ws *ws)
{
	struct epoll_event events[16];
	int n = epoll_wait(ws->epoll, events, 16, patience(ws));
	bool ready = dispatch(ws, events, n);

	if (ws->socket && (ready || ws->socket->more))
		ws_socket_ready(ws);
	look_at_the_clock(ws);
	ws_sockets_free(ws);
}

static enum status make_loop(struct ws *ws, struct err *err)
{
	ws->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ws->epoll < 0)
		return err_set(err, ST_INTERNAL, "cannot set up the event loop: %s", strerror(errno));
	return ST_OK;
}

enum status ws_new(struct ws **out, const struct ws_config *config, struct err *err)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));
	enum status st;

	ws->config = *config;
	ws->timer_at = INT64_MAX;
	if ((st = make_loop(ws, err)))
		goto out;
	if (config->proxy && (st = handshake_proxy_parse(&ws->proxy, config->proxy, err)))
		goto out;
	if (config->origin->tls)
		st = tls_client_ctx(&ws->ssl_ctx, config->trust, err);
out:
	if (st)
		ws_free(ws);
	else
		*out = ws;
	return st;
}

const char *ws_host(const struct ws *ws)
{
	return ws->config.proxy ? ws->proxy.url.host : ws->config.origin->host;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	ws_drop(ws);
	ws_sockets_free(ws);
	if (ws->epoll >= 0)
		close(ws->epoll);
	handshake_proxy_release(&ws->proxy);
	tls_ctx_free(ws->ssl_ctx);
	free(ws->watches);
	free(ws);
}
