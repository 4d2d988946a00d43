/*
 * listen_wire.h - what the listener and the process that makes its requests say to each other, as bytes. Pure.
 *
 * A message is the length of the rest (4 bytes), then its fields in a fixed order: numbers with 8 bytes, strings with
 * their length before them. Both sides are the same program on the same machine, so numbers are as the machine has
 * them. All the same, lengths and counts are checked against what is there, and a message that does not come out even
 * is refused: a process that was damaged must not take the other one along.
 */
#ifndef KANDY_LISTEN_LISTEN_WIRE_H
#define KANDY_LISTEN_LISTEN_WIRE_H

#include "listen/listener.h"

#define LISTEN_WIRE_MAX ((size_t)64 << 20) /* of one message */

/* A request with what it points to, and what the process cannot know by itself. */
struct listen_order {
	struct listener_request request; /* points into this struct */
	struct history_session session;
	char *next;
	struct secret given; /* the token that was given out last */
	uint64_t attempt; /* which of the origin's addresses comes next */
};
void listen_order_release(struct listen_order *order); /* also for a zeroed struct */

/*
 * Appends a message to `out`, which should be a secret buf without a maximum. A result that is too large becomes one
 * that says so (ST_PROTOCOL).
 */
void listen_wire_put_request(struct buf *out, const struct listener_request *request, const struct secret *given,
	uint64_t attempt);
void listen_wire_put_result(struct buf *out, const struct listener_result *result);

/* The length of the message that `p` begins with, its first 4 bytes included; 0: so much is not there yet. */
size_t listen_wire_length(const char *p, size_t len);

/*
 * One whole message, of listen_wire_length() bytes. False where it makes no sense; what is filled is released in
 * either case. A result's `messages` point into its own `page`, so the struct must stay where it is.
 */
bool listen_wire_get_request(const char *p, size_t len, struct listen_order *order) MUST_USE;
bool listen_wire_get_result(const char *p, size_t len, struct listener_result *result) MUST_USE;

#endif
