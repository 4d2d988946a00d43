/* download_body.c - the body of a download: the partial file, the resume info, and the limits on size and speed. */
#include "fetch/download-int.h"

#include "wire/range.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/mem.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>

void download_body_encode_info(struct buf *info, const struct download *d)
{
	json_open(info, '{');
	json_add_string(info, "link", d->start);
	json_add_int(info, "size", d->size);
	json_add_int(info, "total", d->object_size);
	json_add_string(info, "validator", d->validator);
	json_close(info, '}');
	buf_addc(info, '\n');
}

enum resume_match download_body_match_info(void *arg, const char *text, size_t len, int64_t found)
{
	struct download *d = arg;
	struct json_doc doc = { 0 };
	struct err ignored = ERR_INIT;
	int64_t size;
	bool same = false;

	if (!len || text[len - 1] != '\n')
		return RESUME_FROM_START; /* the run ended while it was written */
	if (!json_parse(&doc, text, len, NULL, &ignored)) {
		struct json_value info = json_root(&doc);

		if (!json_int(json_get(info, "total"), &d->object_size))
			d->object_size = -1;
		same = json_equals(json_get(info, "link"), d->start) && json_int(json_get(info, "size"), &size) &&
			size == d->size && (size < 0 || found <= size) &&
			(d->object_size < 0 || found <= d->object_size);
		if (same)
			d->validator = json_dup(json_get(info, "validator"));
	}
	json_release(&doc);
	return !same ? RESUME_NOT : d->validator ? RESUME_CONTINUE : RESUME_FROM_START;
}

void download_body_abort(struct download *d)
{
	file_writer_free(d->writer);
	d->writer = NULL;
	download_dir_abort(d->set->dir, &d->partial);
	free(d->validator);
	d->validator = NULL;
}

static enum status new_writer(struct download *d, struct err *err)
{
	return file_writer_new(&d->writer, d->partial.fd, d->name, d->partial.found, d->set->wake_fd, err);
}

bool download_body_resume(struct download *d, struct err *err)
{
	return download_dir_resume(d->set->dir, d->name, download_body_match_info, d, &d->partial) &&
		!new_writer(d, err);
}

/* Counts a file of `n` bytes against the limits. */
static enum status reserve(struct download *d, int64_t n, struct err *err)
{
	struct download_set *set = d->set;

	if (set->config->max_filesize && n > set->config->max_filesize)
		return err_set(err, ST_DATA, "file is larger than %lld bytes (--max-filesize)",
			(long long)set->config->max_filesize);
	if (n <= d->reserved)
		return ST_OK;
	if (set->config->max_total && n - d->reserved > set->config->max_total - set->used)
		return err_set(err, ST_DATA, "total size would exceed %lld bytes (--max-total)",
			(long long)set->config->max_total);
	set->used += n - d->reserved;
	d->reserved = n;
	return ST_OK;
}

/* The resume info goes first: it must never exist beside the bytes of another object, also after a crash. */
enum status download_body_restart(struct download *d, struct err *err)
{
	download_dir_remove_info(d->set->dir, &d->partial);
	return file_writer_truncate(d->writer, err);
}

bool download_body_suspend(struct download *d)
{
	if (!d->partial.has_resume_info || !d->validator || !d->writer || !file_writer_settle(d->writer))
		return false;
	file_writer_free(d->writer);
	d->writer = NULL;
	download_dir_suspend(&d->partial);
	return true;
}

enum status download_body_check_total(struct download *d, int64_t total, struct err *err)
{
	if (d->size >= 0 && total != d->size)
		return err_set(err, ST_PROTOCOL, "size mismatch: the message says %lld bytes, the server %lld",
			(long long)d->size, (long long)total);
	return reserve(d, total, err);
}

/* Fails before hours are spent on a disk that is too small. */
static enum status check_space(const struct download *d, struct err *err)
{
	int64_t left = d->total - file_writer_size(d->writer);
	struct statvfs fs;

	if (left <= 0 || fstatvfs(d->partial.fd, &fs) || !fs.f_frsize || (uint64_t)left / fs.f_frsize < fs.f_bavail)
		return ST_OK;
	return err_set(err, ST_IO, "not enough disk space for %lld bytes in '%s'", (long long)d->total,
		d->set->dir->path);
}

static enum status open_file(struct download *d, struct err *err)
{
	struct buf info;
	enum status st;

	if (!d->writer) {
		if ((st = download_dir_begin(d->set->dir, d->name, &d->partial, err)) || (st = new_writer(d, err)))
			return st;
	}
	if ((st = check_space(d, err)) || (d->total >= 0 && d->total < DOWNLOAD_RESUME_MIN))
		return st;
	buf_init(&info, BUF_NO_MAX);
	download_body_encode_info(&info, d);
	st = download_dir_write_info(d->set->dir, &d->partial, info.data, info.len, err);
	buf_release(&info);
	return st;
}

/*
 * A strong ETag; otherwise Last-Modified, if it is strong in the sense of RFC 9110, 8.8.2.2. A weak validator does not
 * guarantee the same bytes.
 */
static char *validator_of(const struct http_response *response)
{
	int64_t modified;

	if (response->etag[0] == '"')
		return xstrdup(response->etag);
	modified = http_date_ms(response->last_modified);
	return modified >= 0 && http_date_ms(response->date) >= modified + 1000 ? xstrdup(response->last_modified)
										: NULL;
}

/* The response header of the same kind as our validator. */
static const char *response_validator(const struct download *d, const struct http_response *response)
{
	return d->validator && d->validator[0] == '"' ? response->etag : response->last_modified;
}

/*
 * True if a 206 response has the validator of the request. RFC 9110 (15.3.7) requires this for an ETag, and all servers
 * do the same for a date; a server that does not may have ignored If-Range.
 */
static bool repeats_validator(const struct download *d, const struct http_response *response)
{
	return d->validator && !strcmp(response_validator(d, response), d->validator);
}

bool download_body_same_object(const struct download *d, const struct http_response *response)
{
	return !*response_validator(d, response) || repeats_validator(d, response);
}

bool download_body_same_length(const struct download *d, int64_t total)
{
	return total >= 0 && (d->object_size < 0 || total == d->object_size);
}

static enum status begin_whole(struct download *d, const struct http_response *response, int64_t total, struct err *err)
{
	enum status st;

	free(d->validator);
	d->validator = validator_of(response);
	d->total = d->object_size = total;
	if (d->total >= 0 && (st = download_body_check_total(d, d->total, err)))
		return st;
	if (d->writer && (st = download_body_restart(d, err)))
		return st;
	return open_file(d, err);
}

/* A 206 must hold the whole file, or begin at the resume offset and have the same validator and total length. */
static enum status begin_range(struct download *d, const struct http_response *response, struct err *err)
{
	struct content_range range = { -1, -1, -1 };

	if (range_parse(response->content_range, &range) && !range.first && range.last + 1 == range.total)
		return begin_whole(d, response, range.total, err);
	if (!d->resume_offset || !range_parse(response->content_range, &range) || range.first != d->resume_offset ||
		!download_body_same_length(d, range.total) || !repeats_validator(d, response)) {
		d->restart = true;
		return err_set(err, ST_PROTOCOL, "the server sent a range that was not requested");
	}
	d->total = d->object_size = range.total;
	return download_body_check_total(d, d->total, err);
}

enum status download_body_begin(struct download *d, const struct http_response *response, struct err *err)
{
	if (response->status == 202 && response->retry_after_ms >= 0) {
		err_set(err, ST_TEMPFAIL, "the server is still preparing the file (status 202)");
		err->retryable = true;
		err->retry_after_ms = response->retry_after_ms;
		return ST_TEMPFAIL;
	}
	if (response->status != 200 && response->status != 203 && response->status != 206)
		return err_set(err, ST_PROTOCOL, "unexpected status %d for a file", response->status);
	if (*response->content_encoding && strcasecmp(response->content_encoding, "identity") != 0)
		return err_set(err, ST_PROTOCOL, "unexpected content coding '%s' of a file",
			response->content_encoding);
	d->in_body = true;
	d->window_ms = clock_mono_ms();
	d->window_bytes = 0;
	return response->status == 206 ? begin_range(d, response, err)
				       : begin_whole(d, response, response->content_length, err);
}

static enum status check_speed(struct download *d, size_t len, struct err *err)
{
	const struct fetch_config *config = d->set->config;
	int64_t now, span;

	d->window_bytes += (int64_t)len;
	if (!config->speed_limit || !config->speed_time_ms)
		return ST_OK;
	now = clock_mono_ms();
	span = now - d->window_ms;
	if (span < config->speed_time_ms)
		return ST_OK;
	if (d->window_bytes * 1000 / span < config->speed_limit) {
		err_set(err, ST_TEMPFAIL, "slower than %lld bytes/s for %lld s (--speed-limit, --speed-time)",
			(long long)config->speed_limit, (long long)span / 1000);
		err->retryable = true;
		return ST_TEMPFAIL;
	}
	d->window_ms = now;
	d->window_bytes = 0;
	return ST_OK;
}

bool download_body_on_bytes(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err)
{
	struct download *d = arg;

	if (!d->in_body && download_body_begin(d, response, err))
		return false;
	if (d->size >= 0 && (int64_t)len > d->size - file_writer_size(d->writer)) {
		err_set(err, ST_PROTOCOL, "size mismatch: the message says %lld bytes, the server sends more",
			(long long)d->size);
		return false;
	}
	if (reserve(d, file_writer_size(d->writer) + (int64_t)len, err) || check_speed(d, len, err))
		return false;
	d->set->received += (int64_t)len;
	return !file_writer_add(d->writer, p, len, err);
}
