/* The listener's cursor: which messages count as taken, and corrupt or cut files. */
#include "tests/lib/tap.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/cursor.h"
#include "base/clock.h"

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

static void take(struct cursor *c, int number)
{
	cursor_take(c, bob(c), id(c, number));
}

static void take_verified(struct cursor *c, int number)
{
	take(c, number);
	cursor_verify(c, bob(c), INT64_MAX);
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
	take_verified(c, 1);
	take(c, 2);
	tap_ok(save(c), "saved");
	take(c, 3);
	cursor_set_listed(c, bob(c), 0x123);
	cursor_advance(c, cursor_conversation(c, "chat-group", 10, "g\"1", 3), 77);
	tap_ok(save(c), "the file is appended to");
	cursor_free(c);
	tap_ok(!stat(path, &st) && (st.st_mode & 0777) == 0600, "readable by its owner alone");
	c = load(&found);
	tap_ok(found, "found again");
	tap_ok(cursor_taken(bob(c), id(c, 1)) && cursor_taken(bob(c), id(c, 3)), "taken messages are marked");
	tap_ok(!cursor_taken(bob(c), id(c, 4)) && !cursor_old(bob(c), 101000), "nothing else is marked or old");
	tap_ok(cursor_verified(bob(c), id(c, 1)) && !cursor_verified(bob(c), id(c, 2)) && bob(c)->open == 2,
		"verified and open marks are loaded");
	tap_ok(bob(c)->listed == 0x123 && bob(c)->newest == id(c, 3),
		"the entry in the list and the newest message are loaded");
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

/* Marks are verified in the order of taking, once they are old enough. */
static void test_verify(void)
{
	struct cursor *c = cursor_new(path);
	int64_t now = clock_mono_ms();
	bool all = true, found;

	take(c, 1);
	take(c, 2);
	cursor_verify(c, bob(c), now - 1000);
	tap_ok(bob(c)->open == 2 && !cursor_verified(bob(c), id(c, 1)), "marks that were taken later stay open");
	cursor_verify(c, bob(c), now + 60000);
	tap_ok(!bob(c)->open && cursor_verified(bob(c), id(c, 1)) && cursor_verified(bob(c), id(c, 2)),
		"marks that were taken before are verified");
	tap_ok(!cursor_verified(bob(c), id(c, 3)), "an unknown message is not verified");
	for (int i = 1000; i < 3000; i++)
		take(c, i);
	for (int i = 1000; i < 3000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all && bob(c)->open == 2000, "all open marks are kept");
	bob(c)->newest = id(c, 2500);
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&found);
	tap_ok(bob(c)->open == 2000 && cursor_verified(bob(c), id(c, 2)), "many open marks are loaded");
	tap_ok(bob(c)->newest == id(c, 2500), "a newest message that is not the last mark is loaded");
	cursor_free(c);
}

/* Version 1, without a boot; another boot. */
static void test_versions(void)
{
	static const char version_1[] =
		"{\"cursor\":1,\"key\":\"0123456789abcdef0123456789abcdef\",\"floor\":7,\"gap\":true}\n"
		"{\"type\":\"chat-oneToOne\",\"name\":\"bob@x\",\"floor\":70,\"taken\":[\"00000000000000aa\",99]}\n";
	static const char rebooted[] =
		"{\"cursor\":2,\"key\":\"0123456789abcdef0123456789abcdef\",\"floor\":7,\"boot\":\"0000000000000001\"}\n"
		"{\"type\":\"chat-oneToOne\",\"name\":\"bob@x\",\"floor\":70,\"open\":1,\"taken\":[\"00000000000000aa\",99999999,"
		"\"00000000000000bb\",99999999]}\n";
	struct err err = ERR_INIT;
	struct cursor *c;
	bool found;

	if (file_write_atomic(path, version_1, sizeof(version_1) - 1, &err))
		tap_ok(false, "the file can be written");
	c = load(&found);
	tap_ok(found && cursor_verified(bob(c), 0xaa) && bob(c)->newest == 0xaa, "marks of version 1 are verified");
	tap_int(bob(c)->taken_until_s, 70, "taken_until_s of version 1 is loaded");
	cursor_free(c);
	if (file_write_atomic(path, rebooted, sizeof(rebooted) - 1, &err))
		tap_ok(false, "the file can be written");
	c = load(&found);
	tap_ok(found && cursor_verified(bob(c), 0xaa) && !cursor_verified(bob(c), 0xbb),
		"marks of another boot are loaded");
	cursor_verify(c, bob(c), clock_mono_ms() - 5000);
	tap_ok(!cursor_verified(bob(c), 0xbb), "after a reboot, open marks do not count as older than now");
	cursor_verify(c, bob(c), clock_mono_ms() + 5000);
	tap_ok(cursor_verified(bob(c), 0xbb), "after a reboot, open marks count as taken now");
	cursor_free(c);
	c = cursor_new("/proc/nonexistent/cursor");
	for (int i = 0; i < CURSOR_IDS_MAX + 100; i++)
		take(c, i);
	tap_ok(bob(c)->count <= CURSOR_IDS_MAX && cursor_taken(bob(c), id(c, CURSOR_IDS_MAX + 99)),
		"if there are too many open marks, the oldest ones are dropped");
	tap_ok(!save(c), "a write error is returned");
	cursor_free(c);
}

static void test_raise_all(void)
{
	struct cursor *c = cursor_new(path);
	bool found;

	cursor_reset(c, 5);
	take(c, 1);
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
		take(c, i);
	for (int i = 0; i < 20000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all, "all messages of a burst are marked");
	tap_ok(!cursor_old(bob(c), 0), "with marks, no message is old by its time");
	tap_ok(save(c), "saved");
	again = load(&found);
	for (int i = 0; i < 20000; i++)
		all = all && cursor_taken(bob(again), id(again, i));
	tap_ok(all && bob(again)->count == 20000, "many marks are saved and loaded");
	cursor_free(again);
	for (int i = 20000; i < 40000; i++)
		take_verified(c, i);
	tap_ok(bob(c)->count <= 1000, "of verified marks, only the last ones are kept");
	tap_ok(cursor_taken(bob(c), id(c, 39999)), "the last one is known");
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&all);
	tap_ok(cursor_verified(bob(c), id(c, 39999)) && !cursor_taken(bob(c), id(c, 20000)),
		"dropped marks stay dropped");
	cursor_free(c);
}

/* The ring buffer has wrapped around before it grows. */
static void test_burst_after_quiet(void)
{
	struct cursor *c = cursor_new(path);
	bool all = true;

	for (int i = 0; i < 1000; i++)
		take_verified(c, i);
	for (int i = 1000; i < 4000; i++)
		take(c, i);
	for (int i = 900; i < 4000; i++)
		all = all && cursor_taken(bob(c), id(c, i)) && cursor_verified(bob(c), id(c, i)) == (i < 1000);
	tap_ok(all, "a burst after quiet times is marked, and so are the messages before it");
	tap_ok(save(c), "saved");
	cursor_free(c);
	c = load(&all);
	for (int i = 1000; i < 4000; i++)
		all = all && cursor_taken(bob(c), id(c, i));
	tap_ok(all, "appended marks are loaded");
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
	test_verify();
	test_versions();
	test_raise_all();
	if (system(NULL)) {
		char *command = xasprintf("rm -r '%s'", dir);

		tap_int(system(command), 0, "cleaned up");
		free(command);
	}
	free(path);
	return tap_done();
}
