#include "send/spool_item.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool spool_item_is_retryable(const struct send_result *result)
{
	switch (result->outcome) {
	case OUTCOME_SENT: return false;
	case OUTCOME_BLOCKED: return true;
	case OUTCOME_UNKNOWN: return result->to->type != CHAT_SMS && result->err.http / 100 != 2;
	case OUTCOME_FAILED: break;
	}
	return result->cause != CAUSE_MESSAGE;
}

bool spool_item_means_offline(const struct send_result *result)
{
	if (result->outcome != OUTCOME_FAILED)
		return false;
	switch (result->cause) {
	case CAUSE_MESSAGE:
	case CAUSE_INTERRUPTED: return false;
	case CAUSE_LOGIN: return true;
	case CAUSE_TEMPORARY: return result->err.status == ST_UNAVAILABLE && !result->err.http;
	case CAUSE_ENVIRONMENT: break; /* a page from a proxy may concern this message only */
	}
	return !result->err.http;
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* The account that would be logged in: that of the settings, or else that of the last login. */
static void set_sender(struct spool_message *message, const struct client *client)
{
	const struct session *session = client_session(client);
	const struct client_config *config = client_settings(client);
	bool known = same(session->base_url, client_base(client)->origin) &&
		(config->project ? !session->username : !config->username || same(config->username, session->username));

	message->base_url = xstrdup(client_base(client)->origin);
	if (known) {
		message->user_id = xstrdup_null(session->user_id);
		message->username = xstrdup_null(session->username);
	} else if (!config->project) {
		message->username = xstrdup_null(config->username);
	}
}

enum status spool_item_check_sender(const struct spool_message *message, struct client *client, struct err *err)
{
	const struct session *session = client_session(client);
	const char *base = client_base(client)->origin, *option = store_option(client_store(client));
	const char *who = message->username ? message->username : message->user_id;

	if (message->base_url && strcmp(message->base_url, base) != 0)
		return err_set(err, ST_AUTH,
			"queued for %s, but the base URL is %s; use --base-url %s, or run 'kandy spool%s remove %s'",
			message->base_url, base, message->base_url, option, message->id);
	if (!who ||
		(message->user_id ? same(message->user_id, session->user_id)
				  : same(message->username, session->username)))
		return ST_OK;
	return err_set(err, ST_AUTH,
		"queued by '%s', but '%s' is logged in; run 'kandy login%s' as '%s', or 'kandy spool%s remove %s'", who,
		session->username ? session->username : session->user_id, option, who, option, message->id);
}

enum status spool_item_add(struct spool *spool, struct shared_copy *shared_copy, const struct client *client,
	const struct draft *draft, const struct send_result *result, const char **id, struct err *err)
{
	bool maybe = result->outcome == OUTCOME_UNKNOWN;
	struct spool_source *sources = xcalloc(draft->file_count + 1, sizeof(*sources));
	struct spool_message message = { .state = maybe ? SPOOL_CUR : SPOOL_NEW,
		.to = address_text(result->to),
		.text = xstrdup(draft->text),
		.ref = xstrdup_null(draft->ref),
		.created_ms = clock_wall_ms(),
		.attempts = result->attempts,
		.attempted_ms = maybe ? result->attempted_ms : 0,
		.post_number = maybe ? result->post_number : 0,
		.error = xstrdup(result->err.text),
		.file_count = draft->file_count,
		.files = xcalloc(draft->file_count + 1, sizeof(*message.files)) };
	enum status st;

	set_sender(&message, client);
	for (size_t i = 0; i < draft->file_count; i++) {
		const struct draft_file *file = &draft->files[i];
		const char *xid = maybe && result->files ? result->files[i].xid : file->xid;

		message.files[i] = (struct spool_file){
			.name = xstrdup(file->name), .type = xstrdup_null(file->type), .xid = xstrdup_null(xid)
		};
		sources[i] = (struct spool_source){ .path = file->path, .fd = file->fd };
	}
	st = spool_add(spool, &message, sources, shared_copy->line == draft->line ? shared_copy->id : NULL, err);
	if (!st) {
		free(shared_copy->id);
		shared_copy->line = draft->line;
		shared_copy->id = message.id;
		*id = shared_copy->id;
		message.id = NULL;
	}
	spool_message_release(&message);
	free(sources);
	return st;
}

void spool_item_release_copy(struct shared_copy *shared_copy)
{
	free(shared_copy->id);
	*shared_copy = (struct shared_copy){ 0 };
}

struct draft *spool_item_draft(struct spool_message *message)
{
	struct draft *draft = draft_new();

	draft->user = message;
	draft->ref = xstrdup_null(message->ref);
	draft->origin = xstrdup(message->id);
	draft->bad.status = draft_add_to(draft, message->to, NULL, &draft->bad);
	draft_set_text(draft, message->text, strlen(message->text));
	draft->uncertain = message->state == SPOOL_CUR;
	draft->attempted_ms = message->attempted_ms;
	draft->post_number = message->post_number;
	draft->file_count = message->file_count;
	draft->files = xcalloc(message->file_count + 1, sizeof(*draft->files));
	for (size_t i = 0; i < message->file_count; i++) {
		const struct spool_file *file = &message->files[i];

		/* a file is uploaded again, but its last x-id identifies the message in the history */
		draft->files[i] = (struct draft_file){ .path = xstrdup_null(file->path),
			.fd = -1,
			.name = xstrdup(file->name),
			.type = xstrdup_null(file->type),
			.xid = xstrdup_null(file->path && !draft->uncertain ? NULL : file->xid) };
	}
	return draft;
}

void spool_item_note_files(struct spool_message *message, const struct message *posted)
{
	for (size_t i = 0; i < message->file_count; i++) {
		free(message->files[i].xid);
		message->files[i].xid = xstrdup(posted->files[i].xid);
	}
}
