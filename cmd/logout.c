/*
 * logout.c - remove the tokens, and what they were used for on the server.
 */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"
#include "json/json.h"

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
	enum status st;

	buf_init(&line, BUF_NO_MAX);
	token_line_open(&line, ctx->profile, &gone, false);
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

/* Whatever keeps the server from being told, the tokens go. */
static enum status leave(const struct run_ctx *ctx, const struct logout_params *params, struct store *store,
	struct err *err)
{
	struct session_handle handle;
	struct err why = ERR_INIT;
	enum status st;

	if (session_open(&handle, ctx, &params->session, false, &why)) {
		log_warn("the server was not told: %s", why.text);
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
		st = leave(ctx, p, store, err);
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

static const char *const description[] = {
	"Deletes the notification channel and the subscriptions on the server as far as it can be "
	"reached, and then the tokens from the cache in any case. To log out where nobody is logged in is no error.",
	"Prints one line: {\"event\":\"token\",\"loggedIn\":false,...}, with who was logged in.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy logout", "forget the tokens of the default profile" },
	{ 0 },
};

static const char *const see_also[] = { "login", "unsubscribe", NULL };

const struct command cmd_logout = {
	.name = "logout",
	.summary = "remove the tokens, the channel and the subscriptions",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct logout_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
