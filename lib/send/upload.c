/*
 * upload.c - the files of a run: each uploaded once, whoever carries it. A file is recognised by what stat(2)
 * says of it, so that one which has changed in between is uploaded anew. It is opened when its upload begins, and
 * closed when it ends: a thousand waiting messages need no thousand descriptors.
 */
#include "send/send-int.h"

#include "wire/mime.h"
#include "wire/object.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No byte for so long: give up. An upload has no other limit, it takes what it takes. */
#define STALLED_MS 60000

static struct upload_key key_of(const struct stat *st)
{
	return (struct upload_key){ .dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.modified = st->st_mtim,
		.changed = st->st_ctim };
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_key(const struct upload_key *a, const struct upload_key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->modified, &b->modified) &&
		same_time(&a->changed, &b->changed);
}

static struct upload **bucket_of(struct upload_cache *cache, const struct upload_key *key)
{
	return &cache->buckets[(key->ino ^ (size_t)key->size) % SEND_QUEUE_BUCKETS];
}

static void lru_remove(struct upload_cache *cache, struct upload *upload)
{
	if (!upload->idle)
		return;
	*(upload->lru_prev ? &upload->lru_prev->lru_next : &cache->lru_first) = upload->lru_next;
	*(upload->lru_next ? &upload->lru_next->lru_prev : &cache->lru_last) = upload->lru_prev;
	upload->lru_prev = upload->lru_next = NULL;
	upload->idle = false;
	cache->idle_count--;
}

/* From now on it is not found any more. */
static void unlist(struct upload_cache *cache, struct upload *upload)
{
	struct upload **at = bucket_of(cache, &upload->key);

	if (!upload->listed)
		return;
	while (*at != upload)
		at = &(*at)->next_in_bucket;
	*at = upload->next_in_bucket;
	upload->listed = false;
}

static void upload_free(struct upload_cache *cache, struct upload *upload)
{
	lru_remove(cache, upload);
	unlist(cache, upload);
	free(upload->path);
	free(upload->name);
	free(upload->type);
	free(upload->xid);
	free(upload);
}

static struct upload *find(struct upload_cache *cache, const struct upload_key *key, const char *name, const char *type)
{
	for (struct upload *u = *bucket_of(cache, key); u; u = u->next_in_bucket) {
		if (same_key(&u->key, key) && !strcmp(u->name, name) && !strcmp(u->type, type))
			return u;
	}
	return NULL;
}

static void enqueue(struct upload_cache *cache, struct upload *upload)
{
	upload->state = UPLOAD_QUEUED;
	upload->next = NULL;
	*(cache->queue_last ? &cache->queue_last->next : &cache->queue_first) = upload;
	cache->queue_last = upload;
}

static enum status get(struct upload_cache *cache, const struct draft_file *file, struct upload **out, struct err *err)
{
	const char *type = file->type ? file->type : mime_type_of(file->name);
	struct upload *upload;
	struct upload_key key;
	struct stat st;

	if (draft_check_file(file, err))
		return err->status;
	if (file->fd >= 0 ? fstat(file->fd, &st) : stat(file->path, &st))
		return err_set(err, ST_NOINPUT, "cannot attach '%s': %s", file->name, strerror(errno));
	key = key_of(&st);
	upload = find(cache, &key, file->name, type);
	if (!upload) {
		upload = xcalloc(1, sizeof(*upload));
		*upload = (struct upload){ .key = key,
			.path = xstrdup_null(file->path),
			.fd = file->fd,
			.name = xstrdup(file->name),
			.type = xstrdup(type),
			.listed = true,
			.next_in_bucket = *bucket_of(cache, &key) };
		*bucket_of(cache, &key) = upload;
		enqueue(cache, upload);
	}
	lru_remove(cache, upload);
	upload->users++;
	*out = upload;
	return ST_OK;
}

static void entry_fail(struct entry *entry, const struct err *err, bool no_token)
{
	if (entry->err)
		return;
	entry->err = xmalloc(sizeof(*entry->err));
	*entry->err = *err;
	entry->no_token = no_token;
}

/* Looks whether all is there that the entry waits for. */
static void check(struct send_queue *queue, struct entry *entry)
{
	const struct draft *draft = entry->draft;

	if (entry->complete)
		return;
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		const struct upload *upload = entry->uploads[i];

		if (upload && upload->state == UPLOAD_FAILED)
			entry_fail(entry, &upload->err, upload->no_token);
		else if (upload && upload->state != UPLOAD_DONE)
			return;
	}
	if (!entry->err) {
		entry->complete = true;
		if (draft->file_count)
			entry->files = xcalloc(draft->file_count, sizeof(*entry->files));
		for (size_t i = 0; i < draft->file_count; i++)
			entry->files[i] = (struct message_file){ .name = draft->files[i].name,
				.xid = entry->uploads[i] ? entry->uploads[i]->xid : draft->files[i].xid };
	}
	entry_ready(queue, entry);
}

void upload_want(struct send_queue *queue, struct entry *entry)
{
	const struct draft *draft = entry->draft;
	struct err err = ERR_INIT;

	if (draft->file_count)
		entry->uploads = xcalloc(draft->file_count, sizeof(*entry->uploads));
	/* all of them are looked at before one is sent */
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		if (draft_check_file(&draft->files[i], &err))
			entry_fail(entry, &err, false);
	}
	for (size_t i = 0; !entry->err && i < draft->file_count; i++) {
		const struct draft_file *file = &draft->files[i];

		if ((file->path || file->fd >= 0) && get(&queue->uploads, file, &entry->uploads[i], &err))
			entry_fail(entry, &err, false);
	}
	check(queue, entry);
}

static void remove_from_queue(struct upload_cache *cache, struct upload *upload)
{
	struct upload *prev = NULL;

	for (struct upload *u = cache->queue_first; u; prev = u, u = u->next) {
		if (u != upload)
			continue;
		*(prev ? &prev->next : &cache->queue_first) = u->next;
		if (cache->queue_last == u)
			cache->queue_last = prev;
		return;
	}
}

void upload_drop(struct send_queue *queue, struct entry *entry)
{
	struct upload_cache *cache = &queue->uploads;

	for (size_t i = 0; entry->uploads && i < entry->draft->file_count; i++) {
		struct upload *upload = entry->uploads[i];

		if (!upload || --upload->users)
			continue;
		if (upload->state == UPLOAD_RUNNING) {
			upload->fd = -1; /* it goes with the entry; the job has a copy */
		} else if (upload->state == UPLOAD_DONE) {
			upload->idle = true;
			upload->lru_prev = cache->lru_last;
			*(cache->lru_last ? &cache->lru_last->lru_next : &cache->lru_first) = upload;
			cache->lru_last = upload;
			if (++cache->idle_count > SEND_QUEUE_UPLOADS_KEPT)
				upload_free(cache, cache->lru_first);
		} else {
			remove_from_queue(cache, upload);
			upload_free(cache, upload);
		}
	}
	free(entry->uploads);
	entry->uploads = NULL;
}

struct upload *upload_pop(struct send_queue *queue)
{
	struct upload_cache *cache = &queue->uploads;
	struct upload *upload = cache->queue_first;

	if (!upload)
		return NULL;
	cache->queue_first = upload->next;
	if (!cache->queue_first)
		cache->queue_last = NULL;
	upload->state = UPLOAD_RUNNING;
	return upload;
}

void upload_clear_queue(struct send_queue *queue)
{
	while (upload_pop(queue))
		;
}

static void finished(struct send_queue *queue, struct upload *upload, const struct err *err, bool no_token)
{
	struct upload_cache *cache = &queue->uploads;
	struct entry *entry, *next;

	upload->state = err ? UPLOAD_FAILED : UPLOAD_DONE;
	if (err) {
		upload->err = *err;
		upload->no_token = no_token;
		err_prefix(&upload->err, "cannot upload '%s'", upload->name);
		unlist(cache, upload); /* the next message that carries it tries anew */
	}
	if (!upload->users) {
		upload_free(cache, upload);
		return;
	}
	for (entry = queue->first; entry; entry = next) {
		next = entry->next;
		for (size_t i = 0; entry->uploads && i < entry->draft->file_count; i++) {
			if (entry->uploads[i] == upload) {
				check(queue, entry);
				break;
			}
		}
	}
}

static void on_uploaded(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct send_queue *queue = job->queue;
	struct upload *upload = job->upload;
	struct err err = ERR_INIT;

	if (job->fd >= 0)
		close(job->fd);
	job->fd = -1;
	job_put(queue, job);
	if (queue->config.progress)
		queue->config.progress(queue->config.arg, upload->name, -1, -1);
	if (status)
		err = *failure;
	else
		status = object_decode(json_root(&answer->json), &upload->xid, &err);
	if (status)
		err.outcome = ERR_NOT_SENT; /* an object that no message names: the message was not sent */
	else
		log_verbose("uploaded '%s'", upload->name);
	finished(queue, upload, status ? &err : NULL, answer && answer->no_token);
}

static void on_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	const struct job *job = arg;
	const struct send_queue_config *config = &job->queue->config;

	(void)received;
	(void)to_receive;
	if (config->progress && to_send > 0)
		config->progress(config->arg, job->upload->name, sent, to_send);
}

static enum status open_file(const struct upload *upload, struct job *job, int64_t *size, struct err *err)
{
	struct stat st;

	/* not blocking: a pipe may have taken the file's place */
	job->fd = upload->fd >= 0 ? fcntl(upload->fd, F_DUPFD_CLOEXEC, 3)
				  : open(upload->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (job->fd < 0 || fstat(job->fd, &st))
		return err_set(err,
			errno == EMFILE || errno == ENFILE || errno == EIO || errno == EROFS ? ST_IO : ST_NOINPUT,
			"cannot read it: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ST_NOINPUT, "it is no regular file any more");
	*size = st.st_size;
	return ST_OK;
}

void upload_start(struct send_queue *queue, struct upload *upload, struct job *job)
{
	struct err err = ERR_INIT;
	int64_t size = 0;
	enum status st;

	job->upload = upload;
	st = open_file(upload, job, &size, &err);
	if (!st) {
		object_path(&job->path, queue->user_id);
		object_form(job->parts, job->fd, size, upload->name, upload->type);
		/* twice is harmless: an object that no message names is nobody's */
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

	for (size_t i = 0; i < SEND_QUEUE_BUCKETS; i++) {
		while (cache->buckets[i])
			upload_free(cache, cache->buckets[i]);
	}
}
