/* sandbox.c - a local CPaaS server, alone or around a command. */
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
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

static const char *const addresses[] = { "127.0.0.1", "::1", NULL };
static const char *const last_message_times[] = { "from", "until", NULL };
static const char *const next_kinds[] = { "message", "offset", NULL };

struct sandbox_params {
	struct common_params common;
	const char *listen;
	int64_t port;
	bool no_tls;
	const char *record, *temporary;
	struct str_list users;
	int64_t numbered_users;
	int64_t token_life, refresh_life, token_size, channel_life;
	int64_t keep_per_conversation, keep_messages, keep_bytes, attachment_bytes, queue_bytes;
	struct str_list faults;
	const char *last_message_time, *next;
	int64_t history_delay, history_grows;
	bool no_range, relative_links, no_outbound, milliseconds;
	int64_t cert_days;
	const char *cert_host;
	int64_t drop_every, drop_times, fragment, duplicate, reorder, check;
	bool mute, silent_expiry;
};

#define AT(member) .at = offsetof(struct sandbox_params, member)

static const struct opt sandbox_opts[] = {
	{ .kind = OPT_CHOICE,
		.name = "listen",
		.metavar = "ADDRESS",
		AT(listen),
		.fallback = "127.0.0.1",
		.choices = addresses,
		.help = "listen on ADDRESS: loopback, of one family or the other" },
	{ .kind = OPT_INT,
		.name = "port",
		.metavar = "N",
		AT(port),
		.max = 65535,
		.fallback = "0",
		.help = "listen on port N; 0 is any that is free" },
	{ .kind = OPT_FLAG, .name = "no-tls", AT(no_tls), .help = "serve plain http and ws" },
	{ .kind = OPT_STRING,
		.name = "record",
		.metavar = "FILE",
		AT(record),
		.hint = HINT_FILE,
		.help = "append a JSON line to FILE for each request and WebSocket frame, secrets hashed" },
	{ .kind = OPT_LIST,
		.name = "user",
		.metavar = "NAME",
		AT(users),
		.help = "one more user, NAME@sandbox.example with password NAME-secret" },
	{ .kind = OPT_INT,
		.name = "users",
		.metavar = "N",
		AT(numbered_users),
		.max = 100000,
		.fallback = "0",
		.help = "N more users, user1 to userN" },
	{ .kind = OPT_STRING,
		.name = "temporary-directory",
		.metavar = "DIR",
		AT(temporary),
		.env = "TMPDIR",
		.fallback = "/tmp",
		.hint = HINT_DIR,
		.help = "keep attachments and the certificate in DIR while it runs" },

	{ .kind = OPT_HEADING, .help = "Lifetimes" },
	{ .kind = OPT_DURATION,
		.name = "token-life",
		.metavar = "DURATION",
		AT(token_life),
		.fallback = "1h",
		.min = 100,
		.max = INT64_C(31536000000),
		.help = "access tokens run out after DURATION" },
	{ .kind = OPT_DURATION,
		.name = "refresh-life",
		.metavar = "DURATION",
		AT(refresh_life),
		.fallback = "12h",
		.min = 100,
		.max = INT64_C(31536000000),
		.help = "refresh tokens run out after DURATION" },
	{ .kind = OPT_SIZE,
		.name = "token-size",
		.metavar = "SIZE",
		AT(token_size),
		.fallback = "1200",
		.max = 12288,
		.help = "access tokens are at least SIZE long" },
	{ .kind = OPT_DURATION,
		.name = "channel-max-life",
		.metavar = "DURATION",
		AT(channel_life),
		.fallback = "24h",
		.min = 1000,
		.max = INT64_C(31536000000),
		.help = "grant channels DURATION at most" },

	{ .kind = OPT_HEADING, .help = "Limits" },
	{ .kind = OPT_INT,
		.name = "keep-per-conversation",
		.metavar = "N",
		AT(keep_per_conversation),
		.fallback = "100000",
		.min = 1,
		.max = 100000000,
		.help = "remember the last N messages of a conversation" },
	{ .kind = OPT_INT,
		.name = "keep-messages",
		.metavar = "N",
		AT(keep_messages),
		.fallback = "1000000",
		.min = 1,
		.max = 100000000,
		.help = "remember the last N messages of all conversations" },
	{ .kind = OPT_SIZE,
		.name = "keep-bytes",
		.metavar = "SIZE",
		AT(keep_bytes),
		.fallback = "512M",
		.min = 1024,
		.max = INT64_C(1) << 40,
		.help = "remember messages up to SIZE" },
	{ .kind = OPT_SIZE,
		.name = "attachment-bytes",
		.metavar = "SIZE",
		AT(attachment_bytes),
		.fallback = "4G",
		.min = 1024,
		.max = INT64_C(1) << 32,
		.help = "keep attachments up to SIZE, all together; the oldest give way" },
	{ .kind = OPT_SIZE,
		.name = "queue-bytes",
		.metavar = "SIZE",
		AT(queue_bytes),
		.fallback = "16M",
		.min = 65536,
		.max = INT64_C(1) << 32,
		.help = "close a connection whose reader is SIZE behind" },

	{ .kind = OPT_HEADING, .help = "Readings of the protocol" },
	{ .kind = OPT_CHOICE,
		.name = "last-message-time",
		.metavar = "from|until",
		AT(last_message_time),
		.fallback = "from",
		.choices = last_message_times,
		.help = "lastMessageTime leaves out what is older (from) or newer (until)" },
	{ .kind = OPT_CHOICE,
		.name = "next",
		.metavar = "message|offset",
		AT(next),
		.fallback = "message",
		.choices = next_kinds,
		.help = "a page of history goes on behind a message, or a number of messages behind the newest" },
	{ .kind = OPT_FLAG,
		.name = "milliseconds",
		AT(milliseconds),
		.help = "answers have times in milliseconds, not seconds" },
	{ .kind = OPT_FLAG, .name = "relative-links", AT(relative_links), .help = "links of attachments are paths" },
	{ .kind = OPT_FLAG, .name = "no-range", AT(no_range), .help = "downloads ignore Range" },
	{ .kind = OPT_FLAG,
		.name = "no-outbound",
		AT(no_outbound),
		.help = "a user's other logins are not told what the user has sent" },

	{ .kind = OPT_HEADING, .help = "Faults to order" },
	{ .kind = OPT_LIST,
		.name = "fault",
		.metavar = "SPEC",
		AT(faults),
		.help = "misbehave as SPEC says, as in 'POST messages 2:503,3:drop,4:429/2'",
		.more = "SPEC is METHOD WORD RULE[,RULE...]. METHOD is an HTTP method or *. WORD is one of the "
			"last two segments of the path (token, channels, channelLifetime, websocket, "
			"subscriptions, messages, sessions, objects, payload, requests...) or *. Requests that "
			"match are counted; RULE is WHEN:KIND, where WHEN is N (the Nth), N+ (from the Nth on), "
			"N-M, N% (each Nth) or *. KIND is one of: an HTTP status (503: answered with it, "
			"unprocessed; 429/2: with Retry-After in seconds; 429/date: with Retry-After as a date "
			"two seconds ahead); drop or reset (the connection is closed, or reset, before the "
			"request is processed; drop/N: after N bytes of its body); lost (processed, then the "
			"connection is closed without an answer); hang (processed, and never answered); slow/MS "
			"(answered MS milliseconds later); trickle/N (N bytes every 10 ms); cut/N (closed after "
			"N bytes of the answer's body); stall/N (silent after N bytes of the answer's body); "
			"html (200 with an HTML page); empty (200 with nothing); badjson (processed, and the "
			"answer's JSON cut in the middle); early (201 before the request's body is read); "
			"redirect/URL (302)." },
	{ .kind = OPT_DURATION,
		.name = "history-delay",
		.metavar = "DURATION",
		AT(history_delay),
		.max = 600000,
		.help = "pages of history take DURATION" },
	{ .kind = OPT_INT,
		.name = "history-grows",
		.metavar = "N",
		AT(history_grows),
		.max = 1000,
		.help = "N messages arrive from the peer with each page of history" },
	{ .kind = OPT_DURATION,
		.name = "drop-sockets-every",
		.metavar = "DURATION",
		AT(drop_every),
		.max = 86400000,
		.help = "drop all WebSockets about every DURATION" },
	{ .kind = OPT_INT,
		.name = "drop-sockets",
		.metavar = "N",
		AT(drop_times),
		.help = "drop them N times at most",
		.max = 1000000 },
	{ .kind = OPT_INT,
		.name = "fragment",
		.metavar = "N",
		AT(fragment),
		.max = 1000000,
		.help = "cut notifications into fragments of 1 to N bytes" },
	{ .kind = OPT_INT,
		.name = "duplicate",
		.metavar = "N",
		AT(duplicate),
		.max = 1000000,
		.help = "deliver every Nth notification twice" },
	{ .kind = OPT_INT,
		.name = "reorder",
		.metavar = "N",
		AT(reorder),
		.max = 1000000,
		.help = "deliver every Nth notification behind the next one" },
	{ .kind = OPT_FLAG, .name = "mute", AT(mute), .help = "answer no connCheck" },
	{ .kind = OPT_FLAG,
		.name = "silent-expiry",
		AT(silent_expiry),
		.help = "leave the sockets of a channel open when it has run out or was deleted" },
	{ .kind = OPT_DURATION,
		.name = "check-interval",
		.metavar = "DURATION",
		AT(check),
		.fallback = "30s",
		.min = 50,
		.max = 3600000,
		.help = "send connChecks every DURATION on channels where that is the server's part" },
	{ .kind = OPT_INT,
		.name = "cert-days",
		.metavar = "N",
		AT(cert_days),
		.fallback = "30",
		.min = -3650,
		.max = 3650,
		.help = "the certificate is valid for N days; a negative N makes one that has expired" },
	{ .kind = OPT_STRING,
		.name = "cert-host",
		.metavar = "HOST",
		AT(cert_host),
		.hint = HINT_HOST,
		.help = "the certificate is for HOST" },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

/* ---- beginning ------------------------------------------------------------------------------------------------ */

static struct sandbox_config make_config(const struct sandbox_params *p)
{
	return (struct sandbox_config){
		.address = p->listen,
		.port = (uint16_t)p->port,
		.tls = !p->no_tls,
		.dir = p->temporary,
		.record = p->record,
		.users = p->users.items,
		.user_count = p->users.count,
		.numbered_users = p->numbered_users,
		.token_life_ms = p->token_life,
		.refresh_life_ms = p->refresh_life,
		.token_size = p->token_size,
		.channel_life_s = (p->channel_life + 999) / 1000,
		.keep_per_conversation = p->keep_per_conversation,
		.keep_messages = p->keep_messages,
		.keep_bytes = p->keep_bytes,
		.attachment_bytes = p->attachment_bytes,
		.queue_bytes = p->queue_bytes,
		.faults = p->faults.items,
		.fault_count = p->faults.count,
		.until = !strcmp(p->last_message_time, "until"),
		.offsets = !strcmp(p->next, "offset"),
		.history_delay_ms = p->history_delay,
		.history_grows = p->history_grows,
		.no_range = p->no_range,
		.relative_links = p->relative_links,
		.no_outbound = p->no_outbound,
		.milliseconds = p->milliseconds,
		.cert_days = p->cert_days,
		.cert_host = p->cert_host,
		.drop_every_ms = p->drop_every,
		.drop_times = p->drop_times,
		.fragment = p->fragment,
		.duplicate = p->duplicate,
		.reorder = p->reorder,
		.mute = p->mute,
		.silent_expiry = p->silent_expiry,
		.check_ms = p->check,
	};
}

/* The certificate in a private file, for KANDY_CACERT. `*path` is taken away at the end. */
static enum status write_cert(const struct sandbox *sandbox, const char *dir, char **path, struct err *err)
{
	const struct buf *pem = sandbox_cert(sandbox);
	char *name = path_join(dir, "kandy-sandbox-XXXXXX.pem");
	int fd = mkostemps(name, 4, O_CLOEXEC);
	bool ok;

	if (fd < 0) {
		free(name);
		return err_set(err, ST_CANTCREATE, "cannot make a file in '%s': %s", dir, strerror(errno));
	}
	*path = name;
	ok = write_full(fd, pem->data, pem->len);
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

/* ---- the command around which it runs ------------------------------------------------------------------------- */

/* A thread of its own waits for it, and says so in a pipe: the sandbox goes on until then. */
struct child {
	pid_t pid; /* 0: none */
	int status; /* of waitpid(2) */
	int done[2]; /* a pipe; its writing end is closed when the child has ended */
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
		return err_set(err, ST_INTERNAL, "cannot make a pipe: %s", strerror(errno));
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

/* Its exit status, as a shell would give it. */
static int end_child(struct child *child)
{
	pthread_join(child->waiter, NULL);
	close(child->done[0]);
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

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
 * The signal is handed to the command, which still needs the sandbox for its own clean end. A terminal has sent
 * SIGINT to it already, and a second one might kill it.
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

/* Whatever started us closes our stdin when it goes. What it writes there is thrown away. */
static bool stdin_ready(void *arg)
{
	char junk[4096];
	ssize_t n = read(STDIN_FILENO, junk, sizeof(junk));

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) || stop(arg);
}

/* A pipe or a socket has somebody at its other end; /dev/null, a file or a terminal tells nothing. */
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
	return err_set(err, interrupt_status(), "%s", ""); /* the code says it all */
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
	struct sandbox_config config = make_config(p);
	struct sandbox *sandbox;
	char *cert = NULL, **argv = ctx->cli->operand_count ? ctx->cli->operands : NULL;
	enum status status;

	interrupt_install();
	status = sandbox_new(&sandbox, &config, err);
	if (status)
		return status;
	log_verbose("serving on %s", sandbox_base_url(sandbox));
	if (config.tls)
		status = write_cert(sandbox, config.dir, &cert, err);
	if (!status)
		status = serve(sandbox, cert, argv, err);
	if (cert)
		unlink(cert);
	free(cert);
	sandbox_free(sandbox);
	return status;
}

static const char *const description[] = {
	"Serves the CPaaS protocol on this machine's loopback address, for offline work, demos and tests: tokens, notification channels "
	"and their WebSockets, one-to-one and group chat, attachments, SMS, history. Users are alice, bob, carol "
	"and dave @sandbox.example, each with the password NAME-secret; the client ID is PUB-sandbox, the "
	"project's secret sandbox-secret.",
	"With a COMMAND, runs it with KANDY_BASE_URL, KANDY_CACERT and KANDY_CLIENT_ID set, and ends with its "
	"status. Without one, prints these as export lines once it is ready, and stops on SIGINT, SIGTERM or SIGHUP, or "
	"when its stdin (if that is a pipe or a socket) is closed. Everything is in memory, attachments in an "
	"unlinked file; nothing is left behind.",
	"A message reaches every subscribed channel of the receiver that has a socket open; what arrives while "
	"none is open is lost for the socket, and stays in the history. Other logins of the sender are told of it "
	"as outbound.",
	"POST /sandbox/control (no token is asked for) makes things happen while it runs. The body is an object "
	"whose member \"do\" is one of: drop-sockets (\"how\": drop, reset or close), half-open (sockets neither "
	"read nor write any more, and stay open), forget-channels, cancel-subscriptions (\"service\": of that one alone; "
	"\"silent\":true: without a word on the socket), each with an optional \"user\"; number (one more \"number\" of \"user\"); expire-tokens (\"refresh\":true: refresh tokens, too); sockets (\"mute\", \"fragment\", "
	"\"duplicate\", \"reorder\": as the options); message-time (messages have the time \"at\", in milliseconds since "
	"1970, from now on; without it, the clock's); clock (what its clock shows, of messages and in Date, is \"ahead\" "
	"milliseconds of the machine's); fault (\"fault\": as --fault) and clear-faults; notify "
	"(\"json\" or \"text\", to all sockets of \"to\", as it is); send (\"from\", \"to\", \"text\", "
	"\"attachment\", as it is); burst (\"from\", \"to\", \"count\", \"conversations\", \"size\", \"rate\" a "
	"second, \"label\", \"mode\": real, which stores and pushes, or blast and single, which only push, many or "
	"one a write; \"hold\":false lets a slow reader's queue overflow); stats.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy sandbox sh -c 'echo $KANDY_BASE_URL'", "run a command against a sandbox of its own" },
	{ "kandy sandbox --fault 'POST token 1:503' -- sh -c "
	  "'KANDY_PASSWORD=alice-secret kandy login -u alice@sandbox.example'",
		"see that a login survives a server that is not there at first" },
	{ NULL, NULL },
};

const struct command cmd_sandbox = {
	.name = "sandbox",
	.operands = "[COMMAND [ARGUMENT...]]",
	.operands_max = SIZE_MAX,
	.operand_hint = HINT_COMMAND,
	.wraps = true,
	.summary = "serve the CPaaS protocol on this machine",
	.description = description,
	.opts = sandbox_opts,
	.params_size = sizeof(struct sandbox_params),
	.examples = examples,
	.needs = NEEDS_NO_FILES,
	.run = run,
};
