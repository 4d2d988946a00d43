/* The output directory: name conflicts, planted files and resuming. */
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
static char top[] = "/tmp/kandy-download.XXXXXX";

static void put(const char *name, const char *text)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || !file_write_all(fd, text, strlen(text)))
		tap_ok(false, "a test file is written");
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

/* Stores `text` as `name` and returns the final name. */
static char *store(const char *name, const char *text, bool clobber)
{
	struct partial_file partial;
	char *got = NULL;

	if (download_dir_begin(&dir, name, &partial, &err))
		return NULL;
	if (!file_write_all(partial.fd, text, strlen(text)) || download_dir_commit(&dir, &partial, clobber, &got, &err))
		download_dir_abort(&dir, &partial);
	return got;
}

static void stored_as(const char *name, bool clobber, const char *wanted, const char *what)
{
	char *got = store(name, "new", clobber);

	tap_str(got, wanted, what);
	if (got && wanted)
		tap_ok(reads(wanted, "new"), "the file has the bytes");
	free(got);
}

static enum resume_match same_info(void *arg, const char *info, size_t len, int64_t found)
{
	if (!len)
		return RESUME_FROM_START;
	return found <= 4 && len == strlen(arg) && !memcmp(info, arg, len) ? RESUME_CONTINUE : RESUME_NOT;
}

static void free_names(void)
{
	stored_as("a.txt", false, "a.txt", "a free name is used as it is");
	stored_as("a.txt", false, "a-2.txt", "an existing file gets a numbered name beside it");
	put("b.txt", "old");
	stored_as("b.txt", false, "b-2.txt", "a file of someone else counts as existing");
	tap_ok(reads("b.txt", "old"), "the existing file is unchanged");
	stored_as("b.txt", true, "b.txt", "clobber replaces an existing file");
	tap_ok(absent("b.txt.part"), "no partial file is left");
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
		tap_ok(false, "the traps are set");
	stored_as("link.txt", false, "link-2.txt", "symbolic links at the final and the partial name");
	count++;
	stored_as("dangling.txt", false, "dangling-2.txt", "dangling symbolic links at both names");
	count++;
	stored_as("noted.txt", false, "noted.txt", "a symbolic link at the name of the resume info");
	count++;
	stored_as("dir.txt", false, "dir-2.txt", "directories at both names");
	count++;
	stored_as("fifo.txt", false, "fifo-2.txt", "FIFOs at both names");
	count++;
	tap_ok(absent("nowhere"), "nothing is created at the target of a link");
	stored_as("link.txt", true, "link.txt", "clobber replaces a link");
	count++;
	tap_ok(reads("../outside", "precious"), "the target of the link is unchanged");
	stored_as("dir.txt", true, NULL, "clobber does not replace a directory");
	count++;
	put("mine.txt.part", "someone's");
	stored_as("mine.txt", false, "mine.txt", "a partial file without resume info");
	count++;
	tap_ok(reads("mine.txt.part", "someone's"), "a partial file without resume info is unchanged");
	printf("# traps in the directory: %zu cases\n", count);
	free(outside);
}

static void resume(void)
{
	struct partial_file partial, other;
	char info[] = "what it is", wrong[] = "something else";
	char *name = NULL;

	tap_ok(!download_dir_resume(&dir, "r.bin", same_info, info, &partial), "nothing to resume");
	tap_int(download_dir_begin(&dir, "r.bin", &partial, &err), ST_OK, "a partial file is created");
	tap_int(download_dir_write_info(&dir, &partial, info, strlen(info), &err), ST_OK, "its resume info is written");
	tap_ok(file_write_all(partial.fd, "half", 4), "half of its bytes are written");

	tap_ok(!download_dir_resume(&dir, "r.bin", same_info, info, &other), "a locked partial file cannot be resumed");
	tap_int(download_dir_begin(&dir, "r.bin", &other, &err), ST_OK, "a second run creates its own partial file");
	tap_str(other.temp, "r-2.bin.part", "the second partial file has a numbered name");
	download_dir_abort(&dir, &other);
	tap_ok(absent("r-2.bin.part"), "abort deletes the partial file");

	download_dir_suspend(&partial);
	tap_ok(!download_dir_resume(&dir, "r.bin", same_info, wrong, &other),
		"another object of that name does not resume it");
	tap_ok(download_dir_resume(&dir, "r.bin", same_info, info, &partial), "a later run resumes it");
	tap_str(partial.temp, "r.bin.part", "the resumed file keeps its name");
	tap_int(partial.found, 4, "the resumed file keeps its bytes");
	tap_int(download_dir_commit(&dir, &partial, false, &name, &err), ST_OK, "commit succeeds");
	tap_ok(reads("r.bin", "half") && absent("r.bin.part") && absent("r.bin.part.info"),
		"commit leaves only the final file");
	free(name);

	tap_int(download_dir_begin(&dir, "h.bin", &partial, &err), ST_OK, "another partial file is created");
	tap_int(download_dir_write_info(&dir, &partial, info, strlen(info), &err), ST_OK, "its resume info is written");
	tap_int(linkat(dir.fd, "h.bin.part", dir.fd, "h.hard", 0), 0, "a hard link to the partial file");
	download_dir_suspend(&partial);
	tap_ok(!download_dir_resume(&dir, "h.bin", same_info, info, &partial),
		"a partial file with a second hard link is not resumed");
	put("n.bin.part", "x");
	tap_ok(!download_dir_resume(&dir, "n.bin", same_info, info, &partial),
		"a partial file without resume info is not resumed");
	put("c.bin.part", "");
	tap_ok(download_dir_resume(&dir, "c.bin", same_info, info, &partial) && !partial.found,
		"an empty partial file without resume info is used");
	tap_ok(!download_dir_resume(&dir, "c.bin", same_info, info, &other), "the used one is locked");
	download_dir_suspend(&partial);
	put("c.bin.part", "half");
	put("c.bin.part.info", "");
	tap_ok(download_dir_resume(&dir, "c.bin", same_info, info, &partial) && !partial.found,
		"one whose resume info is incomplete is used from its start");
	tap_ok(reads("c.bin.part", "") && absent("c.bin.part.info"), "it is emptied, and its resume info removed");
	download_dir_abort(&dir, &partial);
	download_dir_sync(&dir);
}

/* Another user can write to the directory, too. */
static void others(void)
{
	struct partial_file partial;
	char info[] = "what it is", *name = NULL, *outside = xasprintf("%s/a/outside", top);

	tap_int(download_dir_begin(&dir, "o.bin", &partial, &err), ST_OK, "another partial file is created");
	tap_ok(!symlinkat("nowhere", dir.fd, "o.bin.part.info"), "a dangling link at the name of the resume info");
	tap_int(download_dir_write_info(&dir, &partial, info, strlen(info), &err), ST_CANTCREATE,
		"a link is not followed");
	tap_ok(absent("nowhere"), "nothing is created at its target");
	unlinkat(dir.fd, "o.bin.part.info", 0);
	tap_ok(!symlinkat(outside, dir.fd, "o.bin.part.info"), "a link to a file at the name of the resume info");
	tap_int(download_dir_write_info(&dir, &partial, info, strlen(info), &err), ST_CANTCREATE,
		"a link is not followed");
	tap_ok(reads("../outside", "precious"), "its target is unchanged");
	unlinkat(dir.fd, "o.bin.part.info", 0);
	unlinkat(dir.fd, "o.bin.part", 0);
	put("o.bin.part", "theirs");
	tap_int(download_dir_commit(&dir, &partial, true, &name, &err), ST_CANTCREATE,
		"a file that replaced the partial file is not renamed");
	tap_ok(absent("o.bin"), "no final file exists");
	download_dir_abort(&dir, &partial);
	tap_ok(reads("o.bin.part", "theirs"), "the file that replaced it is unchanged");
	free(outside);

	if (geteuid()) {
		printf("# files of other users: only root can create them\n");
		return;
	}
	tap_int(download_dir_begin(&dir, "u.bin", &partial, &err), ST_OK, "another partial file is created");
	tap_int(download_dir_write_info(&dir, &partial, info, strlen(info), &err), ST_OK, "its resume info is written");
	download_dir_suspend(&partial);
	tap_int(fchownat(dir.fd, "u.bin.part", 65534, (gid_t)-1, 0), 0, "the partial file is given to another user");
	tap_ok(!download_dir_resume(&dir, "u.bin", same_info, info, &partial),
		"a partial file of another user is not resumed");
	tap_int(fchownat(dir.fd, "u.bin.part", 0, (gid_t)-1, 0) + fchownat(dir.fd, "u.bin.part.info", 65534, -1U, 0), 0,
		"one with a note of another user");
	tap_ok(!download_dir_resume(&dir, "u.bin", same_info, info, &partial),
		"resume info of another user is not trusted");
	tap_int(fchownat(dir.fd, "u.bin.part.info", 0, (gid_t)-1, 0), 0, "both are given back");
	tap_ok(download_dir_resume(&dir, "u.bin", same_info, info, &partial), "both files are ours: it is resumed");
	download_dir_abort(&dir, &partial);
	put("theirs", "12345");
	tap_int(fchownat(dir.fd, "theirs", 65534, (gid_t)-1, 0), 0, "a complete file is given to another user");
	tap_ok(!download_dir_has(&dir, "theirs", 5), "a file of another user does not count as present");
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
	got = store("c.txt", "new", false);
	tap_ok(got && strlen(got) == strlen("c-12345678.txt"), "after a hundred names a random one is used");
	free(got);
}

int main(void)
{
	char *path, *blocked;
	struct download_dir none;
	struct partial_file zero = { 0 };

	if (!mkdtemp(top))
		return 1;
	path = xasprintf("%s/a/b", top);
	blocked = xasprintf("%s/outside/x", top);
	tap_int(download_dir_open(&dir, path, &err), ST_OK, "the directory is created");
	tap_str(dir.path, path, "its path is absolute");
	free_names();
	put("../../outside", "a file");
	tap_int(download_dir_open(&none, blocked, &err), ST_CANTCREATE, "a file at the path of the directory");
	download_dir_release(&none);
	traps();
	resume();
	others();
	crowd();
	put("sized", "12345");
	tap_ok(download_dir_has(&dir, "sized", 5), "a file of the size is present");
	tap_ok(!download_dir_has(&dir, "sized", 4) && !download_dir_has(&dir, "none", 5),
		"another size or name is not present");
	tap_ok(!download_dir_has(&dir, "../outside", 8), "a name with a slash is not present");
	tap_ok(!symlinkat("sized", dir.fd, "leads") && !download_dir_has(&dir, "leads", 5) &&
			!download_dir_has(&dir, "leads", strlen("sized")),
		"a link is not followed");
	download_dir_abort(&dir, &zero);
	download_dir_release(&dir);
	free(blocked);
	free(path);
	path = xasprintf("rm -rf %s", top);
	tap_int(system(path), 0, "cleaned up");
	free(path);
	return tap_done();
}
