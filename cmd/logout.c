/*
 * logout.c - delete the tokens, and the channel on the server.
 */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"

struct logout_params {
	struct common_params common;
	struct session_params session;
};

static enum status print(const struct run_ctx *ctx, const struct session *session, struct err *err)
{
	struct session gone = { .address = session->address,
		.user_id = session->user_id,
		.username = session->username,
		.grant = session->grant,
		.client_id = session->client_id,
		.base_url = session->base_url };
	struct buf line;

	token_line_begin(&line, ctx->profile, &gone, false);
	return output_end(&line, err);
}

/* The tokens are deleted even if the server cannot be reached. */
static enum status log_out(const struct run_ctx *ctx, const struct logout_params *params, struct store *store,
	struct err *err)
{
	struct session_handle handle;
	struct err why = ERR_INIT;
	enum status st;

	if (session_open(&handle, ctx, &params->session, false, &why)) {
		log_warn("cannot delete the notification channel: %s", why.text);
		return store_remove(store, err);
	}
	st = client_logout(handle.client, err);
	session_close(&handle);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	struct session session = { 0 };
	struct store *store = NULL;
	struct err why = ERR_INIT;
	bool found = false;
	enum status st;

	if ((st = session_open_store(&store, ctx, err)))
		return st;
	if (store_load(store, &session, &found, &why)) {
		log_warn("%s", why.text);
		st = store_remove(store, err);
	} else if (found) {
		st = log_out(ctx, p, store, err);
	}
	if (!st)
		st = print(ctx, &session, err);
	session_release(&session);
	store_free(store);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct logout_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct logout_params, common) },
	{ 0 },
};

const struct command cmd_logout = {
	.name = "logout",
	.summary = "log out and revoke the channel",
	.description = CLI_LIST(
		"Deletes the notification channel with its subscriptions on the server, if it can be reached, and the stored tokens in any case. "
		"Logging out when not logged in is not an error.",
		"Prints one line: {\"event\":\"token\",\"loggedIn\":false,...}, with the account that was logged in."),
	.opts = opts,
	.params_size = sizeof(struct logout_params),
	.examples = CLI_EXAMPLES({ "kandy logout", "log out of the default profile" }),
	.see_also = CLI_LIST("login", "unsubscribe"),
	.run = run,
};
