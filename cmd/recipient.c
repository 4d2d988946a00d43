#include "cmd/recipient.h"

#include "base/url.h"
#include "cmd/output.h"

#include <string.h>

enum status recipient_open(struct recipient *recipient, const struct run_ctx *ctx, const struct session_params *params,
	struct err *err)
{
	enum status st;

	/* with an empty ID, from a script's empty variable, the path would name the whole conversation */
	for (size_t i = 1; i < ctx->cli->operand_count; i++) {
		if (!url_is_path_segment(ctx->cli->operands[i]))
			return err_set(err, ST_USAGE, "invalid message ID '%s'", ctx->cli->operands[i]);
	}
	if (address_parse(&recipient->address, ctx->cli->operands[0], NULL, err))
		return err->status = ST_USAGE;
	if (!(st = session_open(&recipient->session, ctx, params, false, err))) {
		recipient->client = recipient->session.client;
		if (!(st = client_authenticate(recipient->client, NULL, err)))
			return ST_OK;
		session_close(&recipient->session);
	}
	address_release(&recipient->address);
	return st;
}

void recipient_close(struct recipient *recipient)
{
	session_close(&recipient->session);
	address_release(&recipient->address);
}

void recipient_begin(const struct recipient *recipient, struct buf *line, const char *event)
{
	const struct address *address = &recipient->address;

	output_begin(line, event);
	address_add(line, address->type, address->id, strlen(address->id));
}
