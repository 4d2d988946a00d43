/*
 * outbox_upload.c - the files of a run: each uploaded once, whoever carries it. A file is recognised by what stat(2)
 * says of it, so that one which has changed in between is uploaded anew. It is opened when its upload begins, and
 * closed when it ends: a thousand waiting messages need no thousand descriptors.
 */
#include "send/outbox-int.h"

#include "wire/mime.h"
#include "send/upload.h"
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
	return &cache->buckets[(key->ino ^ (size_t)key->size) % OUTBOX_BUCKETS];
}

static void unidle(struct upload_cache *cache, struct upload *upload)
{
	if (!upload->idle)
		return;
	*(upload->older ? &upload->older->newer : &cache->oldest) = upload->newer;
	*(upload->newer ? &upload->newer->older : &cache->newest) = upload->older;
	upload->older = upload->newer = NULL;
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
	unidle(cache, upload);
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

static enum status get(struct upload_cache *cache, const struct item_file *file, struct upload **out, struct err *err)
{
	const char *type = file->type ? file->type : mime_type_of(file->name);
	struct upload *upload;
	struct upload_key key;
	struct stat st;

	if (item_check_file(file, err))
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
	unidle(cache, upload);
	upload->users++;
	*out = upload;
	return ST_OK;
}

static void fail_parcel(struct parcel *parcel, const struct err *err, bool no_token)
{
	if (parcel->err)
		return;
	parcel->err = xmalloc(sizeof(*parcel->err));
	*parcel->err = *err;
	parcel->no_token = no_token;
}

/* Looks whether all is there that the parcel waits for. */
static void check(struct outbox *outbox, struct parcel *parcel)
{
	const struct outbox_item *item = parcel->item;

	if (parcel->complete)
		return;
	for (size_t i = 0; !parcel->err && i < item->file_count; i++) {
		const struct upload *upload = parcel->uploads[i];

		if (upload && upload->state == UPLOAD_FAILED)
			fail_parcel(parcel, &upload->err, upload->no_token);
		else if (upload && upload->state != UPLOAD_DONE)
			return;
	}
	if (!parcel->err) {
		parcel->complete = true;
		if (item->file_count)
			parcel->files = xcalloc(item->file_count, sizeof(*parcel->files));
		for (size_t i = 0; i < item->file_count; i++)
			parcel->files[i] = (struct message_file){ .name = item->files[i].name,
				.xid = parcel->uploads[i] ? parcel->uploads[i]->xid : item->files[i].xid };
	}
	outbox_parcel_ready(outbox, parcel);
}

void upload_want(struct outbox *outbox, struct parcel *parcel)
{
	const struct outbox_item *item = parcel->item;
	struct err err = ERR_INIT;

	if (item->file_count)
		parcel->uploads = xcalloc(item->file_count, sizeof(*parcel->uploads));
	/* all of them are looked at before one is sent */
	for (size_t i = 0; !parcel->err && i < item->file_count; i++) {
		if (item_check_file(&item->files[i], &err))
			fail_parcel(parcel, &err, false);
	}
	for (size_t i = 0; !parcel->err && i < item->file_count; i++) {
		const struct item_file *file = &item->files[i];

		if ((file->path || file->fd >= 0) && get(&outbox->uploads, file, &parcel->uploads[i], &err))
			fail_parcel(parcel, &err, false);
	}
	check(outbox, parcel);
}

static void remove_from_queue(struct upload_cache *cache, struct upload *upload)
{
	struct upload *before = NULL;

	for (struct upload *u = cache->queue_first; u; before = u, u = u->next) {
		if (u != upload)
			continue;
		*(before ? &before->next : &cache->queue_first) = u->next;
		if (cache->queue_last == u)
			cache->queue_last = before;
		return;
	}
}

void upload_drop(struct outbox *outbox, struct parcel *parcel)
{
	struct upload_cache *cache = &outbox->uploads;

	for (size_t i = 0; parcel->uploads && i < parcel->item->file_count; i++) {
		struct upload *upload = parcel->uploads[i];

		if (!upload || --upload->users)
			continue;
		if (upload->state == UPLOAD_RUNNING) {
			upload->fd = -1; /* it goes with the parcel; the job has a copy */
		} else if (upload->state == UPLOAD_DONE) {
			upload->idle = true;
			upload->older = cache->newest;
			*(cache->newest ? &cache->newest->newer : &cache->oldest) = upload;
			cache->newest = upload;
			if (++cache->idle_count > OUTBOX_UPLOADS_KEPT)
				upload_free(cache, cache->oldest);
		} else {
			remove_from_queue(cache, upload);
			upload_free(cache, upload);
		}
	}
	free(parcel->uploads);
	parcel->uploads = NULL;
}

struct upload *upload_pop(struct outbox *outbox)
{
	struct upload_cache *cache = &outbox->uploads;
	struct upload *upload = cache->queue_first;

	if (!upload)
		return NULL;
	cache->queue_first = upload->next;
	if (!cache->queue_first)
		cache->queue_last = NULL;
	upload->state = UPLOAD_RUNNING;
	return upload;
}

void upload_clear_queue(struct outbox *outbox)
{
	while (upload_pop(outbox))
		;
}

static void finished(struct outbox *outbox, struct upload *upload, const struct err *err, bool no_token)
{
	struct upload_cache *cache = &outbox->uploads;
	struct parcel *parcel, *behind;

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
	for (parcel = outbox->first; parcel; parcel = behind) {
		behind = parcel->behind;
		for (size_t i = 0; parcel->uploads && i < parcel->item->file_count; i++) {
			if (parcel->uploads[i] == upload) {
				check(outbox, parcel);
				break;
			}
		}
	}
}

static void on_uploaded(void *arg, enum status status, struct client_response *answer, const struct err *failure)
{
	struct job *job = arg;
	struct outbox *outbox = job->outbox;
	struct upload *upload = job->upload;
	struct err err = ERR_INIT;

	if (job->fd >= 0)
		close(job->fd);
	job->fd = -1;
	outbox_give_job(outbox, job);
	if (outbox->config.progress)
		outbox->config.progress(outbox->config.arg, upload->name, -1, -1);
	if (status)
		err = *failure;
	else
		status = upload_decode(json_root(&answer->json), &upload->xid, &err);
	if (status)
		err.outcome = ERR_NOT_SENT; /* an object that no message names: the message was not sent */
	else
		log_verbose("uploaded '%s'", upload->name);
	finished(outbox, upload, status ? &err : NULL, answer && answer->no_token);
}

static void on_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	const struct job *job = arg;
	const struct outbox_config *config = &job->outbox->config;

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

void upload_begin(struct outbox *outbox, struct upload *upload, struct job *job)
{
	struct err err = ERR_INIT;
	int64_t size = 0;
	enum status st;

	job->upload = upload;
	st = open_file(upload, job, &size, &err);
	if (!st) {
		upload_path(&job->path, outbox->user_id);
		upload_form(job->parts, job->fd, size, upload->name, upload->type);
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
		st = outbox->config.transport.start(outbox->config.transport.client, &job->call, on_uploaded, job,
			&err);
	}
	if (st)
		on_uploaded(job, st, NULL, &err);
}

void upload_free_all(struct outbox *outbox)
{
	struct upload_cache *cache = &outbox->uploads;

	for (size_t i = 0; i < OUTBOX_BUCKETS; i++) {
		while (cache->buckets[i])
			upload_free(cache, cache->buckets[i]);
	}
}
