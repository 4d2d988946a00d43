/* queue.c - the queue of message lines that wait for their downloads; see fetch.h. */
#include "fetch/fetch.h"

#include "wire/attachment.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/filename.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/download.h"
#include "fetch/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_LINES_MAX 1024
#define QUEUE_BYTES_MAX ((size_t)32 << 20)
#define QUEUE_PARTS_MAX ((size_t)2048) /* attachments; a line may exceed it */

/* One file of a line. */
struct task {
	struct queued_line *line;
	struct attachment_result *result; /* in line->files or line->thumbnails */
	const char *link;
};

struct queued_line {
	struct queued_line *next;
	struct fetch_queue *queue;
	struct attachment_line message;
	struct buf ready; /* an error line, which waits only for its turn */
	struct attachment_result *files, *thumbnails;
	struct task *tasks;
	size_t parts; /* counted in the queue's `parts` */
	size_t pending; /* tasks not done */
};

struct fetch_queue {
	struct fetch_config config;
	struct download_dir dir;
	struct link_rules rules;
	struct download_set *downloads;
	struct manifest *manifest; /* NULL: none */

	struct queued_line *first, **end;
	size_t lines, bytes, parts;

	size_t files_done, failures;
	struct err last_failure;
	enum status manifest_status; /* of the first entry that could not be written, which was logged */
};

static struct queued_line *line_add(struct fetch_queue *q)
{
	struct queued_line *line = xcalloc(1, sizeof(*line));

	line->queue = q;
	*q->end = line;
	q->end = &line->next;
	q->lines++;
	return line;
}

static void line_free(struct queued_line *line)
{
	for (size_t i = 0; i < attachment_results(&line->message); i++) {
		attachment_result_release(&line->files[i]);
		if (line->thumbnails)
			attachment_result_release(&line->thumbnails[i]);
	}
	free(line->files);
	free(line->thumbnails);
	free(line->tasks);
	attachment_line_release(&line->message);
	buf_release(&line->ready);
	free(line);
}

static void count_failure(struct fetch_queue *q, const struct err *err)
{
	q->failures++;
	q->last_failure = *err;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static const char *message_id(const struct task *task)
{
	const char *id = task->line->message.message_id;

	return id ? id : "";
}

static void write_manifest(struct fetch_queue *q, const struct task *task)
{
	const struct attachment_result *got = task->result;
	struct manifest_entry entry = { message_id(task), task->link, got->path, got->bytes, got->sha256 };
	struct err err = ERR_INIT;

	if (manifest_add(q->manifest, &entry, &err) && !q->manifest_status) {
		log_err(&err);
		q->manifest_status = err.status;
	}
}

static void on_done(void *arg, struct attachment_result *result)
{
	struct task *task = arg;
	struct fetch_queue *q = task->line->queue;

	*task->result = *result;
	*result = (struct attachment_result){ 0 };
	task->line->pending--;
	q->files_done++;
	if (task->result->err.status) {
		count_failure(q, &task->result->err);
		return;
	}
	log_verbose("downloaded '%s', %lld bytes", task->result->path, (long long)task->result->bytes);
	if (q->manifest)
		write_manifest(q, task);
}

/* True if an earlier run has downloaded this file and it still exists. */
static bool is_present(struct fetch_queue *q, const struct task *task, int64_t size)
{
	const struct manifest_entry *e = manifest_find(q->manifest, message_id(task), task->link);
	size_t dir = strlen(q->dir.path);

	if (!e || (size >= 0 && size != e->bytes) || strncmp(e->path, q->dir.path, dir) != 0 ||
		file_basename(e->path) != e->path + dir + (q->dir.path[dir - 1] != '/') ||
		!download_dir_has(&q->dir, file_basename(e->path), e->bytes))
		return false;
	task->result->path = xstrdup(e->path);
	task->result->bytes = e->bytes;
	snprintf(task->result->sha256, sizeof(task->result->sha256), "%s", e->sha256);
	task->result->skipped = true;
	return true;
}

static void begin_task(struct task *task, const char *link, const char *name, int64_t size)
{
	struct fetch_queue *q = task->line->queue;

	task->link = link;
	if (link && q->config.skip_existing && is_present(q, task, size))
		return;
	task->line->pending++;
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

static void begin_files(struct queued_line *line)
{
	struct fetch_queue *q = line->queue;
	size_t results = attachment_results(&line->message), wanted = results;
	size_t used = 0;

	line->files = xcalloc(results, sizeof(*line->files));
	if (q->config.thumbnails)
		line->thumbnails = xcalloc(results, sizeof(*line->thumbnails));
	if (results > ATTACHMENT_PARTS_MAX) {
		wanted = ATTACHMENT_PARTS_MAX;
		err_set(&line->files[wanted].err, ST_DATA, "more than %zu attachments in one message",
			ATTACHMENT_PARTS_MAX);
		count_failure(q, &line->files[wanted].err);
	}
	line->parts = wanted;
	q->parts += wanted;
	line->tasks = xcalloc(2 * wanted, sizeof(*line->tasks));
	for (size_t i = 0; i < wanted; i++) {
		const struct attachment *a = &line->message.items[i];
		struct task *task = &line->tasks[used++];

		*task = (struct task){ .line = line, .result = &line->files[i] };
		begin_task(task, a->link, a->name, a->size);
		if (line->thumbnails && a->thumbnail) {
			task = &line->tasks[used++];
			*task = (struct task){ .line = line, .result = &line->thumbnails[i] };
			begin_thumbnail(task, a);
		}
	}
}

/* ---- input ------------------------------------------------------------------------------------------------------- */

void fetch_queue_add_bad_line(struct fetch_queue *q, int64_t number, struct err *err)
{
	struct queued_line *line = line_add(q);

	buf_init(&line->ready, BUF_NO_MAX);
	attachment_write_error(&line->ready, number, err);
	err_prefix(err, "line %lld", (long long)number);
	count_failure(q, err);
	log_err(err);
}

void fetch_queue_add_line(struct fetch_queue *q, const char *text, size_t len, int64_t number)
{
	struct attachment_line message;
	struct err err = ERR_INIT;
	struct queued_line *line;

	if (strspn(text, " \t\r") == len)
		return;
	if (attachment_read(&message, text, len, &err)) {
		fetch_queue_add_bad_line(q, number, &err);
		return;
	}
	line = line_add(q);
	line->message = message;
	q->bytes += message.len;
	if (message.count)
		begin_files(line);
}

void fetch_queue_add_link(struct fetch_queue *q, const char *link)
{
	struct queued_line *line = line_add(q);

	attachment_line_for_link(&line->message, link);
	q->bytes += line->message.len;
	begin_files(line);
}

bool fetch_queue_is_full(const struct fetch_queue *q)
{
	return q->lines >= QUEUE_LINES_MAX || q->bytes >= QUEUE_BYTES_MAX || q->parts >= QUEUE_PARTS_MAX;
}

bool fetch_queue_is_empty(const struct fetch_queue *q)
{
	return !q->first;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void log_failures(const struct queued_line *line)
{
	for (size_t i = 0; i < attachment_results(&line->message); i++) {
		if (line->files[i].err.status)
			log_err(&line->files[i].err);
		if (line->thumbnails && line->thumbnails[i].err.status)
			log_err(&line->thumbnails[i].err);
	}
}

static enum status print_line(const struct fetch_queue *q, struct queued_line *line, struct err *err)
{
	struct buf *out = &line->ready;

	if (!out->len) {
		buf_init(out, BUF_NO_MAX);
		attachment_write(out, &line->message, line->files, line->thumbnails);
		if (!q->config.single)
			log_failures(line);
	}
	buf_addc(out, '\n');
	return q->config.print(out->data, out->len, err);
}

enum status fetch_queue_print(struct fetch_queue *q, struct err *err)
{
	struct queued_line **at = &q->first, *line;
	enum status st = ST_OK;

	while (!st && (line = *at)) {
		if (line->pending) {
			if (!q->config.unordered)
				break;
			at = &line->next;
			continue;
		}
		st = print_line(q, line, err);
		*at = line->next;
		q->lines--;
		q->bytes -= line->message.len;
		q->parts -= line->parts;
		line_free(line);
	}
	/* the last line may have been printed */
	for (q->end = at; *q->end; q->end = &(*q->end)->next)
		;
	return st;
}

struct fetch_progress fetch_queue_progress(const struct fetch_queue *q)
{
	return (struct fetch_progress){ q->files_done, download_set_active(q->downloads),
		download_set_bytes(q->downloads) };
}

enum status fetch_queue_result(const struct fetch_queue *q, struct err *err)
{
	if (!q->failures)
		return q->manifest_status;
	if (!q->config.single)
		return ST_PARTIAL;
	*err = q->last_failure;
	return err->status;
}

/* ---- the queue --------------------------------------------------------------------------------------------------- */

static enum status open_all(struct fetch_queue *q, struct err *err)
{
	const struct fetch_config *config = &q->config;
	enum status st;

	if ((st = link_rules_init(&q->rules, client_base(config->client), config->allow_hosts, config->allow_host_count,
		     err)) ||
		(st = client_authenticate(config->client, NULL, err)) ||
		(st = download_dir_open(&q->dir, config->output_dir, err)))
		return st;
	if (config->manifest)
		st = manifest_open(&q->manifest, AT_FDCWD, config->manifest, config->skip_existing, err);
	else if (config->skip_existing)
		st = manifest_open(&q->manifest, q->dir.fd, FETCH_MANIFEST_DEFAULT, true, err);
	return st ? st : download_set_new(&q->downloads, config, &q->dir, &q->rules, err);
}

enum status fetch_queue_new(struct fetch_queue **out, const struct fetch_config *config, struct err *err)
{
	struct fetch_queue *q = xcalloc(1, sizeof(*q));
	enum status st;

	q->config = *config;
	q->end = &q->first;
	q->dir.fd = -1;
	if ((st = open_all(q, err)))
		fetch_queue_free(q);
	else
		*out = q;
	return st;
}

void fetch_queue_free(struct fetch_queue *q)
{
	struct err ended = ERR_INIT;

	if (!q)
		return;
	err_set(&ended, ST_SIGTERM, "stopped");
	if (q->downloads)
		download_set_stop(q->downloads, &ended);
	while (q->first) {
		struct queued_line *next = q->first->next;

		line_free(q->first);
		q->first = next;
	}
	download_set_free(q->downloads);
	manifest_free(q->manifest);
	link_rules_release(&q->rules);
	download_dir_release(&q->dir);
	free(q);
}

enum status fetch_queue_step(struct fetch_queue *q, int wait_ms, int extra_fd, struct err *err)
{
	return download_set_step(q->downloads, wait_ms, extra_fd, err);
}

void fetch_queue_stop(struct fetch_queue *q, const struct err *why)
{
	download_set_stop(q->downloads, why);
}
