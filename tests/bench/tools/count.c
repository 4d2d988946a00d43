/*
 * count.c - a libwebsockets client that only counts messages, to measure the minimal cost of the library.
 *
 *	count PORT CAFILE COUNT
 */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static long left;
static bool done, failed;

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	(void)in;
	(void)len;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi) && --left == 0) {
			done = true;
			lws_cancel_service(lws_get_context(wsi));
			return -1;
		}
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		failed = true;
		/* fall through */
	case LWS_CALLBACK_CLIENT_CLOSED:
		done = true;
		lws_cancel_service(lws_get_context(wsi));
		break;
	default: break;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = { { "count", on_event, 0, 4096, 0, NULL, 0 },
		{ NULL, NULL, 0, 0, 0, NULL, 0 } };
	struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.client_ssl_ca_filepath = argc > 2 ? argv[2] : NULL,
		.pt_serv_buf_size = 65536,
		.fd_limit_per_thread = 32 };
	struct lws_client_connect_info connect = { .address = "localhost",
		.host = "localhost",
		.origin = "localhost",
		.path = "/cpaas/notificationchannel/v1/bench-user/channels/ws-1/websocket",
		.ssl_connection = LCCSCF_USE_SSL };

	if (argc != 4)
		return 64;
	left = atol(argv[3]);
	lws_set_log_level(0, NULL);
	connect.context = lws_create_context(&info);
	connect.port = atoi(argv[1]);
	if (!connect.context || !lws_client_connect_via_info(&connect))
		return 69;
	while (!done && lws_service(connect.context, 0) >= 0)
		;
	lws_context_destroy(connect.context);
	return failed || left ? 1 : 0;
}
