/* The listener's cursor: which messages count as taken, and corrupt or cut files. */
#include "tests/lib/tap.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/cursor.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/kandy-cursor-XXXXXX";
static char *path;

static struct cursor *load(bool *found)
{
	struct cursor *c = cursor_new(path);
	struct err err = ERR_INIT;
	char *aside;

	if (cursor_load(c, found, &aside, &err))
		tap_str(err.text, "", "the cursor can be read");
	free(aside);
	return c;
}

static struct cursor_conversation *bob(struct cursor *c)
{
	return cursor_conversation(c, "chat-oneToOne", 13, "bob@x", 5);
}

static uint64_t id(const struct cursor *c, int number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "m%d", number);

	return cursor_hash(c, text, (size_t)len);
}

static void take(struct cursor *c, int number, int64_t second)
{
	cursor_take(c, bob(c), id(c, number), second * 1000);
}

static bool save(struct cursor *c)
{
	struct err err = ERR_INIT;

	return !cursor_save(c, true, &err);
}

static void test_saved(void)
{
	struct cursor *c;
	struct stat st;
	bool found;

	c = load(&found);
	tap_ok(!found, "no file: not found");
	take(c, 1, 100);
	take(c, 2, 100);
	tap_ok(save(c), "saved");
	take(c, 3, 101);
	cursor_advance(c, cursor_conversation(c, "chat-group", 10, "g\"1", 3), 77);
	tap_ok(save(c), "the file is appended to");
	cursor_free(c);
	tap_ok(!stat(path, &st) && (st.st_mode & 0777) == 0600, "readable by its owner alone");
	c = load(&found);
	tap_ok(found, "found again");
	tap_ok(cursor_taken(bob(c), id(c, 1)) && cursor_taken(bob(c), id(c, 3)), "taken messages are marked");
	tap_ok(!cursor_taken(bob(c), id(c, 4)) && !cursor_old(bob(c), 101000), "nothing else is marked or old");
	tap_int(cursor_find(c, "chat-group", "g\"1")->taken_until_s, 77, "taken_until_s is loaded");
	tap_ok(!cursor_find(c, "chat-group", "bob@x"), "conversations of another kind are others");
	cursor_free(c);
}

static void test_damaged(void)
{
	struct buf text;
	struct err err = ERR_INIT;
	struct cursor *c;
	bool found, whole;
	char *aside;

	buf_init(&text, 1 << 20);
	if (file_read(path, &text, &err))
		tap_ok(false, "the file can be read");
	for (size_t len = 0; len < text.len; len++) {
		if (file_write_atomic(path, text.data, len, &err))
			tap_ok(false, "the file can be written");
		c = load(&found);
		whole = found == (memchr(text.data, '\n', len) != NULL);
		if (!whole || (found && cursor_taken(bob(c), id(c, 99))) || !save(c))
			tap_int((intmax_t)len, -1, "a file that was cut here");
		cursor_free(c);
	}
	tap_ok(true, "a file that was cut anywhere is read up to there, or quarantined");
	if (file_write_atomic(path, "garbage\n", 8, &err))
		tap_ok(false, "the file can be written");
	c = cursor_new(path);
	tap_int(cursor_load(c, &found, &aside, &err), ST_OK, "garbage");
	tap_ok(!found && access(path, F_OK) && aside && !access(aside, F_OK),
		"a corrupt file is quarantined, and its new name returned");
	free(aside);
	cursor_free(c);
	buf_release(&text);
}

static void test_private(void)
{
	struct err err = ERR_INIT;
	struct cursor *c;
	char *aside;
	bool found;

	c = load(&found);
	tap_ok(save(c) && !chmod(path, 0620), "a file that others may write");
	cursor_free(c);
	c = cursor_new(path);
	tap_int(cursor_load(c, &found, &aside, &err), ST_CONFIG, "an unsafe file mode is refused");
	tap_ok(!found && !aside && strstr(err.text, "chmod 600"), "the error says how to fix the mode");
	tap_ok(!access(path, F_OK) && !chmod(path, 0600), "the file stays in place");
	cursor_free(c);
}

/* Messages that are taken in a gap do not make older ones old. */
static void test_gap(void)
{
	struct cursor *c = cursor_new(path);
	bool all = true, found;

	for (int i = 0; i < 300; i++)
		take(c, i, 1000 + i);
	tap_ok(!cursor_has_gap(c) && cursor_old(bob(c), 1040000) && !cursor_old(bob(c), 1100000), "before a gap");
	tap_int(cursor_last(bob(c)), 1299, "the last second");
	tap_ok(save(c), "saved");
	cursor_gap(c, true);
	for (int i = 1000; i < 3000; i++)
		take(c, i, 2000 + i);
	tap_ok(save(c), "saved in the gap");
	cursor_free(c);
	c = load(&found);
	tap_ok(found && cursor_has_gap(c), "the gap is loaded");
	take(c, 3000, 9000);
	for (int i = 1000; i < 3000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all, "all messages taken in a gap are marked");
	tap_ok(!cursor_old(bob(c), 1100000), "in a gap, no message that may be missing is old");
	tap_ok(cursor_old(bob(c), 1040000), "messages that were old before the gap stay old");
	cursor_gap(c, false);
	for (int i = 4000; i < 6000; i++)
		take(c, i, 10000 + i);
	tap_ok(bob(c)->count <= 1000 && cursor_old(bob(c), 4000000), "after the gap, marks are dropped again");
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&found);
	tap_ok(!cursor_has_gap(c), "the closed gap is saved");
	cursor_free(c);
	c = cursor_new("/proc/nonexistent/cursor");
	cursor_gap(c, true);
	for (int i = 0; i < CURSOR_IDS_MAX + 100; i++)
		take(c, i, 1000 + i);
	tap_ok(bob(c)->count == CURSOR_IDS_MAX && !cursor_old(bob(c), 1050000),
		"a gap that is too long lets things come twice, rather than not at all");
	cursor_free(c);
}

static void test_raise_all(void)
{
	struct cursor *c = cursor_new(path);
	bool found;

	cursor_reset(c, 5);
	take(c, 1, 100);
	cursor_advance_all(c, 50);
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&found);
	tap_ok(bob(c)->taken_until_s == 50 && cursor_conversation(c, "sms", 3, "+1", 2)->taken_until_s == 50,
		"cursor_advance_all() applies to known and new conversations");
	cursor_free(c);
}

static void test_many(void)
{
	struct cursor *c = cursor_new(path), *again;
	bool all = true, found;

	for (int i = 0; i < 20000; i++)
		take(c, i, 500);
	for (int i = 0; i < 20000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all, "all messages of one second are marked");
	tap_ok(!cursor_old(bob(c), 500000), "another message of that second is new");
	tap_ok(save(c), "saved");
	again = load(&found);
	for (int i = 0; i < 20000; i++)
		all = all && cursor_taken(bob(again), id(again, i));
	tap_ok(all && bob(again)->count == 20000 && !cursor_old(bob(again), 500000), "many marks are saved and loaded");
	cursor_free(again);
	for (int i = 20000; i < 40000; i++)
		take(c, i, 600 + i / 100);
	tap_ok(bob(c)->count <= 1000, "later, only the last ones are");
	tap_ok(cursor_old(bob(c), 500000), "messages older than the marks are old");
	tap_ok(!cursor_old(bob(c), 2000000), "newer messages are not old");
	tap_ok(cursor_taken(bob(c), id(c, 39999)), "the last one is known");
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&all);
	tap_ok(cursor_taken(bob(c), id(c, 39999)) && cursor_old(bob(c), 500000), "dropped marks are saved");
	cursor_free(c);
}

/* The ring buffer has wrapped around before it grows. */
static void test_burst_after_quiet(void)
{
	struct cursor *c = cursor_new(path);
	bool all = true;

	for (int i = 0; i < 1000; i++)
		take(c, i, 500 + i);
	for (int i = 1000; i < 4000; i++)
		take(c, i, 2000);
	for (int i = 900; i < 4000; i++)
		all = all && (i >= 1000 ? cursor_taken(bob(c), id(c, i)) : cursor_old(bob(c), (500 + i) * 1000));
	tap_ok(all, "a burst after quiet times is marked, and older messages are old");
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&all);
	for (int i = 1000; i < 4000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all, "appended marks are loaded");
	cursor_free(c);
}

static void test_future(void)
{
	struct cursor *c = cursor_new("/proc/nonexistent/cursor");

	take(c, 1, INT64_C(99999999999));
	for (int i = 2; i < 2000; i++)
		take(c, i, 1000 + i);
	tap_ok(!cursor_old(bob(c), 3500000), "one time in the far future makes nothing old");
	tap_ok(!save(c), "a write error is returned");
	cursor_free(c);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	log_set_level(LOG_QUIET);
	path = file_join(dir, "p.cursor");
	test_saved();
	test_damaged();
	test_private();
	test_many();
	test_burst_after_quiet();
	test_future();
	test_gap();
	test_raise_all();
	if (system(NULL)) {
		char *command = xasprintf("rm -r '%s'", dir);

		tap_int(system(command), 0, "cleaned up");
		free(command);
	}
	free(path);
	return tap_done();
}
