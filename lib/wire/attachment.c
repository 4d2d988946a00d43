#include "wire/attachment.h"

#include "base/filename.h"
#include "base/mem.h"
#include "base/percent.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static const struct json_limits line_limits = {
	.bytes = ATTACHMENT_LINE_MAX,
	.depth = ATTACHMENT_DEPTH_MAX,
	.values = 1 << 20,
};

/* The members of a file part that hold the result. */
static const char *const result_keys[] = { "url", "path", "bytes", "sha256", "skipped", "error", "thumbnail" };

static bool is_result(struct json_value key)
{
	for (size_t i = 0; i < sizeof(result_keys) / sizeof(*result_keys); i++) {
		if (json_equals(key, result_keys[i]))
			return true;
	}
	return false;
}

static char *clean_name(struct json_value name, const char *link)
{
	struct buf given, clean;

	buf_init(&given, BUF_NO_MAX);
	buf_init(&clean, BUF_NO_MAX);
	if (json_string(name, &given))
		filename_clean(&clean, given.data, given.len);
	else
		filename_from_url(&clean, link ? link : "");
	buf_release(&given);
	return buf_take(&clean);
}

/* Strings only: json_dup() also accepts numbers. */
static char *link_of(struct json_value value)
{
	return json_type(value) == JSON_STRING ? json_dup(value) : NULL;
}

static void read_part(struct attachment *a, struct json_value part)
{
	a->link = link_of(json_get(part, "rawURL"));
	a->thumbnail = link_of(json_get(part, "thumbnailURL"));
	a->name = clean_name(json_get(part, "name"), a->link);
	if (!json_int(json_get(part, "size"), &a->size) || a->size <= 0)
		a->size = -1;
}

static void read_parts(struct attachment_line *line, struct json_value parts)
{
	const char *slice = line->text;
	struct attachment *a;
	size_t cap = 0;

	if (json_type(parts) != JSON_ARRAY)
		return;
	for (struct json_iter it = json_first(parts); json_more(it); it = json_next(it)) {
		if (json_type(it.value) != JSON_OBJECT || !json_equals(json_get(it.value, "type"), "file"))
			continue;
		line->items = xgrow(line->items, line->count, &cap, sizeof(*line->items));
		a = &line->items[line->count];
		*a = (struct attachment){ 0 };
		json_slice(it.value, &slice, &a->len);
		a->at = (size_t)(slice - line->text);
		if (line->count++ < ATTACHMENT_PARTS_MAX)
			read_part(a, it.value);
	}
}

enum status attachment_read(struct attachment_line *line, const char *text, size_t len, struct err *err)
{
	struct json_doc doc = { 0 };
	struct json_value root;
	enum status st;

	*line = (struct attachment_line){ 0 };
	st = json_parse_lenient(&doc, text, len, &line_limits, err);
	root = json_root(&doc);
	if (!st && json_type(root) != JSON_OBJECT)
		st = err_set(err, ST_DATA, "not a JSON object");
	if (!st) {
		line->text = xmemdup0(doc.text, doc.len);
		line->len = doc.len;
		line->message_id =
			json_dup(json_get(root, json_exists(json_get(root, "messageId")) ? "messageId" : "id"));
		/* read_parts() takes the offsets of parts from the copy */
		doc.text = line->text;
		read_parts(line, json_get(root, "parts"));
	}
	json_release(&doc);
	return st;
}

void attachment_line_for_link(struct attachment_line *line, const char *link)
{
	struct err err = ERR_INIT;
	struct buf text, name;

	buf_init(&text, BUF_NO_MAX);
	buf_init(&name, BUF_NO_MAX);
	filename_from_url(&name, link);
	json_open(&text, '{');
	json_add_string(&text, "event", "file");
	json_open_key(&text, "parts", '[');
	json_open(&text, '{');
	json_add_string(&text, "type", "file");
	json_add_string(&text, "name", name.data);
	json_add_string(&text, "rawURL", link);
	json_add_null(&text, "url");
	json_close(&text, '}');
	json_close(&text, ']');
	json_close(&text, '}');
	if (attachment_read(line, text.data, text.len, &err))
		BUG("%s", err.text);
	buf_release(&name);
	buf_release(&text);
}

void attachment_line_release(struct attachment_line *line)
{
	for (size_t i = 0; i < line->count; i++) {
		free(line->items[i].name);
		free(line->items[i].link);
		free(line->items[i].thumbnail);
	}
	free(line->items);
	free(line->message_id);
	free(line->text);
	*line = (struct attachment_line){ 0 };
}

/* The file: URL of an absolute path. */
static void add_file_url(struct buf *out, const char *path)
{
	buf_adds(out, "file://");
	while (*path) {
		size_t n = strcspn(path, "/");

		percent_encode_segment(out, path, n);
		path += n;
		if (*path)
			buf_addc(out, *path++);
	}
}

static void add_result(struct buf *out, const struct attachment_result *fetched)
{
	struct buf url;

	if (fetched->err.status) {
		json_add_null(out, "url");
		json_add_err(out, "error", &fetched->err);
		return;
	}
	buf_init(&url, BUF_NO_MAX);
	add_file_url(&url, fetched->path);
	json_add_string(out, "url", url.data);
	json_add_string(out, "path", fetched->path);
	json_add_int(out, "bytes", fetched->bytes);
	json_add_string(out, "sha256", fetched->sha256);
	if (fetched->skipped)
		json_add_bool(out, "skipped", true);
	buf_release(&url);
}

/* The part's own members, unchanged except for strings that other JSON readers would refuse. */
static void add_members(struct buf *out, const char *text, size_t len)
{
	struct json_doc doc = { 0 };
	struct err err = ERR_INIT;
	struct buf value;

	if (json_parse(&doc, text, len, &line_limits, &err))
		BUG("part of a valid line is invalid: %s", err.text);
	buf_init(&value, BUF_NO_MAX);
	for (struct json_iter it = json_first(json_root(&doc)); json_more(it); it = json_next(it)) {
		if (is_result(it.key))
			continue;
		json_add_value(out, NULL, it.key);
		buf_addc(out, ':');
		buf_clear(&value);
		json_add_value(&value, NULL, it.value);
		buf_add(out, value.data, value.len);
	}
	buf_release(&value);
	json_release(&doc);
}

size_t attachment_results(const struct attachment_line *line)
{
	return line->count <= ATTACHMENT_PARTS_MAX ? line->count : ATTACHMENT_PARTS_MAX + 1;
}

void attachment_write(struct buf *out, const struct attachment_line *line, const struct attachment_result *files,
	const struct attachment_result *thumbnails)
{
	size_t at = 0;

	for (size_t i = 0; i < line->count; i++) {
		const struct attachment *a = &line->items[i];
		size_t result = i < ATTACHMENT_PARTS_MAX ? i : ATTACHMENT_PARTS_MAX;

		buf_add(out, line->text + at, a->at - at);
		buf_addc(out, '{');
		add_members(out, line->text + a->at, a->len);
		add_result(out, &files[result]);
		if (thumbnails && a->thumbnail) {
			json_open_key(out, "thumbnail", '{');
			add_result(out, &thumbnails[i]);
			json_close(out, '}');
		}
		buf_addc(out, '}');
		at = a->at + a->len;
	}
	buf_add(out, line->text + at, line->len - at);
}

void attachment_write_error(struct buf *out, int64_t number, const struct err *err)
{
	json_open(out, '{');
	json_add_string(out, "event", "error");
	json_add_int(out, "line", number);
	json_add_string(out, "command", "fetch-links");
	json_add_string(out, "status", "failed");
	json_add_err(out, "error", err);
	json_close(out, '}');
}

void attachment_result_release(struct attachment_result *fetched)
{
	free(fetched->path);
	*fetched = (struct attachment_result){ 0 };
}
