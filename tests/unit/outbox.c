/*
 * outbox.h: order, shared uploads, lost answers, the window; with a service in place of the client that answers as it
 * is told.
 */
#include "send/outbox.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/sent_ids.h"
#include "tests/lib/tap.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 20000, JOBS_MAX = 8 };

/* ---- the service ----------------------------------------------------------------------------------------------- */

struct call {
	char *method, *path, *body;
	client_done *done;
	void *arg;
	bool answered;
};

static struct service {
	struct call calls[CALLS_MAX];
	size_t count, under_way, most;
	unsigned random;
	int message_id;
	char *history; /* of every conversation, newest first: the inside of the array, */
	int history_after; /* from so many looks on */
	enum status (*fault)(const struct call *call, struct err *err); /* NULL: everything works */
	bool in_lane_twice; /* two messages of one conversation were under way at once */
	enum status step_fails;
} service;

static enum status start(void *client, const struct client_call *call, client_done *done, void *arg, struct err *err)
{
	struct call *c = &service.calls[service.count++];

	(void)client;
	(void)err;
	*c = (struct call){ .method = xstrdup(call->method), .path = xstrdup(call->path), .done = done, .arg = arg };
	c->body = call->json ? xmemdup0(call->json, call->json_len)
			     : xstrdup(call->part_count ? call->parts[1].filename : "");
	for (size_t i = 0; i + 1 < service.count; i++) {
		const struct call *other = &service.calls[service.count > 64 ? service.count - 64 + i % 63 : i];

		if (other != c && other->path && !other->answered && strstr(c->path, "/messages") &&
			!strcmp(other->path, c->path))
			service.in_lane_twice = true;
	}
	if (++service.under_way > service.most)
		service.most = service.under_way;
	return ST_OK;
}

static void answer(struct call *call)
{
	struct client_response answer = { .attempts = 1, .http = 201, .date_ms = -1 };
	struct err err = ERR_INIT;
	enum status st = service.fault ? service.fault(call, &err) : ST_OK;

	call->answered = true;
	service.under_way--;
	buf_init(&answer.text, 1 << 20);
	if (!strcmp(call->method, "GET"))
		buf_addf(&answer.text, "{\"chatMessageList\":{\"chatMessage\":[%s]}}",
			service.history && service.history_after-- <= 0 ? service.history : "");
	else if (strstr(call->path, "/objects"))
		buf_addf(&answer.text,
			"{\"object\":{\"attributes\":{\"attribute\":[{\"name\":\"x-id\",\"value\":\"x-%s\"}]}}}",
			call->body);
	else
		buf_addf(&answer.text, "{\"chatMessage\":{\"status\":\"Sent\",\"resourceURL\":\"/messages/m%d\"}}",
			++service.message_id);
	if (!st)
		st = json_parse(&answer.json, answer.text.data, answer.text.len, NULL, &err);
	call->done(call->arg, st, &answer, &err);
	client_response_release(&answer);
}

/* Answers one of the calls that are under way: any of them. */
static enum status step(void *client, int wait_ms, int extra_fd, struct err *err)
{
	size_t first = service.count > 64 ? service.count - 64 : 0, which;

	(void)client;
	(void)extra_fd;
	if (service.step_fails)
		return err_set(err, service.step_fails, "interrupted");
	if (!service.under_way) {
		usleep((useconds_t)(wait_ms > 0 ? wait_ms : 0) * 1000);
		return ST_OK;
	}
	service.random = service.random * 1103515245 + 12345;
	which = service.random >> 16;
	for (;; which++) {
		struct call *call = &service.calls[first + which % (service.count - first)];

		if (!call->answered) {
			answer(call);
			return ST_OK;
		}
	}
}

static void service_reset(void)
{
	for (size_t i = 0; i < service.count; i++) {
		free(service.calls[i].method);
		free(service.calls[i].path);
		free(service.calls[i].body);
	}
	memset(&service, 0, sizeof(service));
	service.random = 7;
}

static size_t calls_to(const char *method, const char *part)
{
	size_t n = 0;

	for (size_t i = 0; i < service.count; i++)
		n += !strcmp(service.calls[i].method, method) && strstr(service.calls[i].path, part);
	return n;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static struct results {
	size_t count, sent, failed, unknown, held;
	bool disordered; /* lines did not come in order */
	int64_t last_line, attempts;
	struct err err;
	char order[200000]; /* "line:recipient " */
	struct outbox *stop_at_failure;
} results;

static void on_result(void *arg, struct outbox_item *item, const struct outbox_result *result)
{
	(void)arg;
	results.count++;
	results.sent += result->state == OUTBOX_SENT;
	results.failed += result->state == OUTBOX_FAILED;
	results.unknown += result->state == OUTBOX_UNKNOWN;
	results.held += result->state == OUTBOX_HELD;
	if (item->line < results.last_line)
		results.disordered = true;
	results.last_line = item->line;
	results.attempts = result->attempts;
	if (result->state != OUTBOX_SENT)
		results.err = result->err;
	if (strlen(results.order) < sizeof(results.order) - 100)
		sprintf(results.order + strlen(results.order), "%d:%s ", (int)item->line,
			result->to ? result->to->id : "-");
	if (results.stop_at_failure && result->state == OUTBOX_FAILED)
		outbox_stop(results.stop_at_failure);
}

static struct outbox_config config_of(int64_t jobs)
{
	return (struct outbox_config){ .transport = { start, step, NULL },
		.user_id = "u1",
		.sender = "alice@x",
		.correlator = "c",
		.retry = { .retries = 2, .delay_ms = 1 },
		.look_again_ms = 1,
		.jobs = jobs,
		.result = on_result };
}

static struct outbox *begin(const struct outbox_config *config)
{
	service_reset();
	memset(&results, 0, sizeof(results));
	return outbox_new(config);
}

static struct outbox_item *item_to(int line, const char *to, const char *text)
{
	struct outbox_item *item = item_new();
	char list[200], *next = list, *one;

	item->line = line;
	snprintf(list, sizeof(list), "%s", to);
	while ((one = strsep(&next, " "))) {
		if (item_add_to(item, one, NULL, &item->bad))
			break;
	}
	item_set_text(item, text, strlen(text));
	return item;
}

static void drain(struct outbox *outbox)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 1000000 && !outbox_idle(outbox); i++) {
		if (outbox_step(outbox, 1000, -1, &err)) {
			printf("# %s\n", err.text);
			return;
		}
	}
	tap_ok(outbox_idle(outbox), "it comes to an end");
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void test_many(bool unordered)
{
	struct outbox_config config = config_of(JOBS_MAX);
	struct outbox *outbox;
	struct err err = ERR_INIT;
	size_t most = 0;
	int last[7] = { 0 };
	bool in_turn = true;

	config.unordered = unordered;
	outbox = begin(&config);
	for (int line = 1; line <= 5000;) {
		size_t before = results.count;

		while (line <= 5000 && outbox_room(outbox)) {
			char to[32], text[32];

			snprintf(to, sizeof(to), "user%d@x", line % 7);
			snprintf(text, sizeof(text), "%d", line);
			outbox_add(outbox, item_to(line++, to, text));
		}
		if ((size_t)line - 1 - before > most)
			most = (size_t)line - 1 - before;
		if (outbox_step(outbox, 0, -1, &err))
			break;
	}
	drain(outbox);
	tap_int((intmax_t)results.sent, 5000, unordered ? "5000 sent, as they come" : "5000 sent, in order");
	tap_ok(unordered == results.disordered,
		unordered ? "results come as they are known" : "results come in the order of the input");
	tap_int((intmax_t)service.most, unordered ? 7 : 7, "all conversations go at once");
	tap_ok(!service.in_lane_twice, "never two messages of a conversation at once");
	tap_ok(most <= OUTBOX_WINDOW, "no more than the window is kept");
	for (size_t i = 0; i < service.count; i++) {
		int user, number;

		if (sscanf(service.calls[i].path, "/cpaas/chat/v1/u1/oneToOne/user%d@", &user) == 1 &&
			sscanf(service.calls[i].body, "{\"chatMessage\":{\"text\":\"%d\"", &number) == 1) {
			in_turn = in_turn && number > last[user];
			last[user] = number;
		}
	}
	tap_ok(in_turn, "messages of a conversation go out in the order of the input");
	outbox_free(outbox);
}

static void test_recipients(void)
{
	struct outbox_config config = config_of(3);
	struct outbox *outbox = begin(&config);
	struct outbox_item *bad = item_to(2, "nobody", "x");

	outbox_add(outbox, item_to(1, "a@x b@x a@x group:G sms:+123", "x"));
	outbox_add(outbox, bad);
	drain(outbox);
	tap_str(results.order, "1:a@x 1:b@x 1:G 1:+123 2:- ",
		"a result for each recipient once, and one for what names nobody");
	tap_int(results.err.status, ST_DATA, "which is bad data");
	outbox_free(outbox);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void attach(struct outbox_item *item, const char *path)
{
	struct err err = ERR_INIT;

	if (item_add_path(item, path, NULL, NULL, &err))
		printf("# %s\n", err.text);
}

static enum status refuse_upload(const struct call *call, struct err *err)
{
	return strstr(call->path, "/objects") && !strcmp(call->body, "b.txt") ? err_set(err, ST_AUTH, "too large")
									      : ST_OK;
}

static void test_uploads(void)
{
	struct outbox_config config = config_of(4);
	struct outbox *outbox = begin(&config);

	write_file("a.txt", "aaa");
	write_file("b.txt", "bbb");
	for (int i = 1; i <= 10; i++) {
		struct outbox_item *item = item_to(i, "a@x b@x", "x");

		attach(item, "a.txt");
		if (i > 5)
			attach(item, "b.txt");
		outbox_add(outbox, item);
	}
	drain(outbox);
	tap_int((intmax_t)results.sent, 20, "20 messages with files");
	tap_int((intmax_t)calls_to("POST", "/objects"), 2, "each file is uploaded once");
	tap_ok(strstr(service.calls[service.count - 1].body,
		       "\"attachment\":[{\"name\":\"a.txt\",\"x-id\":\"x-a.txt\"},{\"name\":\"b.txt\",\"x-id\":\"x-b.txt\"}]"),
		"and named by its x-id");
	write_file("a.txt", "changed");
	outbox_add(outbox, item_to(11, "a@x", "x"));
	drain(outbox);
	{
		struct outbox_item *item = item_to(12, "a@x", "x");

		attach(item, "a.txt");
		outbox_add(outbox, item);
	}
	drain(outbox);
	tap_int((intmax_t)calls_to("POST", "/objects"), 3, "a file that has changed is uploaded anew");
	outbox_free(outbox);
}

static void test_bad_files(void)
{
	struct outbox_config config = config_of(4);
	struct outbox *outbox = begin(&config);

	service.fault = refuse_upload;
	for (int i = 1; i <= 3; i++) {
		struct outbox_item *item = item_to(i, "a@x", "x");

		attach(item, "a.txt");
		if (i == 2)
			attach(item, "b.txt");
		outbox_add(outbox, item);
	}
	drain(outbox);
	tap_int((intmax_t)results.sent, 2, "a file that is refused");
	tap_int((intmax_t)results.failed, 1, "spoils the messages that carry it, and no others");
	tap_str(results.err.text, "cannot upload 'b.txt': too large", "whose error names it");
	{
		struct outbox_item *item = item_to(4, "a@x", "x");

		attach(item, "a.txt");
		attach(item, "missing.txt");
		outbox_add(outbox, item);
	}
	drain(outbox);
	tap_int((intmax_t)results.failed, 2, "a missing file fails");
	tap_int((intmax_t)calls_to("POST", "/objects"), 2, "before anything is uploaded for its message");
	outbox_free(outbox);
	unlink("a.txt");
	unlink("b.txt");
}

/* ---- lost answers ---------------------------------------------------------------------------------------------- */

static int to_lose, shown_after;
static bool history_fails, pending;

static enum status lose(const struct call *call, struct err *err)
{
	enum status st;

	if (!strcmp(call->method, "GET") && history_fails)
		return err_set(err, ST_UNAVAILABLE, "down");
	if (strcmp(call->method, "POST") || to_lose-- <= 0)
		return ST_OK;
	st = err_set(err, ST_TEMPFAIL, "no answer");
	err->outcome = ERR_MAYBE_SENT;
	err->pending = pending;
	return st;
}

/* One message whose first `lost` answers are lost, with `history`. */
static void lost(int answers, const char *history, enum outbox_on_unknown how)
{
	struct outbox_config config = config_of(1);
	struct outbox *outbox;

	config.on_unknown = how;
	outbox = begin(&config);
	service.fault = lose;
	service.history = (char *)(uintptr_t)history;
	service.history_after = shown_after;
	to_lose = answers;
	outbox_add(outbox, item_to(1, "a@x", "hi"));
	drain(outbox);
	outbox_free(outbox);
}

static void test_lost_answers(void)
{
	char found[200], older[200];

	snprintf(found, sizeof(found),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) + 1);
	snprintf(older, sizeof(older),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) - 60);
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 1,
		"what history shows is sent, and not sent again");
	lost(1, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 2,
		"what history surely does not show is sent again");
	tap_int((intmax_t)calls_to("GET", "/messages"), 3, "after a third look");
	tap_int(results.attempts, 2, "the attempts are counted");
	lost(9, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.failed == 1 && calls_to("POST", "/messages") == 3, "but not for ever: two retries");
	tap_int(results.err.outcome, ERR_NOT_SENT, "and it is known not to have arrived");
	lost(1, older, ON_UNKNOWN_CHECK);
	tap_ok(results.unknown == 1 && calls_to("POST", "/messages") == 1,
		"what cannot be told is unknown, and not sent again");
	tap_int(results.err.status, ST_TEMPFAIL, "as a temporary failure");
	history_fails = true;
	lost(1, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.unknown == 1, "a history that cannot be read tells nothing");
	history_fails = false;
	shown_after = 4;
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("GET", "/messages") == 3 && calls_to("POST", "/messages") == 2,
		"history is given three chances to show it, no more");
	pending = true;
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("GET", "/messages") == 5 && calls_to("POST", "/messages") == 1,
		"but several where the service may still be at work on it");
	shown_after = 100;
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("GET", "/messages") == 6 && calls_to("POST", "/messages") == 2,
		"though not for ever");
	shown_after = 0;
	pending = false;
	lost(1, NULL, ON_UNKNOWN_FAIL);
	tap_ok(results.unknown == 1 && !calls_to("GET", ""), "'fail' does not ask");
	lost(9, NULL, ON_UNKNOWN_RESEND);
	tap_ok(results.unknown == 1 && calls_to("POST", "/messages") == 3,
		"'resend' that loses all answers leaves it unknown");
	lost(1, NULL, ON_UNKNOWN_RESEND);
	tap_ok(results.sent == 1 && !calls_to("GET", "") && calls_to("POST", "/messages") == 2,
		"'resend' does not ask either");
}

/* One message that is answered with m1 (and m2, if it is posted again), with what `note` has put into the table. */
static void taken(void (*note)(struct sent_ids *ids, int64_t now))
{
	struct outbox_config config = config_of(1);
	char path[] = "/tmp/kandy-outbox-XXXXXX";
	int fd = mkstemp(path);
	struct sent_ids *ids = sent_ids_new(path);
	struct outbox_item *item = item_to(1, "a@x", "hi");
	struct outbox *outbox;

	note(ids, clock_wall_ms());
	config.sent_ids = path;
	outbox = begin(&config);
	item->origin = xstrdup("mine");
	outbox_add(outbox, item);
	drain(outbox);
	outbox_free(outbox);
	sent_ids_free(ids);
	if (fd >= 0)
		close(fd);
	unlink(path);
}

static void found_by_another(struct sent_ids *ids, int64_t now)
{
	sent_ids_find(ids, "m1", NULL, now + 60000);
}

static void found_twice(struct sent_ids *ids, int64_t now)
{
	sent_ids_find(ids, "m1", NULL, now + 60000);
	sent_ids_find(ids, "m2", "another", now + 60000);
}

static void found_before(struct sent_ids *ids, int64_t now)
{
	sent_ids_find(ids, "m1", "another", now - 1000);
}

static void found_by_us(struct sent_ids *ids, int64_t now)
{
	sent_ids_find(ids, "m1", "mine", now + 60000);
}

static void posted_by_another(struct sent_ids *ids, int64_t now)
{
	(void)now;
	sent_ids_note(ids, "m1", "another");
}

static void test_taken(void)
{
	taken(found_by_another);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 2,
		"a message that another process took for its own while it was being posted is sent once more");
	tap_int(results.attempts, 2, "which is counted");
	taken(found_twice);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 2, "once");
	taken(found_before);
	tap_int((intmax_t)calls_to("POST", "/messages"), 1, "but not for an ID that was found before the post began");
	taken(found_by_us);
	tap_int((intmax_t)calls_to("POST", "/messages"), 1, "nor for what was found for the message itself");
	taken(posted_by_another);
	tap_int((intmax_t)calls_to("POST", "/messages"), 1, "nor where the service gives the same answer to two");
}

/* "ping" twice to the same person: the first must not be taken for the second. */
static void test_anchor(void)
{
	struct outbox_config config = config_of(1);
	struct outbox *outbox = begin(&config);
	char history[200];

	outbox_add(outbox, item_to(1, "a@x", "ping"));
	drain(outbox);
	service.fault = lose;
	to_lose = 1;
	snprintf(history, sizeof(history),
		"{\"text\":\"ping\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m1\"}",
		(long long)time(NULL));
	service.history = history;
	outbox_add(outbox, item_to(2, "a@x", "ping"));
	drain(outbox);
	tap_int((intmax_t)calls_to("POST", "/messages"), 3,
		"the message before it is not taken for it: it is sent again");
	tap_int((intmax_t)results.sent, 2, "both are sent");
	outbox_free(outbox);
}

static enum status bob_is_away(const struct call *call, struct err *err)
{
	return strstr(call->path, "bob@x") ? err_set(err, ST_UNAVAILABLE, "503") : ST_OK;
}

static void test_hold(void)
{
	struct outbox_config config = config_of(2);
	struct outbox *outbox;

	config.hold = true;
	outbox = begin(&config);
	service.fault = bob_is_away;
	for (int i = 1; i <= 4; i++)
		outbox_add(outbox, item_to(i, i % 2 ? "bob@x" : "carol@x", "x"));
	drain(outbox);
	tap_ok(results.failed == 1 && results.held == 1 && results.sent == 2,
		"with hold, nothing overtakes what waits, and others go on");
	tap_int((intmax_t)calls_to("POST", "bob@x"), 1, "the held one was not tried");
	outbox_free(outbox);
	config.hold = false;
	outbox = begin(&config);
	service.fault = bob_is_away;
	for (int i = 1; i <= 4; i++)
		outbox_add(outbox, item_to(i, i % 2 ? "bob@x" : "carol@x", "x"));
	drain(outbox);
	tap_ok(results.failed == 2 && results.sent == 2, "without it, each is tried");
	outbox_free(outbox);
}

static enum status all_are_away(const struct call *call, struct err *err)
{
	(void)call;
	return err_set(err, ST_UNAVAILABLE, "503");
}

static void test_hold_all(void)
{
	struct outbox_config config = config_of(7);
	struct outbox *outbox;
	struct err err = ERR_INIT;
	char to[40];

	config.hold = true;
	outbox = begin(&config);
	service.fault = all_are_away;
	for (int line = 1; line <= OUTBOX_HELD_MAX + 5000;) {
		for (; line <= OUTBOX_HELD_MAX + 5000 && outbox_room(outbox); line++) {
			snprintf(to, sizeof(to), "u%d@x", line);
			outbox_add(outbox, item_to(line, to, "x"));
		}
		if (outbox_step(outbox, 0, -1, &err))
			break;
	}
	drain(outbox);
	tap_ok(results.failed >= OUTBOX_HELD_MAX && results.failed < OUTBOX_HELD_MAX + OUTBOX_WINDOW &&
			!results.disordered,
		"with so many conversations that wait, no other is tried");
	tap_int((intmax_t)(results.failed + results.held), OUTBOX_HELD_MAX + 5000, "all the others wait, too");
	tap_ok(strstr(results.err.text, "messages to 16384 others are waiting") != NULL, "and it is said why");
	outbox_free(outbox);
}

static void test_stop(void)
{
	struct outbox_config config = config_of(1);
	struct outbox *outbox = begin(&config);
	struct err err = ERR_INIT;

	service.fault = bob_is_away;
	results.stop_at_failure = outbox;
	for (int i = 1; i <= 100; i++)
		outbox_add(outbox, item_to(i, i == 10 ? "bob@x" : i % 2 ? "c@x" : "d@x", "x"));
	drain(outbox);
	tap_ok(results.count == 100 && results.failed == 1 && results.sent >= 9 && results.held == 99 - results.sent &&
			results.held > 80,
		"after a stop nothing more is begun, and everything is accounted for");
	outbox_add(outbox, item_to(101, "e@x", "x"));
	drain(outbox);
	tap_int((intmax_t)results.count, 101, "what is added later is held too");
	outbox_free(outbox);

	outbox = begin(&config);
	outbox_add(outbox, item_to(1, "a@x", "x"));
	outbox_add(outbox, item_to(2, "a@x", "x"));
	service.step_fails = ST_SIGINT;
	tap_int(outbox_step(outbox, 0, -1, &err), ST_SIGINT, "a signal ends the step");
	outbox_abandon(outbox, &err);
	tap_ok(results.unknown == 1 && results.held == 1, "what was under way is unknown then, what was not is held");
	outbox_free(outbox);
}

static bool before_fails;
static int before_calls;

static enum status before(void *arg, struct outbox_item *item, const struct message *message, int64_t now_ms,
	struct err *err)
{
	(void)arg;
	(void)item;
	(void)now_ms;
	before_calls++;
	tap_str(message->text, "hi", "the message is ready when it is about to be posted");
	return before_fails ? err_set(err, ST_IO, "disk full") : ST_OK;
}

/* What an earlier process may have posted. */
static void test_uncertain(void)
{
	struct outbox_config config = config_of(1);
	struct outbox *outbox;
	struct outbox_item *item;
	char history[200];

	config.before = before;
	snprintf(history, sizeof(history),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) - 100);
	outbox = begin(&config);
	service.history = history;
	item = item_to(1, "a@x", "hi");
	item->uncertain = true;
	item->attempted_ms = ((int64_t)time(NULL) - 101) * 1000;
	outbox_add(outbox, item);
	drain(outbox);
	tap_ok(results.sent == 1 && !calls_to("POST", ""), "an earlier attempt is looked for first");
	tap_int(before_calls, 0, "and nothing is about to be posted");
	outbox_free(outbox);

	outbox = begin(&config);
	item = item_to(1, "a@x", "hi");
	item->uncertain = true;
	item->attempted_ms = ((int64_t)time(NULL) - 101) * 1000;
	write_file("a.txt", "aaa");
	attach(item, "a.txt");
	item->files[0].xid = xstrdup("old");
	outbox_add(outbox, item);
	drain(outbox);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 1 && calls_to("POST", "/objects") == 1,
		"where it is not found, files and message are sent anew");
	tap_ok(strstr(service.calls[service.count - 1].body, "x-a.txt"), "with the new x-id");
	outbox_free(outbox);
	unlink("a.txt");

	before_fails = true;
	outbox = begin(&config);
	outbox_add(outbox, item_to(1, "a@x", "hi"));
	drain(outbox);
	tap_ok(results.failed == 1 && results.err.status == ST_IO && !service.count,
		"what cannot be noted down is not posted");
	outbox_free(outbox);
}

int main(void)
{
	char dir[] = "/tmp/kandy-outbox.XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	test_many(false);
	test_many(true);
	test_recipients();
	test_uploads();
	test_bad_files();
	test_lost_answers();
	test_taken();
	test_anchor();
	test_hold();
	test_hold_all();
	test_stop();
	test_uncertain();
	service_reset();
	if (chdir("/") || rmdir(dir))
		return 1;
	return tap_done();
}
