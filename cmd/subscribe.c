/*
 * subscribe.c - a notification channel, and what comes in by it.
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
	enum status st;

	buf_init(&line, BUF_NO_MAX);
	json_open(&line, '{');
	json_add_string(&line, "event", "subscription");
	json_add_string(&line, "service", subscription->service);
	json_add_string(&line, "number", subscription->number);
	json_add_bool(&line, "made", made);
	json_add_string(&line, "channel", session->channel_callback);
	json_add_int(&line, "lifetime", session->channel_lifetime_ms / 1000);
	json_add_int(&line, "expires", session->channel_expires_ms);
	json_add_string(&line, "resourceURL", subscription->url);
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

/* What was made now stands at the end. */
static enum status print_all(const struct session *session, size_t made, struct err *err)
{
	size_t old = session->subscription_count > made ? session->subscription_count - made : 0;
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < session->subscription_count; i++)
		st = print_one(session, &session->subscriptions[i], i >= old, err);
	return st;
}

/* What is in the session counts only as long as the server knows of it. */
static enum status list(struct client *client, struct err *err)
{
	struct session known;
	enum status st = channel_known(client, &known, err);

	if (!st)
		st = print_all(&known, 0, err);
	session_release(&known);
	return st;
}

static enum status subscribe(struct client *client, const struct channel_request *want, struct err *err)
{
	struct channel_change change;
	enum status st = channel_ensure(client, want, &change, err);

	return st ? st : print_all(client_session(client), change.subscriptions_made, err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct subscribe_params *params = p;
	struct channel_request want = { .lifetime_ms = params->lifetime, .role = params->role };
	struct channel_service *services = NULL;
	struct session_handle handle;
	enum status st;

	if (params->list && ctx->cli->operand_count)
		return err_set(err, ST_USAGE, "--list shows everything; it takes no services");
	if ((st = services_parse(ctx->cli->operands, ctx->cli->operand_count, &services, err)))
		return st;
	if (ctx->cli->operand_count) {
		want.services = services;
		want.service_count = ctx->cli->operand_count;
	}
	if (!(st = session_open(&handle, ctx, &params->session, false, err))) {
		st = params->list ? list(handle.client, err) : subscribe(handle.client, &want, err);
		session_close(&handle);
	}
	free(services);
	return st;
}

static const char *const roles[] = { "client", "server", NULL };

static const struct opt opts[] = {
	{ .kind = OPT_FLAG,
		.name = "list",
		.letter = 'l',
		.at = offsetof(struct subscribe_params, list),
		.help = "show what is subscribed, and change nothing" },
	{ .kind = OPT_DURATION,
		.name = "lifetime",
		.metavar = "DURATION",
		.at = offsetof(struct subscribe_params, lifetime),
		.fallback = "1h",
		.env = "KANDY_LIFETIME",
		.config = true,
		.min = 1000,
		.max = INT64_C(31536000000),
		.help = "ask for a channel that lives so long unless it is extended; the service may grant less" },
	{ .kind = OPT_CHOICE,
		.name = "conn-check",
		.metavar = "ROLE",
		.at = offsetof(struct subscribe_params, role),
		.choices = roles,
		.fallback = CHANNEL_ROLE,
		.help = "who asks whether the other side is still there" },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct subscribe_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct subscribe_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Makes a notification channel where there is none (any more), subscribes it to the "
	"services, and keeps both in the cache, where 'kandy "
	"listen' finds them. What is there already is extended and stays, what the service has lost "
	"is made anew, so the command can be run as often as one likes.",
	"The services are chat, sms (for one number: sms=+NUMBER) and receipts (of one's own SMS). "
	"Without any, those that the last channel had are renewed, or chat is subscribed.",
	"Prints a line for each subscription: "
	"{\"event\":\"subscription\",\"service\":\"chat\",\"made\":true,...}. \"made\" tells a new "
	"one from one that was there; \"expires\" is when the channel ends unless it is extended, "
	"in milliseconds since 1970.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy subscribe chat", "be told of chat messages" },
	{ "kandy subscribe chat sms=+16135550199 receipts", "and of SMS to a number, and of receipts" },
	{ "kandy subscribe --list | jq -r .service", "what is subscribed" },
	{ 0 },
};

static const char *const see_also[] = { "unsubscribe", "listen", NULL };

const struct command cmd_subscribe = {
	.name = "subscribe",
	.operands = "[chat] [sms[=+NUMBER]] [receipts]",
	.operands_max = 64,
	.operand_choices = service_names,
	.summary = "make a notification channel and subscribe it to services",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct subscribe_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
