/* Smaller parts of a listener: hashes, stack, output queue, exec queue, the variables of --exec, renewal times. */
#include "tests/lib/tap.h"

#include "listen/job.h"
#include "listen/listen.h"
#include "listen/output_queue.h"
#include "listen/exec.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/spill_stack.h"

#include <stdlib.h>

static void test_hash(void)
{
	/* the first vectors of the SipHash paper's reference: key 00..0f, inputs of growing length */
	struct hash_key key = { { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) } };
	static const unsigned char input[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };

	tap_ok(hash_bytes(&key, input, 0) == UINT64_C(0x726fdb47dd0e0e31), "SipHash-2-4 of nothing");
	tap_ok(hash_bytes(&key, input, 8) == UINT64_C(0x93f5f5799a932462), "SipHash-2-4 of eight bytes");
	tap_ok(hash_bytes(&key, input, 15) == UINT64_C(0xa129ca6149be45e5), "SipHash-2-4 of fifteen bytes");
}

static void test_recent(void)
{
	struct hash_recent r;
	bool fine = true;

	hash_recent_init(&r, 1000);
	for (uint64_t i = 0; i < 50000; i++) {
		fine = fine && hash_recent_add(&r, i * 64); /* all of them want the same few places */
		fine = fine && !hash_recent_add(&r, i * 64);
		fine = fine && (i < 1000 || !hash_recent_has(&r, (i - 1000) * 64 + !(i - 1000)));
		fine = fine && (i < 999 || hash_recent_has(&r, (i - 999) * 64));
	}
	tap_ok(fine, "exactly the last thousand are known, also when they collide");
	hash_recent_release(&r);
}

static void test_stack(void)
{
	struct err err = ERR_INIT;
	struct spill_stack stack;
	struct buf out;
	char record[5000];
	bool fine = true;
	int pushed = 0, popped = 0;

	spill_stack_init(&stack, 20000, "/tmp");
	buf_init(&out, BUF_NO_MAX);
	srand(7);
	/* up and down, mostly up, then all the way down */
	for (int round = 0; round < 3000 || pushed > popped; round++) {
		if (round < 3000 && (rand() % 3 || pushed == popped)) {
			int number = pushed - popped;
			size_t len = (size_t)number % 4000 + sizeof(number);

			memset(record, 'x', sizeof(record));
			memcpy(record, &number, sizeof(number));
			fine = fine && !spill_stack_push(&stack, record, len, &err);
			pushed++;
		} else {
			int number = pushed - ++popped, got;

			buf_clear(&out);
			fine = fine && !spill_stack_pop(&stack, &out, &err);
			memcpy(&got, out.data, sizeof(got));
			fine = fine && got == number && out.len == (size_t)number % 4000 + sizeof(number);
		}
		fine = fine && stack.top.len < 40000;
	}
	tap_ok(fine && spill_stack_empty(&stack), "records come off in the reverse order, in bounded memory");
	spill_stack_release(&stack);
	buf_release(&out);
	spill_stack_init(&stack, 10, "/proc/nonexistent");
	tap_ok(!spill_stack_push(&stack, "1234567890", 10, &err) &&
			spill_stack_push(&stack, "1234567890", 10, &err) == ST_IO,
		"ST_IO if no temporary file can be created");
	spill_stack_release(&stack);
}

static void test_output_queue(void)
{
	struct cursor *cursor = cursor_new("/proc/nonexistent/cursor");
	struct cursor_conversation *conversation = cursor_conversation(cursor, "sms", 3, "+1", 2);
	struct output_queue o;
	size_t len;

	output_queue_init(&o);
	output_queue_checkpoint(&o, cursor, conversation, 1, 1000);
	tap_int((intmax_t)conversation->count, 1, "an empty queue: the cursor advances at once");
	buf_adds(&o.bytes, "first\n");
	output_queue_checkpoint(&o, cursor, conversation, 2, 1000);
	output_queue_checkpoint(&o, cursor, conversation, 3, 1000); /* one that a filter left out */
	buf_adds(&o.bytes, "second\n");
	output_queue_checkpoint(&o, cursor, conversation, 4, 1000);
	tap_ok(!output_queue_consumed(&o, cursor, 5) && conversation->count == 1,
		"most of a line does not acknowledge it");
	tap_ok(output_queue_consumed(&o, cursor, 1) && conversation->count == 3,
		"its end does, and the filtered message after it");
	output_queue_consumed(&o, cursor, 3);
	buf_adds(&o.bytes, "third\n");
	output_queue_checkpoint(&o, cursor, conversation, 5, 1000);
	output_queue_truncate(&o);
	tap_str(output_queue_peek(&o, &len), "ond\n", "truncate keeps the rest of a partly written line");
	output_queue_consumed(&o, cursor, len);
	tap_int((intmax_t)conversation->count, 4, "the rest of the line is acknowledged");
	buf_adds(&o.bytes, "fourth\n");
	output_queue_truncate(&o);
	tap_int((intmax_t)output_queue_len(&o), 0, "truncate between lines keeps nothing");
	output_queue_release(&o);
	cursor_free(cursor);
}

static size_t queued(const struct exec_queue *h, const struct cursor_conversation *conversation)
{
	return conversation->index < h->state_cap ? h->states[conversation->index].queued : 0;
}

static void test_exec_queue(void)
{
	struct cursor *cursor = cursor_new("/proc/nonexistent/cursor");
	struct cursor_conversation *a = cursor_conversation(cursor, "sms", 3, "a", 1),
				   *b = cursor_conversation(cursor, "sms", 3, "b", 1);
	struct exec_entry *first, *second;
	int64_t due = INT64_MAX;
	struct exec_queue h;

	exec_queue_init(&h);
	exec_queue_add(&h, "1\n", 2, a, 1, 1000);
	exec_queue_add(&h, "2\n", 2, a, 2, 1000);
	exec_queue_add(&h, "3\n", 2, b, 3, 1000);
	first = exec_queue_begin(&h, 0, &due);
	second = exec_queue_begin(&h, 0, &due);
	tap_ok(first && first->id == 1 && second && second->id == 3, "one of each conversation starts at once");
	tap_ok(!exec_queue_begin(&h, 0, &due) && due == INT64_MAX, "no second one of the same conversation starts");
	exec_queue_retry(&h, first, 500);
	tap_ok(!exec_queue_begin(&h, 499, &due) && due == 500, "a failed one is not due early, and none overtakes it");
	first = exec_queue_begin(&h, 500, &due);
	tap_ok(first && first->id == 1, "a failed one starts again when it is due");
	exec_queue_finish(&h, cursor, first);
	first = exec_queue_begin(&h, 500, &due);
	tap_ok(first && first->id == 2, "the next one starts when it is acknowledged");
	exec_queue_finish(&h, cursor, second);
	exec_queue_finish(&h, cursor, first);
	exec_queue_add(&h, "4\n", 2, a, 4, 1000);
	tap_ok(h.count == 1 && !h.running && h.bytes == sizeof(struct exec_entry) + 2 && queued(&h, a) == 1 &&
			!queued(&h, b),
		"the counters are right");
	h.closed = true;
	tap_ok(!exec_queue_begin(&h, 500, &due), "a closed queue starts nothing");
	exec_queue_release(&h);
	tap_int((intmax_t)(a->count + b->count), 3, "the cursor has advanced over acknowledged messages");
	tap_ok(!h.count && !h.first, "the queue is empty after a release");
	exec_queue_skip(&h, cursor, a, 5, 1000);
	tap_ok(cursor_taken(a, 5), "a message without a command is acknowledged at once");
	exec_queue_add(&h, "6\n", 2, NULL, 0, 1000);
	exec_queue_add(&h, "7\n", 2, NULL, 0, 1000);
	exec_queue_add(&h, "8\n", 2, a, 8, 1000);
	exec_queue_skip(&h, cursor, b, 9, 1000);
	exec_queue_skip(&h, cursor, a, 10, 1000);
	tap_ok(cursor_taken(b, 9) && !cursor_taken(a, 10), "a message without a command waits for its predecessors");
	first = exec_queue_begin(&h, 0, &due);
	second = exec_queue_begin(&h, 0, &due);
	tap_ok(first && !first->conversation && second && second->id == 8 && !exec_queue_begin(&h, 0, &due),
		"messages without a conversation run one at a time");
	exec_queue_finish(&h, cursor, second);
	tap_ok(cursor_taken(a, 8) && cursor_taken(a, 10), "a message without a command follows its predecessor");
	exec_queue_finish(&h, cursor, first);
	first = exec_queue_begin(&h, 0, &due);
	tap_ok(first && !strcmp(first->line, "7\n"), "messages without a conversation keep their order");
	exec_queue_finish(&h, cursor, first);
	tap_ok(!h.first && h.last == &h.first && !h.count && !h.bytes && !h.no_conversation.queued,
		"the counters are 0");
	exec_queue_add(&h, "11\n", 3, a, 11, 1000);
	exec_queue_add(&h, "12\n", 3, b, 12, 1000);
	exec_queue_skip(&h, cursor, a, 13, 1000);
	exec_queue_add(&h, "14\n", 3, a, 14, 1000);
	first = exec_queue_begin(&h, 0, &due);
	exec_queue_defer(&h, first);
	exec_queue_add(&h, "15\n", 3, a, 15, 1000);
	exec_queue_skip(&h, cursor, a, 16, 1000);
	tap_int((intmax_t)h.deferred, 3, "a deferred message, and those after it, are counted");
	tap_ok(!cursor_taken(a, 13) && !cursor_taken(a, 16), "the cursor does not advance over deferred messages");
	second = exec_queue_begin(&h, 0, &due);
	tap_ok(second && second->id == 12 && h.count == 1, "other conversations go on");
	exec_queue_finish(&h, cursor, second);
	tap_ok(!h.first && h.last == &h.first && !h.count && !h.bytes && !h.running, "the counters are 0 again");
	exec_queue_add(&h, "17\n", 3, NULL, 0, 1000);
	exec_queue_add(&h, "18\n", 3, NULL, 0, 1000);
	exec_queue_defer(&h, exec_queue_begin(&h, 0, &due));
	first = exec_queue_begin(&h, 0, &due);
	tap_ok(first && !strcmp(first->line, "18\n"),
		"without a conversation, a deferred message does not hold up the next");
	exec_queue_finish(&h, cursor, first);
	exec_queue_release(&h);
	cursor_free(cursor);
}

static const char *find(char **variables, const char *name)
{
	for (; *variables; variables++) {
		if (!strncmp(*variables, name, strlen(name)) && (*variables)[strlen(name)] == '=')
			return *variables + strlen(name) + 1;
	}
	return NULL;
}

static void test_variables(void)
{
	static char home[] = "HOME=/h", outer[] = "KANDY_TEXT=of an outer one", url[] = "KANDY_BASE_URL=https://x";
	char *base[] = { home, outer, url, NULL };
	static const char line[] =
		"{\"event\":\"message\",\"id\":null,\"type\":\"sms\",\"destination\":[\"+1\"],\"address\":\"sms:+1\",\"messageId\":\"m=1\","
		"\"sender\":\"a\\u0000b\",\"timestamp\":10000000000000000001,\"parts\":[{\"type\":\"text\",\"text\":\"a\\nb\"},"
		"{\"type\":\"file\",\"name\":\"x\"},{\"type\":\"text\",\"text\":\"c\"}],\"backfilled\":true}\n";
	struct json_doc doc = { 0 };
	char **v = exec_environment(&doc, line, sizeof(line) - 1, 2, base);

	tap_str(find(v, "HOME"), "/h", "the environment is kept");
	tap_str(find(v, "KANDY_BASE_URL"), "https://x", "KANDY_ settings are kept");
	tap_str(find(v, "KANDY_TEXT"), "a\nb\nc", "variables of an outer message are replaced; texts are joined");
	tap_str(find(v, "KANDY_SENDER"),
		"a\xef\xbf\xbd"
		"b",
		"NUL characters are replaced");
	tap_str(find(v, "KANDY_TIMESTAMP"), "10000000000000000001", "numbers are copied unchanged");
	tap_str(find(v, "KANDY_DESTINATION"), "+1", "the conversation");
	tap_str(find(v, "KANDY_ADDRESS"), "sms:+1", "the address to answer to");
	tap_str(find(v, "KANDY_ID"), "", "null becomes the empty string");
	tap_str(find(v, "KANDY_FILES"), "1", "the number of files");
	tap_str(find(v, "KANDY_ATTEMPT"), "2", "the attempt");
	tap_str(find(v, "KANDY_BACKFILLED"), "true", "a backfilled message");
	for (char **at = v; *at; at++)
		free(*at);
	free(v);
	json_release(&doc);
}

/* When tokens and channels are renewed, whatever the clock shows. */
static void test_renewal_times(void)
{
	static const struct {
		int64_t ends_in_ms, left_ms, least_ms, most_ms;
		const char *what;
	} cases[] = { { 3600000, 3600000, 1620000, 1800000, "a new lifetime of an hour: about half of it" },
		{ 7200000, 3600000, 1620000, 1800000, "a clock that was set back does not extend a lifetime" },
		{ 1800400, 1800400, 900200, 900200, "after half of the lifetime: half of the rest" },
		{ 10000, 10000, 5000, 5000, "ten seconds before the end" },
		{ 10, 10, 500, 500, "10 ms before the end: the minimum delay" },
		{ -5000, 0, 500, 500, "after the end: the minimum delay" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t now = 1700000000000, left = job_time_left(3600000, now + cases[i].ends_in_ms, now), due;

		due = job_renewal_delay(3600000, left);
		tap_ok(left == cases[i].left_ms && due >= cases[i].least_ms && due <= cases[i].most_ms, cases[i].what);
	}
}

int main(void)
{
	test_hash();
	test_recent();
	test_stack();
	test_output_queue();
	test_exec_queue();
	test_variables();
	test_renewal_times();
	return tap_done();
}
