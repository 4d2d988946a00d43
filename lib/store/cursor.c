#include "store/cursor.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20)
#define LINE_MARKS 1024 /* per line; a conversation with more gets several lines */
#define JOURNAL_MAX ((size_t)1 << 20) /* appended bytes before the file is rewritten; see cursor_save() */

struct cursor {
	char *path;
	struct hash_key key;
	int64_t taken_until_s; /* of new conversations */
	bool gap;
	struct cursor_conversation **conversations; /* by index */
	size_t count, cap;
	struct hash_table table; /* by name */
	struct cursor_conversation **dirty;
	size_t dirty_count, dirty_cap;
	int fd; /* open for appending; -1: the file must be rewritten */
	size_t rewritten_size, size; /* of the file, after the last rewrite and now */
	bool unsynced;
};

struct cursor *cursor_new(const char *path)
{
	struct cursor *c = xcalloc(1, sizeof(*c));

	c->path = xstrdup(path);
	c->fd = -1;
	hash_key_random(&c->key);
	return c;
}

static void force_rewrite(struct cursor *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void forget_conversations(struct cursor *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->conversations[i]->type);
		free(c->conversations[i]->name);
		free(c->conversations[i]->marks);
		hash_set_release(&c->conversations[i]->ids);
		free(c->conversations[i]);
	}
	c->count = c->dirty_count = 0;
	hash_table_release(&c->table);
}

void cursor_free(struct cursor *c)
{
	if (!c)
		return;
	forget_conversations(c);
	force_rewrite(c);
	free(c->conversations);
	free(c->dirty);
	free(c->path);
	free(c);
}

void cursor_reset(struct cursor *c, int64_t taken_until_s)
{
	forget_conversations(c);
	c->taken_until_s = taken_until_s;
	c->gap = false;
	force_rewrite(c);
}

/* ---- conversations --------------------------------------------------------------------------------------------- */

uint64_t cursor_hash(const struct cursor *c, const char *id, size_t len)
{
	return hash_bytes(&c->key, id, len);
}

static struct cursor_conversation *find(const struct cursor *c, const char *type, size_t type_len, const char *name,
	size_t name_len)
{
	HASH_EACH (node, &c->table, hash_local(name, name_len)) {
		struct cursor_conversation *conversation = HASH_STRUCT(node, struct cursor_conversation, node);

		if (strlen(conversation->name) == name_len && !memcmp(conversation->name, name, name_len) &&
			strlen(conversation->type) == type_len && !memcmp(conversation->type, type, type_len))
			return conversation;
	}
	return NULL;
}

struct cursor_conversation *cursor_conversation(struct cursor *c, const char *type, size_t type_len, const char *name,
	size_t name_len)
{
	struct cursor_conversation *conversation = find(c, type, type_len, name, name_len);

	if (conversation)
		return conversation;
	conversation = xcalloc(1, sizeof(*conversation));
	conversation->type = xmemdup0(type, type_len);
	conversation->name = xmemdup0(name, name_len);
	conversation->index = c->count;
	conversation->taken_until_s = c->taken_until_s;
	c->conversations = xgrow(c->conversations, c->count, &c->cap, sizeof(struct cursor_conversation *));
	c->conversations[c->count++] = conversation;
	hash_table_add(&c->table, &conversation->node, hash_local(name, name_len));
	return conversation;
}

struct cursor_conversation *cursor_find(const struct cursor *c, const char *type, const char *name)
{
	return find(c, type, strlen(type), name, strlen(name));
}

struct cursor_conversation *cursor_at(const struct cursor *c, size_t i)
{
	return i < c->count ? c->conversations[i] : NULL;
}

void *cursor_side_array(void *array, size_t *cap, size_t size, const struct cursor_conversation *conversation)
{
	size_t old = *cap;

	if (conversation->index < old)
		return array;
	while (*cap <= conversation->index)
		*cap = *cap ? *cap * 2 : 16;
	array = xreallocarray(array, *cap, size);
	memset((char *)array + old * size, 0, (*cap - old) * size);
	return array;
}

bool cursor_taken(const struct cursor_conversation *conversation, uint64_t id)
{
	return hash_set_has(&conversation->ids, id);
}

static int64_t second_of(int64_t time_ms)
{
	return time_ms / 1000;
}

bool cursor_old(const struct cursor_conversation *conversation, int64_t time_ms)
{
	return second_of(time_ms) <= conversation->taken_until_s;
}

static struct cursor_mark *mark_at(const struct cursor_conversation *conversation, size_t i)
{
	return &conversation->marks[(conversation->first + i) & (conversation->cap - 1)];
}

/* The ring is full: the part before `first` moves to the start of the new half. */
static void grow_marks(struct cursor_conversation *conversation)
{
	size_t cap = conversation->cap ? conversation->cap * 2 : 16;

	conversation->marks = xreallocarray(conversation->marks, cap, sizeof(*conversation->marks));
	memcpy(conversation->marks + conversation->cap, conversation->marks,
		conversation->first * sizeof(*conversation->marks));
	conversation->cap = cap;
}

int64_t cursor_last(const struct cursor_conversation *conversation)
{
	return conversation->count ? mark_at(conversation, conversation->count - 1)->second : -1;
}

/*
 * Drops the oldest mark. Messages up to its second then count as taken, which is right once the current second is
 * later; but not during a gap. Then the message may come twice, which is better than losing another one.
 */
static void drop_mark(const struct cursor *c, struct cursor_conversation *conversation, int64_t newest_s)
{
	struct cursor_mark oldest = *mark_at(conversation, 0);

	hash_set_remove(&conversation->ids, oldest.id);
	conversation->first = (conversation->first + 1) & (conversation->cap - 1);
	conversation->count--;
	if (oldest.second >= newest_s)
		oldest.second = newest_s - 1;
	if (oldest.second > conversation->taken_until_s && !c->gap)
		conversation->taken_until_s = oldest.second;
}

static void add_mark(const struct cursor *c, struct cursor_conversation *conversation, uint64_t id, int64_t second)
{
	/* up to two old ones for each new one, so that the ring shrinks after a burst */
	for (int i = 0; i < 2 && conversation->count >= CURSOR_IDS; i++) {
		if ((c->gap || mark_at(conversation, 0)->second + 2 > second) && conversation->count < CURSOR_IDS_MAX)
			break;
		drop_mark(c, conversation, second);
	}
	if (!hash_set_add(&conversation->ids, id))
		return;
	if (conversation->count == conversation->cap)
		grow_marks(conversation);
	conversation->count++;
	*mark_at(conversation, conversation->count - 1) = (struct cursor_mark){ .id = id, .second = second };
	conversation->unsaved++;
}

static void mark_dirty(struct cursor *c, struct cursor_conversation *conversation)
{
	if (conversation->dirty)
		return;
	conversation->dirty = true;
	c->dirty = xgrow(c->dirty, c->dirty_count, &c->dirty_cap, sizeof(struct cursor_conversation *));
	c->dirty[c->dirty_count++] = conversation;
}

void cursor_take(struct cursor *c, struct cursor_conversation *conversation, uint64_t id, int64_t time_ms)
{
	add_mark(c, conversation, id, second_of(time_ms));
	mark_dirty(c, conversation);
}

void cursor_advance(struct cursor *c, struct cursor_conversation *conversation, int64_t second)
{
	if (second <= conversation->taken_until_s)
		return;
	conversation->taken_until_s = second;
	mark_dirty(c, conversation);
}

void cursor_advance_all(struct cursor *c, int64_t second)
{
	if (second > c->taken_until_s) {
		c->taken_until_s = second;
		force_rewrite(c);
	}
	for (size_t i = 0; i < c->count; i++)
		cursor_advance(c, c->conversations[i], second);
}

void cursor_gap(struct cursor *c, bool gap)
{
	if (c->gap == gap)
		return;
	c->gap = gap;
	force_rewrite(c);
}

bool cursor_has_gap(const struct cursor *c)
{
	return c->gap;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static void put_header(const struct cursor *c, struct buf *out)
{
	char key[33];

	snprintf(key, sizeof(key), "%016llx%016llx", (unsigned long long)c->key.k[0], (unsigned long long)c->key.k[1]);
	json_open(out, '{');
	json_add_int(out, "cursor", 1);
	json_add_string(out, "key", key);
	json_add_int(out, "floor", c->taken_until_s);
	if (c->gap)
		json_add_bool(out, "gap", true);
	json_close(out, '}');
	buf_addc(out, '\n');
}

/* Hot in a burst, so without printf. */
static void add_id(struct buf *out, uint64_t id)
{
	char hex[16];

	for (int i = 15; i >= 0; i--, id >>= 4)
		hex[i] = "0123456789abcdef"[id & 15];
	json_add_string_len(out, NULL, hex, sizeof(hex));
}

/* One line: `count` marks from index `from` on, oldest first. */
static void put_conversation(const struct cursor_conversation *conversation, size_t from, size_t count, struct buf *out)
{
	json_open(out, '{');
	json_add_string(out, "type", conversation->type);
	json_add_string(out, "name", conversation->name);
	json_add_int(out, "floor", conversation->taken_until_s);
	json_open_key(out, "taken", '[');
	for (size_t i = from; i < from + count; i++) {
		const struct cursor_mark *mark = mark_at(conversation, i);

		add_id(out, mark->id);
		json_add_int(out, NULL, mark->second);
	}
	json_close(out, ']');
	json_close(out, '}');
	buf_addc(out, '\n');
}

static bool parse_hex64(const char *s, uint64_t *out)
{
	char *end;

	if (strlen(s) != 16 || strspn(s, "0123456789abcdef") != 16)
		return false;
	*out = strtoull(s, &end, 16);
	return true;
}

static bool parse_header(struct cursor *c, struct json_value line)
{
	char *key = json_dup(json_get(line, "key"));
	int64_t version;
	bool ok = false;

	if (key && strlen(key) == 32 && json_int(json_get(line, "cursor"), &version) && version == 1 &&
		json_int(json_get(line, "floor"), &c->taken_until_s)) {
		ok = parse_hex64(key + 16, &c->key.k[1]);
		key[16] = '\0';
		ok = ok && parse_hex64(key, &c->key.k[0]);
		json_bool(json_get(line, "gap"), &c->gap);
	}
	free(key);
	return ok;
}

static bool parse_marks(const struct cursor *c, struct cursor_conversation *conversation, struct json_value taken)
{
	for (struct json_iter it = json_first(taken); json_more(it); it = json_next(it)) {
		char *hex = json_dup(it.value);
		uint64_t id;
		int64_t second;
		bool ok = hex && parse_hex64(hex, &id);

		free(hex);
		it = json_next(it);
		if (!ok || !json_more(it) || !json_int(it.value, &second))
			return false;
		add_mark(c, conversation, id, second);
	}
	conversation->unsaved = 0;
	return true;
}

static bool parse_conversation(struct cursor *c, struct json_value line)
{
	char *type = json_dup(json_get(line, "type"));
	char *name = json_dup(json_get(line, "name"));
	bool ok = type && name;
	int64_t taken_until_s;

	if (ok) {
		struct cursor_conversation *conversation =
			cursor_conversation(c, type, strlen(type), name, strlen(name));

		ok = parse_marks(c, conversation, json_get(line, "taken"));
		if (json_int(json_get(line, "floor"), &taken_until_s) && taken_until_s > conversation->taken_until_s)
			conversation->taken_until_s = taken_until_s;
	}
	free(type);
	free(name);
	return ok;
}

size_t cursor_decode(struct cursor *c, const char *text, size_t len)
{
	struct json_doc doc = { 0 };
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		bool ok = end && !json_parse(&doc, text + at, (size_t)(end - text) - at, NULL, NULL);

		ok = ok && (at ? parse_conversation(c, json_root(&doc)) : parse_header(c, json_root(&doc)));
		if (!ok)
			break;
		at = (size_t)(end - text) + 1;
	}
	json_release(&doc);
	return at;
}

/* The new name of the corrupt file; its old one if it cannot be renamed. */
static char *quarantine(const struct cursor *c)
{
	char *quarantined = xasprintf("%s.corrupt-%lld", c->path, (long long)clock_wall_ms());

	if (rename(c->path, quarantined)) {
		free(quarantined);
		quarantined = xstrdup(c->path);
	}
	return quarantined;
}

static enum status read_file(const struct cursor *c, struct buf *text, struct err *err)
{
	enum status st;
	int fd;

	if ((st = file_open_private(c->path, &fd, err)))
		return st;
	st = file_read_fd(fd, c->path, text, err);
	close(fd);
	return st;
}

enum status cursor_load(struct cursor *c, bool *found, char **quarantined, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf text;
	enum status st;
	size_t good;

	*found = false;
	*quarantined = NULL;
	buf_init(&text, FILE_MAX);
	if ((st = read_file(c, &text, &why))) {
		if (st == ST_NOINPUT)
			st = ST_OK;
		else if (err)
			*err = why;
		goto out;
	}
	good = cursor_decode(c, text.data, text.len);
	if (!good) {
		*quarantined = quarantine(c);
		cursor_reset(c, 0);
		hash_key_random(&c->key);
		goto out;
	}
	if (good < text.len)
		log_warn("the end of the checkpoint '%s' is corrupt; some messages may be repeated", c->path);
	*found = true;
out:
	buf_release(&text);
	return st;
}

static void clear_dirty(struct cursor *c)
{
	for (size_t i = 0; i < c->dirty_count; i++) {
		c->dirty[i]->dirty = false;
		c->dirty[i]->unsaved = 0;
	}
	c->dirty_count = 0;
}

struct rewrite {
	const struct cursor *cursor;
	struct buf line;
	size_t written;
};

static bool write_line(struct rewrite *rewrite, int fd)
{
	bool ok = file_write_all(fd, rewrite->line.data, rewrite->line.len);

	rewrite->written += rewrite->line.len;
	buf_clear(&rewrite->line);
	return ok;
}

/* Line by line, because the whole may be megabytes. */
static bool write_cursor(int fd, void *arg)
{
	struct rewrite *rewrite = arg;
	const struct cursor *c = rewrite->cursor;
	bool ok;

	put_header(c, &rewrite->line);
	ok = write_line(rewrite, fd);
	for (size_t i = 0; ok && i < c->count; i++) {
		const struct cursor_conversation *conversation = c->conversations[i];
		size_t from = 0;

		do {
			size_t left = conversation->count - from, count = left < LINE_MARKS ? left : LINE_MARKS;

			put_conversation(conversation, from, count, &rewrite->line);
			from += count;
			ok = write_line(rewrite, fd);
		} while (ok && from < conversation->count);
	}
	return ok;
}

/* No line is longer: a byte of text takes 6 bytes at most, a mark 40. */
static size_t longest_line(const struct cursor *c)
{
	size_t names = 0;

	for (size_t i = 0; i < c->count; i++) {
		size_t len = strlen(c->conversations[i]->type) + strlen(c->conversations[i]->name);

		names = len > names ? len : names;
	}
	return 200 + 6 * names + 40 * (size_t)LINE_MARKS;
}

static enum status rewrite_file(struct cursor *c, struct err *err)
{
	struct rewrite rewrite = { .cursor = c };
	enum status st;

	force_rewrite(c);
	/* before the temporary file exists: running out of memory must not leave it behind */
	buf_init(&rewrite.line, BUF_NO_MAX);
	buf_reserve(&rewrite.line, longest_line(c));
	st = file_write_atomic_by(c->path, write_cursor, &rewrite, err);
	buf_release(&rewrite.line);
	if (st)
		return st;
	c->size = c->rewritten_size = rewrite.written;
	c->fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (c->fd < 0)
		return err_set(err, ST_IO, "cannot open '%s': %s", c->path, strerror(errno));
	clear_dirty(c);
	c->unsynced = false;
	return ST_OK;
}

static enum status append(struct cursor *c, struct err *err)
{
	struct buf out;
	enum status st = ST_OK;

	buf_init(&out, BUF_NO_MAX);
	for (size_t i = 0; i < c->dirty_count; i++) {
		const struct cursor_conversation *conversation = c->dirty[i];
		size_t count =
			conversation->unsaved < conversation->count ? conversation->unsaved : conversation->count;

		put_conversation(conversation, conversation->count - count, count, &out);
	}
	if (!file_write_all(c->fd, out.data, out.len)) {
		st = err_set(err, ST_IO, "cannot write '%s': %s", c->path, strerror(errno));
		force_rewrite(c); /* the file may end in half a line */
	} else {
		c->size += out.len;
		c->unsynced = true;
		clear_dirty(c);
	}
	buf_release(&out);
	return st;
}

enum status cursor_save(struct cursor *c, bool durable, struct err *err)
{
	enum status st = ST_OK;

	if (c->fd < 0 || (c->dirty_count && c->size > c->rewritten_size + JOURNAL_MAX + c->rewritten_size))
		return rewrite_file(c, err);
	if (c->dirty_count)
		st = append(c, err);
	if (!st && durable && c->unsynced) {
		if (fdatasync(c->fd))
			return err_set(err, ST_IO, "cannot write '%s': %s", c->path, strerror(errno));
		c->unsynced = false;
	}
	return st;
}
