/*
 * doctor.c - what stands in the way of talking to the service: looks at everything that it takes, in the order in which
 * one thing needs the other, and says what was found.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/interrupt.h"
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
#include <time.h>
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

		if (!path)
			continue;
		if (!found)
			report_ok(&d->report, "config", "'%s' does not exist, which is fine", path);
		else
			report_ok(&d->report, "config", "'%s' is understood", path);
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
		err_set(&err, ST_CONFIG, "others can look into '%s'; run 'chmod 700 %s'", dir, dir);
	else if (access(dir, W_OK | X_OK))
		err_set(&err, ST_CONFIG, "'%s' is not writable: %s", dir, strerror(errno));
	else if (!statvfs(dir, &disk) && (!disk.f_bavail || (disk.f_files && !disk.f_favail)))
		err_set(&err, ST_IO, "there is no space left in '%s', so no token and no cursor can be kept", dir);
	else
		report_ok(&d->report, "state", "'%s' is ours alone", dir);
	if (err.status)
		report_failure(&d->report, "state", &err);
}

/* Reads the token cache, and finds where to go to. False: nowhere. */
static bool check_session(struct doctor *d)
{
	struct err err = ERR_INIT;

	if (session_open(&d->handle, d->ctx, d->params, false, &err)) {
		report_failure(&d->report, "session", &err);
		return false;
	}
	report_ok(&d->report, "session", "profile '%s' is for %s", d->ctx->profile,
		client_base(d->handle.client)->origin);
	return true;
}

static void format_time(char out[static 32], int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static void check_login(struct doctor *d)
{
	const struct session *session = client_session(d->handle.client);
	const struct client_config *settings = client_settings(d->handle.client);
	int64_t now = clock_wall_ms();
	struct err err = ERR_INIT;
	char until[32];

	format_time(until, session->expires_ms);
	if (session->base_url && strcmp(session->base_url, client_base(d->handle.client)->origin))
		err_set(&err, ST_AUTH,
			"the login of profile '%s' is at %s; run 'kandy login' for this one, with another -p NAME",
			d->ctx->profile, session->base_url);
	else if (session->access_token.s && session->expires_ms > now)
		report_ok(&d->report, "login", "%s, with a token until %s",
			session->address ? session->address : session->user_id, until);
	else if (token_is_good(session, now))
		report_ok(&d->report, "login", "the token ran out at %s and will be renewed by the next command",
			until);
	else if (settings->password || settings->client_secret)
		report_ok(&d->report, "login", "there is no token, and the next command will log in by itself");
	else
		err_set(&err, ST_AUTH,
			"not logged in, and no source of the password is configured; run 'kandy login%s'",
			store_option(client_store(d->handle.client)));
	if (err.status)
		report_failure(&d->report, "login", &err);
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct doctor_params *params = p;
	struct doctor d = { .ctx = ctx, .params = &params->session };
	enum status st;

	report_init(&d.report, format_is_text(&params->format));
	check_config(&d);
	check_libraries(&d);
	check_state(&d);
	if (check_session(&d)) {
		check_login(&d);
		doctor_network(&d.report, d.handle.client, d.params);
	}
	session_close(&d.handle);
	if (!d.report.printed_all) {
		*err = d.report.output;
		return err->status;
	}
	if ((st = interrupt_status()))
		return err_set(err, st, "interrupted");
	if (d.report.worst)
		return err_set(err, d.report.worst, "not everything is as it should be; see above");
	return ST_OK;
}

static const struct opt opts[] = {
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct doctor_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct doctor_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct doctor_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Looks at everything that talking to the service takes, and prints a line for each check: configuration files, libraries, the "
	"directory of the token cache, login, proxy, name resolution, connection and certificate, clock, token, notification "
	"channel. \"ok\" is true, false, or null for what could not be tried because of something before.",
	"A token that has run out is renewed, as by any command. Nothing else is changed.",
	"The exit code is 0 if nothing is wrong, else the highest code of a line.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy doctor --format text", "see what is wrong" },
	{ "kandy doctor | jq -r 'select(.ok == false) | .text'", "only that" },
	{ NULL, NULL },
};

static const char *const see_also[] = { "login", "whoami", NULL };

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "check configuration, network, certificates, clock, login and channel",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct doctor_params),
	.needs = NEEDS_NO_SANE_CONFIG,
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
