/*
 * typing.c - tell the others that something is being written.
 */
#include "client/client.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/peer.h"
#include "json/json.h"

struct typing_params {
	struct common_params common;
	struct session_params session;
	bool stop;
};

static enum status print(const struct address *peer, const char *sender, bool active, struct err *err)
{
	struct buf line;
	enum status st;

	buf_init(&line, BUF_NO_MAX);
	json_open(&line, '{');
	json_add_string(&line, "event", "typing");
	peer_add(&line, peer);
	json_add_string(&line, "sender", sender);
	json_add_string(&line, "direction", "outbound");
	json_add_string(&line, "state", active ? "active" : "idle");
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct typing_params *params = p;
	struct session_handle handle;
	struct address peer;
	enum status st = peer_open(&handle, &peer, ctx, &params->session, err);

	if (st)
		return st;
	if (!(st = conversation_typing(handle.client, &peer, !params->stop, err)))
		st = print(&peer, client_session(handle.client)->address, !params->stop, err);
	peer_close(&handle, &peer);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_FLAG,
		.name = "stop",
		.at = offsetof(struct typing_params, stop),
		.help = "tell that it was given up" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct typing_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct typing_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Tells the other side of a chat that a message is being written. It believes that for a minute, or until a message comes; a program that "
	"works on a long answer says it again in between.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy typing bob@sandbox.example", "something is coming" },
	{ "kandy typing --stop bob@sandbox.example", "or not" },
	{ 0 },
};

static const char *const see_also[] = { "send", "read", NULL };

const struct command cmd_typing = {
	.name = "typing",
	.operands = "PEER",
	.operands_min = 1,
	.operands_max = 1,
	.operand_hint = HINT_ADDRESS,
	.summary = "tell the others that a message is being written",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct typing_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
