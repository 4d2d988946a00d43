#include "cmd/send_report.h"

#include "wire/mime.h"

#include <string.h>
#include <sys/stat.h>

static void begin(struct buf *out, const char *event, const struct draft *draft)
{
	json_open(out, '{');
	json_add_string(out, "event", event);
	if (draft->line)
		json_add_int(out, "line", draft->line);
	if (draft->ref)
		json_add_raw(out, "ref", draft->ref, strlen(draft->ref));
}

static void add_destination(struct buf *out, const struct address *to)
{
	if (to) {
		address_add(out, to->type, to->id, strlen(to->id));
		return;
	}
	json_open_key(out, "destination", '['); /* an unreadable line has no type either */
	json_close(out, ']');
	json_add_null(out, "address");
}

static void end(struct buf *out)
{
	json_close(out, '}');
	buf_addc(out, '\n');
}

void report_sent(struct buf *out, const struct draft *draft, const struct send_result *result)
{
	begin(out, "sent", draft);
	add_destination(out, result->to);
	json_add_string(out, "messageId", result->sent.id);
	json_add_string(out, "status", result->sent.status);
	json_add_int(out, "timestamp", result->sent.timestamp_ms);
	json_add_int(out, "attempts", result->attempts);
	end(out);
}

void report_error(struct buf *out, const char *command, const struct draft *draft, const struct send_result *result)
{
	begin(out, "error", draft);
	json_add_string(out, "command", command);
	add_destination(out, result->to);
	json_add_string(out, "status", result->outcome == OUTCOME_UNKNOWN ? "unknown" : "failed");
	json_add_int(out, "attempts", result->attempts);
	json_add_err(out, "error", &result->err);
	end(out);
}

void report_spooled(struct buf *out, const struct draft *draft, const struct send_result *result, const char *spool_id)
{
	begin(out, "spooled", draft);
	add_destination(out, result->to);
	json_add_string(out, "spoolId", spool_id);
	json_add_err(out, "error", &result->err);
	end(out);
}

static void add_file(struct buf *out, const struct draft_file *file)
{
	struct stat st;

	json_open(out, '{');
	json_add_string(out, "name", file->name);
	if (file->xid) {
		json_add_string(out, "x-id", file->xid);
	} else {
		json_add_string(out, "mimeType", file->type ? file->type : mime_type_of(file->name));
		if (!(file->fd >= 0 ? fstat(file->fd, &st) : stat(file->path, &st)))
			json_add_int(out, "size", st.st_size);
		if (file->path)
			json_add_string(out, "path", file->path);
	}
	json_close(out, '}');
}

void report_dry_run(struct buf *out, const struct draft *draft, const struct address *to)
{
	begin(out, "dry-run", draft);
	add_destination(out, to);
	json_add_string(out, "text", draft->text);
	json_open_key(out, "files", '[');
	for (size_t i = 0; i < draft->file_count; i++)
		add_file(out, &draft->files[i]);
	json_close(out, ']');
	end(out);
}
