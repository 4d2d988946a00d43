#include "fetch/manifest.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/lines.h"
#include "base/mem.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)256 * 1024)

struct indexed {
	struct hash_node node;
	struct manifest_entry entry; /* owns its strings */
};

struct manifest {
	int fd;
	char *name;
	bool index;
	bool unterminated; /* the last line has no newline: a process died while writing it */
	struct hash_table entries;
};

static uint64_t hash_of(const char *message_id, const char *link)
{
	return hash_local(message_id, strlen(message_id)) * 3 + hash_local(link, strlen(link));
}

static struct indexed *find(const struct manifest *m, const char *message_id, const char *link)
{
	HASH_EACH (node, &m->entries, hash_of(message_id, link)) {
		struct indexed *found = HASH_STRUCT(node, struct indexed, node);

		if (!strcmp(found->entry.message_id, message_id) && !strcmp(found->entry.link, link))
			return found;
	}
	return NULL;
}

static void indexed_free(struct indexed *indexed)
{
	free((char *)indexed->entry.message_id);
	free((char *)indexed->entry.link);
	free((char *)indexed->entry.path);
	free((char *)indexed->entry.sha256);
	free(indexed);
}

/* Replaces an older entry of the same link and message. */
static void index_entry(struct manifest *m, const struct manifest_entry *e)
{
	struct indexed *old = find(m, e->message_id, e->link);
	struct indexed *indexed = xcalloc(1, sizeof(*indexed));

	indexed->entry = (struct manifest_entry){ xstrdup(e->message_id), xstrdup(e->link), xstrdup(e->path), e->bytes,
		xstrdup(e->sha256) };
	if (old) {
		hash_table_remove(&m->entries, &old->node);
		indexed_free(old);
	}
	hash_table_add(&m->entries, &indexed->node, hash_of(e->message_id, e->link));
}

void manifest_add_line(struct manifest *m, struct json_doc *doc, const char *line, size_t len)
{
	struct json_value root;
	char *message_id, *link, *path, *sha256;
	int64_t bytes;

	if (json_parse(doc, line, len, NULL, NULL))
		return;
	root = json_root(doc);
	message_id = json_dup(json_get(root, "messageId"));
	link = json_dup(json_get(root, "rawURL"));
	path = json_dup(json_get(root, "path"));
	sha256 = json_dup(json_get(root, "sha256"));
	if (link && path && sha256 && json_int(json_get(root, "bytes"), &bytes)) {
		struct manifest_entry e = { message_id ? message_id : "", link, path, bytes, sha256 };

		index_entry(m, &e);
	}
	free(message_id);
	free(link);
	free(path);
	free(sha256);
}

static enum status read_all(struct manifest *m, struct err *err)
{
	struct json_doc doc = { 0 };
	struct lines lines;
	enum lines_result result;
	enum status st = ST_OK;
	char *line;
	size_t len;

	lines_init(&lines, m->fd, LINE_MAX_BYTES);
	while ((result = lines_next(&lines, &line, &len)) != LINES_END) {
		if (result == LINES_LINE) {
			manifest_add_line(m, &doc, line, len);
		} else if (result == LINES_ERROR) {
			st = err_set(err, ST_IO, "cannot read manifest '%s': %s", m->name, strerror(errno));
			break;
		}
	}
	lines_release(&lines);
	json_release(&doc);
	return st;
}

static bool ends_within_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

struct manifest *manifest_new(const char *name, bool index)
{
	struct manifest *m = xcalloc(1, sizeof(*m));

	m->name = xstrdup(name);
	m->index = index;
	m->fd = -1;
	return m;
}

/* Entries are trusted: files are skipped and digests printed because of them. */
static enum status check_index(const struct manifest *m, struct err *err)
{
	struct stat st;

	if (fstat(m->fd, &st) || !S_ISREG(st.st_mode))
		return err_set(err, ST_CANTCREATE, "manifest '%s' is not a regular file", m->name);
	if (st.st_uid != geteuid())
		return err_set(err, ST_CONFIG, "manifest '%s' belongs to another user", m->name);
	if (st.st_mode & 022)
		return err_set(err, ST_CONFIG, "manifest '%s' is writable by others (mode %04o); run 'chmod go-w %s'",
			m->name, (unsigned)(st.st_mode & 07777), m->name);
	return ST_OK;
}

enum status manifest_open(struct manifest **out, int dir_fd, const char *name, bool index, struct err *err)
{
	struct manifest *m = manifest_new(name, index);
	enum status st = ST_OK;

	m->fd = openat(dir_fd, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (m->fd < 0)
		st = err_set(err, ST_CANTCREATE, "cannot open manifest '%s': %s", name, strerror(errno));
	else if (index && !(st = check_index(m, err)))
		st = read_all(m, err);
	if (st) {
		manifest_free(m);
		return st;
	}
	m->unterminated = ends_within_line(m->fd);
	*out = m;
	return ST_OK;
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->entries.cap; i++) {
		for (struct hash_node *node = m->entries.buckets[i], *next; node; node = next) {
			next = node->next;
			indexed_free(HASH_STRUCT(node, struct indexed, node));
		}
	}
	hash_table_release(&m->entries);
	if (m->fd >= 0)
		close(m->fd);
	free(m->name);
	free(m);
}

void manifest_encode(const struct manifest_entry *e, int64_t now_ms, struct buf *out)
{
	json_open(out, '{');
	json_add_string(out, "event", "fetched");
	json_add_string(out, "messageId", e->message_id);
	json_add_string(out, "rawURL", e->link);
	json_add_string(out, "path", e->path);
	json_add_int(out, "bytes", e->bytes);
	json_add_string(out, "sha256", e->sha256);
	json_add_int(out, "timestamp", now_ms);
	json_close(out, '}');
	buf_addc(out, '\n');
}

enum status manifest_add(struct manifest *m, const struct manifest_entry *e, struct err *err)
{
	enum status st = ST_OK;
	struct buf line;

	buf_init(&line, BUF_NO_MAX);
	if (m->unterminated)
		buf_addc(&line, '\n');
	manifest_encode(e, clock_wall_ms(), &line);
	m->unterminated = !file_write_all(m->fd, line.data, line.len);
	if (m->unterminated)
		st = err_set(err, ST_IO, "cannot write manifest '%s': %s", m->name, strerror(errno));
	else if (m->index)
		index_entry(m, e);
	buf_release(&line);
	return st;
}

const struct manifest_entry *manifest_find(const struct manifest *m, const char *message_id, const char *link)
{
	const struct indexed *found = find(m, message_id, link);

	return found ? &found->entry : NULL;
}
