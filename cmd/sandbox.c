/* sandbox.c - a local CPaaS server, on its own or for one command. */
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct sandbox_params {
	struct common_params common;
	struct sandbox_config config;
	struct str_list users, faults;
};

#define AT(member) .at = offsetof(struct sandbox_params, member)

static const struct opt sandbox_opts[] = {
	{ .kind = OPT_CHOICE,
		.name = "listen",
		.metavar = "ADDRESS",
		AT(config.address),
		.fallback = "127.0.0.1",
		.choices = CLI_LIST("127.0.0.1", "::1"),
		.help = "loopback address to listen on" },
	{ .kind = OPT_INT,
		.name = "port",
		.metavar = "N",
		AT(config.port),
		.max = 65535,
		.fallback = "0",
		.help = "port to listen on; 0 means any free port" },
	{ .kind = OPT_FLAG, .name = "no-tls", AT(config.no_tls), .help = "serve plain HTTP and WebSocket" },
	{ .kind = OPT_STRING,
		.name = "record",
		.metavar = "FILE",
		AT(config.record),
		.hint = HINT_FILE,
		.help = "append a JSON line to FILE for each request and WebSocket frame (secrets are hashed)" },
	{ .kind = OPT_LIST,
		.name = "user",
		.metavar = "NAME",
		AT(users),
		.help = "add the user NAME@sandbox.example, with the password NAME-secret" },

	{ .kind = OPT_HEADING, .hidden = true, .help = "Lifetimes" },
	{ .kind = OPT_DURATION,
		.name = "token-life",
		.metavar = "DURATION",
		AT(config.token_life_ms),
		.fallback = "1h",
		.min = 100,
		.max = INT64_C(31536000000),
		.help = "lifetime of access tokens" },
	{ .kind = OPT_DURATION,
		.name = "refresh-life",
		.metavar = "DURATION",
		AT(config.refresh_life_ms),
		.fallback = "12h",
		.min = 100,
		.max = INT64_C(31536000000),
		.help = "lifetime of refresh tokens" },
	{ .kind = OPT_SIZE,
		.name = "token-size",
		.metavar = "SIZE",
		AT(config.token_size),
		.fallback = "1200",
		.max = 12288,
		.help = "minimum size of access tokens" },
	{ .kind = OPT_DURATION,
		.name = "channel-max-life",
		.metavar = "DURATION",
		AT(config.channel_life_ms),
		.fallback = "24h",
		.min = 1000,
		.max = INT64_C(31536000000),
		.help = "maximum lifetime granted to a notification channel" },

	{ .kind = OPT_HEADING, .hidden = true, .help = "Limits" },
	{ .kind = OPT_INT,
		.name = "keep-per-conversation",
		.metavar = "N",
		AT(config.keep_per_conversation),
		.fallback = "100000",
		.min = 1,
		.max = 100000000,
		.help = "messages kept per conversation" },
	{ .kind = OPT_INT,
		.name = "keep-messages",
		.metavar = "N",
		AT(config.keep_messages),
		.fallback = "1000000",
		.min = 1,
		.max = 100000000,
		.help = "messages kept in total" },
	{ .kind = OPT_SIZE,
		.name = "keep-bytes",
		.metavar = "SIZE",
		AT(config.keep_bytes),
		.fallback = "512M",
		.min = 1024,
		.max = INT64_C(1) << 40,
		.help = "memory for messages; the oldest are dropped first" },
	{ .kind = OPT_SIZE,
		.name = "attachment-bytes",
		.metavar = "SIZE",
		AT(config.attachment_bytes),
		.fallback = "4G",
		.min = 1024,
		.max = INT64_C(1) << 32,
		.help = "disk space for attachments; the oldest are dropped first" },
	{ .kind = OPT_SIZE,
		.name = "queue-bytes",
		.metavar = "SIZE",
		AT(config.queue_bytes),
		.fallback = "16M",
		.min = 65536,
		.max = INT64_C(1) << 32,
		.help = "close a connection with more than SIZE of unsent output" },

	{ .kind = OPT_HEADING, .hidden = true, .help = "Protocol variants" },
	{ .kind = OPT_CHOICE,
		.name = "last-message-time",
		.metavar = "from|until",
		AT(config.last_message_time),
		.fallback = "from",
		.choices = CLI_LIST("from", "until"),
		.help = "lastMessageTime in history selects messages from that time, or until then" },
	{ .kind = OPT_CHOICE,
		.name = "next",
		.metavar = "message|offset",
		AT(config.next),
		.fallback = "message",
		.choices = CLI_LIST("message", "offset"),
		.help = "a page of history continues after a message, or at an offset from the newest" },
	{ .kind = OPT_FLAG,
		.name = "milliseconds",
		AT(config.milliseconds),
		.help = "times in responses are in milliseconds instead of seconds" },
	{ .kind = OPT_FLAG,
		.name = "relative-links",
		AT(config.relative_links),
		.help = "links to attachments are paths without a host" },
	{ .kind = OPT_FLAG, .name = "no-range", AT(config.no_range), .help = "ignore Range in downloads" },

	{ .kind = OPT_HEADING, .hidden = true, .help = "Fault injection" },
	{ .kind = OPT_LIST,
		.name = "fault",
		.metavar = "SPEC",
		AT(faults),
		.help = "inject faults, as in 'POST messages 2:503,3:drop,4:429/2'",
		.more = "SPEC is METHOD WORD RULE[,RULE...]. METHOD is an HTTP method or *. WORD is one of the "
			"last two segments of the path (token, channels, channelLifetime, websocket, "
			"subscriptions, messages, sessions, objects, payload, requests...) or *. Each SPEC counts "
			"the requests that match it. RULE is WHEN:KIND, where WHEN is N (the Nth), N+ (from the "
			"Nth on), N-M, N% (every Nth) or *. KIND is one of: an HTTP status (the response to the "
			"unprocessed request; 429/2: with a Retry-After in seconds; 429/date: with a date two "
			"seconds ahead); drop or reset (close or reset the connection before the request is "
			"processed; drop/N: after N bytes of its body); lost (process the request, then close the "
			"connection without a response); hang (process it and never respond); slow/MS (respond "
			"MS milliseconds later); trickle/N (send N bytes every 10 ms); cut/N (close the "
			"connection after N bytes of the response body); stall/N (stop sending after N bytes of "
			"it); html (200 with an HTML page); empty (200 with an empty body); badjson (process the "
			"request and truncate the JSON of the response); early (201 before the request body is "
			"read); redirect/URL (302)." },
	{ .kind = OPT_DURATION,
		.name = "history-delay",
		.metavar = "DURATION",
		AT(config.history_delay_ms),
		.max = 600000,
		.help = "delay of each page of history" },
	{ .kind = OPT_INT,
		.name = "history-grows",
		.metavar = "N",
		AT(config.history_grows),
		.max = 1000,
		.help = "messages that the other user sends with each page of history" },
	{ .kind = OPT_DURATION,
		.name = "drop-sockets-every",
		.metavar = "DURATION",
		AT(config.drop_every_ms),
		.max = 86400000,
		.help = "drop all WebSockets about every DURATION; 0 means never" },
	{ .kind = OPT_INT,
		.name = "drop-sockets",
		.metavar = "N",
		AT(config.drop_times),
		.help = "maximum number of these drops; 0 means no limit",
		.max = 1000000 },
	{ .kind = OPT_FLAG,
		.name = "silent-expiry",
		AT(config.silent_expiry),
		.help = "keep the WebSockets of an expired or deleted channel open" },
	{ .kind = OPT_DURATION,
		.name = "check-interval",
		.metavar = "DURATION",
		AT(config.check_ms),
		.fallback = "30s",
		.min = 50,
		.max = 3600000,
		.help = "interval of connCheck on channels with x-connCheckRole server" },
	{ .kind = OPT_INT,
		.name = "cert-days",
		.metavar = "N",
		AT(config.cert_days),
		.fallback = "30",
		.min = -3650,
		.max = 3650,
		.help = "validity of the certificate in days; negative means expired" },
	{ .kind = OPT_STRING,
		.name = "cert-host",
		.metavar = "HOST",
		AT(config.cert_host),
		.hint = HINT_HOST,
		.help = "host name in the certificate" },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

/* ---- start ------------------------------------------------------------------------------------------------------ */

/* Writes the certificate to a private file, for KANDY_CACERT. The caller removes `*path`. */
static enum status write_cert(const struct sandbox *sandbox, const char *dir, char **path, struct err *err)
{
	const struct buf *pem = sandbox_cert(sandbox);
	char *name = file_join(dir, "kandy-sandbox-XXXXXX.pem");
	int fd = mkostemps(name, 4, O_CLOEXEC);
	bool ok;

	if (fd < 0) {
		free(name);
		return err_set(err, ST_CANTCREATE, "cannot create a file in '%s': %s", dir, strerror(errno));
	}
	*path = name;
	ok = file_write_all(fd, pem->data, pem->len);
	ok = !close(fd) && ok;
	return ok ? ST_OK : err_set(err, ST_IO, "cannot write '%s': %s", name, strerror(errno));
}

static void add_export(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "export %s='", name);
	for (; *value; value++) {
		if (*value == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *value);
	}
	buf_adds(out, "'\n");
}

static enum status print_exports(const struct sandbox *sandbox, const char *cert, struct err *err)
{
	struct buf out;
	enum status status;

	buf_init(&out, 16 * 1024);
	add_export(&out, "KANDY_BASE_URL", sandbox_base_url(sandbox));
	if (cert)
		add_export(&out, "KANDY_CACERT", cert);
	add_export(&out, "KANDY_CLIENT_ID", SANDBOX_CLIENT_ID);
	status = output_add(out.data, out.len, err);
	if (!status)
		status = output_flush(err);
	buf_release(&out);
	return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* A thread waits for the command while the sandbox serves, and closes a pipe when the command has ended. */
struct child {
	pid_t pid; /* 0: none */
	int status; /* of waitpid(2) */
	int done[2]; /* the pipe */
	pthread_t waiter;
};

static _Noreturn void exec_child(const struct sandbox *sandbox, const char *cert, char **argv)
{
	interrupt_child();
	setenv("KANDY_BASE_URL", sandbox_base_url(sandbox), 1);
	setenv("KANDY_CLIENT_ID", SANDBOX_CLIENT_ID, 1);
	if (cert)
		setenv("KANDY_CACERT", cert, 1);
	else
		unsetenv("KANDY_CACERT");
	execvp(argv[0], argv);
	log_error("cannot run '%s': %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void *wait_for_child(void *arg)
{
	struct child *child = arg;

	while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
		;
	close(child->done[1]);
	return NULL;
}

static enum status start_child(struct child *child, const struct sandbox *sandbox, const char *cert, char **argv,
	struct err *err)
{
	int failed;

	if (pipe2(child->done, O_CLOEXEC))
		return err_set(err, ST_INTERNAL, "cannot create a pipe: %s", strerror(errno));
	child->pid = fork();
	if (!child->pid)
		exec_child(sandbox, cert, argv);
	if (child->pid < 0) {
		err_set(err, ST_INTERNAL, "cannot start '%s': %s", argv[0], strerror(errno));
		child->pid = 0;
		close(child->done[0]);
		close(child->done[1]);
		return ST_INTERNAL;
	}
	failed = pthread_create(&child->waiter, NULL, wait_for_child, child);
	if (failed) {
		kill(child->pid, SIGTERM);
		wait_for_child(child);
		close(child->done[0]);
		child->pid = 0;
		return err_set(err, ST_INTERNAL, "cannot start a thread: %s", strerror(failed));
	}
	return ST_OK;
}

/* The exit status, as a shell reports it. */
static int end_child(struct child *child)
{
	pthread_join(child->waiter, NULL);
	close(child->done[0]);
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}

/* ---- serving ---------------------------------------------------------------------------------------------------- */

struct service {
	struct sandbox *sandbox;
	struct child child;
};

static bool stop(void *arg)
{
	struct service *service = arg;

	sandbox_stop(service->sandbox);
	return false;
}

/*
 * Passes the signal to the command, which may need the sandbox for a clean exit. A terminal has sent SIGINT to the
 * command already, and a second one might kill it.
 */
static bool interrupted(void *arg)
{
	struct service *service = arg;
	bool int_came = interrupt_status() == ST_SIGINT;

	if (!service->child.pid)
		return stop(service);
	if (!int_came || tcgetpgrp(STDERR_FILENO) != getpgrp())
		kill(service->child.pid, int_came ? SIGINT : SIGTERM);
	return false;
}

/* The parent process closes stdin when it ends. Input is discarded. */
static bool stdin_ready(void *arg)
{
	char junk[4096];
	ssize_t n = read(STDIN_FILENO, junk, sizeof(junk));

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) || stop(arg);
}

/* The end of stdin is meaningful for a pipe or a socket only. */
static bool stdin_closes(void)
{
	struct stat st;

	return !fstat(STDIN_FILENO, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static enum status serve_alone(struct service *service, const char *cert, struct err *err)
{
	enum status status = print_exports(service->sandbox, cert, err);

	if (!status && stdin_closes())
		status = sandbox_watch(service->sandbox, STDIN_FILENO, stdin_ready, service, err);
	if (status)
		return status;
	sandbox_run(service->sandbox);
	return err_set(err, interrupt_status(), "%s", ""); /* no message */
}

static enum status serve_command(struct service *service, const char *cert, char **argv, struct err *err)
{
	enum status status = start_child(&service->child, service->sandbox, cert, argv, err);
	int code;

	if (status)
		return status;
	status = sandbox_watch(service->sandbox, service->child.done[0], stop, service, err);
	if (status)
		kill(service->child.pid, SIGTERM);
	else
		sandbox_run(service->sandbox);
	code = end_child(&service->child);
	return status ? status : err_set(err, (enum status)code, "%s", "");
}

static enum status serve(struct sandbox *sandbox, const char *cert, char **argv, struct err *err)
{
	struct service service = { .sandbox = sandbox };
	enum status status = sandbox_watch(sandbox, interrupt_fd(), interrupted, &service, err);

	if (status)
		return status;
	return argv ? serve_command(&service, cert, argv, err) : serve_alone(&service, cert, err);
}

static enum status run(const struct run_ctx *ctx, const void *params, struct err *err)
{
	const struct sandbox_params *p = params;
	const char *temp_dir = getenv("TMPDIR");
	struct sandbox_config config = p->config;
	struct sandbox *sandbox;
	char *cert = NULL, **argv = ctx->cli->operand_count ? ctx->cli->operands : NULL;
	enum status status;

	config.dir = temp_dir && *temp_dir ? temp_dir : "/tmp";
	config.users = p->users.items;
	config.user_count = p->users.count;
	config.faults = p->faults.items;
	config.fault_count = p->faults.count;
	interrupt_install();
	status = sandbox_new(&sandbox, &config, err);
	if (status)
		return status;
	log_verbose("serving on %s", sandbox_base_url(sandbox));
	if (!config.no_tls)
		status = write_cert(sandbox, config.dir, &cert, err);
	if (!status)
		status = serve(sandbox, cert, argv, err);
	if (cert)
		unlink(cert);
	free(cert);
	sandbox_free(sandbox);
	return status;
}

const struct command cmd_sandbox = {
	.name = "sandbox",
	.operands = "[COMMAND [ARGUMENT...]]",
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_COMMAND,
	.wraps = true,
	.summary = "run a local test server",
	.description = CLI_LIST(
		"Serves the CPaaS protocol on the loopback address, for offline work, demos and tests: tokens, notification "
		"channels and their WebSockets, one-to-one and group chat, attachments, SMS, history. The users are alice, bob, "
		"carol and dave @sandbox.example, with the passwords NAME-secret. The client ID is PUB-sandbox, the client "
		"secret of the project is sandbox-secret.",
		"With a COMMAND, runs it with KANDY_BASE_URL, KANDY_CACERT and KANDY_CLIENT_ID set, and exits with its "
		"status. Without one, prints these variables as export lines once it is ready, and stops on SIGINT, SIGTERM "
		"or SIGHUP, or when its stdin (a pipe or a socket) is closed. All state is in memory, attachments in an "
		"unlinked file in $TMPDIR or /tmp.",
		"A message is pushed to all subscribed channels of its recipient that have an open WebSocket, and to other "
		"logins of its sender as outbound. Without an open WebSocket it is in the history only.",
		"POST /sandbox/control (without a token) changes a running sandbox. The member \"do\" of the body is one of: "
		"drop-sockets (\"how\": drop, reset or close), half-open (stop reading and writing WebSockets, and keep them "
		"open), forget-channels, cancel-subscriptions (\"service\": this one only; \"silent\":true: without a "
		"notification), each for all users or one \"user\"; number (add the \"number\" to \"user\"); expire-tokens "
		"(\"refresh\":true: refresh tokens, too); sockets (\"mute\":true: send no connAck; \"no-outbound\":true: do "
		"not push to other logins of the sender; \"fragment\":N: split notifications into fragments of 1 to N bytes; "
		"\"duplicate\":N: send every Nth notification twice; \"reorder\":N: send every Nth after its successor); "
		"message-time (\"at\": time of all new messages, in milliseconds since 1970; without it, now); clock "
		"(\"ahead\": offset of the server's clock in milliseconds, in messages and Date); fault (\"fault\": as "
		"--fault) and clear-faults; notify (\"json\" or \"text\": send it unchanged to all WebSockets of \"to\"); send "
		"(\"from\", \"to\", \"text\", \"attachment\": unchanged); burst (\"from\", \"to\", \"count\", "
		"\"conversations\", \"size\", \"rate\" per second, \"label\": many messages; \"hold\":false: let the queue of a "
		"slow reader overflow); stats."),
	.opts = sandbox_opts,
	.params_size = sizeof(struct sandbox_params),
	.examples = CLI_EXAMPLES({ "kandy sandbox sh -c 'echo $KANDY_BASE_URL'", "run a command with its own sandbox" },
		{ "kandy sandbox --fault 'POST token 1:503' -- sh -c "
		  "'KANDY_PASSWORD=alice-secret kandy login -u alice@sandbox.example'",
			"show that a login is retried after a server error" }),
	.needs = NEEDS_NO_FILES,
	.run = run,
};
