/*
 * conversations.c - list conversations, the latest first.
 */
#include "client/client.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

struct conversations_params {
	struct common_params common;
	struct session_params session;
	const char *type;
	struct format_params format;
};

static const enum chat_type types[] = { CHAT_ONE_TO_ONE, CHAT_GROUP, CHAT_SMS };

static int later_first(const void *a, const void *b)
{
	const struct history_session *x = a, *y = b;

	return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

static enum status print_one(const struct history_session *session, bool text, struct err *err)
{
	struct buf line;
	enum status st;

	output_begin(&line, "conversation");
	address_add(&line, session->type, session->conversation, strlen(session->conversation));
	json_add_string(&line, "lastText", session->last_text);
	json_add_time(&line, "timestamp", session->last_ms);
	json_close(&line, '}');
	buf_addc(&line, '\n');
	st = output_event(&line, text, err);
	buf_release(&line);
	return st;
}

/* A user without access to one kind (403) may have the others. */
static enum status fetch(struct client *client, const char *type, struct history_sessions *sessions, struct err *err)
{
	enum status st = client_authenticate(client, NULL, err);
	enum chat_type wanted;

	if (type && !address_type_parse(type, &wanted))
		BUG("choice '%s' is not a type", type);
	for (size_t i = 0; !st && i < sizeof(types) / sizeof(types[0]); i++) {
		struct err why = ERR_INIT;

		if (type && types[i] != wanted)
			continue;
		st = history_fetch_sessions(client, types[i], sessions, &why);
		if (st && !type && why.http == 403) {
			log_verbose("cannot list conversations of type %s: %s", address_type_name(types[i]), why.text);
			st = ST_OK;
		}
		if (st)
			*err = why;
	}
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct conversations_params *params = p;
	struct history_sessions sessions = { 0 };
	struct session_handle handle;
	enum status st = session_open(&handle, ctx, &params->session, false, err);

	if (st)
		return st;
	if (!(st = fetch(handle.client, params->type, &sessions, err)) && sessions.count)
		qsort(sessions.items, sessions.count, sizeof(*sessions.items), later_first);
	for (size_t i = 0; !st && i < sessions.count; i++)
		st = print_one(&sessions.items[i], format_is_text(&params->format), err);
	history_sessions_release(&sessions);
	session_close(&handle);
	return st ? st : output_flush(err);
}

static const struct opt opts[] = {
	{ .kind = OPT_CHOICE,
		.name = "type",
		.metavar = "TYPE",
		.at = offsetof(struct conversations_params, type),
		.choices = address_type_names,
		.help = "list conversations of one type only" },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct conversations_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct conversations_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct conversations_params, common) },
	{ 0 },
};

const struct command cmd_conversations = {
	.name = "conversations",
	.summary = "list conversations",
	.description = CLI_LIST(
		"Prints a line for each conversation, with \"event\":\"conversation\", type, destination, address, lastText and timestamp. The "
		"conversation with the latest message comes first. The address can be used with 'kandy history' and 'kandy send'."),
	.opts = opts,
	.params_size = sizeof(struct conversations_params),
	.examples = CLI_EXAMPLES({ "kandy conversations", "list all conversations" },
		{ "kandy conversations | jq -r .address | xargs -r -n 1 kandy history -n 1",
			"print the last message of each conversation" }),
	.see_also = CLI_LIST("history", "group"),
	.run = run,
};
