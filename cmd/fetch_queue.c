#include "cmd/fetch_queue.h"

#include "wire/attachment.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/filename.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_LINES_MAX 1024 /* lines that wait for their files, or for those before them */
#define WAITING_BYTES_MAX ((size_t)32 << 20)
#define WAITING_PARTS_MAX ((size_t)2048) /* their files; a line may go beyond it */

/* One file of a line. */
struct task {
	struct fetch_item *item;
	struct attachment_result *result; /* in item->files or item->thumbnails */
	const char *link;
};

struct fetch_item {
	struct fetch_item *next;
	struct fetch_queue *queue;
	struct attachment_line line;
	struct buf ready; /* an error line, which waits for nothing but its turn */
	struct attachment_result *files, *thumbnails;
	struct task *tasks;
	size_t parts; /* of the queue's waiting_parts */
	size_t left; /* tasks not done */
};

static struct fetch_item *item_add(struct fetch_queue *q)
{
	struct fetch_item *item = xcalloc(1, sizeof(*item));

	item->queue = q;
	*q->items_end = item;
	q->items_end = &item->next;
	q->waiting_lines++;
	return item;
}

static void item_free(struct fetch_item *item)
{
	for (size_t i = 0; i < attachment_results(&item->line); i++) {
		attachment_result_release(&item->files[i]);
		if (item->thumbnails)
			attachment_result_release(&item->thumbnails[i]);
	}
	free(item->files);
	free(item->thumbnails);
	free(item->tasks);
	attachment_line_release(&item->line);
	buf_release(&item->ready);
	free(item);
}

static void count_failure(struct fetch_queue *q, const struct err *err)
{
	q->failures++;
	q->last_failure = *err;
}

static void write_manifest(struct fetch_queue *q, const struct task *task)
{
	const struct attachment_result *got = task->result;
	const char *id = task->item->line.message_id;
	struct manifest_entry entry = { id ? id : "", task->link, got->path, got->bytes, got->sha256 };
	struct err err = ERR_INIT;

	if (manifest_add(q->manifest, &entry, &err) && !q->manifest_status) {
		log_err(&err);
		q->manifest_status = err.status;
	}
}

static void on_done(void *arg, struct attachment_result *result)
{
	struct task *task = arg;
	struct fetch_queue *q = task->item->queue;

	*task->result = *result;
	*result = (struct attachment_result){ 0 };
	task->item->left--;
	q->files_done++;
	if (task->result->err.status) {
		count_failure(q, &task->result->err);
		return;
	}
	log_verbose("fetched '%s', %lld bytes", task->result->path, (long long)task->result->bytes);
	if (q->manifest)
		write_manifest(q, task);
}

/* The file as an earlier run left it, if that is what the message names. */
static bool is_there(struct fetch_queue *q, const struct task *task, int64_t size)
{
	const char *id = task->item->line.message_id;
	const struct manifest_entry *e = manifest_find(q->manifest, id ? id : "", task->link);
	size_t dir = strlen(q->dir->path);

	if (!e || (size >= 0 && size != e->bytes) || strncmp(e->path, q->dir->path, dir) != 0 ||
		path_base(e->path) != e->path + dir + (q->dir->path[dir - 1] != '/') ||
		!download_dir_has(q->dir, path_base(e->path), e->bytes))
		return false;
	task->result->path = xstrdup(e->path);
	task->result->bytes = e->bytes;
	snprintf(task->result->sha256, sizeof(task->result->sha256), "%s", e->sha256);
	task->result->skipped = true;
	return true;
}

static void begin_task(struct task *task, const char *link, const char *name, int64_t size)
{
	struct fetch_queue *q = task->item->queue;

	task->link = link;
	if (link && q->skip_existing && is_there(q, task, size))
		return;
	task->item->left++;
	download_set_add(q->downloads, link, name, size, on_done, task);
}

static void begin_thumbnail(struct task *task, const struct attachment *a)
{
	struct buf name;

	buf_init(&name, BUF_NO_MAX);
	filename_tagged(&name, a->name, "thumbnail");
	begin_task(task, a->thumbnail, name.data, -1);
	buf_release(&name);
}

static void begin_files(struct fetch_item *item)
{
	struct attachment_line *line = &item->line;
	struct fetch_queue *q = item->queue;
	size_t results = attachment_results(line), wanted = results;
	size_t used = 0;

	item->files = xcalloc(results, sizeof(*item->files));
	if (q->thumbnails)
		item->thumbnails = xcalloc(results, sizeof(*item->thumbnails));
	if (results > ATTACHMENT_PARTS_MAX) {
		wanted = ATTACHMENT_PARTS_MAX;
		err_set(&item->files[wanted].err, ST_DATA, "more than %zu attachments in one message",
			ATTACHMENT_PARTS_MAX);
		count_failure(q, &item->files[wanted].err);
	}
	item->parts = wanted;
	q->waiting_parts += wanted;
	item->tasks = xcalloc(2 * wanted, sizeof(*item->tasks));
	for (size_t i = 0; i < wanted; i++) {
		const struct attachment *a = &line->items[i];
		struct task *task = &item->tasks[used];

		task[0] = (struct task){ .item = item, .result = &item->files[i] };
		begin_task(&task[0], a->link, a->name, a->size);
		used++;
		if (item->thumbnails && a->thumbnail) {
			task[1] = (struct task){ .item = item, .result = &item->thumbnails[i] };
			begin_thumbnail(&task[1], a);
			used++;
		}
	}
}

void fetch_queue_add_bad_line(struct fetch_queue *q, int64_t number, struct err *err)
{
	struct fetch_item *item = item_add(q);

	buf_init(&item->ready, BUF_NO_MAX);
	attachment_write_error(&item->ready, number, err);
	err_prefix(err, "line %lld", (long long)number);
	count_failure(q, err);
	log_err(err);
}

void fetch_queue_add_line(struct fetch_queue *q, const char *text, size_t len, int64_t number)
{
	struct attachment_line line;
	struct err err = ERR_INIT;
	struct fetch_item *item;

	if (strspn(text, " \t\r") == len)
		return;
	if (attachment_read(&line, text, len, &err)) {
		fetch_queue_add_bad_line(q, number, &err);
		return;
	}
	item = item_add(q);
	item->line = line;
	q->waiting_bytes += line.len;
	if (line.count)
		begin_files(item);
}

void fetch_queue_add_link(struct fetch_queue *q, const char *link)
{
	struct fetch_item *item = item_add(q);

	attachment_line_for_link(&item->line, link);
	q->waiting_bytes += item->line.len;
	begin_files(item);
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

void fetch_queue_init(struct fetch_queue *q)
{
	q->items_end = &q->items;
}

void fetch_queue_release(struct fetch_queue *q)
{
	while (q->items) {
		struct fetch_item *next = q->items->next;

		item_free(q->items);
		q->items = next;
	}
}

bool fetch_queue_full(const struct fetch_queue *q)
{
	return q->waiting_lines >= WAITING_LINES_MAX || q->waiting_bytes >= WAITING_BYTES_MAX ||
		q->waiting_parts >= WAITING_PARTS_MAX;
}

static void report(const struct fetch_item *item)
{
	for (size_t i = 0; i < attachment_results(&item->line); i++) {
		if (item->files[i].err.status)
			log_err(&item->files[i].err);
		if (item->thumbnails && item->thumbnails[i].err.status)
			log_err(&item->thumbnails[i].err);
	}
}

static enum status print_item(const struct fetch_queue *q, struct fetch_item *item, struct err *err)
{
	struct buf *line = &item->ready;

	if (!line->len) {
		buf_init(line, BUF_NO_MAX);
		attachment_write(line, &item->line, item->files, item->thumbnails);
		if (!q->silent)
			report(item);
	}
	buf_addc(line, '\n');
	return output_add(line->data, line->len, err);
}

enum status fetch_queue_print(struct fetch_queue *q, struct err *err)
{
	struct fetch_item **at = &q->items, *item;
	enum status st = ST_OK;

	while (!st && (item = *at)) {
		if (item->left) {
			if (!q->unordered)
				break;
			at = &item->next;
			continue;
		}
		st = print_item(q, item, err);
		*at = item->next;
		q->waiting_lines--;
		q->waiting_bytes -= item->line.len;
		q->waiting_parts -= item->parts;
		item_free(item);
	}
	/* the end of the queue, which may just have been printed */
	for (q->items_end = at; *q->items_end; q->items_end = &(*q->items_end)->next)
		;
	return st ? st : output_flush(err);
}
