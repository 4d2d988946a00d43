/*
 * peer.h - what commands about one conversation have in common: a session, and an address as the
 * first operand.
 */
#ifndef KANDY_CMD_PEER_H
#define KANDY_CMD_PEER_H

#include "wire/address.h"
#include "cmd/session_opts.h"

/*
 * Parses the first operand, opens the session and makes sure of a token. Release both with
 * peer_close(), after a success. A wrong address is ST_USAGE, and so is an operand behind it that can be no message's
 * ID; both are found before anybody is asked.
 */
enum status peer_open(struct session_handle *handle, struct address *peer, const struct run_ctx *ctx,
	const struct session_params *params, struct err *err) MUST_USE;
void peer_close(struct session_handle *handle, struct address *peer);

/*
 * What every line about a conversation has of it: address_add().
 */
void peer_add(struct buf *line, const struct address *peer);

#endif
