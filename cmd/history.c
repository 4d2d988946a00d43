/*
 * history.c - what was said in a conversation, oldest first.
 */
#include "client/client.h"
#include "wire/notification.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time_arg.h"
#include "base/spill_stack.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/peer.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGES_MAX = 100000, /* of a history whose every page has something: five million messages */
	HOLLOW_MAX = 100, /* pages without a message, one after the other */
};

#define PILE_MEMORY ((size_t)4 << 20) /* the service gives newest first: more than this waits in a temporary file */

struct history_params {
	struct common_params common;
	struct session_params session;
	int64_t count;
	const char *since;
	struct format_params format;
};

struct reader {
	struct client *client;
	const struct address *peer;
	char *own; /* number, for SMS */
	int64_t left; /* messages still wanted */
	int64_t floor_s; /* messages of this second and before are not */
	struct notification_decoder decoder;
	struct spill_stack pile;
	struct buf line;
	bool done, found, text;
	int64_t pages, hollow; /* read; without a message, up to here */
	char *mark; /* the token of an earlier page */
	int64_t failures;
};

/* In the place of a message that cannot be printed. */
static void add_error(struct reader *r, const struct notification *n, const struct err *why)
{
	json_open(&r->line, '{');
	json_add_string(&r->line, "event", "error");
	json_add_string(&r->line, "command", "history");
	peer_add(&r->line, r->peer);
	if (n->message_id.s)
		json_add_string_len(&r->line, "messageId", n->message_id.s, n->message_id.len);
	else
		json_add_null(&r->line, "messageId");
	json_add_string(&r->line, "status", "failed");
	if (n->timestamp_ms >= 0)
		json_add_int(&r->line, "timestamp", n->timestamp_ms);
	else
		json_add_null(&r->line, "timestamp");
	json_add_err(&r->line, "error", why);
	json_close(&r->line, '}');
	buf_addc(&r->line, '\n');
	if (n->message_id.s)
		log_error("message '%.*s': %s", (int)n->message_id.len, n->message_id.s, why->text);
	else
		log_error("%s", why->text);
	r->failures++;
}

static enum status pile_message(struct reader *r, struct json_value message, struct err *err)
{
	const char *self = r->own ? r->own : client_session(r->client)->address;
	struct history_context context = { .type = r->peer->type, .conversation = r->peer->id, .self = self };
	struct err why = ERR_INIT;
	struct notification n;
	enum status bad;

	buf_clear(&r->line);
	bad = notification_from_history(&r->decoder, message, &context, &r->line, &n, &why);
	if (!r->left || (n.timestamp_ms >= 0 && n.timestamp_ms / 1000 <= r->floor_s)) {
		r->done = true;
		return ST_OK;
	}
	if (bad)
		add_error(r, &n, &why);
	r->left--;
	r->found = true;
	return spill_stack_push(&r->pile, r->line.data, r->line.len, err);
}

/*
 * A server that does not understand its own tokens, or ours, would keep us for ever. A circle of pages, however long,
 * comes again to the one that is marked (Brent): the mark moves to the 1st, 2nd, 4th, 8th ... page.
 */
static enum status check_progress(struct reader *r, const char *more, bool hollow, struct err *err)
{
	r->pages++;
	r->hollow = hollow ? r->hollow + 1 : 0;
	if (r->pages > PAGES_MAX || r->hollow > HOLLOW_MAX || (r->mark && !strcmp(more, r->mark)))
		return err_set(err, ST_PROTOCOL, "the server's history of '%s' never ends", r->peer->id);
	if (!(r->pages & (r->pages - 1))) {
		free(r->mark);
		r->mark = xstrdup(more);
	}
	return ST_OK;
}

/* One page; `*next` is its token, and then that of the page behind it. */
static enum status read_page(struct reader *r, char **next, struct err *err)
{
	struct client_response answer = { 0 };
	struct json_value messages;
	char *more = NULL;
	enum status st = history_fetch_page(r->client, r->peer->type, r->peer->id, r->own, *next,
		r->left < HISTORY_PAGE ? r->left : HISTORY_PAGE, &answer, &messages, &more, err);

	for (struct json_iter it = json_first(messages); !st && !r->done && json_more(it); it = json_next(it))
		st = pile_message(r, it.value, err);
	if (!st && more && r->left && !r->done)
		st = check_progress(r, more, !json_more(json_first(messages)), err);
	client_response_release(&answer);
	free(*next);
	*next = more;
	return st;
}

static enum status print(struct reader *r, struct err *err)
{
	enum status st = ST_OK;

	while (!st && !spill_stack_empty(&r->pile)) {
		buf_clear(&r->line);
		if (!(st = spill_stack_pop(&r->pile, &r->line, err)))
			st = output_event(&r->line, r->text, err);
	}
	return st ? st : output_flush(err);
}

static enum status read_all(struct reader *r, struct err *err)
{
	struct err why = ERR_INIT;
	char *next = NULL;
	enum status st = conversation_own(r->client, r->peer, &r->own, err);

	if (st || (r->peer->type == CHAT_SMS && !r->own))
		return st;
	do
		st = read_page(r, &next, err);
	while (!st && next && r->left && !r->done);
	free(next);
	/* a message that can never be had: those behind it are there */
	if (st && (st != ST_DATA || print(r, &why)))
		return st;
	if (st || (st = print(r, err)) || !r->failures)
		return st;
	return err_set(err, ST_PARTIAL, "%lld message%s could not be printed", (long long)r->failures,
		str_plural(r->failures));
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct history_params *params = p;
	const char *temp_dir = getenv("TMPDIR");
	struct reader r = { .left = params->count ? params->count : INT64_MAX, .floor_s = -1 };
	struct session_handle handle;
	struct address peer;
	int64_t since_ms;
	enum status st;

	if (params->since) {
		if (!time_arg_parse(params->since, clock_wall_ms(), &since_ms))
			return err_set(err, ST_USAGE, "--since '%s' is no time; that is " TIME_ARG_FORMS,
				params->since);
		r.floor_s = since_ms / 1000 - 1;
	}
	if ((st = peer_open(&handle, &peer, ctx, &params->session, err)))
		return st;
	r.client = handle.client;
	r.text = format_is_text(&params->format);
	r.peer = &peer;
	buf_init(&r.line, BUF_NO_MAX);
	spill_stack_init(&r.pile, PILE_MEMORY, temp_dir && *temp_dir == '/' ? temp_dir : "/var/tmp");
	st = read_all(&r, err);
	/* it may be a slip in the address, which the service would not know either */
	if (!st && !r.found && !params->since)
		log_note("there are no messages with '%s'", ctx->cli->operands[0]);
	spill_stack_release(&r.pile);
	notification_decoder_release(&r.decoder);
	buf_release(&r.line);
	free(r.own);
	free(r.mark);
	peer_close(&handle, &peer);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_INT,
		.name = "count",
		.letter = 'n',
		.metavar = "N",
		.at = offsetof(struct history_params, count),
		.fallback = "50",
		.help = "print the last N messages; 0: all" },
	{ .kind = OPT_STRING,
		.name = "since",
		.metavar = "TIME",
		.at = offsetof(struct history_params, since),
		.help = "leave out what is older than TIME: " TIME_ARG_FORMS },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct history_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct history_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct history_params, common) },
	{ 0 },
};

static const char *const description[] = {
	"Prints the last messages of a conversation as lines like those of 'kandy listen', oldest first, each with \"backfilled\":true. They can be "
	"fed to 'kandy fetch-links' as well. If there is none, a note on stderr says so.",
	"A message that cannot be printed, since its line would be longer than 4 MiB, is an \"event\":\"error\" line in its place, and the exit code "
	"is 1 then.",
	NULL,
};

static const struct cli_example examples[] = {
	{ "kandy history bob@sandbox.example", "the last 50 messages from and to bob" },
	{ "kandy history bob@sandbox.example --format text", "to read them" },
	{ "kandy history bob@sandbox.example --count 0 | kandy fetch-links -D inbox",
		"every file that was ever exchanged with bob" },
	{ 0 },
};

static const char *const see_also[] = { "conversations", "listen", "fetch-links", NULL };

const struct command cmd_history = {
	.name = "history",
	.operands = "PEER",
	.operands_min = 1,
	.operands_max = 1,
	.operand_hint = HINT_ADDRESS,
	.summary = "print the messages of a conversation",
	.description = description,
	.opts = opts,
	.params_size = sizeof(struct history_params),
	.examples = examples,
	.see_also = see_also,
	.run = run,
};
