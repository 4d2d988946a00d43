/*
 * delete.c - delete messages or conversations.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/recipient.h"
#include "json/json.h"

struct delete_params {
	struct common_params common;
	struct session_params session;
	bool all;
};

static enum status delete_one(const struct recipient *recipient, const char *message_id, struct err *err)
{
	enum status st = conversation_delete(recipient->client, &recipient->address, message_id, err);
	struct buf line;

	if (st)
		return st;
	recipient_begin(recipient, &line, "deleted");
	json_add_string(&line, "messageId", message_id);
	return output_end(&line, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct delete_params *params = p;
	size_t count = ctx->cli->operand_count;
	struct recipient recipient;
	enum status st;

	if (params->all == (count > 1))
		return err_set(err, ST_USAGE,
			params->all ? "--all deletes every message; it takes no message IDs"
				    : "missing MESSAGE-ID; --all deletes the whole conversation");
	if ((st = recipient_open(&recipient, ctx, &params->session, err)))
		return st;
	if (params->all)
		st = delete_one(&recipient, NULL, err);
	for (size_t i = 1; !st && i < count; i++)
		st = delete_one(&recipient, ctx->cli->operands[i], err);
	recipient_close(&recipient);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_FLAG,
		.name = "all",
		.at = offsetof(struct delete_params, all),
		.help = "delete the whole conversation" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct delete_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct delete_params, common) },
	{ 0 },
};

const struct command cmd_delete = {
	.name = "delete",
	.operands = "ADDRESS [MESSAGE-ID...]",
	.operands_min = 1,
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "delete messages or conversations",
	.description = CLI_LIST(
		"Deletes messages from this user's history on the server; the other participants keep theirs. Deleting a missing message succeeds.",
		"Prints a line for each message: {\"event\":\"deleted\",\"type\":...,\"destination\":[...],\"messageId\":\"...\"}. With --all it is "
		"one line, whose messageId is null."),
	.opts = opts,
	.params_size = sizeof(struct delete_params),
	.examples = CLI_EXAMPLES({ "kandy delete bob@sandbox.example --all", "delete the conversation with bob" },
		{ "kandy history bob@sandbox.example -n 1 | jq -r .messageId | xargs -r kandy delete bob@sandbox.example",
			"delete its last message" }),
	.see_also = CLI_LIST("history"),
	.run = run,
};
