/*
 * login.c - get tokens and keep them.
 */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"
#include "json/json.h"

struct login_params {
	struct common_params common;
	struct session_params session;
};

static enum status print(const struct run_ctx *ctx, const struct session *session, struct err *err)
{
	struct buf line;
	enum status st;

	buf_init(&line, BUF_NO_MAX);
	token_line_open(&line, ctx->profile, session, true);
	json_close(&line, '}');
	st = output_line(&line, err);
	buf_release(&line);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct login_params *params = p;
	struct session_handle handle;
	enum status st = session_open(&handle, ctx, &params->session, true, err);

	if (st)
		return st;
	if (!(st = client_login(handle.client, err)))
		st = print(ctx, client_session(handle.client), err);
	session_close(&handle);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct login_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct login_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Asks the service for tokens and keeps them in $XDG_STATE_HOME/kandy/PROFILE.json, where "
	"all other commands find them. They renew "
	"the access token by themselves once half of its life is over, and log in again where the "
	"refresh token has run out too and a source of the password is configured.",
	"The password is never an option's value, because others could read it in the list of "
	"processes. It comes from the first "
	"of these that is given: --password-file, --password-command, --password-stdin, the "
	"variable KANDY_PASSWORD, the file kandy-password in "
	"$CREDENTIALS_DIRECTORY, the terminal. A source on the command line wins over one in the "
	"environment, and that over one in a configuration file.",
	"With --project, the client ID and a client secret are used instead of a user name and a password.",
	"Prints one line: {\"event\":\"token\",\"address\":...,\"userId\":...,\"expires\":...}. "
	"Times are milliseconds since 1970.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy login --username alice@sandbox.example --password-file ~/.kandy-pw",
		"log in with a password from a file" },
	{ "echo alice-secret | kandy login -u alice@sandbox.example --password-stdin",
		"take the password from a pipe" },
	{ "kandy login --profile robot --project --client-secret-command 'cat ~/.kandy-secret'",
		"log in as a project, under a profile of its own" },
	{ 0 },
};

static const char *const see_also[] = { "logout", "whoami", "subscribe", NULL };

const struct command cmd_login = {
	.name = "login",
	.summary = "log in and keep the tokens for the other commands",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct login_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
