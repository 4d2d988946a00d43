/*
 * recipient.h - what commands about one conversation share: a session, and an address as the first operand.
 */
#ifndef KANDY_CMD_RECIPIENT_H
#define KANDY_CMD_RECIPIENT_H

#include "wire/address.h"
#include "cmd/session_opts.h"

struct recipient {
	struct session_handle session;
	struct client *client; /* the session's, with a valid token */
	struct address address;
};

/*
 * Parses the first operand and opens the session. ST_USAGE for an invalid address, and for a further operand that
 * cannot be a message ID; both are checked before any request. After a success, release with recipient_close().
 */
enum status recipient_open(struct recipient *recipient, const struct run_ctx *ctx, const struct session_params *params,
	struct err *err) MUST_USE;
void recipient_close(struct recipient *recipient);

/* Begins a line (output_begin()) with the address. */
void recipient_begin(const struct recipient *recipient, struct buf *line, const char *event);

#endif
