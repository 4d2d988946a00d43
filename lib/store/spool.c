#include "store/spool.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "json/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_MAX ((size_t)32 << 20)
#define ATTEMPTS_MAX 1000000000 /* limits what a corrupt file can say */
#define COPY_BLOCK ((size_t)256 * 1024)
#define STALE_MS INT64_C(3600000) /* writing a message touches its directory more often than that */

static const char *const state_names[SPOOL_STATES] = { "new", "cur", "failed" };

struct spool {
	char *dir;
	unsigned sequence; /* keeps the order of messages that are added within a millisecond */
	bool made;
};

struct spool *spool_new(const char *dir)
{
	struct spool *spool = xcalloc(1, sizeof(*spool));

	spool->dir = xstrdup(dir);
	return spool;
}

void spool_free(struct spool *spool)
{
	if (!spool)
		return;
	free(spool->dir);
	free(spool);
}

const char *spool_dir(const struct spool *spool)
{
	return spool->dir;
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

static char *path_of(const struct spool *spool, const char *state, const char *id)
{
	return xasprintf("%s/%s%s%s", spool->dir, state, id ? "/" : "", id ? id : "");
}

static char *path_in(const char *dir, size_t number)
{
	return xasprintf("%s/%zu", dir, number);
}

static enum status make_dirs(struct spool *spool, struct err *err)
{
	static const char *const names[] = { "tmp", "new", "cur", "failed", "trash" };
	enum status st = ST_OK;

	for (size_t i = 0; !spool->made && !st && i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = path_of(spool, names[i], NULL);

		if (!(st = file_make_dir(path, err)) && !i)
			st = file_check_dir(spool->dir, err);
		if (!st)
			st = file_check_dir(path, err);
		free(path);
	}
	spool->made = !st;
	return st;
}

static enum status sync_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && (!fsync(fd) || errno == EINVAL); /* not supported by some file systems */

	if (!ok)
		err_set(err, ST_IO, "cannot sync the directory '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? ST_OK : ST_IO;
}

/* Removes a directory that contains only files. */
static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* ---- the message as JSON --------------------------------------------------------------------------------------- */

void spool_encode(const struct spool_message *message, struct buf *out)
{
	json_open(out, '{');
	json_add_string(out, "to", message->to);
	json_add_string(out, "text", message->text);
	if (message->ref)
		json_add_raw(out, "ref", message->ref, strlen(message->ref));
	json_open_key(out, "files", '[');
	for (size_t i = 0; i < message->file_count; i++) {
		const struct spool_file *file = &message->files[i];

		json_open(out, '{');
		json_add_string(out, "name", file->name);
		json_add_string(out, "mimeType", file->type);
		json_add_string(out, "x-id", file->xid);
		json_add_bool(out, "copied", file->path != NULL);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_add_int(out, "created", message->created_ms);
	json_add_int(out, "attempts", message->attempts);
	json_add_int(out, "attempted", message->attempted_ms);
	if (message->post_number)
		json_add_int(out, "post", (int64_t)message->post_number);
	json_add_string(out, "error", message->error);
	json_add_string(out, "userId", message->user_id);
	json_add_string(out, "username", message->username);
	json_add_string(out, "baseUrl", message->base_url);
	json_close(out, '}');
	buf_addc(out, '\n');
}

static bool get_time(struct json_value root, const char *key, int64_t *time)
{
	bool ok = json_int(json_get(root, key), time);

	*time = clock_bounded_ms(*time);
	return ok;
}

static enum status decode(struct json_value root, const char *dir, struct spool_message *message)
{
	struct json_value files = json_get(root, "files"), ref = json_get(root, "ref");
	size_t number = 0;
	int64_t post;

	message->to = json_dup(json_get(root, "to"));
	message->text = json_dup(json_get(root, "text"));
	message->error = json_dup(json_get(root, "error"));
	message->user_id = json_dup(json_get(root, "userId"));
	message->username = json_dup(json_get(root, "username"));
	message->base_url = json_dup(json_get(root, "baseUrl"));
	if (json_type(ref) != JSON_MISSING) {
		struct buf text;

		buf_init(&text, BUF_NO_MAX);
		json_add_value(&text, NULL, ref);
		message->ref = buf_take(&text);
	}
	message->files = xcalloc(json_count(files) + 1, sizeof(*message->files));
	for (struct json_iter it = json_first(files); json_more(it); it = json_next(it), number++) {
		struct spool_file *file = &message->files[number];
		bool copied = false;

		*file = (struct spool_file){ .name = json_dup(json_get(it.value, "name")),
			.type = json_dup(json_get(it.value, "mimeType")),
			.xid = json_dup(json_get(it.value, "x-id")) };
		message->file_count++;
		if (json_bool(json_get(it.value, "copied"), &copied) && copied)
			file->path = path_in(dir, number);
		if (!file->name || (!file->path && !file->xid))
			return ST_DATA;
	}
	if (!json_int(json_get(root, "attempts"), &message->attempts) ||
		!get_time(root, "created", &message->created_ms) ||
		!get_time(root, "attempted", &message->attempted_ms))
		return ST_DATA;
	if (message->attempts < 0 || message->attempts > ATTEMPTS_MAX)
		message->attempts = message->attempts < 0 ? 0 : ATTEMPTS_MAX;
	if (json_int(json_get(root, "post"), &post) && post > 0)
		message->post_number = (uint64_t)post;
	return message->to && message->text ? ST_OK : ST_DATA;
}

enum status spool_decode(const char *text, size_t len, const char *dir, struct spool_message *message, struct err *err)
{
	/* more than an input line, which may be mostly "ref" */
	struct json_limits limits = { .bytes = MESSAGE_MAX, .depth = 80, .values = (1 << 20) + 10000 };
	struct json_doc doc = { 0 };
	enum status st = json_parse(&doc, text, len, &limits, err);

	if (!st && decode(json_root(&doc), dir, message))
		st = err_set(err, ST_DATA, "a field is missing or invalid");
	json_release(&doc);
	return st;
}

static enum status write_message(const char *dir, const struct spool_message *message, struct err *err)
{
	char *path = file_join(dir, "message.json");
	enum status st;
	struct buf text;

	buf_init(&text, BUF_NO_MAX);
	spool_encode(message, &text);
	st = file_write_atomic(path, text.data, text.len, err);
	buf_release(&text);
	free(path);
	return st;
}

void spool_message_release(struct spool_message *message)
{
	for (size_t i = 0; i < message->file_count; i++) {
		free(message->files[i].path);
		free(message->files[i].name);
		free(message->files[i].type);
		free(message->files[i].xid);
	}
	free(message->files);
	free(message->id);
	free(message->to);
	free(message->text);
	free(message->ref);
	free(message->error);
	free(message->user_id);
	free(message->username);
	free(message->base_url);
	*message = (struct spool_message){ 0 };
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */

static bool copy_by_hand(int from, int to, off_t at)
{
	char *block = xmalloc(COPY_BLOCK);
	bool ok = false;

	for (;;) {
		ssize_t n = pread(from, block, COPY_BLOCK, at);

		if (n < 0 && errno == EINTR)
			continue;
		ok = n == 0;
		if (n <= 0 || !file_write_all(to, block, (size_t)n))
			break;
		at += n;
	}
	free(block);
	return ok;
}

/* In the kernel if possible: some file systems then share the blocks. Does not move the offset of `from`. */
static bool copy_bytes(int from, int to)
{
	off_t at = 0;
	ssize_t n;

	do
		n = copy_file_range(from, &at, to, NULL, (size_t)1 << 30, 0);
	while (n > 0);
	if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT || errno == EFBIG))
		return false;
	return copy_by_hand(from, to, at);
}

static enum status copy_file(const struct spool_source *source, const char *name, const char *path, struct err *err)
{
	int from = source->path ? open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : source->fd;
	int to = from < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum status st = ST_OK;

	if (from < 0)
		return err_set(err, ST_NOINPUT, "cannot read '%s': %s", name, strerror(errno));
	if (to < 0)
		st = err_set(err, ST_CANTCREATE, "cannot create '%s': %s", path, strerror(errno));
	else if (!copy_bytes(from, to) || fsync(to))
		st = err_set(err, ST_IO, "cannot copy '%s' to the spool: %s", name, strerror(errno));
	if (to >= 0 && close(to) && !st)
		st = err_set(err, ST_IO, "cannot copy '%s' to the spool: %s", name, strerror(errno));
	if (source->path)
		close(from);
	return st;
}

static bool link_shared_copy(const struct spool *spool, const char *shared_copy, size_t number, const char *path)
{
	bool ok = false;

	for (size_t i = 0; shared_copy && !ok && i < SPOOL_STATES; i++) {
		char *dir = path_of(spool, state_names[i], shared_copy);
		char *other = path_in(dir, number);

		ok = !link(other, path);
		free(other);
		free(dir);
	}
	return ok;
}

static enum status fill(struct spool *spool, const char *dir, struct spool_message *message,
	const struct spool_source *sources, const char *shared_copy, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < message->file_count; i++) {
		char *path;

		if (!sources[i].path && sources[i].fd < 0)
			continue;
		path = path_in(dir, i);
		if (!link_shared_copy(spool, shared_copy, i, path))
			st = copy_file(&sources[i], message->files[i].name, path, err);
		free(message->files[i].path);
		message->files[i].path = path;
	}
	if (!st)
		st = write_message(dir, message, err);
	return st ? st : sync_dir(dir, err);
}

static enum status rename_into(const struct spool *spool, const char *from, const char *state, const char *id,
	struct err *err)
{
	char *parent = path_of(spool, state, NULL), *to = path_of(spool, state, id);
	enum status st = ST_OK;

	if (rename(from, to))
		st = err_set(err, errno == ENOENT ? ST_NOINPUT : ST_IO, "cannot move '%s' to '%s': %s", from, to,
			strerror(errno));
	else
		st = sync_dir(parent, err);
	free(parent);
	free(to);
	return st;
}

/*
 * After rename_into() has failed, possibly after the rename: the message must not stay, because the caller is told that
 * it was not stored. False if a flush is sending it already.
 */
static bool take_back(const struct spool *spool, const char *dir, const struct spool_message *message)
{
	char *there = path_of(spool, state_names[message->state], message->id);
	bool back = !access(dir, F_OK) || !rename(there, dir);

	free(there);
	return back;
}

enum status spool_add(struct spool *spool, struct spool_message *message, const struct spool_source *sources,
	const char *shared_copy, struct err *err)
{
	enum status st = make_dirs(spool, err);
	char *dir;
	int fd = -1;

	if (st)
		return st;
	free(message->id);
	message->id = xasprintf("%013" PRId64 "-%06u-%08x", clock_wall_ms(), ++spool->sequence, random_u32());
	dir = path_of(spool, "tmp", message->id);
	if (mkdir(dir, 0700) || (fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		st = err_set(err, ST_CANTCREATE, "cannot create '%s': %s", dir, strerror(errno));
	else
		(void)flock(fd, LOCK_EX); /* marks it as being written, see spool_clean() */
	if (!st)
		st = fill(spool, dir, message, sources, shared_copy, err);
	if (!st && (st = rename_into(spool, dir, state_names[message->state], message->id, err)) &&
		!take_back(spool, dir, message))
		st = ST_OK;
	if (st)
		remove_dir(dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return st;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status spool_list(const struct spool *spool, enum spool_state state, char ***ids, size_t *count, struct err *err)
{
	char *path = path_of(spool, state_names[state], NULL);
	enum status st = file_check_dir(spool->dir, err);
	DIR *dir = NULL;
	struct dirent *entry;
	size_t cap = 0;

	*ids = NULL;
	*count = 0;
	if (!st && !(st = file_check_dir(path, err)) && !(dir = opendir(path)) && errno != ENOENT)
		st = err_set(err, ST_IO, "cannot read the spool '%s': %s", path, strerror(errno));
	free(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		*ids = xgrow(*ids, *count, &cap, sizeof(**ids));
		(*ids)[(*count)++] = xstrdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (*count)
		qsort(*ids, *count, sizeof(**ids), compare);
	return st;
}

void spool_free_ids(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

enum status spool_load(const struct spool *spool, enum spool_state state, const char *id, struct spool_message *message,
	struct err *err)
{
	char *dir = path_of(spool, state_names[state], id), *path = file_join(dir, "message.json");
	struct err why = ERR_INIT;
	struct buf text;
	enum status st;
	int fd;

	buf_init(&text, MESSAGE_MAX);
	*message = (struct spool_message){ .id = xstrdup(id), .state = state };
	if (!(st = file_open_private(path, &fd, err))) {
		st = file_read_fd(fd, path, &text, err);
		close(fd);
	}
	if (st == ST_NOINPUT && !access(dir, F_OK))
		st = err_set(err, ST_DATA, "queued message '%s' is corrupt: missing message.json", dir);
	if (!st && spool_decode(text.data, text.len, dir, message, &why))
		st = err_set(err, ST_DATA, "queued message '%s' is corrupt: %s", dir, why.text);
	buf_release(&text);
	free(path);
	free(dir);
	return st;
}

/* ---- changing -------------------------------------------------------------------------------------------------- */

enum status spool_save(struct spool *spool, const struct spool_message *message, struct err *err)
{
	char *dir = path_of(spool, state_names[message->state], message->id);
	enum status st;

	if (access(dir, F_OK))
		st = err_set(err, ST_NOINPUT, "queued message '%s' does not exist any more", message->id);
	else
		st = write_message(dir, message, err);
	free(dir);
	return st;
}

static enum status move_dir(struct spool *spool, const struct spool_message *message, const char *to, struct err *err)
{
	char *dir = path_of(spool, state_names[message->state], message->id);
	char *left = path_of(spool, state_names[message->state], NULL);
	enum status st = make_dirs(spool, err);

	if (!st)
		st = rename_into(spool, dir, to, message->id, err);
	if (!st)
		st = sync_dir(left, err);
	free(left);
	free(dir);
	return st;
}

enum status spool_move(struct spool *spool, struct spool_message *message, enum spool_state to, struct err *err)
{
	enum status st = spool_save(spool, message, err);
	char *dir;

	if (!st && to != message->state)
		st = move_dir(spool, message, state_names[to], err);
	if (st)
		return st;
	message->state = to;
	dir = path_of(spool, state_names[to], message->id);
	for (size_t i = 0; i < message->file_count; i++) {
		if (!message->files[i].path)
			continue;
		free(message->files[i].path);
		message->files[i].path = path_in(dir, i);
	}
	free(dir);
	return ST_OK;
}

enum status spool_quarantine(struct spool *spool, const struct spool_message *message, struct err *err)
{
	return move_dir(spool, message, state_names[SPOOL_FAILED], err);
}

enum status spool_remove(struct spool *spool, const struct spool_message *message, struct err *err)
{
	enum status st = move_dir(spool, message, "trash", err);
	char *trash = path_of(spool, "trash", message->id);

	if (!st)
		remove_dir(trash);
	free(trash);
	return st;
}

enum status spool_lock(struct spool *spool, int *fd, struct err *err)
{
	enum status st = make_dirs(spool, err);
	char *path;

	if (st)
		return st;
	path = file_join(spool->dir, "lock");
	st = file_lock(path, 0, fd, err);
	if (st == ST_TEMPFAIL)
		st = err_set(err, st, "another 'kandy flush' is using '%s'", spool->dir);
	free(path);
	return st;
}

/* True if it has not been touched for long, and is not being written. */
static bool is_abandoned(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool abandoned = fd >= 0 && !fstat(fd, &st) && clock_wall_ms() - (int64_t)st.st_mtime * 1000 > STALE_MS &&
		!flock(fd, LOCK_EX | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return abandoned;
}

static void clean(const struct spool *spool, const char *state, bool (*wanted)(const char *path))
{
	char *path = path_of(spool, state, NULL);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *one;

		if (entry->d_name[0] == '.')
			continue;
		one = file_join(path, entry->d_name);
		if (!wanted || wanted(one))
			remove_dir(one);
		free(one);
	}
	if (dir)
		closedir(dir);
	free(path);
}

void spool_clean(struct spool *spool)
{
	clean(spool, "trash", NULL);
	clean(spool, "tmp", is_abandoned);
}
