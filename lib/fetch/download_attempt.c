/*
 * download_attempt.c - one file, request after request, until it is there or cannot be had.
 *
 * libcurl's callbacks only take bytes over (download_body.c) and note the end (on_end); every decision that may begin
 * a request, renew a token or take time is made in attempt_answered(), which download.c calls from outside of them.
 */
#include "fetch/download-int.h"

#include "wire/range.h"
#include "wire/service_error.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static void on_end(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	struct download *d = arg;

	d->state = DOWNLOAD_ANSWERED;
	d->status = status;
	if (status) {
		d->err = *err;
		if (err->http / 100 == 2) /* what is wrong is not the answer */
			d->err.http = 0;
	} else {
		d->response = *response;
		memset(response, 0, sizeof(*response));
	}
}

/* ---- asking ---- */

static void ask(struct download *d)
{
	static const char *const none[] = { "Accept: */*", NULL };
	const struct download_config *config = &d->set->config;
	const char *const headers[] = { none[0], d->range_header, d->condition_header, NULL };
	struct http_request request = {
		.method = "GET",
		.url = d->url,
		.bearer = d->own ? &d->token : NULL,
		.headers = d->asked_from ? headers : none,
		.timeout_ms = config->max_time_ms ? config->max_time_ms : -1,
		.low_speed_time_ms = config->speed_time_ms,
		.low_speed_limit = config->speed_limit,
		.max_body = DOWNLOAD_ERROR_BODY_MAX,
		.sink = body_on_bytes,
		.arg = d,
	};
	struct err err = ERR_INIT;

	d->in_body = d->again = false;
	d->total = -1;
	http_response_release(&d->response);
	d->state = DOWNLOAD_ASKING;
	if (http_start(client_http(config->client), &request, on_end, &err))
		attempt_fail(d, &err);
}

static void set_range(struct download *d)
{
	free(d->range_header);
	free(d->condition_header);
	d->range_header = d->condition_header = NULL;
	d->asked_from = 0;
	if (!d->saver || !d->validator || d->whole_only || !saver_size(d->saver))
		return;
	d->asked_from = saver_size(d->saver);
	d->range_header = xasprintf("Range: bytes=%lld-", (long long)d->asked_from);
	d->condition_header = xasprintf("If-Range: %s", d->validator);
}

void attempt_start(struct download *d)
{
	struct client *client = d->set->config.client;
	struct err err = ERR_INIT;

	free(d->url);
	d->url = xstrdup(d->start);
	d->own = d->start_own;
	d->hops = 0;
	if (d->own) {
		if (client_authenticate(client, NULL, &err)) {
			attempt_fail(d, &err);
			return;
		}
		secret_copy(&d->token, &client_session(client)->access_token);
	}
	set_range(d);
	ask(d);
}

void attempt_begin(struct download *d)
{
	const struct download_config *config = &d->set->config;
	struct err err = ERR_INIT;

	retry_start(&d->retry, &client_settings(config->client)->retry, clock_mono_ms());
	if (!d->link)
		err_set(&err, ST_DATA, "the part names no link");
	else if (!link_check(config->rules, NULL, d->link, &d->start, &d->start_own, &err) &&
		!(d->size >= 0 && body_check_total(d, d->size, &err)))
		(void)body_resume(d, &err);
	if (err.status)
		attempt_fail(d, &err);
	else
		attempt_start(d);
}

static void wait_or_fail(struct download *d, const struct err *err)
{
	int64_t now = clock_mono_ms();
	int64_t delay = retry_delay(&d->retry, err, true, now);

	if (delay < 0) {
		attempt_fail(d, err);
		return;
	}
	log_verbose("'%s': %s; trying again in %lld ms", d->name, err->text, (long long)delay);
	d->due_ms = now + delay;
	d->state = DOWNLOAD_WAITING;
}

/* ---- what next ---- */

static void redirect(struct download *d)
{
	struct err err = ERR_INIT;
	char *url = NULL;
	bool own = false;

	if (!d->response.location[0])
		err_set(&err, ST_PROTOCOL, "the server answered %d without saying where to go", d->response.status);
	else if (++d->hops > DOWNLOAD_REDIRECTS_MAX)
		err_set(&err, ST_PROTOCOL, "more than %d redirects", DOWNLOAD_REDIRECTS_MAX);
	else if (link_check(d->set->config.rules, d->url, d->response.location, &url, &own, &err))
		err_prefix(&err, "redirected");
	if (err.status) {
		attempt_fail(d, &err);
		return;
	}
	free(d->url);
	d->url = url;
	d->own = d->own && own;
	ask(d);
}

static void renew(struct download *d)
{
	struct client *client = d->set->config.client;
	struct err err = ERR_INIT;

	d->renewed = true;
	if (client_authenticate(client, &d->token, &err)) {
		attempt_fail(d, &err);
		return;
	}
	attempt_start(d);
}

static void finish(struct download *d)
{
	struct err err = ERR_INIT;
	int64_t size;

	/* an empty body comes without a call of body_on_bytes() */
	if (!d->in_body && body_begin(d, &d->response, &err)) {
		attempt_fail(d, &err);
		return;
	}
	size = saver_size(d->saver);
	if (d->asked_from && size > d->asked_from && size < d->total) {
		/* less than the rest, which it may do */
		err_set(&err, ST_TEMPFAIL, "the server sent %lld of %lld bytes", (long long)size, (long long)d->total);
		err.retryable = true;
		wait_or_fail(d, &err);
		return;
	}
	if (d->total >= 0 && size != d->total)
		err_set(&err, ST_PROTOCOL, "the server said %lld bytes, and sent %lld", (long long)d->total,
			(long long)size);
	else if (d->size >= 0 && size != d->size)
		err_set(&err, ST_PROTOCOL, "the message says %lld bytes, the server sent %lld", (long long)d->size,
			(long long)size);
	if (err.status) {
		attempt_fail(d, &err);
		return;
	}
	saver_finish(d->saver);
	d->state = DOWNLOAD_SAVING;
}

/* "There is nothing from there on": either we have it all, or what we have is of no use. */
static void unsatisfied(struct download *d)
{
	struct content_range range;
	struct err err = ERR_INIT;

	if (range_parse(d->response.content_range, &range) && range.total == d->asked_from &&
		body_has_length(d, range.total) && body_may_be(d, &d->response) &&
		!body_check_total(d, range.total, &err)) {
		saver_finish(d->saver);
		d->state = DOWNLOAD_SAVING;
	} else if (body_restart(d, &err)) {
		attempt_fail(d, &err);
	} else {
		d->whole_only = true;
		attempt_start(d);
	}
}

static bool is_redirect(int http)
{
	return http == 301 || http == 302 || http == 303 || http == 307 || http == 308;
}

static void refused(struct download *d)
{
	struct err err = ERR_INIT;
	char *shown = link_shown(d->url);
	char *what = xasprintf("GET %s", shown);

	service_error(&d->response, what, &err);
	wait_or_fail(d, &err);
	free(what);
	free(shown);
}

void attempt_answered(struct download *d)
{
	int http = d->response.status;

	if (d->status && d->again && !d->whole_only) {
		d->whole_only = true;
		attempt_start(d);
	} else if (d->status) {
		wait_or_fail(d, &d->err);
	} else if (http / 100 == 2) {
		finish(d);
	} else if (is_redirect(http)) {
		redirect(d);
	} else if (http == 401 && d->own && !d->renewed) {
		renew(d);
	} else if (http == 416 && d->asked_from) {
		unsatisfied(d);
	} else {
		refused(d);
	}
}

void attempt_saved(struct download *d)
{
	const struct download_config *config = &d->set->config;
	struct err err = ERR_INIT;
	char *name = NULL;

	if (saver_result(d->saver, d->result.sha256, &err) ||
		inbox_keep(config->inbox, &d->part, config->clobber, &name, &err)) {
		attempt_fail(d, &err);
		return;
	}
	d->result.bytes = saver_size(d->saver);
	d->result.path = path_join(config->inbox->path, name);
	free(name);
	saver_free(d->saver);
	d->saver = NULL;
	d->state = DOWNLOAD_DONE;
}

void attempt_fail(struct download *d, const struct err *err)
{
	bool later =
		err->retryable || err->status == ST_SIGHUP || err->status == ST_SIGINT || err->status == ST_SIGTERM;

	d->result.err = *err;
	err_prefix(&d->result.err, "cannot fetch '%s'", d->name);
	d->set->used -= d->reserved;
	d->reserved = 0;
	if (!later || !body_leave(d))
		body_drop(d);
	d->state = DOWNLOAD_DONE;
}

void attempt_release(struct download *d)
{
	saver_free(d->saver);
	inbox_leave(&d->part);
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
