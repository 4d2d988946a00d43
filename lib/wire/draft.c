#include "wire/draft.h"

#include "wire/message.h"
#include "wire/mime.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct draft *draft_new(void)
{
	struct draft *draft = xcalloc(1, sizeof(*draft));

	draft->text = xstrdup("");
	return draft;
}

static void file_release(struct draft_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file->path);
	free(file->name);
	free(file->type);
	free(file->xid);
}

void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	for (size_t i = 0; i < draft->to_count; i++)
		address_release(&draft->to[i]);
	for (size_t i = 0; i < draft->file_count; i++)
		file_release(&draft->files[i]);
	free(draft->to);
	free(draft->files);
	free(draft->ref);
	free(draft->origin);
	free(draft->text);
	free(draft->source);
	free(draft->unsent);
	free(draft);
}

enum status draft_add_to(struct draft *draft, const char *text, const char *type, struct err *err)
{
	struct address address;
	enum status st = address_parse(&address, text, type, err);

	if (st)
		return st;
	for (size_t i = 0; i < draft->to_count; i++) {
		if (draft->to[i].type == address.type && !strcmp(draft->to[i].id, address.id)) {
			address_release(&address);
			return ST_OK;
		}
	}
	if (draft->to_count == DRAFT_RECIPIENTS_MAX) {
		address_release(&address);
		return err_set(err, ST_DATA, "too many recipients: the maximum is %d", DRAFT_RECIPIENTS_MAX);
	}
	draft->to = xreallocarray(draft->to, draft->to_count + 1, sizeof(*draft->to));
	draft->to[draft->to_count++] = address;
	return ST_OK;
}

/* Takes the strings over. */
static enum status add_file(struct draft *draft, struct draft_file file, struct err *err)
{
	struct buf name;

	if (draft->file_count == DRAFT_FILES_MAX) {
		file_release(&file);
		return err_set(err, ST_DATA, "too many attachments: the maximum is %d", DRAFT_FILES_MAX);
	}
	if (file.type && !mime_valid(file.type)) {
		err_set(err, ST_DATA, "invalid MIME type '%s': expected type/subtype", file.type);
		file_release(&file);
		return ST_DATA;
	}
	buf_init(&name, BUF_NO_MAX);
	message_clean(&name, file.name, strlen(file.name));
	free(file.name);
	file.name = buf_take(&name);
	draft->files = xreallocarray(draft->files, draft->file_count + 1, sizeof(*draft->files));
	draft->files[draft->file_count++] = file;
	return ST_OK;
}

enum status draft_add_path(struct draft *draft, const char *path, const char *name, const char *type, struct err *err)
{
	struct draft_file file = { .path = xstrdup(path),
		.fd = -1,
		.name = xstrdup(name ? name : file_basename(path)),
		.type = xstrdup_null(type) };

	return add_file(draft, file, err);
}

void draft_set_text(struct draft *draft, const char *text, size_t len)
{
	struct buf clean;

	buf_init(&clean, BUF_NO_MAX);
	message_clean(&clean, text, len);
	free(draft->text);
	draft->text = buf_take(&clean);
}

enum status draft_check(const struct draft *draft, struct err *err)
{
	for (size_t i = 0; draft->file_count && i < draft->to_count; i++) {
		if (draft->to[i].type == CHAT_SMS)
			return err_set(err, ST_DATA, "SMS do not support attachments");
	}
	return ST_OK;
}

/* ---- one line of JSON ------------------------------------------------------------------------------------------ */

static enum status read_recipient(struct draft *draft, struct json_value value, const char *key, const char *type,
	struct err *err)
{
	char *text = json_type(value) == JSON_STRING ? json_dup(value) : NULL;
	enum status st;

	if (!text)
		return err_set(err, ST_DATA, "invalid '%s': expected an address", key);
	st = draft_add_to(draft, text, type, err);
	if (st && draft->to_count < DRAFT_RECIPIENTS_MAX) {
		/* only for the report: the draft is invalid */
		draft->to = xreallocarray(draft->to, draft->to_count + 1, sizeof(*draft->to));
		draft->to[draft->to_count++] = (struct address){ .type = CHAT_ONE_TO_ONE, .id = text };
		return st;
	}
	free(text);
	return st;
}

/* The keys of programs come before those of 'kandy listen'. */
static const char *recipients_key(struct json_value root)
{
	if (json_exists(json_get(root, "to")))
		return "to";
	return json_exists(json_get(root, "destination")) ? "destination" : "address";
}

/* An invalid address makes the line invalid; all of its recipients are reported. */
static enum status read_recipients(struct draft *draft, struct json_value root, const char *type,
	const struct draft_defaults *defaults, struct err *err)
{
	const char *key = recipients_key(root);
	struct json_value to = json_get(root, key);
	enum status st = ST_OK, one;

	for (struct json_iter it = json_items(to); json_more(it); it = json_next(it)) {
		if ((one = read_recipient(draft, it.value, key, type, st ? NULL : err)))
			st = one;
	}
	for (size_t i = 0; !st && !json_exists(to) && i < defaults->to_count; i++)
		st = draft_add_to(draft, defaults->to[i], type ? type : defaults->type, err);
	if (!st && !draft->to_count)
		st = err_set(err, ST_DATA, "missing recipient ('to')");
	return st;
}

/* NULL for an empty string or another type. */
static char *string_of(struct json_value object, const char *key)
{
	struct json_value value = json_get(object, key);
	char *s = json_type(value) == JSON_STRING ? json_dup(value) : NULL;

	if (s && !*s) {
		free(s);
		s = NULL;
	}
	return s;
}

/* A path alone, or an object with `path` or `x-id`. */
static enum status read_file(struct draft *draft, struct json_value value, struct err *err)
{
	struct draft_file file = { .fd = -1 };

	if (json_type(value) == JSON_STRING) {
		file.path = json_dup(value);
	} else {
		file.path = string_of(value, "path");
		file.name = string_of(value, "name");
		file.type = string_of(value, "mimeType");
		if (!file.path)
			file.xid = string_of(value, "x-id");
	}
	if ((!file.path || !*file.path) && !file.xid) {
		file_release(&file);
		return err_set(err, ST_DATA, "invalid file: expected 'path' or 'x-id'");
	}
	if (!file.name)
		file.name = xstrdup(file.path ? file_basename(file.path) : "attachment");
	return add_file(draft, file, err);
}

static void add_text(struct buf *text, struct json_value value)
{
	if (json_type(value) != JSON_STRING)
		return;
	if (text->len)
		buf_addc(text, '\n');
	json_string(value, text);
}

static enum status read_parts(struct draft *draft, struct json_value parts, struct buf *text, struct err *err)
{
	enum status st = ST_OK;

	for (struct json_iter it = json_first(parts); !st && json_more(it); it = json_next(it)) {
		if (json_equals(json_get(it.value, "type"), "text"))
			add_text(text, json_get(it.value, "text"));
		else if (json_equals(json_get(it.value, "type"), "file"))
			st = read_file(draft, it.value, err);
	}
	return st;
}

static enum status read_content(struct draft *draft, struct json_value root, struct err *err)
{
	struct json_value text_value = json_get(root, "text"), files = json_get(root, "files");
	enum status st = ST_OK;
	struct buf text;

	buf_init(&text, DRAFT_TEXT_MAX);
	if (json_exists(text_value) && json_type(text_value) != JSON_STRING)
		st = err_set(err, ST_DATA, "invalid 'text': expected a string");
	add_text(&text, text_value);
	for (struct json_iter it = json_items(files); !st && json_more(it); it = json_next(it))
		st = read_file(draft, it.value, err);
	if (!st)
		st = read_parts(draft, json_get(root, "parts"), &text, err);
	if (!st && text.overflow)
		st = err_set(err, ST_DATA, "the text is longer than %zu bytes", text.max);
	draft_set_text(draft, text.data, text.len);
	buf_release(&text);
	if (!st && !*draft->text && !draft->file_count)
		st = err_set(err, ST_DATA, "nothing to send: expected 'text' or 'files'");
	return st;
}

struct draft *draft_from_json(struct json_doc *doc, const char *line, size_t len, const struct draft_defaults *defaults)
{
	struct draft *draft = draft_new();
	struct err err = ERR_INIT, content = ERR_INIT;
	struct json_value root;
	enum status st = json_parse_lenient(doc, line, len, NULL, &err);
	char *type = NULL;
	struct buf ref;

	draft->source = xmemdup0(line, len);
	draft->source_len = len;
	if (!st && json_type(json_root(doc)) != JSON_OBJECT)
		st = err_set(&err, ST_DATA, "expected a JSON object");
	if (st) {
		draft->bad = err;
		return draft;
	}
	root = json_root(doc);
	if (json_type(json_get(root, "ref")) != JSON_MISSING) {
		buf_init(&ref, BUF_NO_MAX);
		json_add_value(&ref, NULL, json_get(root, "ref"));
		draft->ref = buf_take(&ref);
	}
	type = string_of(root, "type");
	st = read_recipients(draft, root, type, defaults, &err);
	if (read_content(draft, root, &content) && !st) {
		st = content.status;
		err = content;
	}
	free(type);
	if (!st)
		st = draft_check(draft, &err);
	if (st)
		draft->bad = err;
	return draft;
}

void draft_write_line(const struct draft *draft, struct json_doc *doc, const bool *wanted, struct buf *out)
{
	const char *key;
	bool all = true;

	for (size_t i = 0; i < draft->to_count; i++)
		all = all && wanted[i];
	/* unchanged if no recipient has the message */
	if (all || json_parse_lenient(doc, draft->source, draft->source_len, NULL, NULL)) {
		buf_add(out, draft->source, draft->source_len);
		return;
	}
	key = recipients_key(json_root(doc));
	json_open(out, '{');
	json_open_key(out, key, '[');
	for (size_t i = 0; i < draft->to_count; i++) {
		char *text = wanted[i] ? address_text(&draft->to[i]) : NULL;

		if (text)
			json_add_string(out, NULL, text);
		free(text);
	}
	json_close(out, ']');
	for (struct json_iter it = json_first(json_root(doc)); json_more(it); it = json_next(it)) {
		char *name = json_dup(it.key);

		if (name && strcmp(name, key))
			json_add_value(out, name, it.value);
		free(name);
	}
	json_close(out, '}');
}
