/*
 * Names, links and addresses from messages: what becomes of them stays inside the directory and the syntax.
 */
#include "wire/address.h"
#include "wire/attachment.h"
#include "wire/message.h"
#include "wire/mime.h"
#include "base/filename.h"
#include "base/utf8.h"
#include "json/json.h"
#include "tests/fuzz/fuzz.h"

#include <strings.h>

static struct json_doc doc;

static void check_name(const struct buf *name)
{
	uint32_t point = 0;

	MUST(name->len && name->len <= 255 && strlen(name->data) == name->len && utf8_valid(name->data, name->len));
	MUST(!strpbrk(name->data, "/\\:<>\"|?*") && !strchr(".-~ ", name->data[0]) &&
		!strchr(". ", name->data[name->len - 1]));
	for (size_t i = 0, n; i < name->len; i += n) {
		n = utf8_decode(name->data + i, name->len - i, &point);
		MUST(n && !utf8_is_control(point));
	}
	MUST(name->len < 5 || strcasecmp(name->data + name->len - 5, FILENAME_PART) != 0);
}

static void check_names(const char *text, size_t size)
{
	struct buf name, other;

	buf_init(&name, BUF_NO_MAX);
	buf_init(&other, BUF_NO_MAX);
	filename_clean(&name, text, size);
	check_name(&name);
	MUST(name.len <= FILENAME_LIMIT);
	filename_clean(&other, name.data, name.len);
	/* a name near the limit may lose a byte that was appended */
	MUST(!strcmp(name.data, other.data) || name.len > FILENAME_LIMIT - 2);
	for (unsigned attempt = 2; attempt <= FILENAME_TRIES; attempt += FILENAME_TRIES - 2) {
		buf_clear(&other);
		filename_numbered(&other, name.data, attempt);
		check_name(&other);
	}
	buf_clear(&other);
	filename_from_url(&other, text);
	check_name(&other);
	MUST(mime_valid(mime_type_of(name.data)));
	mime_valid(text);
	buf_release(&other);
	buf_release(&name);
}

static void check_address(const char *text)
{
	struct address address = { 0 }, again = { 0 };
	struct buf path;
	struct err err;
	char *shown;

	if (address_parse(&address, text, NULL, &err))
		return;
	shown = address_text(&address);
	MUST(!address_parse(&again, shown, NULL, &err) && again.type == address.type && !strcmp(again.id, address.id));
	buf_init(&path, BUF_NO_MAX);
	message_path(&path, "user-1", &address);
	MUST(path.data[0] == '/' && !strpbrk(path.data, " ?#\\\r\n"));
	buf_release(&path);
	free(shown);
	address_release(&again);
	address_release(&address);
}

static void check_line(const char *text, size_t size)
{
	struct attachment_line line = { 0 };
	struct attachment_result *files;
	struct buf out, again;
	struct err err;

	if (attachment_read(&line, text, size, &err))
		return;
	files = calloc(line.count + 1, sizeof(*files));
	MUST(files);
	for (size_t i = 0; i < line.count; i++) {
		MUST(line.items[i].name && line.items[i].at + line.items[i].len <= line.len);
		if (i % 2)
			err_set(&files[i].err, ST_AUTH, "%s", line.items[i].name);
		else
			files[i].path = strdup("/tmp/a b");
		files[i].bytes = (int64_t)i;
	}
	buf_init(&out, BUF_NO_MAX);
	buf_init(&again, BUF_NO_MAX);
	attachment_write(&out, &line, files, size % 2 ? files : NULL);
	MUST(!json_parse(&doc, out.data, out.len, NULL, NULL) && json_type(json_root(&doc)) == JSON_OBJECT);
	json_add_value(&again, NULL, json_root(&doc));
	MUST(!memchr(again.data, '\n', again.len));
	for (size_t i = 0; i < line.count; i++)
		attachment_result_release(&files[i]);
	free(files);
	buf_release(&again);
	buf_release(&out);
	attachment_line_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_names(text, size);
	check_address(text);
	check_line(text, size);
	free(text);
	return 0;
}
