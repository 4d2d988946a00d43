/*
 * The cursor's file: whatever is in it, what was loaded can be asked, goes on, and reads the same after it was saved.
 */
#include "store/cursor.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <unistd.h>

static char dir[] = "/dev/shm/kandy-fuzz-XXXXXX";
static char path[64];

static void empty_dir(void)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	MUST(d);
	while ((entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

static void leave(void)
{
	empty_dir();
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_QUIET);
	MUST(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.cursor", dir);
	return atexit(leave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor *cursor = cursor_new(path), *again = cursor_new(path);
	struct cursor_peer *peer, *same;
	bool found = false;
	struct err err;
	uint64_t id;

	MUST(!file_replace(path, data, size, &err));
	if (!cursor_load(cursor, &found, &err)) {
		peer = cursor_peer(cursor, "chat-oneToOne", 13, "alice@acme.example.com", 22);
		id = cursor_hash(cursor, "m1", 2);
		cursor_old(peer, id, INT64_C(1525895987000));
		cursor_take(cursor, peer, id, INT64_C(1525895987000));
		MUST(cursor_taken(peer, id) && cursor_find(cursor, "chat-oneToOne", "alice@acme.example.com") == peer);
		MUST(!cursor_save(cursor, false, &err));
		MUST(!cursor_load(again, &found, &err) && found);
		same = cursor_peer(again, "chat-oneToOne", 13, "alice@acme.example.com", 22);
		MUST(cursor_taken(same, cursor_hash(again, "m1", 2)));
		MUST(same->floor_s == peer->floor_s && same->count == peer->count);
	}
	cursor_free(again);
	cursor_free(cursor);
	empty_dir();
	return 0;
}
