/*
 * subscribe.c - create or renew a notification channel and its subscriptions.
 */
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/services.h"
#include "cmd/session_opts.h"
#include "json/json.h"

#include <stdlib.h>

struct subscribe_params {
	struct common_params common;
	struct session_params session;
	bool list;
	int64_t lifetime;
	const char *role;
};

static enum status print_one(const struct session *session, const struct session_subscription *subscription, bool made,
	struct err *err)
{
	struct buf line;

	output_begin(&line, "subscription");
	json_add_string(&line, "service", subscription->service);
	json_add_string(&line, "number", subscription->number);
	json_add_bool(&line, "made", made);
	json_add_string(&line, "channel", session->channel_callback);
	json_add_int(&line, "lifetime", session->channel_lifetime_ms / 1000);
	json_add_int(&line, "expires", session->channel_expires_ms);
	json_add_string(&line, "resourceURL", subscription->url);
	return output_end(&line, err);
}

/* The last `made` subscriptions are new. */
static enum status print_all(const struct session *session, size_t made, struct err *err)
{
	size_t old = session->subscription_count > made ? session->subscription_count - made : 0;
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < session->subscription_count; i++)
		st = print_one(session, &session->subscriptions[i], i >= old, err);
	return st;
}

/* Only what still exists on the server. */
static enum status list(struct client *client, struct err *err)
{
	struct session known;
	enum status st = channel_known(client, &known, err);

	if (!st)
		st = print_all(&known, 0, err);
	session_release(&known);
	return st;
}

static enum status subscribe(struct client *client, const struct channel_request *request, struct err *err)
{
	struct channel_change change;
	enum status st = channel_ensure(client, request, &change, err);

	return st ? st : print_all(client_session(client), change.subscriptions_made, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct subscribe_params *params = p;
	struct channel_request request = { .lifetime_ms = params->lifetime, .role = params->role };
	struct channel_service *services = NULL;
	struct session_handle handle;
	enum status st;

	if (params->list && ctx->cli->operand_count)
		return err_set(err, ST_USAGE, "--list lists all subscriptions; it takes no operands");
	if ((st = services_parse(ctx->cli->operands, ctx->cli->operand_count, &services, err)))
		return st;
	if (ctx->cli->operand_count) {
		request.services = services;
		request.service_count = ctx->cli->operand_count;
	}
	if (!(st = session_open(&handle, ctx, &params->session, false, err))) {
		st = params->list ? list(handle.client, err) : subscribe(handle.client, &request, err);
		session_close(&handle);
	}
	free(services);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_FLAG,
		.name = "list",
		.letter = 'l',
		.at = offsetof(struct subscribe_params, list),
		.help = "list the current subscriptions; change nothing" },
	{ .kind = OPT_DURATION,
		.name = "lifetime",
		.metavar = "DURATION",
		.at = offsetof(struct subscribe_params, lifetime),
		.fallback = "1h",
		.env = "KANDY_LIFETIME",
		.config = true,
		.min = 1000,
		.max = INT64_C(31536000000),
		.help = "requested channel lifetime; the service may grant less" },
	{ .kind = OPT_CHOICE,
		.name = "conn-check",
		.metavar = "ROLE",
		.at = offsetof(struct subscribe_params, role),
		.choices = CLI_LIST("client", "server"),
		.fallback = CHANNEL_ROLE,
		.help = "side that sends keepalive probes: client or server" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct subscribe_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct subscribe_params, common) },
	{ 0 },
};

const struct command cmd_subscribe = {
	.name = "subscribe",
	.operands = "[chat] [sms[=+NUMBER]] [receipts]",
	.operands_max = 64,
	.operand_choices = service_names,
	.summary = "subscribe to notifications",
	.description = CLI_LIST(
		"Subscribes to notifications of the services, for 'kandy listen'. The command is idempotent: existing subscriptions are "
		"renewed, missing ones are created. If necessary, it creates the notification channel.",
		"The services are chat, sms (sms=+NUMBER for one number) and receipts (delivery receipts of sent SMS). Without operands, the "
		"subscriptions of the last channel are renewed, or chat is subscribed if there are none.",
		"Prints a line for each subscription: {\"event\":\"subscription\",\"service\":\"chat\",\"made\":true,...}. 'made' is true if the "
		"subscription was created by this call; 'expires' is the end of the channel's lifetime, in milliseconds since 1970."),
	.opts = opts,
	.params_size = sizeof(struct subscribe_params),
	.examples = CLI_EXAMPLES({ "kandy subscribe chat", "subscribe to chat messages" },
		{ "kandy subscribe chat sms=+16135550199 receipts",
			"also to SMS for a number, and to delivery receipts" },
		{ "kandy subscribe --list | jq -r .service", "list the subscribed services" }),
	.see_also = CLI_LIST("unsubscribe", "listen"),
	.run = run,
};
