/*
 * whoami.c - show the current login and settings. Sends no request.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/config_files.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

struct whoami_params {
	struct common_params common;
	struct session_params session;
};

struct listing {
	struct buf *out;
	const struct cli *cli;
	const struct session *session;
	const char *cache; /* its path */
};

static const char *const source_names[] = {
	[SOURCE_DEFAULT] = "default",
	[SOURCE_SYSTEM] = "system",
	[SOURCE_PROFILE] = "profile",
	[SOURCE_ENVIRONMENT] = "environment",
	[SOURCE_OPTION] = "option",
};

/* The value from the last login, for a setting that is not given. */
static const char *from_login(const struct session *session, const char *name)
{
	if (!strcmp(name, "base-url"))
		return session->base_url;
	if (!strcmp(name, "client-id"))
		return session->client_id;
	return !strcmp(name, "username") ? session->username : NULL;
}

/* Options that can also be set in the environment or in a configuration file. */
static bool is_setting(const struct opt *row)
{
	return cli_is_shown(row) && (row->env || row->config);
}

static void add_setting(const struct opt *row, size_t base, void *arg)
{
	const struct listing *listing = arg;
	const char *where = NULL, *login;
	enum opt_source source;
	char *value;

	(void)base;
	if (!is_setting(row))
		return;
	source = cli_source(listing->cli, row->name, &where);
	value = cli_value_text(listing->cli, row->name);
	login = source == SOURCE_DEFAULT ? from_login(listing->session, row->name) : NULL;
	json_open_key(listing->out, row->name, '{');
	json_add_string(listing->out, "value", login ? login : value);
	json_add_string(listing->out, "source", login ? "login" : source_names[source]);
	json_add_string(listing->out, "where", login ? listing->cache : where);
	json_close(listing->out, '}');
	free(value);
}

/* Settings of other commands, without duplicates, as the rows of a command. */
struct others {
	const struct cli *own;
	struct opt *rows;
	size_t count, cap;
};

static void collect(const struct opt *row, size_t base, void *arg)
{
	struct others *others = arg;

	(void)base;
	if (!is_setting(row) || cli_has(others->own, row->name))
		return;
	for (size_t i = 0; i < others->count; i++) {
		if (!strcmp(others->rows[i].name, row->name))
			return;
	}
	others->rows = xgrow(others->rows, others->count + 1, &others->cap, sizeof(*others->rows));
	others->rows[others->count] = *row;
	others->rows[others->count].at = others->count * sizeof(struct str_list); /* the largest kind of value */
	others->rows[++others->count] = (struct opt){ 0 };
}

static enum status add_settings(struct listing listing, const struct run_ctx *ctx, struct err *err)
{
	static const struct opt none = { 0 };
	struct cli_lookup lookup = config_files_lookup(ctx->config);
	struct others others = { .own = ctx->cli };
	struct command pretended = { .name = ctx->command->name };
	struct cli cli;
	enum status st;

	for (const struct command *const *command = ctx->commands; *command; command++) {
		if (!((*command)->needs & NEEDS_NO_FILES)) /* they have no settings */
			cli_each_row((*command)->opts, collect, &others);
	}
	pretended.opts = others.count ? others.rows : &none;
	pretended.params_size = others.count * sizeof(struct str_list);
	cli_begin(&cli, &pretended);
	if (!(st = cli_layer(&cli, &lookup, err))) {
		listing.cli = ctx->cli;
		cli_each_row(ctx->command->opts, add_setting, &listing);
		listing.cli = &cli;
		cli_each_row(pretended.opts, add_setting, &listing);
	}
	cli_release(&cli);
	free(others.rows);
	return st;
}

static void add_channel(struct buf *out, const struct session *session)
{
	if (!session->channel_url) {
		json_add_null(out, "channel");
		return;
	}
	json_open_key(out, "channel", '{');
	json_add_string(out, "id", session->channel_callback);
	json_add_int(out, "expires", session->channel_expires_ms);
	json_open_key(out, "subscriptions", '[');
	for (size_t i = 0; i < session->subscription_count; i++) {
		json_open(out, '{');
		json_add_string(out, "service", session->subscriptions[i].service);
		json_add_string(out, "number", session->subscriptions[i].number);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
}

static enum status print(const struct run_ctx *ctx, const struct session *session, const char *cache, bool good,
	struct err *err)
{
	struct buf line;
	struct listing listing = { .out = &line, .session = session, .cache = cache };
	enum status st;

	token_line_begin(&line, ctx->profile, session, good);
	add_channel(&line, session);
	json_add_string(&line, "cache", cache);
	json_open_key(&line, "settings", '{');
	st = add_settings(listing, ctx, err);
	json_close(&line, '}');
	if (!st)
		return output_end(&line, err);
	buf_release(&line);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	struct session session = { 0 };
	struct store *store = NULL;
	char *cache = NULL;
	bool found, good;
	enum status st;

	(void)p;
	if ((st = session_open_store(&store, ctx, err)))
		return st;
	cache = store_path(store, ".json");
	if (!(st = store_load(store, &session, &found, err))) {
		good = token_is_good(&session, clock_wall_ms());
		st = print(ctx, &session, cache, good, err);
		if (!st && !good)
			st = err_set(err, ST_AUTH,
				session.user_id ? "login expired; run 'kandy login%s'"
						: "not logged in; run 'kandy login%s'",
				store_option(store));
	}
	session_release(&session);
	store_free(store);
	free(cache);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct whoami_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct whoami_params, common) },
	{ 0 },
};

const struct command cmd_whoami = {
	.name = "whoami",
	.summary = "show the current login and settings",
	.description = CLI_LIST(
		"Prints one line about the profile: the login and when its tokens expire, the notification channel, and under 'settings' each setting "
		"of any command with its value, its source (option, environment, profile, system, login or default) and the exact place. Secrets, and "
		"the user and password of a proxy, are shown as ***; of a command only the program is shown.",
		"No request is sent; use 'kandy doctor' to test the connection. The exit status is 77 if not logged in."),
	.opts = opts,
	.params_size = sizeof(struct whoami_params),
	.examples = CLI_EXAMPLES({ "kandy whoami | jq -r .address", "print this user's address" },
		{ "kandy whoami | jq -r '.settings[\"base-url\"] | \"\\(.value) by \\(.source)\"'",
			"print the base URL and its source" }),
	.see_also = CLI_LIST("login", "doctor"),
	.run = run,
};
