/* queue.h: order, shared uploads, lost responses, the window; with a scripted service in place of the client. */
#include "send/queue.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 20000, JOBS_MAX = 8, SETTLE_MS = 300 };

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
	char *history; /* of every conversation, newest first: the contents of the array, */
	int history_after; /* visible after so many lookups */
	enum status (*fault)(const struct call *call, struct err *err); /* NULL: everything works */
	bool overlapped; /* two messages of one conversation were in flight at once */
	enum status step_fails;
} service;

static enum status start(struct client *client, const struct client_call *call, client_done *done, void *arg,
	struct err *err)
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
			service.overlapped = true;
	}
	if (++service.under_way > service.most)
		service.most = service.under_way;
	return ST_OK;
}

static void answer(struct call *call)
{
	struct client_response answer = { .attempts = 1, .http = 201, .date_ms = clock_wall_ms() / 1000 * 1000 };
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
static enum status step(struct client *client, int wait_ms, int extra_fd, struct err *err)
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
	size_t count, sent, failed, unknown, blocked;
	bool disordered; /* lines did not come in order */
	int64_t last_line, attempts;
	struct err err;
	char order[200000]; /* "line:recipient " */
	struct send_queue *stop_at_failure;
} results;

static void on_result(void *arg, struct draft *draft, const struct send_result *result)
{
	(void)arg;
	results.count++;
	results.sent += result->outcome == OUTCOME_SENT;
	results.failed += result->outcome == OUTCOME_FAILED;
	results.unknown += result->outcome == OUTCOME_UNKNOWN;
	results.blocked += result->outcome == OUTCOME_BLOCKED;
	if (draft->line < results.last_line)
		results.disordered = true;
	results.last_line = draft->line;
	results.attempts = result->attempts;
	if (result->outcome != OUTCOME_SENT)
		results.err = result->err;
	if (strlen(results.order) < sizeof(results.order) - 100)
		sprintf(results.order + strlen(results.order), "%d:%s ", (int)draft->line,
			result->to ? result->to->id : "-");
	if (results.stop_at_failure && result->outcome == OUTCOME_FAILED)
		send_queue_stop(results.stop_at_failure);
}

static struct send_queue_config config_of(int64_t jobs)
{
	return (struct send_queue_config){ .transport = { start, step, NULL },
		.user_id = "u1",
		.sender = "alice@x",
		.correlator = "c",
		.retry = { .retries = 2, .delay_ms = 1 },
		.settle_ms = SETTLE_MS,
		.jobs = jobs,
		.result = on_result };
}

static struct send_queue *begin(const struct send_queue_config *config)
{
	service_reset();
	memset(&results, 0, sizeof(results));
	return send_queue_new(config);
}

static struct draft *item_to(int line, const char *to, const char *text)
{
	struct draft *draft = draft_new();
	char list[200], *next = list, *one;

	draft->line = line;
	snprintf(list, sizeof(list), "%s", to);
	while ((one = strsep(&next, " "))) {
		if (draft_add_to(draft, one, NULL, &draft->bad))
			break;
	}
	draft_set_text(draft, text, strlen(text));
	return draft;
}

static void drain(struct send_queue *queue)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 1000000 && !send_queue_is_empty(queue); i++) {
		if (send_queue_step(queue, 1000, -1, &err)) {
			printf("# %s\n", err.text);
			return;
		}
	}
	tap_ok(send_queue_is_empty(queue), "the queue drains");
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void test_many(bool unordered)
{
	struct send_queue_config config = config_of(JOBS_MAX);
	struct send_queue *queue;
	struct err err = ERR_INIT;
	size_t most = 0;
	int last[7] = { 0 };
	bool in_turn = true;

	config.unordered = unordered;
	queue = begin(&config);
	for (int line = 1; line <= 5000;) {
		size_t before = results.count;

		while (line <= 5000 && send_queue_has_room(queue)) {
			char to[32], text[32];

			snprintf(to, sizeof(to), "user%d@x", line % 7);
			snprintf(text, sizeof(text), "%d", line);
			send_queue_add(queue, item_to(line++, to, text));
		}
		if ((size_t)line - 1 - before > most)
			most = (size_t)line - 1 - before;
		if (send_queue_step(queue, 0, -1, &err))
			break;
	}
	drain(queue);
	tap_int((intmax_t)results.sent, 5000, unordered ? "5000 sent, as they come" : "5000 sent, in order");
	tap_ok(unordered == results.disordered,
		unordered ? "results come as they are known" : "results come in the order of the input");
	tap_int((intmax_t)service.most, unordered ? 7 : 7, "all conversations are in flight at once");
	tap_ok(!service.overlapped, "never two messages of a conversation at once");
	tap_ok(most <= SEND_QUEUE_WINDOW, "no more than the window is kept");
	for (size_t i = 0; i < service.count; i++) {
		int user, number;

		if (sscanf(service.calls[i].path, "/cpaas/chat/v1/u1/oneToOne/user%d@", &user) == 1 &&
			sscanf(service.calls[i].body, "{\"chatMessage\":{\"text\":\"%d\"", &number) == 1) {
			in_turn = in_turn && number > last[user];
			last[user] = number;
		}
	}
	tap_ok(in_turn, "messages of a conversation go out in the order of the input");
	send_queue_free(queue);
}

static void test_recipients(void)
{
	struct send_queue_config config = config_of(3);
	struct send_queue *queue = begin(&config);
	struct draft *bad = item_to(2, "nobody", "x");

	send_queue_add(queue, item_to(1, "a@x b@x a@x group:G sms:+123", "x"));
	send_queue_add(queue, bad);
	drain(queue);
	tap_str(results.order, "1:a@x 1:b@x 1:G 1:+123 2:- ",
		"a result for each recipient once, and one for a line without a valid recipient");
	tap_int(results.err.status, ST_DATA, "a missing recipient is bad data");
	send_queue_free(queue);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

/* stat(2) and fstat(2) of a file system with timestamps in whole seconds, if `coarse` is set. */
static bool coarse;

static int coarse_stat(int rc, struct stat *st)
{
	if (!rc && coarse)
		st->st_mtim.tv_nsec = st->st_ctim.tv_nsec = 0;
	return rc;
}

int stat(const char *restrict path, struct stat *restrict st)
{
	return coarse_stat(fstatat(AT_FDCWD, path, st, 0), st);
}

int fstat(int fd, struct stat *st)
{
	return coarse_stat(fstatat(fd, "", st, AT_EMPTY_PATH), st);
}

/* Waits for the beginning of a second. */
static void wait_for_second(void)
{
	struct timespec now;

	do {
		usleep(1000);
		clock_gettime(CLOCK_REALTIME, &now);
	} while (now.tv_nsec > 200000000);
}

static void attach(struct draft *draft, const char *path)
{
	struct err err = ERR_INIT;

	if (draft_add_path(draft, path, NULL, NULL, &err))
		printf("# %s\n", err.text);
}

static enum status refuse_upload(const struct call *call, struct err *err)
{
	return strstr(call->path, "/objects") && !strcmp(call->body, "b.txt") ? err_set(err, ST_AUTH, "too large")
									      : ST_OK;
}

static void test_uploads(void)
{
	struct send_queue_config config = config_of(4);
	struct send_queue *queue = begin(&config);

	write_file("a.txt", "aaa");
	write_file("b.txt", "bbb");
	for (int i = 1; i <= 10; i++) {
		struct draft *draft = item_to(i, "a@x b@x", "x");

		attach(draft, "a.txt");
		if (i > 5)
			attach(draft, "b.txt");
		send_queue_add(queue, draft);
	}
	drain(queue);
	tap_int((intmax_t)results.sent, 20, "20 messages with files");
	tap_int((intmax_t)calls_to("POST", "/objects"), 2, "each file is uploaded once");
	tap_ok(strstr(service.calls[service.count - 1].body,
		       "\"attachment\":[{\"name\":\"a.txt\",\"x-id\":\"x-a.txt\"},{\"name\":\"b.txt\",\"x-id\":\"x-b.txt\"}]"),
		"messages refer to the files by x-id");
	write_file("a.txt", "changed");
	send_queue_add(queue, item_to(11, "a@x", "x"));
	drain(queue);
	{
		struct draft *draft = item_to(12, "a@x", "x");

		attach(draft, "a.txt");
		send_queue_add(queue, draft);
	}
	drain(queue);
	tap_int((intmax_t)calls_to("POST", "/objects"), 3, "a changed file is uploaded again");
	send_queue_free(queue);
}

static void send_with(struct send_queue *queue, int line, const char *path)
{
	struct draft *draft = item_to(line, "a@x", "x");

	attach(draft, path);
	send_queue_add(queue, draft);
	drain(queue);
}

static void test_racy_files(void)
{
	struct send_queue_config config = config_of(4);
	struct send_queue *queue = begin(&config);
	const struct timespec old[] = { { time(NULL) - 100, 0 }, { time(NULL) - 100, 0 } };

	coarse = true;
	wait_for_second();
	write_file("c.txt", "aaa");
	utimensat(AT_FDCWD, "c.txt", old, 0);
	send_with(queue, 1, "c.txt");
	write_file("c.txt", "bbb");
	utimensat(AT_FDCWD, "c.txt", old, 0);
	send_with(queue, 2, "c.txt");
	tap_int((intmax_t)calls_to("POST", "/objects"), 2, "a file rewritten within the second is uploaded again");
	sleep(3);
	send_with(queue, 3, "c.txt");
	send_with(queue, 4, "c.txt");
	tap_int((intmax_t)calls_to("POST", "/objects"), 3, "a file that is older when it is read is uploaded once");
	coarse = false;
	send_queue_free(queue);
	unlink("c.txt");
}

static void test_bad_files(void)
{
	struct send_queue_config config = config_of(4);
	struct send_queue *queue = begin(&config);

	service.fault = refuse_upload;
	for (int i = 1; i <= 3; i++) {
		struct draft *draft = item_to(i, "a@x", "x");

		attach(draft, "a.txt");
		if (i == 2)
			attach(draft, "b.txt");
		send_queue_add(queue, draft);
	}
	drain(queue);
	tap_int((intmax_t)results.sent, 2, "messages without the refused file are sent");
	tap_int((intmax_t)results.failed, 1, "messages with the refused file fail");
	tap_str(results.err.text, "cannot upload 'b.txt': too large", "the error names the refused file");
	{
		struct draft *draft = item_to(4, "a@x", "x");

		attach(draft, "a.txt");
		attach(draft, "missing.txt");
		send_queue_add(queue, draft);
	}
	drain(queue);
	tap_int((intmax_t)results.failed, 2, "a message with a missing file fails");
	tap_int((intmax_t)calls_to("POST", "/objects"), 2, "files are checked before anything is uploaded");
	send_queue_free(queue);
	unlink("a.txt");
	unlink("b.txt");
}

/* ---- lost responses ---------------------------------------------------------------------------------------------- */

static int to_lose, shown_after, lost_http;
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
	err->http = lost_http;
	return st;
}

/* One message whose first `lost` responses are lost, with `history`. */
static void lost(int answers, const char *history, enum send_on_unknown how)
{
	struct send_queue_config config = config_of(1);
	struct send_queue *queue;

	config.on_unknown = how;
	queue = begin(&config);
	service.fault = lose;
	service.history = (char *)(uintptr_t)history;
	service.history_after = shown_after;
	to_lose = answers;
	send_queue_add(queue, item_to(1, "a@x", "hi"));
	drain(queue);
	send_queue_free(queue);
}

static void test_lost_answers(void)
{
	char found[200], earlier[200];
	size_t gets;

	snprintf(found, sizeof(found),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) + 1);
	snprintf(earlier, sizeof(earlier),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) - 60);
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 1, "a message in the history is not resent");
	lost(1, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 2, "a message that is certainly absent is resent");
	tap_ok(calls_to("GET", "/messages") > 2, "the history is checked until the settling time is over");
	tap_int(results.attempts, 2, "the attempts are counted");
	lost(9, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.failed == 1 && calls_to("POST", "/messages") == 3, "resending stops after two retries");
	tap_int(results.err.outcome, ERR_NOT_SENT, "a message that is absent after the last retry was not sent");
	lost(1, earlier, ON_UNKNOWN_CHECK);
	tap_ok(results.unknown == 1 && calls_to("POST", "/messages") == 1,
		"an inconclusive lookup gives unknown, and no resend");
	tap_int(results.err.status, ST_TEMPFAIL, "unknown is a temporary failure");
	history_fails = true;
	lost(1, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.unknown == 1 && calls_to("GET", "/messages") > 2,
		"a history that cannot be read is read again, and leaves it unknown");
	history_fails = false;
	shown_after = 3;
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("GET", "/messages") == 4 && calls_to("POST", "/messages") == 1,
		"a message that the history shows within the settling time is not sent again");
	shown_after = 1000;
	lost(1, found, ON_UNKNOWN_CHECK);
	gets = calls_to("GET", "/messages");
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 2, "one that it shows only later is sent again");
	pending = true;
	lost(1, found, ON_UNKNOWN_CHECK);
	tap_ok(results.sent == 1 && calls_to("GET", "/messages") > gets && calls_to("POST", "/messages") == 2,
		"after a gateway timeout the history is checked for longer");
	shown_after = 0;
	pending = false;
	lost_http = 200;
	lost(1, NULL, ON_UNKNOWN_CHECK);
	tap_ok(results.unknown == 1 && calls_to("POST", "/messages") == 1, "after a 2xx nothing is sent again");
	lost(1, found, ON_UNKNOWN_RESEND);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 1, "after a 2xx even resend looks it up");
	lost_http = 0;
	lost(1, NULL, ON_UNKNOWN_FAIL);
	tap_ok(results.unknown == 1 && !calls_to("GET", ""), "fail: no lookup");
	lost(9, NULL, ON_UNKNOWN_RESEND);
	tap_ok(results.unknown == 1 && calls_to("POST", "/messages") == 3, "resend: unknown if all responses are lost");
	lost(1, NULL, ON_UNKNOWN_RESEND);
	tap_ok(results.sent == 1 && !calls_to("GET", "") && calls_to("POST", "/messages") == 2, "resend: no lookup");
}

/* "ping" twice to the same recipient: the first must not be taken for the second. */
static void test_last_sent_id(void)
{
	struct send_queue_config config = config_of(1);
	struct send_queue *queue = begin(&config);
	char history[200];

	send_queue_add(queue, item_to(1, "a@x", "ping"));
	drain(queue);
	service.fault = lose;
	to_lose = 1;
	snprintf(history, sizeof(history),
		"{\"text\":\"ping\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m1\"}",
		(long long)time(NULL));
	service.history = history;
	send_queue_add(queue, item_to(2, "a@x", "ping"));
	drain(queue);
	tap_int((intmax_t)calls_to("POST", "/messages"), 3,
		"the previous message is not taken for this one, which is resent");
	tap_int((intmax_t)results.sent, 2, "both are sent");
	send_queue_free(queue);
}

static enum status bob_is_away(const struct call *call, struct err *err)
{
	return strstr(call->path, "bob@x") ? err_set(err, ST_UNAVAILABLE, "503") : ST_OK;
}

static void test_hold(void)
{
	struct send_queue_config config = config_of(2);
	struct send_queue *queue;

	config.block = true;
	queue = begin(&config);
	service.fault = bob_is_away;
	for (int i = 1; i <= 4; i++)
		send_queue_add(queue, item_to(i, i % 2 ? "bob@x" : "carol@x", "x"));
	drain(queue);
	tap_ok(results.failed == 1 && results.blocked == 1 && results.sent == 2,
		"block: later messages of the conversation are not tried, others are sent");
	tap_int((intmax_t)calls_to("POST", "bob@x"), 1, "block: no request for the blocked message");
	send_queue_free(queue);
	config.block = false;
	queue = begin(&config);
	service.fault = bob_is_away;
	for (int i = 1; i <= 4; i++)
		send_queue_add(queue, item_to(i, i % 2 ? "bob@x" : "carol@x", "x"));
	drain(queue);
	tap_ok(results.failed == 2 && results.sent == 2, "no block: each message is tried");
	send_queue_free(queue);
}

static enum status all_are_away(const struct call *call, struct err *err)
{
	(void)call;
	return err_set(err, ST_UNAVAILABLE, "503");
}

static void test_hold_all(void)
{
	struct send_queue_config config = config_of(7);
	struct send_queue *queue;
	struct err err = ERR_INIT;
	char to[40];

	config.block = true;
	queue = begin(&config);
	service.fault = all_are_away;
	for (int line = 1; line <= SEND_QUEUE_BLOCKED_MAX + 5000;) {
		for (; line <= SEND_QUEUE_BLOCKED_MAX + 5000 && send_queue_has_room(queue); line++) {
			snprintf(to, sizeof(to), "u%d@x", line);
			send_queue_add(queue, item_to(line, to, "x"));
		}
		if (send_queue_step(queue, 0, -1, &err))
			break;
	}
	drain(queue);
	tap_ok(results.failed >= SEND_QUEUE_BLOCKED_MAX &&
			results.failed < SEND_QUEUE_BLOCKED_MAX + SEND_QUEUE_WINDOW && !results.disordered,
		"no other is tried once too many conversations are blocked");
	tap_int((intmax_t)(results.failed + results.blocked), SEND_QUEUE_BLOCKED_MAX + 5000,
		"all others are blocked too");
	tap_ok(strstr(results.err.text, "16384 conversations are blocked") != NULL, "the error says why");
	send_queue_free(queue);
}

static void test_stop(void)
{
	struct send_queue_config config = config_of(1);
	struct send_queue *queue = begin(&config);
	struct err err = ERR_INIT;

	service.fault = bob_is_away;
	results.stop_at_failure = queue;
	for (int i = 1; i <= 100; i++)
		send_queue_add(queue, item_to(i, i == 10 ? "bob@x" : i % 2 ? "c@x" : "d@x", "x"));
	drain(queue);
	tap_ok(results.count == 100 && results.failed == 1 && results.sent >= 9 &&
			results.blocked == 99 - results.sent && results.blocked > 80,
		"nothing is started after a stop, and each message has a result");
	send_queue_add(queue, item_to(101, "e@x", "x"));
	drain(queue);
	tap_int((intmax_t)results.count, 101, "messages added after a stop are blocked");
	send_queue_free(queue);

	queue = begin(&config);
	send_queue_add(queue, item_to(1, "a@x", "x"));
	send_queue_add(queue, item_to(2, "a@x", "x"));
	service.step_fails = ST_SIGINT;
	tap_int(send_queue_step(queue, 0, -1, &err), ST_SIGINT, "a signal ends the step");
	send_queue_abort(queue, &err);
	tap_ok(results.unknown == 1 && results.blocked == 1, "abort: in flight is unknown, queued is blocked");
	send_queue_free(queue);
}

static bool before_fails;
static int before_calls;

static enum status before_post(void *arg, struct draft *draft, const struct message *message, int64_t now_ms,
	struct err *err)
{
	(void)arg;
	(void)draft;
	(void)now_ms;
	before_calls++;
	tap_str(message->text, "hi", "before_post gets the message");
	return before_fails ? err_set(err, ST_IO, "disk full") : ST_OK;
}

/* A message that an earlier process may have posted. */
static void test_uncertain(void)
{
	struct send_queue_config config = config_of(1);
	struct send_queue *queue;
	struct draft *draft;
	char history[200];

	config.before_post = before_post;
	snprintf(history, sizeof(history),
		"{\"text\":\"hi\",\"senderAddress\":\"alice@x\",\"dateTime\":%lld,\"resourceURL\":\"/messages/m5\"}",
		(long long)time(NULL) - 100);
	queue = begin(&config);
	service.history = history;
	draft = item_to(1, "a@x", "hi");
	draft->uncertain = true;
	draft->attempted_ms = ((int64_t)time(NULL) - 101) * 1000;
	send_queue_add(queue, draft);
	drain(queue);
	tap_ok(results.sent == 1 && !calls_to("POST", ""), "an earlier attempt is looked up first");
	tap_int(before_calls, 0, "before_post is not called if the lookup finds the message");
	send_queue_free(queue);

	queue = begin(&config);
	draft = item_to(1, "a@x", "hi");
	draft->uncertain = true;
	draft->attempted_ms = ((int64_t)time(NULL) - 101) * 1000;
	write_file("a.txt", "aaa");
	attach(draft, "a.txt");
	draft->files[0].xid = xstrdup("old");
	send_queue_add(queue, draft);
	drain(queue);
	tap_ok(results.sent == 1 && calls_to("POST", "/messages") == 1 && calls_to("POST", "/objects") == 1,
		"if it is not found, files and message are sent again");
	tap_ok(strstr(service.calls[service.count - 1].body, "x-a.txt"), "the message has the new x-id");
	send_queue_free(queue);
	unlink("a.txt");

	before_fails = true;
	queue = begin(&config);
	send_queue_add(queue, item_to(1, "a@x", "hi"));
	drain(queue);
	tap_ok(results.failed == 1 && results.err.status == ST_IO && !service.count,
		"a message is not posted if before_post fails");
	send_queue_free(queue);
}

int main(void)
{
	char dir[] = "/tmp/kandy-queue.XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	test_many(false);
	test_many(true);
	test_recipients();
	test_uploads();
	test_racy_files();
	test_bad_files();
	test_lost_answers();
	test_last_sent_id();
	test_hold();
	test_hold_all();
	test_stop();
	test_uncertain();
	service_reset();
	if (chdir("/") || rmdir(dir))
		return 1;
	return tap_done();
}
