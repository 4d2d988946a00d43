/*
 * The listener without a socket: this file plays the driver, the server and the clock.
 */
#include "tests/lib/tap.h"

#include "client/client.h"
#include "listen/machine.h"
#include "base/backoff.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define ALICE "alice@x"

static struct rig {
	struct listen_options options;
	struct listen_io io;
	bool baseline;
	struct machine *m;
	bool connected;
	struct machine_action fetched[32]; /* by is_connected() */
	size_t fetched_head, fetched_count;
	struct cursor *cursor;
	struct output_queue output;
	struct exec_queue exec_queue;
	int64_t now;
	struct machine_action last; /* of expect() */
	char warned[1200], error[1200];
} rig;

static int64_t wall_ms(void)
{
	return INT64_C(1700000000000) + rig.now;
}

static void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void error(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(rig.warned, sizeof(rig.warned), format, args);
	va_end(args);
}

static void error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(rig.error, sizeof(rig.error), format, args);
	va_end(args);
}

static void set_up(void)
{
	rig = (struct rig){ .now = 1000 };
	rig.cursor = cursor_new("/proc/nonexistent/cursor");
	output_queue_init(&rig.output);
	exec_queue_init(&rig.exec_queue);
	rig.options = (struct listen_options){ .keepalive_ms = 30000, .temp_dir = "/tmp" };
	rig.io = (struct listen_io){
		.cursor = rig.cursor, .output = &rig.output, .warn = warn, .error = error, .wall_ms = wall_ms
	};
}

static void tear_down(void)
{
	machine_free(rig.m);
	output_queue_release(&rig.output);
	exec_queue_release(&rig.exec_queue);
	cursor_free(rig.cursor);
}

static void start(void)
{
	rig.fetched_count = 0;
	rig.m = machine_new(&rig.options, &rig.io, rig.baseline);
	machine_start(rig.m, rig.now);
}

static void fetch_actions(void)
{
	struct machine_action action;

	while (rig.fetched_count < 32 && machine_next(rig.m, &action)) {
		if (action.kind == MACHINE_ACT_DROP || action.kind == MACHINE_ACT_CLOSE ||
			action.kind == MACHINE_ACT_EXIT)
			rig.connected = false;
		rig.fetched[(rig.fetched_head + rig.fetched_count++) % 32] = action;
	}
}

static bool next_action(void)
{
	fetch_actions();
	if (!rig.fetched_count)
		return false;
	rig.last = rig.fetched[rig.fetched_head];
	rig.fetched_head = (rig.fetched_head + 1) % 32;
	rig.fetched_count--;
	return true;
}

static bool is_connected(void)
{
	fetch_actions();
	return rig.connected;
}

static void opened(void)
{
	rig.connected = true;
	machine_opened(rig.m, rig.now);
}

/* The next action is of this kind. */
static bool next_is(enum machine_action_kind kind)
{
	return next_action() && rig.last.kind == kind;
}

static bool next_job_is(enum job_kind job)
{
	return next_is(MACHINE_ACT_JOB) && rig.last.request.job == job;
}

/* One of the next actions is that job; actions up to it are dropped. */
static bool wants_job(enum job_kind job)
{
	while (next_action()) {
		if (rig.last.kind == MACHINE_ACT_JOB && rig.last.request.job == job)
			return true;
	}
	return false;
}

static bool quiet(void)
{
	return !next_action();
}

static void done(struct job_result *r)
{
	machine_job_done(rig.m, rig.now, r);
	job_result_release(r);
}

/* Token and channel live for an hour. */
static struct job_result prepared(enum job_kind job, const char *path)
{
	struct job_result r = job_result_init(job);

	r.path = xstrdup(path);
	r.self = xstrdup(ALICE);
	r.renew_in_ms = 1800000;
	r.token_ends_in_ms = 3600000;
	r.extend_in_ms = 1700000;
	r.channel_ends_in_ms = 3600000;
	secret_set(&r.token, "token-value", 11);
	return r;
}

static void done_prepare(const char *path)
{
	struct job_result r = prepared(JOB_SETUP, path);

	done(&r);
}

static void fail(enum job_kind job, enum status status, int http)
{
	struct job_result r = job_result_init(job);

	r.status = err_set(&r.err, status, "it failed");
	r.err.http = http;
	done(&r);
}

static void fail_until(enum job_kind job, int http, int64_t retry_after_ms)
{
	struct job_result r = job_result_init(job);

	r.status = err_set(&r.err, ST_UNAVAILABLE, "busy");
	r.err.http = http;
	r.err.retryable = true;
	r.err.retry_after_ms = retry_after_ms;
	done(&r);
}

static void fail_retryable(enum job_kind job, int http)
{
	fail_until(job, http, -1);
}

static void add_session(struct job_result *r, enum chat_type type, const char *name, const char *own, int64_t last_s)
{
	struct history_sessions *sessions = &r->sessions;

	sessions->items = xgrow(sessions->items, sessions->count, &sessions->cap, sizeof(*sessions->items));
	sessions->items[sessions->count++] = (struct history_session){ .type = type,
		.conversation = xstrdup(name),
		.own = xstrdup_null(own),
		.last_ms = last_s < 0 ? -1 : last_s * 1000 };
}

static void done_sessions(const char *name, int64_t last_s)
{
	struct job_result r = { .job = JOB_CONVERSATIONS };

	if (name)
		add_session(&r, CHAT_ONE_TO_ONE, name, NULL, last_s);
	done(&r);
}

/* A page that is this JSON. */
static void done_raw_page(const char *json, const char *more)
{
	struct job_result r = { .job = JOB_PAGE, .more = xstrdup_null(more) };

	buf_init(&r.page.text, 8 << 20);
	buf_adds(&r.page.text, json);
	if (json_parse(&r.page.json, r.page.text.data, r.page.text.len,
		    &(struct json_limits){ .bytes = 8 << 20, .depth = 64, .values = 1 << 20 }, NULL))
		tap_ok(false, "the page is JSON");
	r.messages = json_root(&r.page.json);
	done(&r);
}

/* Messages `from` down to `to` (newest first) of one conversation: all of `second`, or, if that is 0, one a second. */
static void done_second(int second, int from, int to, const char *more)
{
	struct buf json;

	buf_init(&json, 1 << 20);
	buf_adds(&json, "[");
	for (int i = from; i >= to; i--)
		buf_addf(&json,
			"%s{\"text\":\"text %d\",\"senderAddress\":\"bob@x\",\"dateTime\":%d,"
			"\"resourceURL\":\"/cpaas/chat/v1/u/oneToOne/bob@x/adhoc/messages/m%d\"}",
			i == from ? "" : ",", i, second ? second : 1600000000 + i, i);
	buf_adds(&json, "]");
	done_raw_page(json.data, more);
	buf_release(&json);
}

static void done_page(int from, int to, const char *more)
{
	done_second(0, from, to, more);
}

/* A live message of the conversation with bob. */
static void say(int id, int number, int second, bool inbound)
{
	char text[600];
	int len = snprintf(text, sizeof(text),
		"{\"chatMessageNotification\":{\"id\":\"n%d\",\"dateTime\":%d,\"chatMessage\":{\"text\":\"text %d\","
		"\"senderAddress\":\"%s\",\"x-destinationAddress\":\"%s\",\"x-type\":\"%s\",\"dateTime\":%d},"
		"\"link\":[{\"rel\":\"chatMessage\",\"href\":\"/cpaas/chat/v1/u/oneToOne/bob@x/adhoc/messages/m%d\"}]}}",
		id, second, number, inbound ? "bob@x" : ALICE, inbound ? ALICE : "bob@x",
		inbound ? "inbound" : "outbound", second, number);

	machine_message(rig.m, rig.now, text, (size_t)len);
}

static void message(int id, int number)
{
	say(id, number, 1600000000 + number, true);
}

/* A message that the user has sent from elsewhere. */
static void outbound(int id, int number)
{
	say(id, number, 1600000000 + number, false);
}

static void raw(const char *text)
{
	machine_message(rig.m, rig.now, text, strlen(text));
}

/* Goes to the next deadline. */
static void tick(void)
{
	int64_t at = machine_deadline(rig.m);

	if (at == LISTEN_NEVER) {
		tap_ok(false, "there is a deadline");
		return;
	}
	if (at > rig.now)
		rig.now = at;
	machine_tick(rig.m, rig.now);
}

static void closed(bool was_open, int http, enum status status)
{
	struct ws_closed why = { .was_open = was_open, .err = ERR_INIT };

	err_set(&why.err, status, "the connection was lost");
	why.err.http = http;
	rig.connected = false;
	machine_closed(rig.m, rig.now, &why);
}

/* The numbers of the messages in the output queue, in order: "1 2 3"; the reader consumes all. */
static const char *numbers(void)
{
	static char list[200000];
	size_t len, used = 0;
	const char *p = output_queue_peek(&rig.output, &len);
	const char *at = p;

	list[0] = '\0';
	while ((at = memmem(at, len - (size_t)(at - p), "\"text\":\"text ", 13))) {
		at += 13;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", used ? " " : "", atoi(at));
	}
	output_queue_consumed(&rig.output, rig.cursor, len);
	return list;
}

static bool has_text(const char *text)
{
	size_t len;
	const char *p = output_queue_peek(&rig.output, &len);

	return memmem(p, len, text, strlen(text)) != NULL;
}

/* The connect succeeds. */
static void open_now(void)
{
	next_is(MACHINE_ACT_CONNECT);
	opened();
	next_is(MACHINE_ACT_HEARTBEAT);
}

/* Connected, and listing the conversations. */
static void ask_history(void)
{
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	open_now();
	next_job_is(JOB_CONVERSATIONS);
}

static void go_live(void)
{
	ask_history();
	done_sessions(NULL, 0);
	next_is(MACHINE_ACT_READY);
}

static void again_live(void)
{
	tick();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	open_now();
}

/* ---- start ----------------------------------------------------------------------------------------------------- */

static void test_start(void)
{
	set_up();
	start();
	tap_ok(next_job_is(JOB_SETUP) && !rig.last.request.recreate && !rig.last.request.token_refused &&
			!rig.last.request.existing,
		"setup comes first");
	tap_ok(quiet(), "setup is the only action at the start");
	done_prepare("/ws");
	tap_ok(next_is(MACHINE_ACT_CONNECT), "connects after the setup");
	tap_str(rig.last.path, "/ws", "connects to the path of the setup");
	tap_str(rig.last.token->s, "token-value", "connects with the token of the setup");
	opened();
	tap_ok(next_is(MACHINE_ACT_HEARTBEAT) && next_job_is(JOB_CONVERSATIONS), "open: lists the conversations");
	message(1, 1);
	tap_str(numbers(), "", "live messages are buffered during the backfill");
	done_sessions(NULL, 0);
	tap_ok(next_is(MACHINE_ACT_READY), "ready when the backfill is complete");
	tap_str(numbers(), "1", "buffered messages follow the backfill");
	message(2, 2);
	tap_str(numbers(), "2", "a live message is printed");
	tap_ok(is_connected() && quiet(), "no other action");
	tear_down();
}

static void test_baseline(void)
{
	set_up();
	rig.baseline = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	tap_ok(next_job_is(JOB_CONVERSATIONS) && quiet(), "on the first run, the history is asked before the connect");
	done_sessions("bob@x", 1600000005);
	tap_ok(next_job_is(JOB_PAGE) && quiet(), "the baseline reads a page of a conversation of the last seconds");
	done_page(5, 1, "more");
	tap_ok(next_is(MACHINE_ACT_CONNECT) && quiet(), "connects when the baseline is complete");
	tap_str(numbers(), "", "existing messages are not printed");
	opened();
	tap_ok(next_is(MACHINE_ACT_HEARTBEAT) && next_job_is(JOB_CONVERSATIONS),
		"the history is asked again after the first connect");
	done_sessions("bob@x", 1600000005);
	next_job_is(JOB_PAGE);
	done_page(5, 1, NULL);
	tap_ok(next_is(MACHINE_ACT_READY) && quiet(), "ready when nothing new is found");
	tap_str(numbers(), "", "messages of the baseline are not printed");
	message(1, 6);
	tap_str(numbers(), "6", "a live message is printed after the baseline");
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "after a lost connection, the history is asked");
	done_sessions("bob@x", 1600000008);
	tap_ok(next_job_is(JOB_PAGE), "a page of a conversation with new messages is read");
	done_page(8, 1, NULL);
	tap_str(numbers(), "7 8", "exactly the missed messages are backfilled");
	tear_down();
}

/* Messages of the second in which the listener starts. */
static void test_baseline_second(void)
{
	set_up();
	rig.baseline = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000000);
	next_job_is(JOB_PAGE);
	done_second(1600000000, 4, 3, "n-3");
	tap_ok(next_job_is(JOB_PAGE), "the next page is read if it may have messages of the same second");
	tap_str(rig.last.request.next, "n-3", "the next page is read with its token");
	done_second(1600000000, 2, 1, NULL);
	open_now();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "connected");
	done_sessions("bob@x", 1600000000);
	next_job_is(JOB_PAGE);
	done_second(1600000000, 5, 1, NULL);
	tap_str(numbers(), "5", "a message that came in that second during the connect is new");
	next_is(MACHINE_ACT_READY);
	closed(true, 0, ST_UNAVAILABLE); /* before the socket has delivered the next messages */
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000000);
	tap_ok(next_job_is(JOB_PAGE), "the same second is read once more");
	done_second(1600000000, 7, 1, NULL);
	tap_str(numbers(), "6 7", "messages of that second that the socket has lost are new");
	tear_down();
}

/* The baseline reads pages only of conversations that may still get a message of their last second. */
static void test_baseline_many(void)
{
	static const int64_t last_s[] = { 1600000000, 1600000098, 1600000099, 1600000100, -1 };
	static const char *const names[] = { "old@x", "settled@x", "late@x", "newest@x", "unknown@x" };
	struct job_result r = { .job = JOB_CONVERSATIONS };
	char asked[200] = "";

	set_up();
	rig.baseline = rig.options.once = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	for (size_t i = 0; i < 5; i++)
		add_session(&r, CHAT_ONE_TO_ONE, names[i], NULL, last_s[i]);
	done(&r);
	while (next_job_is(JOB_PAGE)) {
		snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s ",
			rig.last.request.session->conversation);
		done_second(1600000100, 2, 1, NULL);
	}
	tap_str(asked, "late@x newest@x unknown@x ",
		"pages are read of conversations that may get another message of their last second");
	tap_ok(rig.last.kind == MACHINE_ACT_READY && next_is(MACHINE_ACT_EXIT) && !rig.last.status,
		"--once: a baseline ends the run");
	tap_ok(cursor_find(rig.cursor, "chat-oneToOne", "old@x")->taken_until_s == 1600000000,
		"messages of the other conversations are old by their time");
	tear_down();
}

/* A history that cannot be read when the listener starts. */
static void test_baseline_fails(void)
{
	static const struct {
		enum status status;
		int http;
		const char *what;
	} cases[] = { { ST_UNAVAILABLE, 503, "a service that is down" }, { ST_PROTOCOL, 200, "nonsense" },
		{ ST_AUTH, 401, "login lost" }, { ST_UNAVAILABLE, 0, "unreachable" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up();
		rig.baseline = true;
		start();
		next_job_is(JOB_SETUP);
		done_prepare("/ws");
		next_job_is(JOB_CONVERSATIONS);
		fail(JOB_CONVERSATIONS, cases[i].status, cases[i].http);
		tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == cases[i].status, cases[i].what);
		tear_down();
	}

	set_up();
	rig.baseline = true;
	rig.options.max_offline_ms = 60000;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	fail_retryable(JOB_CONVERSATIONS, 503);
	tap_ok(quiet(), "--max-offline: a failed history is retried");
	tap_ok(strstr(rig.warned, "cannot read the history: busy; retrying") != NULL, "a failed history is a warning");
	tick();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the history is retried before the connection");
	done_sessions("bob@x", 1600000000);
	tap_ok(next_job_is(JOB_PAGE), "a page is read");
	fail(JOB_PAGE, ST_AUTH, 403);
	tap_ok(next_is(MACHINE_ACT_CONNECT), "connects without a conversation that is refused");
	tap_ok(strstr(rig.error, "cannot read the history of 'bob@x'") != NULL, "a refused conversation is reported");
	tear_down();

	set_up();
	rig.baseline = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	fail(JOB_CONVERSATIONS, ST_AUTH, 403);
	tap_ok(next_is(MACHINE_ACT_CONNECT), "connects although the service refuses the history");
	tap_ok(strstr(rig.error, "cannot read the history: ") != NULL, "a missing history is reported");
	opened();
	next_is(MACHINE_ACT_HEARTBEAT);
	tap_ok(next_is(MACHINE_ACT_READY), "ready without a history");
	machine_free(rig.m);
	/* in the next run the service has a history */
	rig.baseline = false;
	rig.now += 60000;
	ask_history();
	done_sessions("bob@x", wall_ms() / 1000 - 3600);
	tap_ok(next_is(MACHINE_ACT_READY) && quiet(), "messages from before the first run are not new later");
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", wall_ms() / 1000);
	tap_ok(next_job_is(JOB_PAGE), "messages after the first run are new");
	tear_down();

	/* groups alone cannot be read */
	{
		struct job_result r = job_result_init(JOB_CONVERSATIONS);

		set_up();
		rig.baseline = true;
		start();
		next_job_is(JOB_SETUP);
		done_prepare("/ws");
		tap_ok(next_job_is(JOB_CONVERSATIONS) && rig.last.request.all,
			"the baseline lists all kinds of conversations");
		r.status = err_set(&r.err, ST_UNAVAILABLE, "groups are down");
		r.err.http = 500;
		r.partial = true;
		add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600000000);
		done(&r);
		next_job_is(JOB_PAGE);
		done_second(1600000000, 1, 1, NULL);
		tap_ok(next_is(MACHINE_ACT_CONNECT), "a kind that cannot be read does not prevent the connection");
		tap_ok(strstr(rig.error,
			       "cannot read part of the history: groups are down; its messages up to now are ignored") !=
				NULL,
			"a kind that cannot be read is reported");
		tap_int(cursor_conversation(rig.cursor, "chat-group", 10, "g1", 2)->taken_until_s, wall_ms() / 1000,
			"conversations of that kind start now");
		tear_down();
	}
}

static void test_start_fails(void)
{
	static const struct {
		enum status status;
		bool exits;
		const char *what;
	} cases[] = { { ST_AUTH, true, "not logged in" }, { ST_CONFIG, true, "bad configuration" },
		{ ST_PROTOCOL, true, "nonsense" }, { ST_UNAVAILABLE, true, "unreachable" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up();
		start();
		next_job_is(JOB_SETUP);
		fail(JOB_SETUP, cases[i].status, 0);
		tap_ok(next_is(MACHINE_ACT_EXIT) == cases[i].exits && rig.last.status == cases[i].status,
			cases[i].what);
		tear_down();
	}
	set_up();
	rig.options.max_offline_ms = 60000;
	start();
	next_job_is(JOB_SETUP);
	fail(JOB_SETUP, ST_UNAVAILABLE, 0);
	tap_ok(quiet(), "--max-offline: an unreachable service is retried");
	for (int tries = 0; tries < 100 && rig.now < 70000; tries++) {
		tick();
		if (next_job_is(JOB_SETUP))
			fail(JOB_SETUP, ST_UNAVAILABLE, 0);
		else
			break;
	}
	tap_ok(rig.last.kind == MACHINE_ACT_EXIT && rig.last.status == ST_UNAVAILABLE,
		"--max-offline ends the run with 69");
	tap_int(rig.now, 61000, "--max-offline is exact");
	tear_down();
}

static void test_connect_fails(void)
{
	int tries = 0;

	set_up();
	start();
	next_job_is(JOB_SETUP);
	for (; tries < 10; tries++) {
		done_prepare("/ws");
		if (!next_is(MACHINE_ACT_CONNECT))
			break;
		closed(false, 0, ST_UNAVAILABLE);
		if (next_is(MACHINE_ACT_EXIT))
			break;
		tick();
		next_job_is(JOB_SETUP);
	}
	tap_ok(rig.last.kind == MACHINE_ACT_EXIT && rig.last.status == ST_UNAVAILABLE,
		"a socket that never opens ends the run");
	tap_int(tries + 1, 4, "four attempts to connect at the start");
	tear_down();
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

static void test_refused(void)
{
	static const int codes[] = { 401, 403, 404, 410 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		set_up();
		start();
		next_job_is(JOB_SETUP);
		done_prepare("/ws");
		next_is(MACHINE_ACT_CONNECT);
		closed(false, codes[i], ST_AUTH);
		tap_ok(next_job_is(JOB_SETUP) && rig.last.request.token_refused && !rig.last.request.recreate,
			"refused once: a new token");
		done_prepare("/ws");
		next_is(MACHINE_ACT_CONNECT);
		closed(false, codes[i], ST_AUTH);
		tap_ok(next_job_is(JOB_SETUP) && rig.last.request.recreate, "refused twice: a new channel");
		done_prepare("/ws2");
		tap_ok(next_is(MACHINE_ACT_CONNECT) && !strcmp(rig.last.path, "/ws2"), "the new channel is used");
		closed(false, codes[i], ST_AUTH);
		tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_AUTH,
			"refused three times: the run ends, because there was no connection before");
		tear_down();
	}
}

/* An upgrade that worked before is refused for a long time. */
static void test_refused_later(void)
{
	int channels = 0, tokens = 0, attempts = 0, said = 0;
	int64_t began;

	set_up();
	go_live();
	closed(true, 0, ST_UNAVAILABLE);
	began = rig.now;
	while (rig.now < began + 3600000) {
		while (next_action()) {
			if (rig.last.kind == MACHINE_ACT_CONNECT) {
				attempts++;
				rig.warned[0] = '\0';
				closed(false, 404, ST_PROTOCOL);
				said += rig.warned[0] != '\0';
			} else if (rig.last.kind == MACHINE_ACT_JOB && rig.last.request.job == JOB_SETUP) {
				channels += rig.last.request.recreate;
				tokens += rig.last.request.token_refused;
				done_prepare("/ws");
			} else if (rig.last.kind == MACHINE_ACT_JOB) {
				struct job_result r = prepared(rig.last.request.job, "/ws");

				done(&r);
			}
		}
		tick();
	}
	tap_ok(attempts > 50, "an upgrade that is refused for an hour is retried");
	tap_int(channels, 1, "one new channel in an hour");
	tap_int(tokens, 1, "one new token in an hour");
	tap_ok(said >= 4 && said <= 8, "warnings about it are rate-limited");
	tear_down();
}

/* A server that ends each connection after a while, and sends nothing. */
static void test_short_connections(void)
{
	int connections = 0;
	int64_t began;

	set_up();
	go_live();
	closed(true, 0, ST_UNAVAILABLE);
	began = rig.now;
	while (rig.now < began + 600000) {
		while (next_action()) {
			if (rig.last.kind == MACHINE_ACT_CONNECT) {
				connections++;
				opened();
				raw("{\"connAck\":{}}");
				rig.now += 1500;
				closed(true, 0, ST_UNAVAILABLE);
			} else if (rig.last.kind == MACHINE_ACT_JOB && rig.last.request.job == JOB_SETUP) {
				done_prepare("/ws");
			} else if (rig.last.kind == MACHINE_ACT_JOB && rig.last.request.job == JOB_CONVERSATIONS) {
				done_sessions(NULL, 0);
			}
		}
		tick();
	}
	tap_ok(connections < 100, "short connections without data are retried with backoff");
	tear_down();
}

static void test_busy(void)
{
	static const int codes[] = { 429, 503 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct ws_closed why = { .err = ERR_INIT };

		set_up();
		go_live();
		closed(true, 0, ST_UNAVAILABLE);
		tick();
		next_job_is(JOB_SETUP);
		done_prepare("/ws");
		next_is(MACHINE_ACT_CONNECT);
		err_set(&why.err, ST_TEMPFAIL, "busy");
		why.err.http = codes[i];
		why.err.retry_after_ms = 7000;
		rig.connected = false;
		machine_closed(rig.m, rig.now, &why);
		tap_ok(quiet(), "503: waits");
		tap_ok(machine_deadline(rig.m) >= rig.now + 7000 && machine_deadline(rig.m) <= rig.now + 7710,
			"Retry-After is respected");
		tick();
		tap_ok(next_job_is(JOB_SETUP) && !rig.last.request.recreate, "the same channel is tried again");
		tear_down();
	}
}

/* ---- keepalives ------------------------------------------------------------------------------------------------ */

static void test_keepalive(void)
{
	int64_t opened, checks = 0;

	set_up();
	go_live();
	opened = rig.now;
	tick();
	tap_int(rig.now, opened + 30000, "the first connCheck comes after one interval");
	tap_ok(next_is(MACHINE_ACT_HEARTBEAT) && next_is(MACHINE_ACT_SEND), "a connCheck is sent");
	tap_str(rig.last.text, "{\"connCheck\":{\"interval\":30}}", "the connCheck has the protocol's form");
	raw("{\"connAck\":{}}");
	opened = rig.now;
	while (rig.now < opened + 200000) {
		tick();
		if (!next_action() || rig.last.kind == MACHINE_ACT_DROP)
			break;
		while (rig.last.kind != MACHINE_ACT_SEND && next_action())
			;
		checks++;
	}
	tap_int(checks, 2, "connChecks without a response");
	tap_int(rig.now, opened + 90000, "a connection is dead after three silent intervals");
	tap_ok(rig.last.kind == MACHINE_ACT_DROP, "a dead connection is dropped");
	tap_ok(strstr(rig.warned, "no data for 90 s") != NULL, "a dead connection is a warning");
	tick();
	tap_ok(next_job_is(JOB_SETUP), "a new setup follows");
	tear_down();

	set_up();
	go_live();
	opened = rig.now;
	for (int i = 0; i < 10; i++) {
		tick();
		while (next_action())
			;
		message(i, i);
	}
	tap_int(rig.now, opened + 300000, "a server that sends messages but no connAck is alive");
	tap_ok(is_connected(), "the connection is kept");
	tear_down();
}

static void test_server_role(void)
{
	struct job_result r = prepared(JOB_SETUP, "/ws");
	int64_t heard;
	bool checked = false;
	int asked = 0;

	r.server_role = true;
	set_up();
	start();
	next_job_is(JOB_SETUP);
	done(&r);
	open_now();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	next_is(MACHINE_ACT_READY);
	raw("{\"connCheck\":{\"interval\":10}}");
	tap_ok(next_is(MACHINE_ACT_SEND) && !strcmp(rig.last.text, "{\"connAck\":{}}"),
		"the server's connCheck is answered");
	for (int i = 0; i < 5; i++) {
		rig.now += 10000;
		machine_tick(rig.m, rig.now - 1000);
		raw("{\"connCheck\":{\"interval\":10}}");
	}
	while (next_action())
		asked += rig.last.kind == MACHINE_ACT_SEND && strstr(rig.last.text, "connCheck");
	tap_int(asked, 0, "the client sends no connChecks while the server does");
	heard = rig.now;
	while (is_connected()) {
		tick();
		while (next_action())
			asked += rig.last.kind == MACHINE_ACT_SEND && strstr(rig.last.text, "connCheck");
	}
	tap_int(rig.now, heard + 30000, "three of the server's intervals without a connCheck end the connection");
	tap_ok(asked > 0, "the server is probed before that");
	tear_down();

	/* a server whose interval is longer than ours */
	set_up();
	start();
	next_job_is(JOB_SETUP);
	r = prepared(JOB_SETUP, "/ws");
	r.server_role = true;
	done(&r);
	open_now();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	heard = rig.now;
	while (rig.now < heard + 600000 && is_connected()) {
		tick();
		if (rig.now >= heard + 200000 && !checked) {
			checked = true;
			raw("{\"connCheck\":{\"interval\":200}}");
		}
		while (next_action()) {
			if (rig.last.kind == MACHINE_ACT_SEND && strstr(rig.last.text, "connCheck"))
				raw("{\"connAck\":{}}");
		}
	}
	tap_ok(is_connected(), "a server with a long interval that answers our connChecks is alive");
	closed(true, 0, ST_UNAVAILABLE);
	tick();
	while (rig.last.kind != MACHINE_ACT_JOB || rig.last.request.job != JOB_SETUP)
		if (!next_action())
			break;
	r = prepared(JOB_SETUP, "/ws");
	r.server_role = true;
	done(&r);
	open_now();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	heard = rig.now;
	while (is_connected() && rig.now < heard + 1000000) {
		tick();
		while (next_action())
			;
	}
	tap_int(rig.now, heard + 600000, "its interval is used on the next connection, too");
	tear_down();
}

static void test_paused(void)
{
	int64_t end;

	set_up();
	go_live();
	for (int i = 0; i < 6000 && !next_action(); i++)
		message(i, i);
	tap_ok(rig.last.kind == MACHINE_ACT_PAUSE, "a slow reader pauses the socket");
	tap_ok(output_queue_len(&rig.output) < (3 << 19), "reading stops at about a megabyte");
	end = rig.now + 600000;
	while (rig.now < end) {
		tick();
		while (next_action()) {
			if (rig.last.kind == MACHINE_ACT_DROP)
				end = 0;
		}
	}
	tap_ok(end && is_connected(), "ten minutes of silence while paused do not end the connection");
	output_queue_consumed(&rig.output, rig.cursor, output_queue_len(&rig.output) - 1000);
	machine_output_drained(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_RESUME), "the socket is resumed when there is room");
	end = rig.now;
	while (is_connected())
		tick();
	tap_int(rig.now, end + 90000, "the silence counts from the resume");
	tear_down();
}

/* ---- duplicates, order, gaps ----------------------------------------------------------------------------------- */

static void test_duplicates(void)
{
	set_up();
	go_live();
	message(1, 1);
	message(1, 1);
	message(2, 1);
	tap_str(numbers(), "1", "the same notification, or message in another notification, is printed once");
	for (int i = 100; i < 3100; i++)
		message(i, i);
	numbers();
	message(100, 9999);
	tap_str(numbers(), "", "an ID is recognized after 3000 notifications");
	tear_down();
}

static void test_merge(void)
{
	set_up();
	go_live();
	message(1, 1);
	message(2, 2);
	tap_str(numbers(), "1 2", "live messages are printed");
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "after a lost connection, the history is asked");
	message(5, 5);
	message(6, 6);
	done_sessions("bob@x", 1600000005);
	tap_ok(next_job_is(JOB_PAGE) && !rig.last.request.next &&
			!strcmp(rig.last.request.session->conversation, "bob@x"),
		"the first page is read");
	message(7, 7);
	done_page(5, 4, "token");
	tap_str(numbers(), "", "nothing is printed before older ones were read");
	tap_ok(next_job_is(JOB_PAGE) && !strcmp(rig.last.request.next, "token"), "the next page is read");
	done_page(5, 1, NULL);
	tap_str(numbers(), "3 4 5 6 7", "backfilled oldest first without known ones, then buffered ones, each once");
	message(8, 8);
	tap_str(numbers(), "8", "live messages follow the backfill");
	tear_down();
}

static void test_growing_history(void)
{
	set_up();
	ask_history();
	done_sessions("bob@x", 1600000100);
	next_job_is(JOB_PAGE);
	done_page(100, 51, "a");
	/* twenty more messages came: the second page repeats twenty of the first */
	for (int i = 101; i <= 120; i++)
		message(i, i);
	next_job_is(JOB_PAGE);
	done_page(70, 21, "b");
	next_job_is(JOB_PAGE);
	done_page(20, 1, NULL);
	{
		char wanted[4096] = "";

		for (int i = 1, used = 0; i <= 120; i++)
			used += snprintf(wanted + used, sizeof(wanted) - (size_t)used, "%s%d", i > 1 ? " " : "", i);
		tap_str(numbers(), wanted, "pages that shift while they are read: each message once, in order");
	}
	tear_down();
}

static void test_long_history(void)
{
	int first = 20000, got = 0, expected = 1;
	bool in_order = true;

	set_up();
	ask_history();
	done_sessions("bob@x", 1600000000 + first);
	for (; first > 0; first -= 50) {
		char more[16];

		snprintf(more, sizeof(more), "n-%d", first);
		next_job_is(JOB_PAGE);
		done_page(first, first - 49, first > 50 ? more : NULL);
	}
	tap_ok(output_queue_len(&rig.output) < (3 << 19),
		"a long history fills the output queue up to the watermark only");
	while (output_queue_len(&rig.output)) {
		char *list = xstrdup(numbers()), *rest = list;

		for (char *word; (word = strsep(&rest, " ")) && *word; got++)
			in_order = in_order && atoi(word) == expected++;
		free(list);
		machine_output_drained(rig.m, rig.now);
	}
	tap_int(got, 20000, "all of the history is printed");
	while (next_action() && rig.last.kind != MACHINE_ACT_READY)
		;
	tap_ok(rig.last.kind == MACHINE_ACT_READY, "ready when all of it is printed");
	tap_ok(in_order, "messages come oldest first");
	tap_ok(cursor_find(rig.cursor, "chat-oneToOne", "bob@x")->count >= CURSOR_IDS,
		"the cursor has marks of the last messages");
	tear_down();
}

/* The service's clock goes back. */
static void test_clock_goes_back(void)
{
	set_up();
	ask_history();
	done_sessions("bob@x", 1600000001);
	next_job_is(JOB_PAGE);
	done_page(1, 1, NULL);
	next_is(MACHINE_ACT_READY);
	tap_str(numbers(), "1", "one message of the history is printed");
	for (int i = 2; i <= 600; i++) {
		message(i, i);
		numbers();
	}
	say(601, 601, 1600000100, true);
	tap_str(numbers(), "601", "a live message is new whatever its time is");
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000103);
	tap_ok(next_job_is(JOB_PAGE), "a conversation is read if its newest message is not the one taken last");
	done_raw_page(
		"["
		"{\"text\":\"text 603\",\"senderAddress\":\"bob@x\",\"dateTime\":1600000103,\"resourceURL\":\"/messages/m603\"},"
		"{\"text\":\"text 602\",\"senderAddress\":\"bob@x\",\"dateTime\":1600000102,\"resourceURL\":\"/messages/m602\"},"
		"{\"text\":\"text 601\",\"senderAddress\":\"bob@x\",\"dateTime\":1600000100,\"resourceURL\":\"/messages/m601\"},"
		"{\"text\":\"text 600\",\"senderAddress\":\"bob@x\",\"dateTime\":1600000600,\"resourceURL\":\"/messages/m600\"},"
		"{\"text\":\"text 99\",\"senderAddress\":\"bob@x\",\"dateTime\":1600000099,\"resourceURL\":\"/messages/m99\"}]",
		NULL);
	tap_str(numbers(), "602 603", "messages newer than taken ones are new, older ones are not");
	tear_down();
}

/* Two own numbers with one correspondent are two conversations. */
static void test_two_numbers(void)
{
	struct job_result r = { .job = JOB_CONVERSATIONS };
	char asked[200] = "";

	set_up();
	ask_history();
	add_session(&r, CHAT_SMS, "+1555", "+1111", 1600000900);
	add_session(&r, CHAT_SMS, "+1555", "+2222", 1600000900);
	add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600009999);
	done(&r);
	for (int i = 1; next_job_is(JOB_PAGE); i++) {
		char page[200];

		if (rig.last.request.session->type == CHAT_SMS)
			snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%s ",
				rig.last.request.session->own);
		snprintf(page, sizeof(page),
			"[{\"message\":\"text %d\",\"type\":\"inbound\",\"dateTime\":1600000900,\"resourceURL\":\"/messages/m%d\"}]",
			i, i);
		done_raw_page(page, NULL);
	}
	tap_str(asked, "+1111 +2222 ", "a page of each own number is read");
	tap_ok(has_text("text 1") && has_text("text 2"), "both are printed");
	numbers();
	raw("{\"inboundSMSMessageNotification\":{\"id\":\"a\",\"inboundSMSMessage\":{\"message\":\"text 2\",\"messageId\":\"m2\","
	    "\"senderAddress\":\"+1555\",\"destinationAddress\":\"tel:+2222\"}}}");
	tap_str(numbers(), "", "a live message is recognized however the server writes the number");
	raw("{\"inboundSMSMessageNotification\":{\"id\":\"b\",\"inboundSMSMessage\":{\"message\":\"text 1\",\"messageId\":\"m1\","
	    "\"senderAddress\":\"+1555\"}}}");
	tap_str(numbers(), "", "a message without the own number is recognized");
	tear_down();

	set_up();
	go_live();
	raw("{\"inboundSMSMessageNotification\":{\"id\":\"c\",\"inboundSMSMessage\":{\"message\":\"text 7\",\"messageId\":\"m7\","
	    "\"senderAddress\":\"+1555\"}}}");
	tap_str(numbers(), "7", "a first message without the own number is printed");
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	r = (struct job_result){ .job = JOB_CONVERSATIONS };
	add_session(&r, CHAT_SMS, "+1555", "+1111", 1600000900);
	done(&r);
	next_job_is(JOB_PAGE);
	done_raw_page(
		"[{\"message\":\"text 7\",\"type\":\"inbound\",\"dateTime\":1600000900,\"resourceURL\":\"/messages/m7\"}]",
		NULL);
	tap_str(numbers(), "", "the history's copy is recognized");
	tear_down();
}

/* Messages that are too large for a line. */
static void test_too_long(void)
{
	struct buf json;

	buf_init(&json, 8 << 20);
	set_up();
	rig.options.for_ms = 1000;
	ask_history();
	done_sessions("bob@x", 1600000005);
	next_job_is(JOB_PAGE);
	buf_adds(&json,
		"[{\"text\":\"text 1\",\"dateTime\":1600000005,\"resourceURL\":\"/messages/m1\"},"
		"{\"text\":\"x\",\"dateTime\":1600000004,\"resourceURL\":\"/messages/huge\",\"attachment\":[{}");
	for (int i = 0; i < 60000; i++)
		buf_adds(&json, ",{}");
	buf_adds(&json, "]}]");
	done_raw_page(json.data, NULL);
	tap_str(numbers(), "1", "a line that is too long does not affect others");
	tap_ok(strstr(rig.error, "'huge' of 'bob@x' skipped") != NULL, "the skipped message is named");
	tap_int((intmax_t)cursor_find(rig.cursor, "chat-oneToOne", "bob@x")->count, 2,
		"the cursor advances over the skipped message");
	rig.error[0] = '\0';
	buf_clear(&json);
	buf_adds(&json,
		"{\"chatMessageNotification\":{\"chatMessage\":{\"senderAddress\":\"bob@x\",\"attachment\":[{}");
	for (int i = 0; i < 60000; i++)
		buf_adds(&json, ",{}");
	buf_adds(&json, "]},\"link\":[{\"href\":\"/oneToOne/bob@x/adhoc/messages/live\"}]}}");
	raw(json.data);
	tap_ok(strstr(rig.error, "'live' of 'bob@x' skipped") != NULL, "a skipped live message is named");
	raw("{\"chatMess");
	tap_ok(strstr(rig.error, "invalid notification") != NULL, "an invalid notification is reported");
	tick();
	tick();
	closed(true, 0, ST_OK);
	while (next_action() && rig.last.kind != MACHINE_ACT_EXIT)
		;
	tap_int(rig.last.status, ST_PARTIAL, "the exit status is 1 after skipped messages");
	tap_ok(strstr(rig.last.err.text, "2 messages skipped") != NULL,
		"the number of skipped messages is reported at the end");
	tear_down();
	buf_release(&json);
}

/* An invalid notification may have been a message, which the history has, too. */
static void test_unreadable(void)
{
	int asked = 0;

	set_up();
	go_live();
	message(1, 1);
	numbers();
	raw("{\"chatMessageNotification\":{\"id\":\"x\",");
	tick();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "an invalid notification starts a recheck of the history");
	message(3, 3);
	tap_str(numbers(), "", "live messages wait for the recheck");
	done_sessions("bob@x", 1600000002);
	next_job_is(JOB_PAGE);
	done_page(2, 1, NULL);
	tap_str(numbers(), "2 3", "the message of the invalid notification is found");
	for (int64_t end = rig.now + 300000; rig.now < end;) {
		raw("what is this?");
		while (next_action()) {
			if (rig.last.kind == MACHINE_ACT_JOB && rig.last.request.job == JOB_CONVERSATIONS) {
				asked++;
				done_sessions(NULL, 0);
			}
		}
		if (machine_deadline(rig.m) > rig.now + 1000)
			rig.now += 1000;
		else
			tick();
	}
	tap_ok(asked >= 9 && asked <= 11, "rechecks are made at most every 30 s");
	tear_down();
}

static void test_pages_without_end(void)
{
	set_up();
	ask_history();
	done_sessions("bob@x", 1600000100);
	next_job_is(JOB_PAGE);
	done_page(100, 51, "a");
	next_job_is(JOB_PAGE);
	done_page(50, 41, "b");
	next_job_is(JOB_PAGE);
	done_page(40, 40, "b");
	tap_ok(next_is(MACHINE_ACT_READY), "a page that names itself as the next one ends the conversation");
	tap_ok(strstr(rig.error,
		       "the history of 'bob@x' is incomplete, older messages are skipped: the server returns the same page again") !=
			NULL,
		"repeated pages are reported");
	tap_ok(has_text("text 40\"") && has_text("text 100\""), "messages of the pages before are printed");
	tear_down();

	set_up();
	rig.baseline = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000000);
	next_job_is(JOB_PAGE);
	done_second(1600000000, 4, 3, "a");
	next_job_is(JOB_PAGE);
	done_second(1600000000, 2, 1, "a");
	tap_ok(next_is(MACHINE_ACT_CONNECT) && !rig.error[0] && !numbers()[0],
		"repeated pages of a baseline are not reported");
	tear_down();

	set_up();
	ask_history();
	done_sessions("bob@x", 1600000100);
	for (int pages = 0; next_job_is(JOB_PAGE); pages++) {
		char more[16];

		if (pages > 10000) {
			tap_ok(false, "endless pages end");
			break;
		}
		snprintf(more, sizeof(more), "n-%d", pages);
		done_page(1000000 - pages, 1000000 - pages, more);
	}
	tap_ok(strstr(rig.error, "too many pages") != NULL, "ten thousand pages are the limit of a conversation");
	tear_down();
}

static void test_abandoned_page(void)
{
	set_up();
	go_live();
	message(1, 1);
	numbers();
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000003);
	next_job_is(JOB_PAGE);
	closed(true, 0, ST_UNAVAILABLE);
	tick();
	tap_ok(quiet(), "one job at a time: the page of the old connection is still read");
	done_page(3, 1, NULL);
	tap_str(numbers(), "2 3", "its result is used");
	tap_ok(next_job_is(JOB_SETUP), "the next setup starts");
	done_prepare("/ws");
	open_now();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the next connection asks the history again");
	done_sessions("bob@x", 1600000004);
	next_job_is(JOB_PAGE);
	done_page(4, 1, NULL);
	tap_str(numbers(), "4", "messages of the meantime are backfilled");
	tear_down();
}

static void test_not_taken(void)
{
	const struct cursor_conversation *bob;
	size_t len;

	set_up();
	go_live();
	message(1, 1);
	message(2, 2);
	bob = cursor_find(rig.cursor, "chat-oneToOne", "bob@x");
	tap_ok(bob && !bob->count, "the cursor does not advance over unacknowledged messages");
	output_queue_peek(&rig.output, &len);
	output_queue_consumed(&rig.output, rig.cursor, len - 1);
	tap_int(bob->count, 1, "half a line is not acknowledged");
	output_queue_consumed(&rig.output, rig.cursor, 1);
	tap_int(bob->count, 2, "a whole line is acknowledged");
	tear_down();
}

/* Lets time pass until `until`; history jobs fail meanwhile. True if there was one. */
static bool history_fails_until(int64_t until, enum status status, int http)
{
	bool asked = false;

	while (rig.now < until) {
		while (next_action()) {
			struct job_result r = job_result_init(rig.last.request.job);

			if (rig.last.kind != MACHINE_ACT_JOB)
				continue;
			asked = true;
			r.status = err_set(&r.err, status, "it failed");
			r.err.http = http;
			r.err.retryable = status == ST_UNAVAILABLE;
			done(&r);
		}
		if (machine_deadline(rig.m) > until)
			rig.now = until;
		else
			tick();
		raw("{\"connAck\":{}}");
	}
	return asked;
}

static void test_history_fails(void)
{
	int64_t asked;

	set_up();
	rig.options.events = true;
	go_live();
	message(1, 1);
	numbers();
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	message(3, 3);
	fail_retryable(JOB_CONVERSATIONS, 503);
	tap_ok(strstr(rig.warned, "cannot read the history: busy; retrying") != NULL,
		"a failed history is a warning at once");
	tap_ok(has_text("\"waiting\",\"reason\":\"busy\""), "a waiting event is printed");
	tap_str(numbers(), "", "live messages are buffered meanwhile");
	tick();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the history is retried");
	rig.warned[0] = '\0';
	fail_until(JOB_CONVERSATIONS, 503, INT64_C(86400000));
	tap_str(rig.warned, "", "warnings are rate-limited");
	asked = rig.now;
	while (rig.now < asked + 86400000 && !wants_job(JOB_CONVERSATIONS)) {
		tick();
		raw("{\"connAck\":{}}");
	}
	tap_ok(rig.now <= asked + BACKOFF_LEAST_MAX_MS / 10 * 12, "a Retry-After of a day is limited");
	fail(JOB_CONVERSATIONS, ST_AUTH, 401);
	tap_ok(rig.last.kind == MACHINE_ACT_JOB && next_is(MACHINE_ACT_CLOSE), "a lost login ends the run");
	tear_down();

	set_up();
	rig.options.events = true;
	go_live();
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	message(3, 3);
	fail(JOB_CONVERSATIONS, ST_PROTOCOL, 200);
	tap_str(numbers(), "", "an invalid response is retried");
	tick();
	next_job_is(JOB_CONVERSATIONS);
	fail(JOB_CONVERSATIONS, ST_AUTH, 403);
	tap_ok(has_text("\"gap\"") && strstr(rig.error, "history"), "a service without a history is reported");
	tap_str(numbers(), "3", "the listener goes on without a history");
	tear_down();
}

/* The history fails for so long that live messages pass through. */
static void test_history_stalls(void)
{
	int64_t began;
	bool complete = false;

	set_up();
	rig.options.events = true;
	go_live();
	message(1, 1);
	numbers();
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	began = rig.now;
	/* 2 and 3 came between the runs */
	message(4, 4);
	tap_ok(history_fails_until(began + 29999, ST_UNAVAILABLE, 503), "the history is retried with backoff");
	tap_str(numbers(), "", "live messages are buffered for half a minute");
	tap_str(rig.error, "", "no error is reported before that");
	history_fails_until(began + 30001, ST_UNAVAILABLE, 503);
	tap_ok(strstr(rig.error, "cannot read the history: it failed; live messages are printed without it") != NULL,
		"passing live messages through is an error");
	tap_ok(has_text("\"gap\",\"reason\":\"it failed\""), "a gap event is printed");
	tap_str(numbers(), "4", "buffered messages pass through");
	tap_ok(cursor_has_gap(rig.cursor), "the cursor has a gap");
	for (int i = 5; i <= 400; i++) {
		message(i, i);
		numbers();
	}
	tap_ok(history_fails_until(rig.now + 600000, ST_UNAVAILABLE, 503), "the history is still retried");
	closed(true, 0, ST_UNAVAILABLE);
	tick();
	wants_job(JOB_SETUP);
	done_prepare("/ws");
	open_now();
	message(401, 401);
	tap_str(numbers(), "401", "on the next connection, nothing is buffered");
	machine_free(rig.m);

	/* another run, and the history still fails */
	ask_history();
	message(402, 402);
	fail(JOB_CONVERSATIONS, ST_UNAVAILABLE, 503);
	tick();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions("bob@x", 1600000402);
	for (int page = 402; page > 0 && next_job_is(JOB_PAGE); page -= 50) {
		char more[16];

		snprintf(more, sizeof(more), "n-%d", page);
		done_page(page, page > 50 ? page - 49 : 1, page > 50 ? more : NULL);
	}
	tap_str(numbers(), "2 3 402", "exactly the missing messages are backfilled later");
	tap_ok(!cursor_has_gap(rig.cursor), "the gap of the cursor is closed");
	message(403, 403);
	tap_str(numbers(), "403", "live messages follow as before");
	tear_down();

	/* no response at all; and the history comes back while live messages pass through */
	set_up();
	go_live();
	message(1, 1);
	numbers();
	closed(true, 0, ST_UNAVAILABLE);
	again_live();
	next_job_is(JOB_CONVERSATIONS);
	began = rig.now;
	message(3, 3);
	while (rig.now < began + 30000) {
		tick();
		raw("{\"connAck\":{}}");
	}
	tap_ok(strstr(rig.error, "no response") != NULL, "a missing response is an error, too");
	tap_str(numbers(), "3", "buffered messages pass through");
	done_sessions("bob@x", 1600000004);
	message(4, 4);
	wants_job(JOB_PAGE);
	message(5, 5);
	done_page(5, 1, NULL);
	tap_str(numbers(), "4 5 2", "missing messages come late, and none twice");
	tear_down();

	/* the reader is slow */
	set_up();
	ask_history();
	began = rig.now;
	done_sessions("bob@x", 1600000000 + 20000);
	for (int first = 20000; first > 0; first -= 50) {
		char more[16];

		snprintf(more, sizeof(more), "n-%d", first);
		next_job_is(JOB_PAGE);
		done_page(first, first - 49, first > 50 ? more : NULL);
	}
	message(20001, 20001);
	history_fails_until(began + 300000, ST_UNAVAILABLE, 503);
	tap_ok(!rig.error[0] && !cursor_has_gap(rig.cursor), "a slow reader does not count as a slow history");
	for (int i = 0; i < 100 && !complete; i++) {
		complete = strstr(numbers(), "20001") != NULL;
		machine_output_drained(rig.m, rig.now);
	}
	tap_ok(complete, "all of the history comes in the end");
	tear_down();
}

/* A kind or a conversation that cannot be read does not delay others. */
static void test_history_in_part(void)
{
	struct job_result r = job_result_init(JOB_CONVERSATIONS);
	int64_t began;

	set_up();
	ask_history();
	began = rig.now;
	message(2, 2);
	r.status = err_set(&r.err, ST_UNAVAILABLE, "groups are down");
	r.err.http = 500;
	r.err.retryable = true;
	r.partial = true;
	add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600000001);
	add_session(&r, CHAT_ONE_TO_ONE, "carol@x", NULL, 1600000100);
	done(&r);
	next_job_is(JOB_PAGE);
	done_page(1, 1, NULL);
	next_job_is(JOB_PAGE);
	done_raw_page("[]", NULL);
	tap_str(numbers(), "1", "messages of the readable part are printed");
	tap_ok(strstr(rig.warned, "groups are down") != NULL, "the unreadable part is a warning");
	tick();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the unreadable part is retried");
	r = job_result_init(JOB_CONVERSATIONS);
	r.status = err_set(&r.err, ST_UNAVAILABLE, "groups are down");
	r.err.http = 500;
	r.err.retryable = true;
	r.partial = true;
	add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600000001);
	add_session(&r, CHAT_ONE_TO_ONE, "carol@x", NULL, 1600000100);
	done(&r);
	tap_ok(!wants_job(JOB_PAGE) || strcmp(rig.last.request.session->conversation, "bob@x") != 0,
		"conversations that were read are not read again");
	done_raw_page("[]", NULL);
	history_fails_until(began + 30001, ST_UNAVAILABLE, 503);
	tap_str(numbers(), "2", "buffered messages are printed at the end");
	tear_down();

	/* pages */
	set_up();
	ask_history();
	message(2, 2);
	r = job_result_init(JOB_CONVERSATIONS);
	add_session(&r, CHAT_ONE_TO_ONE, "refused@x", NULL, 1600000100);
	add_session(&r, CHAT_ONE_TO_ONE, "broken@x", NULL, 1600000100);
	add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600000001);
	done(&r);
	next_job_is(JOB_PAGE);
	fail(JOB_PAGE, ST_AUTH, 403);
	tap_ok(strstr(rig.error, "cannot read the history of 'refused@x'") != NULL,
		"a refused conversation is an error");
	next_job_is(JOB_PAGE);
	fail_retryable(JOB_PAGE, 500);
	next_job_is(JOB_PAGE);
	done_page(1, 1, NULL);
	tap_str(numbers(), "1", "the other conversations are printed");
	tick();
	next_job_is(JOB_CONVERSATIONS);
	r = job_result_init(JOB_CONVERSATIONS);
	add_session(&r, CHAT_ONE_TO_ONE, "broken@x", NULL, 1600000100);
	done(&r);
	tap_ok(next_job_is(JOB_PAGE), "a conversation with a temporary failure is retried");
	done_raw_page("[]", NULL);
	tap_str(numbers(), "2", "buffered messages follow it");
	tear_down();

	/* --once prints the readable part */
	set_up();
	rig.options.once = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	r = job_result_init(JOB_CONVERSATIONS);
	r.status = err_set(&r.err, ST_UNAVAILABLE, "groups are down");
	r.err.http = 500;
	r.err.retryable = true;
	r.partial = true;
	add_session(&r, CHAT_ONE_TO_ONE, "bob@x", NULL, 1600000001);
	done(&r);
	next_job_is(JOB_PAGE);
	done_page(1, 1, NULL);
	tap_str(numbers(), "1", "--once: the readable part is printed");
	machine_output_drained(rig.m, rig.now);
	while (next_action() && rig.last.kind != MACHINE_ACT_EXIT)
		;
	tap_int(rig.last.status, ST_UNAVAILABLE, "the exit status is that of the failure");
	tear_down();

	set_up();
	rig.options.once = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	fail_retryable(JOB_CONVERSATIONS, 503);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_UNAVAILABLE, "--once ends if nothing can be read");
	tear_down();
}

/* Buffered messages stay in order, whatever they contain. */
static void test_held_in_order(void)
{
	set_up();
	ask_history();
	raw("{\"inboundSMSMessageNotification\":{\"id\":\"a\",\"inboundSMSMessage\":{\"message\":\"text 1, connected\",\"messageId\":\"m1\","
	    "\"senderAddress\":\"+1\"}}}");
	raw(" { \"CONNCHECK\" : {\"interval\":30}}");
	tap_ok(next_is(MACHINE_ACT_SEND), "a connCheck is answered while messages are buffered");
	tap_str(numbers(), "", "a message that contains the word connCheck is buffered like others");
	done_sessions(NULL, 0);
	tap_str(numbers(), "1", "the buffered message is printed after the backfill");
	tear_down();
}

static void test_times_and_history(void)
{
	set_up();
	rig.options.idle_ms = 1500;
	ask_history();
	rig.now += 5000;
	machine_tick(rig.m, rig.now);
	tap_ok(is_connected(), "--idle does not end a run during the backfill");
	done_sessions("bob@x", 1600000001);
	next_job_is(JOB_PAGE);
	rig.now += 5000;
	machine_tick(rig.m, rig.now);
	done_page(1, 1, NULL);
	tap_str(numbers(), "1", "the message of the history is printed");
	tap_ok(wants_job(JOB_NONE) || is_connected(), "still connected");
	tick();
	tap_int(rig.now, 12500, "--idle starts after the backfill");
	tap_ok(next_is(MACHINE_ACT_CLOSE), "--idle ends the run");
	tear_down();

	set_up();
	rig.options.for_ms = 30000;
	ask_history();
	fail_retryable(JOB_CONVERSATIONS, 503);
	history_fails_until(31000, ST_UNAVAILABLE, 503);
	while (next_action() && rig.last.kind != MACHINE_ACT_CLOSE)
		;
	closed(true, 0, ST_OK);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_UNAVAILABLE,
		"--for after a failed history does not end with 124");
	tear_down();

	set_up();
	rig.options.max_offline_ms = 10000;
	ask_history();
	fail_retryable(JOB_CONVERSATIONS, 503);
	history_fails_until(50000, ST_UNAVAILABLE, 503);
	tap_ok(is_connected(), "--max-offline does not apply to the history");
	tear_down();
}

/* ---- renewal --------------------------------------------------------------------------------------------------- */

/*
 * Lets time pass, with a server that answers connChecks, until that job is started; other renewals succeed. False: the
 * connection ended before.
 */
static bool pass_until_job(enum job_kind job)
{
	while (rig.now < INT64_C(100000000)) {
		while (next_action()) {
			struct job_result r;

			if (rig.last.kind == MACHINE_ACT_DROP || rig.last.kind == MACHINE_ACT_CLOSE)
				return false;
			if (rig.last.kind != MACHINE_ACT_JOB)
				continue;
			if (rig.last.request.job == job)
				return true;
			r = prepared(rig.last.request.job, "/ws");
			done(&r);
		}
		tick();
		raw("{\"connAck\":{}}");
	}
	return false;
}

static void test_renewals(void)
{
	struct job_result r;

	set_up();
	go_live();
	tap_ok(pass_until_job(JOB_REFRESH_CHANNEL) && rig.now == 1701000, "the channel's lifetime is extended in time");
	r = prepared(JOB_REFRESH_CHANNEL, "/ws");
	r.extend_in_ms = 10000000;
	r.channel_ends_in_ms = 20000000;
	done(&r);
	tap_ok(pass_until_job(JOB_RENEW_TOKEN) && rig.now == 1801000, "the token is renewed in time");
	r = prepared(JOB_RENEW_TOKEN, "/ws");
	/* as a process whose clock was set would see it */
	r.extend_in_ms = 99000000;
	done(&r);
	tap_ok(pass_until_job(JOB_RENEW_TOKEN) && rig.now == 3601000, "the token is renewed a second time");
	r = prepared(JOB_RENEW_TOKEN, "/ws");
	r.renew_in_ms = r.token_ends_in_ms = 99000000;
	done(&r);
	tap_ok(pass_until_job(JOB_REFRESH_CHANNEL) && rig.now == 11701000,
		"renewing the token does not change when the channel is extended");
	tap_ok(is_connected(), "all on one connection");
	tear_down();
}

/* The service refuses to extend the channel, and the socket stays open. */
static void test_channel_over(void)
{
	int tries = 0;

	set_up();
	rig.options.events = true;
	go_live();
	while (pass_until_job(JOB_REFRESH_CHANNEL)) {
		fail_retryable(JOB_REFRESH_CHANNEL, 503);
		if (!tries++)
			tap_ok(strstr(rig.warned,
				       "cannot extend the notification channel: busy; retrying, it expires in 1900 s") !=
					NULL,
				"a failed extension is a warning with the remaining time");
		rig.warned[0] = '\0';
	}
	tap_ok(rig.last.kind == MACHINE_ACT_DROP && rig.now == 3601000,
		"the connection is dropped when the channel expires");
	tap_ok(tries > 20 && tries < 300, "extending the channel is retried until then");
	tap_ok(has_text("\"disconnected\",\"reason\":\"the notification channel has expired\""),
		"an expired channel is an event");
	tap_ok(next_job_is(JOB_SETUP) && rig.last.request.recreate && rig.last.request.existing,
		"the channel is re-created");
	fail_retryable(JOB_SETUP, 503);
	tap_ok(pass_until_job(JOB_SETUP) && rig.last.request.recreate, "re-creating is retried");
	done_prepare("/ws2");
	tap_ok(next_is(MACHINE_ACT_CONNECT) && !strcmp(rig.last.path, "/ws2"), "the new channel is used");
	tear_down();
}

static void test_token_over(void)
{
	int tries = 0;

	set_up();
	go_live();
	while (pass_until_job(JOB_RENEW_TOKEN)) {
		fail(JOB_RENEW_TOKEN, ST_AUTH, 0);
		if (!tries++)
			tap_ok(strstr(rig.warned, "token refresh failed: it failed; retrying, it expires in 1800 s") !=
					NULL,
				"a failed renewal is a warning with the remaining time");
	}
	tap_ok(rig.now >= 3601000 && rig.now <= 3602000, "the listener ends when the token has expired");
	tap_ok(tries < 30, "few attempts are made to renew the token");
	closed(true, 0, ST_OK);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_AUTH, "the exit status is 77");
	tear_down();

	set_up();
	go_live();
	for (tries = 0; tries < 300 && pass_until_job(JOB_RENEW_TOKEN); tries++)
		fail_retryable(JOB_RENEW_TOKEN, 503);
	tap_ok(rig.now > 3700000 && is_connected(), "a service that is down is waited for");
	tear_down();

	set_up();
	go_live();
	pass_until_job(JOB_REFRESH_CHANNEL);
	fail(JOB_REFRESH_CHANNEL, ST_AUTH, 401);
	tap_ok(next_is(MACHINE_ACT_CLOSE), "a lost login ends the run, whatever the job");
	tear_down();
}

static void test_channel_gone(void)
{
	struct job_result r = prepared(JOB_REFRESH_CHANNEL, "/ws2");

	set_up();
	rig.options.events = true;
	go_live();
	pass_until_job(JOB_REFRESH_CHANNEL);
	done(&r);
	tap_ok(next_is(MACHINE_ACT_DROP), "a re-created channel: the old connection is dropped");
	tap_ok(next_job_is(JOB_SETUP), "a new setup follows at once");
	done_prepare("/ws2");
	open_now();
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the history is asked again");
	tap_ok(has_text("was lost and has been re-created"), "a re-created channel is an event");
	tear_down();

	/* one subscription is gone, without a notification */
	set_up();
	rig.options.events = true;
	go_live();
	pass_until_job(JOB_REFRESH_CHANNEL);
	r = prepared(JOB_REFRESH_CHANNEL, "/ws");
	r.made = CHANNEL_SMS;
	done(&r);
	tap_ok(has_text("\"resubscribed\",\"reason\":\"sms\"") && next_job_is(JOB_CONVERSATIONS),
		"a missing subscription is re-created, and the gap backfilled");
	tear_down();
}

#define CANCELLED(key, id) raw("{\"" key "SubscriptionCancellationNotification\":{\"id\":\"" id "\"}}")

static void test_cancelled(void)
{
	struct job_result r = prepared(JOB_REFRESH_CHANNEL, "/ws");

	set_up();
	rig.options.events = true;
	go_live();
	CANCELLED("chat", "c1");
	tap_ok(has_text("\"event\":\"subscription\""), "a cancelled subscription is printed");
	tap_ok(next_job_is(JOB_REFRESH_CHANNEL) && rig.last.request.cancelled == CHANNEL_CHAT,
		"a cancelled subscription is re-created");
	message(3, 3);
	tap_ok(!has_text("text 3"), "live messages wait for the history");
	r.made = CHANNEL_CHAT;
	done(&r);
	tap_ok(has_text("\"resubscribed\",\"reason\":\"chat\"") && next_job_is(JOB_CONVERSATIONS),
		"the history is asked for the gap");
	done_sessions("bob@x", 1600000003);
	next_job_is(JOB_PAGE);
	done_page(3, 2, NULL);
	tap_str(numbers(), "2 3", "messages come in order");
	tear_down();

	/* all of them, live: the first one is being re-created when the others are cancelled */
	set_up();
	rig.options.events = true;
	go_live();
	CANCELLED("chat", "c1");
	next_job_is(JOB_REFRESH_CHANNEL);
	CANCELLED("sms", "c2");
	CANCELLED("deliveryReceipt", "c3");
	r = prepared(JOB_REFRESH_CHANNEL, "/ws");
	r.made = CHANNEL_CHAT;
	done(&r);
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	tap_ok(next_job_is(JOB_REFRESH_CHANNEL) && rig.last.request.cancelled == (CHANNEL_SMS | CHANNEL_RECEIPTS),
		"all cancelled subscriptions are re-created");
	r = prepared(JOB_REFRESH_CHANNEL, "/ws");
	r.made = CHANNEL_SMS | CHANNEL_RECEIPTS;
	done(&r);
	tap_ok(has_text("\"reason\":\"sms\"") && has_text("\"reason\":\"receipts\""), "each of them is an event");
	tap_ok(next_job_is(JOB_CONVERSATIONS), "the history is asked for the gap");
	done_sessions(NULL, 0);
	tap_ok(quiet(), "nothing else is done");
	tear_down();

	/* while the history is being fetched */
	set_up();
	ask_history();
	CANCELLED("chat", "c1");
	CANCELLED("sms", "c2");
	CANCELLED("", "c3");
	CANCELLED("newThing", "c4");
	done_sessions(NULL, 0);
	tap_ok(wants_job(JOB_REFRESH_CHANNEL) && rig.last.request.cancelled == CHANNEL_SERVICES,
		"a cancelled subscription of an unknown kind may be any");
	fail_retryable(JOB_REFRESH_CHANNEL, 503);
	tap_ok(next_is(MACHINE_ACT_DROP) && next_job_is(JOB_SETUP) && rig.last.request.cancelled == CHANNEL_SERVICES,
		"subscriptions that cannot be re-created in place are left to the next setup");
	done_prepare("/ws");
	open_now();
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	tap_ok(quiet(), "after the setup nothing is left to do");
	tear_down();
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void test_count(void)
{
	set_up();
	rig.options.count = 2;
	go_live();
	message(1, 1);
	message(2, 2);
	message(3, 3);
	tap_ok(quiet(), "waits until all lines are written");
	tap_str(numbers(), "1 2", "exactly --count lines");
	machine_output_drained(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_CLOSE), "the connection is closed");
	closed(true, 0, ST_OK);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_OK, "the exit status is 0");
	tap_int(cursor_find(rig.cursor, "chat-oneToOne", "bob@x")->count, 2,
		"the third message is left to the next run");
	tear_down();
}

static void test_times(void)
{
	set_up();
	rig.options.idle_ms = 5000;
	go_live();
	message(1, 1);
	numbers();
	rig.now += 4000;
	message(2, 2);
	numbers();
	tick();
	tap_int(rig.now, 10000, "--idle counts from the last line");
	tap_ok(next_is(MACHINE_ACT_CLOSE), "the run ends");
	tick();
	tap_ok(next_is(MACHINE_ACT_DROP) && next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_OK,
		"the exit status is 0 after a message, even if the close is not answered");
	tear_down();

	set_up();
	rig.options.for_ms = 20000;
	go_live();
	tick();
	tap_int(rig.now, 21000, "--for counts from the start");
	closed(true, 0, ST_OK);
	next_is(MACHINE_ACT_CLOSE);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_NOTHING, "the exit status is 124 without a message");
	tear_down();
}

static void test_stop(void)
{
	size_t len;
	const char *p;

	set_up();
	go_live();
	message(1, 1);
	message(2, 2);
	p = output_queue_peek(&rig.output, &len);
	output_queue_consumed(&rig.output, rig.cursor, 10);
	machine_stop(rig.m, rig.now, ST_SIGTERM);
	message(3, 3);
	tap_ok(quiet(), "a signal in the middle of a line gives the reader some time");
	tick();
	p = output_queue_peek(&rig.output, &len);
	tap_ok(quiet() && len && memchr(p, '\n', len) == p + len - 1, "only the rest of the started line is left");
	output_queue_consumed(&rig.output, rig.cursor, len);
	machine_output_drained(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_CLOSE), "the connection is closed when the line is written");
	closed(true, 0, ST_OK);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_SIGTERM, "the exit status is 143");
	tap_int(cursor_find(rig.cursor, "chat-oneToOne", "bob@x")->count, 1,
		"the cursor has advanced over the acknowledged line");
	tear_down();

	set_up();
	go_live();
	message(1, 1);
	machine_reader_gone(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_CLOSE), "a closed pipe ends the run at once");
	closed(true, 0, ST_OK);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_SIGPIPE, "the run ends without an error message");
	tear_down();
}

static void test_once(void)
{
	set_up();
	rig.options.once = true;
	start();
	tap_ok(next_job_is(JOB_SETUP) && rig.last.request.token_only, "--once needs no channel");
	done_prepare("/ws");
	tap_ok(next_job_is(JOB_CONVERSATIONS), "--once opens no socket");
	done_sessions("bob@x", 1600000002);
	next_job_is(JOB_PAGE);
	done_page(2, 1, NULL);
	tap_str(numbers(), "1 2", "messages of the history are printed");
	tap_ok(next_is(MACHINE_ACT_READY), "--once is ready when the backfill is complete");
	machine_output_drained(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_EXIT) && rig.last.status == ST_OK, "--once exits with 0");
	tear_down();

	/* no messages; the next run starts here */
	set_up();
	rig.options.once = true;
	start();
	next_job_is(JOB_SETUP);
	done_prepare("/ws");
	next_job_is(JOB_CONVERSATIONS);
	done_sessions(NULL, 0);
	tap_ok(next_is(MACHINE_ACT_READY) && next_is(MACHINE_ACT_EXIT),
		"--once without messages is ready before it exits");
	tear_down();
}

static void test_exec_queue(void)
{
	struct exec_entry *item, *second;
	int64_t due = LISTEN_NEVER;

	set_up();
	rig.io.exec = &rig.exec_queue;
	go_live();
	message(1, 1);
	message(2, 2);
	raw("{\"chatMessageNotification\":{\"id\":\"t\",\"isComposing\":{\"state\":\"active\",\"senderAddress\":\"bob@x\"}}}");
	tap_int((intmax_t)rig.exec_queue.count, 2, "only messages wait for the command");
	item = exec_queue_begin(&rig.exec_queue, rig.now, &due);
	tap_ok(item && strstr(item->line, "text 1"), "the first command starts");
	tap_ok(!exec_queue_begin(&rig.exec_queue, rig.now, &due), "the second command of the conversation waits");
	machine_stop(rig.m, rig.now, ST_SIGTERM);
	tap_ok(quiet() && machine_deadline(rig.m) == LISTEN_NEVER, "a running command may finish");
	exec_queue_finish(&rig.exec_queue, rig.cursor, item);
	machine_output_drained(rig.m, rig.now);
	second = exec_queue_begin(&rig.exec_queue, rig.now, &due);
	tap_ok(!second && next_is(MACHINE_ACT_CLOSE), "no other command starts");
	tap_int(cursor_find(rig.cursor, "chat-oneToOne", "bob@x")->count, 1, "only the first message is acknowledged");
	tear_down();
}

/* Messages without a command after one whose command is still running. */
static void test_exec_queue_in_order(void)
{
	const struct cursor_conversation *bob;
	struct exec_entry *item;
	int64_t due = LISTEN_NEVER;

	set_up();
	rig.io.exec = &rig.exec_queue;
	go_live();
	message(1, 1);
	for (int i = 2; i <= 46; i++)
		outbound(i, i);
	message(47, 47);
	outbound(48, 48);
	bob = cursor_find(rig.cursor, "chat-oneToOne", "bob@x");
	tap_int((intmax_t)bob->count, 0, "the cursor waits for the first message");
	item = exec_queue_begin(&rig.exec_queue, rig.now, &due);
	tap_ok(item && !exec_queue_begin(&rig.exec_queue, rig.now, &due), "only the first command starts");
	exec_queue_retry(&rig.exec_queue, item, rig.now);
	item = exec_queue_begin(&rig.exec_queue, rig.now, &due);
	exec_queue_finish(&rig.exec_queue, rig.cursor, item);
	tap_int((intmax_t)bob->count, 46, "the cursor advances up to the next message with a command");
	item = exec_queue_begin(&rig.exec_queue, rig.now, &due);
	tap_ok(item && strstr(item->line, "text 47"), "the command for the next message starts");
	exec_queue_finish(&rig.exec_queue, rig.cursor, item);
	tap_int((intmax_t)bob->count, 48, "the cursor advances over the last one");
	outbound(49, 49);
	tap_int((intmax_t)bob->count, 49, "a message without predecessors is skipped at once");
	tear_down();
}

/* A message without an ID. */
static void test_exec_queue_without_id(void)
{
	set_up();
	rig.io.exec = &rig.exec_queue;
	go_live();
	raw("{\"chatMessageNotification\":{\"id\":\"a\",\"chatMessage\":{\"text\":\"no link\",\"senderAddress\":\"bob@x\"}}}");
	raw("{\"inboundSMSMessageNotification\":{\"id\":\"b\",\"inboundSMSMessage\":{\"message\":\"no ID\",\"senderAddress\":\"+1\"}}}");
	tap_int((intmax_t)rig.exec_queue.count, 2, "a message without an ID is passed to the command");
	tap_int((intmax_t)output_queue_len(&rig.output), 0, "the outbound message is not printed");
	tear_down();
}

/* Skipped messages count for backpressure, too, while they wait for the line before them. */
static void test_paused_by_receipts(void)
{
	int count = 0;

	set_up();
	go_live();
	message(1, 1);
	while (count < 100000 && !next_action()) {
		outbound(2 + count, 2 + count);
		count++;
	}
	tap_ok(count < 20000 && rig.last.kind == MACHINE_ACT_PAUSE,
		"a slow reader pauses the socket, even if all messages are skipped");
	numbers();
	machine_output_drained(rig.m, rig.now);
	tap_ok(next_is(MACHINE_ACT_RESUME), "the socket is resumed when the line is consumed");
	tear_down();
}

static void test_hostile(void)
{
	static const char *const texts[] = { "", "{", "null", "[]", "{}", "\"x\"", "{\"chatMessageNotification\":null}",
		"{\"chatMessageNotification\":{\"id\":1,\"chatMessage\":7,\"link\":\"x\"}}", "\xff\xfe",
		"{\"connCheck\":[]}", "{\"unknownKind\":{\"id\":\"u1\",\"deep\":[[[[[]]]]]}}" };
	struct job_result r = { .job = JOB_PAGE };

	set_up();
	go_live();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		raw(texts[i]);
	tap_ok(has_text("unknownKind"), "an unknown kind is printed");
	while (next_action())
		;
	message(1, 1);
	tap_str(numbers(), "1", "no other input affects the next message");
	done(&r);
	tear_down();
}

int main(void)
{
	test_start();
	test_baseline();
	test_baseline_second();
	test_baseline_many();
	test_baseline_fails();
	test_start_fails();
	test_connect_fails();
	test_refused();
	test_refused_later();
	test_short_connections();
	test_busy();
	test_keepalive();
	test_server_role();
	test_paused();
	test_duplicates();
	test_merge();
	test_growing_history();
	test_long_history();
	test_clock_goes_back();
	test_two_numbers();
	test_too_long();
	test_unreadable();
	test_pages_without_end();
	test_abandoned_page();
	test_not_taken();
	test_history_fails();
	test_history_stalls();
	test_history_in_part();
	test_held_in_order();
	test_times_and_history();
	test_renewals();
	test_channel_over();
	test_token_over();
	test_channel_gone();
	test_cancelled();
	test_count();
	test_times();
	test_stop();
	test_once();
	test_exec_queue();
	test_exec_queue_in_order();
	test_exec_queue_without_id();
	test_paused_by_receipts();
	test_hostile();
	return tap_done();
}
