/*
 * sandbox.h - a CPaaS server on this machine, as protocol.md describes the real one.
 *
 * It shares no encoder or decoder with the client (base, json and crypto are all that it stands on), so that client and
 * server are two readings of one protocol. It misbehaves to order and records what it was sent.
 *
 * Everything happens on the thread that calls sandbox_run().
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

struct sandbox_config {
	const char *address; /* "127.0.0.1" or "::1" */
	uint16_t port; /* 0: any that is free */
	bool tls;
	const char *dir; /* for temporary files: "/tmp" */
	const char *record; /* file to append the record to; NULL: none */
	const char *const *users; /* names beyond alice, bob, carol and dave */
	size_t user_count;
	int64_t numbered_users; /* user1 ... userN */

	int64_t token_life_ms, refresh_life_ms, token_size; /* the size of an access token is at least that */
	int64_t channel_life_s; /* granted at most */
	int64_t keep_per_conversation, keep_messages, keep_bytes; /* messages; the oldest give way */
	int64_t attachment_bytes; /* all of them together */
	int64_t queue_bytes; /* waiting for one slow connection; then it is closed */

	const char *const *faults; /* faults.h */
	size_t fault_count;
	bool until; /* lastMessageTime leaves out what is newer instead of what is older */
	bool offsets; /* `next` counts messages from the newest, so that pages shift when something arrives */
	int64_t history_delay_ms;
	int64_t history_grows; /* messages that arrive from the peer with each page that is asked for */
	bool no_range, relative_links, no_outbound, milliseconds;
	int64_t cert_days; /* negative: expired */
	const char *cert_host; /* NULL: 127.0.0.1, ::1, localhost */

	/* sockets */
	int64_t drop_every_ms; /* jittered: between half and one and a half; 0: never */
	int64_t drop_times; /* so often at most; 0: no limit */
	int64_t fragment; /* notifications come in fragments of 1 to so many bytes; 0: whole */
	int64_t duplicate, reorder; /* each Nth notification comes twice, or after its successor; 0: none */
	bool mute; /* no connAck */
	bool silent_expiry; /* the sockets of a channel that has gone stay open */
	int64_t check_ms; /* interval of connChecks in the role `server` */
};

/* Listens; nothing is answered before sandbox_run(). `config` and what it points to must live as long. */
enum status sandbox_new(struct sandbox **out, const struct sandbox_config *config, struct err *err) MUST_USE;
void sandbox_free(struct sandbox *sandbox);

const char *sandbox_base_url(const struct sandbox *sandbox); /* "https://127.0.0.1:40123" */
const struct buf *sandbox_cert(const struct sandbox *sandbox); /* PEM; empty without TLS */

/* Calls `ready` when `fd` is readable (a child has ended, a signal came, stdin closed), until it returns false. */
enum status sandbox_watch(struct sandbox *sandbox, int fd, bool (*ready)(void *arg), void *arg,
	struct err *err) MUST_USE;

void sandbox_run(struct sandbox *sandbox); /* until sandbox_stop() */
void sandbox_stop(struct sandbox *sandbox); /* from a `ready` function */

#endif
