/*
 * spool.c - lists the queue, retries failed messages, and deletes messages.
 */
#include "cmd/spool.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct spool_params {
	struct common_params common;
	bool all;
};

#define AT(member) .at = offsetof(struct spool_params, member)

static const struct opt opts[] = {
	{ .kind = OPT_FLAG, .name = "all", .letter = 'A', AT(all), .help = "remove or retry all failed messages" },
	{ .kind = OPT_GROUP, .group = common_opts, AT(common) },
	{ 0 },
};

enum status spool_open_profile(struct spool **spool, const struct run_ctx *ctx, struct err *err)
{
	struct store *store = NULL;
	enum status st = session_open_store(&store, ctx, err);
	char *dir;

	if (st)
		return st;
	dir = store_path(store, ".spool");
	*spool = spool_new(dir);
	free(dir);
	store_free(store);
	return ST_OK;
}

/* ---- list ------------------------------------------------------------------------------------------------------ */

static void add_message(struct buf *out, const struct spool_message *message)
{
	static const char *const states[] = { "waiting", "uncertain", "failed" };

	json_open(out, '{');
	json_add_string(out, "event", "spool");
	json_add_string(out, "spoolId", message->id);
	json_add_string(out, "state", states[message->state]);
	if (message->ref)
		json_add_raw(out, "ref", message->ref, strlen(message->ref));
	json_add_string(out, "to", message->to);
	json_add_string(out, "text", message->text);
	json_open_key(out, "files", '[');
	for (size_t i = 0; i < message->file_count; i++) {
		struct stat st;

		json_open(out, '{');
		json_add_string(out, "name", message->files[i].name);
		if (message->files[i].path && !stat(message->files[i].path, &st))
			json_add_int(out, "size", st.st_size);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_add_int(out, "created", message->created_ms);
	json_add_int(out, "attempts", message->attempts);
	json_add_string(out, "error", message->error);
	json_add_string(out, "userId", message->user_id);
	json_add_string(out, "username", message->username);
	json_add_string(out, "baseUrl", message->base_url);
	json_close(out, '}');
	buf_addc(out, '\n');
}

static enum status list_state(struct spool *spool, enum spool_state state, struct err *err)
{
	char **ids;
	size_t count;
	enum status st = spool_list(spool, state, &ids, &count, err);

	for (size_t i = 0; !st && i < count; i++) {
		struct spool_message message;
		struct buf line;

		buf_init(&line, BUF_NO_MAX);
		st = spool_load(spool, state, ids[i], &message, err);
		if (!st)
			add_message(&line, &message);
		else if (st == ST_DATA)
			log_warn("%s", err->text);
		if (st == ST_DATA || st == ST_NOINPUT)
			st = ST_OK;
		if (!st)
			st = output_add(line.data, line.len, err);
		spool_message_release(&message);
		buf_release(&line);
	}
	spool_free_ids(ids, count);
	return st;
}

/* ---- remove, retry --------------------------------------------------------------------------------------------- */

static enum status act_on(struct spool *spool, bool retry, enum spool_state state, const char *id, struct err *err)
{
	struct spool_message message;
	enum status st = spool_load(spool, state, id, &message, err);

	if (st == ST_DATA && !retry)
		st = ST_OK; /* a corrupt message can be removed */
	if (!st && retry) {
		/* if it may have been sent, the history is checked first */
		message.attempts = 0;
		message.created_ms = clock_wall_ms();
		st = spool_move(spool, &message, message.attempted_ms ? SPOOL_CUR : SPOOL_NEW, err);
	} else if (!st) {
		st = spool_remove(spool, &message, err);
	}
	spool_message_release(&message);
	return st;
}

/* True if it is an operand, which is then marked as found. */
static bool is_named(const struct run_ctx *ctx, const char *id, bool *found)
{
	bool named = false;

	for (size_t i = 1; i < ctx->cli->operand_count; i++) {
		if (!strcmp(ctx->cli->operands[i], id))
			named = found[i] = true;
	}
	return named;
}

static enum status check_found(const struct run_ctx *ctx, const bool *found, const char *kind, struct err *err)
{
	enum status st = ST_OK;
	struct buf missing;
	size_t n = 0;

	buf_init(&missing, BUF_NO_MAX);
	for (size_t i = 1; i < ctx->cli->operand_count; i++) {
		if (!found[i])
			buf_addf(&missing, "%s'%s'", n++ ? ", " : "", ctx->cli->operands[i]);
	}
	if (n)
		st = err_set(err, ST_NOINPUT, "no %s message%s %s", kind, str_plural((int64_t)n), missing.data);
	buf_release(&missing);
	return st;
}

static enum status change(struct spool *spool, const struct run_ctx *ctx, bool retry, bool all, struct err *err)
{
	size_t named = ctx->cli->operand_count - 1;
	bool *found;
	struct err why = ERR_INIT;
	enum status st = ST_OK, bad = ST_OK;

	if (all == (named > 0))
		return err_set(err, ST_USAGE,
			"missing ID; 'kandy spool' lists them, and --all selects all failed messages");
	found = xcalloc(ctx->cli->operand_count, sizeof(*found));
	for (enum spool_state state = retry ? SPOOL_FAILED : SPOOL_NEW; !st && state <= SPOOL_FAILED; state++) {
		char **ids;
		size_t count;

		st = spool_list(spool, state, &ids, &count, err);
		for (size_t i = 0; !st && i < count; i++) {
			if (all ? state != SPOOL_FAILED : !is_named(ctx, ids[i], found))
				continue;
			if ((st = act_on(spool, retry, state, ids[i], &why)) == ST_DATA || st == ST_NOINPUT) {
				log_err(&why);
				bad = st;
				st = ST_OK;
			}
		}
		spool_free_ids(ids, count);
	}
	if (st && why.status == st)
		*err = why;
	if (!st && bad)
		st = err_set(err, bad, "some messages could not be retried");
	if (!st)
		st = check_found(ctx, found, retry ? "failed" : "queued", err);
	free(found);
	return st;
}

static enum status run_spool(const struct run_ctx *ctx, const void *params, struct err *err)
{
	const struct spool_params *p = params;
	const char *verb = ctx->cli->verb->name;
	struct spool *spool = NULL;
	enum status st = spool_open_profile(&spool, ctx, err);
	int lock = -1;

	if (!st && !strcmp(verb, "list")) {
		for (enum spool_state state = SPOOL_NEW; !st && state <= SPOOL_FAILED; state++)
			st = list_state(spool, state, err);
	} else if (!st && !(st = spool_lock(spool, &lock, err))) {
		st = change(spool, ctx, !strcmp(verb, "retry"), p->all, err);
	}
	if (lock >= 0)
		close(lock);
	spool_free(spool);
	return st;
}

static const struct cli_verb verbs[] = {
	{ .name = "list", .summary = "list the messages in the queue, failed ones included" },
	{ .name = "remove",
		.operands = "[ID...]",
		.operands_max = SIZE_MAX,
		.summary = "delete messages",
		.options = CLI_LIST("all"),
		.examples = CLI_EXAMPLES({ "kandy spool remove --all", "delete all failed messages" }) },
	{ .name = "retry",
		.operands = "[ID...]",
		.operands_max = SIZE_MAX,
		.summary = "queue failed messages again",
		.options = CLI_LIST("all"),
		.examples =
			CLI_EXAMPLES({ "kandy spool retry --all && kandy flush", "send all failed messages again" }) },
	{ 0 },
};

const struct command cmd_spool = {
	.name = "spool",
	.verbs = verbs,
	.summary = "list and manage the queue",
	.description = CLI_LIST(
		"Manages the messages that are queued for 'kandy flush', and the failed ones. Without a verb, lists them as JSON lines.",
		"The \"state\" is \"waiting\", \"failed\" (\"error\" has the reason), or \"uncertain\": it is being sent, or may have been sent when its process "
		"ended; the next flush checks. \"userId\", \"username\" and \"baseUrl\" identify the account that queued the message; only that account delivers it."),
	.opts = opts,
	.params_size = sizeof(struct spool_params),
	.examples = CLI_EXAMPLES({ "kandy spool", "list the queue" },
		{ "kandy spool remove --all", "delete all failed messages" }),
	.see_also = CLI_LIST("send", "flush"),
	.run = run_spool,
};
