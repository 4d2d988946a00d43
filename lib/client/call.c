/*
 * Calls: one attempt after the other until the service has said yes or no, or the policy gives up.
 *
 * A struct exchange is one call on its way, whether somebody waits for it (client_call) or not
 * (client_start). What libcurl reports is only noted down; decisions are made, and callers called,
 * from client_step(), so that a renewal of the token may wait for the server in the middle of a
 * batch.
 */
#include "client/client-int.h"

#include "wire/service_error.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct exchange {
	const struct client_call *call;
	struct retry own_retry, *retry; /* `retry`: that, or the call's */
	int64_t attempts; /* with the one that was answered 401, which is none for `retry` */
	int64_t due_ms; /* when the next attempt may begin, clock_mono_ms() */
	struct secret token; /* what the attempt under way carries */
	bool refused; /* that token was answered 401 */
	bool renewed; /* which happens once */
	char *url;
	struct client_response answer;
};

struct task {
	struct task *next;
	struct exchange exchange;
	client_done *done;
	void *arg;
	enum { WAITING, RUNNING, ANSWERED } state;
	enum status status; /* ANSWERED: what http.h said */
	struct http_response response;
	struct err err;
};

/* ---- one call ------------------------------------------------------------------------------ */

static enum status resolve(struct client *client, struct exchange *x, struct err *err)
{
	const char *path = x->call->path;
	struct err why = ERR_INIT;
	bool same = true;

	if (*path == '/') {
		size_t origin = strlen(client->base.origin), len = strlen(path);

		x->url = xmalloc(origin + len + 1);
		memcpy(x->url, client->base.origin, origin);
		memcpy(x->url + origin, path, len + 1);
		return ST_OK;
	}
	/* without its query, which may hold a token */
	if (http_resolve(client->base.origin, path, &x->url, &same, &why))
		return err_set(err, ST_PROTOCOL, "the server names what cannot be asked: %s", why.text);
	if (!same)
		return err_set(err, ST_PROTOCOL, "'%.*s' is not at %s, and is not asked", (int)strcspn(path, "?#"),
			path, client->base.origin);
	return ST_OK;
}

/* "POST /cpaas/...", for errors. Free it. */
static char *what_of(const struct exchange *x)
{
	const char *path = *x->call->path == '/' ? x->call->path : x->url;

	return xasprintf("%s %.*s", x->call->method, (int)strcspn(path, "?"), path);
}

static void exchange_release(struct exchange *x)
{
	secret_release(&x->token);
	client_response_release(&x->answer);
	free(x->url);
}

static enum status exchange_begin(struct client *client, struct exchange *x, const struct client_call *call,
	struct err *err)
{
	*x = (struct exchange){ .call = call, .due_ms = clock_mono_ms(), .retry = call->retry };
	if (!x->retry) {
		x->retry = &x->own_retry;
		retry_start(x->retry, &client->config.retry, x->due_ms);
	}
	return resolve(client, x, err);
}

/* A good token, and the request for the next attempt. */
static enum status exchange_prepare(struct client *client, struct exchange *x, struct http_request *request,
	struct err *err)
{
	const struct client_call *call = x->call;
	static const char *const headers[] = { "Accept: application/json", NULL };
	enum status st = client_authenticate(client, x->refused ? &x->token : NULL, err);

	x->answer.no_token = st != ST_OK;
	if (st) {
		/* what became of the request for a token says nothing of this one: it was not made, or refused */
		err->outcome = ERR_NOT_SENT;
		err->pending = false;
		err->http = 0;
		return st;
	}
	x->refused = false;
	x->attempts++;
	secret_copy(&x->token, &client->session.access_token);
	*request = (struct http_request){
		.method = call->method,
		.url = x->url,
		.bearer = &x->token,
		.headers = headers,
		.body = call->json,
		.body_len = call->json_len,
		.content_type = call->json ? "application/json" : NULL,
		.parts = call->parts,
		.part_count = call->part_count,
		.timeout_ms = call->timeout_ms,
		.low_speed_time_ms = call->low_speed_time_ms,
		.max_body = call->max_body,
	};
	return ST_OK;
}

static bool is_idempotent(const struct client_call *call)
{
	return call->idempotent || !strcmp(call->method, "GET") || !strcmp(call->method, "PUT") ||
		!strcmp(call->method, "DELETE");
}

static enum status accept_answer(struct exchange *x, struct http_response *response, struct err *err)
{
	struct client_response *answer = &x->answer;
	enum status st;
	char *what;

	answer->http = response->status;
	answer->attempts = x->attempts;
	answer->date_ms = x->call->dated ? http_date_ms(response->date) : -1;
	answer->text = response->body;
	buf_init(&response->body, 0);
	if (!answer->text.len || !json_parse_lenient(&answer->json, answer->text.data, answer->text.len, NULL, NULL))
		return ST_OK;
	what = what_of(x);
	st = service_error_shape(response, what, "no JSON", err);
	free(what);
	/* a page comes from something in between; JSON that is cut comes from the service, which did what was asked */
	if (response->content_type && strcasestr(response->content_type, "json"))
		err->outcome = ERR_MAYBE_SENT;
	return st;
}

/*
 * After an attempt: true where another one is to begin at x->due_ms. False: `*status` and `err` (or
 * x->answer) are the result.
 */
static bool exchange_again(struct exchange *x, enum status *status, struct http_response *response, struct err *err)
{
	int64_t now = clock_mono_ms(), delay;

	x->answer.attempts = x->attempts;
	if (!*status && response->status >= 200 && response->status <= 299) {
		*status = accept_answer(x, response, err);
		return false;
	}
	if (!*status && response->status == 401 && !x->renewed) {
		x->renewed = x->refused = true;
		x->due_ms = now;
		return true;
	}
	if (!*status) {
		char *what = what_of(x);

		*status = service_error(response, what, err);
		free(what);
	}
	delay = retry_delay(x->retry, err, is_idempotent(x->call), now);
	if (delay < 0)
		return false;
	log_verbose("%s; trying again in %.1f s", err->text, (double)delay / 1000);
	x->due_ms = now + delay;
	return true;
}

/* ---- waited for ---------------------------------------------------------------------------- */

static void on_call_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	const struct exchange *x = arg;

	x->call->progress(x->call->arg, sent, to_send, received, to_receive);
}

/* Waits for the time of the next attempt, while calls of client_start() go on. */
static enum status wait_until(struct client *client, int64_t due_ms, struct err *err)
{
	int64_t left;

	while ((left = due_ms - clock_mono_ms()) > 0) {
		enum status st = http_step(client->http, left < 1000 ? (int)left : 1000, -1, err);

		if (st)
			return st;
	}
	return ST_OK;
}

static enum status attempt(struct client *client, struct exchange *x, struct http_response *response, struct err *err)
{
	struct http_request request;
	enum status st = exchange_prepare(client, x, &request, err);

	if (st)
		return st;
	if (x->call->progress)
		request.progress = on_call_progress;
	request.arg = x;
	return http_perform(client->http, &request, response, err);
}

enum status client_call(struct client *client, const struct client_call *call, struct client_response *answer,
	struct err *err)
{
	struct err why = ERR_INIT;
	struct exchange x;
	enum status st = exchange_begin(client, &x, call, &why);

	while (!st) {
		struct http_response response = { 0 };
		int64_t attempts = x.attempts;
		bool again;

		st = attempt(client, &x, &response, &why);
		again = (!st || x.attempts > attempts) && exchange_again(&x, &st, &response, &why);
		http_response_release(&response);
		if (!again)
			break;
		st = wait_until(client, x.due_ms, &why);
	}
	if (answer) {
		client_response_release(answer);
		*answer = x.answer;
		x.answer = (struct client_response){ 0 };
	}
	exchange_release(&x);
	if (st && err)
		*err = why;
	return st;
}

/* ---- not waited for ------------------------------------------------------------------------ */

static void task_free(struct task *task)
{
	exchange_release(&task->exchange);
	http_response_release(&task->response);
	free(task);
}

void call_free_tasks(struct client *client)
{
	while (client->tasks) {
		struct task *task = client->tasks;

		client->tasks = task->next;
		task_free(task);
	}
	client->task_count = 0;
}

enum status client_start(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err)
{
	struct task *task = xcalloc(1, sizeof(*task));
	struct task **end = &client->tasks;
	enum status st = exchange_begin(client, &task->exchange, call, err);

	if (st) {
		task_free(task);
		return st;
	}
	task->done = done;
	task->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = task;
	client->task_count++;
	return ST_OK;
}

static void on_http_done(void *arg, enum status status, struct http_response *response, const struct err *err)
{
	struct task *task = arg;

	task->state = ANSWERED;
	task->status = status;
	if (status) {
		task->err = *err;
		return;
	}
	task->response = *response;
	*response = (struct http_response){ 0 };
}

static void on_task_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	struct task *task = arg;

	on_call_progress(&task->exchange, sent, to_send, received, to_receive);
}

static void launch(struct client *client, struct task *task)
{
	struct http_request request;

	task->status = exchange_prepare(client, &task->exchange, &request, &task->err);
	if (!task->status) {
		if (task->exchange.call->progress)
			request.progress = on_task_progress;
		request.arg = task;
		task->state = RUNNING;
		task->status = http_start(client->http, &request, on_http_done, &task->err);
	}
	if (task->status) {
		/* not to be repeated: what it needs is not there */
		task->err.retryable = false;
		task->state = ANSWERED;
	}
}

/* Takes the task out and tells its owner, who may begin another one. */
static void deliver(struct client *client, struct task *task)
{
	struct task **at = &client->tasks;

	while (*at && *at != task)
		at = &(*at)->next;
	if (!*at)
		BUG("a task was delivered twice");
	*at = task->next;
	client->task_count--;
	task->done(task->arg, task->status, &task->exchange.answer, &task->err);
	task_free(task);
}

/* The first task that is in `state`, and due where it is waiting. */
static struct task *find(const struct client *client, int state, int64_t now_ms)
{
	struct task *task = client->tasks;

	while (task && !((int)task->state == state && (state != WAITING || task->exchange.due_ms <= now_ms)))
		task = task->next;
	return task;
}

static void settle_answered(struct client *client)
{
	struct task *task;

	while ((task = find(client, ANSWERED, 0))) {
		bool again = exchange_again(&task->exchange, &task->status, &task->response, &task->err);

		http_response_release(&task->response);
		if (again)
			task->state = WAITING;
		else
			deliver(client, task);
	}
}

/* After a signal: those that wait for another attempt have failed without having been processed. */
static void end_waiting(struct client *client)
{
	struct task *task;

	while (interrupt_status() && (task = find(client, WAITING, INT64_MAX))) {
		task->status = err_set(&task->err, interrupt_status(), "interrupted");
		task->exchange.answer.attempts = task->exchange.attempts;
		deliver(client, task);
	}
}

static int until_next_due(const struct client *client, int wait_ms)
{
	int64_t now = clock_mono_ms(), wait = wait_ms < 0 ? INT32_MAX : wait_ms;

	for (const struct task *task = client->tasks; task; task = task->next) {
		int64_t left = task->exchange.due_ms - now;

		if (task->state == WAITING && left < wait)
			wait = left > 0 ? left : 0;
	}
	return wait == INT32_MAX ? -1 : (int)wait;
}

enum status client_step(struct client *client, int wait_ms, int extra_fd, struct err *err)
{
	size_t before = client->task_count;
	struct task *task;
	enum status st;

	while (!interrupt_status() && (task = find(client, WAITING, clock_mono_ms())))
		launch(client, task);
	settle_answered(client);
	if (client->task_count != before)
		wait_ms = 0; /* the caller has news, and may have more to do */
	st = http_step(client->http, until_next_due(client, wait_ms), extra_fd, err);
	settle_answered(client);
	end_waiting(client);
	return st;
}
