/*
 * upload.c - the files of a run, each uploaded once for all entries that carry it. A file is identified by stat(2), so
 * a file that changed is uploaded again; so is one that had just been written when it was read. It is open only during
 * its upload: a thousand queued messages need no thousand descriptors.
 */
#include "send/send-int.h"

#include "wire/mime.h"
#include "wire/object.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* without a byte; an upload has no other time limit */
#define STALLED_MS 60000

static char *key_of(const struct stat *st, const char *name, const char *type)
{
	return xasprintf("%ju:%ju:%jd:%jd.%09ld:%jd.%09ld:%zu:%s:%s", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino,
		(intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec, strlen(type), type, name);
}

static void unlist(struct upload_cache *cache, struct send_upload *upload)
{
	if (upload->listed)
		hash_table_remove(&cache->table, &upload->node);
	upload->listed = false;
}

static void upload_free(struct upload_cache *cache, struct send_upload *upload)
{
	hash_lru_remove(upload->state == UPLOAD_DONE ? &cache->idle : &cache->queued, &upload->lru);
	unlist(cache, upload);
	free(upload->key);
	free(upload->path);
	free(upload->name);
	free(upload->type);
	free(upload->xid);
	free(upload);
}

enum status send_check_file(const struct draft_file *file, struct stat *st, struct err *err)
{
	if (file->xid && !file->path && file->fd < 0)
		return ST_OK;
	if (file->path ? stat(file->path, st) || access(file->path, R_OK) : fstat(file->fd, st))
		return err_set(err, ST_NOINPUT, "cannot attach '%s': %s", file->path ? file->path : file->name,
			strerror(errno));
	if (file->path && S_ISDIR(st->st_mode))
		return err_set(err, ST_NOINPUT, "cannot attach '%s': is a directory", file->path);
	if (file->path && !S_ISREG(st->st_mode))
		return err_set(err, ST_NOINPUT, "cannot attach '%s': not a regular file; use '-a -' for a stream",
			file->path);
	return ST_OK;
}

static struct send_upload *get(struct upload_cache *cache, const struct draft_file *file, const struct stat *st)
{
	const char *type = file->type ? file->type : mime_type_of(file->name);
	char *key = key_of(st, file->name, type);
	uint64_t hash = hash_local(key, strlen(key));
	struct send_upload *upload = NULL;

	HASH_EACH (node, &cache->table, hash) {
		upload = HASH_STRUCT(node, struct send_upload, node);
		if (!upload->racy && !strcmp(upload->key, key))
			break;
		upload = NULL;
	}
	if (upload) {
		free(key);
	} else {
		upload = xcalloc(1, sizeof(*upload));
		*upload = (struct send_upload){ .key = key,
			.path = xstrdup_null(file->path),
			.fd = file->fd,
			.name = xstrdup(file->name),
			.type = xstrdup(type),
			.state = UPLOAD_QUEUED,
			.listed = true };
		hash_table_add(&cache->table, &upload->node, hash);
		hash_lru_add(&cache->queued, &upload->lru);
	}
	if (!upload->users++ && upload->state == UPLOAD_DONE)
		hash_lru_remove(&cache->idle, &upload->lru);
	return upload;
}

static void fail(struct send_entry *entry, const struct err *err, bool no_token)
{
	if (entry->err)
		return;
	entry->err = xmalloc(sizeof(*entry->err));
	*entry->err = *err;
	entry->no_token = no_token;
}

bool upload_settle(struct send_entry *entry)
{
	const struct draft *draft = entry->draft;

	if (entry->complete)
		return false;
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		const struct send_upload *upload = entry->uploads[i];

		if (upload && upload->state == UPLOAD_FAILED)
			fail(entry, &upload->err, upload->no_token);
		else if (upload && upload->state != UPLOAD_DONE)
			return false;
	}
	if (entry->err)
		return true;
	entry->complete = true;
	if (draft->file_count)
		entry->files = xcalloc(draft->file_count, sizeof(*entry->files));
	for (size_t i = 0; i < draft->file_count; i++)
		entry->files[i] = (struct message_file){ .name = draft->files[i].name,
			.xid = entry->uploads[i] ? entry->uploads[i]->xid : draft->files[i].xid };
	return true;
}

void upload_request(struct send_queue *queue, struct send_entry *entry)
{
	const struct draft *draft = entry->draft;
	struct stat *stats = xcalloc(draft->file_count + 1, sizeof(*stats));
	struct err err = ERR_INIT;

	entry->uploads = xcalloc(draft->file_count + 1, sizeof(*entry->uploads));
	/* all files are checked before one is uploaded */
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		if (send_check_file(&draft->files[i], &stats[i], &err))
			fail(entry, &err, false);
	}
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		if (draft->files[i].path || draft->files[i].fd >= 0)
			entry->uploads[i] = get(&queue->uploads, &draft->files[i], &stats[i]);
	}
	free(stats);
}

void upload_release(struct send_queue *queue, struct send_entry *entry)
{
	struct upload_cache *cache = &queue->uploads;

	for (size_t i = 0; entry->uploads && i < entry->draft->file_count; i++) {
		struct send_upload *upload = entry->uploads[i];

		if (!upload || --upload->users)
			continue;
		if (upload->state == UPLOAD_RUNNING) {
			upload->fd = -1; /* the entry closes it; the job has a copy */
		} else if (upload->state == UPLOAD_DONE) {
			hash_lru_add(&cache->idle, &upload->lru);
			if (cache->idle.count > SEND_QUEUE_UPLOADS_KEPT)
				upload_free(cache, HASH_STRUCT(cache->idle.oldest, struct send_upload, lru));
		} else {
			upload_free(cache, upload);
		}
	}
	free(entry->uploads);
	entry->uploads = NULL;
}

struct send_upload *upload_pop(struct send_queue *queue)
{
	struct upload_cache *cache = &queue->uploads;
	struct send_upload *upload;

	if (!cache->queued.oldest)
		return NULL;
	upload = HASH_STRUCT(cache->queued.oldest, struct send_upload, lru);
	hash_lru_remove(&cache->queued, &upload->lru);
	upload->state = UPLOAD_RUNNING;
	return upload;
}

void upload_clear_queue(struct send_queue *queue)
{
	while (upload_pop(queue))
		;
}

struct send_upload *upload_done(struct send_queue *queue, struct send_upload *upload)
{
	if (upload->state == UPLOAD_FAILED)
		unlist(&queue->uploads, upload); /* the next message that carries the file tries again */
	if (upload->users)
		return upload;
	upload_free(&queue->uploads, upload);
	return NULL;
}

static void on_uploaded(void *arg, enum status status, struct client_response *response, const struct err *failure)
{
	struct send_job *job = arg;
	const struct send_queue_config *config = &job->queue->config;
	struct send_upload *upload = job->upload;

	if (job->queue->aborted)
		return;
	if (job->fd >= 0)
		close(job->fd);
	job->fd = -1;
	if (config->progress)
		config->progress(config->arg, upload->name, -1, -1);
	if (status)
		upload->err = *failure;
	else
		status = object_decode(json_root(&response->json), &upload->xid, &upload->err);
	if (status) {
		upload->err.outcome = ERR_NOT_SENT; /* no message refers to the object */
		upload->no_token = response && response->no_token;
		err_prefix(&upload->err, "cannot upload '%s'", upload->name);
	} else {
		log_verbose("uploaded '%s'", upload->name);
	}
	upload->state = status ? UPLOAD_FAILED : UPLOAD_DONE;
	job_answered(job);
}

static void on_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	const struct send_job *job = arg;
	const struct send_queue_config *config = &job->queue->config;

	(void)received;
	(void)to_receive;
	if (config->progress && to_send > 0)
		config->progress(config->arg, job->upload->name, sent, to_send);
}

/*
 * True if a change after this moment may leave the times of the file as they are. File systems store them in units of
 * up to 2 s (FAT). Those with fractions of a second still use the time of the last clock tick.
 */
static bool is_racy(const struct stat *st)
{
	int64_t granularity_ms = st->st_ctim.tv_nsec ? 20 : 2000;
	int64_t changed_ms = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;

	return clock_wall_ms() - changed_ms <= granularity_ms;
}

static enum status open_file(struct send_upload *upload, struct send_job *job, int64_t *size, struct err *err)
{
	struct stat st;

	/* a pipe may have taken the place of the file */
	job->fd = upload->fd >= 0 ? fcntl(upload->fd, F_DUPFD_CLOEXEC, 3)
				  : open(upload->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (job->fd < 0 || fstat(job->fd, &st))
		return err_set(err,
			errno == EMFILE || errno == ENFILE || errno == EIO || errno == EROFS ? ST_IO : ST_NOINPUT,
			"cannot read the file: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ST_NOINPUT, "not a regular file any more");
	upload->racy = is_racy(&st);
	*size = st.st_size;
	return ST_OK;
}

void upload_start(struct send_queue *queue, struct send_upload *upload, struct send_job *job)
{
	struct err err = ERR_INIT;
	int64_t size = 0;
	enum status st;

	job->upload = upload;
	st = open_file(upload, job, &size, &err);
	if (!st) {
		object_path(&job->path, queue->user_id);
		object_form(job->parts, job->fd, size, upload->name, upload->type);
		/* a second object that no message refers to is harmless */
		job->call = (struct client_call){ .method = "POST",
			.path = job->path.data,
			.parts = job->parts,
			.part_count = 2,
			.idempotent = true,
			.timeout_ms = -1,
			.low_speed_time_ms = STALLED_MS,
			.progress = on_progress,
			.arg = job };
		st = queue->config.transport.start(queue->config.transport.client, &job->call, on_uploaded, job, &err);
	}
	if (st)
		on_uploaded(job, st, NULL, &err);
}

void upload_free_all(struct send_queue *queue)
{
	struct upload_cache *cache = &queue->uploads;
	struct hash_node *node;

	while ((node = hash_table_any(&cache->table)))
		upload_free(cache, HASH_STRUCT(node, struct send_upload, node));
	hash_table_release(&cache->table);
}
