/*
 * login.c - log in and store credentials.
 */
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"

struct login_params {
	struct common_params common;
	struct session_params session;
};

static enum status print(const struct run_ctx *ctx, const struct session *session, struct err *err)
{
	struct buf line;

	token_line_begin(&line, ctx->profile, session, true);
	return output_end(&line, err);
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

const struct command cmd_login = {
	.name = "login",
	.summary = "log in and store credentials",
	.description = CLI_LIST(
		"Requests tokens from the service and stores them in $XDG_STATE_HOME/kandy/PROFILE.json for the other commands. Commands refresh the "
		"access token automatically after half of its lifetime. If the refresh token has expired, they log in again, provided a password source "
		"is configured.",
		"There is no --password option, because command lines are visible to other users. The password is read from the first of these that is "
		"set: --password-file, --password-command, --password-stdin, the variable KANDY_PASSWORD, the file kandy-password in "
		"$CREDENTIALS_DIRECTORY, a prompt on the terminal. A source on the command line has precedence over one in the environment, which has "
		"precedence over one in a configuration file.",
		"With --project, the client ID and a client secret are used instead of a user name and a password.",
		"Prints one line: {\"event\":\"token\",\"address\":...,\"userId\":...,\"expires\":...}. Times are milliseconds since 1970."),
	.opts = opts,
	.params_size = sizeof(struct login_params),
	.examples = CLI_EXAMPLES({ "kandy login --username alice@sandbox.example --password-file ~/.kandy-pw",
					 "log in with the password in a file" },
		{ "echo alice-secret | kandy login -u alice@sandbox.example --password-stdin",
			"read the password from a pipe" },
		{ "kandy login --profile robot --project --client-secret-command 'cat ~/.kandy-secret'",
			"log in as a project, in a separate profile" }),
	.see_also = CLI_LIST("logout", "whoami", "subscribe"),
	.run = run,
};
