/*
 * read.c - mark messages as read.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/recipient.h"
#include "json/json.h"

struct read_params {
	struct common_params common;
	struct session_params session;
};

static enum status read_one(const struct recipient *recipient, const char *message_id, struct err *err)
{
	enum status st = conversation_read(recipient->client, &recipient->address, message_id, err);
	struct buf line;

	if (st)
		return st;
	recipient_begin(recipient, &line, "receipt");
	json_add_string(&line, "messageId", message_id);
	json_add_string(&line, "status", "Displayed");
	return output_end(&line, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct read_params *params = p;
	struct recipient recipient;
	enum status st = recipient_open(&recipient, ctx, &params->session, err);

	if (st)
		return st;
	for (size_t i = 1; !st && i < ctx->cli->operand_count; i++)
		st = read_one(&recipient, ctx->cli->operands[i], err);
	recipient_close(&recipient);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct read_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct read_params, common) },
	{ 0 },
};

const struct command cmd_read = {
	.name = "read",
	.operands = "ADDRESS MESSAGE-ID...",
	.operands_min = 2,
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "mark messages as read",
	.description = CLI_LIST(
		"Marks chat messages as displayed; their sender can see that. SMS messages cannot be marked.",
		"Prints a line for each message, with \"event\":\"receipt\", type, destination, messageId, and \"status\":\"Displayed\"."),
	.opts = opts,
	.params_size = sizeof(struct read_params),
	.examples = CLI_EXAMPLES(
		{ "kandy history bob@sandbox.example -n 1 | jq -r .messageId | xargs -r kandy read bob@sandbox.example",
			"mark the last message as read" }),
	.see_also = CLI_LIST("history", "listen"),
	.run = run,
};
