/*
 * read.c - tell senders that their messages have been seen.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/peer.h"
#include "json/json.h"

struct read_params {
	struct common_params common;
	struct session_params session;
};

static enum status read_one(struct client *client, const struct address *peer, const char *message_id, struct err *err)
{
	struct buf line;
	enum status st = conversation_read(client, peer, message_id, err);

	if (st)
		return st;
	buf_init(&line, BUF_NO_MAX);
	json_open(&line, '{');
	json_add_string(&line, "event", "receipt");
	peer_add(&line, peer);
	json_add_string(&line, "messageId", message_id);
	json_add_string(&line, "status", "Displayed");
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct read_params *params = p;
	struct session_handle handle;
	struct address peer;
	enum status st = peer_open(&handle, &peer, ctx, &params->session, err);

	if (st)
		return st;
	for (size_t i = 1; !st && i < ctx->cli->operand_count; i++)
		st = read_one(handle.client, &peer, ctx->cli->operands[i], err);
	peer_close(&handle, &peer);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct read_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct read_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Marks messages of a chat as displayed, for their sender to see.",
	"Prints a line for each, with \"event\":\"receipt\", type, destination, messageId, and \"status\":\"Displayed\".",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy history bob@sandbox.example -n 1 | jq -r .messageId | xargs -r kandy read bob@sandbox.example",
		"the last one has been seen" },
	{ 0 },
};

static const char *const see_also[] = { "history", "listen", NULL };

const struct command cmd_read = {
	.name = "read",
	.operands = "PEER MESSAGE-ID...",
	.operands_min = 2,
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_ADDRESS,
	.summary = "tell the sender that messages have been seen",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct read_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
