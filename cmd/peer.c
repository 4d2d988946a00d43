#include "cmd/peer.h"

#include "base/url.h"

#include <string.h>

enum status peer_open(struct session_handle *handle, struct address *peer, const struct run_ctx *ctx,
	const struct session_params *params, struct err *err)
{
	enum status st;

	/* an ID that is empty, since a script had none, would name the whole conversation */
	for (size_t i = 1; i < ctx->cli->operand_count; i++) {
		if (!url_is_path_segment(ctx->cli->operands[i]))
			return err_set(err, ST_USAGE, "'%s' is no message's ID", ctx->cli->operands[i]);
	}
	if (address_parse(peer, ctx->cli->operands[0], NULL, err))
		return err->status = ST_USAGE;
	if (!(st = session_open(handle, ctx, params, false, err))) {
		if (!(st = client_authenticate(handle->client, NULL, err)))
			return ST_OK;
		session_close(handle);
	}
	address_release(peer);
	return st;
}

void peer_close(struct session_handle *handle, struct address *peer)
{
	session_close(handle);
	address_release(peer);
}

void peer_add(struct buf *line, const struct address *peer)
{
	address_add(line, peer->type, peer->id, strlen(peer->id));
}
