#include "sandbox/net.h"

#include "base/log.h"
#include "base/mem.h"
#include "sandbox/net-int.h"
#include "sonames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct dynlib_symbol lws_symbols[] = { LWS_FUNCTIONS(DYNLIB_SYMBOL){ NULL, NULL } };

/* ---- watched descriptors ---------------------------------------------------------------------------------------- */

/* The session of a watched descriptor, in the memory of libwebsockets. */
struct watch {
	struct net *net; /* NULL: not set up yet */
	bool (*ready)(void *arg);
	void *arg;
	bool over; /* `ready` returned false */
};

static int watch_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len)
{
	struct watch *watch = session;

	(void)wsi;
	(void)in;
	(void)len;
	if (!watch || !watch->net || watch->net->ending || watch->over)
		return 0;
	/* at the end of a pipe, libwebsockets only reports the close */
	if (reason == LWS_CALLBACK_RAW_RX_FILE || reason == LWS_CALLBACK_RAW_CLOSE_FILE)
		watch->over = !watch->ready(watch->arg);
	return watch->over ? -1 : 0;
}

enum status net_watch(struct net *net, int fd, bool (*ready)(void *arg), void *arg, struct err *err)
{
	struct lws *wsi;
	lws_sock_file_fd_type own = { .filefd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };

	if (own.filefd < 0)
		return err_set(err, ST_INTERNAL, "cannot watch a descriptor: %s", strerror(errno));
	wsi = lws_adopt_descriptor_vhost(net->vhost, LWS_ADOPT_RAW_FILE_DESC, own, "watch", NULL);
	if (!wsi)
		return err_set(err, ST_INTERNAL, "cannot watch a descriptor"); /* libwebsockets has closed it */
	*(struct watch *)lws_wsi_user(wsi) = (struct watch){ .net = net, .ready = ready, .arg = arg };
	return ST_OK;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void lws_log(int level, const char *line)
{
	(void)level;
	log_verbose("libwebsockets: %s", line);
}

/* libwebsockets reads an EC key from a file only. */
static int memory_file(const struct buf *pem)
{
	int fd = memfd_create("kandy-sandbox", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, pem->data, pem->len) != (ssize_t)pem->len) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum status net_listen(struct net *net, const struct sandbox_config *config, const struct buf *cert_pem,
	const struct buf *key_pem, struct err *err)
{
	struct lws_context_creation_info info = {
		.port = (int)config->port,
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

	if (!config->no_tls) {
		cert = memory_file(cert_pem);
		key = memory_file(key_pem);
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
	if (net->vhost && lws_get_vhost_listen_port(net->vhost) > 0)
		goto out;
	/* libwebsockets gives no reason: does it work without TLS? */
	info.options &= ~(uint64_t)LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.ssl_cert_filepath = info.ssl_private_key_filepath = NULL;
	if (!config->no_tls && lws_create_vhost(net->context, &info))
		status = err_set(err, ST_CONFIG,
			"OpenSSL does not accept the certificate of the sandbox; lower its security level, or use "
			"--no-tls");
	else
		status = err_set(err, ST_UNAVAILABLE, "cannot listen on port %lld of %s; is it in use?",
			(long long)config->port, config->address);
out:
	if (cert >= 0)
		close(cert);
	if (key >= 0)
		close(key);
	return status;
}

enum status net_new(struct net **out, const struct sandbox_config *config, const struct buf *cert_pem,
	const struct buf *key_pem, const struct net_handler *handler, void *arg, struct err *err)
{
	struct net *net;
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
			(config->no_tls ? 0 : LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT),
		.fd_limit_per_thread = 4096,
		.pt_serv_buf_size = READ_CHUNK,
	};
	enum status status = dynlib_load(SONAME_WEBSOCKETS, "libwebsockets17", lws_symbols, err);

	if (status)
		return status;
	net = xcalloc(1, sizeof(*net));
	net->handler = handler;
	net->arg = arg;
	net->queue_max = (size_t)config->queue_bytes;
	net->protocols[0] = (struct lws_protocols){ .name = "connection",
		.callback = conn_callback,
		.per_session_data_size = sizeof(struct conn),
		.rx_buffer_size = READ_CHUNK,
		.tx_packet_size = WRITE_CHUNK };
	net->protocols[1] = (struct lws_protocols){
		.name = "watch", .callback = watch_callback, .per_session_data_size = sizeof(struct watch)
	};
	lws_set_log_level(LLL_ERR | LLL_WARN, lws_log);
	net->context = lws_create_context(&info);
	status = net->context ? net_listen(net, config, cert_pem, key_pem, err)
			      : err_set(err, ST_INTERNAL, "cannot start libwebsockets");
	if (status)
		net_free(net);
	else
		*out = net;
	return status;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	net->ending = true;
	if (net->context)
		lws_context_destroy(net->context);
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
