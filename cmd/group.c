/*
 * group.c - manage group conversations.
 */
#include "client/client.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/url.h"
#include "cmd/command.h"
#include "cmd/common_opts.h"
#include "cmd/output.h"
#include "cmd/session_opts.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

struct group_params {
	struct common_params common;
	struct session_params session;
	const char *name, *subject, *image;
	bool admin;
	struct format_params format;
};

struct job {
	struct client *client;
	const struct group_params *params;
	const char *id; /* of the group; NULL for list and create */
	char **addresses; /* of users, lower-case */
	size_t count;
};

/* ---- lines --------------------------------------------------------------------------------- */

static void begin_line(struct buf *line, const char *event, const char *id)
{
	output_begin(line, event);
	address_add(line, CHAT_GROUP, id, strlen(id));
}

static enum status end_line(const struct job *job, struct buf *line, struct err *err)
{
	enum status st;

	json_close(line, '}');
	buf_addc(line, '\n');
	if (!(st = output_event(line, format_is_text(&job->params->format), err)))
		st = output_flush(err);
	buf_release(line);
	return st;
}

static void add_member(struct buf *line, const char *address, const char *status, bool admin)
{
	json_open(line, '{');
	json_add_string(line, "address", address);
	json_add_string(line, "status", status);
	json_add_bool(line, "isAdmin", admin);
	json_close(line, '}');
}

static enum status print_group(const struct job *job, const struct group *group, struct err *err)
{
	struct buf line;

	begin_line(&line, "group", group->id);
	json_add_string(&line, "name", group->name);
	json_add_string(&line, "subject", group->subject);
	json_add_string(&line, "image", group->image);
	json_open_key(&line, "participants", '[');
	for (size_t i = 0; i < group->member_count; i++)
		add_member(&line, group->members[i].address, group->members[i].status, group->members[i].admin);
	json_close(&line, ']');
	return end_line(job, &line, err);
}

static enum status print_member(const struct job *job, const char *address, const char *status, bool admin,
	struct err *err)
{
	struct buf line;

	begin_line(&line, "participants", job->id);
	json_open_key(&line, "participants", '[');
	add_member(&line, address, status, admin);
	json_close(&line, ']');
	return end_line(job, &line, err);
}

/* ---- verbs --------------------------------------------------------------------------------- */

static enum status do_list(const struct job *job, struct err *err)
{
	struct group_list list = { 0 };
	enum status st = group_fetch_all(job->client, &list, err);

	for (size_t i = 0; !st && i < list.count; i++)
		st = print_group(job, &list.items[i], err);
	group_list_release(&list);
	return st;
}

static enum status do_show(const struct job *job, struct err *err)
{
	struct group group = { 0 };
	enum status st = group_fetch(job->client, job->id, &group, err);

	if (!st)
		st = print_group(job, &group, err);
	group_release(&group);
	return st;
}

static enum status do_create(const struct job *job, struct err *err)
{
	struct group wanted = { .name = xstrdup_null(job->params->name),
		.subject = xstrdup_null(job->params->subject),
		.image = xstrdup_null(job->params->image),
		.type = xstrdup("closed") };
	struct group made = { 0 };
	enum status st;

	group_add_member(&wanted, client_session(job->client)->address, true);
	for (size_t i = 0; i < job->count; i++)
		group_add_member(&wanted, job->addresses[i], false);
	if (!(st = group_create(job->client, &wanted, &made, err)))
		st = print_group(job, &made, err);
	group_release(&wanted);
	group_release(&made);
	return st;
}

static enum status do_invite(const struct job *job, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < job->count; i++) {
		if (!(st = group_invite(job->client, job->id, job->addresses[i], job->params->admin, err)))
			st = print_member(job, job->addresses[i], "Invited", job->params->admin, err);
	}
	return st;
}

static enum status do_remove(const struct job *job, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < job->count; i++) {
		if (!(st = group_remove_member(job->client, job->id, job->addresses[i], err)))
			st = print_member(job, job->addresses[i], "Removed", false, err);
	}
	return st;
}

static enum status do_join(const struct job *job, struct err *err)
{
	enum status st = group_join(job->client, job->id, err);

	return st ? st : print_member(job, client_session(job->client)->address, "Connected", false, err);
}

static enum status do_leave(const struct job *job, struct err *err)
{
	char *self = xstrdup(client_session(job->client)->address);
	enum status st = group_remove_member(job->client, job->id, self, err);

	if (!st)
		st = print_member(job, self, "Removed", false, err);
	free(self);
	return st;
}

static enum status do_delete(const struct job *job, struct err *err)
{
	enum status st = group_delete(job->client, job->id, err);
	struct buf line;

	if (st)
		return st;
	begin_line(&line, "group", job->id);
	json_add_string(&line, "eventType", "SessionEnded");
	return end_line(job, &line, err);
}

static const struct cli_verb verbs[] = {
	{ .name = "list",
		.summary = "list the groups that you are a member of or invited to",
		.examples = CLI_EXAMPLES({ "kandy group list | jq -r '\"\\(.address) \\(.name)\"'",
			"list the addresses and names of all groups" }) },
	{ .name = "create",
		.operands = "ADDRESS...",
		.operands_min = 1,
		.operands_max = SIZE_MAX,
		.summary = "create a group of you and these users",
		.options = CLI_LIST("name", "subject", "image"),
		.examples = CLI_EXAMPLES(
			{ "kandy group create --name team bob@sandbox.example carol@sandbox.example | jq -r .address",
				"create a group and print its address" }) },
	{ .name = "show",
		.operands = "ID",
		.operands_min = 1,
		.operands_max = 1,
		.summary = "show a group and its members" },
	{ .name = "invite",
		.operands = "ID ADDRESS...",
		.operands_min = 2,
		.operands_max = SIZE_MAX,
		.summary = "invite users to a group",
		.options = CLI_LIST("admin") },
	{ .name = "remove",
		.operands = "ID ADDRESS...",
		.operands_min = 2,
		.operands_max = SIZE_MAX,
		.summary = "remove members from a group" },
	{ .name = "join", .operands = "ID", .operands_min = 1, .operands_max = 1, .summary = "accept an invitation" },
	{ .name = "leave",
		.operands = "ID",
		.operands_min = 1,
		.operands_max = 1,
		.summary = "leave a group, or reject an invitation" },
	{ .name = "delete",
		.operands = "ID",
		.operands_min = 1,
		.operands_max = 1,
		.summary = "delete a group for all its members" },
	{ 0 },
};

/* In the order of `verbs`. */
static enum status (*const actions[])(const struct job *job, struct err *err) = { do_list, do_create, do_show,
	do_invite, do_remove, do_join, do_leave, do_delete };

/* ---- operands ------------------------------------------------------------------------------ */

static enum status parse_address(struct job *job, const char *text, struct err *err)
{
	struct address address;

	if (address_parse(&address, text, NULL, err))
		return err->status = ST_USAGE;
	if (address.type != CHAT_ONE_TO_ONE) {
		address_release(&address);
		return err_set(err, ST_USAGE, "invalid member '%s': expected user@domain", text);
	}
	job->addresses[job->count++] = address.id;
	return ST_OK;
}

static enum status parse_operands(const struct cli *cli, struct job *job, struct err *err)
{
	size_t at = 1;
	enum status st = ST_OK;

	if (cli->verb->operands && str_starts_with(cli->verb->operands, "ID")) {
		job->id = cli->operands[at++];
		if (str_starts_with(job->id, "group:"))
			job->id += 6;
		if (!url_is_path_segment(job->id))
			return err_set(err, ST_USAGE, "invalid group ID '%s'", job->id);
	}
	job->addresses = xcalloc(cli->operand_count, sizeof(*job->addresses));
	for (; !st && at < cli->operand_count; at++)
		st = parse_address(job, cli->operands[at], err);
	return st;
}

static enum status run(const struct run_ctx *ctx, const void *p, struct err *err)
{
	const struct group_params *params = p;
	struct job job = { .params = params };
	struct session_handle handle;
	enum status st = parse_operands(ctx->cli, &job, err);

	if (!st && !(st = session_open(&handle, ctx, &params->session, false, err))) {
		job.client = handle.client;
		if (!(st = client_authenticate(handle.client, NULL, err)))
			st = actions[ctx->cli->verb - verbs](&job, err);
		session_close(&handle);
	}
	for (size_t i = 0; i < job.count; i++)
		free(job.addresses[i]);
	free(job.addresses);
	return st;
}

static const struct opt opts[] = {
	{ .kind = OPT_STRING,
		.name = "name",
		.metavar = "TEXT",
		.at = offsetof(struct group_params, name),
		.help = "name of the group (create)" },
	{ .kind = OPT_STRING,
		.name = "subject",
		.metavar = "TEXT",
		.at = offsetof(struct group_params, subject),
		.help = "subject (create)" },
	{ .kind = OPT_STRING,
		.name = "image",
		.metavar = "URL",
		.at = offsetof(struct group_params, image),
		.help = "picture (create)" },
	{ .kind = OPT_FLAG,
		.name = "admin",
		.at = offsetof(struct group_params, admin),
		.help = "grant admin rights (invite)" },
	{ .kind = OPT_GROUP, .group = format_opts, .at = offsetof(struct group_params, format) },
	{ .kind = OPT_GROUP, .group = session_opts, .at = offsetof(struct group_params, session) },
	{ .kind = OPT_GROUP, .group = common_opts, .at = offsetof(struct group_params, common) },
	{ 0 },
};

const struct command cmd_group = {
	.name = "group",
	.operands_min = 1,
	.verbs = verbs,
	.summary = "manage group conversations",
	.description = CLI_LIST(
		"Manages group conversations. An ID may be written with or without 'group:'. Other commands, such as 'kandy send' and 'kandy history', "
		"take the address group:ID.",
		"Prints lines with \"event\":\"group\", type, destination (the group's ID), address (group:ID), name and participants, and a line with "
		"\"event\":\"participants\" for each participant that was changed."),
	.opts = opts,
	.params_size = sizeof(struct group_params),
	.examples = CLI_EXAMPLES(
		{ "kandy group create --name team bob@sandbox.example carol@sandbox.example | jq -r .address",
			"create a group and print its address" },
		{ "kandy group list | jq -r '\"\\(.address) \\(.name)\"'",
			"list the addresses and names of all groups" }),
	.see_also = CLI_LIST("send", "listen", "conversations"),
	.run = run,
};
