/*
 * The record: one JSON line per request and frame, written at once, so that tests can check the traffic.
 * Passwords and tokens are hashed: tests can compare them, but they cannot be used.
 */
#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8 * 1024 * 1024 };

struct record {
	int fd;
	struct buf line;
};

enum status record_new(struct record **out, const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	struct record *record;

	if (fd < 0)
		return err_set(err, ST_CANTCREATE, "cannot open the record '%s': %s", path, strerror(errno));
	record = xcalloc(1, sizeof(*record));
	record->fd = fd;
	buf_init(&record->line, LINE_MAX_BYTES);
	*out = record;
	return ST_OK;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	close(record->fd);
	buf_release(&record->line);
	free(record);
}

static struct buf *begin(struct record *record, const char *kind, uint64_t connection)
{
	struct buf *out = &record->line;

	buf_clear(out);
	jsonf(out, "{'kind':%s,'time':%jd,'connection':%jd", kind, clock_wall_ms(), (intmax_t)connection);
	return out;
}

static void finish(struct record *record)
{
	json_close(&record->line, '}');
	buf_addc(&record->line, '\n');
	/* the sandbox keeps serving if the disk is full */
	if (!record->line.overflow)
		(void)!file_write_all(record->fd, record->line.data, record->line.len);
}

/* "sha256:" and the first digits, or "***" if there is no digest. */
static void add_hashed(struct buf *out, const char *key, const char *prefix, const char *secret)
{
	struct sha256 *digest;
	char hex[65];
	struct buf text;

	buf_init(&text, 128);
	if (crypto_sha256_new(&digest, NULL)) {
		buf_addf(&text, "%s***", prefix);
	} else {
		crypto_sha256_update(digest, secret, strlen(secret));
		crypto_sha256_finish(digest, hex);
		buf_addf(&text, "%ssha256:%.16s", prefix, hex);
	}
	json_add_string(out, key, text.data);
	buf_release(&text);
}

static bool is_secret(const char *name)
{
	static const char *const names[] = { "password", "client_secret", "refresh_token", "access_token", "id_token" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The fields of a query or a form. */
static void add_form(struct buf *out, const char *key, const char *form)
{
	struct buf name, value;

	json_open_key(out, key, '{');
	buf_init_secret(&name, BODY_MAX);
	buf_init_secret(&value, BODY_MAX);
	for (const char *at = form; *at;) {
		size_t len = strcspn(at, "=&");

		buf_clear(&name);
		buf_clear(&value);
		buf_add(&name, at, len);
		if (name.len && at[len] == '=' && sandbox_request_form(at, name.data, &value)) {
			if (is_secret(name.data))
				add_hashed(out, name.data, "", value.data);
			else
				json_add_string_len(out, name.data, value.data, value.len);
		}
		at += strcspn(at, "&");
		at += *at == '&';
	}
	buf_release(&name);
	buf_release(&value);
	json_close(out, '}');
}

static void add_headers(struct buf *out, const struct sandbox_request *r)
{
	json_open_key(out, "headers", '{');
	for (size_t i = 0; i < r->header_count; i++) {
		const char *name = r->headers[i].name, *value = r->headers[i].value;
		size_t scheme = strcspn(value, " ");

		if (!strcmp(name, "authorization") || !strcmp(name, "proxy-authorization")) {
			char *prefix = value[scheme] ? xmemdup0(value, scheme + 1) : xstrdup("");

			add_hashed(out, name, prefix, value[scheme] ? value + scheme + 1 : value);
			free(prefix);
		} else if (!strcmp(name, "cookie")) {
			json_add_string(out, name, "***");
		} else {
			json_add_string(out, name, value);
		}
	}
	json_close(out, '}');
}

static void add_body(struct buf *out, const struct record_entry *entry)
{
	const char *type = sandbox_request_header(entry->request, "content-type");
	struct json_doc doc = { 0 };

	json_add_int(out, "bytes", entry->bytes);
	if (!entry->body_len)
		return;
	if (type && !strncasecmp(type, "application/x-www-form-urlencoded", 33))
		add_form(out, "form", entry->body);
	else if (!json_parse(&doc, entry->body, entry->body_len, NULL, NULL))
		json_add_value(out, "json", json_root(&doc));
	json_release(&doc);
}

static void add_parts(struct buf *out, const struct record_entry *entry)
{
	if (!entry->part_count)
		return;
	jsonf(out, "'parts':[");
	for (size_t i = 0; i < entry->part_count; i++) {
		const struct form_part *part = &entry->parts[i];

		jsonf(out, "{'name':%s,'filename':%s,'type':%s,'bytes':%jd,'sha256':%s}", part->name, part->filename,
			part->type, part->bytes, part->digest);
	}
	jsonf(out, "]");
}

void record_request(struct record *record, const struct record_entry *entry)
{
	const struct sandbox_request *r = entry->request;
	struct buf *out;

	if (!record)
		return;
	out = begin(record, "request", entry->connection);
	json_add_int(out, "request", (int64_t)entry->number);
	if (r->path) {
		jsonf(out, "'method':%s,'path':%s", r->method, r->path);
		if (*r->query)
			add_form(out, "query", r->query);
		add_headers(out, r);
		add_body(out, entry);
		add_parts(out, entry);
	}
	jsonf(out, "'user':%s,'status':%jd,'fault':%s", entry->user ? entry->user->address : NULL,
		(intmax_t)entry->status, entry->fault ? entry->fault->text : NULL);
	finish(record);
}

void record_frame(struct record *record, uint64_t connection, const struct channel *channel, bool in,
	enum frame_kind kind, const char *p, size_t len)
{
	static const char *const names[] = { [FRAME_TEXT] = "text",
		[FRAME_BINARY] = "binary",
		[FRAME_CLOSE] = "close",
		[FRAME_PING] = "ping",
		[FRAME_PONG] = "pong" };
	struct json_doc doc = { 0 };
	struct buf *out;

	if (!record)
		return;
	out = begin(record, "frame", connection);
	jsonf(out, "'direction':%s,'channel':%s,'user':%s,'frame':%s,'bytes':%jd", in ? "in" : "out",
		channel ? channel->id : NULL, channel ? channel->user->address : NULL, names[kind], (intmax_t)len);
	if (kind == FRAME_TEXT && !json_parse(&doc, p, len, NULL, NULL))
		json_add_value(out, "json", json_root(&doc));
	if (kind == FRAME_CLOSE && len >= 2)
		json_add_int(out, "code", (unsigned char)p[0] << 8 | (unsigned char)p[1]);
	json_release(&doc);
	finish(record);
}
