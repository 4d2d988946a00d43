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
#define LINE_MARKS 1024 /* a conversation that has more gets several lines */
#define JOURNAL_MAX ((size_t)1 << 20) /* then it is folded, unless the conversations alone are as much */

struct cursor {
	char *path;
	struct hash_key key;
	int64_t taken_until_s; /* of conversations to come */
	bool gap;
	struct cursor_conversation **peers; /* in the order in which they became known */
	size_t count, cap;
	struct cursor_conversation **table; /* by name: open addressing */
	size_t places;
	struct cursor_conversation **dirty;
	size_t dirty_count, dirty_cap;
	int fd; /* open for appending; -1: the whole file is to be written */
	size_t folded, size; /* bytes of the file when it was last folded, and now */
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

/* The next save writes all of it anew, its first line included. */
static void write_anew(struct cursor *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void forget_peers(struct cursor *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->peers[i]->type);
		free(c->peers[i]->name);
		free(c->peers[i]->marks);
		hash_set_release(&c->peers[i]->ids);
		free(c->peers[i]);
	}
	c->count = c->dirty_count = 0;
	free(c->table);
	c->table = NULL;
	c->places = 0;
}

void cursor_free(struct cursor *c)
{
	if (!c)
		return;
	forget_peers(c);
	write_anew(c);
	free(c->peers);
	free(c->dirty);
	free(c->path);
	free(c);
}

void cursor_reset(struct cursor *c, int64_t taken_until_s)
{
	forget_peers(c);
	c->taken_until_s = taken_until_s;
	c->gap = false;
	write_anew(c);
}

/* ---- conversations --------------------------------------------------------------------------------------------- */

uint64_t cursor_hash(const struct cursor *c, const char *id, size_t len)
{
	return hash_bytes(&c->key, id, len);
}

static bool is_peer(const struct cursor_conversation *peer, const char *type, size_t type_len, const char *name,
	size_t name_len)
{
	return strlen(peer->name) == name_len && !memcmp(peer->name, name, name_len) &&
		strlen(peer->type) == type_len && !memcmp(peer->type, type, type_len);
}

static size_t place_of(const struct cursor *c, const char *type, size_t type_len, const char *name, size_t name_len)
{
	uint64_t hash = hash_bytes(&c->key, name, name_len);
	size_t at = hash & (c->places - 1);

	while (c->table[at] && !is_peer(c->table[at], type, type_len, name, name_len))
		at = (at + 1) & (c->places - 1);
	return at;
}

static void grow_table(struct cursor *c)
{
	free(c->table);
	c->places = c->places ? c->places * 2 : 64;
	c->table = xcalloc(c->places, sizeof(struct cursor_conversation *));
	for (size_t i = 0; i < c->count; i++) {
		struct cursor_conversation *peer = c->peers[i];

		c->table[place_of(c, peer->type, strlen(peer->type), peer->name, strlen(peer->name))] = peer;
	}
}

struct cursor_conversation *cursor_conversation(struct cursor *c, const char *type, size_t type_len, const char *name,
	size_t name_len)
{
	struct cursor_conversation *peer;
	size_t at;

	if (c->count >= c->places / 2)
		grow_table(c);
	at = place_of(c, type, type_len, name, name_len);
	if (c->table[at])
		return c->table[at];
	peer = xcalloc(1, sizeof(*peer));
	peer->type = xmemdup0(type, type_len);
	peer->name = xmemdup0(name, name_len);
	peer->taken_until_s = c->taken_until_s;
	c->peers = xgrow(c->peers, c->count, &c->cap, sizeof(struct cursor_conversation *));
	c->peers[c->count++] = peer;
	c->table[at] = peer;
	return peer;
}

struct cursor_conversation *cursor_find(const struct cursor *c, const char *type, const char *name)
{
	return c->places ? c->table[place_of(c, type, strlen(type), name, strlen(name))] : NULL;
}

struct cursor_conversation *cursor_at(const struct cursor *c, size_t i)
{
	return i < c->count ? c->peers[i] : NULL;
}

bool cursor_taken(const struct cursor_conversation *peer, uint64_t id)
{
	return hash_set_has(&peer->ids, id);
}

static int64_t second_of(int64_t time_ms)
{
	return time_ms / 1000;
}

bool cursor_old(const struct cursor_conversation *peer, int64_t time_ms)
{
	return second_of(time_ms) <= peer->taken_until_s;
}

static struct cursor_mark *mark_at(const struct cursor_conversation *peer, size_t i)
{
	return &peer->marks[(peer->first + i) & (peer->cap - 1)];
}

/* The ring is full: what stands before `first` goes behind the rest, into the new half. */
static void grow_marks(struct cursor_conversation *peer)
{
	size_t cap = peer->cap ? peer->cap * 2 : 16;

	peer->marks = xreallocarray(peer->marks, cap, sizeof(*peer->marks));
	memcpy(peer->marks + peer->cap, peer->marks, peer->first * sizeof(*peer->marks));
	peer->cap = cap;
}

int64_t cursor_last(const struct cursor_conversation *peer)
{
	return peer->count ? mark_at(peer, peer->count - 1)->second : -1;
}

/*
 * Lets go of the oldest mark. Its second then counts as dealt with, which is so once later seconds have begun; but not
 * while there is a gap: then the message may come twice, which is better than that another one never comes.
 */
static void drop_mark(const struct cursor *c, struct cursor_conversation *peer, int64_t newest_s)
{
	struct cursor_mark oldest = *mark_at(peer, 0);

	hash_set_remove(&peer->ids, oldest.id);
	peer->first = (peer->first + 1) & (peer->cap - 1);
	peer->count--;
	if (oldest.second >= newest_s)
		oldest.second = newest_s - 1;
	if (oldest.second > peer->taken_until_s && !c->gap)
		peer->taken_until_s = oldest.second;
}

static void add_mark(const struct cursor *c, struct cursor_conversation *peer, uint64_t id, int64_t second)
{
	/* up to two of the old ones for a new one: so a burst's many are let go of when it is over */
	for (int i = 0; i < 2 && peer->count >= CURSOR_IDS; i++) {
		if ((c->gap || mark_at(peer, 0)->second + 2 > second) && peer->count < CURSOR_IDS_MAX)
			break;
		drop_mark(c, peer, second);
	}
	if (!hash_set_add(&peer->ids, id))
		return;
	if (peer->count == peer->cap)
		grow_marks(peer);
	peer->count++;
	*mark_at(peer, peer->count - 1) = (struct cursor_mark){ .id = id, .second = second };
	peer->unsaved++;
}

static void mark_dirty(struct cursor *c, struct cursor_conversation *peer)
{
	if (peer->dirty)
		return;
	peer->dirty = true;
	c->dirty = xgrow(c->dirty, c->dirty_count, &c->dirty_cap, sizeof(struct cursor_conversation *));
	c->dirty[c->dirty_count++] = peer;
}

void cursor_take(struct cursor *c, struct cursor_conversation *peer, uint64_t id, int64_t time_ms)
{
	add_mark(c, peer, id, second_of(time_ms));
	mark_dirty(c, peer);
}

void cursor_advance(struct cursor *c, struct cursor_conversation *peer, int64_t second)
{
	if (second <= peer->taken_until_s)
		return;
	peer->taken_until_s = second;
	mark_dirty(c, peer);
}

void cursor_advance_all(struct cursor *c, int64_t second)
{
	if (second > c->taken_until_s) {
		c->taken_until_s = second;
		write_anew(c);
	}
	for (size_t i = 0; i < c->count; i++)
		cursor_advance(c, c->peers[i], second);
}

void cursor_gap(struct cursor *c, bool gap)
{
	if (c->gap == gap)
		return;
	c->gap = gap;
	write_anew(c);
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

/* A burst's marks are written as often as its lines: so without printf. */
static void add_id(struct buf *out, uint64_t id)
{
	char hex[16];

	for (int i = 15; i >= 0; i--, id >>= 4)
		hex[i] = "0123456789abcdef"[id & 15];
	json_add_string_len(out, NULL, hex, sizeof(hex));
}

/* `count` marks of a conversation from the `from`th on, oldest first, and its floor. */
static void put_peer(const struct cursor_conversation *peer, size_t from, size_t count, struct buf *out)
{
	json_open(out, '{');
	json_add_string(out, "type", peer->type);
	json_add_string(out, "name", peer->name);
	json_add_int(out, "floor", peer->taken_until_s);
	json_open_key(out, "taken", '[');
	for (size_t i = from; i < from + count; i++) {
		const struct cursor_mark *mark = mark_at(peer, i);

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

static bool take_header(struct cursor *c, struct json_value line)
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

static bool take_marks(const struct cursor *c, struct cursor_conversation *peer, struct json_value taken)
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
		add_mark(c, peer, id, second);
	}
	peer->unsaved = 0;
	return true;
}

static bool take_peer(struct cursor *c, struct json_value line)
{
	char *type = json_dup(json_get(line, "type"));
	char *name = json_dup(json_get(line, "name"));
	bool ok = type && name;
	int64_t taken_until_s;

	if (ok) {
		struct cursor_conversation *peer = cursor_conversation(c, type, strlen(type), name, strlen(name));

		ok = take_marks(c, peer, json_get(line, "taken"));
		if (json_int(json_get(line, "floor"), &taken_until_s) && taken_until_s > peer->taken_until_s)
			peer->taken_until_s = taken_until_s;
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

		ok = ok && (at ? take_peer(c, json_root(&doc)) : take_header(c, json_root(&doc)));
		if (!ok)
			break;
		at = (size_t)(end - text) + 1;
	}
	json_release(&doc);
	return at;
}

/* Where it is now: out of the way, unless it cannot be moved. */
static char *set_aside(const struct cursor *c)
{
	char *aside = xasprintf("%s.corrupt-%lld", c->path, (long long)clock_wall_ms());

	if (rename(c->path, aside)) {
		free(aside);
		aside = xstrdup(c->path);
	}
	return aside;
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

enum status cursor_load(struct cursor *c, bool *found, char **aside, struct err *err)
{
	struct err why = ERR_INIT;
	struct buf text;
	enum status st;
	size_t good;

	*found = false;
	*aside = NULL;
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
		*aside = set_aside(c);
		cursor_reset(c, 0);
		hash_key_random(&c->key);
		goto out;
	}
	if (good < text.len)
		log_warn("the end of the cursor '%s' is damaged; some messages may come twice", c->path);
	*found = true;
out:
	buf_release(&text);
	return st;
}

static void now_clean(struct cursor *c)
{
	for (size_t i = 0; i < c->dirty_count; i++) {
		c->dirty[i]->dirty = false;
		c->dirty[i]->unsaved = 0;
	}
	c->dirty_count = 0;
}

/* Calls `line_done`, which may take what is in `out` away, after each line; false when that fails. */
static bool encode(const struct cursor *c, struct buf *out, bool (*line_done)(struct buf *out, void *arg), void *arg)
{
	bool ok;

	put_header(c, out);
	ok = line_done(out, arg);
	for (size_t i = 0; ok && i < c->count; i++) {
		const struct cursor_conversation *peer = c->peers[i];
		size_t from = 0;

		do {
			size_t count = peer->count - from < LINE_MARKS ? peer->count - from : LINE_MARKS;

			put_peer(peer, from, count, out);
			from += count;
			ok = line_done(out, arg);
		} while (ok && from < peer->count);
	}
	return ok;
}

static bool leave_it(struct buf *out, void *arg)
{
	(void)out;
	(void)arg;
	return true;
}

void cursor_encode(const struct cursor *c, struct buf *out)
{
	encode(c, out, leave_it, NULL);
}

struct folding {
	const struct cursor *cursor;
	struct buf line;
	int fd;
	size_t written;
};

static bool write_line(struct buf *out, void *arg)
{
	struct folding *folding = arg;
	bool ok = file_write_all(folding->fd, out->data, out->len);

	folding->written += out->len;
	buf_clear(out);
	return ok;
}

static bool write_cursor(int fd, void *arg)
{
	struct folding *folding = arg;

	folding->fd = fd;
	return encode(folding->cursor, &folding->line, write_line, folding);
}

/* No line is longer: of a byte of text come six at most, of a mark 40. */
static size_t longest_line(const struct cursor *c)
{
	size_t names = 0;

	for (size_t i = 0; i < c->count; i++) {
		size_t len = strlen(c->peers[i]->type) + strlen(c->peers[i]->name);

		names = len > names ? len : names;
	}
	return 200 + 6 * names + 40 * (size_t)LINE_MARKS;
}

/* The whole of it, replaced; line by line, since it may be megabytes. */
static enum status fold(struct cursor *c, struct err *err)
{
	struct folding folding = { .cursor = c };
	enum status st;

	write_anew(c);
	/* before there is a temporary file: who ends here for want of memory shall leave none behind */
	buf_init(&folding.line, BUF_NO_MAX);
	buf_reserve(&folding.line, longest_line(c));
	st = file_write_atomic_by(c->path, write_cursor, &folding, err);
	buf_release(&folding.line);
	if (st)
		return st;
	c->size = c->folded = folding.written;
	c->fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (c->fd < 0)
		return err_set(err, ST_IO, "cannot open '%s': %s", c->path, strerror(errno));
	now_clean(c);
	c->unsynced = false;
	return ST_OK;
}

static enum status append(struct cursor *c, struct err *err)
{
	struct buf out;
	enum status st = ST_OK;

	buf_init(&out, BUF_NO_MAX);
	for (size_t i = 0; i < c->dirty_count; i++) {
		const struct cursor_conversation *peer = c->dirty[i];
		size_t count = peer->unsaved < peer->count ? peer->unsaved : peer->count;

		put_peer(peer, peer->count - count, count, &out);
	}
	if (!file_write_all(c->fd, out.data, out.len)) {
		st = err_set(err, ST_IO, "cannot write '%s': %s", c->path, strerror(errno));
		close(c->fd); /* half a line may stand there: begin anew the next time */
		c->fd = -1;
	} else {
		c->size += out.len;
		c->unsynced = true;
		now_clean(c);
	}
	buf_release(&out);
	return st;
}

enum status cursor_save(struct cursor *c, bool durable, struct err *err)
{
	enum status st = ST_OK;

	if (c->fd < 0 || (c->dirty_count && c->size > c->folded + JOURNAL_MAX + c->folded))
		return fold(c, err);
	if (c->dirty_count)
		st = append(c, err);
	if (!st && durable && c->unsynced) {
		if (fdatasync(c->fd))
			return err_set(err, ST_IO, "cannot write '%s': %s", c->path, strerror(errno));
		c->unsynced = false;
	}
	return st;
}
