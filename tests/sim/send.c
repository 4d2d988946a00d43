/*
 * The send queue against the model: lost responses, lagging and altered histories, several processes.
 *
 * Checked for each request (one message to one conversation):
 *  - "sent" names a message that was accepted for this very request, and no two requests name the same one;
 *  - it is accepted more than once only if its result is "unknown";
 *  - "failed" or "not tried" means that it was never accepted, up to the end of time.
 */
#include "tests/sim/service.h"
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "send/queue.h"
#include "store/sent_ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 2
#define CONVERSATIONS_MAX 6

struct request {
	size_t conversation;
	const char *text;
	char files[64];
	int accepted;
	bool lost; /* a response was */
	bool done, near_foreign;
	enum send_outcome state;
	char id[24];
	int64_t hidden_ms; /* the longest that the history hid one of its messages */
};

struct call;

struct process {
	struct send_queue *queue;
	struct call *done, **done_last; /* responses to be delivered by the next step */
	int64_t wake_ms; /* the engine wants to be stepped then */
	size_t current[CONVERSATIONS_MAX]; /* the request that is being posted there */
};

static struct run {
	struct service service;
	struct process processes[PROCESSES_MAX];
	size_t process_count, conversations;
	struct request *requests; /* from 1 */
	size_t total, next, finished;
	int64_t foreign_ms[CONVERSATIONS_MAX]; /* when another installation sent there last */
	bool tainted[CONVERSATIONS_MAX]; /* a request was excused there: what follows may be wrong, too */
	int64_t settle_ms;
	bool altered;
} run;

static const char *const texts[] = { "disk full", "ok", "  ok \r\n", "line one\r\nline two", "a < b && c > d",
	"caf\x65\xcc\x81 is open", "done \xf0\x9f\x98\x80", "a longer text than eight characters", "" };

#define TEXTS (sizeof(texts) / sizeof(texts[0]))
#define FOREIGN_MS 3000

/* ---- the transport ----------------------------------------------------------------------------------------------- */

struct call {
	struct call *next;
	struct process *process;
	client_done *done;
	void *arg;
	bool dated;
	size_t conversation, max, request; /* request: 0 of a GET */
	char *token; /* of the page, or NULL */
	struct err err; /* status ST_OK: there is a body */
	struct buf body;
	int64_t date_ms;
};

static void respond(void *arg)
{
	struct call *call = arg;

	call->date_ms = service_date_ms(&run.service);
	*call->process->done_last = call;
	call->process->done_last = &call->next;
}

static void lose(struct call *call, bool pending)
{
	err_set(&call->err, ST_TEMPFAIL, "no response");
	call->err.outcome = ERR_MAYBE_SENT;
	call->err.pending = pending;
	run.requests[call->request].lost = true;
	if (run.requests[call->request].near_foreign)
		run.tainted[call->conversation] = true;
}

static void accept_request(struct call *call, bool answered)
{
	struct request *request = &run.requests[call->request];
	struct service_message *message =
		service_accept(&run.service, call->conversation, true, call->request, request->text, request->files);

	request->accepted++;
	if (message->visible_ms - message->accepted_ms > request->hidden_ms)
		request->hidden_ms = message->visible_ms - message->accepted_ms;
	sim_say("request %zu accepted as %s%s, shown %lld ms later", call->request, message->id,
		answered ? "" : " (response lost)", (long long)(message->visible_ms - message->accepted_ms));
	if (answered)
		service_posted(&run.service, call->conversation, message, &call->body);
}

static void accept_and_respond(void *arg)
{
	struct call *call = arg;

	accept_request(call, true);
	world_at(world_now() + world_between(0, run.service.kind.latency_ms), respond, call);
}

/* `arg` is a copy: the response to the call itself is lost. */
static void accept_silently(void *arg)
{
	accept_request(arg, false);
	free(arg);
}

/*
 * Another installation. Only text and time tell its message from ours, so the same text within a few seconds of
 * a lost response is excused.
 */
static void send_foreign(void *arg)
{
	size_t conversation = world_random(run.conversations);
	const char *text = texts[world_random(TEXTS - 1)];
	struct service_message *message;

	(void)arg;
	if (run.finished == run.total)
		return;
	message = service_accept(&run.service, conversation, true, 0, text, "");
	run.foreign_ms[conversation] = world_now();
	sim_say("another installation sends '%s' to %zu as %s", text, conversation, message->id);
	for (size_t i = 0; i < run.process_count; i++) {
		struct request *request = &run.requests[run.processes[i].current[conversation]];

		if (!request->done && request->lost)
			run.tainted[conversation] = true;
	}
	world_at(world_now() + world_between(100, 60000), send_foreign, NULL);
}

static void begin_post(struct call *call)
{
	const struct service_kind *kind = &run.service.kind;
	struct request *request = &run.requests[call->request];
	int64_t at = world_now() + world_between(0, kind->latency_ms);
	unsigned draw = (unsigned)world_random(1000);

	if (run.foreign_ms[call->conversation] && world_now() - run.foreign_ms[call->conversation] <= FOREIGN_MS)
		request->near_foreign = true;
	if (draw < kind->lost_before) {
		lose(call, false);
		world_at(at + world_between(0, 2000), respond, call);
	} else if (draw < kind->lost_before + kind->lost_after) {
		struct call *copy = xcalloc(1, sizeof(*copy));
		bool pending = world_chance(kind->pending);

		*copy = *call;
		lose(call, pending);
		world_at(pending ? at + world_between(0, 20000) : at, accept_silently, copy);
		world_at(at + world_between(0, 2000), respond, call);
	} else if (draw < kind->lost_before + kind->lost_after + kind->not_sent) {
		err_set(&call->err, ST_UNAVAILABLE, "no connection");
		call->err.retryable = true;
		world_at(at, respond, call);
	} else if (draw < kind->lost_before + kind->lost_after + kind->not_sent + kind->refused) {
		err_set(&call->err, ST_AUTH, "refused");
		call->err.outcome = ERR_REFUSED;
		call->err.http = 403;
		world_at(at, respond, call);
	} else {
		world_at(at, accept_and_respond, call);
	}
}

static void show_page(void *arg)
{
	struct call *call = arg;

	if (world_chance(run.service.kind.read_fails)) {
		err_set(&call->err, ST_UNAVAILABLE, "503");
		call->err.http = 503;
	} else {
		service_page(&run.service, call->conversation, call->max, call->token, &call->body);
		sim_say("history of %zu: %s", call->conversation, call->body.data);
	}
	world_at(world_now() + world_between(0, run.service.kind.latency_ms), respond, call);
}

static enum status start(struct client *client, const struct client_call *client_call, client_done *done, void *arg,
	struct err *err)
{
	struct process *process = (void *)client;
	struct call *call = xcalloc(1, sizeof(*call));
	const char *at;

	(void)err;
	call->process = process;
	call->done = done;
	call->arg = arg;
	call->dated = client_call->dated;
	call->err = (struct err)ERR_INIT;
	call->conversation = service_find(&run.service, client_call->path);
	buf_init(&call->body, BUF_NO_MAX);
	if (!strcmp(client_call->method, "POST")) {
		call->request = process->current[call->conversation];
		sim_say("process %td posts request %zu", process - run.processes, call->request);
		begin_post(call);
		return ST_OK;
	}
	if ((at = strstr(client_call->path, "max=")))
		call->max = strtoul(at + 4, NULL, 10);
	if ((at = strstr(client_call->path, "next=")))
		call->token = xstrdup(at + 5);
	world_at(world_now() + world_between(0, run.service.kind.latency_ms), show_page, call);
	return ST_OK;
}

static void deliver(struct call *call)
{
	struct client_response answer = { .http = 200, .attempts = 1, .date_ms = call->dated ? call->date_ms : -1 };
	struct err err = call->err;
	enum status st = err.status;

	answer.text = call->body;
	if (!st)
		st = json_parse(&answer.json, answer.text.data, answer.text.len,
			&(struct json_limits){ .bytes = (size_t)64 << 20, .depth = 64, .values = (size_t)1 << 22 },
			&err);
	call->done(call->arg, st, &answer, &err);
	client_response_release(&answer);
	free(call->token);
	free(call);
}

/* Never waits: it says when it wants to be called again. */
static enum status step(struct client *client, int wait_ms, int extra_fd, struct err *err)
{
	struct process *process = (void *)client;
	struct call *call;

	(void)extra_fd;
	(void)err;
	process->wake_ms = world_now() + (wait_ms > 0 ? wait_ms : 0);
	while ((call = process->done)) {
		process->done = call->next;
		if (!process->done)
			process->done_last = &process->done;
		deliver(call);
	}
	return ST_OK;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static enum status before_post(void *arg, struct draft *draft, const struct message *message, int64_t now_ms,
	struct err *err)
{
	struct process *process = arg;

	(void)message;
	(void)now_ms;
	(void)err;
	process->current[run.requests[draft->line].conversation] = (size_t)draft->line;
	return ST_OK;
}

static void on_result(void *arg, struct draft *draft, const struct send_result *result)
{
	struct request *request = &run.requests[draft->line];

	(void)arg;
	if (request->done)
		sim_fail("request %d has two results", (int)draft->line);
	request->done = true;
	request->state = result->outcome;
	run.finished++;
	if (result->outcome == OUTCOME_SENT && result->sent.id)
		snprintf(request->id, sizeof(request->id), "%s", result->sent.id);
	sim_say("request %d: %s %s%s", (int)draft->line,
		result->outcome == OUTCOME_SENT              ? "sent"
			: result->outcome == OUTCOME_FAILED  ? "failed"
			: result->outcome == OUTCOME_UNKNOWN ? "unknown"
							     : "not tried",
		request->id, result->outcome == OUTCOME_SENT ? "" : result->err.text);
}

static const struct service_message *find_message(size_t conversation, const char *id)
{
	const struct service_conversation *c = &run.service.conversations[conversation];

	for (size_t i = 0; i < c->count; i++) {
		if (!strcmp(c->messages[i]->id, id))
			return c->messages[i];
	}
	return NULL;
}

/* Accepted twice is excused only where the history hid the first one for longer than the settling time. */
static bool hidden_too_long(const struct request *request)
{
	return request->hidden_ms > run.settle_ms;
}

static void check_request(size_t number, char *claimed)
{
	const struct request *request = &run.requests[number];
	const struct service_message *message;

	if (!request->done) {
		sim_fail("request %zu has no result", number);
		return;
	}
	if (run.tainted[request->conversation])
		return;
	switch (request->state) {
	case OUTCOME_SENT:
		message = find_message(request->conversation, request->id);
		if (!message)
			sim_fail("request %zu: sent as '%s', which does not exist", number, request->id);
		else if (message->request != number)
			sim_fail("request %zu: sent as '%s', which is of request %llu", number, request->id,
				(unsigned long long)message->request);
		else if (claimed[message->number]++)
			sim_fail("request %zu: '%s' is named twice", number, request->id);
		if (request->accepted > 1 && !hidden_too_long(request))
			sim_fail("request %zu: sent, and accepted %d times", number, request->accepted);
		break;
	case OUTCOME_FAILED:
	case OUTCOME_BLOCKED:
		if (request->accepted && !hidden_too_long(request))
			sim_fail("request %zu: failed, and was accepted", number);
		break;
	case OUTCOME_UNKNOWN:
		if (!request->lost)
			sim_fail("request %zu: unknown, and no response was lost", number);
		break;
	}
}

static void count(const struct request *request)
{
	bool unknown = request->state == OUTCOME_UNKNOWN;

	if (!request->lost || run.tainted[request->conversation])
		return;
	if (run.process_count > 1) {
		sim_totals.contended.lost++;
		sim_totals.contended.unknown += unknown;
	} else if (run.altered) {
		sim_totals.altered.lost++;
		sim_totals.altered.unknown += unknown;
	} else if (run.service.kind.lag_ms > 10000) {
		sim_totals.lagging.lost++;
		sim_totals.lagging.unknown += unknown;
	} else {
		sim_totals.consistent.lost++;
		sim_totals.consistent.unknown += unknown;
	}
}

static void check(void)
{
	char *claimed = xcalloc(run.service.accepted + 1, 1);

	for (size_t i = 1; i <= run.total; i++) {
		check_request(i, claimed);
		count(&run.requests[i]);
	}
	free(claimed);
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

static void draw_clock(struct sim_clock *clock)
{
	*clock = (struct sim_clock){ 0 };
	switch (world_random(6)) {
	case 0: clock->offset_ms = world_between(-5000, 5000); break;
	case 1: clock->offset_ms = world_between(-7200000, 7200000); break;
	case 2: clock->drift_ppm = world_between(-500, 500); break;
	case 3:
		clock->jump_every_ms = 60000;
		clock->jump_ms = 3600000;
		break;
	default: break;
	}
}

static struct service_kind draw_kind(void)
{
	static const int64_t lags[] = { 0, 0, 500, 4000, 9000, 30000, 60000 };
	struct service_kind kind = { .lost_before = 30,
		.lost_after = 30,
		.not_sent = 10,
		.refused = 5,
		.read_fails = 2,
		.pending = 300,
		.latency_ms = world_between(1, 400) };

	kind.lag_ms = lags[world_random(7)];
	kind.stale = world_chance(300) ? 100 : 0;
	kind.stale_ms = kind.lag_ms < 10000 ? 10000 - kind.lag_ms : 10000;
	kind.ids_by_conversation = world_chance(500);
	kind.ids_shown_first = world_chance(500);
	kind.milliseconds = world_chance(300);
	kind.sender = (enum service_sender)(world_chance(300) ? world_random(SENDER_FORMS) : SENDER_ADDRESS);
	kind.text = (enum service_text)(world_chance(300) ? world_random(TEXT_FORMS) : TEXT_EXACT);
	kind.files = (enum service_files)(world_chance(300) ? world_random(FILES_FORMS) : FILES_EXACT);
	draw_clock(&kind.message_clock);
	if (world_chance(500))
		kind.date_clock = kind.message_clock;
	else
		draw_clock(&kind.date_clock);
	draw_clock(world_our_clock());
	return kind;
}

static struct draft *make_item(size_t number)
{
	struct request *request = &run.requests[number];
	struct json_doc doc = { 0 };
	struct draft *draft;
	struct buf line;

	request->conversation = world_random(run.conversations);
	request->text = texts[world_random(TEXTS)];
	if (!*request->text || world_chance(150))
		snprintf(request->files, sizeof(request->files), "x%zu,%s", number, world_chance(300) ? "shared," : "");
	buf_init(&line, BUF_NO_MAX);
	json_open(&line, '{');
	json_add_string(&line, "to", run.service.conversations[request->conversation].peer);
	json_open_key(&line, "parts", '[');
	json_open(&line, '{');
	json_add_string(&line, "type", "text");
	json_add_string(&line, "text", request->text);
	json_close(&line, '}');
	for (const char *at = request->files; *at; at = strchr(at, ',') + 1) {
		json_open(&line, '{');
		json_add_string(&line, "type", "file");
		json_add_string_len(&line, "x-id", at, (size_t)(strchr(at, ',') - at));
		json_add_string(&line, "name", "file.txt");
		json_close(&line, '}');
	}
	json_close(&line, ']');
	json_close(&line, '}');
	draft = draft_from_json(&doc, line.data, line.len, &(struct draft_defaults){ 0 });
	draft->line = (int64_t)number;
	if (draft->bad.status)
		sim_fail("the line is refused: %s: %s", draft->bad.text, line.data);
	json_release(&doc);
	buf_release(&line);
	return draft;
}

static void step_process(struct process *process)
{
	struct err err = ERR_INIT;

	while (run.next <= run.total && send_queue_has_room(process->queue) &&
		send_queue_pending(process->queue) < 40) {
		size_t number = run.next++;

		send_queue_add(process->queue, make_item(number));
	}
	process->wake_ms = INT64_MAX; /* with nothing to do */
	if (send_queue_step(process->queue, 1000, -1, &err))
		sim_fail("the queue fails: %s", err.text);
}

static void run_all(void)
{
	for (uint64_t steps = 0; run.finished < run.total; steps++) {
		int64_t wake = INT64_MAX;

		if (steps > 1000000) {
			sim_fail("it does not come to an end");
			return;
		}
		for (size_t i = 0; i < run.process_count; i++) {
			struct process *process = &run.processes[i];

			if (process->done || process->wake_ms <= world_now())
				step_process(process);
			if (process->done)
				wake = world_now();
			else if (process->wake_ms < wake)
				wake = process->wake_ms;
		}
		if (wake <= world_now() && world_next() > world_now())
			wake = world_now() + 1;
		world_advance(wake);
	}
	while (world_advance(world_now() + 100000) || world_next() != INT64_MAX)
		;
}

static void start_process(struct process *process, const char *sent_ids)
{
	struct send_queue_config config = { .transport = { start, step, (void *)process },
		.user_id = SERVICE_USER_ID,
		.sender = SERVICE_USER,
		.correlator = "c",
		.retry = { .retries = 3, .delay_ms = 0 },
		.settle_ms = run.settle_ms,
		.jobs = world_between(1, 8),
		.unordered = world_chance(500),
		.sent_ids = sent_ids,
		.result = on_result,
		.before_post = before_post,
		.arg = process };

	*process = (struct process){ .done_last = &process->done };
	process->queue = send_queue_new(&config);
}

bool sim_send(uint64_t seed)
{
	struct service_kind kind;
	char sent_ids[256];

	sim_begin();
	world_start(seed);
	kind = draw_kind();
	run.altered = kind.sender != SENDER_ADDRESS || kind.text != TEXT_EXACT || kind.files != FILES_EXACT;
	run.conversations = (size_t)world_between(1, CONVERSATIONS_MAX);
	run.process_count = world_chance(300) ? 2 : 1;
	run.total = (size_t)world_between(10, 400);
	memset(run.foreign_ms, 0, sizeof(run.foreign_ms));
	memset(run.tainted, 0, sizeof(run.tainted));
	run.settle_ms = kind.lag_ms > 10000 ? 75000 : 12000;
	run.requests = xcalloc(run.total + 1, sizeof(*run.requests));
	run.next = 1;
	run.finished = 0;
	service_start(&run.service, &kind, run.conversations);
	snprintf(sent_ids, sizeof(sent_ids), "%s/sent", sim_dir);
	for (size_t i = 0; i < run.process_count; i++)
		start_process(&run.processes[i], sent_ids);
	if (world_chance(150) && !kind.message_clock.jump_every_ms)
		send_foreign(NULL);
	run_all();
	check();
	for (size_t i = 0; i < run.process_count; i++)
		send_queue_free(run.processes[i].queue);
	sim_totals.messages += run.service.accepted;
	service_release(&run.service);
	free(run.requests);
	unlink(sent_ids);
	return sim_ok();
}
