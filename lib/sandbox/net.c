#include "sandbox/net.h"

#include "base/clock.h"
#include "base/dynlib.h"
#include "base/log.h"
#include "base/mem.h"
#include "sonames.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LWS_FUNCTIONS(X) \
	X(lws_create_context) \
	X(lws_create_vhost) \
	X(lws_context_destroy) \
	X(lws_service) \
	X(lws_cancel_service) \
	X(lws_set_log_level) \
	X(lws_get_vhost_listen_port) \
	X(lws_get_vhost) \
	X(lws_vhost_user) \
	X(lws_adopt_descriptor_vhost) \
	X(lws_wsi_user) \
	X(lws_callback_on_writable) \
	X(lws_write) \
	X(lws_partial_buffered) \
	X(lws_send_pipe_choked) \
	X(lws_rx_flow_control) \
	X(lws_set_timeout) \
	X(lws_get_socket_fd) \
	X(lws_sul_schedule) \
	X(lws_sul_cancel) \
	X(lws_SHA1) \
	X(lws_b64_encode_string)

static struct {
	LWS_FUNCTIONS(DYNLIB_SLOT)
} lws_api;
#define DYNLIB_TABLE lws_api
static const struct dynlib_symbol lws_symbols[] = { LWS_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };

#define lws_create_context lws_api.p_lws_create_context
#define lws_create_vhost lws_api.p_lws_create_vhost
#define lws_context_destroy lws_api.p_lws_context_destroy
#define lws_service lws_api.p_lws_service
#define lws_cancel_service lws_api.p_lws_cancel_service
#define lws_set_log_level lws_api.p_lws_set_log_level
#define lws_get_vhost_listen_port lws_api.p_lws_get_vhost_listen_port
#define lws_get_vhost lws_api.p_lws_get_vhost
#define lws_vhost_user lws_api.p_lws_vhost_user
#define lws_adopt_descriptor_vhost lws_api.p_lws_adopt_descriptor_vhost
#define lws_wsi_user lws_api.p_lws_wsi_user
#define lws_callback_on_writable lws_api.p_lws_callback_on_writable
#define lws_write lws_api.p_lws_write
#define lws_partial_buffered lws_api.p_lws_partial_buffered
#define lws_send_pipe_choked lws_api.p_lws_send_pipe_choked
#define lws_rx_flow_control lws_api.p_lws_rx_flow_control
#define lws_set_timeout lws_api.p_lws_set_timeout
#define lws_get_socket_fd lws_api.p_lws_get_socket_fd
#define lws_sul_schedule lws_api.p_lws_sul_schedule
#define lws_sul_cancel lws_api.p_lws_sul_cancel
#define lws_SHA1 lws_api.p_lws_SHA1
#define lws_b64_encode_string lws_api.p_lws_b64_encode_string

enum {
	READ_CHUNK = 64 * 1024,
	WRITE_CHUNK = 64 * 1024,
	LINGER_MS = 1000, /* how long what the peer still sends is read after CONN_FLUSH */
};

/* Lives in the memory that libwebsockets keeps for each connection, so it must not be touched after closed(). */
struct conn {
	struct net *net;
	struct lws *wsi;
	void *user;
	uint64_t number;
	struct buf out; /* out.data + sent: not yet handed over; LWS_PRE bytes stand before the first one */
	size_t sent;
	struct net_timer *timer; /* for the pace, and for the linger */
	size_t pace_bytes;
	int64_t pace_ms;
	bool pausing; /* between two writes of a paced connection */
	bool flushing; /* CONN_FLUSH was asked for */
	bool lingering; /* all is sent, and the sending side is shut */
	bool dead; /* to be closed by the loop at the next chance */
	bool frozen, held;
	bool spoken; /* something has come in */
};

struct watch {
	struct net *net;
	bool (*ready)(void *arg);
	void *arg;
	bool over; /* it returned false */
	struct watch *next;
};

struct net {
	struct lws_context *context;
	struct lws_vhost *vhost;
	const struct net_handler *handler;
	void *arg;
	size_t queue_max;
	uint64_t conns;
	struct watch *watches;
	struct lws_protocols protocols[3];
	bool stopped, ending;
};

struct net_timer {
	lws_sorted_usec_list_t sul;
	struct net *net;
	void (*fire)(void *arg);
	void *arg;
};

static void timer_fired(lws_sorted_usec_list_t *sul)
{
	struct net_timer *timer = lws_container_of(sul, struct net_timer, sul);

	timer->fire(timer->arg);
}

struct net_timer *net_timer_new(struct net *net, void (*fire)(void *arg), void *arg)
{
	struct net_timer *timer = xcalloc(1, sizeof(*timer));

	timer->net = net;
	timer->fire = fire;
	timer->arg = arg;
	return timer;
}

void net_timer_set(struct net_timer *timer, int64_t ms)
{
	if (ms < 0)
		lws_sul_cancel(&timer->sul);
	else
		lws_sul_schedule(timer->net->context, 0, &timer->sul, timer_fired, ms ? ms * LWS_US_PER_MS : 1);
}

void net_timer_free(struct net_timer *timer)
{
	if (!timer)
		return;
	lws_sul_cancel(&timer->sul);
	free(timer);
}

/* ---- one connection ------------------------------------------------------------------------------------------- */

uint64_t conn_number(const struct conn *conn)
{
	return conn->number;
}

bool conn_closing(const struct conn *conn)
{
	return conn->dead || conn->flushing;
}

size_t conn_queued(const struct conn *conn)
{
	return conn->out.len - conn->sent;
}

static void conn_kill(struct conn *conn)
{
	if (conn->dead)
		return;
	conn->dead = true;
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

static void conn_timer(void *arg)
{
	struct conn *conn = arg;

	if (conn->lingering) {
		conn_kill(conn);
	} else {
		conn->pausing = false;
		lws_callback_on_writable(conn->wsi);
	}
}

static void conn_timer_set(struct conn *conn, int64_t ms)
{
	if (!conn->timer)
		conn->timer = net_timer_new(conn->net, conn_timer, conn);
	net_timer_set(conn->timer, ms);
}

void conn_close(struct conn *conn, enum conn_end how)
{
	struct linger reset = { .l_onoff = 1 };

	if (conn->dead)
		return;
	if (how == CONN_FLUSH) {
		conn->flushing = true;
		if (!conn->frozen)
			lws_callback_on_writable(conn->wsi);
		return;
	}
	if (how == CONN_RESET)
		setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	conn_kill(conn);
}

void conn_hold(struct conn *conn, bool held)
{
	if (conn->held == held || conn->frozen || conn->dead)
		return;
	conn->held = held;
	lws_rx_flow_control(conn->wsi, !held);
}

void conn_freeze(struct conn *conn)
{
	conn_hold(conn, true);
	conn->frozen = true;
}

void conn_pace(struct conn *conn, size_t bytes, int64_t ms)
{
	conn->pace_bytes = bytes;
	conn->pace_ms = ms;
}

void conn_write(struct conn *conn, const void *p, size_t len)
{
	if (conn->dead || conn->flushing)
		return;
	if (!conn->sent) {
		buf_init(&conn->out, BUF_NO_MAX);
		buf_reserve(&conn->out, LWS_PRE + 512);
		memset(conn->out.data, 0, LWS_PRE);
		buf_commit(&conn->out, LWS_PRE);
		conn->sent = LWS_PRE;
	}
	if (conn_queued(conn) + len > conn->net->queue_max) {
		log_verbose("connection %llu: its reader is too slow; closed", (unsigned long long)conn->number);
		conn_kill(conn);
		return;
	}
	buf_add(&conn->out, p, len);
	if (!conn->frozen && !conn->pausing)
		lws_callback_on_writable(conn->wsi);
}

bool conn_write_now(struct conn *conn, const void *p, size_t len)
{
	struct buf copy;
	bool ok;

	if (conn_closing(conn) || conn->frozen || conn_queued(conn) || lws_partial_buffered(conn->wsi))
		return false;
	buf_init(&copy, BUF_NO_MAX);
	buf_reserve(&copy, LWS_PRE + len);
	memset(copy.data, 0, LWS_PRE);
	memcpy(copy.data + LWS_PRE, p, len);
	ok = lws_write(conn->wsi, (unsigned char *)copy.data + LWS_PRE, len, LWS_WRITE_RAW) >= (int)len;
	buf_release(&copy);
	if (!ok)
		conn_kill(conn);
	lws_callback_on_writable(conn->wsi);
	return true;
}

/* The memory of what was sent is used again once it is the larger part. */
static void conn_compact(struct conn *conn)
{
	size_t gone = conn->sent - LWS_PRE;

	if (conn->sent == conn->out.len) {
		if (conn->out.cap > 4 * WRITE_CHUNK) {
			buf_release(&conn->out);
			conn->sent = 0;
		} else {
			buf_truncate(&conn->out, LWS_PRE);
			conn->sent = LWS_PRE;
		}
	} else if (gone >= WRITE_CHUNK && gone > conn->out.len / 2) {
		buf_consume(&conn->out, gone);
		conn->sent = LWS_PRE;
	}
}

/* All that had to be sent has gone: the sending side is shut, and the peer gets a moment to notice. */
static int conn_linger(struct conn *conn)
{
	if (shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR))
		return -1;
	conn->lingering = true;
	if (conn->held) {
		conn->held = false;
		lws_rx_flow_control(conn->wsi, 1);
	}
	conn_timer_set(conn, LINGER_MS);
	return 0;
}

static int conn_writable(struct conn *conn)
{
	size_t len = conn_queued(conn), most = conn->pace_bytes ? conn->pace_bytes : WRITE_CHUNK;

	if (conn->dead)
		return -1;
	if (conn->frozen || conn->lingering || conn->pausing)
		return 0;
	if (lws_partial_buffered(conn->wsi)) {
		lws_callback_on_writable(conn->wsi);
		return 0;
	}
	if (len > most)
		len = most;
	if (len) {
		unsigned char *p = (unsigned char *)conn->out.data + conn->sent;

		if (lws_write(conn->wsi, p, len, LWS_WRITE_RAW) < (int)len)
			return -1;
		conn->sent += len;
		conn_compact(conn);
	}
	if (!conn_queued(conn) && !conn->flushing)
		conn->net->handler->drained(conn->user);
	if (conn->dead)
		return -1;
	if (!conn_queued(conn) && !lws_partial_buffered(conn->wsi))
		return conn->flushing ? conn_linger(conn) : 0;
	if (conn->pace_bytes) {
		conn->pausing = true;
		conn_timer_set(conn, conn->pace_ms);
	} else {
		lws_callback_on_writable(conn->wsi);
	}
	return 0;
}

static int conn_opened(struct net *net, struct conn *conn, struct lws *wsi)
{
	conn->net = net;
	conn->wsi = wsi;
	conn->number = ++net->conns;
	conn->user = net->handler->open(net->arg, conn);
	return conn->dead ? -1 : 0;
}

static void conn_gone(struct conn *conn)
{
	if (!conn->user)
		return;
	conn->dead = true;
	conn->net->handler->closed(conn->user);
	conn->user = NULL;
	net_timer_free(conn->timer);
	conn->timer = NULL;
	if (conn->sent)
		buf_release(&conn->out);
}

static int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len)
{
	struct conn *conn = session;

	switch (reason) {
	case LWS_CALLBACK_RAW_ADOPT: return conn_opened(lws_vhost_user(lws_get_vhost(wsi)), conn, wsi);
	case LWS_CALLBACK_RAW_RX:
		/* the five seconds that libwebsockets gives a TLS handshake go on counting after it (4.1.6) */
		if (!conn->spoken && !conn->dead)
			lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
		conn->spoken = true;
		if (!conn->dead && !conn->flushing)
			conn->net->handler->input(conn->user, in, len);
		return conn->dead ? -1 : 0;
	case LWS_CALLBACK_RAW_WRITEABLE: return conn_writable(conn);
	case LWS_CALLBACK_RAW_CLOSE:
		if (conn)
			conn_gone(conn);
		return 0;
	default: return 0;
	}
}

/* ---- other descriptors ---------------------------------------------------------------------------------------- */

static int watch_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len)
{
	struct watch *watch = session ? *(struct watch **)session : NULL;

	(void)wsi;
	(void)in;
	(void)len;
	if (!watch || watch->net->ending || watch->over)
		return 0;
	/* a pipe whose writer has gone is hung up and not readable: libwebsockets closes it without a word more */
	if (reason == LWS_CALLBACK_RAW_RX_FILE || reason == LWS_CALLBACK_RAW_CLOSE_FILE)
		watch->over = !watch->ready(watch->arg);
	return watch->over ? -1 : 0;
}

enum status net_watch(struct net *net, int fd, bool (*ready)(void *arg), void *arg, struct err *err)
{
	struct watch *watch;
	struct lws *wsi;
	lws_sock_file_fd_type own = { .filefd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };

	if (own.filefd < 0)
		return err_set(err, ST_INTERNAL, "cannot watch a descriptor: %s", strerror(errno));
	wsi = lws_adopt_descriptor_vhost(net->vhost, LWS_ADOPT_RAW_FILE_DESC, own, "watch", NULL);
	if (!wsi)
		return err_set(err, ST_INTERNAL, "cannot watch a descriptor"); /* libwebsockets has closed it */
	watch = xcalloc(1, sizeof(*watch));
	*watch = (struct watch){ .net = net, .ready = ready, .arg = arg, .next = net->watches };
	net->watches = watch;
	*(struct watch **)lws_wsi_user(wsi) = watch;
	return ST_OK;
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void lws_log(int level, const char *line)
{
	(void)level;
	log_verbose("libwebsockets: %s", line);
}

/* libwebsockets takes an EC key from a file alone, so the PEM stands in memory under a file's name. */
static int memory_file(const struct buf *pem)
{
	int fd = memfd_create("kandy-sandbox", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, pem->data, pem->len) != (ssize_t)pem->len) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum status net_listen(struct net *net, const struct net_config *config, struct err *err)
{
	struct lws_context_creation_info info = {
		.port = config->port,
		.iface = config->address,
		.protocols = net->protocols,
		.options = LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG,
		.listen_accept_role = "raw-skt",
		.listen_accept_protocol = "connection",
		.alpn = "http/1.1",
		.user = net,
		.vhost_name = "sandbox",
	};
	int cert = -1, key = -1;
	char cert_path[32], key_path[32];
	enum status status = ST_OK;

	if (config->cert_pem) {
		cert = memory_file(config->cert_pem);
		key = memory_file(config->key_pem);
		if (cert < 0 || key < 0) {
			status =
				err_set(err, ST_INTERNAL, "cannot keep the certificate in memory: %s", strerror(errno));
			goto out;
		}
		snprintf(cert_path, sizeof(cert_path), "/proc/self/fd/%d", cert);
		snprintf(key_path, sizeof(key_path), "/proc/self/fd/%d", key);
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = cert_path;
		info.ssl_private_key_filepath = key_path;
	}
	net->vhost = lws_create_vhost(net->context, &info);
	if (!net->vhost)
		status = err_set(err, ST_UNAVAILABLE, "cannot listen on port %u of %s; is it taken?", config->port,
			config->address);
	else if (lws_get_vhost_listen_port(net->vhost) <= 0)
		status = err_set(err, ST_UNAVAILABLE, "cannot listen on %s", config->address);
out:
	if (cert >= 0)
		close(cert);
	if (key >= 0)
		close(key);
	return status;
}

enum status net_new(struct net **out, const struct net_config *config, struct err *err)
{
	struct net *net;
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
			(config->cert_pem ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
		.fd_limit_per_thread = 4096,
		.pt_serv_buf_size = READ_CHUNK,
	};
	enum status status = dynlib_load(SONAME_WEBSOCKETS, "libwebsockets17", lws_symbols, err);

	if (status)
		return status;
	net = xcalloc(1, sizeof(*net));
	net->handler = config->handler;
	net->arg = config->arg;
	net->queue_max = config->queue_max;
	net->protocols[0] = (struct lws_protocols){ .name = "connection",
		.callback = conn_callback,
		.per_session_data_size = sizeof(struct conn),
		.rx_buffer_size = READ_CHUNK,
		.tx_packet_size = WRITE_CHUNK };
	net->protocols[1] = (struct lws_protocols){
		.name = "watch", .callback = watch_callback, .per_session_data_size = sizeof(struct watch *)
	};
	lws_set_log_level(LLL_ERR | LLL_WARN, lws_log);
	net->context = lws_create_context(&info);
	status = net->context ? net_listen(net, config, err) : err_set(err, ST_INTERNAL, "libwebsockets cannot start");
	if (status)
		net_free(net);
	else
		*out = net;
	return status;
}

void net_free(struct net *net)
{
	struct watch *watch;

	if (!net)
		return;
	net->ending = true;
	if (net->context)
		lws_context_destroy(net->context);
	while ((watch = net->watches)) {
		net->watches = watch->next;
		free(watch);
	}
	free(net);
}

uint64_t net_connections(const struct net *net)
{
	return net->conns;
}

uint16_t net_port(const struct net *net)
{
	return (uint16_t)lws_get_vhost_listen_port(net->vhost);
}

void net_run(struct net *net)
{
	while (!net->stopped && lws_service(net->context, 0) >= 0)
		;
}

void net_stop(struct net *net)
{
	net->stopped = true;
	lws_cancel_service(net->context);
}

void net_websocket_accept(const char *key, char out[static 32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[20];
	struct buf b;

	buf_init(&b, 256);
	buf_adds(&b, key);
	buf_adds(&b, guid);
	lws_SHA1((const unsigned char *)b.data, b.len, digest);
	lws_b64_encode_string((const char *)digest, sizeof(digest), out, 32);
	buf_release(&b);
}
