/*
 * sandbox.h - the gate of lib/sandbox: a local CPaaS server for offline use and tests.
 *
 * The room serves the protocol of the real service: tokens, notification channels and their WebSockets, chat, groups,
 * attachments, SMS and history. net.h wraps libwebsockets (TCP, TLS, event loop), server.c speaks HTTP/1.1, routes.c
 * finds the handler of a request, and the handlers (chat.c, channel.c ...) change the state in world.h and push
 * notifications to the WebSockets in socket.c. Faults are injected on request, and all traffic can be recorded.
 *
 * The room uses base, json, crypto and libwebsockets only. It shares no encoder or decoder with the client, so client
 * and server are two independent implementations of one protocol.
 *
 * Everything runs on the thread that calls sandbox_run().
 */
#ifndef KANDY_SANDBOX_SANDBOX_H
#define KANDY_SANDBOX_SANDBOX_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_CLIENT_ID "PUB-sandbox"

struct sandbox;

/* The options of `kandy sandbox` are read straight into this struct; their help describes the members. */
struct sandbox_config {
	const char *address; /* numeric, of either family */
	int64_t port; /* 0: any free port */
	bool no_tls;
	const char *dir; /* for temporary files */
	const char *record; /* file; NULL: none */
	const char *const *users; /* in addition to alice, bob, carol and dave */
	size_t user_count;

	int64_t token_life_ms, refresh_life_ms, token_size, channel_life_ms;
	int64_t keep_per_conversation, keep_messages, keep_bytes, attachment_bytes, queue_bytes;

	const char *last_message_time; /* "from" or "until" */
	const char *next; /* "message" or "offset" */
	bool no_range, relative_links, milliseconds;

	const char *const *faults; /* see faults.h */
	size_t fault_count;
	int64_t history_delay_ms, history_grows;
	int64_t drop_every_ms, drop_times; /* 0: never; no limit */
	bool silent_expiry;
	int64_t check_ms;
	int64_t cert_days; /* negative: expired */
	const char *cert_host; /* NULL: 127.0.0.1, ::1 and localhost */
};

/* Listens; requests are served by sandbox_run(). `config` and what it points to must outlive the sandbox. */
enum status sandbox_new(struct sandbox **out, const struct sandbox_config *config, struct err *err) MUST_USE;
void sandbox_free(struct sandbox *sandbox);

const char *sandbox_base_url(const struct sandbox *sandbox); /* "https://127.0.0.1:40123" */
const struct buf *sandbox_cert(const struct sandbox *sandbox); /* PEM; empty without TLS */

/* Calls `ready` whenever `fd` is readable or at its end, until it returns false. */
enum status sandbox_watch(struct sandbox *sandbox, int fd, bool (*ready)(void *arg), void *arg,
	struct err *err) MUST_USE;

void sandbox_run(struct sandbox *sandbox); /* until sandbox_stop() */
void sandbox_stop(struct sandbox *sandbox); /* from a `ready` function */

#endif
