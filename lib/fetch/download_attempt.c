/*
 * download_attempt.c - the requests for one file, until it is complete or has failed.
 *
 * libcurl's callbacks only store bytes (download_body.c) and record the end (on_end). Every decision that may start a
 * request, renew a token or take time is made in download_attempt_on_response(), outside of the callbacks.
 */
#include "fetch/download-int.h"

#include "wire/range.h"
#include "wire/service_error.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void on_end(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	struct download *d = arg;

	d->state = DOWNLOAD_RESPONDED;
	d->status = status;
	if (status) {
		d->err = *err;
		if (err->http / 100 == 2) /* the status is not the error */
			d->err.http = 0;
	} else {
		d->response = *response;
		memset(response, 0, sizeof(*response));
	}
}

/* ---- request ----------------------------------------------------------------------------------------------------- */

static void send_request(struct download *d)
{
	static const char *const none[] = { "Accept: */*", NULL };
	const struct fetch_config *config = d->set->config;
	const char *const headers[] = { none[0], d->range_header, d->condition_header, NULL };
	struct http_request request = {
		.method = "GET",
		.url = d->url,
		.bearer = d->same_origin ? &d->token : NULL,
		.headers = d->resume_offset ? headers : none,
		.timeout_ms = config->max_time_ms ? config->max_time_ms : -1,
		.low_speed_time_ms = config->speed_time_ms,
		.low_speed_limit = config->speed_limit,
		.max_body = DOWNLOAD_ERROR_BODY_MAX,
		.sink = download_body_on_bytes,
		.arg = d,
	};
	struct err err = ERR_INIT;

	d->total = -1;
	http_response_release(&d->response);
	d->state = DOWNLOAD_REQUESTING;
	if (http_start(client_http(config->client), &request, on_end, &err))
		download_attempt_fail(d, &err);
}

static void set_range(struct download *d)
{
	free(d->range_header);
	free(d->condition_header);
	d->range_header = d->condition_header = NULL;
	d->resume_offset = 0;
	if (!d->writer || !d->validator || d->no_ranges || !file_writer_size(d->writer))
		return;
	d->resume_offset = file_writer_size(d->writer);
	d->range_header = xasprintf("Range: bytes=%lld-", (long long)d->resume_offset);
	d->condition_header = xasprintf("If-Range: %s", d->validator);
}

void download_attempt_start(struct download *d)
{
	struct client *client = d->set->config->client;
	struct err err = ERR_INIT;

	d->in_body = d->restart = false;
	free(d->url);
	d->url = xstrdup(d->start);
	d->same_origin = d->start_same_origin;
	d->hops = 0;
	if (d->same_origin) {
		if (client_authenticate(client, NULL, &err)) {
			download_attempt_fail(d, &err);
			return;
		}
		secret_copy(&d->token, &client_session(client)->access_token);
	}
	set_range(d);
	send_request(d);
}

void download_attempt_begin(struct download *d)
{
	const struct fetch_config *config = d->set->config;
	struct err err = ERR_INIT;

	retry_start(&d->retry, &client_settings(config->client)->retry, clock_mono_ms());
	if (!d->link)
		err_set(&err, ST_DATA, "the part has no link");
	else if (!link_check(d->set->rules, NULL, d->link, &d->start, &d->start_same_origin, &err) &&
		!(d->size >= 0 && download_body_check_total(d, d->size, &err)))
		(void)download_body_resume(d, &err);
	if (err.status)
		download_attempt_fail(d, &err);
	else
		download_attempt_start(d);
}

static void wait_or_fail(struct download *d, const struct err *err)
{
	int64_t now = clock_mono_ms();
	int64_t delay = retry_delay(&d->retry, err, true, now);

	if (delay < 0) {
		download_attempt_fail(d, err);
		return;
	}
	log_verbose("'%s': %s; retrying in %lld ms", d->name, err->text, (long long)delay);
	d->due_ms = now + delay;
	d->state = DOWNLOAD_RETRY_WAIT;
}

/* ---- response ---------------------------------------------------------------------------------------------------- */

static void redirect(struct download *d)
{
	struct err err = ERR_INIT;
	char *url = NULL;
	bool own = false;

	if (!d->response.location[0])
		err_set(&err, ST_PROTOCOL, "invalid redirect: status %d without a Location header", d->response.status);
	else if (++d->hops > DOWNLOAD_REDIRECTS_MAX)
		err_set(&err, ST_PROTOCOL, "too many redirects (maximum %d)", DOWNLOAD_REDIRECTS_MAX);
	else if (link_check(d->set->rules, d->url, d->response.location, &url, &own, &err))
		err_prefix(&err, "redirect");
	if (err.status) {
		download_attempt_fail(d, &err);
		return;
	}
	free(d->url);
	d->url = url;
	d->same_origin = d->same_origin && own;
	send_request(d);
}

static void renew(struct download *d)
{
	struct client *client = d->set->config->client;
	struct err err = ERR_INIT;

	d->renewed = true;
	if (client_authenticate(client, &d->token, &err)) {
		download_attempt_fail(d, &err);
		return;
	}
	download_attempt_start(d);
}

static void finish(struct download *d)
{
	struct err err = ERR_INIT;
	int64_t size;

	/* an empty body causes no call of download_body_on_bytes() */
	if (!d->in_body && download_body_begin(d, &d->response, &err)) {
		wait_or_fail(d, &err);
		return;
	}
	size = file_writer_size(d->writer);
	if (d->resume_offset && size > d->resume_offset && size < d->total) {
		/* RFC 9110 allows a shorter range than requested */
		err_set(&err, ST_TEMPFAIL, "transfer incomplete: %lld of %lld bytes", (long long)size,
			(long long)d->total);
		err.retryable = true;
		wait_or_fail(d, &err);
		return;
	}
	if (d->total >= 0 && size != d->total)
		err_set(&err, ST_PROTOCOL, "size mismatch: the server announced %lld bytes and sent %lld",
			(long long)d->total, (long long)size);
	else if (d->size >= 0 && size != d->size)
		err_set(&err, ST_PROTOCOL, "size mismatch: the message says %lld bytes, the server sent %lld",
			(long long)d->size, (long long)size);
	if (err.status) {
		download_attempt_fail(d, &err);
		return;
	}
	file_writer_finish(d->writer);
	d->state = DOWNLOAD_WRITING;
}

/* 416: the partial file is either complete or useless. */
static void range_not_satisfiable(struct download *d)
{
	struct content_range range;
	struct err err = ERR_INIT;

	if (range_parse(d->response.content_range, &range) && range.total == d->resume_offset &&
		download_body_same_length(d, range.total) && download_body_same_object(d, &d->response) &&
		!download_body_check_total(d, range.total, &err)) {
		file_writer_finish(d->writer);
		d->state = DOWNLOAD_WRITING;
	} else if (download_body_restart(d, &err)) {
		download_attempt_fail(d, &err);
	} else {
		d->no_ranges = true;
		download_attempt_start(d);
	}
}

static bool is_redirect(int http)
{
	return http == 301 || http == 302 || http == 303 || http == 307 || http == 308;
}

static void http_error(struct download *d)
{
	struct err err = ERR_INIT;
	char *shown = link_shown(d->url);
	char *what = xasprintf("GET %s", shown);

	service_error(&d->response, what, &err);
	wait_or_fail(d, &err);
	free(what);
	free(shown);
}

void download_attempt_on_response(struct download *d)
{
	int http = d->response.status;

	if (d->status && d->restart && !d->no_ranges) {
		d->no_ranges = true;
		download_attempt_start(d);
	} else if (d->status) {
		wait_or_fail(d, &d->err);
	} else if (http / 100 == 2) {
		finish(d);
	} else if (is_redirect(http)) {
		redirect(d);
	} else if (http == 401 && d->same_origin && !d->renewed) {
		renew(d);
	} else if (http == 416 && d->resume_offset) {
		range_not_satisfiable(d);
	} else {
		http_error(d);
	}
}

void download_attempt_on_written(struct download *d)
{
	const struct fetch_config *config = d->set->config;
	struct err err = ERR_INIT;
	char *name = NULL;

	if (file_writer_result(d->writer, d->result.sha256, &err) ||
		download_dir_commit(d->set->dir, &d->partial, config->clobber, &name, &err)) {
		download_attempt_fail(d, &err);
		return;
	}
	d->result.bytes = file_writer_size(d->writer);
	d->result.path = file_join(d->set->dir->path, name);
	free(name);
	file_writer_free(d->writer);
	d->writer = NULL;
	d->state = DOWNLOAD_DONE;
}

void download_attempt_fail(struct download *d, const struct err *err)
{
	/* a failure without a body says nothing about the partial file */
	bool resumable = !d->in_body || err->retryable || err->status == ST_IO || err->status == ST_SIGHUP ||
		err->status == ST_SIGINT || err->status == ST_SIGTERM;

	d->result.err = *err;
	err_prefix(&d->result.err, "cannot download '%s'", d->name);
	d->set->used -= d->reserved;
	d->reserved = 0;
	if (!resumable || !download_body_suspend(d))
		download_body_abort(d);
	d->state = DOWNLOAD_DONE;
}

void download_attempt_free(struct download *d)
{
	file_writer_free(d->writer);
	download_dir_suspend(&d->partial);
	http_response_release(&d->response);
	attachment_result_release(&d->result);
	secret_release(&d->token);
	free(d->range_header);
	free(d->condition_header);
	free(d->validator);
	free(d->start);
	free(d->url);
	free(d->link);
	free(d->name);
	free(d);
}
