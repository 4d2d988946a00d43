/* Files read and replaced whole, locks, modes; each failure with its own status. */
#include "base/file.h"

#include "base/buf.h"
#include "base/mem.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/kandy-file-XXXXXX";
static struct err err;

static char *in_dir(const char *name)
{
	return file_join(dir, name);
}

static void test_replace_and_read(void)
{
	char *path = in_dir("state"), *missing = in_dir("no/such");
	struct stat status;
	struct buf text;

	buf_init(&text, 3);
	tap_int(file_write_atomic(path, "old", 3, &err), ST_OK, "a new file");
	tap_ok(!stat(path, &status) && (status.st_mode & 0777) == 0600, "a new file has mode 0600");
	tap_int(file_read(path, &text, &err), ST_OK, "read up to the limit");
	tap_str(text.data, "old", "what was written");
	tap_int(file_write_atomic(path, "newer", 5, &err), ST_OK, "replaced");
	buf_clear(&text);
	tap_int(file_read(path, &text, &err), ST_DATA, "too large for the limit");
	tap_int(file_read(missing, &text, &err), ST_NOINPUT, "a missing one");
	tap_int(file_read(dir, &text, &err), ST_IO, "a directory");
	tap_int(file_write_atomic(missing, "x", 1, &err), ST_CANTCREATE, "no directory to write to");
	tap_int(file_write_atomic(dir, "x", 1, &err), ST_CANTCREATE, "a directory in the way");
	buf_release(&text);
	unlink(path);
	tap_ok(!rmdir(dir) && !mkdir(dir, 0700), "no temporary file is left behind");
	free(missing);
	free(path);
}

static void test_directories(void)
{
	char *deep = in_dir("a/b//c"), *a = in_dir("a"), *ab = in_dir("a/b"), *file = in_dir("file"),
	     *under = in_dir("file/x");
	struct stat status;

	tap_int(file_make_dir(deep, &err), ST_OK, "a directory is created with its parents");
	tap_ok(!stat(deep, &status) && S_ISDIR(status.st_mode) && (status.st_mode & 0777) == 0700, "0700");
	tap_int(file_make_dir(deep, &err), ST_OK, "once more");
	tap_int(file_write_atomic(file, "", 0, &err), ST_OK, "a file");
	tap_int(file_make_dir(under, &err), ST_CANTCREATE, "not under a file");
	rmdir(deep);
	rmdir(ab);
	rmdir(a);
	unlink(file);
	free(under);
	free(file);
	free(ab);
	free(a);
	free(deep);
}

static void test_private(void)
{
	char *path = in_dir("secret"), *link = in_dir("link");
	int fd = -1;

	tap_int(file_open_private(path, &fd, &err), ST_NOINPUT, "a missing one");
	tap_int(file_write_atomic(path, "s", 1, &err), ST_OK, "a private file");
	tap_int(file_open_private(path, &fd, &err), ST_OK, "is opened");
	close(fd);
	for (mode_t mode = 1; mode <= 040; mode <<= 1) {
		tap_ok(!chmod(path, 0600 | mode), "a bit for others");
		tap_int(file_open_private(path, &fd, &err), ST_CONFIG, "is refused");
	}
	tap_ok(strstr(err.text, "chmod 600"), "the error says what to do");
	chmod(path, 0600);
	tap_ok(!symlink("secret", link), "a symbolic link");
	tap_int(file_open_private(link, &fd, &err), ST_CONFIG, "is refused");
	tap_int(file_open_private(dir, &fd, &err), ST_CONFIG, "a directory is refused");
	unlink(link);
	unlink(path);
	free(link);
	free(path);
}

static void test_lock(void)
{
	char *path = in_dir("lock");
	int fd = -1, status = 0;
	pid_t child;

	tap_int(file_lock(path, 0, &fd, &err), ST_OK, "a lock");
	child = fork();
	if (!child) {
		int other = -1;

		_exit(file_lock(path, 20, &other, &err));
	}
	waitpid(child, &status, 0);
	tap_int(WEXITSTATUS(status), ST_TEMPFAIL, "another process does not get it");
	close(fd);
	tap_int(file_lock(path, 0, &fd, &err), ST_OK, "it is free when it is closed");
	close(fd);
	unlink(path);
	free(path);
}

static void test_paths(void)
{
	char *s = file_join("/a/", "b");

	tap_str(s, "/a/b", "joined");
	free(s);
	s = file_join("a", "b");
	tap_str(s, "a/b", "joined with a slash");
	free(s);
	tap_str(file_basename("/a/b"), "b", "the base name");
	tap_str(file_basename("b"), "b", "without a directory");
	tap_str(file_basename("a/"), "", "of a directory");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_replace_and_read();
	test_directories();
	test_private();
	test_lock();
	test_paths();
	tap_ok(!rmdir(dir), "nothing left");
	return tap_done();
}
