/*
 * net-int.h - what net.c and conn.c share: their structs, and the functions of libwebsockets.
 */
#ifndef KANDY_SANDBOX_NET_INT_H
#define KANDY_SANDBOX_NET_INT_H

#include "base/dynlib.h"
#include "sandbox/net.h"

#include <libwebsockets.h>

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

struct net_lws {
	LWS_FUNCTIONS(DYNLIB_SLOT)
};
extern struct net_lws net_lws; /* filled by net_new() */
#define DYNLIB_TABLE net_lws
#include "dynlib_calls.h"

enum { READ_CHUNK = 64 * 1024, WRITE_CHUNK = 64 * 1024 };

/* libwebsockets owns its memory, so it must not be used after closed(). */
struct conn {
	struct net *net;
	struct lws *wsi;
	void *user;
	uint64_t number;
	struct buf out; /* LWS_PRE bytes, then the output queue */
	size_t sent; /* the queue starts here in `out`; 0: `out` is not initialized */
	struct net_timer *timer; /* for the throttle and for CONN_FLUSH */
	size_t throttle_bytes;
	int64_t throttle_ms;
	bool pausing; /* between two writes of a throttled connection */
	bool flushing; /* CONN_FLUSH was requested */
	bool lingering; /* all is sent, and the sending side is shut down */
	bool dead; /* the loop will close it */
	bool frozen, held;
	bool has_input; /* something was received */
};

struct net {
	struct lws_context *context;
	struct lws_vhost *vhost;
	const struct net_handler *handler;
	void *arg;
	size_t queue_max;
	uint64_t conns;
	struct lws_protocols protocols[3];
	bool stopped, ending;
};

int conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in, size_t len);

#endif
