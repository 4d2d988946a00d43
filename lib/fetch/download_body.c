/*
 * download_body.c - the bytes of one file: where they go, what must hold of them, and when they are too many or too
 * slow.
 */
#include "fetch/download-int.h"

#include "wire/range.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/mem.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

void body_note(struct buf *note, const struct download *d)
{
	json_open(note, '{');
	json_add_string(note, "link", d->start);
	json_add_int(note, "size", d->size);
	json_add_int(note, "total", d->whole);
	json_add_string(note, "validator", d->validator);
	json_close(note, '}');
	buf_addc(note, '\n');
}

bool body_is_noted(void *arg, const char *text, size_t len, int64_t found)
{
	struct download *d = arg;
	struct json_doc doc = { 0 };
	struct err ignored = ERR_INIT;
	int64_t size;
	bool same = false;

	if (!json_parse(&doc, text, len, NULL, &ignored)) {
		struct json_value note = json_root(&doc);

		if (!json_int(json_get(note, "total"), &d->whole))
			d->whole = -1;
		same = json_equals(json_get(note, "link"), d->start) && json_int(json_get(note, "size"), &size) &&
			size == d->size && (size < 0 || found <= size) && (d->whole < 0 || found <= d->whole) &&
			(d->validator = json_dup(json_get(note, "validator"))) != NULL;
	}
	json_release(&doc);
	return same;
}

void body_drop(struct download *d)
{
	saver_free(d->saver);
	d->saver = NULL;
	inbox_drop(d->set->config.inbox, &d->part);
	free(d->validator);
	d->validator = NULL;
}

static enum status new_saver(struct download *d, struct err *err)
{
	return saver_new(&d->saver, d->part.fd, d->name, d->part.found, d->set->wake_fd, err);
}

bool body_resume(struct download *d, struct err *err)
{
	return inbox_resume(d->set->config.inbox, d->name, body_is_noted, d, &d->part) && !new_saver(d, err);
}

/* Bytes of the set's total for a file that has `n` now, or will have. */
static enum status reserve(struct download *d, int64_t n, struct err *err)
{
	struct downloads *set = d->set;

	if (set->config.max_filesize && n > set->config.max_filesize)
		return err_set(err, ST_DATA, "it is larger than %lld bytes (--max-filesize)",
			(long long)set->config.max_filesize);
	if (n <= d->reserved)
		return ST_OK;
	if (set->config.max_total && n - d->reserved > set->config.max_total - set->used)
		return err_set(err, ST_DATA, "it would make more than %lld bytes in all (--max-total)",
			(long long)set->config.max_total);
	set->used += n - d->reserved;
	d->reserved = n;
	return ST_OK;
}

/* The note goes first: it must never stand beside bytes of something else, whenever somebody dies. */
enum status body_restart(struct download *d, struct err *err)
{
	inbox_unnote(d->set->config.inbox, &d->part);
	return saver_restart(d->saver, err);
}

bool body_leave(struct download *d)
{
	struct err ignored = ERR_INIT;

	if (!d->part.noted || !d->saver || saver_sync(d->saver, &ignored))
		return false;
	saver_free(d->saver);
	d->saver = NULL;
	inbox_leave(&d->part);
	return true;
}

enum status body_check_total(struct download *d, int64_t total, struct err *err)
{
	if (d->size >= 0 && total != d->size)
		return err_set(err, ST_PROTOCOL, "the message says %lld bytes, the server has %lld", (long long)d->size,
			(long long)total);
	return reserve(d, total, err);
}

/* That a disk is too small is said before hours are spent on it. */
static enum status check_space(const struct download *d, struct err *err)
{
	int64_t left = d->total - saver_size(d->saver);
	struct statvfs fs;

	if (left <= 0 || fstatvfs(d->part.fd, &fs) || !fs.f_frsize || (uint64_t)left / fs.f_frsize < fs.f_bavail)
		return ST_OK;
	return err_set(err, ST_IO, "no space for %lld bytes in '%s'", (long long)d->total, d->set->config.inbox->path);
}

static enum status open_file(struct download *d, struct err *err)
{
	struct buf note;
	enum status st;

	if (!d->saver) {
		if ((st = inbox_begin(d->set->config.inbox, d->name, &d->part, err)) || (st = new_saver(d, err)))
			return st;
	}
	if ((st = check_space(d, err)) || !d->validator || (d->total >= 0 && d->total < DOWNLOAD_NOTE_FROM))
		return st;
	buf_init(&note, BUF_NO_MAX);
	body_note(&note, d);
	st = inbox_note(d->set->config.inbox, &d->part, note.data, note.len, err);
	buf_release(&note);
	return st;
}

/*
 * A strong ETag, else the date, if the object cannot have been replaced within that second any more (RFC 9110,
 * 8.8.2.2). Weak ones stand for "alike", which is not enough to put two halves together.
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

/* The answer's own word on what our validator is. */
static const char *same_kind(const struct download *d, const struct http_response *response)
{
	return d->validator && d->validator[0] == '"' ? response->etag : response->last_modified;
}

/*
 * Whether an answer to a range is about the object that we have a part of: it repeats the validator that it was asked
 * with. RFC 9110 (15.3.7) wants that of an ETag, and all servers do the same with a date; one that does neither may
 * not have looked at If-Range.
 */
static bool repeats_validator(const struct download *d, const struct http_response *response)
{
	return d->validator && !strcmp(same_kind(d, response), d->validator);
}

bool body_may_be(const struct download *d, const struct http_response *response)
{
	return !*same_kind(d, response) || repeats_validator(d, response);
}

bool body_has_length(const struct download *d, int64_t total)
{
	return total >= 0 && (d->whole < 0 || total == d->whole);
}

/* A 206 must go on exactly where we stopped, in the same object, and tell how long that is: as long as it was. */
static enum status begin_rest(struct download *d, const struct http_response *response, struct err *err)
{
	struct content_range range;

	if (!d->asked_from || !range_parse(response->content_range, &range) || range.first != d->asked_from ||
		!body_has_length(d, range.total) || !repeats_validator(d, response)) {
		d->again = true;
		return err_set(err, ST_PROTOCOL, "the server sent another part than it was asked for");
	}
	d->total = d->whole = range.total;
	return body_check_total(d, d->total, err);
}

static enum status begin_whole(struct download *d, const struct http_response *response, struct err *err)
{
	enum status st;

	free(d->validator);
	d->validator = validator_of(response);
	d->total = d->whole = response->content_length;
	if (d->total >= 0 && (st = body_check_total(d, d->total, err)))
		return st;
	if (d->saver && (st = body_restart(d, err)))
		return st;
	return open_file(d, err);
}

enum status body_begin(struct download *d, const struct http_response *response, struct err *err)
{
	d->in_body = true;
	d->window_ms = clock_mono_ms();
	d->window_bytes = 0;
	if (response->status == 206)
		return begin_rest(d, response, err);
	if (response->status == 200)
		return begin_whole(d, response, err);
	return err_set(err, ST_PROTOCOL, "the server answered %d where a file was asked for", response->status);
}

static enum status check_speed(struct download *d, size_t len, struct err *err)
{
	const struct download_config *config = &d->set->config;
	int64_t now, span;

	d->window_bytes += (int64_t)len;
	if (!config->speed_limit || !config->speed_time_ms)
		return ST_OK;
	now = clock_mono_ms();
	span = now - d->window_ms;
	if (span < config->speed_time_ms)
		return ST_OK;
	if (d->window_bytes * 1000 / span < config->speed_limit) {
		err_set(err, ST_TEMPFAIL,
			"it came at less than %lld bytes a second for %lld s (--speed-limit, --speed-time)",
			(long long)config->speed_limit, (long long)span / 1000);
		err->retryable = true;
		return ST_TEMPFAIL;
	}
	d->window_ms = now;
	d->window_bytes = 0;
	return ST_OK;
}

bool body_on_bytes(void *arg, const struct http_response *response, const char *p, size_t len, struct err *err)
{
	struct download *d = arg;

	if (!d->in_body && body_begin(d, response, err))
		return false;
	if (d->size >= 0 && (int64_t)len > d->size - saver_size(d->saver)) {
		err_set(err, ST_PROTOCOL, "the server sends more than the %lld bytes that the message says",
			(long long)d->size);
		return false;
	}
	if (reserve(d, saver_size(d->saver) + (int64_t)len, err) || check_speed(d, len, err))
		return false;
	d->set->received += (int64_t)len;
	return !saver_add(d->saver, p, len, err);
}
