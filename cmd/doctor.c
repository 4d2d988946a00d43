/*
 * doctor.c - diagnose configuration and connectivity. Each check needs the ones before it.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/config_files.h"
#include "cmd/doctor_network.h"
#include "cmd/doctor_report.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "cmd/token_line.h"
#include "cmd/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct doctor_params {
	struct common_params common;
	struct session_params session;
	struct format_params format;
};

struct doctor {
	struct report report;
	const struct run_ctx *ctx;
	const struct session_params *params;
	struct session_handle handle;
};

static void check_config(struct doctor *d)
{
	static const enum opt_source layers[] = { SOURCE_PROFILE, SOURCE_SYSTEM };

	if (d->ctx->config_err) {
		report_failure(&d->report, "config", d->ctx->config_err);
		return;
	}
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		bool found;
		const char *path = config_files_path(d->ctx->config, layers[i], &found);

		if (path)
			report_ok(&d->report, "config", "'%s' %s", path,
				found ? "is valid" : "does not exist (optional)");
	}
}

static void check_libraries(struct doctor *d)
{
	for (size_t i = 0;; i++) {
		char version[VERSION_MAX];
		struct err err = ERR_INIT;
		const char *name = version_library(i, version, &err);

		if (!name)
			return;
		if (err.status)
			report_failure(&d->report, "library", &err);
		else
			report_ok(&d->report, "library", "%s %s", name, version);
	}
}

static void check_state(struct doctor *d)
{
	const char *dir = d->ctx->state_dir;
	struct err err = ERR_INIT;
	struct statvfs disk;
	struct stat st;

	if (stat(dir, &st) && errno == ENOENT)
		report_ok(&d->report, "state", "'%s' does not exist yet", dir);
	else if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		err_set(&err, ST_CONFIG, "'%s' is not a directory", dir);
	else if (st.st_uid != geteuid())
		err_set(&err, ST_CONFIG, "'%s' belongs to another user", dir);
	else if (st.st_mode & 077)
		err_set(&err, ST_CONFIG, "'%s' is accessible by other users; run 'chmod 700 %s'", dir, dir);
	else if (access(dir, W_OK | X_OK))
		err_set(&err, ST_CONFIG, "'%s' is not writable: %s", dir, strerror(errno));
	else if (!statvfs(dir, &disk) && (!disk.f_bavail || (disk.f_files && !disk.f_favail)))
		err_set(&err, ST_IO, "no space left in '%s' for tokens and checkpoints", dir);
	else
		report_ok(&d->report, "state", "'%s': permissions OK", dir);
	if (err.status)
		report_failure(&d->report, "state", &err);
}

/* Reads the token cache and the base URL. False: the network cannot be checked. */
static bool check_session(struct doctor *d)
{
	struct err err = ERR_INIT;

	if (session_open(&d->handle, d->ctx, d->params, false, &err)) {
		report_failure(&d->report, "session", &err);
		return false;
	}
	report_ok(&d->report, "session", "profile '%s' uses %s", d->ctx->profile,
		client_base(d->handle.client)->origin);
	return true;
}

static void check_login(struct doctor *d)
{
	const struct session *session = client_session(d->handle.client);
	const struct client_config *settings = client_settings(d->handle.client);
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;
	char until[32];

	report_format_time(until, session->expires_ms);
	if (session->base_url && strcmp(session->base_url, client_base(d->handle.client)->origin))
		err_set(&err, ST_AUTH,
			"profile '%s' is logged in at %s; for this service, run 'kandy login' with another -p NAME",
			d->ctx->profile, session->base_url);
	else if (session->access_token.s && session->expires_ms > now)
		report_ok(&d->report, "login", "%s, token valid until %s",
			session->address ? session->address : session->user_id, until);
	else if (token_is_good(session, now))
		report_ok(&d->report, "login", "token expired at %s; the next command refreshes it", until);
	else if (settings->password || settings->client_secret)
		report_ok(&d->report, "login", "no token; the next command logs in");
	else
		err_set(&err, ST_AUTH, "not logged in, and no password source is configured; run 'kandy login%s'",
			store_option(client_store(d->handle.client)));
	if (err.status)
		report_failure(&d->report, "login", &err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct doctor_params *params = p;
	struct doctor d = { .report.text = format_is_text(&params->format), .ctx = ctx, .params = &params->session };
	enum status st;

	check_config(&d);
	check_libraries(&d);
	check_state(&d);
	if (check_session(&d)) {
		check_login(&d);
		doctor_network(&d.report, d.handle.client, d.params);
	}
	session_close(&d.handle);
	if (d.report.output.status) {
		*err = d.report.output;
		return err->status;
	}
	if ((st = interrupt_status()))
		return err_set(err, st, "interrupted");
	if (d.report.worst)
		return err_set(err, d.report.worst, "%zu check%s failed", d.report.failed,
			str_plural((int64_t)d.report.failed));
	return ST_OK;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct doctor_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct doctor_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct doctor_params, common) },
	{ 0 },
};

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "diagnose configuration and connectivity",
	.description = CLI_LIST(
		"Checks everything needed to reach the service, and prints a line for each check: configuration files, libraries, state directory, "
		"session, login, proxy, name resolution, connection and certificate, clock, token, notification channel. 'ok' is true, false, or null "
		"for a check that was skipped because an earlier one failed.",
		"An expired token is refreshed, as by any command. Nothing else is changed.",
		"The exit status is 0 if no check failed, else the highest 'code' of a line."),
	.opts = opts,
	.params_size = sizeof(struct doctor_params),
	.needs = NEEDS_NO_SANE_CONFIG,
	.examples = CLI_EXAMPLES({ "kandy doctor --format text", "print the checks as text" },
		{ "kandy doctor | jq -r 'select(.ok == false) | .text'", "print failures only" }),
	.see_also = CLI_LIST("login", "whoami"),
	.run = run,
};
