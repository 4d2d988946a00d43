/*
 * session_opts.h - the options of every command that talks to the service, and the client that they
 * make.
 */
#ifndef KANDY_CMD_SESSION_OPTS_H
#define KANDY_CMD_SESSION_OPTS_H

#include "client/client.h"
#include "cmd/command.h"

/* Embedded in a command's params; the rows are session_opts, by an OPT_GROUP row. */
struct session_params {
	/* connection */
	const char *base_url, *cacert, *proxy;
	bool insecure;
	int64_t connect_timeout, timeout; /* ms */
	int64_t retry, retry_delay, retry_max_time;
	/* who */
	const char *client_id, *username;
	bool project;
	/*
	 * Secret sources. The one that was set nearest to the command line counts (option,
	 * environment, profile, system file); of one layer the first in this order. After all of
	 * them comes $CREDENTIALS_DIRECTORY, then the terminal.
	 */
	const char *password_file, *password_command;
	bool password_stdin;
	const char *password; /* KANDY_PASSWORD alone */
	/* the last: KANDY_CLIENT_SECRET alone */
	const char *client_secret_file, *client_secret_command, *client_secret;
};

extern const struct opt session_opts[];

/*
 * What a command holds while it runs: the store and the client of its profile. `interactive`: it
 * may ask for the password on a terminal (login). Release with session_close(), also after a
 * failure.
 */
struct session_handle {
	struct store *store;
	struct client *client;
	struct tls_trust trust;
	struct session_secrets *secrets; /* session_opts.c's own */
};

/* the files alone */
enum status session_open_store(struct store **store, const struct run_ctx *ctx, struct err *err) MUST_USE;
enum status session_open(struct session_handle *handle, const struct run_ctx *ctx, const struct session_params *params,
	bool interactive, struct err *err) MUST_USE;
/*
 * Reads now what can be read once and may be needed more than once, or by a process that does not have our descriptors:
 * a password on stdin, or from a pipe (--password-file <(command)).
 */
enum status session_keep_secrets(struct session_handle *handle, struct err *err) MUST_USE;
void session_close(struct session_handle *handle);

#endif
