/*
 * history.c - show a conversation, oldest message first.
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
#include "cmd/recipient.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGES_MAX = 100000, /* five million messages */
	EMPTY_PAGES_MAX = 100, /* in a row */
};

#define STACK_MEMORY ((size_t)4 << 20) /* pages come newest first: more than this is stored in a temporary file */

struct history_params {
	struct common_params common;
	struct session_params session;
	int64_t count;
	const char *since;
	struct format_params format;
};

struct history_reader {
	struct recipient recipient;
	char *own; /* number, for SMS */
	int64_t left; /* messages still wanted */
	int64_t before_s; /* messages of this second and earlier ones are not wanted */
	struct notification_decoder decoder;
	struct spill_stack stack;
	struct buf line;
	bool done, found, text;
	int64_t pages, empty_pages; /* read in all; without a message, in a row */
	char *marked_token; /* of an earlier page */
	int64_t failures;
};

/* Instead of a message that cannot be printed. */
static void add_error(struct history_reader *r, const struct notification *n, const struct err *why)
{
	const struct address *address = &r->recipient.address;

	json_open(&r->line, '{');
	json_add_string(&r->line, "event", "error");
	json_add_string(&r->line, "command", "history");
	address_add(&r->line, address->type, address->id, strlen(address->id));
	json_add_string_len(&r->line, "messageId", n->message_id.s, n->message_id.len);
	json_add_string(&r->line, "status", "failed");
	json_add_time(&r->line, "timestamp", n->timestamp_ms);
	json_add_err(&r->line, "error", why);
	json_close(&r->line, '}');
	buf_addc(&r->line, '\n');
	if (n->message_id.s)
		log_error("message '%.*s': %s", (int)n->message_id.len, n->message_id.s, why->text);
	else
		log_error("%s", why->text);
	r->failures++;
}

static enum status push_message(struct history_reader *r, struct json_value message, struct err *err)
{
	const char *self = r->own ? r->own : client_session(r->recipient.client)->address;
	struct history_context context = {
		.type = r->recipient.address.type, .conversation = r->recipient.address.id, .self = self
	};
	struct err why = ERR_INIT;
	struct notification n;
	enum status bad;

	buf_clear(&r->line);
	bad = notification_from_history(&r->decoder, message, &context, &r->line, &n, &why);
	if (!r->left || (n.timestamp_ms >= 0 && n.timestamp_ms / 1000 <= r->before_s)) {
		r->done = true;
		return ST_OK;
	}
	if (bad)
		add_error(r, &n, &why);
	r->left--;
	r->found = true;
	return spill_stack_push(&r->stack, r->line.data, r->line.len, err);
}

/*
 * A faulty server's pages may never end. A cycle, however long, is found by the token that was marked (Brent's
 * algorithm): that of the 1st, 2nd, 4th, 8th ... page.
 */
static enum status check_progress(struct history_reader *r, const char *next, bool empty, struct err *err)
{
	r->pages++;
	r->empty_pages = empty ? r->empty_pages + 1 : 0;
	if (r->pages > PAGES_MAX || r->empty_pages > EMPTY_PAGES_MAX ||
		(r->marked_token && !strcmp(next, r->marked_token)))
		return err_set(err, ST_PROTOCOL, "the server's history of '%s' never ends", r->recipient.address.id);
	if (!(r->pages & (r->pages - 1))) {
		free(r->marked_token);
		r->marked_token = xstrdup(next);
	}
	return ST_OK;
}

/* Reads the page with the token `*token`, and sets that of the next one. */
static enum status read_page(struct history_reader *r, char **token, struct err *err)
{
	const struct address *address = &r->recipient.address;
	struct client_response response = { 0 };
	struct json_value messages;
	char *next = NULL;
	enum status st = history_fetch_page(r->recipient.client, address->type, address->id, r->own, *token,
		r->left < HISTORY_PAGE ? r->left : HISTORY_PAGE, &response, &messages, &next, err);

	for (struct json_iter it = json_items(messages); !st && !r->done && json_more(it); it = json_next(it))
		st = push_message(r, it.value, err);
	if (!st && next && r->left && !r->done)
		st = check_progress(r, next, !json_more(json_items(messages)), err);
	client_response_release(&response);
	free(*token);
	*token = next;
	return st;
}

static enum status print(struct history_reader *r, struct err *err)
{
	enum status st = ST_OK;

	while (!st && !spill_stack_empty(&r->stack)) {
		buf_clear(&r->line);
		if (!(st = spill_stack_pop(&r->stack, &r->line, err)))
			st = output_event(&r->line, r->text, err);
	}
	return st ? st : output_flush(err);
}

static enum status read_all(struct history_reader *r, struct err *err)
{
	struct err why = ERR_INIT;
	char *token = NULL;
	enum status st = conversation_own(r->recipient.client, &r->recipient.address, &r->own, err);

	if (st || (r->recipient.address.type == CHAT_SMS && !r->own))
		return st;
	do
		st = read_page(r, &token, err);
	while (!st && token && r->left && !r->done);
	free(token);
	/* after a message that is too large, print the newer ones */
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
	struct history_reader r = { .left = params->count ? params->count : INT64_MAX, .before_s = -1 };
	int64_t since_ms;
	enum status st;

	if (params->since) {
		if (!time_arg_parse(params->since, clock_wall_ms(), &since_ms))
			return err_set(err, ST_USAGE, "invalid --since '%s': expected " TIME_ARG_FORMS, params->since);
		r.before_s = since_ms / 1000 - 1;
	}
	if ((st = recipient_open(&r.recipient, ctx, &params->session, err)))
		return st;
	r.text = format_is_text(&params->format);
	buf_init(&r.line, BUF_NO_MAX);
	spill_stack_init(&r.stack, STACK_MEMORY, temp_dir && *temp_dir == '/' ? temp_dir : "/var/tmp");
	st = read_all(&r, err);
	/* the service does not report an unknown address */
	if (!st && !r.found && !params->since)
		log_note("no messages with '%s'", ctx->cli->operands[0]);
	spill_stack_release(&r.stack);
	notification_decoder_release(&r.decoder);
	buf_release(&r.line);
	free(r.own);
	free(r.marked_token);
	recipient_close(&r.recipient);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_INT,
		.name = "count",
		.letter = 'n',
		.metavar = "N",
		.at = offsetof(struct history_params, count),
		.fallback = "50",
		.help = "print the last N messages; 0 means all" },
	{ .kind = OPT_STRING,
		.name = "since",
		.metavar = "TIME",
		.at = offsetof(struct history_params, since),
		.help = "print messages since TIME only: " TIME_ARG_FORMS },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct history_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct history_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct history_params, common) },
	{ 0 },
};

const struct command cmd_history = {
	.name = "history",
	.operands = "ADDRESS",
	.operands_min = 1,
	.operands_max = 1,
	.operand_hint = HINT_ADDRESS,
	.summary = "show a conversation",
	.description = CLI_LIST(
		"Prints the last messages of a conversation, oldest first, as lines like those of 'kandy listen' with \"backfilled\":true. 'kandy "
		"fetch-links' accepts them too. If there are no messages, a note is printed on stderr.",
		"If the line of a message would be longer than 4 MiB, an \"event\":\"error\" line is printed instead, and the exit status is 1."),
	.opts = opts,
	.params_size = sizeof(struct history_params),
	.examples = CLI_EXAMPLES({ "kandy history bob@sandbox.example", "print the last 50 messages from and to bob" },
		{ "kandy history bob@sandbox.example --format text", "print them as text" },
		{ "kandy history bob@sandbox.example --count 0 | kandy fetch-links -D inbox",
			"download all files exchanged with bob" }),
	.see_also = CLI_LIST("conversations", "listen", "fetch-links"),
	.run = run,
};
