/*
 * The listener against the model: histories that lag and shift, clocks that run apart, notifications that are lost,
 * repeated, delayed and reordered, crashes and restarts.
 *
 * Checked for each message that came after the first start:
 *  - it is taken at least once, and exactly once unless kandy crashed between taking and saving;
 *  - in the order of acceptance of its conversation, unless it is marked as late, which needs a newer one taken before;
 *  - within a stated time of being visible, while a listener runs.
 */
#include "tests/sim/service.h"
#include "tests/sim/sim.h"

#include "base/hash.h"
#include "base/mem.h"
#include "listen/machine.h"
#include "store/cursor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONVERSATIONS_MAX 5
#define TOTAL_MAX 3000

struct taken {
	int count;
	bool unsaved; /* the reader has it, the disk does not know yet */
	bool may_repeat; /* ... when the process crashed */
	bool delayed; /* on the socket: where it stands among messages of the same second cannot be told */
	bool exempt; /* accepted before the first listener was ready */
};

struct life {
	struct machine *machine;
	struct cursor *cursor;
	struct output_queue output;
	struct listen_options options;
	unsigned number; /* events of a former life are dropped */
	bool alive, connected, paused, once;
	struct held {
		char *text;
	} * held; /* while paused */
	size_t held_count, held_cap;
	int64_t tick_ms; /* the next tick that is scheduled; 0: none */
};

static struct run {
	struct service service;
	struct life life;
	unsigned life_number, socket_number;
	struct taken taken[TOTAL_MAX + 1]; /* by message number */
	const struct service_message *newest[CONVERSATIONS_MAX]; /* of the messages taken */
	size_t conversations, total, sent;
	bool started; /* a listener was ready once */
	unsigned dropped, repeated, delayed, unlinked; /* of 1,000 notifications */
	unsigned job_fails;
	uint64_t notifications;
	int64_t settle_ms;
	char path[256];
} run;

/* ---- what the machine asks for ------------------------------------------------------------------------------------- */

/* Something that happens to a life later. */
struct later {
	unsigned life, socket;
	struct job_result result;
	enum job_kind job;
	size_t conversation;
	char *next, *text;
};

static void drive(void);

static struct later *later_new(void)
{
	struct later *later = xcalloc(1, sizeof(*later));

	later->life = run.life.number;
	later->socket = run.socket_number;
	return later;
}

static bool is_current(const struct later *later)
{
	return run.life.alive && later->life == run.life.number;
}

static void later_free(struct later *later)
{
	job_result_release(&later->result);
	free(later->next);
	free(later->text);
	free(later);
}

static int64_t soon(void)
{
	return world_now() + world_between(0, run.service.kind.latency_ms);
}

static void finish_job(void *arg)
{
	struct later *later = arg;

	if (is_current(later)) {
		machine_job_done(run.life.machine, world_now(), &later->result);
		drive();
	}
	later_free(later);
}

static void fail_job(struct job_result *result)
{
	result->status = err_set(&result->err, ST_UNAVAILABLE, "503");
	result->err.http = 503;
	result->err.retryable = true;
}

/* The service answers now; the response arrives a little later. */
static void answer_job(void *arg)
{
	struct later *later = arg;
	struct job_result *result = &later->result;
	char *next = NULL;

	*result = job_result_init(later->job);
	if (world_chance(run.job_fails)) {
		fail_job(result);
	} else if (later->job == JOB_CONVERSATIONS || later->job == JOB_PAGE) {
		buf_init(&result->page.text, BUF_NO_MAX);
		if (later->job == JOB_PAGE)
			service_page(&run.service, later->conversation, 50, later->next, &result->page.text);
		else
			service_sessions(&run.service, &result->page.text);
		sim_say("%s: %s", later->job == JOB_PAGE ? "page" : "conversations", result->page.text.data);
		if (json_parse(&result->page.json, result->page.text.data, result->page.text.len, NULL, &result->err))
			sim_fail("the model's JSON is wrong: %s", result->err.text);
		if (later->job == JOB_PAGE) {
			history_decode_page(json_root(&result->page.json), CHAT_ONE_TO_ONE, &result->messages,
				&result->more);
		} else {
			history_decode_sessions(json_root(&result->page.json), CHAT_ONE_TO_ONE, &result->sessions,
				&next);
			free(next);
		}
	} else {
		result->path = xstrdup("/socket");
		result->self = xstrdup(SERVICE_USER);
		result->renew_in_ms = 1800000;
		result->token_ends_in_ms = 3600000;
		result->extend_in_ms = 1800000;
		result->channel_ends_in_ms = 3600000;
		secret_set(&result->token, "token", 5);
	}
	world_at(soon(), finish_job, later);
}

static void open_socket(void *arg)
{
	struct later *later = arg;

	if (is_current(later) && later->socket == run.socket_number) {
		run.life.connected = true;
		run.life.paused = false;
		sim_say("connected");
		machine_opened(run.life.machine, world_now());
		drive();
	}
	later_free(later);
}

static void close_socket(const char *why, bool was_open)
{
	struct ws_closed closed = { .was_open = was_open, .err = ERR_INIT };

	sim_say("disconnected: %s", why);
	run.life.connected = false;
	run.socket_number++;
	err_set(&closed.err, ST_UNAVAILABLE, "%s", why);
	closed.err.retryable = true;
	machine_closed(run.life.machine, world_now(), &closed);
	drive();
}

static void fail_to_connect(void *arg)
{
	struct later *later = arg;

	if (is_current(later) && later->socket == run.socket_number)
		close_socket("refused", false);
	later_free(later);
}

static void close_by_us(void *arg)
{
	struct later *later = arg;

	if (is_current(later) && later->socket == run.socket_number)
		close_socket("closed", true);
	later_free(later);
}

static void deliver(const char *text)
{
	struct life *life = &run.life;

	if (life->paused) {
		life->held = xgrow(life->held, life->held_count, &life->held_cap, sizeof(*life->held));
		life->held[life->held_count++].text = xstrdup(text);
		return;
	}
	machine_message(life->machine, world_now(), text, strlen(text));
	drive();
}

static void deliver_later(void *arg)
{
	struct later *later = arg;

	if (is_current(later) && run.life.connected && later->socket == run.socket_number)
		deliver(later->text);
	later_free(later);
}

static void drop_held(void)
{
	for (size_t i = 0; i < run.life.held_count; i++)
		free(run.life.held[i].text);
	run.life.held_count = 0;
}

static void resume(void *arg)
{
	struct later *later = arg;
	struct life *life = &run.life;

	if (is_current(later) && life->connected && later->socket == run.socket_number) {
		life->paused = false;
		for (size_t i = 0; i < life->held_count && !life->paused && life->connected; i++) {
			char *text = life->held[i].text;

			life->held[i].text = NULL;
			if (text)
				deliver(text);
			free(text);
		}
		if (!life->paused)
			drop_held();
	}
	later_free(later);
}

static void end_life(bool crash);

static void obey(const struct machine_action *action)
{
	struct later *later = later_new();

	switch (action->kind) {
	case MACHINE_ACT_JOB:
		later->job = action->request.job;
		if (later->job == JOB_PAGE) {
			later->conversation = service_find(&run.service, action->request.session->conversation);
			later->next = xstrdup_null(action->request.next);
		}
		world_at(soon(), answer_job, later);
		return;
	case MACHINE_ACT_CONNECT:
		later->socket = ++run.socket_number;
		world_at(soon(), world_chance(50) ? fail_to_connect : open_socket, later);
		return;
	case MACHINE_ACT_SEND:
		later->text = xstrdup("{\"connAck\":{}}");
		world_at(soon(), deliver_later, later);
		return;
	case MACHINE_ACT_PAUSE: run.life.paused = true; break;
	case MACHINE_ACT_RESUME: world_at(world_now(), resume, later); return;
	case MACHINE_ACT_CLOSE: world_at(soon(), close_by_us, later); return;
	case MACHINE_ACT_DROP:
		run.life.connected = false;
		run.socket_number++;
		break;
	case MACHINE_ACT_READY:
		sim_say("ready");
		for (uint64_t i = 1; !run.started && i <= run.service.accepted; i++)
			run.taken[i].exempt = true;
		run.started = true;
		break;
	case MACHINE_ACT_EXIT:
		sim_say("exit %d %s", action->status, action->err.text);
		later_free(later);
		end_life(false);
		return;
	case MACHINE_ACT_HEARTBEAT: break;
	}
	later_free(later);
}

static void tick(void *arg)
{
	struct later *later = arg;

	if (is_current(later))
		run.life.tick_ms = 0;
	if (is_current(later) && machine_deadline(run.life.machine) <= world_now())
		machine_tick(run.life.machine, world_now());
	if (is_current(later))
		drive();
	later_free(later);
}

/* Does what the machine asks for, and wakes it when it wants to be. */
static void drive(void)
{
	struct machine_action action;
	unsigned number = run.life.number;
	int64_t deadline;

	while (run.life.alive && run.life.number == number && machine_next(run.life.machine, &action))
		obey(&action);
	if (!run.life.alive || run.life.number != number)
		return;
	deadline = machine_deadline(run.life.machine);
	if (deadline != LISTEN_NEVER && (!run.life.tick_ms || deadline < run.life.tick_ms)) {
		run.life.tick_ms = deadline > world_now() ? deadline : world_now() + 1;
		world_at(run.life.tick_ms, tick, later_new());
	}
}

/* ---- the reader ---------------------------------------------------------------------------------------------------- */

/* The string behind "KEY":" in a line. */
static void field(const char *line, const char *key, char *out, size_t size)
{
	const char *at = strstr(line, key);

	*out = '\0';
	if (at)
		snprintf(out, size, "%.*s", (int)strcspn(at + strlen(key), "\""), at + strlen(key));
}

static void take_line(const char *line)
{
	char id[64], address[64];
	size_t conversation;
	const struct service_message *message = NULL, *newest;
	bool late = strstr(line, "\"late\":true") != NULL;
	struct taken *taken;

	if (!strstr(line, "\"event\":\"message\""))
		return;
	field(line, "\"messageId\":\"", id, sizeof(id));
	field(line, "\"address\":\"", address, sizeof(address));
	conversation = service_find(&run.service, address);
	for (size_t i = 0; conversation != SIZE_MAX && i < run.service.conversations[conversation].count && !message;
		i++) {
		if (!strcmp(run.service.conversations[conversation].messages[i]->id, id))
			message = run.service.conversations[conversation].messages[i];
	}
	if (!message) {
		sim_fail("a line about an unknown message: %s", line);
		return;
	}
	taken = &run.taken[message->number];
	sim_say("taken %zu/%s (%llu)%s", conversation, id, (unsigned long long)message->number, late ? " late" : "");
	if (taken->count++ && !taken->may_repeat)
		sim_fail("message %llu is taken twice", (unsigned long long)message->number);
	taken->unsaved = true;
	newest = run.newest[conversation];
	/* where the history lags, the newest one may not be shown yet, and what is shown may be older */
	if (late && taken->count == 1 && !run.service.kind.lag_ms && !run.service.kind.stale &&
		(!newest || message->number > newest->number))
		sim_fail("message %llu is marked as late, and nothing newer was taken",
			(unsigned long long)message->number);
	if (!newest || message->number > newest->number)
		run.newest[conversation] = message;
	else if (!late && taken->count == 1 && !taken->delayed)
		sim_fail("message %llu is taken after %llu, and not marked as late",
			(unsigned long long)message->number, (unsigned long long)newest->number);
	sim_totals.late += late;
}

/* After a crash the disk is where it was: what the reader has beyond that comes again. */
static void forget_unsaved(void)
{
	for (size_t c = 0; c < run.conversations; c++) {
		struct service_conversation *conversation = &run.service.conversations[c];

		run.newest[c] = NULL;
		for (size_t i = 0; i < conversation->count; i++) {
			const struct taken *taken = &run.taken[conversation->messages[i]->number];

			if (taken->count && !taken->unsaved)
				run.newest[c] = conversation->messages[i];
		}
	}
}

static void mark_saved(bool crashed)
{
	if (crashed)
		forget_unsaved();
	for (uint64_t i = 1; i <= run.service.accepted; i++) {
		run.taken[i].may_repeat |= crashed && run.taken[i].unsaved;
		run.taken[i].unsaved = false;
	}
}

static void read_some(size_t most, bool save)
{
	struct life *life = &run.life;
	struct err err = ERR_INIT;
	size_t len, done = 0;
	const char *bytes = output_queue_peek(&life->output, &len);
	bool any = false;

	while (done < len && done < most) {
		const char *end = memchr(bytes + done, '\n', len - done);
		char *line;

		if (!end)
			break;
		line = xmemdup0(bytes + done, (size_t)(end - bytes) - done);
		take_line(line);
		free(line);
		done = (size_t)(end + 1 - bytes);
		any = true;
	}
	if (any)
		output_queue_consumed(&life->output, life->cursor, done);
	if (save) {
		if (cursor_save(life->cursor, false, &err))
			sim_fail("the cursor cannot be saved: %s", err.text);
		mark_saved(false);
	}
	if (any)
		machine_output_drained(life->machine, world_now());
}

static void read_later(void *arg)
{
	struct later *later = arg;

	if (is_current(later)) {
		read_some((size_t)world_between(1, 20000), world_chance(800));
		drive();
	}
	if (is_current(later))
		world_at(world_now() + world_between(1, 300), read_later, later);
	else
		later_free(later);
}

/* ---- lives ---------------------------------------------------------------------------------------------------------- */

static int64_t wall_ms(void)
{
	return world_read(world_our_clock());
}

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sim_say("says: %s", text);
}

static void start_life(bool once)
{
	struct life *life = &run.life;
	struct err err = ERR_INIT;
	struct listen_io io;
	char *quarantined = NULL;
	bool found = false;

	*life = (struct life){ .alive = true, .once = once, .number = ++run.life_number };
	life->cursor = cursor_new(run.path);
	if (cursor_load(life->cursor, &found, &quarantined, &err) || quarantined)
		sim_fail("the cursor cannot be loaded: %s", err.text);
	free(quarantined);
	output_queue_init(&life->output);
	life->options = (struct listen_options){ .keepalive_ms = 30000,
		.max_offline_ms = INT64_C(86400000),
		.once = once,
		.settle_ms = run.settle_ms,
		.outbound = true,
		.temp_dir = sim_dir };
	io = (struct listen_io){
		.cursor = life->cursor, .output = &life->output, .warn = say, .error = say, .wall_ms = wall_ms
	};
	sim_say("life %u starts%s%s", life->number, once ? ", once" : "", found ? "" : ", with nothing known");
	life->machine = machine_new(&life->options, &io, !found);
	machine_start(life->machine, world_now());
	world_at(world_now(), read_later, later_new());
	drive();
}

static void end_life(bool crash)
{
	struct life *life = &run.life;
	struct err err = ERR_INIT;

	if (!life->alive)
		return;
	sim_say("life %u %s", life->number, crash ? "crashes" : "ends");
	life->alive = false;
	if (crash) {
		mark_saved(true);
	} else {
		if (cursor_save(life->cursor, true, &err))
			sim_fail("the cursor cannot be saved: %s", err.text);
		mark_saved(false);
	}
	machine_free(life->machine);
	output_queue_release(&life->output);
	cursor_free(life->cursor);
	drop_held();
	free(life->held);
	life->held = NULL;
	life->held_cap = 0;
	run.socket_number++;
}

static bool is_over(void)
{
	return run.sent >= run.total;
}

static void end_or_stop(void *arg)
{
	struct later *later = arg;

	if (is_current(later)) {
		if (world_chance(300)) {
			end_life(true);
		} else {
			machine_stop(run.life.machine, world_now(), ST_SIGTERM);
			drive();
		}
	}
	later_free(later);
}

static void next_life(void *arg)
{
	(void)arg;
	if (run.life.alive) {
		world_at(world_now() + 1000, next_life, NULL);
		return;
	}
	if (is_over())
		return;
	start_life(world_chance(400));
	world_at(world_now() + world_between(1000, 200000), end_or_stop, later_new());
	world_at(world_now() + world_between(1000, 260000), next_life, NULL);
}

static void break_connection(void *arg)
{
	(void)arg;
	if (run.life.alive && run.life.connected)
		close_socket("connection reset", true);
	if (!is_over())
		world_at(world_now() + world_between(100, 120000), break_connection, NULL);
}

/* ---- traffic -------------------------------------------------------------------------------------------------------- */

static void notify(size_t conversation, const struct service_message *message)
{
	int copies = world_chance(run.dropped) ? 0 : world_chance(run.repeated) ? 2 : 1;
	uint64_t id = ++run.notifications;

	if (!run.life.alive || !run.life.connected)
		return;
	for (int i = 0; i < copies; i++) {
		struct later *later = later_new();
		struct buf text;
		int64_t delay = 0;

		buf_init(&text, BUF_NO_MAX);
		service_notification(&run.service, conversation, message, id, !world_chance(run.unlinked), &text);
		later->text = xstrdup(text.data);
		buf_release(&text);
		if (world_chance(run.delayed))
			delay = world_between(0, 30000);
		world_at(world_now() + 10 + delay, deliver_later, later);
		run.taken[message->number].delayed |= delay > 0;
	}
}

static void send_one(void *arg)
{
	size_t conversation = world_random(run.conversations);
	struct service_message *message;

	(void)arg;
	if (is_over())
		return;
	message = service_accept(&run.service, conversation, world_chance(200), 0, "text", "");
	run.sent++;
	sim_say("accepted %zu/%s (%llu), shown %lld ms later", conversation, message->id,
		(unsigned long long)message->number, (long long)(message->visible_ms - message->accepted_ms));
	notify(conversation, message);
	if (run.sent < run.total)
		world_at(world_now() + (world_chance(30) ? world_between(0, 120000) : world_between(0, 200)), send_one,
			NULL);
}

/* ---- a run ---------------------------------------------------------------------------------------------------------- */

static void draw_clock(struct sim_clock *clock)
{
	*clock = (struct sim_clock){ 0 };
	switch (world_random(5)) {
	case 0: clock->offset_ms = world_between(-7200000, 7200000); break;
	case 1: clock->drift_ppm = world_between(-500, 500); break;
	case 2:
		clock->jump_every_ms = 120000;
		clock->jump_ms = 3600000;
		break;
	default: break;
	}
}

static struct service_kind draw_kind(void)
{
	static const int64_t lags[] = { 0, 0, 500, 4000, 10000, 60000 };
	struct service_kind kind = { .latency_ms = world_between(1, 400) };

	kind.lag_ms = lags[world_random(6)];
	kind.stale = world_chance(300) ? 100 : 0;
	kind.stale_ms = 10000;
	kind.ids_by_conversation = world_chance(500);
	kind.ids_shown_first = world_chance(500);
	kind.milliseconds = world_chance(300);
	kind.sender = (enum service_sender)(world_chance(200) ? world_random(SENDER_FORMS) : SENDER_ADDRESS);
	draw_clock(&kind.message_clock);
	draw_clock(world_our_clock());
	return kind;
}

static void run_until(int64_t when)
{
	while (world_advance(when))
		;
}

static void check(void)
{
	for (uint64_t i = 1; i <= run.service.accepted; i++) {
		if (!run.taken[i].count && !run.taken[i].exempt)
			sim_fail("message %llu is never taken", (unsigned long long)i);
	}
}

bool sim_listen(uint64_t seed)
{
	struct service_kind kind;
	size_t before;

	sim_begin();
	hash_local("", 0); /* draws its key once in a process: before the run, so that a replay is the same */
	world_start(seed);
	kind = draw_kind();
	memset(&run, 0, sizeof(run));
	run.settle_ms = kind.lag_ms + (kind.stale ? kind.stale_ms : 0) > 12000 ? 75000 : 15000;
	run.conversations = (size_t)world_between(1, CONVERSATIONS_MAX);
	run.total = (size_t)world_between(50, world_chance(100) ? TOTAL_MAX : 500);
	run.dropped = world_chance(500) ? 30 : 0;
	run.repeated = world_chance(300) ? 50 : 0;
	run.delayed = world_chance(300) ? 50 : 0;
	run.unlinked = world_chance(200) ? 20 : 0;
	run.job_fails = world_chance(300) ? 30 : 0;
	snprintf(run.path, sizeof(run.path), "%s/cursor", sim_dir);
	service_start(&run.service, &kind, run.conversations);
	before = world_chance(500) ? world_random(120) : 0;
	for (; run.sent < before && run.sent < run.total; run.sent++)
		service_accept(&run.service, world_random(run.conversations), false, 0, "text", "");
	run_until(world_now() + kind.lag_ms + kind.stale_ms);
	next_life(NULL);
	world_at(world_now() + 60000, break_connection, NULL);
	world_at(world_now() + world_between(1000, 20000), send_one, NULL);
	while (!is_over() || run.life.alive)
		run_until(world_now() + 60000);
	/* what is missing comes in the end, without other traffic */
	run_until(world_now() + kind.lag_ms + kind.stale_ms);
	run.job_fails = 0;
	run.service.kind.stale = 0;
	start_life(false);
	run_until(world_now() + 700000);
	end_life(false);
	check();
	while (world_advance(INT64_MAX - 1))
		;
	sim_totals.messages += run.service.accepted;
	service_release(&run.service);
	unlink(run.path);
	return sim_ok();
}
