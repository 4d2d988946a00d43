/*
 * The loop. libwebsockets waits with poll(2) on its own descriptors; ours hang behind one epoll descriptor that it is
 * given once, as a "raw file", which it only looks at. (Handing them over one by one would make libwebsockets set
 * O_NONBLOCK on them, which stdout shares with whoever else has it open.)
 */
#include "ws/ws-int.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

void ws_loop_ready(struct ws *ws)
{
	struct epoll_event events[16];
	int n = epoll_wait(ws->epoll, events, 16, 0);

	for (int i = 0; i < n; i++) {
		/* looked up anew for each: the handler before may have taken it out */
		for (size_t k = 0; k < ws->watch_count; k++) {
			if (ws->watches[k].fd == events[i].data.fd) {
				ws->watches[k].ready(ws->watches[k].arg, events[i].data.fd, events[i].events);
				break;
			}
		}
	}
}

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

static void on_timer(lws_sorted_usec_list_t *sul)
{
	struct ws *ws = lws_container_of(sul, struct ws, sul);

	ws->config.handlers.timer(ws->config.arg);
	/* after a timer poll(2) is entered again at once: let ws_step() return first */
	lws_cancel_service(ws->context);
}

void ws_timer(struct ws *ws, int64_t at_ms)
{
	int64_t wait;

	if (at_ms == INT64_MAX) {
		lws_sul_schedule(ws->context, 0, &ws->sul, NULL, LWS_SET_TIMER_USEC_CANCEL);
		return;
	}
	wait = at_ms - clock_mono_ms();
	lws_sul_schedule(ws->context, 0, &ws->sul, on_timer, wait > 0 ? wait * LWS_US_PER_MS : 1);
}

void ws_wake(struct ws *ws)
{
	lws_cancel_service(ws->context);
}

void ws_step(struct ws *ws)
{
	lws_service(ws->context, 0);
}

static void on_log(int level, const char *line)
{
	(void)level;
	log_trace("libwebsockets: %s", line);
}

static enum status make_context(struct ws *ws, const struct lws_protocols *protocols, struct err *err)
{
	static const lws_retry_bo_t no_pings = { .secs_since_valid_ping = 0, .secs_since_valid_hangup = 0 };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.user = ws,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.fd_limit_per_thread = 64, /* its tables grow with RLIMIT_NOFILE otherwise */
		.pt_serv_buf_size = 64 * 1024, /* one read takes so much; long tokens must fit too */
		.max_http_header_data = 16 * 1024,
		.timeout_secs = (unsigned)((ws->config.connect_timeout_ms + 999) / 1000),
		.connect_timeout_secs = (unsigned)((ws->config.connect_timeout_ms + 999) / 1000),
		.retry_and_idle_policy = &no_pings,
		.provided_client_ssl_ctx = ws->ssl_ctx,
		.http_proxy_address = ws->config.proxy ? ws->config.proxy : "", /* NULL would mean the environment's */
		.options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
	};

	if (ws->ssl_ctx)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	lws_set_log_level(log_tracing() ? LLL_ERR | LLL_WARN | LLL_NOTICE : 0, on_log);
	if (!(ws->context = lws_create_context(&info)))
		return err_set(err, ST_INTERNAL, "cannot set up libwebsockets");
	return ST_OK;
}

static enum status adopt_epoll(struct ws *ws, struct err *err)
{
	lws_sock_file_fd_type fd;

	if ((ws->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return err_set(err, ST_INTERNAL, "cannot set up the event loop: %s", strerror(errno));
	fd.filefd = ws->epoll;
	if (!lws_adopt_descriptor_vhost(lws_get_vhost_by_name(ws->context, "default"), LWS_ADOPT_RAW_FILE_DESC, fd,
		    "kandy", NULL))
		return err_set(err, ST_INTERNAL, "cannot set up the event loop");
	return ST_OK;
}

enum status ws_new(struct ws **out, const struct ws_config *config, struct err *err)
{
	struct ws *ws;
	enum status st;

	if ((st = ws_lws_load(err)))
		return st;
	ws = xcalloc(1, sizeof(*ws));
	ws->config = *config;
	ws->epoll = -1;
	if (config->origin->tls) {
		if ((st = tls_client_ctx(&ws->ssl_ctx, config->trust, err)))
			goto out;
		if ((st = tls_ctx_expect(ws->ssl_ctx, config->origin->host, err)))
			goto out;
	}
	if ((st = make_context(ws, ws_protocols, err)))
		goto out;
	st = adopt_epoll(ws, err);
out:
	if (st)
		ws_free(ws);
	else
		*out = ws;
	return st;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	if (ws->context) {
		ws_drop(ws);
		lws_context_destroy(ws->context); /* closes the epoll descriptor too, once it is adopted */
	} else if (ws->epoll >= 0) {
		close(ws->epoll);
	}
	ws_sockets_free(ws);
	tls_ctx_free(ws->ssl_ctx);
	free(ws->watches);
	free(ws);
}
