/* The directory that files of strangers are put into, and what waits for them there. */
#include "fetch/download_dir.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct download_dir dir;
static struct err err = ERR_INIT;
static char top[] = "/tmp/kandy-inbox.XXXXXX";

static void put(const char *name, const char *text)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || !write_full(fd, text, strlen(text)))
		tap_ok(false, "a file to begin with");
	close(fd);
}

static bool reads(const char *name, const char *text)
{
	struct buf b;
	int fd = openat(dir.fd, name, O_RDONLY | O_NOFOLLOW);
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

	return fstatat(dir.fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0;
}

/* Fetches `text` as `name`, and returns what it was called. */
static char *fetch(const char *name, const char *text, bool clobber)
{
	struct partial_file partial;
	char *got = NULL;

	if (download_dir_begin(&dir, name, &partial, &err))
		return NULL;
	if (!write_full(partial.fd, text, strlen(text)) || download_dir_commit(&dir, &partial, clobber, &got, &err))
		download_dir_abort(&dir, &partial);
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
	if (symlinkat(outside, dir.fd, "link.txt") || symlinkat(outside, dir.fd, "link.txt.part") ||
		symlinkat("nowhere", dir.fd, "dangling.txt") || symlinkat("nowhere", dir.fd, "dangling.txt.part") ||
		symlinkat(outside, dir.fd, "noted.txt.part.info") || mkdirat(dir.fd, "dir.txt", 0700) ||
		mkdirat(dir.fd, "dir.txt.part", 0700) || mkfifoat(dir.fd, "fifo.txt", 0600) ||
		mkfifoat(dir.fd, "fifo.txt.part", 0600))
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
	struct partial_file partial, other;
	char note[] = "what it is", wrong[] = "something else";
	char *name = NULL;

	tap_ok(!download_dir_resume(&dir, "r.bin", same_note, note, &partial), "nothing to go on with");
	tap_int(download_dir_begin(&dir, "r.bin", &partial, &err), ST_OK, "a part begins");
	tap_int(download_dir_write_info(&dir, &partial, note, strlen(note), &err), ST_OK, "with a note");
	tap_ok(write_full(partial.fd, "half", 4), "and half its bytes");

	tap_ok(!download_dir_resume(&dir, "r.bin", same_note, note, &other),
		"a second run cannot take it over meanwhile");
	tap_int(download_dir_begin(&dir, "r.bin", &other, &err), ST_OK, "and begins");
	tap_str(other.temp, "r-2.bin.part", "under another name");
	download_dir_abort(&dir, &other);
	tap_ok(absent("r-2.bin.part"), "which it drops");

	download_dir_suspend(&partial);
	tap_ok(!download_dir_resume(&dir, "r.bin", same_note, wrong, &other),
		"another object of that name does not take it over");
	tap_ok(download_dir_resume(&dir, "r.bin", same_note, note, &partial), "a later run does");
	tap_str(partial.temp, "r.bin.part", "under the name that it has");
	tap_int(partial.found, 4, "with its bytes");
	tap_int(download_dir_commit(&dir, &partial, false, &name, &err), ST_OK, "it gets its name");
	tap_ok(reads("r.bin", "half") && absent("r.bin.part") && absent("r.bin.part.info"), "and nothing else is left");
	free(name);

	tap_int(download_dir_begin(&dir, "h.bin", &partial, &err), ST_OK, "a part");
	tap_int(download_dir_write_info(&dir, &partial, note, strlen(note), &err), ST_OK, "with a note");
	tap_int(linkat(dir.fd, "h.bin.part", dir.fd, "h.hard", 0), 0, "that has a second name");
	download_dir_suspend(&partial);
	tap_ok(!download_dir_resume(&dir, "h.bin", same_note, note, &partial),
		"is not gone on with: its bytes are someone else's too");
	put("n.bin.part", "x");
	tap_ok(!download_dir_resume(&dir, "n.bin", same_note, note, &partial), "nor is one without a note");
	download_dir_sync(&dir);
}

/* Somebody else may write into the directory, too. */
static void others(void)
{
	struct partial_file partial;
	char note[] = "what it is", *name = NULL, *outside = xasprintf("%s/a/outside", top);

	tap_int(download_dir_begin(&dir, "o.bin", &partial, &err), ST_OK, "a part");
	tap_ok(!symlinkat("nowhere", dir.fd, "o.bin.part.info"), "a link where its note will be");
	tap_int(download_dir_write_info(&dir, &partial, note, strlen(note), &err), ST_CANTCREATE, "is not followed");
	tap_ok(absent("nowhere"), "... nothing is made where it points");
	unlinkat(dir.fd, "o.bin.part.info", 0);
	tap_ok(!symlinkat(outside, dir.fd, "o.bin.part.info"), "a link to a file that is there");
	tap_int(download_dir_write_info(&dir, &partial, note, strlen(note), &err), ST_CANTCREATE, "is not followed");
	tap_ok(reads("../outside", "precious"), "... which is as it was");
	unlinkat(dir.fd, "o.bin.part.info", 0);
	unlinkat(dir.fd, "o.bin.part", 0);
	put("o.bin.part", "theirs");
	tap_int(download_dir_commit(&dir, &partial, true, &name, &err), ST_CANTCREATE,
		"what is in the part's place gets no name");
	tap_ok(absent("o.bin"), "... nor has it one");
	download_dir_abort(&dir, &partial);
	tap_ok(reads("o.bin.part", "theirs"), "... and is left where it is");
	free(outside);

	if (geteuid()) {
		printf("# files of other users: root alone can make them\n");
		return;
	}
	tap_int(download_dir_begin(&dir, "u.bin", &partial, &err), ST_OK, "a part");
	tap_int(download_dir_write_info(&dir, &partial, note, strlen(note), &err), ST_OK, "with a note");
	download_dir_suspend(&partial);
	tap_int(fchownat(dir.fd, "u.bin.part", 65534, (gid_t)-1, 0), 0, "of another user");
	tap_ok(!download_dir_resume(&dir, "u.bin", same_note, note, &partial), "... is not gone on with");
	tap_int(fchownat(dir.fd, "u.bin.part", 0, (gid_t)-1, 0) + fchownat(dir.fd, "u.bin.part.info", 65534, -1U, 0), 0,
		"one with a note of another user");
	tap_ok(!download_dir_resume(&dir, "u.bin", same_note, note, &partial), "... is not, either");
	tap_int(fchownat(dir.fd, "u.bin.part.info", 0, (gid_t)-1, 0), 0, "with both ours again");
	tap_ok(download_dir_resume(&dir, "u.bin", same_note, note, &partial), "... it is");
	download_dir_abort(&dir, &partial);
	put("theirs", "12345");
	tap_int(fchownat(dir.fd, "theirs", 65534, (gid_t)-1, 0), 0, "a file of another user");
	tap_ok(!download_dir_has(&dir, "theirs", 5), "... is none that we have");
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
	struct download_dir none;
	struct partial_file zero = { 0 };

	if (!mkdtemp(top))
		return 1;
	dir = xasprintf("%s/a/b", top);
	blocked = xasprintf("%s/outside/x", top);
	tap_int(download_dir_open(&dir, dir, &err), ST_OK, "the directory is made");
	tap_str(dir.path, dir, "and its path is absolute");
	free_names();
	put("../../outside", "a file");
	tap_int(download_dir_open(&none, blocked, &err), ST_CANTCREATE, "a file in the way of the directory");
	download_dir_release(&none);
	traps();
	resume();
	others();
	crowd();
	put("sized", "12345");
	tap_ok(download_dir_has(&dir, "sized", 5), "a file of the size is there");
	tap_ok(!download_dir_has(&dir, "sized", 4) && !download_dir_has(&dir, "none", 5),
		"not of another size, or name");
	tap_ok(!download_dir_has(&dir, "../outside", 8), "and nowhere else");
	tap_ok(!symlinkat("sized", dir.fd, "leads") && !download_dir_has(&dir, "leads", 5) &&
			!download_dir_has(&dir, "leads", strlen("sized")),
		"nor where a link leads");
	download_dir_abort(&dir, &zero);
	download_dir_release(&dir);
	free(blocked);
	free(dir);
	dir = xasprintf("rm -rf %s", top);
	tap_int(system(dir), 0, "cleaned up");
	free(dir);
	return tap_done();
}
