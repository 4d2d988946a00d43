/*
 * Calls: attempts until the service accepts or refuses the request, or the retry policy ends.
 *
 * A struct call_state is one call, whether the caller waits for it (client_call) or not (client_start). Callbacks from
 * the HTTP engine only store the response; decisions are made, and callers called, from client_step(), so that a token
 * may be renewed in the middle of a batch.
 */
#include "client/client-int.h"

#include "wire/service_error.h"
#include "base/clock.h"
#include "base/http_date.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct call_state {
	const struct client_call *call;
	struct retry own_retry, *retry; /* `retry`: that, or the call's */
	int64_t attempts; /* including the one with an expired token (401), which is not one of `retry` */
	int64_t due_ms; /* when the next attempt may start, clock_mono_ms() */
	struct secret token; /* of the current attempt */
	bool refused; /* that token got a 401 */
	bool renewed; /* happens once */
	char *url;
	char *user_id; /* of the login that the path was made for, or NULL */
	struct client_response result;
};

struct client_task {
	struct client_task *next;
	struct call_state call;
	client_done *done;
	void *arg;
	enum { WAITING, RUNNING, COMPLETED } phase;
	enum status status; /* COMPLETED: of the HTTP request */
	struct http_response response;
	struct err err;
};

/* ---- one call ------------------------------------------------------------------------------ */

static enum status resolve(struct client *client, struct call_state *state, struct err *err)
{
	const char *path = state->call->path;
	struct err why = ERR_INIT;
	bool same = true;

	if (*path == '/') {
		size_t origin = strlen(client->base.origin), len = strlen(path);

		state->url = xmalloc(origin + len + 1);
		memcpy(state->url, client->base.origin, origin);
		memcpy(state->url + origin, path, len + 1);
		return ST_OK;
	}
	if (http_resolve(client->base.origin, path, &state->url, &same, &why))
		return err_set(err, ST_PROTOCOL, "invalid URL from the server: %s", why.text);
	/* without its query, which may hold a token */
	if (!same)
		return err_set(err, ST_PROTOCOL, "invalid URL from the server: '%.*s' is not at %s",
			(int)strcspn(path, "?#"), path, client->base.origin);
	return ST_OK;
}

/* "POST /cpaas/...", for error messages. Free it. */
static char *request_label(const struct call_state *state)
{
	const char *path = *state->call->path == '/' ? state->call->path : state->url;

	return xasprintf("%s %.*s", state->call->method, (int)strcspn(path, "?"), path);
}

static void state_release(struct call_state *state)
{
	secret_release(&state->token);
	client_response_release(&state->result);
	free(state->url);
	free(state->user_id);
}

static enum status state_init(struct client *client, struct call_state *state, const struct client_call *call,
	struct err *err)
{
	*state = (struct call_state){ .call = call, .due_ms = clock_mono_ms(), .retry = call->retry };
	if (!state->retry) {
		state->retry = &state->own_retry;
		retry_start(state->retry, &client->config.retry, state->due_ms);
	}
	state->user_id = xstrdup_null(client->session.user_id);
	return resolve(client, state, err);
}

/* Gets a valid token, and fills the request of the next attempt. */
static enum status prepare(struct client *client, struct call_state *state, struct http_request *request,
	struct err *err)
{
	const struct client_call *call = state->call;
	static const char *const headers[] = { "Accept: application/json", NULL };
	enum status st = client_authenticate(client, state->refused ? &state->token : NULL, err);

	if (!st && state->user_id && strcmp(state->user_id, client->session.user_id) != 0)
		st = err_set(err, ST_TEMPFAIL, "the login of this profile has changed; try again");
	state->result.no_token = st != ST_OK;
	if (st) {
		/* the error is that of the token request; this one was not sent, or refused */
		err->outcome = ERR_NOT_SENT;
		err->pending = false;
		err->http = 0;
		return st;
	}
	state->refused = false;
	state->attempts++;
	secret_copy(&state->token, &client->session.access_token);
	*request = (struct http_request){
		.method = call->method,
		.url = state->url,
		.bearer = &state->token,
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

static enum status accept_response(struct call_state *state, struct http_response *response, struct err *err)
{
	struct client_response *result = &state->result;
	enum status st;
	char *label;

	result->http = response->status;
	result->attempts = state->attempts;
	result->date_ms = state->call->dated ? http_date_ms(response->date) : -1;
	result->text = response->body;
	buf_init(&response->body, 0);
	if (!result->text.len || !json_parse_lenient(&result->json, result->text.data, result->text.len, NULL, NULL))
		return ST_OK;
	label = request_label(state);
	st = service_error_shape(response, label, *response->content_encoding ? "compressed" : "not JSON", err);
	free(label);
	/* a page comes from a proxy; anything else may come from the service, which has then processed the request */
	if (!service_error_is_page(response))
		err->outcome = ERR_MAYBE_SENT;
	return st;
}

/* After an attempt: true if another one is due at state->due_ms. False: `*status` and `err` or the result are final. */
static bool wants_retry(struct call_state *state, enum status *status, struct http_response *response, struct err *err)
{
	int64_t now = clock_mono_ms(), delay;

	state->result.attempts = state->attempts;
	if (!*status && response->status >= 200 && response->status <= 299) {
		*status = accept_response(state, response, err);
		return false;
	}
	if (!*status && response->status == 401 && !state->renewed) {
		state->renewed = state->refused = true;
		state->due_ms = now;
		return true;
	}
	if (!*status) {
		char *label = request_label(state);

		*status = service_error(response, label, err);
		free(label);
	}
	delay = retry_delay(state->retry, err, is_idempotent(state->call), now);
	if (delay < 0)
		return false;
	log_verbose("%s; retrying in %.1f s", err->text, (double)delay / 1000);
	state->due_ms = now + delay;
	return true;
}

/* ---- calls that the caller waits for --------------------------------------------------------- */

static void on_call_progress(void *arg, int64_t sent, int64_t to_send, int64_t received, int64_t to_receive)
{
	const struct call_state *state = arg;

	state->call->progress(state->call->arg, sent, to_send, received, to_receive);
}

/* Waits for the next attempt while background calls go on. */
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

static enum status attempt(struct client *client, struct call_state *state, struct http_response *response,
	struct err *err)
{
	struct http_request request;
	enum status st = prepare(client, state, &request, err);

	if (st)
		return st;
	if (state->call->progress)
		request.progress = on_call_progress;
	request.arg = state;
	return http_perform(client->http, &request, response, err);
}

enum status client_call(struct client *client, const struct client_call *call, struct client_response *response,
	struct err *err)
{
	struct err why = ERR_INIT;
	struct call_state state;
	enum status st = state_init(client, &state, call, &why);

	while (!st) {
		struct http_response http = { 0 };
		int64_t attempts = state.attempts;
		bool again;

		st = attempt(client, &state, &http, &why);
		again = (!st || state.attempts > attempts) && wants_retry(&state, &st, &http, &why);
		http_response_release(&http);
		if (!again)
			break;
		st = wait_until(client, state.due_ms, &why);
	}
	if (response) {
		client_response_release(response);
		*response = state.result;
		state.result = (struct client_response){ 0 };
	}
	state_release(&state);
	if (st && err)
		*err = why;
	return st;
}

enum status client_request(struct client *client, const char *method, char *path, struct buf *body,
	struct client_response *response, struct err *err)
{
	struct client_call call = { .method = method, .path = path };
	enum status st;

	if (body) {
		call.json = body->data;
		call.json_len = body->len;
	}
	st = client_call(client, &call, response, err);
	free(path);
	if (body)
		buf_release(body);
	return st;
}

enum status client_delete(struct client *client, const char *path, struct err *err)
{
	struct client_call call = { .method = "DELETE", .path = path };
	struct err why = ERR_INIT;
	enum status st = client_call(client, &call, NULL, &why);

	if (!st || service_error_is_gone(&why))
		return ST_OK;
	if (err)
		*err = why;
	return st;
}

void client_response_release(struct client_response *response)
{
	json_release(&response->json);
	buf_release(&response->text);
	*response = (struct client_response){ 0 };
}

/* ---- calls in the background ----------------------------------------------------------------- */

static void task_free(struct client_task *task)
{
	state_release(&task->call);
	http_response_release(&task->response);
	free(task);
}

void client_free_calls(struct client *client)
{
	while (client->tasks) {
		struct client_task *task = client->tasks;

		client->tasks = task->next;
		task_free(task);
	}
	client->task_count = 0;
}

enum status client_start(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err)
{
	struct client_task *task = xcalloc(1, sizeof(*task));
	struct client_task **end = &client->tasks;
	enum status st = state_init(client, &task->call, call, err);

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
	struct client_task *task = arg;

	task->phase = COMPLETED;
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
	struct client_task *task = arg;

	on_call_progress(&task->call, sent, to_send, received, to_receive);
}

static void launch(struct client *client, struct client_task *task)
{
	struct http_request request;

	task->status = prepare(client, &task->call, &request, &task->err);
	if (!task->status) {
		if (task->call.call->progress)
			request.progress = on_task_progress;
		request.arg = task;
		task->phase = RUNNING;
		task->status = http_start(client->http, &request, on_http_done, &task->err);
	}
	if (task->status) {
		/* no retry: the request could not be made */
		task->err.retryable = false;
		task->phase = COMPLETED;
	}
}

/* Removes the task and tells its owner, who may start another one. */
static void deliver(struct client *client, struct client_task *task)
{
	struct client_task **at = &client->tasks;

	while (*at && *at != task)
		at = &(*at)->next;
	if (!*at)
		BUG("a task was delivered twice");
	*at = task->next;
	client->task_count--;
	task->done(task->arg, task->status, &task->call.result, &task->err);
	task_free(task);
}

/* The first task in `phase`; a waiting one must be due. */
static struct client_task *find(const struct client *client, int phase, int64_t now_ms)
{
	struct client_task *task = client->tasks;

	while (task && !((int)task->phase == phase && (phase != WAITING || task->call.due_ms <= now_ms)))
		task = task->next;
	return task;
}

static void settle_completed(struct client *client)
{
	struct client_task *task;

	while ((task = find(client, COMPLETED, 0))) {
		bool again = wants_retry(&task->call, &task->status, &task->response, &task->err);

		http_response_release(&task->response);
		if (again)
			task->phase = WAITING;
		else
			deliver(client, task);
	}
}

/* After a signal, tasks that wait for another attempt fail as not sent. */
static void end_waiting(struct client *client)
{
	struct client_task *task;

	while (interrupt_status() && (task = find(client, WAITING, INT64_MAX))) {
		task->status = err_set(&task->err, interrupt_status(), "interrupted");
		task->call.result.attempts = task->call.attempts;
		deliver(client, task);
	}
}

static int until_next_due(const struct client *client, int wait_ms)
{
	int64_t now = clock_mono_ms(), wait = wait_ms < 0 ? INT32_MAX : wait_ms;

	for (const struct client_task *task = client->tasks; task; task = task->next) {
		int64_t left = task->call.due_ms - now;

		if (task->phase == WAITING && left < wait)
			wait = left > 0 ? left : 0;
	}
	return wait == INT32_MAX ? -1 : (int)wait;
}

enum status client_step(struct client *client, int wait_ms, int extra_fd, struct err *err)
{
	size_t before = client->task_count;
	struct client_task *task;
	enum status st;

	while (!interrupt_status() && (task = find(client, WAITING, clock_mono_ms())))
		launch(client, task);
	settle_completed(client);
	if (client->task_count != before)
		wait_ms = 0; /* the caller has results, and may start more calls */
	st = http_step(client->http, until_next_due(client, wait_ms), extra_fd, err);
	settle_completed(client);
	end_waiting(client);
	return st;
}
