#include "cmd/manual.h"

#include "cmd/command.h"
#include "cmd/json_schema.h"

#include <stdbool.h>
#include <string.h>

/* What the code does; the engines' headers in lib/send, lib/listen and lib/fetch have the details. */
const char manual_guarantees[] =
	"# DELIVERY GUARANTEES\n"
	"The guarantees assume that the history of the service eventually shows every message that it accepted, in one order for each conversation.\n"
	"## send\n"
	"- A request that was certainly not processed is retried (--retry).\n"
	"- If the response is lost, the conversation history is checked before anything is sent again, unless --on-unknown says otherwise. If "
	"exactly one own message in it, newer than the request and otherwise unaccounted for, can be this one, the message is reported as "
	"sent, with its ID. If no such message appears within --settle-time, while the history shows the message that was sent before, it is sent "
	"again. In every other case delivery is unknown: the exit status is 75, and kandy does not resend by itself.\n"
	"- After a response with a 2xx status that cannot be used (empty, cut, compressed), the history is checked in the same way, but the message is "
	"never sent again.\n"
	"- SMS has no history: after a lost response delivery is unknown.\n"
	"- The messages of one conversation are sent in the order of the input. There is no order between conversations.\n"
	"- Not guaranteed: a recipient that has read the message, the delivery of an SMS (subscribe to receipts), and the order of messages that two "
	"processes send at the same time.\n"
	"## send --spool and flush\n"
	"- A message is queued only if it cannot be delivered now and was certainly not sent, or if its delivery is unknown; flush checks the latter "
	"in the history first. Messages rejected by the service are not queued.\n"
	"- 'spooled' is printed after the message and its attachments are synced to disk. The order within a conversation is kept. One flush "
	"runs at a time, and a crash loses no message.\n"
	"- Rejected messages, and those older than --max-age, are moved to the failed queue with the error; 'kandy spool' lists them.\n"
	"- A message is delivered only by the account that queued it.\n"
	"## listen\n"
	"- Every message that stays in the history is printed at least once, and exactly once if neither kandy nor its reader crashes. A "
	"checkpoint on disk moves only over messages that were written to stdout or acknowledged by --exec.\n"
	"- After every connect, messages since the checkpoint are read from the history, before live ones. Within a conversation they are in "
	"the order of the history. If the history cannot be read, live messages wait for up to 30 seconds; then they are printed first, an "
	"error is reported, and the missing ones follow.\n"
	"- Typing indicators and receipts are not in the history: those of a gap are lost. --events reports the gap.\n"
	"- The connection, the token, the channel and its subscriptions are renewed automatically. A listener that cannot continue exits.\n"
	"- A slow reader slows down the connection; memory stays bounded.\n"
	"- The first run starts with the messages that arrive from then on, unless --since says otherwise.\n"
	"## listen --exec\n"
	"- Exit status 0 acknowledges a message. 75 (temporary failure) retries it with backoff. Any other status is retried --exec-retries times; "
	"then the message is written to the --dead-letter file, if there is one, reported as an error, and skipped.\n"
	"- The command may run twice for a message if kandy is killed before it has recorded the result: check KANDY_MESSAGE_ID.\n"
	"- One command at a time runs for a conversation, in order; --jobs runs several conversations in parallel.\n"
	"## fetch-links\n"
	"- A file gets its final name only after its size has been verified and it has been synced to disk. Interrupted downloads are kept as "
	"NAME.part and resumed.\n"
	"- Nothing outside the output directory is written, no existing file is replaced without --clobber, and no symbolic link is "
	"followed.\n"
	"- The access token is sent to the base URL's origin only. Other hosts must be named by --allow-host, and get no token.\n";

static const char config_text[] =
	"# DESCRIPTION\n"
	"kandy reads two configuration files.\n"
	"Neither needs to exist.\n"
	"A line is KEY = VALUE, where KEY is the name of an option without its dashes.\n"
	"Lines before the first section apply to every profile, lines below [NAME] to that profile (-p NAME).\n"
	"A line that begins with # is a comment; blank lines are ignored.\n"
	"A value may be enclosed in double quotes.\n"
	"\n"
	"Values have these forms:\n"
	"duration\ta number with an optional unit ms, s, m, h or d; seconds without a unit\n"
	"size\ta number with an optional unit k, M or G (powers of 1024)\n"
	"flag\tyes or no\n"
	"path\tbegins with / or with ~/, the home directory\n"
	"\n"
	"An unknown key is an error (exit status 78), and so is a secret: name a file or a command that contains it.\n"
	"A file is refused if another user can write it, or if it belongs neither to its user nor to root.\n"
	"# FILES\n"
	"~/.config/kandy/config\tconfiguration of the user; $XDG_CONFIG_HOME replaces ~/.config\n"
	"/etc/kandy/config\tconfiguration of the system; $KANDY_SYSTEM_CONFIG names another file\n"
	"# PRECEDENCE\n"
	"The first of these that sets a value is used; 'kandy whoami' shows the source of each:\n"
	"1.\tthe option on the command line\n"
	"2.\tthe environment variable\n"
	"3.\tthe section of the profile in ~/.config/kandy/config\n"
	"4.\tthe lines before the first section there\n"
	"5.\tthe section of the profile, then the lines before the first section, in /etc/kandy/config\n"
	"6.\tfor base URL, client ID and user name: the values of the last login\n"
	"7.\tthe default\n"
	"# KEYS\n";

struct config_keys {
	struct buf *out;
	const struct command *const *current; /* the rows of earlier commands are listed already */
	const char *wanted;
	bool listed;
};

static void match_key(const struct opt *row, size_t base, void *arg)
{
	struct config_keys *keys = arg;

	(void)base;
	keys->listed |= row->config && !strcmp(row->name, keys->wanted);
}

static void add_key(const struct opt *row, size_t base, void *arg)
{
	struct config_keys *keys = arg;

	(void)base;
	if (!row->config || row->hidden)
		return;
	keys->listed = false;
	keys->wanted = row->name;
	for (const struct command *const *earlier = commands; earlier < keys->current; earlier++)
		cli_each_row((*earlier)->opts, match_key, keys);
	if (keys->listed)
		return;
	buf_addf(keys->out, "%s = %s\t%s", row->name, cli_takes_argument(row) ? cli_metavar(row) : "yes|no", row->help);
	for (size_t i = 0; row->choices && row->choices[i]; i++)
		buf_addf(keys->out, "%s%s", i ? ", " : ": ", row->choices[i]);
	buf_addf(keys->out, ". Option --%s, variable %s.", row->name, row->env);
	if (row->fallback)
		buf_addf(keys->out, " Default '%s'.", row->fallback);
	buf_addc(keys->out, '\n');
}

void manual_add_config(struct buf *out)
{
	struct config_keys keys = { .out = out };
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	buf_adds(&text, config_text);
	keys.out = &text;
	for (keys.current = commands; *keys.current; keys.current++)
		cli_each_row((*keys.current)->opts, add_key, &keys);
	buf_adds(&text,
		"# EXAMPLES\n"
		"    base-url = https://cpaas.example.com\n"
		"    retry = 5\n"
		"\n"
		"    [reports]\n"
		"    client-id = PUB-acme\n"
		"    username = reports@acme.example.com\n"
		"    password-command = pass show kandy/reports\n");
	cli_man_page(out, "kandy-config", "configuration files of kandy", text.data);
	buf_release(&text);
}

void manual_add_json(struct buf *out)
{
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	json_schema_add_man(&text);
	cli_man_page(out, "kandy-json", "JSON lines printed by kandy", text.data);
	buf_release(&text);
}
