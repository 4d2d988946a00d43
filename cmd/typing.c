/*
 * typing.c - send a typing indicator.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/recipient.h"
#include "json/json.h"

struct typing_params {
	struct common_params common;
	struct session_params session;
	bool stop;
};

static enum status print(const struct recipient *recipient, bool active, struct err *err)
{
	struct buf line;

	recipient_begin(recipient, &line, "typing");
	json_add_string(&line, "sender", client_session(recipient->client)->address);
	json_add_string(&line, "direction", "outbound");
	json_add_string(&line, "state", active ? "active" : "idle");
	return output_end(&line, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct typing_params *params = p;
	struct recipient recipient;
	enum status st = recipient_open(&recipient, ctx, &params->session, err);

	if (st)
		return st;
	if (!(st = conversation_typing(recipient.client, &recipient.address, !params->stop, err)))
		st = print(&recipient, !params->stop, err);
	recipient_close(&recipient);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_FLAG, .name = "stop", .at = offsetof(struct typing_params, stop), .help = "clear the indicator" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct typing_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct typing_params, common) },
	{ 0 },
};

const struct command cmd_typing = {
	.name = "typing",
	.operands = "ADDRESS",
	.operands_min = 1,
	.operands_max = 1,
	.operand_hint = HINT_ADDRESS,
	.summary = "send a typing indicator",
	.description = CLI_LIST(
		"Shows the other participants of a chat that a message is being written. The indicator expires after a minute or when a message "
		"arrives; repeat the command to keep it."),
	.opts = opts,
	.params_size = sizeof(struct typing_params),
	.examples = CLI_EXAMPLES({ "kandy typing bob@sandbox.example", "show the typing indicator" },
		{ "kandy typing --stop bob@sandbox.example", "clear it" }),
	.see_also = CLI_LIST("send", "read"),
	.run = run,
};
