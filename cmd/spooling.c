#include "cmd/spooling.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/session_opts.h"

#include <stdlib.h>
#include <string.h>

enum status spooling_open(struct spool **spool, const struct run_ctx *ctx, struct err *err)
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

bool spooling_wanted(const struct outbox_result *result)
{
	switch (result->state) {
	case OUTBOX_SENT: return false;
	case OUTBOX_HELD: return true;
	case OUTBOX_UNKNOWN: return result->to->type != CHAT_SMS;
	case OUTBOX_FAILED: break;
	}
	return result->cause != OUTBOX_ITSELF;
}

bool spooling_offline(const struct outbox_result *result)
{
	if (result->state != OUTBOX_FAILED)
		return false;
	switch (result->cause) {
	case OUTBOX_ITSELF:
	case OUTBOX_END: return false;
	case OUTBOX_LOGIN: return true;
	case OUTBOX_NOW: return result->err.status == ST_UNAVAILABLE && !result->err.http;
	case OUTBOX_WAY: break; /* a page from somewhere may have come for this message alone */
	}
	return !result->err.http;
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Who would be logged in: the user of the settings, else that of the last login. */
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

enum status spooling_check_sender(const struct spool_message *message, struct client *client, struct err *err)
{
	const struct session *session = client_session(client);
	const char *base = client_base(client)->origin, *option = store_option(client_store(client));
	const char *who = message->username ? message->username : message->user_id;

	if (message->base_url && strcmp(message->base_url, base) != 0)
		return err_set(err, ST_AUTH,
			"spooled for %s, and this is %s; give --base-url %s, or run 'kandy spool%s remove %s'",
			message->base_url, base, message->base_url, option, message->id);
	if (!who ||
		(message->user_id ? same(message->user_id, session->user_id)
				  : same(message->username, session->username)))
		return ST_OK;
	return err_set(err, ST_AUTH,
		"spooled by '%s', and '%s' is logged in; run 'kandy login%s' as '%s', or 'kandy spool%s remove %s'",
		who, session->username ? session->username : session->user_id, option, who, option, message->id);
}

enum status spooling_put(struct spool *spool, struct spooling_twin *twin, const struct client *client,
	const struct outbox_item *item, const struct outbox_result *result, const char **id, struct err *err)
{
	bool maybe = result->state == OUTBOX_UNKNOWN;
	struct spool_source *sources = xcalloc(item->file_count + 1, sizeof(*sources));
	struct spool_message message = { .state = maybe ? SPOOL_CUR : SPOOL_NEW,
		.to = address_text(result->to),
		.text = xstrdup(item->text),
		.ref = xstrdup_null(item->ref),
		.created_ms = clock_wall_ms(),
		.attempts = result->attempts,
		.attempted_ms = maybe ? result->attempted_ms : 0,
		.lost_ms = maybe ? result->lost_ms : 0,
		.error = xstrdup(result->err.text),
		.file_count = item->file_count,
		.files = xcalloc(item->file_count + 1, sizeof(*message.files)) };
	enum status st;

	set_sender(&message, client);
	for (size_t i = 0; i < item->file_count; i++) {
		const struct item_file *file = &item->files[i];
		const char *xid = maybe && result->files ? result->files[i].xid : file->xid;

		message.files[i] = (struct spool_file){
			.name = xstrdup(file->name), .type = xstrdup_null(file->type), .xid = xstrdup_null(xid)
		};
		sources[i] = (struct spool_source){ .path = file->path, .fd = file->fd };
	}
	st = spool_add(spool, &message, sources, twin->line == item->line ? twin->id : NULL, err);
	if (!st) {
		free(twin->id);
		twin->line = item->line;
		twin->id = message.id;
		*id = twin->id;
		message.id = NULL;
	}
	spool_message_release(&message);
	free(sources);
	return st;
}

void spooling_twin_release(struct spooling_twin *twin)
{
	free(twin->id);
	*twin = (struct spooling_twin){ 0 };
}

struct outbox_item *spooling_item(struct spool_message *message)
{
	struct outbox_item *item = item_new();

	item->user = message;
	item->ref = xstrdup_null(message->ref);
	item->origin = xstrdup(message->id);
	item->bad.status = item_add_to(item, message->to, NULL, &item->bad);
	item_set_text(item, message->text, strlen(message->text));
	item->uncertain = message->state == SPOOL_CUR;
	item->attempted_ms = message->attempted_ms;
	item->lost_ms = message->lost_ms;
	item->file_count = message->file_count;
	item->files = xcalloc(message->file_count + 1, sizeof(*item->files));
	for (size_t i = 0; i < message->file_count; i++) {
		const struct spool_file *file = &message->files[i];

		/* what was uploaded before is uploaded anew, but its x-id tells the message in history */
		item->files[i] = (struct item_file){ .path = xstrdup_null(file->path),
			.fd = -1,
			.name = xstrdup(file->name),
			.type = xstrdup_null(file->type),
			.xid = xstrdup_null(file->path && !item->uncertain ? NULL : file->xid) };
	}
	return item;
}

void spooling_note_files(struct spool_message *message, const struct message *posted)
{
	for (size_t i = 0; i < message->file_count; i++) {
		free(message->files[i].xid);
		message->files[i].xid = xstrdup(posted->files[i].xid);
	}
}
