#include "cmd/session_opts.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/term.h"
#include "cmd/secret_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(member) .at = offsetof(struct session_params, member)

const struct opt session_opts[] = {
	{ .kind = OPT_HEADING, .help = "Connection" },
	{ .kind = OPT_STRING,
		.name = "base-url",
		.metavar = "URL",
		AT(base_url),
		.env = "KANDY_BASE_URL",
		.config = true,
		.hint = HINT_HOST,
		.shown = SHOW_URL,
		.help = "the service's address, https://HOST[:PORT]; the one of the last login if not given" },
	{ .kind = OPT_STRING,
		.name = "cacert",
		.metavar = "FILE",
		AT(cacert),
		.env = "KANDY_CACERT",
		.config = true,
		.hint = HINT_FILE,
		.help = "trust the certificates in FILE, or in the hashed directory FILE, instead of the system's" },
	{ .kind = OPT_FLAG,
		.name = "insecure",
		.letter = 'k',
		AT(insecure),
		.env = "KANDY_INSECURE",
		.config = true,
		.help = "believe whoever answers, without a look at the certificate; warns each time, even with -q" },
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
		.help = "go through this proxy; empty: through none",
		.more = "Without it, the variables https_proxy, http_proxy, all_proxy and no_proxy "
			"count as they do for curl. A proxy that wants a login is written http://USER:PASSWORD@HOST:PORT "
			"in KANDY_PROXY, in https_proxy or in the configuration file. The option takes no password, "
			"since others could read it in the list of processes." },
	{ .kind = OPT_DURATION,
		.name = "timeout",
		.metavar = "DURATION",
		AT(timeout),
		.fallback = "60s",
		.env = "KANDY_TIMEOUT",
		.config = true,
		.min = 1,
		.max = INT64_C(86400000),
		.help = "the longest that one request may take, all in all",
		.more = "A file that is sent or fetched takes as long as it needs, but not the answer behind it, or in its place." },
	{ .kind = OPT_DURATION,
		.name = "connect-timeout",
		.metavar = "DURATION",
		AT(connect_timeout),
		.fallback = "10s",
		.env = "KANDY_CONNECT_TIMEOUT",
		.config = true,
		.min = 1,
		.max = INT64_C(86400000),
		.help = "the longest that it may take to be connected" },
	{ .kind = OPT_INT,
		.name = "retry",
		.metavar = "N",
		AT(retry),
		.fallback = "3",
		.env = "KANDY_RETRY",
		.config = true,
		.min = 0,
		.max = 1000,
		.help = "repeat a request up to N times after a temporary failure" },
	{ .kind = OPT_DURATION,
		.name = "retry-delay",
		.metavar = "DURATION",
		AT(retry_delay),
		.fallback = "0",
		.env = "KANDY_RETRY_DELAY",
		.config = true,
		.help = "wait that long before each repetition; 0: a random time up to 1 s, 2 s, 4 s and so on, at most 10 min" },
	{ .kind = OPT_DURATION,
		.name = "retry-max-time",
		.metavar = "DURATION",
		AT(retry_max_time),
		.fallback = "0",
		.env = "KANDY_RETRY_MAX_TIME",
		.config = true,
		.help = "begin no repetition later than that; 0: no limit" },

	{ .kind = OPT_HEADING, .help = "Login" },
	{ .kind = OPT_STRING,
		.name = "client-id",
		.metavar = "ID",
		AT(client_id),
		.env = "KANDY_CLIENT_ID",
		.config = true,
		.help = "the client ID of the account or project; the one of the last login if not given" },
	{ .kind = OPT_STRING,
		.name = "username",
		.letter = 'u',
		.metavar = "EMAIL",
		AT(username),
		.env = "KANDY_USERNAME",
		.config = true,
		.help = "the user to log in; the one of the last login if not given" },
	{ .kind = OPT_FLAG,
		.name = "project",
		AT(project),
		.env = "KANDY_PROJECT",
		.config = true,
		.help = "log in as the project itself, by client ID and client secret" },
	{ .kind = OPT_STRING,
		.name = "password-file",
		.metavar = "FILE",
		AT(password_file),
		.env = "KANDY_PASSWORD_FILE",
		.config = true,
		.hint = HINT_FILE,
		.help = "read the password from FILE, which nobody else may read",
		.more = "A pipe is fine too, as from <(command). If none of the sources is given, "
			"the file kandy-password in the directory "
			"$CREDENTIALS_DIRECTORY is read (systemd's LoadCredential=), and 'kandy "
			"login' asks on the terminal." },
	{ .kind = OPT_STRING,
		.name = "password-command",
		.metavar = "COMMAND",
		AT(password_command),
		.env = "KANDY_PASSWORD_COMMAND",
		.config = true,
		.hint = HINT_COMMAND,
		.shown = SHOW_PROGRAM,
		.help = "take the password from the first line that COMMAND prints; it is run by /bin/sh" },
	{ .kind = OPT_FLAG, .name = "password-stdin", AT(password_stdin), .help = "read the password from stdin" },
	{ .kind = OPT_STRING,
		.name = "password",
		AT(password),
		.env = "KANDY_PASSWORD",
		.secret = true,
		.no_option = true,
		.help = "the password itself" },
	{ .kind = OPT_STRING,
		.name = "client-secret-file",
		.metavar = "FILE",
		AT(client_secret_file),
		.env = "KANDY_CLIENT_SECRET_FILE",
		.config = true,
		.hint = HINT_FILE,
		.help = "read the project's client secret from FILE, which nobody else may read",
		.more = "Like the password: a pipe is fine too, and the file kandy-client-secret "
			"in $CREDENTIALS_DIRECTORY counts if none is given." },
	{ .kind = OPT_STRING,
		.name = "client-secret-command",
		.metavar = "COMMAND",
		AT(client_secret_command),
		.env = "KANDY_CLIENT_SECRET_COMMAND",
		.config = true,
		.hint = HINT_COMMAND,
		.shown = SHOW_PROGRAM,
		.help = "take the client secret from the first line that COMMAND prints" },
	{ .kind = OPT_STRING,
		.name = "client-secret",
		AT(client_secret),
		.env = "KANDY_CLIENT_SECRET",
		.secret = true,
		.no_option = true,
		.help = "the client secret itself" },
	{ 0 },
};

/* ---- which source -------------------------------------------------------------------------- */

enum source_kind { FROM_NOWHERE, FROM_FILE, FROM_CREDENTIAL, FROM_COMMAND, FROM_STDIN, FROM_VALUE, FROM_TERMINAL };

struct source {
	enum source_kind kind;
	const char *what; /* "password", "client secret" */
	const char *value; /* path, command, or the secret itself; borrowed */
	char *path; /* FROM_CREDENTIAL */
	struct secret read; /* what can be read once, and may be needed again */
};

struct session_secrets {
	struct session_handle *handle;
	struct source password, client_secret;
};

struct candidate {
	const char *row; /* whose layer counts */
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
			return err_set(err, ST_USAGE, "--%s and --%s exclude each other", chosen, candidates->row);
		if (chosen && layer <= best)
			continue;
		best = layer;
		chosen = candidates->row;
		source->kind = candidates->kind;
		source->value = candidates->value;
	}
	if (source->kind == FROM_FILE && !strcmp(source->value, "-"))
		return err_set(err, ST_USAGE, "--%s does not know '-'; the file for that is /dev/stdin", chosen);
	return ST_OK;
}

/* What systemd's LoadCredential= puts there. */
static void try_credential(struct source *source, const char *name)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (source->kind || !dir || !*dir)
		return;
	path = path_join(dir, name);
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
		secrets->password.kind = FROM_TERMINAL; /* without an echo */
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
		st = err_set(err, ST_AUTH, "no %s was given", source->what);
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
	BUG("a source that does not exist was asked");
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

	/* else "insecure = true" in a file and -q in a crontab would make it a secret */
	if (params->insecure && base->tls)
		log_security("certificates are not checked (--insecure): whoever is in between can "
			     "read and change everything");
	if (!base->tls && !url_is_loopback(base))
		log_security("%s is not encrypted: whoever is in between can read and change everything", base->origin);
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
	/* the strings stay where they are; what we start does not inherit them */
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

static bool is_passing(const struct source *source)
{
	struct stat file;

	if (source->kind == FROM_STDIN || source->kind == FROM_TERMINAL)
		return true;
	/* a file behind a descriptor of ours (/dev/fd/N) is not there in another process */
	return source->kind == FROM_FILE &&
		(starts_with(source->value, "/dev/") || (!stat(source->value, &file) && !S_ISREG(file.st_mode)));
}

static enum status keep(const struct session_secrets *secrets, struct source *source, struct err *err)
{
	struct secret secret = { 0 };
	enum status st;

	if (!is_passing(source) || source->read.s)
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
