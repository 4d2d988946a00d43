/*
 * lws-int.h - libwebsockets as this room calls it: loaded when it is first needed (base/dl.h).
 */
#ifndef KANDY_WS_LWS_INT_H
#define KANDY_WS_LWS_INT_H

#include "base/dl.h"

/* its headers are not clean under our warnings */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wundef"
#include <libwebsockets.h>
#pragma GCC diagnostic pop

#define LWS_FUNCTIONS(X) \
	X(lws_adopt_descriptor_vhost) \
	X(lws_callback_on_writable) \
	X(lws_cancel_service) \
	X(lws_client_connect_via_info) \
	X(lws_close_reason) \
	X(lws_context_destroy) \
	X(lws_context_user) \
	X(lws_create_context) \
	X(lws_add_http_header_by_token) \
	X(lws_get_context) \
	X(lws_get_vhost_by_name) \
	X(lws_hdr_copy) \
	X(lws_http_client_http_response) \
	X(lws_is_final_fragment) \
	X(lws_remaining_packet_payload) \
	X(lws_rx_flow_control) \
	X(lws_service) \
	X(lws_set_log_level) \
	X(lws_set_timeout) \
	X(lws_sul_schedule) \
	X(lws_write)

extern struct ws_lws_api {
	LWS_FUNCTIONS(DL_SLOT)
} ws_lws_api;

enum status ws_lws_load(struct err *err) MUST_USE;

#define lws_adopt_descriptor_vhost ws_lws_api.p_lws_adopt_descriptor_vhost
#define lws_callback_on_writable ws_lws_api.p_lws_callback_on_writable
#define lws_cancel_service ws_lws_api.p_lws_cancel_service
#define lws_client_connect_via_info ws_lws_api.p_lws_client_connect_via_info
#define lws_close_reason ws_lws_api.p_lws_close_reason
#define lws_context_destroy ws_lws_api.p_lws_context_destroy
#define lws_context_user ws_lws_api.p_lws_context_user
#define lws_create_context ws_lws_api.p_lws_create_context
#define lws_add_http_header_by_token ws_lws_api.p_lws_add_http_header_by_token
#define lws_get_context ws_lws_api.p_lws_get_context
#define lws_get_vhost_by_name ws_lws_api.p_lws_get_vhost_by_name
#define lws_hdr_copy ws_lws_api.p_lws_hdr_copy
#define lws_http_client_http_response ws_lws_api.p_lws_http_client_http_response
#define lws_is_final_fragment ws_lws_api.p_lws_is_final_fragment
#define lws_remaining_packet_payload ws_lws_api.p_lws_remaining_packet_payload
#define lws_rx_flow_control ws_lws_api.p_lws_rx_flow_control
#define lws_service ws_lws_api.p_lws_service
#define lws_set_log_level ws_lws_api.p_lws_set_log_level
#define lws_set_timeout ws_lws_api.p_lws_set_timeout
#define lws_sul_schedule ws_lws_api.p_lws_sul_schedule
#define lws_write ws_lws_api.p_lws_write

#endif
