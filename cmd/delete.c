/*
 * delete.c - remove messages from a conversation, or all of it.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/peer.h"
#include "json/json.h"

struct delete_params {
	struct common_params common;
	struct session_params session;
	bool all;
};

static enum status delete_one(struct client *client, const struct address *peer, const char *message_id,
	struct err *err)
{
	struct buf line;
	enum status st = conversation_delete(client, peer, message_id, err);

	if (st)
		return st;
	buf_init(&line, BUF_NO_MAX);
	json_open(&line, '{');
	json_add_string(&line, "event", "deleted");
	peer_add(&line, peer);
	json_add_string(&line, "messageId", message_id);
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct delete_params *params = p;
	size_t count = ctx->cli->operand_count;
	struct session_handle handle;
	struct address peer;
	enum status st;

	if (params->all == (count > 1))
		return err_set(err, ST_USAGE,
			params->all ? "--all deletes every message; it takes no message IDs"
				    : "which messages? Give their IDs, or --all for the whole conversation");
	if ((st = peer_open(&handle, &peer, ctx, &params->session, err)))
		return st;
	if (params->all)
		st = delete_one(handle.client, &peer, NULL, err);
	for (size_t i = 1; !st && i < count; i++)
		st = delete_one(handle.client, &peer, ctx->cli->operands[i], err);
	peer_close(&handle, &peer);
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

static const char *const description[] = {
	"Deletes messages from this user's history on the server; the others keep theirs. What is gone already is no error.",
	"Prints a line for each: {\"event\":\"deleted\",\"type\":...,\"destination\":[...],\"messageId\":\"...\"}; with --all one, whose "
	"messageId is null.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy delete bob@sandbox.example --all", "forget what was said with bob" },
	{ "kandy history bob@sandbox.example -n 1 | jq -r .messageId | xargs -r kandy delete bob@sandbox.example",
		"only the last message" },
	{ 0 },
};

static const char *const see_also[] = { "history", NULL };

const struct command cmd_delete = {
	.name = "delete",
	.operands = "PEER [MESSAGE-ID...]",
	.operands_min = 1,
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "delete messages from a conversation, or all of it",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct delete_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
