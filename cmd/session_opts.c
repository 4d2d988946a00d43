#include "cmd/session_opts.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/retry.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/term.h"
#include "cmd/secret_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(member) .at = offsetof(struct session_params, member)

const struct opt session_opts[] = {
	{ .kind = OPT_HEADING, .name = "connection", .help = "Connection options" },
	{ .kind = OPT_STRING,
		.name = "base-url",
		.metavar = "URL",
		AT(base_url),
		.env = "KANDY_BASE_URL",
		.config = true,
		.hint = HINT_HOST,
		.shown = SHOW_URL,
		.help = "base URL of the service, https://HOST[:PORT] (default: the one used at login)" },
	{ .kind = OPT_STRING,
		.name = "cacert",
		.metavar = "FILE",
		AT(cacert),
		.env = "KANDY_CACERT",
		.config = true,
		.hint = HINT_FILE,
		.help = "CA certificates, a file or a hashed directory, instead of the system's" },
	{ .kind = OPT_FLAG,
		.name = "insecure",
		.letter = 'k',
		AT(insecure),
		.env = "KANDY_INSECURE",
		.config = true,
		.help = "do not verify the server's TLS certificate (insecure); always prints a warning" },
	{ .kind = OPT_STRING,
		.name = "proxy",
		.metavar = "URL",
		AT(proxy),
		.env = "KANDY_PROXY",
		.config = true,
		.hint = HINT_HOST,
		.shown = SHOW_URL,
		.password_goes =
			"'KANDY_PROXY' or 'https_proxy' in the environment, or into 'proxy' in the configuration file",
		.help = "connect through this proxy; an empty value disables proxies",
		.more = "Without it, the variables https_proxy, http_proxy, all_proxy and no_proxy apply as for curl. To log in to "
			"a proxy, set http://USER:PASSWORD@HOST:PORT in KANDY_PROXY, in https_proxy or in the configuration file. "
			"The option refuses a password, because command lines are visible to other users." },
	{ .kind = OPT_DURATION,
		.name = "timeout",
		.metavar = "DURATION",
		AT(timeout),
		.fallback = "60s",
		.env = "KANDY_TIMEOUT",
		.config = true,
		.min = 1,
		.max = INT64_C(86400000),
		.help = "maximum time for one request, not counting attachment transfers",
		.more = "Attachment transfers are not limited by this; the server's response to them is." },
	{ .kind = OPT_DURATION,
		.name = "connect-timeout",
		.metavar = "DURATION",
		AT(connect_timeout),
		.fallback = "10s",
		.env = "KANDY_CONNECT_TIMEOUT",
		.config = true,
		.min = 1,
		.max = INT64_C(86400000),
		.help = "maximum time to establish a connection" },
	{ .kind = OPT_INT,
		.name = "retry",
		.metavar = "N",
		AT(retry),
		.fallback = "3",
		.env = "KANDY_RETRY",
		.config = true,
		.min = 0,
		.max = 1000,
		.help = "retry a request up to N times after a transient error" },
	{ .kind = OPT_DURATION,
		.name = "retry-delay",
		.metavar = "DURATION",
		AT(retry_delay),
		.fallback = "0",
		.env = "KANDY_RETRY_DELAY",
		.config = true,
		.help = "delay between retries; 0 means exponential backoff with jitter, from 1s up to 10m" },
	{ .kind = OPT_DURATION,
		.name = "retry-max-time",
		.metavar = "DURATION",
		AT(retry_max_time),
		.fallback = "0",
		.env = "KANDY_RETRY_MAX_TIME",
		.config = true,
		.help = "stop retrying after DURATION; 0 means no limit" },

	{ .kind = OPT_HEADING, .name = "login", .help = "Login options" },
	{ .kind = OPT_STRING,
		.name = "client-id",
		.metavar = "ID",
		AT(client_id),
		.env = "KANDY_CLIENT_ID",
		.config = true,
		.help = "client ID of the account or project (default: the one used at login)" },
	{ .kind = OPT_STRING,
		.name = "username",
		.letter = 'u',
		.metavar = "EMAIL",
		AT(username),
		.env = "KANDY_USERNAME",
		.config = true,
		.help = "user name (default: the one used at login)" },
	{ .kind = OPT_FLAG,
		.name = "project",
		AT(project),
		.env = "KANDY_PROJECT",
		.config = true,
		.help = "log in as the project, with client ID and client secret" },
	{ .kind = OPT_STRING,
		.name = "password-file",
		.metavar = "FILE",
		AT(password_file),
		.env = "KANDY_PASSWORD_FILE",
		.config = true,
		.hint = HINT_FILE,
		.help = "read the password from FILE (mode 0600)",
		.more = "FILE may be a pipe, such as <(command). If no source is given, the file kandy-password in the directory "
			"$CREDENTIALS_DIRECTORY is read (systemd's LoadCredential=), and 'kandy login' asks on the terminal." },
	{ .kind = OPT_STRING,
		.name = "password-command",
		.metavar = "COMMAND",
		AT(password_command),
		.env = "KANDY_PASSWORD_COMMAND",
		.config = true,
		.hint = HINT_COMMAND,
		.shown = SHOW_PROGRAM,
		.help = "run COMMAND with sh -c and use the first line of its output" },
	{ .kind = OPT_FLAG, .name = "password-stdin", AT(password_stdin), .help = "read the password from stdin" },
	{ .kind = OPT_STRING,
		.name = "password",
		AT(password),
		.env = "KANDY_PASSWORD",
		.secret = true,
		.no_option = true,
		.help = "password (a --password-file is safer)" },
	{ .kind = OPT_STRING,
		.name = "client-secret-file",
		.metavar = "FILE",
		AT(client_secret_file),
		.env = "KANDY_CLIENT_SECRET_FILE",
		.config = true,
		.hint = HINT_FILE,
		.help = "read the client secret from FILE (mode 0600)",
		.more = "As for the password, FILE may be a pipe, and the file kandy-client-secret in $CREDENTIALS_DIRECTORY is read "
			"if no source is given." },
	{ .kind = OPT_STRING,
		.name = "client-secret-command",
		.metavar = "COMMAND",
		AT(client_secret_command),
		.env = "KANDY_CLIENT_SECRET_COMMAND",
		.config = true,
		.hint = HINT_COMMAND,
		.shown = SHOW_PROGRAM,
		.help = "run COMMAND with sh -c and use the first line of its output" },
	{ .kind = OPT_STRING,
		.name = "client-secret",
		AT(client_secret),
		.env = "KANDY_CLIENT_SECRET",
		.secret = true,
		.no_option = true,
		.help = "client secret (a --client-secret-file is safer)" },
	{ 0 },
};

/* ---- which source -------------------------------------------------------------------------- */

enum source_kind { FROM_NOWHERE, FROM_FILE, FROM_CREDENTIAL, FROM_COMMAND, FROM_STDIN, FROM_VALUE, FROM_TERMINAL };

struct source {
	enum source_kind kind;
	const char *what; /* "password", "client secret" */
	const char *value; /* path, command, or the secret itself; borrowed */
	char *path; /* FROM_CREDENTIAL */
	struct secret read; /* kept if the source can be read only once */
};

struct session_secrets {
	struct session_handle *handle;
	struct source password, client_secret;
};

struct candidate {
	const char *row; /* name of the row, for its precedence */
	const char *value; /* NULL: not set */
	enum source_kind kind;
};

static enum status choose(struct source *source, const char *what, const struct candidate *candidates,
	const struct cli *cli, struct err *err)
{
	enum opt_source best = SOURCE_DEFAULT;
	const char *chosen = NULL;

	source->what = what;
	for (; candidates->row; candidates++) {
		enum opt_source layer = cli_source(cli, candidates->row, NULL);

		if (!candidates->value)
			continue;
		if (chosen && layer == best && layer == SOURCE_OPTION)
			return err_set(err, ST_USAGE, "--%s and --%s are mutually exclusive", chosen, candidates->row);
		if (chosen && layer <= best)
			continue;
		best = layer;
		chosen = candidates->row;
		source->kind = candidates->kind;
		source->value = candidates->value;
	}
	if (source->kind == FROM_FILE && !strcmp(source->value, "-"))
		return err_set(err, ST_USAGE, "invalid --%s '-': use /dev/stdin", chosen);
	return ST_OK;
}

/* The files of systemd's LoadCredential=. */
static void try_credential(struct source *source, const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (source->kind || !dir || !*dir)
		return;
	path = file_join(dir, name);
	if (access(path, F_OK)) {
		free(path);
		return;
	}
	source->kind = FROM_CREDENTIAL;
	source->path = path;
}

static enum status choose_sources(struct session_secrets *secrets, const struct session_params *params,
	const struct cli *cli, bool interactive, struct err *err)
{
	const struct candidate password[] = {
		{ "password-file", params->password_file, FROM_FILE },
		{ "password-command", params->password_command, FROM_COMMAND },
		{ "password-stdin", params->password_stdin ? "" : NULL, FROM_STDIN },
		{ "password", params->password, FROM_VALUE },
		{ 0 },
	};
	const struct candidate client_secret[] = {
		{ "client-secret-file", params->client_secret_file, FROM_FILE },
		{ "client-secret-command", params->client_secret_command, FROM_COMMAND },
		{ "client-secret", params->client_secret, FROM_VALUE },
		{ 0 },
	};
	enum status st;

	if ((st = choose(&secrets->password, "password", password, cli, err)) ||
		(st = choose(&secrets->client_secret, "client secret", client_secret, cli, err)))
		return st;
	if (secrets->password.kind == FROM_STDIN && isatty(STDIN_FILENO))
		secrets->password.kind = FROM_TERMINAL; /* to disable the echo */
	try_credential(&secrets->password, "kandy-password");
	try_credential(&secrets->client_secret, "kandy-client-secret");
	if (interactive && term_interactive()) {
		if (!secrets->password.kind)
			secrets->password.kind = FROM_TERMINAL;
		if (!secrets->client_secret.kind)
			secrets->client_secret.kind = FROM_TERMINAL;
	}
	return ST_OK;
}

/* ---- getting it ---------------------------------------------------------------------------- */

static enum status ask_terminal(const struct session_secrets *secrets, const struct source *source, struct secret *out,
	struct err *err)
{
	const struct client *client = secrets->handle->client;
	const struct client_config *config = client_settings(client);
	const struct session *session = client_session(client);
	const char *who = source == &secrets->password ? config->username : config->client_id;
	struct buf question;
	enum status st;

	if (!who)
		who = source == &secrets->password ? session->username : session->client_id;
	buf_init(&question, BUF_NO_MAX);
	buf_addf(&question, "kandy: %s for %s at %s: ", source->what, who, client_base(client)->origin);
	st = term_prompt_secret(question.data, out, err);
	buf_release(&question);
	if (!st && !out->len)
		st = err_set(err, ST_AUTH, "no %s entered", source->what);
	return st;
}

static enum status get(const struct session_secrets *secrets, struct source *source, struct secret *out,
	struct err *err)
{
	enum status st;

	if (source->read.s) {
		secret_copy(out, &source->read);
		return ST_OK;
	}
	switch (source->kind) {
	case FROM_FILE: return secret_from_file(source->value, source->what, false, out, err);
	case FROM_CREDENTIAL: return secret_from_file(source->path, source->what, true, out, err);
	case FROM_COMMAND: return secret_from_command(source->value, source->what, out, err);
	case FROM_VALUE:
		return secret_from_value(source->value,
			source == &secrets->password ? "KANDY_PASSWORD" : "KANDY_CLIENT_SECRET", source->what, out,
			err);
	case FROM_TERMINAL: return ask_terminal(secrets, source, out, err);
	case FROM_STDIN:
		if (!(st = secret_from_stdin(source->what, &source->read, err)))
			secret_copy(out, &source->read);
		return st;
	case FROM_NOWHERE: break;
	}
	BUG("no source of the secret");
}

static enum status get_password(void *arg, struct secret *out, struct err *err)
{
	struct session_secrets *secrets = arg;

	return get(secrets, &secrets->password, out, err);
}

static enum status get_client_secret(void *arg, struct secret *out, struct err *err)
{
	struct session_secrets *secrets = arg;

	return get(secrets, &secrets->client_secret, out, err);
}

/* ---- the session --------------------------------------------------------------------------- */

enum status session_open_store(struct store **store, const struct run_ctx *ctx, struct err *err)
{
	return store_new(store, ctx->state_dir, ctx->profile, err);
}

static void warn_of_dangers(const struct session_handle *handle, const struct session_params *params)
{
	const struct url *base = client_base(handle->client);

	/* not a warning, which -q in a crontab would suppress */
	if (params->insecure && base->tls)
		log_security("TLS verification is disabled (--insecure); the connection can be intercepted");
	if (!base->tls && !url_is_loopback(base))
		log_security("%s is not encrypted; the connection can be intercepted", base->origin);
}

enum status session_open(struct session_handle *handle, const struct run_ctx *ctx, const struct session_params *params,
	bool interactive, struct err *err)
{
	struct client_config config = {
		.base_url = params->base_url,
		.client_id = params->client_id,
		.username = params->username,
		.project = params->project,
		.proxy = params->proxy,
		.connect_timeout_ms = params->connect_timeout,
		.timeout_ms = params->timeout,
		.retry = { .retries = params->retry,
			.delay_ms = params->retry_delay,
			.max_time_ms = params->retry_max_time },
	};
	struct session_secrets *secrets = xcalloc(1, sizeof(*secrets));
	enum status st;

	*handle = (struct session_handle){ .secrets = secrets };
	secrets->handle = handle;
	if ((st = choose_sources(secrets, params, ctx->cli, interactive, err)))
		goto out;
	/* child processes must not inherit them; the strings stay valid */
	unsetenv("KANDY_PASSWORD");
	unsetenv("KANDY_CLIENT_SECRET");
	config.password = secrets->password.kind ? get_password : NULL;
	config.client_secret = secrets->client_secret.kind ? get_client_secret : NULL;
	config.secret_arg = secrets;
	if ((st = session_open_store(&handle->store, ctx, err)) ||
		(st = tls_trust_init(&handle->trust, params->cacert, params->insecure, err)))
		goto out;
	config.trust = handle->trust;
	st = client_new(&handle->client, &config, handle->store, err);
	if (!st)
		warn_of_dangers(handle, params);
out:
	if (st)
		session_close(handle);
	return st;
}

static bool is_single_use(const struct source *source)
{
	struct stat file;

	if (source->kind == FROM_STDIN || source->kind == FROM_TERMINAL)
		return true;
	/* a file named by our descriptor (/dev/fd/N) does not exist in another process */
	return source->kind == FROM_FILE &&
		(str_starts_with(source->value, "/dev/") || (!stat(source->value, &file) && !S_ISREG(file.st_mode)));
}

static enum status keep(const struct session_secrets *secrets, struct source *source, struct err *err)
{
	struct secret secret = { 0 };
	enum status st;

	if (!is_single_use(source) || source->read.s)
		return ST_OK;
	if (!(st = get(secrets, source, &secret, err)))
		secret_copy(&source->read, &secret);
	secret_release(&secret);
	return st;
}

enum status session_keep_secrets(struct session_handle *handle, struct err *err)
{
	struct session_secrets *secrets = handle->secrets;
	enum status st = keep(secrets, &secrets->password, err);

	return st ? st : keep(secrets, &secrets->client_secret, err);
}

void session_close(struct session_handle *handle)
{
	client_free(handle->client);
	store_free(handle->store);
	tls_trust_release(&handle->trust);
	if (handle->secrets) {
		secret_release(&handle->secrets->password.read);
		secret_release(&handle->secrets->client_secret.read);
		free(handle->secrets->password.path);
		free(handle->secrets->client_secret.path);
		free(handle->secrets);
	}
	*handle = (struct session_handle){ 0 };
}
