/*
 * unsubscribe.c - cancel subscriptions.
 */
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/services.h"
#include "cmd/session_opts.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

struct unsubscribe_params {
	struct common_params common;
	struct session_params session;
};

static enum status print_one(const struct session_subscription *subscription, struct err *err)
{
	struct buf line;

	output_begin(&line, "subscription");
	json_add_string(&line, "service", subscription->service);
	json_add_string(&line, "number", subscription->number);
	json_add_bool(&line, "removed", true);
	json_add_string(&line, "resourceURL", subscription->url);
	return output_end(&line, err);
}

static bool has(const struct session *session, const char *url)
{
	for (size_t i = 0; i < session->subscription_count; i++) {
		if (!strcmp(session->subscriptions[i].url, url))
			return true;
	}
	return false;
}

/* Also after a failure, for those removed before it. */
static enum status print_removed(const struct session *before, const struct session *now, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < before->subscription_count; i++) {
		if (!has(now, before->subscriptions[i].url))
			st = print_one(&before->subscriptions[i], err);
	}
	return st;
}

static enum status unsubscribe(struct client *client, const struct channel_service *services, size_t count,
	struct err *err)
{
	const struct session *session = client_session(client);
	enum status st = ST_OK;

	if (!count)
		return session->channel_resource || session->subscription_count ? channel_delete(client, false, err)
										: ST_OK;
	for (size_t i = 0; !st && i < count; i++) {
		if (channel_find(session, services[i].service, services[i].number))
			st = channel_unsubscribe(client, services[i].service, services[i].number, err);
	}
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct unsubscribe_params *params = p;
	struct channel_service *services = NULL;
	struct session before = { 0 };
	struct err unprinted = ERR_INIT;
	struct session_handle handle;
	enum status st, printed;

	if ((st = services_parse(ctx->cli->operands, ctx->cli->operand_count, &services, err)))
		return st;
	if (!(st = session_open(&handle, ctx, &params->session, false, err))) {
		session_copy_channel(&before, client_session(handle.client));
		st = unsubscribe(handle.client, services, ctx->cli->operand_count, err);
		printed = print_removed(&before, client_session(handle.client), &unprinted);
		if (!st && printed) {
			*err = unprinted;
			st = printed;
		}
		session_release(&before);
		session_close(&handle);
	}
	free(services);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct unsubscribe_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct unsubscribe_params, common) },
	{ 0 },
};

const struct command cmd_unsubscribe = {
	.name = "unsubscribe",
	.operands = "[chat] [sms[=+NUMBER]] [receipts]",
	.operands_max = 64,
	.operand_choices = service_names,
	.summary = "cancel subscriptions",
	.description = CLI_LIST(
		"Cancels the subscriptions to the services, or, without operands, all of them, and deletes the notification channel. 'sms' "
		"without a number stands for all numbers. Removing a missing subscription succeeds. A running listener does not re-create "
		"removed subscriptions, and exits when none remain.",
		"Prints a line for each removed subscription: {\"event\":\"subscription\",\"service\":\"chat\",\"removed\":true,...}."),
	.opts = opts,
	.params_size = sizeof(struct unsubscribe_params),
	.examples = CLI_EXAMPLES({ "kandy unsubscribe sms", "cancel all SMS subscriptions" },
		{ "kandy unsubscribe", "cancel everything and delete the channel" }),
	.see_also = CLI_LIST("subscribe", "logout"),
	.run = run,
};
