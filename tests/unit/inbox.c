/* The directory that files of strangers are put into, and what waits for them there. */
#include "fetch/inbox.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct inbox inbox;
static struct err err = ERR_INIT;
static char top[] = "/tmp/kandy-inbox.XXXXXX";

static void put(const char *name, const char *text)
{
	int fd = openat(inbox.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || !write_full(fd, text, strlen(text)))
		tap_ok(false, "a file to begin with");
	close(fd);
}

static bool reads(const char *name, const char *text)
{
	struct buf b;
	int fd = openat(inbox.fd, name, O_RDONLY | O_NOFOLLOW);
	bool same;

	buf_init(&b, 4096);
	same = fd >= 0 && !file_read_fd(fd, name, &b, &err) && !strcmp(b.data, text);
	buf_release(&b);
	if (fd >= 0)
		close(fd);
	return same;
}

static bool absent(const char *name)
{
	struct stat st;

	return fstatat(inbox.fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0;
}

/* Fetches `text` as `name`, and returns what it was called. */
static char *fetch(const char *name, const char *text, bool clobber)
{
	struct inbox_part part;
	char *got = NULL;

	if (inbox_begin(&inbox, name, &part, &err))
		return NULL;
	if (!write_full(part.fd, text, strlen(text)) || inbox_keep(&inbox, &part, clobber, &got, &err))
		inbox_drop(&inbox, &part);
	return got;
}

static void fetches_as(const char *name, bool clobber, const char *wanted, const char *what)
{
	char *got = fetch(name, "new", clobber);

	tap_str(got, wanted, what);
	if (got && wanted)
		tap_ok(reads(wanted, "new"), "and has the bytes");
	free(got);
}

static bool same_note(void *arg, const char *note, size_t len, int64_t found)
{
	return found <= 4 && len == strlen(arg) && !memcmp(note, arg, len);
}

static void free_names(void)
{
	fetches_as("a.txt", false, "a.txt", "a free name");
	fetches_as("a.txt", false, "a-2.txt", "a taken one");
	put("b.txt", "old");
	fetches_as("b.txt", false, "b-2.txt", "a file that was there");
	tap_ok(reads("b.txt", "old"), "is as it was");
	fetches_as("b.txt", true, "b.txt", "with clobber its place is taken");
	tap_ok(absent("b.txt.part"), "no part is left");
}

static void traps(void)
{
	char *outside = xasprintf("%s/a/outside", top);
	size_t count = 0;

	put("../outside", "precious");
	if (symlinkat(outside, inbox.fd, "link.txt") || symlinkat(outside, inbox.fd, "link.txt.part") ||
		symlinkat("nowhere", inbox.fd, "dangling.txt") || symlinkat("nowhere", inbox.fd, "dangling.txt.part") ||
		symlinkat(outside, inbox.fd, "noted.txt.part.info") || mkdirat(inbox.fd, "dir.txt", 0700) ||
		mkdirat(inbox.fd, "dir.txt.part", 0700) || mkfifoat(inbox.fd, "fifo.txt", 0600) ||
		mkfifoat(inbox.fd, "fifo.txt.part", 0600))
		tap_ok(false, "traps");
	fetches_as("link.txt", false, "link-2.txt", "a symbolic link waits under the name and the part's");
	count++;
	fetches_as("dangling.txt", false, "dangling-2.txt", "one that leads nowhere");
	count++;
	fetches_as("noted.txt", false, "noted.txt", "one under the note's name");
	count++;
	fetches_as("dir.txt", false, "dir-2.txt", "a directory");
	count++;
	fetches_as("fifo.txt", false, "fifo-2.txt", "a FIFO");
	count++;
	tap_ok(absent("nowhere"), "nothing is made where a link points");
	fetches_as("link.txt", true, "link.txt", "clobber takes the link's place");
	count++;
	tap_ok(reads("../outside", "precious"), "the file that it pointed to is untouched");
	fetches_as("dir.txt", true, NULL, "clobber does not take a directory's place");
	count++;
	put("mine.txt.part", "someone's");
	fetches_as("mine.txt", false, "mine.txt", "a part that is not ours");
	count++;
	tap_ok(reads("mine.txt.part", "someone's"), "is left alone");
	printf("# traps in the directory: %zu cases\n", count);
	free(outside);
}

static void resume(void)
{
	struct inbox_part part, other;
	char note[] = "what it is", wrong[] = "something else";
	char *name = NULL;

	tap_ok(!inbox_resume(&inbox, "r.bin", same_note, note, &part), "nothing to go on with");
	tap_int(inbox_begin(&inbox, "r.bin", &part, &err), ST_OK, "a part begins");
	tap_int(inbox_note(&inbox, &part, note, strlen(note), &err), ST_OK, "with a note");
	tap_ok(write_full(part.fd, "half", 4), "and half its bytes");

	tap_ok(!inbox_resume(&inbox, "r.bin", same_note, note, &other), "a second run cannot take it over meanwhile");
	tap_int(inbox_begin(&inbox, "r.bin", &other, &err), ST_OK, "and begins");
	tap_str(other.temp, "r-2.bin.part", "under another name");
	inbox_drop(&inbox, &other);
	tap_ok(absent("r-2.bin.part"), "which it drops");

	inbox_leave(&part);
	tap_ok(!inbox_resume(&inbox, "r.bin", same_note, wrong, &other),
		"another object of that name does not take it over");
	tap_ok(inbox_resume(&inbox, "r.bin", same_note, note, &part), "a later run does");
	tap_str(part.temp, "r.bin.part", "under the name that it has");
	tap_int(part.found, 4, "with its bytes");
	tap_int(inbox_keep(&inbox, &part, false, &name, &err), ST_OK, "it gets its name");
	tap_ok(reads("r.bin", "half") && absent("r.bin.part") && absent("r.bin.part.info"), "and nothing else is left");
	free(name);

	tap_int(inbox_begin(&inbox, "h.bin", &part, &err), ST_OK, "a part");
	tap_int(inbox_note(&inbox, &part, note, strlen(note), &err), ST_OK, "with a note");
	tap_int(linkat(inbox.fd, "h.bin.part", inbox.fd, "h.hard", 0), 0, "that has a second name");
	inbox_leave(&part);
	tap_ok(!inbox_resume(&inbox, "h.bin", same_note, note, &part),
		"is not gone on with: its bytes are someone else's too");
	put("n.bin.part", "x");
	tap_ok(!inbox_resume(&inbox, "n.bin", same_note, note, &part), "nor is one without a note");
	inbox_sync(&inbox);
}

/* Somebody else may write into the directory, too. */
static void others(void)
{
	struct inbox_part part;
	char note[] = "what it is", *name = NULL, *outside = xasprintf("%s/a/outside", top);

	tap_int(inbox_begin(&inbox, "o.bin", &part, &err), ST_OK, "a part");
	tap_ok(!symlinkat("nowhere", inbox.fd, "o.bin.part.info"), "a link where its note will be");
	tap_int(inbox_note(&inbox, &part, note, strlen(note), &err), ST_CANTCREATE, "is not followed");
	tap_ok(absent("nowhere"), "... nothing is made where it points");
	unlinkat(inbox.fd, "o.bin.part.info", 0);
	tap_ok(!symlinkat(outside, inbox.fd, "o.bin.part.info"), "a link to a file that is there");
	tap_int(inbox_note(&inbox, &part, note, strlen(note), &err), ST_CANTCREATE, "is not followed");
	tap_ok(reads("../outside", "precious"), "... which is as it was");
	unlinkat(inbox.fd, "o.bin.part.info", 0);
	unlinkat(inbox.fd, "o.bin.part", 0);
	put("o.bin.part", "theirs");
	tap_int(inbox_keep(&inbox, &part, true, &name, &err), ST_CANTCREATE,
		"what is in the part's place gets no name");
	tap_ok(absent("o.bin"), "... nor has it one");
	inbox_drop(&inbox, &part);
	tap_ok(reads("o.bin.part", "theirs"), "... and is left where it is");
	free(outside);

	if (geteuid()) {
		printf("# files of other users: root alone can make them\n");
		return;
	}
	tap_int(inbox_begin(&inbox, "u.bin", &part, &err), ST_OK, "a part");
	tap_int(inbox_note(&inbox, &part, note, strlen(note), &err), ST_OK, "with a note");
	inbox_leave(&part);
	tap_int(fchownat(inbox.fd, "u.bin.part", 65534, (gid_t)-1, 0), 0, "of another user");
	tap_ok(!inbox_resume(&inbox, "u.bin", same_note, note, &part), "... is not gone on with");
	tap_int(fchownat(inbox.fd, "u.bin.part", 0, (gid_t)-1, 0) +
			fchownat(inbox.fd, "u.bin.part.info", 65534, -1U, 0),
		0, "one with a note of another user");
	tap_ok(!inbox_resume(&inbox, "u.bin", same_note, note, &part), "... is not, either");
	tap_int(fchownat(inbox.fd, "u.bin.part.info", 0, (gid_t)-1, 0), 0, "with both ours again");
	tap_ok(inbox_resume(&inbox, "u.bin", same_note, note, &part), "... it is");
	inbox_drop(&inbox, &part);
	put("theirs", "12345");
	tap_int(fchownat(inbox.fd, "theirs", 65534, (gid_t)-1, 0), 0, "a file of another user");
	tap_ok(!inbox_has(&inbox, "theirs", 5), "... is none that we have");
}

static void crowd(void)
{
	char name[32];
	char *got;

	put("c.txt", "old");
	for (int i = 2; i < 100; i++) {
		snprintf(name, sizeof(name), "c-%d.txt", i);
		put(name, "old");
	}
	got = fetch("c.txt", "new", false);
	tap_ok(got && strlen(got) == strlen("c-12345678.txt"), "after a hundred names a random one");
	free(got);
}

int main(void)
{
	char *dir, *blocked;
	struct inbox none;
	struct inbox_part zero = { 0 };

	if (!mkdtemp(top))
		return 1;
	dir = xasprintf("%s/a/b", top);
	blocked = xasprintf("%s/outside/x", top);
	tap_int(inbox_open(&inbox, dir, &err), ST_OK, "the directory is made");
	tap_str(inbox.path, dir, "and its path is absolute");
	free_names();
	put("../../outside", "a file");
	tap_int(inbox_open(&none, blocked, &err), ST_CANTCREATE, "a file in the way of the directory");
	inbox_release(&none);
	traps();
	resume();
	others();
	crowd();
	put("sized", "12345");
	tap_ok(inbox_has(&inbox, "sized", 5), "a file of the size is there");
	tap_ok(!inbox_has(&inbox, "sized", 4) && !inbox_has(&inbox, "none", 5), "not of another size, or name");
	tap_ok(!inbox_has(&inbox, "../outside", 8), "and nowhere else");
	tap_ok(!symlinkat("sized", inbox.fd, "leads") && !inbox_has(&inbox, "leads", 5) &&
			!inbox_has(&inbox, "leads", strlen("sized")),
		"nor where a link leads");
	inbox_drop(&inbox, &zero);
	inbox_release(&inbox);
	free(blocked);
	free(dir);
	dir = xasprintf("rm -rf %s", top);
	tap_int(system(dir), 0, "cleaned up");
	free(dir);
	return tap_done();
}
